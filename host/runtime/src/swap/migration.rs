//! Bringing state to the form that another release writes.
//!
//! The attack on correctness is a release that is half there: one that serves on state which it
//! cannot read, or one that goes on with state which another has begun to change. The rule: what
//! is there is copied while nothing runs, the release works on the copy alone, and the copy takes
//! its place in the transaction that makes the release serve. The default: whatever goes wrong,
//! the swap is refused, the release before serves, and what it finds is what it has left.
//!
//! ```text
//!  new work held back ─▸ what runs ends ─▸ copied ─▸ migrated ─▸ read back ─▸ flip, let in again
//!                        (or is ended)        └─────────┴────────────┴─ on any failure: refused,
//!                                                                       let in again, copy removed
//! ```
//!
//! A host that dies meanwhile does not begin anew: nobody knows whether the migration was the
//! cause, and the agent would be held back once more. What is left of the copy goes (`state.rs`).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use troupe_core::view::SwapReason;
use troupe_core::{Code, Effect, Error, Grants, InstanceId, KeySpace, Result, limits};
use troupe_sandbox::{Entry, Facts, Invocation, JournalRow, Ledger, StateChange, StateOutcome};
use troupe_store::{DeploymentRow, StateCopy, StateLimits, StateSpace, Store, SwapRow};

use super::machine::Event;
use super::work::release;
use crate::Runtime;
use crate::hold::Holding;
use crate::replay::ReplaySeat;
use crate::route::Route;
use crate::tasks::{AgentObserver, stored_change, stored_outcome, traceparent};

/// How often it is asked whether a task on disk runs that does not run here.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// Above every task: all that the agent is asked waits for it.
const PRIORITY: i32 = i32::MAX;

/// Brings state to the form that the release writes. New work is held back from then on, for as
/// long as `hold` is kept.
pub(super) async fn migrate(runtime: &Runtime, swap: &SwapRow, hold: &mut Option<Holding>) -> Event {
    hold.get_or_insert_with(|| runtime.hold_back(&swap.tenant, &swap.agent));
    match migrated(runtime, swap).await {
        Ok(()) => Event::Migrated,
        // The next start finds out.
        Err(_) if runtime.is_stopping() => Event::Elapsed,
        Err(error) => {
            let cause = error.cause_chain();
            tracing::warn!(tenant = %swap.tenant, swap = %swap.id, cause, "state was not migrated: {error}");
            Event::Refused(SwapReason { code: error.code.as_str().to_owned(), message: error.message })
        }
    }
}

async fn migrated(runtime: &Runtime, swap: &SwapRow) -> Result<()> {
    emptied(runtime, swap).await?;
    let migration = Migration::new(runtime, swap).await?;
    let most = time_max(migration.spaces().await?.len());
    let migrated = tokio::time::timeout(most, on_a_copy(migration)).await;
    migrated.unwrap_or_else(|_| {
        let most = most.as_secs();
        Err(Error::new(Code::SwapUndecided, format!("copying and migrating state took longer than it may, {most} s")))
    })
}

/// Waits until nothing of the agent runs, and ends what does once it has had its time.
async fn emptied(runtime: &Runtime, swap: &SwapRow) -> Result<()> {
    let (tenant, agent) = (&swap.tenant, &swap.agent);
    let until = runtime.patience(swap);
    loop {
        let busy = runtime.routes.busy(tenant, agent);
        if busy.is_empty() {
            // Asked after memory: one whose end is not kept yet is running on disk until it is.
            if !runtime.store.agent_runs(tenant, agent).await? && runtime.others_hold_back(tenant, agent).await? {
                return Ok(());
            }
            tokio::time::sleep(ASK_EVERY).await;
        } else if Instant::now() >= until {
            tracing::info!(%tenant, %agent, swap = %swap.id, "calls are ended, since state is to be migrated");
            busy.iter().for_each(|route| route.expire());
            all_drained(&busy).await;
        } else {
            let _ = tokio::time::timeout_at(until, all_drained(&busy)).await;
        }
        check_going(runtime)?;
    }
}

async fn all_drained(routes: &[Arc<Route>]) {
    for route in routes {
        route.drained().await;
    }
}

fn check_going(runtime: &Runtime) -> Result<()> {
    if runtime.is_stopping() {
        return Err(Error::new(Code::UnavailableHost, "the host is shutting down"));
    }
    Ok(())
}

/// How long bringing so many key spaces to another form may take.
fn time_max(spaces: usize) -> Duration {
    let spaces = u32::try_from(spaces).unwrap_or(u32::MAX);
    let most = limits::MIGRATION_TIME_MAX.saturating_add(limits::MIGRATION_SPACE_TIME.saturating_mul(spaces));
    most.min(limits::MIGRATION_TIME_IN_ALL_MAX)
}

async fn on_a_copy(migration: Migration<'_>) -> Result<()> {
    let runtime = migration.runtime;
    let spaces = migration.copied().await?;
    for space in &spaces {
        check_going(runtime)?;
        migration.space(*space).await?;
    }
    for space in spaces {
        runtime.store.check_state(migration.copy.space(space)).await?;
    }
    Ok(())
}

/// A migration on its copy.
struct Migration<'a> {
    runtime: &'a Runtime,
    swap: &'a SwapRow,
    copy: StateCopy,
    /// The release as it will serve.
    route: Route,
    /// The `state.version` that is there, the lowest of several.
    from: u32,
    seat: ReplaySeat,
}

impl<'a> Migration<'a> {
    async fn new(runtime: &'a Runtime, swap: &'a SwapRow) -> Result<Self> {
        let (tenant, agent) = (&swap.tenant, &swap.agent);
        let row = runtime.store.deployment(tenant, agent).await?;
        let there = runtime.state_there(row.as_ref())?;
        let (Some(row), Some(there)) = (row, there) else {
            return Err(Error::internal("state is to be migrated of what is not deployed"));
        };
        let from = there.forms.first;
        let prepared = runtime.prepare(&release(runtime, swap).await?).await?;
        let copy = StateCopy {
            tenant: tenant.clone(),
            agent: agent.clone(),
            swap: swap.id,
            generation: row.state_generation + 1,
            epoch: row.epoch + 1,
        };
        let grants = runtime.brought(&prepared, Some(&row))?.or(row.grants.clone());
        let (serving, digest) = swap.to.clone();
        let route = prepared.route(DeploymentRow { serving, digest, candidate: None, grants, ..row })?;
        let seat = runtime.replay_seat(&(tenant.clone(), agent.clone()), PRIORITY).await?;
        Ok(Self { runtime, swap, copy, route, from, seat })
    }

    /// The key spaces that are there.
    async fn spaces(&self) -> Result<Vec<Option<InstanceId>>> {
        let copy = &self.copy;
        self.runtime.store.state_spaces(&copy.tenant, &copy.agent, copy.generation - 1).await
    }

    /// Copies all key spaces; returns which there are, that of the deployment first.
    async fn copied(&self) -> Result<Vec<Option<InstanceId>>> {
        let (store, copy) = (&self.runtime.store, &self.copy);
        while store.clear_copy(copy).await? {}
        let mut spaces = self.spaces().await?;
        for space in &spaces {
            check_going(self.runtime)?;
            let mut after = None;
            loop {
                after = store.copy_state(copy, *space, after).await?;
                if after.is_none() {
                    break;
                }
            }
            store.check_copied(copy, *space).await?;
        }
        if !spaces.contains(&None) {
            spaces.insert(0, None);
        }
        Ok(spaces)
    }

    fn late(&self) -> Error {
        let ms = self.route.time.as_millis();
        let message = format!("it took longer than the {ms} ms of an invocation; its manifest may ask for more `time`");
        Error::new(Code::LimitDeadline, message)
    }

    /// Has the release bring one key space of the copy to its form.
    async fn space(&self, instance: Option<InstanceId>) -> Result<()> {
        let Self { runtime, swap, route, .. } = self;
        let now = runtime.clock.now();
        let mut seed = [0; 32];
        runtime.entropy.fill(&mut seed);
        let latest = now.plus(route.time);
        let state = Grants { state: route.grants.begun().state, ..Grants::default() };
        let invocation = Invocation {
            facts: Facts {
                tenant: swap.tenant.clone(),
                session: None,
                instance,
                user: Some(swap.principal.clone()),
                trace: traceparent(&seed),
                attempt: 1,
                deadline: latest,
                latest,
                configuration: Arc::clone(&route.configuration),
            },
            grants: state.into(),
            ceiling: Effect::Destructive,
            ledger: Box::new(CopyLedger {
                store: runtime.store.clone(),
                copy: self.copy.clone(),
                instance,
                in_all: runtime.state,
            }),
            directories: None,
            artifacts: None,
            observer: Arc::new(AgentObserver::of_swap(swap)),
            stop: self.seat.stop.clone(),
            time: route.time,
            life: route.time,
            memory_bytes: route.memory_bytes,
            output_bytes: route.output_bytes,
            seed,
            started_at: now,
            recording: None,
        };
        let outcome = runtime.sandbox.migrate(&route.agent, invocation, self.from).await;
        outcome.result.map(drop).map_err(|error| {
            let error = if error.code == Code::LimitDeadline { self.late() } else { error };
            let whose = instance.map_or_else(|| "the deployment".to_owned(), |instance| format!("instance {instance}"));
            error.context(format!("{} did not bring the state of {whose} from version {}", route.release(), self.from))
        })
    }
}

/// The durable side of a migration: keys of the copy. There is no journal, since nobody goes on
/// with what is not whole.
struct CopyLedger {
    store: Store,
    copy: StateCopy,
    instance: Option<InstanceId>,
    in_all: StateLimits,
}

impl CopyLedger {
    fn whose(&self, space: KeySpace) -> Result<Option<InstanceId>> {
        match (space, self.instance) {
            (KeySpace::Deployment, _) => Ok(None),
            (KeySpace::Instance, Some(instance)) => Ok(Some(instance)),
            (KeySpace::Instance, None) => Err(Error::internal("a migration of no instance means keys of one")),
        }
    }

    fn space(&self, space: KeySpace) -> Result<StateSpace<'_>> {
        Ok(self.copy.space(self.whose(space)?))
    }
}

#[async_trait]
impl Ledger for CopyLedger {
    async fn get(&mut self, space: KeySpace, key: &str) -> Result<Option<Entry>> {
        let found = self.store.state_get(self.space(space)?, key).await?;
        Ok(found.map(|(value, revision)| Entry { value, revision }))
    }

    async fn list(&mut self, space: KeySpace, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>> {
        self.store.state_list(self.space(space)?, prefix, after, limit).await
    }

    async fn write(&mut self, _rows: Vec<JournalRow>, _row: JournalRow, change: StateChange) -> Result<StateOutcome> {
        let instance = self.whose(change.space)?;
        let outcome = self.store.change_copy(&self.copy, instance, stored_change(change, self.in_all)).await?;
        Ok(stored_outcome(&outcome))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_migration_grows_with_its_key_spaces_and_is_bounded() {
        let times = [0, 10_000, 100_000, usize::MAX].map(|spaces| time_max(spaces).as_secs());
        assert_eq!(times, [300, 600, 3_300, 3_600]);
        let step = limits::SWAP_MIGRATION_TIME_MAX;
        assert!(step > limits::SWAP_DRAIN_TIME_MAX + limits::MIGRATION_TIME_IN_ALL_MAX, "the step has time for it");
    }
}
