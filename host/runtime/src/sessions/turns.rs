//! Whose turn it is: messages that waited for the one before, and sessions whose time is over.

use std::sync::Arc;

use tokio::sync::Notify;
use troupe_core::view::{Reply, TaskFailure};
use troupe_core::{Error, Result, SessionId, TenantId, limits};
use troupe_store::{NewMessageRow, Planned, SaidMessage, Step, TaskRow};

use crate::Runtime;

/// Tells whoever looks whose turn it is that it may be somebody's.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sessions(Arc<Notify>);

impl Sessions {
    /// A task has ended: if it answered a message, the next has its turn.
    pub(crate) fn passed_on(&self, task: &TaskRow) {
        if task.session.is_some() {
            self.0.notify_one();
        }
    }
}

impl Runtime {
    /// Has messages be answered when it is their turn, and ends sessions whose time is over, until the
    /// host stops.
    pub(crate) fn keep_sessions(&self) {
        let runtime = self.clone();
        tokio::spawn(async move {
            while !runtime.is_stopping() {
                for (what, done) in
                    [("ended", runtime.end_over().await), ("looked at for turns", runtime.take_turns().await)]
                {
                    if let Err(error) = done {
                        tracing::warn!(cause = error.cause_chain(), "sessions were not {what}: {error}");
                    }
                }
                tokio::select! {
                    () = tokio::time::sleep(limits::LEASE_RENEWAL) => {}
                    () = runtime.sessions.0.notified() => {}
                }
            }
        });
    }

    async fn end_over(&self) -> Result<()> {
        loop {
            let over = self.store.sessions_over(self.clock.now(), limits::SESSIONS_AT_ONCE).await?;
            for (tenant, session) in &over {
                self.store.end_session(tenant, *session, None).await?;
                tracing::info!(%tenant, %session, "a session has expired");
            }
            if over.len() < limits::SESSIONS_AT_ONCE as usize {
                return Ok(());
            }
        }
    }

    /// Each is looked at once, so that nobody's stand in the way of others'.
    async fn take_turns(&self) -> Result<()> {
        let mut last = None;
        loop {
            let due = self.store.turns(last.clone(), limits::SESSIONS_AT_ONCE).await?;
            if due.is_empty() {
                return Ok(());
            }
            for (tenant, session, number) in due {
                if self.disabled.check(&tenant).is_ok()
                    && let Err(error) = self.take_turn(&tenant, session, number).await
                {
                    let cause = error.cause_chain();
                    tracing::warn!(%tenant, %session, message = number, cause, "a message waits: {error}");
                }
                last = Some((tenant, session, number));
            }
        }
    }

    /// Has a message be answered whose turn it is.
    ///
    /// # Errors
    /// What may pass: then it waits on.
    async fn take_turn(&self, tenant: &TenantId, session: SessionId, number: u64) -> Result<()> {
        let Some(message) = self.store.message(tenant, session, number).await? else { return Ok(()) };
        let Some(session) = self.store.session(tenant, session).await? else { return Ok(()) };
        let new = NewMessageRow {
            session: session.id,
            agent: message.agent.clone(),
            instance: message.instance,
            principal: message.principal.clone(),
            message: message.message.clone(),
        };
        let room = self.queue.room(&(tenant.clone(), new.agent.clone()))?;
        let runtime = self.clone();
        // What gets on disk is queued.
        let taken = tokio::spawn(async move {
            let planned = match runtime.plan(&session, &new, number).await {
                Ok(None) => return Ok(()),
                Ok(Some(planned)) => planned,
                Err(error) if error.retryable => return Err(error),
                Err(error) => runtime.given_up(&session, &new, number, &error).await?,
            };
            let after = planned.after;
            let said = match runtime.store.take_turn(&message, planned).await {
                Err(error) if !error.retryable => {
                    runtime.store.take_turn(&message, Planned { after, step: failed(&error) }).await?
                }
                said => said?,
            };
            match said {
                SaidMessage::Kept(_, Some(task)) => runtime.push(&task),
                // The next one's turn comes at once.
                SaidMessage::Kept(..) => runtime.sessions.0.notify_one(),
                SaidMessage::Existing(_) | SaidMessage::Changed => {}
            }
            drop(room);
            Ok::<_, Error>(())
        });
        taken.await.map_err(Error::internal)?
    }

    /// What is replied to a message that cannot be answered.
    async fn given_up(
        &self,
        session: &troupe_store::SessionRow,
        new: &NewMessageRow,
        before: u64,
        error: &Error,
    ) -> Result<Planned> {
        let last = self.store.last_said(&session.tenant, session.id, (&new.agent, new.instance), before).await?;
        Ok(Planned { after: last.map_or(0, |last| last.number), step: failed(error) })
    }
}

fn failed(error: &Error) -> Step {
    Step::Reply(None, Box::new(Reply::failed(TaskFailure::from(error))))
}
