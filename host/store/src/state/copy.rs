//! A copy of the key spaces of a deployment, for a release that keeps state in another form.
//!
//! The attack on correctness is that something of a migration is seen which came to nothing, or
//! that what was there before has changed. The rule: the copy is another generation, which
//! nobody reads until the route names it; a migration writes there alone, and each of its writes
//! is refused in its own transaction unless its swap is migrating still and the generation
//! before is in use. The default: what no deployment uses is nobody's and is removed
//! (`generations.rs`), whoever left it there.
//!
//! ```text
//!  generation 1  in use ──────────────┬──▸ no longer, removed
//!                   │ copied          │ the route changes, and the release with it
//!  generation 2     └──▸ migrated ────┴──▸ in use
//!                             └ on any failure: removed
//! ```

use troupe_core::{AgentName, Code, Error, InstanceId, Result, SwapId, TenantId, limits};

use super::clear::{self, Room};
use super::space::column;
use super::{StateChange, StateOutcome, StateSpace, write};
use crate::deployments::DeploymentRow;
use crate::fault::Done;
use crate::rows::{Columns as _, number};
use crate::sql::{Connection, Row, query, query_scalar};
use crate::writer::Tx;
use crate::{Store, tasks};

/// The copy that a swap works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateCopy {
    /// The tenant.
    pub tenant: TenantId,
    /// The agent.
    pub agent: AgentName,
    /// The swap that migrates.
    pub swap: SwapId,
    /// The generation of the copy: the one after that which is in use.
    pub generation: u64,
    /// The epoch that what is written is told to be of.
    pub epoch: u64,
}

impl StateCopy {
    /// A key space of the copy.
    pub const fn space(&self, instance: Option<InstanceId>) -> StateSpace<'_> {
        StateSpace { tenant: &self.tenant, agent: &self.agent, instance, generation: self.generation }
    }

    /// The generation that it is a copy of.
    const fn source(&self) -> u64 {
        self.generation.saturating_sub(1)
    }
}

impl Store {
    /// Lists the key spaces of a generation that hold anything or have, that of the deployment
    /// first.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn state_spaces(
        &self,
        tenant: &TenantId,
        agent: &AgentName,
        generation: u64,
    ) -> Result<Vec<Option<InstanceId>>> {
        Ok(spaces(&mut self.reader().await?, tenant, agent, generation).await?)
    }

    /// Removes some of what an earlier migration has left where the copy shall be, and says
    /// whether there is more of it.
    ///
    /// # Errors
    /// [`Code::StaleEpoch`] when the swap does not migrate any more.
    pub async fn clear_copy(&self, copy: &StateCopy) -> Result<bool> {
        let copy = copy.clone();
        self.write(move |tx| Box::pin(clear_copy(tx, copy))).await
    }

    /// Copies some of a key space, what comes after the key `after`, and returns the last key
    /// that was copied if there may be more.
    ///
    /// # Errors
    /// As [`Store::clear_copy`].
    pub async fn copy_state(
        &self,
        copy: &StateCopy,
        instance: Option<InstanceId>,
        after: Option<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>> {
        let copy = copy.clone();
        self.write(move |tx| Box::pin(copy_some(tx, copy, instance, after))).await
    }

    /// Changes a key of the copy.
    ///
    /// # Errors
    /// As [`Store::clear_copy`].
    pub async fn change_copy(
        &self,
        copy: &StateCopy,
        instance: Option<InstanceId>,
        change: StateChange,
    ) -> Result<StateOutcome> {
        let copy = copy.clone();
        self.write(move |tx| Box::pin(change_copy(tx, copy, instance, change))).await
    }

    /// Holds a key space that was just copied against what it is a copy of, key by key, and then
    /// does as [`Store::check_state`].
    ///
    /// # Errors
    /// A fault of the host naming what does not agree.
    pub async fn check_copied(&self, copy: &StateCopy, instance: Option<InstanceId>) -> Result<()> {
        let mut reader = self.reader().await?;
        check_same(&mut reader, copy, instance).await?;
        Ok(check_space(&mut reader, copy.space(instance)).await?)
    }

    /// Reads a key space back and holds it against what was counted: each key is text, no value
    /// is longer than one may be, no revision is above the counter's, and the sums agree.
    ///
    /// # Errors
    /// A fault of the host naming what does not agree.
    pub async fn check_state(&self, space: StateSpace<'_>) -> Result<()> {
        Ok(check_space(&mut self.reader().await?, space).await?)
    }
}

async fn spaces(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    agent: &AgentName,
    generation: u64,
) -> Done<Vec<Option<InstanceId>>> {
    let rows = query(
        "select nullif(instance, '') as instance from state_usage
         where tenant = $1 and agent = $2 and generation = $3 order by state_usage.instance",
    )
    .bind(tenant.as_str())
    .bind(agent.as_str())
    .bind(number(generation)?)
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| row.parsed_option("instance")).collect()
}

/// Checks that a swap migrates still, and that what it has copied is in use.
async fn check(tx: &mut Tx, copy: &StateCopy) -> Done<()> {
    let found: i64 = query_scalar(concat!(
        "select count(*) from deployments where tenant = $1 and agent = $2 and state_generation = $3 and ",
        migrating!("deployments", " and swaps.id = $4")
    ))
    .bind(copy.tenant.as_str())
    .bind(copy.agent.as_str())
    .bind(number(copy.source())?)
    .bind(copy.swap.to_string())
    .fetch_one(&mut tx.connection)
    .await?;
    if found == 1 {
        return Ok(());
    }
    let message = format!("swap {} does not migrate state any more, so nothing of it is kept", copy.swap);
    Err(Error::new(Code::StaleEpoch, message).into())
}

async fn clear_copy(tx: &mut Tx, copy: StateCopy) -> Done<bool> {
    check(tx, &copy).await?;
    let mut room = Room::of_a_commit();
    for instance in spaces(&mut tx.connection, &copy.tenant, &copy.agent, copy.generation).await? {
        let owner = column(instance);
        let whose = (&copy.tenant, &copy.agent, owner.as_str());
        if !clear::remove(tx, whose, copy.generation..=copy.generation, &mut room).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn copy_some(
    tx: &mut Tx,
    copy: StateCopy,
    instance: Option<InstanceId>,
    after: Option<Vec<u8>>,
) -> Done<Option<Vec<u8>>> {
    check(tx, &copy).await?;
    let source = StateSpace { generation: copy.source(), ..copy.space(instance) };
    let keys_max = limits::MIGRATION_COPIED_KEYS_MAX;
    // No key is empty, so all come after this.
    let after = after.unwrap_or_default();
    let statement = query(
        "select key, octet_length(key) + octet_length(value) as bytes from state
         where tenant = $1 and agent = $2 and instance = $3 and generation = $4 and key > $5 order by key limit $6",
    );
    let rows =
        source.bind(statement)?.bind(after.as_slice()).bind(i64::from(keys_max)).fetch_all(&mut tx.connection).await?;
    let (mut last, mut keys, mut bytes) = (None, 0_u64, 0_u64);
    for row in &rows {
        let more = row.number::<u64>("bytes")?;
        if keys > 0 && bytes.saturating_add(more) > limits::MIGRATION_COPIED_BYTES_MAX {
            break;
        }
        (keys, bytes) = (keys + 1, bytes.saturating_add(more));
        last = Some(row.get_as::<&[u8]>("key")?);
    }
    if let Some(last) = last {
        let statement = query(
            "insert into state
                (tenant, agent, instance, generation, key, value, revision, epoch, updated_at, expires_at)
             select tenant, agent, instance, generation + 1, key, value, revision, epoch, updated_at, expires_at
             from state
             where tenant = $1 and agent = $2 and instance = $3 and generation = $4 and key > $5 and key <= $6",
        );
        source.bind(statement)?.bind(after.as_slice()).bind(last).execute(&mut tx.connection).await?;
    }
    // The counter of revisions goes on, so that none of them comes a second time.
    let statement = query(
        "insert into state_usage (tenant, agent, instance, generation, keys, bytes, revision)
         select tenant, agent, instance, generation + 1, $5, $6, revision from state_usage
         where tenant = $1 and agent = $2 and instance = $3 and generation = $4
         on conflict (tenant, agent, instance, generation) do update set
            keys = state_usage.keys + excluded.keys, bytes = state_usage.bytes + excluded.bytes",
    );
    source.bind(statement)?.bind(number(keys)?).bind(number(bytes)?).execute(&mut tx.connection).await?;
    let is_all = keys == rows.len() as u64 && keys < u64::from(keys_max);
    Ok(last.filter(|_| !is_all).map(<[u8]>::to_vec))
}

async fn change_copy(
    tx: &mut Tx,
    copy: StateCopy,
    instance: Option<InstanceId>,
    change: StateChange,
) -> Done<StateOutcome> {
    check(tx, &copy).await?;
    write::apply(tx, copy.space(instance), copy.epoch, &change).await
}

/// Checks that a copy holds what its source does. A key that ends may have been swept from one of
/// them and not from the other yet; how many there are is counted for each.
async fn check_same(connection: &mut dyn Connection, copy: &StateCopy, instance: Option<InstanceId>) -> Done<()> {
    // From the one to the other: `$5` is +1 or -1 generation.
    let statement = "select count(*) - count(there.key) as missing, count(there.key) as other
         from state here left join state there
            on there.tenant = here.tenant and there.agent = here.agent and there.instance = here.instance
            and there.generation = here.generation + $5 and there.key = here.key
         where here.tenant = $1 and here.agent = $2 and here.instance = $3 and here.generation = $4
            and case when there.key is null then here.expires_at is null
                else here.value <> there.value or here.revision <> there.revision or here.epoch <> there.epoch
                    or here.updated_at <> there.updated_at or here.expires_at is distinct from there.expires_at end";
    let (space, source) = (copy.space(instance), StateSpace { generation: copy.source(), ..copy.space(instance) });
    for (here, there, what) in [(source, 1_i64, "are missing"), (space, -1, "have no original")] {
        let query = here.bind(query(statement))?.bind(there);
        let row = query.fetch_one(&mut *connection).await?;
        let (missing, other): (u64, u64) = (row.number("missing")?, row.number("other")?);
        if missing > 0 {
            return Err(disagrees(space, &format!("{missing} keys {what}")).into());
        }
        if other > 0 {
            return Err(disagrees(space, &format!("{other} keys are not what was copied")).into());
        }
    }
    let statement = "select count(distinct revision) as revisions from state_usage
         where tenant = $1 and agent = $2 and instance = $3 and generation in ($4, $4 + 1)";
    let row = source.bind(query(statement))?.fetch_one(&mut *connection).await?;
    if row.number::<u64>("revisions")? > 1 {
        return Err(disagrees(space, "the counter of revisions is not what was copied").into());
    }
    Ok(())
}

async fn check_space(connection: &mut dyn Connection, space: StateSpace<'_>) -> Done<()> {
    let statement = query(
        "select count(*) as keys, coalesce(sum(octet_length(key) + octet_length(value)), 0) as bytes,
            coalesce(max(revision), 0) as revision, coalesce(max(octet_length(value)), 0) as longest,
            (select keys from state_usage u where u.tenant = $1 and u.agent = $2 and u.instance = $3
                and u.generation = $4) as counted_keys,
            (select bytes from state_usage u where u.tenant = $1 and u.agent = $2 and u.instance = $3
                and u.generation = $4) as counted_bytes,
            (select revision from state_usage u where u.tenant = $1 and u.agent = $2 and u.instance = $3
                and u.generation = $4) as counted_revision
         from state where tenant = $1 and agent = $2 and instance = $3 and generation = $4",
    );
    let sums = space.bind(statement)?.fetch_one(&mut *connection).await?;
    for (found, counted) in [("keys", "counted_keys"), ("bytes", "counted_bytes")] {
        let (read, said): (u64, Option<i64>) = (sums.number(found)?, sums.get_as(counted)?);
        // Of a space that nothing was ever written to nothing is counted.
        let said = said.unwrap_or(0);
        if u64::try_from(said).ok() != Some(read) {
            return Err(disagrees(space, &format!("it holds {read} {found}, and {said} were counted")).into());
        }
    }
    let (revision, counter) = (sums.get_as::<i64>("revision")?, sums.get_as::<Option<i64>>("counted_revision")?);
    if counter.unwrap_or(0) < revision {
        return Err(disagrees(space, &format!("revision {revision} is above the counter")).into());
    }
    if sums.number::<u64>("longest")? > limits::STATE_VALUE_BYTES_MAX as u64 {
        return Err(disagrees(space, "a value is longer than one may be").into());
    }
    check_keys(connection, space).await
}

/// Checks that each key is text, which SQL cannot say, with so many of them in memory and no more.
async fn check_keys(connection: &mut dyn Connection, space: StateSpace<'_>) -> Done<()> {
    let keys_max = limits::MIGRATION_COPIED_KEYS_MAX;
    // No key is empty, so all come after this.
    let mut after = Vec::new();
    loop {
        let statement = query(
            "select key from state
             where tenant = $1 and agent = $2 and instance = $3 and generation = $4 and key > $5 order by key limit $6",
        );
        let statement = space.bind(statement)?.bind(after).bind(i64::from(keys_max));
        let rows = statement.fetch_all(&mut *connection).await?;
        for row in &rows {
            if std::str::from_utf8(row.get_as("key")?).is_err() {
                return Err(disagrees(space, "a key is no text").into());
            }
        }
        match rows.last() {
            Some(last) if rows.len() >= keys_max as usize => after = row_key(last)?,
            _ => return Ok(()),
        }
    }
}

fn row_key(row: &Row) -> Done<Vec<u8>> {
    Ok(row.get_as::<&[u8]>("key")?.to_vec())
}

fn disagrees(space: StateSpace<'_>, what: &str) -> Error {
    let whose = space.instance.map_or_else(|| "the deployment".to_owned(), |instance| format!("instance {instance}"));
    let cause = format!("state of {whose} of {}, generation {}: {what}", space.agent, space.generation);
    Error::internal(cause).context("the copy of state does not read back as it was written")
}

/// Checks that a generation may take the place of the one in use: it is the next, nothing of the
/// agent runs, and no key space was left out.
pub(crate) async fn check_complete(tx: &mut Tx, row: &DeploymentRow, generation: u64) -> Done<()> {
    let (tenant, agent) = (&row.tenant, &row.agent);
    let (now, copied) = (row.state_generation, generation);
    let mut left = spaces(&mut tx.connection, tenant, agent, now).await?;
    let there = spaces(&mut tx.connection, tenant, agent, copied).await?;
    left.retain(|space| !there.contains(space));
    let runs = tasks::any_running(&mut tx.connection, tenant, agent).await?;
    if copied == now + 1 && left.is_empty() && !runs {
        return Ok(());
    }
    let message = format!("state of {agent} was used while it was brought to another form; swap again");
    Err(Error::new(Code::SwapConflict, message).into())
}
