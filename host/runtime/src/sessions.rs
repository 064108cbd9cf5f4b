//! Sessions: conversations of a user with one or more agents, with context that lasts.
//!
//! ```text
//!  start ──▸ open ── message, instance, context: lives on ──▸ open
//!              ├── end ──────────────────────────▸ ended      its instances are stopped, what waits
//!              └── unused for long, or too old ──▸ expired    is answered with that
//! ```
//!
//! *The attack:* somebody reads a conversation that is not theirs, or has an agent do in it what only
//! its user may. *The rule:* a session is its principal's: it alone speaks in it, has agents join it and
//! changes what it is about. Who may `read` and `operate` for the whole tenant sees those of others and
//! ends them, on record. To everybody else there is no such session. What agents do in it are tasks, and
//! those are seen by whoever reads the tenant's tasks. *The default:* it lists and shows one's own.

mod conversing;
mod events;
mod follow;
mod parameters;
mod plan;
mod suggest;
mod talk;
mod turns;
mod understand;
mod values;
mod vocabulary;
mod words;

use std::time::Duration;

use serde_json::{Map, Value};
use troupe_core::view::{
    ContextPatch, InstanceView, NewInstance, NewSession, Page, SessionExport, SessionStatus, SessionView,
};
use troupe_core::{Caller, Code, Error, Result, Scope, SessionId, Timestamp, limits};
use troupe_store::{NewSessionRow, SessionFilter, SessionRow, session_not_found};

use crate::{Runtime, agents, instances};
pub(crate) use conversing::{Conversing, check_words, present};
pub use events::SessionEvents;
pub use follow::{MessageEvent, MessageEvents};
pub use talk::Heeded;
pub(crate) use turns::Sessions;
pub(crate) use vocabulary::Vocabulary;

/// Which sessions to list.
#[derive(Debug, Clone, Default)]
pub struct SessionQuery {
    /// Those in one status.
    pub status: Option<SessionStatus>,
    /// Those of everybody, for operators; else the caller's own.
    pub all: bool,
    /// Those older than this one.
    pub after: Option<SessionId>,
    /// How many; capped.
    pub limit: Option<u32>,
}

impl Runtime {
    /// Starts a session of the caller's.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::RequestInvalid`] and [`Code::LimitRequest`] for times and documents
    /// beyond their limits; [`Code::LimitSessions`].
    pub async fn start_session(&self, caller: &Caller, new: NewSession) -> Result<SessionView> {
        caller.require_for_some(Scope::Run)?;
        self.require_room()?;
        check_size("`user`", &new.user, limits::SESSION_USER_BYTES_MAX)?;
        check_size("`context`", &new.context, limits::SESSION_CONTEXT_BYTES_MAX)?;
        let lifetime = new.lifetime_ms.map_or(limits::SESSION_LIFETIME_MAX, Duration::from_millis);
        let idle = new.idle_ms.map_or(limits::SESSION_IDLE_DEFAULT.min(lifetime), Duration::from_millis);
        if idle < limits::SESSION_IDLE_MIN || idle > lifetime || lifetime > limits::SESSION_LIFETIME_MAX {
            let (least, most) = (limits::SESSION_IDLE_MIN.as_millis(), limits::SESSION_LIFETIME_MAX.as_millis());
            let message = format!("`idle_ms` is {least} to `lifetime_ms`, which is at most {most}");
            return Err(Error::new(Code::RequestInvalid, message));
        }
        let new = NewSessionRow {
            id: SessionId::generate(&*self.clock, &*self.entropy),
            principal: caller.principal.clone(),
            user: new.user,
            context: new.context,
            idle,
            lifetime,
        };
        Ok(view(self.store.start_session(&caller.tenant, new).await?, self.clock.now()))
    }

    /// Lists sessions, newest first.
    ///
    /// # Errors
    /// [`Code::AuthScope`].
    pub async fn sessions(&self, caller: &Caller, query: SessionQuery) -> Result<Page<SessionView>> {
        caller.require(Scope::Read)?;
        if query.all {
            caller.require(Scope::Operate)?;
        }
        let (limit, now) = (limits::page(query.limit), self.clock.now());
        let principal = (!query.all).then(|| caller.principal.clone());
        let filter = SessionFilter { principal, status: query.status };
        let rows = self.store.sessions(&caller.tenant, &filter, query.after, limit + 1, now).await?;
        Ok(Page::of(rows, limit, |row| row.id.to_string(), |row| view(row, now)))
    }

    /// One session.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::SessionNotFound`].
    pub async fn session(&self, caller: &Caller, id: SessionId) -> Result<SessionView> {
        Ok(view(self.seen_session(caller, id).await?, self.clock.now()))
    }

    /// Changes the context of a session of the caller's by a merge patch (RFC 7396).
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::SessionNotFound`]; [`Code::SessionEnded`];
    /// [`Code::SessionContext`] if it has another revision than the caller expects;
    /// [`Code::LimitRequest`] if it would be too large.
    pub async fn change_context(&self, caller: &Caller, id: SessionId, change: ContextPatch) -> Result<SessionView> {
        caller.require_for_some(Scope::Run)?;
        self.require_ready()?;
        let row = self.own_session(caller, id).await?;
        let row = self.store.change_context(&caller.tenant, row.id, change.context, change.revision).await?;
        Ok(view(row, self.clock.now()))
    }

    /// Ends a session; one that has ended stays as it is. Its instances are stopped: what they had
    /// accepted comes to its end.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::SessionNotFound`].
    pub async fn end_session(&self, caller: &Caller, id: SessionId) -> Result<SessionView> {
        let row = match self.own_session(caller, id).await {
            Ok(row) => {
                caller.require_for_some(Scope::Run)?;
                row
            }
            Err(_) => {
                caller.require_for_some(Scope::Run).or_else(|_| caller.require_for_some(Scope::Operate))?;
                self.seen_session(caller, id).await?
            }
        };
        self.require_ready()?;
        let row = self.store.end_session(&caller.tenant, row.id, Some(&caller.principal)).await?;
        let (tenant, session) = (&caller.tenant, row.id);
        tracing::info!(%tenant, %session, by = caller.principal, "a session was ended");
        Ok(view(row, self.clock.now()))
    }

    /// A session as one document: all of it that its getters tell.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::SessionNotFound`]; [`Code::LimitRequest`] if its messages hold too
    /// much for one document.
    pub async fn export_session(&self, caller: &Caller, id: SessionId) -> Result<SessionExport> {
        let row = self.seen_session(caller, id).await?;
        let instances = self.store.session_instances(&caller.tenant, id).await?;
        let mut messages = Vec::new();
        let (mut after, mut bytes) = (0, 0);
        loop {
            let (page, more) = self.store.messages(&caller.tenant, id, after, limits::PAGE_MAX).await?;
            for row in page {
                after = row.number;
                let message = talk::view(row);
                bytes += serde_json::to_vec(&message).map_err(Error::internal)?.len() as u64;
                messages.push(message);
            }
            if bytes > limits::SESSION_EXPORT_BYTES_MAX {
                let most = limits::bytes(limits::SESSION_EXPORT_BYTES_MAX);
                let message =
                    format!("the messages hold more than {most}, too much for one document; page through them");
                return Err(Error::new(Code::LimitRequest, message));
            }
            if !more {
                break;
            }
        }
        let session = view(row, self.clock.now());
        Ok(SessionExport { session, instances: instances.into_iter().map(instances::view).collect(), messages })
    }

    /// Has an agent join a session of the caller's, as an instance of its own, and says whether there
    /// was none of its name in it before.
    ///
    /// # Errors
    /// Those of [`Runtime::start_instance`]; [`Code::SessionNotFound`]; [`Code::SessionEnded`].
    pub async fn join_session(
        &self,
        caller: &Caller,
        id: SessionId,
        request: NewInstance,
    ) -> Result<(InstanceView, bool)> {
        agents::permitted(caller, Scope::Run, &request.agent)?;
        let session = self.own_session(caller, id).await?;
        session.require_open(self.clock.now())?;
        self.start_in(caller, request, Some(id)).await
    }

    /// The instances of a session, oldest first.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::SessionNotFound`].
    pub async fn session_instances(&self, caller: &Caller, id: SessionId) -> Result<Vec<InstanceView>> {
        self.seen_session(caller, id).await?;
        let rows = self.store.session_instances(&caller.tenant, id).await?;
        Ok(rows.into_iter().map(instances::view).collect())
    }

    /// A session of the caller's.
    ///
    /// # Errors
    /// [`Code::SessionNotFound`], for that of somebody else as well.
    pub(crate) async fn own_session(&self, caller: &Caller, id: SessionId) -> Result<SessionRow> {
        let row = self.store.session(&caller.tenant, id).await?;
        row.filter(|row| row.principal == caller.principal).ok_or_else(|| session_not_found(id))
    }

    /// A session that the caller may see.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::SessionNotFound`].
    pub(crate) async fn seen_session(&self, caller: &Caller, id: SessionId) -> Result<SessionRow> {
        caller.require(Scope::Read)?;
        let row = self.store.session(&caller.tenant, id).await?;
        let sees = |row: &SessionRow| row.principal == caller.principal || caller.require(Scope::Operate).is_ok();
        row.filter(sees).ok_or_else(|| session_not_found(id))
    }
}

/// Checks how long a document of a request is.
fn check_size(what: &str, document: &Map<String, Value>, most: usize) -> Result<()> {
    let bytes = serde_json::to_vec(document).map_err(Error::internal)?.len();
    if bytes <= most {
        return Ok(());
    }
    let message = format!("{what} has {bytes} bytes; it may have {}", limits::bytes(most as u64));
    Err(Error::new(Code::LimitRequest, message))
}

fn view(row: SessionRow, now: Timestamp) -> SessionView {
    let status = row.status(now);
    SessionView {
        id: row.id,
        status,
        principal: row.principal,
        user: row.user,
        context: row.context,
        context_revision: row.context_revision,
        messages: row.messages,
        idle_ms: row.idle_ms,
        created_at: row.created_at,
        used_at: row.used_at,
        expires_at: row.expires_at,
        lives_until: row.lives_until,
        ended_at: row.ended.map(|(at, _)| at),
        ended_by: row.ended_by,
    }
}
