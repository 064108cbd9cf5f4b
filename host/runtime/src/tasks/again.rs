//! Asking for what a task asked for once more.
//!
//! A task that has ended stays as it is: what is asked for is a new task of the same agent, skill, input and
//! terms, on the release that serves now, which names the one before as `retry_of`. It is of no group, answers no
//! message, and no agent asked for it. One that completed is not repeated: nobody is helped by doing twice what was
//! done. One whose input was redacted cannot be.

use std::time::Duration;

use troupe_core::view::{NewTask, RetryTask, TaskStatus};
use troupe_core::{Caller, Code, Error, Result, Scope, TaskId, limits};
use troupe_store::{Asked, TaskRow};

use super::Submitted;
use super::query::seen_by;
use super::submit::check_key;
use crate::Runtime;

/// What stands for an input that was redacted: no task is asked with it.
const REDACTED_INPUT: &str = "null";

impl Runtime {
    /// Makes a new task of what one that failed, was cancelled or is in doubt was asked for; with `wait`, answers
    /// when it has ended or the wait is over.
    ///
    /// # Errors
    /// [`Code::TaskNotFound`]; [`Code::TaskNotEnded`]; [`Code::TaskNotRetryable`]; [`Code::ConflictIdempotency`];
    /// those of [`Runtime::submit`].
    pub async fn retry_task(
        &self,
        caller: &Caller,
        task: TaskId,
        request: RetryTask,
        wait: Option<Duration>,
    ) -> Result<Submitted> {
        let before = self.task_permitted(caller, Scope::Run, task).await?;
        self.require_room()?;
        check_ended(&before)?;
        let wait = wait.map(|wait| wait.min(limits::WAIT_MAX));
        if let Some(key) = &request.idempotency_key {
            check_key(key)?;
            let asked = Asked {
                agent: before.agent.as_str(),
                skill: before.skill.as_str(),
                input: &before.input,
                instance: before.instance,
            };
            if let Some(row) = self.store.task_by_key(&caller.tenant, key, asked).await? {
                if row.retry_of != Some(task) {
                    let message =
                        "this idempotency key came with another request before; use a new key for a new request";
                    return Err(Error::new(Code::ConflictIdempotency, message).with("task", row.id.to_string()));
                }
                let counted = wait.map(|_| self.waits.enter(&caller.tenant)).transpose()?;
                return Ok(seen(caller, self.queued(row, false, wait.zip(counted)).await?));
            }
        }
        let row = self.task_asked(caller, again(&before, request.idempotency_key)?).await?;
        if let Some(held) = self.held_back(&row).await? {
            self.check_held_room(&row, &held).await?;
        }
        let counted = wait.map(|_| self.waits.enter(&caller.tenant)).transpose()?;
        let made = self.queue_task(TaskRow { retry_of: Some(task), ..row }, wait.zip(counted)).await?;
        let (tenant, by, new) = (&caller.tenant, &caller.principal, made.task.id);
        tracing::info!(%tenant, %task, %new, by, "a task is asked for once more");
        Ok(seen(caller, made))
    }
}

fn check_ended(row: &TaskRow) -> Result<()> {
    let (task, status) = (row.id, row.status.as_str());
    if !row.status.is_final() {
        return Err(Error::new(Code::TaskNotEnded, format!("task {task} is {status}; retry it when it has ended")));
    }
    if row.status == TaskStatus::Completed {
        let message =
            format!("task {task} completed, so there is nothing to retry; ask for it anew if it shall be done twice");
        return Err(Error::new(Code::TaskNotRetryable, message));
    }
    if row.input == REDACTED_INPUT {
        let message =
            format!("task {task} was redacted with its input, so nobody knows what to retry; ask for it anew");
        return Err(Error::new(Code::TaskNotRetryable, message));
    }
    Ok(())
}

fn again(row: &TaskRow, idempotency_key: Option<String>) -> Result<NewTask> {
    let input = serde_json::from_str(&row.input).map_err(Error::internal)?;
    // One that an agent asked for had what was left of its parent's time.
    let is_own = row.cause.as_ref().is_none_or(|cause| cause.by.is_none());
    Ok(NewTask {
        instance: row.instance.map(|instance| instance.to_string()),
        idempotency_key,
        affinity: row.affinity.clone(),
        timeout_ms: Some(row.timeout_ms).filter(|_| is_own),
        lifetime_ms: row.lifetime_ms.filter(|_| is_own),
        priority: row.priority,
        retry: row.retry,
        budget: row.budget,
        ..NewTask::new(row.agent.as_str(), row.skill.as_str(), input)
    })
}

/// What a caller sees of it, who may not have known what it was asked.
fn seen(caller: &Caller, made: Submitted) -> Submitted {
    Submitted { task: seen_by(caller, made.task), ..made }
}
