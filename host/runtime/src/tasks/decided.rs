//! What the audit is told of a task's run.
//!
//! It is gathered while the guest runs and written in the transaction of the end. Of a run
//! that leaves off, the rows tell what was decided, and whoever goes on gathers it again; what
//! rows do not tell is written with the suspension. A run of which nothing was decided costs
//! nothing.

use troupe_core::Result;
use troupe_core::audit::{AuditEntry, AuditKind, ended_of};
use troupe_core::view::TaskFailure;
use troupe_sandbox::Decisions;
use troupe_store::{Decided, Gather, JournalRow, Pin, Reading};

use super::accepted::Accepted;
use super::leases::call_name;
use super::run::Last;
use crate::Runtime;

/// How the store reads what it keeps as bytes.
pub(super) const READING: Reading = Reading { name: call_name, gather: || Box::new(Rows::default()) };

/// The decisions of an attempt whose rows are read.
#[derive(Default)]
struct Rows(Decisions);

impl Gather for Rows {
    fn row(&mut self, row: &JournalRow) {
        self.0.row(&row.call, row.answer.as_deref().unwrap_or_default());
    }

    fn entries(self: Box<Self>) -> Vec<AuditEntry> {
        self.0.entries()
    }
}

impl Runtime {
    /// What was decided in a run that ends or leaves off with `journal`, rows that are not kept
    /// yet. Beside the decisions it says how often what was put into requests came back.
    pub(super) async fn decided(
        &self,
        accepted: &Accepted,
        last: &Last,
        made: &Made,
        journal: &[JournalRow],
    ) -> Decided {
        let failure = match last {
            Last::End(end) => end.failure.as_ref(),
            Last::Retry(failed) => Some(&failed.failure),
            // The rest is gathered from the rows again by whoever goes on.
            Last::Suspension(_) => return Decided { entries: with_echoes(&made.unseen, made.echoes), journal: None },
        };
        let entries = made.entries();
        if !tells(failure, &entries) || !accepted.is_kept() {
            return Decided { entries, journal: None };
        }
        let pin = &accepted.pin;
        match self.store.journal_digest(&pin.tenant, pin.task, pin.attempt, journal).await {
            Ok(digest) => Decided { entries, journal: Some(digest) },
            Err(error) => {
                let (tenant, task, cause) = (&pin.tenant, pin.task, error.cause_chain());
                tracing::error!(%tenant, %task, cause, "the audit does not say what a task's journal holds: {error}");
                Decided { entries, journal: None }
            }
        }
    }

    /// What was decided in an attempt that is not gone on with: `made` in a run that came to
    /// nothing, else what its journal tells. One that does not read back keeps no task from
    /// its end.
    pub(super) async fn decided_before(&self, accepted: &Accepted, made: Option<&Made>) -> Decided {
        match self.gathered(&accepted.pin, made).await {
            Ok(decided) => decided,
            Err(error) => {
                let (tenant, task, cause) = (&accepted.pin.tenant, accepted.pin.task, error.cause_chain());
                tracing::error!(%tenant, %task, cause, "the audit is not told all that was decided in a task: {error}");
                Decided { entries: made.map_or_else(Vec::new, Made::entries), journal: None }
            }
        }
    }

    async fn gathered(&self, pin: &Pin, made: Option<&Made>) -> Result<Decided> {
        let Some(made) = made else {
            return self.store.decided(&pin.tenant, pin.task, pin.attempt, READING).await;
        };
        let digest = self.store.journal_digest(&pin.tenant, pin.task, pin.attempt, &[]).await?;
        Ok(Decided { entries: made.entries(), journal: Some(digest) })
    }
}

/// What was decided in a run.
#[derive(Debug, Default)]
pub(super) struct Made {
    pub(super) decisions: Vec<AuditEntry>,
    /// Those among them that no row tells.
    pub(super) unseen: Vec<AuditEntry>,
    /// How often what was put into requests came back.
    pub(super) echoes: u64,
}

impl Made {
    fn entries(&self) -> Vec<AuditEntry> {
        with_echoes(&self.decisions, self.echoes)
    }
}

/// Whether the audit is told anything of a task that ends with this failure, if with any, and
/// in which this was decided.
pub(super) fn tells(failure: Option<&TaskFailure>, entries: &[AuditEntry]) -> bool {
    !entries.is_empty() || failure.and_then(ended_of).is_some()
}

fn with_echoes(entries: &[AuditEntry], echoes: u64) -> Vec<AuditEntry> {
    let echo = AuditEntry { times: echoes, ..AuditEntry::new(AuditKind::SecretEcho) };
    entries.iter().cloned().chain(Some(echo).filter(|echo| echo.times > 0)).collect()
}
