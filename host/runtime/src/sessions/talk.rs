//! Messages: accepting them, waiting for their reply, reading them.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use troupe_core::view::{MessageState, MessageView, NewMessage, Page, Reply, ReplyKind, TaskStatus};
use troupe_core::{
    AgentName, Caller, Code, Error, InstanceId, ProposalId, Result, Scope, SessionId, SkillName, TenantId, limits,
    shown,
};
use troupe_store::{InstanceRow, MessageRow, NewMessageRow, Outcome, SaidMessage, SessionRow};

use super::check_size;
use crate::tasks::Wait;
use crate::{Runtime, agents};

/// How often a message is planned anew because something was said to the same agent meanwhile.
const PLANS_MAX: usize = 16;

/// What came of a message.
#[derive(Debug, Clone)]
pub struct Heeded {
    /// The message as it stands.
    pub message: MessageView,
    /// Whether this request made it; otherwise its idempotency key found it.
    pub is_new: bool,
}

impl Runtime {
    /// Accepts a message to an agent of a session of the caller's; with `wait`, answers when it has its
    /// reply or the wait is over. One message at a time is answered by an instance, or by an agent: the
    /// next waits for its turn.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::SessionNotFound`]; [`Code::SessionEnded`];
    /// [`Code::SessionProposal`] for what confirms something else than what was proposed last;
    /// [`Code::RequestInvalid`] naming what is wrong; [`Code::LimitMessages`];
    /// [`Code::ConflictIdempotency`]; those of [`Runtime::submit`] for the task that answers it.
    pub async fn send_message(
        &self,
        caller: &Caller,
        id: SessionId,
        message: NewMessage,
        wait: Option<Duration>,
    ) -> Result<Heeded> {
        caller.require_for_some(Scope::Run)?;
        self.require_room()?;
        check(&message)?;
        let session = self.own_session(caller, id).await?;
        if let Some(row) = self.store.message_by_key(&caller.tenant, id, &message).await? {
            return self.heeded(row, false, wait).await;
        }
        let (agent, instance) = self.addressee(caller, &session, &message).await?;
        session.require_open(self.clock.now())?;
        let new = NewMessageRow { session: id, agent, instance, principal: caller.principal.clone(), message };
        for _ in 0..PLANS_MAX {
            let planned = self.plan(&session, &new, u64::MAX).await?;
            match self.say(&caller.tenant, new.clone(), planned).await? {
                SaidMessage::Kept(row, _) => return self.heeded(*row, true, wait).await,
                SaidMessage::Existing(row) => return self.heeded(*row, false, wait).await,
                SaidMessage::Changed => {}
            }
        }
        let message = "others speak to the same agent of the session at the same time; send the message again";
        Err(Error::new(Code::LimitConcurrency, message))
    }

    /// Messages of a session after the number `after`, oldest first.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::SessionNotFound`].
    pub async fn messages(
        &self,
        caller: &Caller,
        id: SessionId,
        after: u64,
        limit: Option<u32>,
    ) -> Result<Page<MessageView>> {
        self.seen_session(caller, id).await?;
        let (rows, more) = self.store.messages(&caller.tenant, id, after, limits::page(limit)).await?;
        let next = rows.last().filter(|_| more).map(|row| row.number.to_string());
        Ok(Page { items: rows.into_iter().map(view).collect(), next })
    }

    /// One message; with `wait`, when it has its reply or the wait is over.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::SessionNotFound`]; [`Code::MessageNotFound`].
    pub async fn message(
        &self,
        caller: &Caller,
        id: SessionId,
        number: u64,
        wait: Option<Duration>,
    ) -> Result<MessageView> {
        self.seen_session(caller, id).await?;
        let row = self.store.message(&caller.tenant, id, number).await?;
        let row = row.ok_or_else(|| not_found(number))?;
        let heeded = self.heeded(row, false, wait).await?;
        if wait.is_some() {
            self.check_caller(caller).await?;
        }
        Ok(heeded.message)
    }

    /// Writes a message, and queues its task.
    pub(super) async fn say(
        &self,
        tenant: &TenantId,
        new: NewMessageRow,
        planned: Option<troupe_store::Planned>,
    ) -> Result<SaidMessage> {
        let room = self.queue.room(&(tenant.clone(), new.agent.clone()))?;
        let (runtime, tenant) = (self.clone(), tenant.clone());
        // What gets on disk is queued, also when the client goes away meanwhile.
        let said = tokio::spawn(async move {
            let said = runtime.store.say(&tenant, new, planned).await?;
            if let SaidMessage::Kept(_, Some(task)) = &said {
                runtime.push(task);
            }
            drop(room);
            Ok::<_, Error>(said)
        });
        said.await.map_err(Error::internal)?
    }

    /// Whom a message is for.
    async fn addressee(
        &self,
        caller: &Caller,
        session: &SessionRow,
        message: &NewMessage,
    ) -> Result<(AgentName, Option<InstanceId>)> {
        if let Some(proposal) = message.confirm.as_deref().filter(|_| message.to.is_none()) {
            let id: ProposalId = proposal.parse()?;
            let row = self.store.proposed(&caller.tenant, session.id, id).await?.ok_or_else(|| not_proposed(id))?;
            caller.require_for(Scope::Run, &row.agent)?;
            return Ok((row.agent, row.instance));
        }
        let mut instances = self.store.session_instances(&caller.tenant, session.id).await?;
        let Some(to) = message.to.as_deref() else {
            let last = self.store.message(&caller.tenant, session.id, session.messages).await?;
            instances.retain(|row| row.stopped_at.is_none());
            let (agent, instance) = match (last, instances.as_slice()) {
                (_, [only]) => (only.agent.clone(), Some(only.id)),
                (Some(last), _) => (last.agent, last.instance),
                (None, []) => {
                    let message = "nobody is in the session yet: name an agent in `to`, or have one join the session";
                    return Err(Error::new(Code::RequestInvalid, message));
                }
                (None, several) => return Err(which(several)),
            };
            caller.require_for(Scope::Run, &agent)?;
            return Ok((agent, instance));
        };
        let is_it = |row: &&InstanceRow| {
            row.id.to_string() == to
                || (row.stopped_at.is_none() && row.name.as_ref().is_some_and(|name| name.as_str() == to))
        };
        if let Some(row) = instances.iter().find(is_it) {
            caller.require_for(Scope::Run, &row.agent)?;
            return Ok((row.agent.clone(), Some(row.id)));
        }
        let agent = agents::permitted(caller, Scope::Run, to)?;
        instances.retain(|row| row.agent == agent && row.stopped_at.is_none());
        match instances.as_slice() {
            [] => Ok((agent, None)),
            [only] => Ok((agent, Some(only.id))),
            several => Err(which(several)),
        }
    }

    /// What came of a message, after a wait for its reply.
    async fn heeded(&self, row: MessageRow, is_new: bool, wait: Option<Duration>) -> Result<Heeded> {
        let mut row = row;
        if let Some(wait) = wait.filter(|_| row.state != MessageState::Answered) {
            let until = Instant::now() + wait.min(limits::WAIT_MAX);
            if row.state == MessageState::Waiting {
                row = self.turn_of(row, until).await?;
            }
            if let Some(task) = row.task.filter(|_| row.state == MessageState::Running) {
                let left = until.saturating_duration_since(Instant::now());
                self.ended(&row.tenant, task, left, None).await?;
                row = self.reread(row).await?;
            }
        }
        Ok(Heeded { message: view(row), is_new })
    }

    /// Waits until it is a message's turn, or the time is over.
    async fn turn_of(&self, row: MessageRow, until: Instant) -> Result<MessageRow> {
        let counted = self.waits.enter(&row.tenant)?;
        self.turn_while(row, until, &counted).await
    }

    /// The same for somebody who is counted already.
    pub(super) async fn turn_while(&self, mut row: MessageRow, until: Instant, counted: &Wait) -> Result<MessageRow> {
        let mut changes = self.store.watch(&row.tenant);
        loop {
            // Marked as seen before reading, so a commit in between wakes the wait.
            changes.borrow_and_update();
            row = self.reread(row).await?;
            if row.state != MessageState::Waiting {
                return Ok(row);
            }
            let changed = tokio::select! {
                changed = tokio::time::timeout_at(until, changes.changed()) => changed.is_ok_and(|changed| changed.is_ok()),
                // The host stops: it answers with what there is.
                () = counted.closed() => false,
            };
            if !changed {
                return Ok(row);
            }
        }
    }

    pub(super) async fn reread(&self, row: MessageRow) -> Result<MessageRow> {
        let read = self.store.message(&row.tenant, row.session, row.number).await?;
        read.ok_or_else(|| not_found(row.number))
    }
}

/// The error for a message that is not there.
pub(super) fn not_found(number: u64) -> Error {
    Error::new(Code::MessageNotFound, format!("the session has no message {number}"))
}

/// The error for what confirms nothing that stands.
pub(super) fn not_proposed(id: ProposalId) -> Error {
    let message = format!("{id} is not what the agent has proposed last, so nothing is run; ask for it again");
    Error::new(Code::SessionProposal, message)
}

fn which(instances: &[InstanceRow]) -> Error {
    let named = |row: &InstanceRow| match &row.name {
        Some(name) => format!("`{name}` ({})", row.agent),
        None => format!("`{}` ({})", row.id, row.agent),
    };
    let named: Vec<String> = instances.iter().map(named).collect();
    let message = format!("several could be meant; name one of them in `to`: {}", named.join(", "));
    Error::new(Code::RequestInvalid, message)
}

/// Checks what a message holds.
fn check(message: &NewMessage) -> Result<()> {
    let bytes = message.text.len();
    if bytes > limits::MESSAGE_TEXT_BYTES_MAX {
        let most = limits::bytes(limits::MESSAGE_TEXT_BYTES_MAX as u64);
        return Err(Error::new(Code::LimitRequest, format!("`text` has {bytes} bytes; it may have {most}")));
    }
    if let Some(input) = &message.input {
        check_size("`input`", input, limits::MESSAGE_INPUT_BYTES_MAX)?;
    }
    if let Some(key) = &message.idempotency_key {
        crate::tasks::check_key(key)?;
    }
    if let Some(to) = message.to.as_deref().filter(|to| to.len() > 128) {
        return Err(agents::unknown(&shown(to)));
    }
    if message.text.trim().is_empty() && message.input.is_none() && message.confirm.is_none() {
        return Err(Error::new(Code::RequestInvalid, "a message has `text`, `input` or `confirm`"));
    }
    Ok(())
}

/// A message as clients see it.
pub(super) fn view(row: MessageRow) -> MessageView {
    let reply = row.reply.or_else(|| row.outcome.as_ref().and_then(reply_of));
    MessageView {
        session: row.session,
        number: row.number,
        state: row.state,
        message: row.message,
        agent: row.agent.to_string(),
        instance: row.instance,
        principal: row.principal,
        reading: row.reading,
        task: row.task,
        reply,
        created_at: row.created_at,
        answered_at: row.answered_at,
    }
}

/// The reply that a task is.
fn reply_of(outcome: &Outcome) -> Option<Reply> {
    let Outcome { status, skill, output, output_bytes, failure, release } = outcome;
    if !status.is_final() {
        return None;
    }
    let named = skill.parse().ok().filter(|name: &SkillName| !name.is_conversation());
    let skill = named.as_ref().map_or_else(|| "the agent".to_owned(), |skill| format!("`{skill}`"));
    let reply = match (status, failure) {
        (TaskStatus::Completed, _) => {
            let output = output.as_deref().map(|text| serde_json::from_str::<Value>(text).unwrap_or_default());
            let output_bytes = output_bytes.filter(|_| output.is_none());
            let text = format!("{skill} has answered");
            Reply { output, output_bytes, ..Reply::new(ReplyKind::Result, text) }
        }
        (_, Some(failure)) => Reply::failed(failure.clone()),
        (status, None) => Reply::new(ReplyKind::Failed, format!("{skill} ended as {}", status.as_str())),
    };
    Some(Reply { skill: named.as_ref().map(ToString::to_string), release: release.clone(), ..reply })
}
