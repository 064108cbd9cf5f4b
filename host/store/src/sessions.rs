//! Sessions: a row each, with what is known of the user and what the conversation is about. What is
//! said in them stands in `messages.rs`.

use std::time::Duration;

use serde_json::{Map, Value, json};
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::json::merge_patch;
use troupe_core::view::SessionStatus;
use troupe_core::{Code, Error, Result, SessionId, TenantId, Timestamp, limits};

use crate::fault::{Done, Failed};
use crate::rows::{Columns as _, broken, json, number};
use crate::sql::{Builder, Connection, Row, query, query_scalar};
use crate::writer::Tx;
use crate::{Store, instances, messages};

const COUNT_OPEN: &str = "select count(*) from sessions where tenant = $1 and ended_at is null";

const OVER: &str = "select tenant, id from sessions where ended_at is null and expires_at <= $1
     order by expires_at, tenant, id limit $2";

/// A session as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionRow {
    /// The tenant.
    pub tenant: TenantId,
    /// The id.
    pub id: SessionId,
    /// Who started it.
    pub principal: String,
    /// What is known of the user.
    pub user: Map<String, Value>,
    /// What it is about.
    pub context: Map<String, Value>,
    /// How often that was changed.
    pub context_revision: u64,
    /// How many messages it has.
    pub messages: u64,
    /// How long it may be unused.
    pub idle_ms: u64,
    /// When it was started.
    pub created_at: Timestamp,
    /// When it was last used.
    pub used_at: Timestamp,
    /// When it ends unless it is used.
    pub expires_at: Timestamp,
    /// When it ends however much it is used.
    pub lives_until: Timestamp,
    /// When it ended, and how.
    pub ended: Option<(Timestamp, SessionStatus)>,
    /// Who ended it.
    pub ended_by: Option<String>,
}

/// A session to start.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSessionRow {
    /// The id.
    pub id: SessionId,
    /// Who starts it.
    pub principal: String,
    /// What is known of the user.
    pub user: Map<String, Value>,
    /// What it is about.
    pub context: Map<String, Value>,
    /// How long it may be unused.
    pub idle: Duration,
    /// How long it lives at most.
    pub lifetime: Duration,
}

/// Which sessions a list shall show; what is absent does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionFilter {
    /// Those that this principal started.
    pub principal: Option<String>,
    /// Those in this status.
    pub status: Option<SessionStatus>,
}

impl SessionRow {
    /// Whether it takes messages, at a time.
    pub fn status(&self, now: Timestamp) -> SessionStatus {
        match self.ended {
            Some((_, how)) => how,
            None if self.expires_at <= now => SessionStatus::Expired,
            None => SessionStatus::Open,
        }
    }

    /// The error for what is asked of it when it has ended.
    ///
    /// # Errors
    /// [`Code::SessionEnded`].
    pub fn require_open(&self, now: Timestamp) -> Result<()> {
        match self.status(now) {
            SessionStatus::Open => Ok(()),
            status => Err(ended(self.id, status)),
        }
    }

    /// What the feed calls it.
    fn subject(&self) -> String {
        subject(self.id)
    }
}

/// What the feed calls a session.
pub(crate) fn subject(id: SessionId) -> String {
    format!("session/{id}")
}

/// The error for a session that the caller does not see.
pub fn not_found(id: SessionId) -> Error {
    Error::new(Code::SessionNotFound, format!("there is no session {id}"))
}

fn ended(id: SessionId, status: SessionStatus) -> Error {
    let why = if status == SessionStatus::Expired { "its time is over" } else { "it was ended" };
    Error::new(Code::SessionEnded, format!("session {id} takes nothing more, since {why}; start another one"))
}

impl Store {
    /// Starts a session. Tells the feed `session.started`.
    ///
    /// # Errors
    /// [`Code::LimitSessions`] when the tenant has as many that are not ended as it may have.
    pub async fn start_session(&self, tenant: &TenantId, new: NewSessionRow) -> Result<SessionRow> {
        let tenant = tenant.clone();
        self.write(move |tx| Box::pin(start(tx, tenant, new))).await
    }

    /// Reads one session.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn session(&self, tenant: &TenantId, id: SessionId) -> Result<Option<SessionRow>> {
        Ok(find(&mut self.reader().await?, tenant, id).await?)
    }

    /// Reads at most `limit` of the tenant's sessions, newest first, that are older than `after`; which
    /// of them are over is told by `now`.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn sessions(
        &self,
        tenant: &TenantId,
        filter: &SessionFilter,
        after: Option<SessionId>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<SessionRow>> {
        Ok(list(&mut self.reader().await?, tenant, filter, (after, limit), now).await?)
    }

    /// Changes the context of a session by a merge patch, if it has the revision that is expected.
    /// Tells the feed `session.context`.
    ///
    /// # Errors
    /// [`Code::SessionNotFound`]; [`Code::SessionEnded`]; [`Code::SessionContext`];
    /// [`Code::LimitRequest`] when it would be too large.
    pub async fn change_context(
        &self,
        tenant: &TenantId,
        id: SessionId,
        patch: Map<String, Value>,
        expected: Option<u64>,
    ) -> Result<SessionRow> {
        let tenant = tenant.clone();
        self.write(move |tx| Box::pin(change_context(tx, tenant, id, patch, expected))).await
    }

    /// Ends a session, as `by` asked or since its time is over: its instances are stopped, and what
    /// waits for its turn is answered with that. One that has ended stays as it is. Tells the feed
    /// `session.ended`, and the audit, if it is somebody else's.
    ///
    /// # Errors
    /// [`Code::SessionNotFound`].
    pub async fn end_session(&self, tenant: &TenantId, id: SessionId, by: Option<&str>) -> Result<SessionRow> {
        let (tenant, by) = (tenant.clone(), by.map(str::to_owned));
        self.write(move |tx| Box::pin(end(tx, tenant, id, by))).await
    }

    /// Whether a session has ended and all that was said in it is answered.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn session_is_over(&self, tenant: &TenantId, id: SessionId) -> Result<bool> {
        Ok(is_over(&mut self.reader().await?, tenant, id).await?)
    }

    /// Reads at most `limit` sessions, over all tenants, whose time is over and that have not been
    /// ended.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn sessions_over(&self, now: Timestamp, limit: u32) -> Result<Vec<(TenantId, SessionId)>> {
        Ok(over(&mut self.reader().await?, now, limit).await?)
    }
}

async fn start(tx: &mut Tx, tenant: TenantId, new: NewSessionRow) -> Done<SessionRow> {
    let open: i64 = query_scalar(COUNT_OPEN).bind(tenant.as_str()).fetch_one(&mut tx.connection).await?;
    if u64::try_from(open).unwrap_or(u64::MAX) >= limits::SESSIONS_MAX {
        let message = format!("the tenant has {open} sessions, as many as it may have; end those that nobody uses");
        return Err(Error::new(Code::LimitSessions, message).into());
    }
    let lives_until = tx.now.plus(new.lifetime);
    let row = query(
        "insert into sessions (tenant, id, principal, \"user\", context, context_revision, messages, idle_ms, created_at,
            used_at, expires_at, lives_until)
         values ($1, $2, $3, $4, $5, 1, 0, $6, $7, $7, $8, $9) returning *",
    )
    .bind(tenant.as_str())
    .bind(new.id.to_string())
    .bind(&new.principal)
    .bind(json(&new.user)?)
    .bind(json(&new.context)?)
    .bind(i64::try_from(new.idle.as_millis()).unwrap_or(i64::MAX))
    .bind(tx.now.as_millis())
    .bind(tx.now.plus(new.idle).min(lives_until).as_millis())
    .bind(lives_until.as_millis())
    .fetch_one(&mut tx.connection)
    .await?;
    let row = read(&row)?;
    tx.announce(&tenant, "session.started", &row.subject(), &json!({ "principal": row.principal }));
    Ok(row)
}

/// A session that takes messages, inside a transaction.
///
/// # Errors
/// [`Code::SessionNotFound`]; [`Code::SessionEnded`].
pub(crate) async fn open(tx: &mut Tx, tenant: &TenantId, id: SessionId) -> Done<SessionRow> {
    let row = find(&mut tx.connection, tenant, id).await?.ok_or_else(|| not_found(id))?;
    row.require_open(tx.now)?;
    Ok(row)
}

/// Uses a session that takes messages: it lives on for as long as it may be unused.
///
/// # Errors
/// As [`open`].
pub(crate) async fn used(tx: &mut Tx, tenant: &TenantId, id: SessionId) -> Done<SessionRow> {
    let row = open(tx, tenant, id).await?;
    let expires_at = tx.now.plus(Duration::from_millis(row.idle_ms)).min(row.lives_until);
    let row = query("update sessions set used_at = $3, expires_at = $4 where tenant = $1 and id = $2 returning *")
        .bind(tenant.as_str())
        .bind(id.to_string())
        .bind(tx.now.as_millis())
        .bind(expires_at.as_millis())
        .fetch_one(&mut tx.connection)
        .await?;
    read(&row)
}

async fn change_context(
    tx: &mut Tx,
    tenant: TenantId,
    id: SessionId,
    patch: Map<String, Value>,
    expected: Option<u64>,
) -> Done<SessionRow> {
    let row = used(tx, &tenant, id).await?;
    if let Some(expected) = expected.filter(|expected| *expected != row.context_revision) {
        let message = format!(
            "the context has revision {}, not {expected}: somebody changed it; read it and decide again",
            row.context_revision
        );
        return Err(Error::new(Code::SessionContext, message).with("revision", row.context_revision).into());
    }
    patched(tx, row, patch).await
}

/// Changes the context of a session as one of its agents says, if it takes messages still; the inner error is
/// that it would be too large.
pub(crate) async fn told(tx: &mut Tx, tenant: &TenantId, id: SessionId, patch: Map<String, Value>) -> Done<Result<()>> {
    let row = find(&mut tx.connection, tenant, id).await?.ok_or_else(|| not_found(id))?;
    if row.require_open(tx.now).is_err() {
        return Ok(Ok(()));
    }
    match patched(tx, row, patch).await {
        Ok(_) => Ok(Ok(())),
        Err(Failed::Refused(error)) if error.code == Code::LimitRequest => Ok(Err(error)),
        Err(error) => Err(error),
    }
}

async fn patched(tx: &mut Tx, row: SessionRow, patch: Map<String, Value>) -> Done<SessionRow> {
    let mut context = row.context;
    merge_patch(&mut context, patch);
    let context = json(&context)?;
    check_size("the context", context.len(), limits::SESSION_CONTEXT_BYTES_MAX)?;
    let row = query(
        "update sessions set context = $3, context_revision = context_revision + 1
         where tenant = $1 and id = $2 returning *",
    )
    .bind(row.tenant.as_str())
    .bind(row.id.to_string())
    .bind(context)
    .fetch_one(&mut tx.connection)
    .await?;
    let row = read(&row)?;
    tx.announce(&row.tenant, "session.context", &row.subject(), &json!({ "revision": row.context_revision }));
    Ok(row)
}

/// Checks how long a document is.
///
/// # Errors
/// [`Code::LimitRequest`].
pub(crate) fn check_size(what: &str, bytes: usize, most: usize) -> Result<()> {
    if bytes <= most {
        return Ok(());
    }
    let message = format!("{what} would have {bytes} bytes; it may have {}", limits::bytes(most as u64));
    Err(Error::new(Code::LimitRequest, message))
}

async fn end(tx: &mut Tx, tenant: TenantId, id: SessionId, by: Option<String>) -> Done<SessionRow> {
    let row = find(&mut tx.connection, &tenant, id).await?.ok_or_else(|| not_found(id))?;
    let is_over = row.expires_at <= tx.now;
    if row.ended.is_some() || (by.is_none() && !is_over) {
        return Ok(row);
    }
    let how = if is_over { SessionStatus::Expired } else { SessionStatus::Ended };
    let ended_by = by.as_deref().filter(|_| !is_over);
    let updated =
        query("update sessions set ended_at = $3, ended = $4, ended_by = $5 where tenant = $1 and id = $2 returning *")
            .bind(tenant.as_str())
            .bind(id.to_string())
            .bind(tx.now.as_millis())
            .bind(how.as_str())
            .bind(ended_by)
            .fetch_one(&mut tx.connection)
            .await?;
    let row = read(&updated)?;
    for instance in instances::of_session(&mut tx.connection, &tenant, id, true).await? {
        instances::stop(tx, tenant.clone(), instance.id, ended_by.map(str::to_owned)).await?;
    }
    messages::given_up(tx, &row, &ended(id, how)).await?;
    tx.announce(&tenant, "session.ended", &row.subject(), &json!({ "how": how.as_str() }));
    if let Some(by) = ended_by.filter(|by| *by != row.principal) {
        let entry = AuditEntry::new(AuditKind::SessionEnded).by(Some(by));
        let entry = entry.with("session", id.to_string()).with("of", row.principal.as_str());
        tx.audit(&tenant, entry).await?;
    }
    Ok(row)
}

async fn find(connection: &mut dyn Connection, tenant: &TenantId, id: SessionId) -> Done<Option<SessionRow>> {
    let row = query("select * from sessions where tenant = $1 and id = $2")
        .bind(tenant.as_str())
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(read).transpose()
}

async fn is_over(connection: &mut dyn Connection, tenant: &TenantId, id: SessionId) -> Done<bool> {
    let found = query(
        "select 1 from sessions where tenant = $1 and id = $2 and ended_at is not null
            and not exists (select 1 from messages
                where messages.tenant = $1 and messages.session = $2 and messages.state <> 'answered')",
    )
    .bind(tenant.as_str())
    .bind(id.to_string())
    .fetch_optional(connection)
    .await?;
    Ok(found.is_some())
}

async fn over(connection: &mut dyn Connection, now: Timestamp, limit: u32) -> Done<Vec<(TenantId, SessionId)>> {
    let rows = query(OVER).bind(now.as_millis()).bind(i64::from(limit)).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.parsed("tenant")?, row.parsed("id")?))).collect()
}

async fn list(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    filter: &SessionFilter,
    (after, limit): (Option<SessionId>, u32),
    now: Timestamp,
) -> Done<Vec<SessionRow>> {
    let mut query: Builder = Builder::new("select * from sessions where tenant = ");
    query.push_bind(tenant.as_str());
    if let Some(principal) = &filter.principal {
        query.push(" and principal = ").push_bind(principal);
    }
    let now = now.as_millis();
    match filter.status {
        None => &mut query,
        Some(SessionStatus::Open) => query.push(" and ended_at is null and expires_at > ").push_bind(now),
        Some(SessionStatus::Ended) => query.push(" and ended = 'ended'"),
        Some(SessionStatus::Expired) => {
            query.push(" and (ended = 'expired' or (ended_at is null and expires_at <= ").push_bind(now).push("))")
        }
    };
    if let Some(after) = after {
        query.push(" and id < ").push_bind(after.to_string());
    }
    query.push(" order by id desc limit ").push_bind(i64::from(limit));
    query.build().fetch_all(connection).await?.iter().map(read).collect()
}

fn read(row: &Row) -> Done<SessionRow> {
    let document = |column: &str| {
        let text: &str = row.get_as(column)?;
        serde_json::from_str::<Map<String, Value>>(text).map_err(|error| broken(column, error))
    };
    let how: Option<&str> = row.get_as("ended")?;
    let how = how.map(|how| SessionStatus::parse(how).ok_or_else(|| broken("ended", how))).transpose()?;
    Ok(SessionRow {
        tenant: row.parsed("tenant")?,
        id: row.parsed("id")?,
        principal: row.get_as("principal")?,
        user: document("user")?,
        context: document("context")?,
        context_revision: row.number("context_revision")?,
        messages: row.number("messages")?,
        idle_ms: row.number("idle_ms")?,
        created_at: row.at("created_at")?,
        used_at: row.at("used_at")?,
        expires_at: row.at("expires_at")?,
        lives_until: row.at("lives_until")?,
        ended: row.at_option("ended_at")?.zip(how),
        ended_by: row.get_as("ended_by")?,
    })
}

/// Counts one more message, and returns its number.
pub(crate) async fn one_more(tx: &mut Tx, row: &SessionRow) -> Done<u64> {
    let count = row.messages + 1;
    query("update sessions set messages = $3 where tenant = $1 and id = $2")
        .bind(row.tenant.as_str())
        .bind(row.id.to_string())
        .bind(number(count)?)
        .execute(&mut tx.connection)
        .await?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::plan;

    #[tokio::test]
    async fn sessions_are_counted_and_found_over_by_an_index() {
        assert_eq!(plan(COUNT_OPEN).await, ["SEARCH sessions USING INDEX sessions_open (tenant=?)"]);
        let plan = plan(OVER).await;
        assert!(plan.iter().any(|step| step.contains("INDEX sessions_expiring (expires_at<?)")), "{plan:?}");
        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{plan:?}");
    }
}
