//! How far this host has come with what others change, for whoever has to wait for it.

use troupe_core::{AgentName, Digest, Result, TenantId};
use troupe_store::HostRouteRow;

use crate::Runtime;

impl Runtime {
    /// Writes down what is in force here, as far as it has changed since that was done last. Where there is no
    /// other host nobody waits for it.
    pub(super) async fn report(&self) -> Result<()> {
        // Held until it is written, so that what was looked at first is not written last.
        let mut reported = self.hosts.reported.lock().await;
        if self.hosts.others.load().is_empty() {
            reported.clear();
            return Ok(());
        }
        let now = self.routes.standings();
        let key = |row: &HostRouteRow| (row.tenant.clone(), row.agent.clone());
        let is_new = |row: &HostRouteRow| reported.get(&key(row)).is_none_or(|known| says_more(known, row));
        let changed: Vec<HostRouteRow> = now.into_iter().filter(is_new).collect();
        if changed.is_empty() {
            return Ok(());
        }
        self.store.report_routes(&self.owner, changed.clone()).await?;
        reported.extend(changed.into_iter().map(|row| (key(&row), row)));
        Ok(())
    }

    /// Whether every other host has a route of at least `epoch` in force, and runs nothing on `release` any
    /// more that began on an earlier one.
    pub(crate) async fn others_have_left(
        &self,
        tenant: &TenantId,
        agent: &AgentName,
        epoch: u64,
        release: &Digest,
    ) -> Result<bool> {
        if !self.store.is_shared() {
            return Ok(true);
        }
        Ok(self.store.hosts_behind(&self.owner, (tenant, agent), epoch, release).await? == 0)
    }

    /// Whether every other host holds new work of an agent back and runs none.
    pub(crate) async fn others_hold_back(&self, tenant: &TenantId, agent: &AgentName) -> Result<bool> {
        if !self.store.is_shared() {
            return Ok(true);
        }
        Ok(self.store.hosts_at_work(&self.owner, tenant, agent).await? == 0)
    }
}

/// Whether something is to be said that was not said before. Whether anything runs is asked only while new work
/// is held back, and changes all the time.
fn says_more(known: &HostRouteRow, now: &HostRouteRow) -> bool {
    let busy_counts = known.held || now.held;
    known.epoch != now.epoch
        || known.held != now.held
        || known.draining != now.draining
        || busy_counts && known.busy != now.busy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whether_anything_runs_is_said_while_new_work_is_held_back() {
        let row = |epoch, busy, held| HostRouteRow {
            tenant: TenantId::default(),
            agent: "keeper".parse().unwrap(),
            epoch,
            busy,
            held,
            draining: Vec::new(),
        };
        assert!(!says_more(&row(1, false, false), &row(1, true, false)));
        assert!(says_more(&row(1, false, false), &row(2, false, false)));
        assert!(says_more(&row(1, true, false), &row(1, true, true)));
        assert!(says_more(&row(1, true, true), &row(1, false, true)));
        assert!(!says_more(&row(1, false, true), &row(1, false, true)));
    }
}
