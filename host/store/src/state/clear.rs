//! Removing what stopped instances kept.
//!
//! The keys of an instance are there for as long as something that was asked of it may want
//! them. A stopped one is asked nothing new, so once nothing of it is under way nobody can
//! reach them any more, and they go. Each commit removes so much and no more, since every other
//! write waits for it.

use std::ops::RangeInclusive;

use troupe_core::{AgentName, Result, TenantId, limits};

use super::space::column;
use crate::Store;
use crate::fault::Done;
use crate::instances;
use crate::rows::{Columns as _, number};
use crate::sql::{Connection, Row, query};
use crate::writer::Tx;

/// Those that were stopped first come first. While a copy of their keys is made they stay.
const DUE: &str = concat!(
    "select *, 0 as running from instances
     where stopped_at is not null and cleared_at is null and not exists (
        select 1 from tasks
        where tasks.tenant = instances.tenant and tasks.instance = instances.id
            and tasks.status in ('pending', 'awaiting_approval', 'running', 'suspended'))
        and not ",
    migrating!("instances", ""),
    " order by stopped_at limit $1"
);

/// What one commit may still remove.
#[derive(Debug)]
pub(super) struct Room {
    keys: u32,
    bytes: u64,
    /// Whether it has removed anything: one key goes however large it is.
    is_used: bool,
}

impl Room {
    /// What a commit may remove that nobody waits for.
    pub(super) const fn of_a_commit() -> Self {
        Self { keys: limits::STATE_SWEEP_MAX, bytes: limits::INSTANCES_CLEARED_BYTES_MAX, is_used: false }
    }
}

impl Store {
    /// Removes some of what instances kept that are stopped and of which nothing is under way, and
    /// says whether there is more of it. Tells the feed `instance.cleared` of each that has nothing
    /// left. Where none is due nothing is written.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn clear_instances(&self) -> Result<bool> {
        if due(&mut self.reader().await?, 1).await?.is_empty() {
            return Ok(false);
        }
        self.write(|tx| Box::pin(clear(tx))).await
    }
}

async fn due(connection: &mut dyn Connection, limit: u32) -> Done<Vec<Row>> {
    Ok(query(DUE).bind(i64::from(limit)).fetch_all(connection).await?)
}

async fn clear(tx: &mut Tx) -> Done<bool> {
    let due = due(&mut tx.connection, limits::INSTANCES_CLEARED_MAX).await?;
    let mut room = Room::of_a_commit();
    for row in &due {
        let instance = instances::read(row)?;
        let owner = column(Some(instance.id));
        let whose = (&instance.tenant, &instance.agent, owner.as_str());
        // Of whatever copy.
        if !remove(tx, whose, 0..=i64::MAX.unsigned_abs(), &mut room).await? {
            return Ok(true);
        }
        instances::cleared(tx, &instance).await?;
    }
    Ok(due.len() == limits::INSTANCES_CLEARED_MAX as usize)
}

/// Removes keys of some copies of a key space, and says whether that were all.
pub(super) async fn remove(
    tx: &mut Tx,
    (tenant, agent, owner): (&TenantId, &AgentName, &str),
    generations: RangeInclusive<u64>,
    room: &mut Room,
) -> Done<bool> {
    let (first, last) = (number(*generations.start())?, number(*generations.end())?);
    let rows = query(
        "select generation, key, octet_length(key) + octet_length(value) as bytes from state
         where tenant = $1 and agent = $2 and instance = $3 and generation between $4 and $5
         order by generation, key limit $6",
    )
    .bind(tenant.as_str())
    .bind(agent.as_str())
    .bind(owner)
    .bind(first)
    .bind(last)
    .bind(i64::from(room.keys) + 1)
    .fetch_all(&mut tx.connection)
    .await?;
    let mut end = None;
    let mut removed = 0;
    for row in &rows {
        let bytes = row.number("bytes")?;
        if room.keys == 0 || (room.is_used && bytes > room.bytes) {
            break;
        }
        *room = Room { keys: room.keys - 1, bytes: room.bytes.saturating_sub(bytes), is_used: true };
        end = Some((row.get_as::<i64>("generation")?, row.get_as::<&[u8]>("key")?));
        removed += 1;
    }
    if let Some((generation, key)) = end {
        query(
            "delete from state
             where tenant = $1 and agent = $2 and instance = $3 and generation >= $4 and (generation, key) <= ($5, $6)",
        )
        .bind(tenant.as_str())
        .bind(agent.as_str())
        .bind(owner)
        .bind(first)
        .bind(generation)
        .bind(key)
        .execute(&mut tx.connection)
        .await?;
    }
    if removed < rows.len() {
        return Ok(false);
    }
    // What was counted until here is of no use: nobody writes there any more.
    query(
        "delete from state_usage
         where tenant = $1 and agent = $2 and instance = $3 and generation between $4 and $5",
    )
    .bind(tenant.as_str())
    .bind(agent.as_str())
    .bind(owner)
    .bind(first)
    .bind(last)
    .execute(&mut tx.connection)
    .await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use troupe_core::view::TaskStatus;

    use super::*;
    use crate::rows::plan;

    #[tokio::test]
    async fn whether_something_is_under_way_is_found_without_going_through_what_has_ended() {
        let plan = plan(DUE).await;
        let steps =
            ["INDEX instances_stopping", "INDEX tasks_by_instance_status (tenant=? AND instance=? AND status=?)"];
        assert!(steps.iter().all(|wanted| plan.iter().any(|step| step.contains(wanted))), "{plan:#?}");
        for status in TaskStatus::ALL {
            assert_eq!(DUE.contains(&format!("'{}'", status.as_str())), !status.is_final(), "{status:?}");
        }
    }
}
