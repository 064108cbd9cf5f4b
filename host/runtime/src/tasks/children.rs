//! Tasks that agents ask for, and ending those that nobody wants any more.
//!
//! An agent asks in the middle of its work, so what keeps the other agent from taking the task is an answer that
//! it can go on with, and no error of its invocation. What the task is to be is checked here, as if whoever the
//! asking task is for asked for it: so it waits for the approval of others where that person's own request would,
//! and is shown on the release that it would run on. Who it is for, how deep below the task at the top, and how long
//! it may take at most the store fills in, from the row of the task that asks. What an agent may ask stands in
//! `host/sandbox/src/gate/agents.rs`.
//!
//! The store notes whose end follows from that of another; here they are ended: what runs is told, what does not
//! is over at once.

use troupe_core::view::{NewTask, TaskFailure, TaskStatus};
use troupe_core::{AskOptions, AskOutcome, Caller, Code, Effect, Error, Result, limits};
use troupe_sandbox::Ask;
use troupe_store::{AskCommit, TaskRow, cancelled_with};

use super::ledger::encoded_ask;
use super::queue::Room;
use crate::Runtime;

/// A task that an agent asks for, with its place in the queue.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) room: Room,
    pub(super) ask: AskCommit,
}

impl Runtime {
    /// The task that an agent asks for on behalf of somebody and under their affinity, or what the agent is told
    /// instead.
    ///
    /// # Errors
    /// A store that cannot go on.
    pub(super) async fn asked_by_agent(
        &self,
        asks_as: (Caller, Option<String>),
        ask: Ask,
    ) -> Result<std::result::Result<Asking, AskOutcome>> {
        let asking = self.try_ask(asks_as, ask).await;
        match asking {
            Err(error) if matches!(error.code, Code::UnavailableStore | Code::Internal) => Err(error),
            Err(error) => Ok(Err(outcome_of(error))),
            Ok(asking) => Ok(asking),
        }
    }

    async fn try_ask(
        &self,
        (caller, affinity): (Caller, Option<String>),
        ask: Ask,
    ) -> Result<std::result::Result<Asking, AskOutcome>> {
        self.require_ready()?;
        let Ask { agent, skill, input, options, ceiling } = ask;
        let AskOptions { priority, timeout_ms, lifetime_ms, idempotency_key, outlives } = options;
        let effect = self.serving(&caller.tenant, agent.as_str()).await?.skill(skill.as_str())?.effect;
        if effect > ceiling {
            return Ok(Err(AskOutcome::Above { effect, ceiling }));
        }
        let room = self.queue.room(&(caller.tenant.clone(), agent.clone()))?;
        let request =
            NewTask { timeout_ms, lifetime_ms, affinity, ..NewTask::new(agent.as_str(), skill.as_str(), input) };
        let child = self.task_asked(&caller, request).await?;
        let writes = effect > Effect::Read;
        let ask = AskCommit { child, key: idempotency_key, priority, outlives, writes, encode: encoded_ask };
        Ok(Ok(Asking { room, ask }))
    }

    /// Ends what somebody has asked for the end of, until the host stops: at each tick of what is waited for, and
    /// every few seconds.
    pub(crate) fn keep_cancelling(&self) {
        let runtime = self.clone();
        tokio::spawn(async move {
            let mut moves = runtime.store.watch_locks();
            while !runtime.is_stopping() {
                moves.borrow_and_update();
                if let Err(error) = runtime.cancel_asked().await {
                    tracing::warn!(cause = error.cause_chain(), "tasks were not cancelled yet: {error}");
                }
                tokio::select! {
                    () = tokio::time::sleep(limits::LEASE_RENEWAL) => {}
                    Ok(()) = moves.changed() => {}
                }
            }
        });
    }

    async fn cancel_asked(&self) -> Result<()> {
        for (tenant, task, by) in self.store.to_cancel(&self.owner, self.clock.now()).await? {
            // Its agent was told, or is about to be cut off.
            if self.workers.is_stopped(&tenant, task) {
                continue;
            }
            match self.cancel_task(&tenant, task, &by).await {
                // It has ended meanwhile.
                Err(error) if error.code == Code::TaskEnded => {}
                cancelled => drop(cancelled?),
            }
        }
        Ok(())
    }

    /// Why a task is cancelled, where that follows from the end of the one that asked for it.
    pub(super) async fn told_why(
        &self,
        row: &TaskRow,
        status: TaskStatus,
        failure: Option<TaskFailure>,
    ) -> Option<TaskFailure> {
        if status != TaskStatus::Cancelled || row.cause.is_none() {
            return failure;
        }
        match self.store.cancelled_with(&row.tenant, row.id).await {
            Ok(Some(parent)) => {
                let mut with = TaskFailure::from(&cancelled_with(parent));
                with.details.extend(failure.map(|failure| failure.details).unwrap_or_default());
                Some(with)
            }
            // Why it was cancelled keeps no task from its end.
            Ok(None) | Err(_) => failure,
        }
    }
}

/// What an agent is told where the other one does not take the task.
fn outcome_of(error: Error) -> AskOutcome {
    match error.code {
        Code::AgentNotFound | Code::DeploymentNotFound | Code::SkillNotFound | Code::NameInvalid => {
            AskOutcome::NotThere
        }
        Code::InputInvalid | Code::RequestInvalid | Code::LimitRequest => AskOutcome::Invalid(error.message),
        _ => AskOutcome::Unavailable(error.message),
    }
}
