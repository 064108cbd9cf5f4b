//! Going on with a task that was suspended, or whose host died or could not keep its end.
//!
//! It is the same attempt: same release, configuration, seed and times. The guest runs from
//! its beginning and is answered from the journal, so it comes to where it was without doing
//! anything a second time, and goes on from there, under the grants of now. An attempt that
//! cannot be resumed starts over if it wrote nothing, neither before nor since it was taken
//! up again; otherwise nobody can tell what is left to do, and it ends in doubt.

use std::sync::Arc;

use troupe_core::view::{TaskFailure, TaskStatus, TaskUsage};
use troupe_core::{AgentName, Code, Error, Result, TenantId};
use troupe_sandbox::{Recording, Stop, Then};
use troupe_store::{DeploymentRow, Forms, JournalHead, Pin, TaskEnd, TaskRow};

use super::accepted::Accepted;
use super::decided::Made;
use super::ledger::recorded;
use super::queue::{Slot, Turn};
use super::run::Seat;
use crate::Runtime;
use crate::hold::migrating;
use crate::route::{Entered, Route, Shut};
use crate::swap::reads_all;

/// How a task goes on that is resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goes {
    /// From where it was.
    On,
    /// The same, but its guest is told there that the task was cancelled.
    ToItsEnd,
}

impl Runtime {
    /// Checks that the release that a task began on may go on. Of one that is not in force no quarantine is known.
    ///
    /// # Errors
    /// [`Code::AgentQuarantined`].
    pub(super) fn may_resume(&self, row: &TaskRow) -> Result<()> {
        let (Some(ran_on), Ok(now)) = (&row.release, self.route(&row.tenant, row.agent.as_str())) else {
            return Ok(());
        };
        let route = now.both().find(|route| route.row.digest == ran_on.digest);
        route.map_or(Ok(()), |route| self.check_quarantine(route))
    }

    pub(super) async fn resume_pending(&self, row: TaskRow, turn: Turn, slot: Slot, goes: Goes) -> Result<()> {
        let (tenant, task) = (row.tenant.clone(), row.id);
        let loading = self.journals_loading.acquire().await.map_err(Error::internal)?;
        let journal = self.store.journal(&tenant, task, row.attempt).await?;
        let (head, rows) = journal.ok_or_else(|| Error::internal("a task that began has no journal"))?;
        let deployment = self.deployed_or_removed(&tenant, &row.agent).await?;
        let deployment = deployment.ok_or_else(|| Error::internal("a task that began has no deployment"))?;
        if head.release.epoch < deployment.state_since {
            drop((loading, turn));
            // What it wrote to is gone.
            return self.settle_stranded().await;
        }
        let recording = Recording::new(rows.into_iter().map(recorded).collect(), Then::GoOn);
        drop(loading);
        let (place, stop) = self.place(&tenant, task)?;
        // Before anybody finds it here: a cancel that comes while it is loaded would have its time run already.
        if goes == Goes::ToItsEnd {
            stop.before_it_goes_on();
        }
        let was_suspended = recording.suspended_since().is_some();
        let generation = deployment.state_generation;
        let entered = self.enter_past(&row, &head, deployment, &stop, was_suspended).await;
        // From here on it is in the way of whoever would change the form of state, so it is known
        // what it finds.
        let now = self.deployed_or_removed(&tenant, &row.agent).await?;
        if now.is_some_and(|now| head.release.epoch < now.state_since) {
            drop((entered, place, turn));
            return self.settle_stranded().await;
        }
        let entered = match entered {
            // It stays pending and is tried again.
            Err(error) if error.retryable => return Err(error),
            entered => entered,
        };
        let row = self.store.resume(&tenant, task, &self.owner).await?;
        drop(turn);
        self.tell(&row);
        let pin = Pin {
            tenant,
            task,
            attempt: row.attempt,
            agent: row.agent.clone(),
            instance: row.instance,
            epoch: head.release.epoch,
            lease_owner: self.owner.clone(),
            lease_number: row.lease.as_ref().map_or(0, |lease| lease.number),
            generation,
        };
        place.holds(pin.lease_number);
        let accepted = Arc::new(Accepted::claimed(self.store.clone(), pin, head.clone(), row.clone()));
        match entered {
            Ok(entered) => {
                let seat = Seat { slot, place, entered, stop, is_evidence: true };
                self.run_attempt(accepted, row, head, seat, Some(recording)).await.map(drop)
            }
            Err(error) => {
                self.settle_unresumed(&accepted, None, &error).await?;
                drop(place);
                self.queue_pending().await
            }
        }
    }

    /// The deployment that an attempt goes on under, also if it was removed since.
    async fn deployed_or_removed(&self, tenant: &TenantId, agent: &AgentName) -> Result<Option<DeploymentRow>> {
        match self.store.deployment(tenant, agent).await? {
            None => Ok(self.store.removed_deployment(tenant, agent).await?.map(|removed| removed.row)),
            there => Ok(there),
        }
    }

    /// Enters the route that the attempt began on. If it is still in force, that one; else it
    /// is made again: parked for a task that was suspended, which no swap waits for or ends,
    /// and draining from the start for one that was interrupted.
    ///
    /// # Errors
    /// [`Code::SwapState`] if a release that served since has left state that it does not read; those
    /// of [`Runtime::past_route`].
    async fn enter_past(
        &self,
        row: &TaskRow,
        head: &JournalHead,
        now: DeploymentRow,
        stop: &Stop,
        was_suspended: bool,
    ) -> Result<Entered> {
        if let Ok(routes) = self.route(&row.tenant, row.agent.as_str())
            && let Some(route) = routes.both().find(|route| route.row.digest == head.release.digest)
            && route.row.configuration_revision == head.configuration_revision
        {
            match route.enter(row.id, stop.clone(), self.pass(route)?) {
                Ok(entered) => return Ok(entered),
                Err(Shut::Held) => return Err(migrating(&row.agent)),
                Err(Shut::Retired) => {}
            }
        }
        let DeploymentRow { grants, state_generation, state_forms, .. } = now;
        let route = self.past_route(&row.tenant, &row.agent, head, grants, state_generation).await?;
        readable(&route, state_forms)?;
        // Before it is entered, so that nobody who looks what runs overlooks it.
        self.routes.follow(&route);
        let entered = route.enter(row.id, stop.clone(), self.pass(&route)?);
        let entered = entered.map_err(|shut| match shut {
            Shut::Held => migrating(&row.agent),
            Shut::Retired => Error::internal("a route that was just made is retired"),
        })?;
        if !was_suspended {
            self.routes.put_past(&route);
        }
        Ok(entered)
    }

    /// Settles an attempt that cannot be resumed, for the reason `why`, and in which that was
    /// `made` if it ran. What starts over is to be queued once nothing of the attempt is left
    /// here.
    pub(super) async fn settle_unresumed(&self, accepted: &Accepted, made: Option<&Made>, why: &Error) -> Result<()> {
        let pin = &accepted.pin;
        tracing::warn!(tenant = %pin.tenant, task = %pin.task, cause = why.cause_chain(), "a task cannot be resumed: {why}");
        let decided = self.decided_before(accepted, made).await;
        if let Some(row) = self.store.start_over(pin, decided.clone()).await? {
            // It was cancelled instead, if somebody had asked for that.
            if row.status.is_final() {
                self.tell(&row);
            }
            return Ok(());
        }
        let message = format!(
            "the host stopped while the task ran, which had written by then, and it cannot be resumed ({why}); \
             check what is left to do before it is asked for again"
        );
        let error = Error::new(Code::InDoubt, message);
        let end = TaskEnd {
            status: TaskStatus::InDoubt,
            output: None,
            failure: Some(TaskFailure::from(&error)),
            said: None,
            ended_at: self.clock.now(),
            decided,
            used: TaskUsage::default(),
        };
        let row = accepted.end(Vec::new(), end).await?;
        self.tell(&row);
        Ok(())
    }
}

/// Checks that a release that served once reads all the state that is there by now.
fn readable(route: &Route, forms: Option<Forms>) -> Result<()> {
    let Some(forms) = forms.filter(|forms| !reads_all(route.state, *forms)) else { return Ok(()) };
    let (release, reads) = (route.release(), route.state.reads);
    let message = format!("{release} reads state of `state.version` {reads}, and what has served since left {forms}");
    Err(Error::new(Code::SwapState, message))
}
