//! How long journals are kept, and forgetting what one holds.
//!
//! Every few minutes what is not to be kept any longer is dropped. A redaction that the end
//! of the host cut short goes on with the next start.

use std::time::Duration;

use troupe_core::view::TaskView;
use troupe_core::{Caller, Code, Error, Result, Scope, TaskId, TenantId, limits};
use troupe_sandbox::{redacted_answer, redacted_call};
use troupe_store::{JournalLimits, Redact, TaskRow, Withheld};

use crate::Runtime;
use crate::redactions::finished;
use crate::tasks::view_for;

impl Runtime {
    /// Redacts the journals of a task that has ended: what is left says which calls were made
    /// and when. With `documents`, the task's input and output and the words of its failure go
    /// as well. The task cannot be replayed any more.
    ///
    /// # Errors
    /// [`Code::TaskNotFound`]; [`Code::TaskNotEnded`].
    pub async fn redact(&self, caller: &Caller, task: TaskId, documents: bool) -> Result<TaskView> {
        let before = self.task_permitted(caller, Scope::Operate, task).await?;
        self.require_ready()?;
        let sweeps = documents && may_have_left(&before);
        let (runtime, caller) = (self.clone(), caller.clone());
        // A client that goes away does not leave half of it done.
        let redacting = tokio::spawn(async move {
            let row = runtime.store.redact(&caller.tenant, task, redact(documents), Some(&caller.principal)).await?;
            tracing::info!(tenant = %caller.tenant, %task, principal = caller.principal, documents, "a task was redacted");
            if sweeps {
                runtime.sweep_forgotten().await;
            }
            Ok(view_for(&caller, &row))
        });
        redacting.await.map_err(Error::internal)?
    }

    /// Starts finishing redactions and dropping what is not to be kept any longer, now and every few minutes.
    pub(crate) fn keep_journals(&self) {
        let runtime = self.clone();
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(limits::JOURNAL_RETENTION_PAUSE);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                if runtime.is_stopping() {
                    return;
                }
                if let Err(error) = runtime.finish_redactions().await {
                    tracing::warn!(cause = error.cause_chain(), "redactions were not looked for: {error}");
                }
                if let Err(error) = runtime.store.fold_redacted().await {
                    tracing::warn!(cause = error.cause_chain(), "the write-ahead log was not emptied: {error}");
                }
                match runtime.store.drop_journals(&runtime.journals, runtime.clock.now()).await {
                    Ok(dropped) if dropped.tasks > 0 => {
                        tracing::info!(tasks = dropped.tasks, bytes = dropped.bytes, "journals were dropped");
                    }
                    Ok(_) => {}
                    Err(error) => {
                        tracing::warn!(cause = error.cause_chain(), "journals were not dropped: {error}");
                    }
                }
            }
        });
    }

    /// Goes on with redactions. The documents go first, so they are gone if they were to go. It is safe to do beside
    /// one that does it.
    pub(crate) async fn finish_redactions(&self) -> Result<()> {
        for (tenant, task) in self.store.redacting().await? {
            let redacted = self.store.redact(&tenant, task, redact(false), None).await;
            finished(&format!("task {task} of tenant `{tenant}`"), redacted);
        }
        self.finish_whole_redactions().await
    }

    /// Checks that a task's journal is what was recorded.
    ///
    /// # Errors
    /// [`Code::ReplayImpossible`] with the reason why it is not.
    pub(crate) async fn require_whole(&self, tenant: &TenantId, row: &TaskRow) -> Result<()> {
        match self.store.journal_withheld(tenant, row.id, row.attempt).await? {
            None => Ok(()),
            Some(Withheld::Redacted) => Err(Error::new(
                Code::ReplayImpossible,
                format!("task {} was redacted, so its journal repeats nothing", row.id),
            )),
            Some(Withheld::Dropped) => Err(dropped(row.id, &self.journals)),
        }
    }
}

/// Whether a task that is redacted now may have artefacts: one that had not ended may have left some since.
pub(crate) fn may_have_left(before: &TaskRow) -> bool {
    !before.artifacts.is_empty() || !before.status.is_final()
}

/// What is left of a task's calls and answers.
pub(crate) fn redact(documents: bool) -> Redact {
    Redact { call: redacted_call, answer: redacted_answer, documents }
}

/// The error of a journal that was there and is not kept any longer.
pub(crate) fn dropped(task: TaskId, limits: &JournalLimits) -> Error {
    let message = format!(
        "the journal of task {task} was dropped: this host keeps one for {} after its task has ended, and {} of \
         them for a tenant",
        days(limits.time),
        limits::bytes(limits.tenant_bytes),
    );
    Error::new(Code::ReplayImpossible, message)
}

fn days(time: Duration) -> String {
    match time.as_secs() / (24 * 60 * 60) {
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}
