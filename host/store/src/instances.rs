//! Instances of agents: a row each, with keys of its own (`state.rs`). Whether something of
//! one runs stands in the rows of tasks and nowhere else.

mod life;
mod pause;

use serde_json::{Map, Value};
use troupe_core::audit::AuditKind;
use troupe_core::view::InstanceStatus;
use troupe_core::{AgentName, Code, Error, InstanceId, InstanceName, Result, SessionId, TenantId, Timestamp, limits};

use crate::fault::Done;
use crate::rows::Columns as _;
use crate::sql::{Builder, Connection, Row, query, query_scalar};
use crate::writer::Tx;
use crate::{Store, events, sessions};

pub(crate) use life::attempt_ended;
pub use life::{Checked, InErrorRow, Life};

const RUNS: &str = "exists (select 1 from tasks
     where tasks.tenant = instances.tenant and tasks.instance = instances.id and tasks.status = 'running')";

const COUNT_LIVE: &str = "select count(*) from instances where tenant = $1 and stopped_at is null";

/// An instance as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceRow {
    /// The tenant.
    pub tenant: TenantId,
    /// The id.
    pub id: InstanceId,
    /// The agent.
    pub agent: AgentName,
    /// What whoever started it calls it.
    pub name: Option<InstanceName>,
    /// The session that it is in.
    pub session: Option<SessionId>,
    /// Who started it.
    pub principal: String,
    /// When it was started.
    pub created_at: Timestamp,
    /// When it was stopped.
    pub stopped_at: Option<Timestamp>,
    /// When it was paused, while it is.
    pub paused_at: Option<Timestamp>,
    /// When what it kept was removed.
    pub cleared_at: Option<Timestamp>,
    /// How it lives.
    pub life: Life,
    /// Whether a task of it runs.
    pub running: bool,
}

/// An instance to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInstanceRow {
    /// The id, if it is a new one.
    pub id: InstanceId,
    /// The agent.
    pub agent: AgentName,
    /// What to call it.
    pub name: Option<InstanceName>,
    /// The session that it is in, within which its name is its own.
    pub session: Option<SessionId>,
    /// Who starts it.
    pub principal: String,
    /// Whether its health is checked.
    pub checked: bool,
}

/// What came of starting an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// There is one more.
    New(InstanceRow),
    /// There was one of this name, and nothing was written.
    Existing(InstanceRow),
}

/// Which instances a list shall show; what is absent does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstanceFilter {
    /// Those of this agent.
    pub agent: Option<AgentName>,
    /// Those in this status.
    pub status: Option<InstanceStatus>,
}

impl InstanceRow {
    /// What it does.
    pub const fn status(&self) -> InstanceStatus {
        if self.stopped_at.is_some() {
            InstanceStatus::Stopped
        } else if self.life.error.is_some() {
            InstanceStatus::Error
        } else if self.paused_at.is_some() {
            InstanceStatus::Paused
        } else if self.life.starting {
            InstanceStatus::Starting
        } else if self.running {
            InstanceStatus::Running
        } else {
            InstanceStatus::Idle
        }
    }

    /// What the feed says of it.
    fn facts(&self) -> Map<String, Value> {
        let mut facts = Map::from_iter([("agent".to_owned(), self.agent.as_str().into())]);
        facts.extend(self.name.iter().map(|name| ("name".to_owned(), name.as_str().into())));
        facts.extend(self.session.map(|session| ("session".to_owned(), session.to_string().into())));
        facts
    }

    async fn tell(&self, tx: &mut Tx, kind: &str) -> Done<()> {
        self.tell_of(tx, kind, Map::new()).await
    }

    /// Tells the feed of it, and `more` than what it is.
    async fn tell_of(&self, tx: &mut Tx, kind: &str, more: Map<String, Value>) -> Done<()> {
        let facts = self.facts().into_iter().chain(more).collect::<Map<_, _>>();
        tx.announce(&self.tenant, kind, &format!("instance/{}", self.id), &facts.into());
        Ok(())
    }
}

impl Store {
    /// Starts an instance; one of the agent that has the name, in the same session or in none, and is
    /// not stopped is returned instead. Tells the feed `instance.started`.
    ///
    /// # Errors
    /// [`Code::LimitInstances`] when the tenant or the session has as many that are not stopped as it
    /// may have; [`Code::SessionEnded`].
    pub async fn start_instance(&self, tenant: &TenantId, new: NewInstanceRow) -> Result<Started> {
        let tenant = tenant.clone();
        self.write(move |tx| Box::pin(start(tx, tenant, new))).await
    }

    /// Stops an instance for good, as `by` asked; one that is stopped stays as it is. Its subscriptions to events are
    /// removed with it. Tells the feed `instance.stopped`, and the audit.
    ///
    /// # Errors
    /// [`Code::InstanceNotFound`].
    pub async fn stop_instance(&self, tenant: &TenantId, id: InstanceId, by: Option<&str>) -> Result<InstanceRow> {
        let (tenant, by) = (tenant.clone(), by.map(str::to_owned));
        self.write(move |tx| Box::pin(stop(tx, tenant, id, by))).await
    }

    /// Reads one instance.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn instance(&self, tenant: &TenantId, id: InstanceId) -> Result<Option<InstanceRow>> {
        Ok(find(&mut self.reader().await?, tenant, id).await?)
    }

    /// Reads the instances of a session, oldest first.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn session_instances(&self, tenant: &TenantId, session: SessionId) -> Result<Vec<InstanceRow>> {
        Ok(of_session(&mut self.reader().await?, tenant, session, false).await?)
    }

    /// Checks that an agent's instance takes tasks, and returns the session that it is in.
    ///
    /// # Errors
    /// [`Code::InstanceNotFound`] when the agent has none of this id; [`Code::InstanceStopped`].
    pub async fn check_instance(
        &self,
        tenant: &TenantId,
        agent: &AgentName,
        id: InstanceId,
    ) -> Result<Option<SessionId>> {
        Ok(check(&mut self.reader().await?, tenant, agent, id).await?)
    }

    /// Reads at most `limit` of the tenant's instances, newest first, that are older than
    /// `after`.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn instances(
        &self,
        tenant: &TenantId,
        filter: &InstanceFilter,
        after: Option<InstanceId>,
        limit: u32,
    ) -> Result<Vec<InstanceRow>> {
        Ok(list(&mut self.reader().await?, tenant, filter, after, limit).await?)
    }
}

async fn start(tx: &mut Tx, tenant: TenantId, new: NewInstanceRow) -> Done<Started> {
    let NewInstanceRow { id, agent, name, session, principal, checked } = new;
    if let Some(name) = &name
        && let Some(existing) = by_name(&mut tx.connection, &tenant, (&agent, session), name).await?
    {
        return Ok(Started::Existing(existing));
    }
    if let Some(session) = session {
        sessions::used(tx, &tenant, session).await?;
        let live = of_session(&mut tx.connection, &tenant, session, true).await?.len() as u64;
        if live >= limits::SESSION_INSTANCES_MAX {
            let message = format!("the session has {live} instances, as many as it may have; stop one first");
            return Err(Error::new(Code::LimitInstances, message).into());
        }
    }
    let live: i64 = query_scalar(COUNT_LIVE).bind(tenant.as_str()).fetch_one(&mut tx.connection).await?;
    if u64::try_from(live).unwrap_or(u64::MAX) >= limits::INSTANCES_MAX {
        let message = format!("the tenant has {live} instances, as many as it may have; stop those that nobody uses");
        return Err(Error::new(Code::LimitInstances, message).into());
    }
    query(
        "insert into instances (tenant, id, agent, name, principal, created_at, session)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(tenant.as_str())
    .bind(id.to_string())
    .bind(agent.as_str())
    .bind(name.as_ref().map(InstanceName::as_str))
    .bind(&principal)
    .bind(tx.now.as_millis())
    .bind(of(session))
    .execute(&mut tx.connection)
    .await?;
    let row = InstanceRow {
        tenant,
        id,
        agent,
        name,
        session,
        principal,
        created_at: tx.now,
        stopped_at: None,
        paused_at: None,
        cleared_at: None,
        life: Life::begun(tx.now, checked),
        running: false,
    };
    if checked {
        row.keep_life(tx).await?;
    }
    row.tell(tx, "instance.started").await?;
    Ok(Started::New(row))
}

/// Stops an instance, also as a part of something else.
pub(crate) async fn stop(tx: &mut Tx, tenant: TenantId, id: InstanceId, by: Option<String>) -> Done<InstanceRow> {
    let mut row = find(&mut tx.connection, &tenant, id).await?.ok_or_else(|| not_found(id))?;
    if row.stopped_at.is_some() {
        return Ok(row);
    }
    row.stopped_at = Some(tx.now);
    // What it had accepted comes to its end.
    row.paused_at = None;
    query("update instances set stopped_at = $3, paused_at = null where tenant = $1 and id = $2")
        .bind(tenant.as_str())
        .bind(id.to_string())
        .bind(tx.now.as_millis())
        .execute(&mut tx.connection)
        .await?;
    row.life.over();
    row.keep_life(tx).await?;
    events::remove_of_instance(tx, &tenant, (&row.agent, id), by.as_deref()).await?;
    row.tell(tx, "instance.stopped").await?;
    let entry = row.entry(AuditKind::InstanceStopped, by.as_deref());
    tx.audit(&tenant, entry).await?;
    Ok(row)
}

/// Notes that nothing is left of what an instance kept.
pub(crate) async fn cleared(tx: &mut Tx, row: &InstanceRow) -> Done<()> {
    query("update instances set cleared_at = $3 where tenant = $1 and id = $2")
        .bind(row.tenant.as_str())
        .bind(row.id.to_string())
        .bind(tx.now.as_millis())
        .execute(&mut tx.connection)
        .await?;
    row.tell(tx, "instance.cleared").await
}

/// Checks that an agent's instance takes tasks, in or outside a transaction.
pub(crate) async fn check(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    agent: &AgentName,
    id: InstanceId,
) -> Done<Option<SessionId>> {
    let row = find(connection, tenant, id).await?.filter(|row| row.agent == *agent);
    let row = row.ok_or_else(|| Error::new(Code::InstanceNotFound, format!("agent `{agent}` has no instance {id}")))?;
    if row.stopped_at.is_some() {
        let message = format!("instance {id} was stopped and takes no more tasks; start another one");
        return Err(Error::new(Code::InstanceStopped, message).into());
    }
    Ok(row.session)
}

/// The error for what is asked of an instance that was stopped.
fn stopped_for_good(id: InstanceId) -> Error {
    Error::new(Code::InstanceStopped, format!("instance {id} was stopped for good; start another one"))
}

/// The error for an instance that the tenant does not have.
pub fn not_found(id: InstanceId) -> Error {
    Error::new(Code::InstanceNotFound, format!("there is no instance {id}"))
}

fn select() -> Builder {
    let mut query = Builder::new("select *, ");
    query.push(RUNS).push(" as running from instances where tenant = ");
    query
}

async fn find(connection: &mut dyn Connection, tenant: &TenantId, id: InstanceId) -> Done<Option<InstanceRow>> {
    let mut query = select();
    query.push_bind(tenant.as_str()).push(" and id = ").push_bind(id.to_string());
    query.build().fetch_optional(connection).await?.as_ref().map(read).transpose()
}

async fn by_name(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    (agent, session): (&AgentName, Option<SessionId>),
    name: &InstanceName,
) -> Done<Option<InstanceRow>> {
    let mut query = select();
    query.push_bind(tenant.as_str()).push(" and agent = ").push_bind(agent.as_str());
    query.push(" and session = ").push_bind(of(session));
    query.push(" and name = ").push_bind(name.as_str()).push(" and stopped_at is null");
    query.build().fetch_optional(connection).await?.as_ref().map(read).transpose()
}

/// The instances of a session, oldest first; those that are not stopped alone, or all of them.
pub(crate) async fn of_session(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    session: SessionId,
    live: bool,
) -> Done<Vec<InstanceRow>> {
    let mut query = select();
    query.push_bind(tenant.as_str()).push(" and session = ").push_bind(session.to_string());
    if live {
        query.push(" and stopped_at is null");
    }
    query.push(" order by id");
    query.build().fetch_all(connection).await?.iter().map(read).collect()
}

/// The session of an instance as its column has it: empty for none.
fn of(session: Option<SessionId>) -> String {
    session.map(|session| session.to_string()).unwrap_or_default()
}

async fn list(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    filter: &InstanceFilter,
    after: Option<InstanceId>,
    limit: u32,
) -> Done<Vec<InstanceRow>> {
    let mut query = select();
    query.push_bind(tenant.as_str());
    if let Some(agent) = &filter.agent {
        query.push(" and agent = ").push_bind(agent.as_str());
    }
    // Each as `InstanceRow::status` has it.
    let well = " and stopped_at is null and error_at is null and paused_at is null";
    match filter.status {
        None => &mut query,
        Some(InstanceStatus::Stopped) => query.push(" and stopped_at is not null"),
        Some(InstanceStatus::Error) => query.push(" and stopped_at is null and error_at is not null"),
        Some(InstanceStatus::Paused) => {
            query.push(" and stopped_at is null and error_at is null and paused_at is not null")
        }
        Some(InstanceStatus::Starting) => query.push(well).push(" and starting = 1"),
        Some(InstanceStatus::Running) => query.push(well).push(" and starting = 0 and ").push(RUNS),
        Some(InstanceStatus::Idle) => query.push(well).push(" and starting = 0 and not ").push(RUNS),
    };
    if let Some(after) = after {
        query.push(" and id < ").push_bind(after.to_string());
    }
    query.push(" order by id desc limit ").push_bind(i64::from(limit));
    query.build().fetch_all(connection).await?.iter().map(read).collect()
}

/// Reads a row of all columns, and whether it runs.
pub(crate) fn read(row: &Row) -> Done<InstanceRow> {
    let session: &str = row.get_as("session")?;
    Ok(InstanceRow {
        tenant: row.parsed("tenant")?,
        id: row.parsed("id")?,
        agent: row.parsed("agent")?,
        name: row.parsed_option("name")?,
        session: (!session.is_empty()).then(|| row.parsed("session")).transpose()?,
        principal: row.get_as("principal")?,
        created_at: row.at("created_at")?,
        stopped_at: row.at_option("stopped_at")?,
        paused_at: row.at_option("paused_at")?,
        cleared_at: row.at_option("cleared_at")?,
        life: Life::read(row)?,
        running: row.truth("running")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::plan;

    #[tokio::test]
    async fn instances_are_counted_and_found_by_an_index() {
        assert_eq!(plan(COUNT_LIVE).await, ["SEARCH instances USING INDEX instances_live_of_agent (tenant=?)"]);
        let by_name = format!(
            "select {RUNS} from instances where tenant = $1 and agent = $2 and session = '' and name = $3 and stopped_at is null"
        );
        let plan = plan(&by_name).await;
        let steps = [
            "INDEX instances_by_name (tenant=? AND agent=? AND session=? AND name=?)",
            "INDEX tasks_by_instance_status (tenant=? AND instance=? AND status=?)",
        ];
        assert!(steps.iter().all(|wanted| plan.iter().any(|step| step.contains(wanted))), "{plan:#?}");
    }
}
