//! Messages of sessions, and their replies.
//!
//! ```text
//!              nothing before it is unanswered            its task has ended, in one commit
//!  accepted ─┬──────────────────────────────▸ running ─────────────────────────────────▸ answered
//!            │                                   ▲                                          ▲
//!            ├─ something is ─▸ waiting ─ turn ──┤        the host replies itself           │
//!            └───────────────────────────────────┴──────────────────────────────────────────┘
//! ```
//!
//! How a message is to be answered is found out before it is written, from the profile, the context
//! and what was said before. It holds only if nothing was said to the same agent meanwhile; so the
//! message, its number, its task and that check are one transaction. What a task answers stands with
//! the task alone, but for what an agent says in its own words: that is its reply, made when its task ends.

mod reading;
mod redact;

use serde_json::{Map, Value, json};
use troupe_core::view::{MessageState, NewMessage, RanOn, Reading, Reply, ReplyKind, TaskFailure, TaskStatus};
use troupe_core::{
    AgentName, Code, Error, InstanceId, ProposalId, Result, SessionId, TaskId, TenantId, Timestamp, limits,
};

use crate::fault::Done;
use crate::rows::{Columns as _, broken, json, number};
use crate::sessions::{self, SessionRow};
use crate::sql::query;
use crate::tasks::{Creation, TaskRow, create_task};
use crate::writer::Tx;
use crate::{Store, instances};
use reading::{by_key, column, due, find, fingerprint, history, last_number, page, unanswered, waiting};
pub(crate) use redact::redacted;

/// What came of the task that answers a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Where it is.
    pub status: TaskStatus,
    /// The skill that it runs.
    pub skill: String,
    /// Its output, as JSON, if it is not too long to be shown here.
    pub output: Option<String>,
    /// How long its output is.
    pub output_bytes: Option<u64>,
    /// Why there is none.
    pub failure: Option<TaskFailure>,
    /// What it ran on.
    pub release: Option<RanOn>,
}

/// A message as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageRow {
    /// The tenant.
    pub tenant: TenantId,
    /// The session.
    pub session: SessionId,
    /// Its number in the session, from 1.
    pub number: u64,
    /// The agent that it is for.
    pub agent: AgentName,
    /// The instance that it is for.
    pub instance: Option<InstanceId>,
    /// Who sent it.
    pub principal: String,
    /// What was sent.
    pub message: NewMessage,
    /// Where it is.
    pub state: MessageState,
    /// How its words were read.
    pub reading: Option<Reading>,
    /// The task that answers it.
    pub task: Option<TaskId>,
    /// What came of that.
    pub outcome: Option<Outcome>,
    /// What the host replied itself.
    pub reply: Option<Reply>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
}

/// A message to accept.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMessageRow {
    /// The session.
    pub session: SessionId,
    /// The agent that it is for.
    pub agent: AgentName,
    /// The instance that it is for.
    pub instance: Option<InstanceId>,
    /// Who sends it.
    pub principal: String,
    /// What is sent.
    pub message: NewMessage,
}

/// How a message is answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// By a task.
    Task(Option<Reading>, Box<TaskRow>),
    /// By the host itself.
    Reply(Option<Reading>, Box<Reply>),
}

/// What an agent has answered in its own words.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// The reply.
    pub reply: Reply,
    /// A merge patch of the session's context.
    pub context: Map<String, Value>,
}

/// How a message is to be answered if nothing else is said meanwhile.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// The number of the last message to the same agent that was looked at; 0 for none.
    pub after: u64,
    /// How.
    pub step: Step,
}

/// What came of accepting a message, or of its turn.
#[derive(Debug, Clone, PartialEq)]
pub enum SaidMessage {
    /// It is kept now, as it stands; with its task, if that is to be queued.
    Kept(Box<MessageRow>, Option<Box<TaskRow>>),
    /// The same message came before under the same idempotency key, and nothing was written.
    Existing(Box<MessageRow>),
    /// Something was said or ended meanwhile, and nothing was written.
    Changed,
}

impl Store {
    /// Accepts a message: as planned, or to wait for its turn if something before it is unanswered.
    /// Uses the session. Tells the feed `session.message`, and `session.answered` if the host replied.
    ///
    /// # Errors
    /// [`Code::SessionNotFound`], [`Code::SessionEnded`]; [`Code::LimitMessages`];
    /// [`Code::ConflictIdempotency`]; those of an instance and a task that cannot be made.
    pub async fn say(&self, tenant: &TenantId, new: NewMessageRow, planned: Option<Planned>) -> Result<SaidMessage> {
        let tenant = tenant.clone();
        self.write(move |tx| Box::pin(say(tx, tenant, new, planned))).await
    }

    /// Answers a message whose turn it is as planned.
    ///
    /// # Errors
    /// Those of a task that cannot be made; then nothing has changed.
    pub async fn take_turn(&self, message: &MessageRow, planned: Planned) -> Result<SaidMessage> {
        let (tenant, session, number) = (message.tenant.clone(), message.session, message.number);
        self.write(move |tx| Box::pin(take_turn(tx, (tenant, session, number), planned))).await
    }

    /// Reads one message.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn message(&self, tenant: &TenantId, session: SessionId, number: u64) -> Result<Option<MessageRow>> {
        Ok(find(&mut self.reader().await?, tenant, session, number).await?)
    }

    /// The message that an earlier request under `key` made, if there is one.
    ///
    /// # Errors
    /// [`Code::ConflictIdempotency`] when the key came with another message.
    pub async fn message_by_key(
        &self,
        tenant: &TenantId,
        session: SessionId,
        message: &NewMessage,
    ) -> Result<Option<MessageRow>> {
        Ok(by_key(&mut self.reader().await?, tenant, session, message).await?)
    }

    /// Reads at most `limit` messages of a session, oldest first, after the number `after`. A page may be
    /// shorter, so that it stays below [`limits::STORE_PAGE_BYTES_MAX`]; the second value says whether
    /// there are more.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn messages(
        &self,
        tenant: &TenantId,
        session: SessionId,
        after: u64,
        limit: u32,
    ) -> Result<(Vec<MessageRow>, bool)> {
        Ok(page(&mut self.reader().await?, tenant, session, after, limit).await?)
    }

    /// The last message to an agent or instance before the number `before`, if there is one.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn last_said(
        &self,
        tenant: &TenantId,
        session: SessionId,
        to: (&AgentName, Option<InstanceId>),
        before: u64,
    ) -> Result<Option<MessageRow>> {
        let mut reader = self.reader().await?;
        let last = last_number(&mut reader, tenant, session, to, before).await?;
        Ok(if last == 0 { None } else { find(&mut reader, tenant, session, last).await? })
    }

    /// At most `limit` messages to an agent or instance before the number `before`, newest first.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn history(
        &self,
        tenant: &TenantId,
        session: SessionId,
        to: (&AgentName, Option<InstanceId>),
        before: u64,
        limit: u32,
    ) -> Result<Vec<MessageRow>> {
        Ok(history(&mut self.reader().await?, (tenant, session), to, before, limit).await?)
    }

    /// The message whose reply is a proposal.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn proposed(
        &self,
        tenant: &TenantId,
        session: SessionId,
        proposal: ProposalId,
    ) -> Result<Option<MessageRow>> {
        Ok(reading::proposed(&mut self.reader().await?, tenant, session, proposal).await?)
    }

    /// Reads at most `limit` messages, over all tenants, whose turn it is, after one of them.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn turns(
        &self,
        after: Option<(TenantId, SessionId, u64)>,
        limit: u32,
    ) -> Result<Vec<(TenantId, SessionId, u64)>> {
        Ok(due(&mut self.reader().await?, after, limit).await?)
    }
}

async fn say(tx: &mut Tx, tenant: TenantId, new: NewMessageRow, planned: Option<Planned>) -> Done<SaidMessage> {
    let NewMessageRow { session, agent, instance, principal, message } = new;
    if let Some(existing) = by_key(&mut tx.connection, &tenant, session, &message).await? {
        return Ok(SaidMessage::Existing(Box::new(existing)));
    }
    let row = sessions::used(tx, &tenant, session).await?;
    if row.messages >= limits::MESSAGES_MAX {
        let message = format!("the session has {} messages, as many as it may have; start another one", row.messages);
        return Err(Error::new(Code::LimitMessages, message).into());
    }
    if let Some(instance) = instance {
        instances::check(&mut tx.connection, &tenant, &agent, instance).await?;
    }
    let to = (&agent, instance);
    let in_line = unanswered(&mut tx.connection, &tenant, session, to).await?;
    let last = last_number(&mut tx.connection, &tenant, session, to, u64::MAX).await?;
    let step = match planned {
        _ if in_line => None,
        Some(planned) if planned.after == last => Some(planned.step),
        _ => return Ok(SaidMessage::Changed),
    };
    if step.is_none() {
        let waiting = waiting(&mut tx.connection, &tenant, session).await?;
        if waiting >= limits::MESSAGES_WAITING_MAX {
            let message =
                format!("{waiting} messages of the session wait for their turn; send the next when they are answered");
            return Err(Error::new(Code::LimitMessages, message).into());
        }
    }
    let this = sessions::one_more(tx, &row).await?;
    query(
        "insert into messages (tenant, session, number, agent, instance, principal, document, request,
            idempotency_key, state, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'waiting', $10)",
    )
    .bind(tenant.as_str())
    .bind(session.to_string())
    .bind(number(this)?)
    .bind(agent.as_str())
    .bind(column(instance))
    .bind(&principal)
    .bind(json(&NewMessage { idempotency_key: None, ..message.clone() })?)
    .bind(fingerprint(&message)?)
    .bind(&message.idempotency_key)
    .bind(tx.now.as_millis())
    .execute(&mut tx.connection)
    .await?;
    let mut facts = json!({ "message": this, "agent": agent.as_str() });
    if let (Some(instance), Some(facts)) = (instance, facts.as_object_mut()) {
        facts.insert("instance".to_owned(), instance.to_string().into());
    }
    tx.announce(&tenant, "session.message", &sessions::subject(session), &facts);
    match step {
        Some(step) => answer(tx, (tenant, session, this), step).await,
        None => Ok(SaidMessage::Kept(Box::new(found(tx, &tenant, session, this).await?), None)),
    }
}

async fn take_turn(tx: &mut Tx, of: (TenantId, SessionId, u64), planned: Planned) -> Done<SaidMessage> {
    let (tenant, session, number) = &of;
    let message = find(&mut tx.connection, tenant, *session, *number).await?;
    let Some(message) = message.filter(|message| message.state == MessageState::Waiting) else {
        return Ok(SaidMessage::Changed);
    };
    let to = (&message.agent, message.instance);
    let last = last_number(&mut tx.connection, tenant, *session, to, *number).await?;
    if last != planned.after {
        return Ok(SaidMessage::Changed);
    }
    answer(tx, of, planned.step).await
}

/// Has a message that waits be answered.
async fn answer(tx: &mut Tx, (tenant, session, message): (TenantId, SessionId, u64), step: Step) -> Done<SaidMessage> {
    let (reading, task, reply) = match step {
        Step::Task(reading, task) => match create_task(tx, *task).await? {
            Creation::New(task) | Creation::Existing(task) => (reading, Some(task), None),
        },
        Step::Reply(reading, reply) => (reading, None, Some(reply)),
    };
    let state = if task.is_some() { MessageState::Running } else { MessageState::Answered };
    query(
        "update messages set state = $4, reading = $5, task = $6, reply = $7, answered_at = $8
         where tenant = $1 and session = $2 and number = $3",
    )
    .bind(tenant.as_str())
    .bind(session.to_string())
    .bind(number(message)?)
    .bind(state.as_str())
    .bind(reading.as_ref().map(json).transpose()?)
    .bind(task.as_ref().map(|task| task.id.to_string()))
    .bind(reply.as_deref().map(json).transpose()?)
    .bind(reply.as_ref().map(|_| tx.now.as_millis()))
    .execute(&mut tx.connection)
    .await?;
    if let Some(reply) = &reply {
        tell_answered(tx, &tenant, session, message, &json!(reply.kind)).await?;
    }
    let row = found(tx, &tenant, session, message).await?;
    Ok(SaidMessage::Kept(Box::new(row), task.map(Box::new)))
}

async fn tell_answered(tx: &mut Tx, tenant: &TenantId, session: SessionId, message: u64, kind: &Value) -> Done<()> {
    let facts = json!({ "message": message, "kind": kind });
    tx.announce(tenant, "session.answered", &sessions::subject(session), &facts);
    Ok(())
}

/// Notes that the task of a message has ended, in the transaction in which it ends.
///
/// What the agent has said in its own words is its reply, and changes the context with it. Where the context
/// would be too large, that is the reply instead, for whoever reads the answer would take it as changed.
pub(crate) async fn answered(tx: &mut Tx, session: SessionId, task: &TaskRow, said: Option<Said>) -> Done<()> {
    let reply = match said {
        Some(Said { mut reply, context }) => {
            if !context.is_empty()
                && let Err(error) = sessions::told(tx, &task.tenant, session, context).await?
            {
                reply = Reply { release: reply.release, ..Reply::failed(TaskFailure::from(&error)) };
            }
            Some(reply)
        }
        None => None,
    };
    let row = query(
        "update messages set state = 'answered', answered_at = $3, reply = $4
         where tenant = $1 and task = $2 and state = 'running' returning number",
    )
    .bind(task.tenant.as_str())
    .bind(task.id.to_string())
    .bind(tx.now.as_millis())
    .bind(reply.as_ref().map(json).transpose()?)
    .fetch_optional(&mut tx.connection)
    .await?;
    let Some(row) = row else { return Ok(()) };
    let by_status = if task.status == TaskStatus::Completed { ReplyKind::Result } else { ReplyKind::Failed };
    let kind = reply.map_or(by_status, |reply| reply.kind);
    tell_answered(tx, &task.tenant, session, row.number("number")?, &json!(kind)).await
}

/// Replies to what waits in a session that ends.
pub(crate) async fn given_up(tx: &mut Tx, session: &SessionRow, why: &Error) -> Done<()> {
    let reply = Reply::failed(TaskFailure::from(why));
    let rows = query(
        "update messages set state = 'answered', reply = $3, answered_at = $4
         where tenant = $1 and session = $2 and state = 'waiting' returning number",
    )
    .bind(session.tenant.as_str())
    .bind(session.id.to_string())
    .bind(json(&reply)?)
    .bind(tx.now.as_millis())
    .fetch_all(&mut tx.connection)
    .await?;
    for row in rows {
        tell_answered(tx, &session.tenant, session.id, row.number("number")?, &json!(reply.kind)).await?;
    }
    Ok(())
}

async fn found(tx: &mut Tx, tenant: &TenantId, session: SessionId, message: u64) -> Done<MessageRow> {
    let row = find(&mut tx.connection, tenant, session, message).await?;
    row.ok_or_else(|| broken("number", format!("message {message} was written and is not there")))
}
