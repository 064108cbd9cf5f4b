//! Task groups: what was asked for, where each step is, and which tasks were made of it.
//!
//! The danger: a group does not hear of the end of one of its tasks and stands still for ever; a step's
//! task is made twice, by two that look at once or by one that dies in between; a group moves by what
//! it has not seen. The rule: a task's end counts as a change of its group in the same transaction; a
//! move is one transaction of the group's new state and the tasks that it makes, which changes nothing
//! unless the group is as it was looked at; and a group is due as long as there are changes that its
//! last move has not seen.

mod members;
mod moves;
mod redact;

pub use members::{MemberEnd, MemberRow};
pub use moves::GroupMove;
pub use redact::not_ended;

pub(crate) use members::{ended, joined};

use serde_json::{Value, json as document};
use troupe_core::view::{GroupProgress, GroupStatus, NewGroup, Redaction, TaskFailure};
use troupe_core::{Code, Error, GroupId, Result, TenantId, Timestamp, limits};

use crate::Store;
use crate::fault::{Done, Failed};
use crate::rows::{self, ABOVE_ALL_IDS, Columns as _, broken, json};
use crate::sql::{Builder, Connection, Row, query, query_scalar};
use crate::tasks::REDACTED;
use crate::writer::Tx;

const DUE: &str = "select tenant, id from task_groups where looked < changes and (tenant, id) > ($1, $2)
     order by tenant, id limit $3";

const OPEN: &str = "select count(*) from task_groups where tenant = $1 and ended_at is null";

/// What a list shows of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupHead {
    /// The tenant.
    pub tenant: TenantId,
    /// The id.
    pub id: GroupId,
    /// Where it is in its life.
    pub status: GroupStatus,
    /// How far it is.
    pub progress: GroupProgress,
    /// Who asked, and asks for its tasks.
    pub principal: String,
    /// The group that it asks for once more.
    pub retry_of: Option<GroupId>,
    /// What came first of what keeps it from completing.
    pub failure: Option<TaskFailure>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Since when its documents are forgotten.
    pub redacted: Option<Redaction>,
}

/// A group as it stands.
#[derive(Debug, Clone)]
pub struct GroupRow {
    /// What a list shows of it.
    pub head: GroupHead,
    /// What was asked for.
    pub group: NewGroup,
    /// Where each step is, as JSON that the runtime alone reads.
    pub state: String,
    /// Who asked for its end, if anybody did.
    pub cancelled_by: Option<String>,
    /// Rises with each move.
    pub revision: u64,
    /// How much has happened to it.
    pub changes: u64,
}

/// A group to accept.
#[derive(Debug, Clone)]
pub struct NewGroupRow {
    /// The tenant.
    pub tenant: TenantId,
    /// The id.
    pub id: GroupId,
    /// What is asked for.
    pub group: NewGroup,
    /// Who asks.
    pub principal: String,
    /// The group that it asks for once more.
    pub retry_of: Option<GroupId>,
    /// Where each step is: nowhere yet.
    pub state: String,
    /// How far it is.
    pub progress: GroupProgress,
}

/// What came of accepting a group.
#[derive(Debug, Clone)]
pub enum GroupCreation {
    /// The group is kept now.
    New(Box<GroupRow>),
    /// The same request came before under the same idempotency key; this is its group, and nothing
    /// was written.
    Existing(Box<GroupRow>),
}

/// Which groups a list shall show; what is absent does not matter.
#[derive(Debug, Clone, Copy, Default)]
pub struct GroupFilter {
    /// In this status.
    pub status: Option<GroupStatus>,
    /// Older than this one.
    pub after: Option<GroupId>,
}

impl Store {
    /// Accepts a group, of which nothing has begun and which is due by that. Tells the feed
    /// `group.created`.
    ///
    /// # Errors
    /// [`Code::ConflictIdempotency`] when the idempotency key came with another request;
    /// [`Code::LimitGroups`] when the tenant has as many under way as it may have.
    pub async fn create_group(&self, new: NewGroupRow) -> Result<GroupCreation> {
        self.write(move |tx| Box::pin(create(tx, new))).await
    }

    /// Returns the group that an earlier request under this one's idempotency key made, if it has one
    /// and there is.
    ///
    /// # Errors
    /// [`Code::ConflictIdempotency`] when the key came with another request.
    pub async fn group_by_key(&self, tenant: &TenantId, group: &NewGroup) -> Result<Option<GroupRow>> {
        Ok(by_key(&mut self.reader().await?, tenant, group).await?)
    }

    /// Reads one group.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn group(&self, tenant: &TenantId, id: GroupId) -> Result<Option<GroupRow>> {
        Ok(find(&mut self.reader().await?, tenant, id).await?)
    }

    /// Reads at most `limit` of the tenant's groups, newest first.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn groups(&self, tenant: &TenantId, filter: GroupFilter, limit: u32) -> Result<Vec<GroupHead>> {
        let mut query = Builder::new(
            "select tenant, id, status, progress, principal, retry_of, failure, created_at, ended_at,
                redacted_at, redacted_by from task_groups
             where tenant = ",
        );
        query.push_bind(tenant.as_str());
        if let Some(status) = filter.status {
            query.push(" and status = ").push_bind(status.as_str());
        }
        let after = filter.after.map_or_else(|| ABOVE_ALL_IDS.to_owned(), |after| after.to_string());
        query.push(" and id < ").push_bind(after);
        query.push(" order by id desc limit ").push_bind(i64::from(limit));
        let rows = query.build().fetch_all(&mut self.reader().await?).await.map_err(Failed::from)?;
        Ok(rows.iter().map(read_head).collect::<Done<_>>()?)
    }

    /// Lists at most `limit` groups of any tenant to which something has happened, those that come
    /// after `after`, so that whoever cannot move some reaches the others.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn due_groups(
        &self,
        after: Option<&(TenantId, GroupId)>,
        limit: u32,
    ) -> Result<Vec<(TenantId, GroupId)>> {
        let rows = query(DUE)
            .bind(after.map_or("", |(tenant, _)| tenant.as_str()))
            .bind(after.map_or_else(String::new, |(_, id)| id.to_string()))
            .bind(i64::from(limit))
            .fetch_all(&mut self.reader().await?)
            .await
            .map_err(Failed::from)?;
        Ok(rows.iter().map(|row| Ok((row.parsed("tenant")?, row.parsed("id")?))).collect::<Done<_>>()?)
    }
}

/// The error for a group that the tenant does not have.
pub fn not_found(id: GroupId) -> Error {
    Error::new(Code::GroupNotFound, format!("there is no task group {id}; `troupe groups` lists those there are"))
}

async fn create(tx: &mut Tx, new: NewGroupRow) -> Done<GroupCreation> {
    if let Some(existing) = by_key(&mut tx.connection, &new.tenant, &new.group).await? {
        return Ok(GroupCreation::Existing(Box::new(existing)));
    }
    let open: i64 = query_scalar(OPEN).bind(new.tenant.as_str()).fetch_one(&mut tx.connection).await?;
    if u64::try_from(open).unwrap_or(u64::MAX) >= limits::GROUPS_MAX {
        let message = format!("{open} task groups of the tenant are under way, as many as may be; try again later");
        return Err(Error::new(Code::LimitGroups, message).into());
    }
    let row = query(
        "insert into task_groups
            (tenant, id, document, request, idempotency_key, principal, status, state, progress, revision, changes,
             looked, created_at, retry_of)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, 1, 0, $10, $11)
         returning *",
    )
    .bind(new.tenant.as_str())
    .bind(new.id.to_string())
    .bind(json(&new.group)?)
    .bind(fingerprint(&new.group)?)
    .bind(&new.group.idempotency_key)
    .bind(&new.principal)
    .bind(GroupStatus::Running.as_str())
    .bind(&new.state)
    .bind(json(&new.progress)?)
    .bind(tx.now.as_millis())
    .bind(new.retry_of.map(|group| group.to_string()))
    .fetch_one(&mut tx.connection)
    .await?;
    let row = read(&row)?;
    tell(tx, &row.head, "group.created").await?;
    Ok(GroupCreation::New(Box::new(row)))
}

/// The fingerprint of a request, without its key.
fn fingerprint(group: &NewGroup) -> Done<String> {
    let group = NewGroup { idempotency_key: None, ..group.clone() };
    serde_json::to_value(group).map(rows::fingerprint).map_err(|error| broken("request", error))
}

async fn by_key(connection: &mut dyn Connection, tenant: &TenantId, group: &NewGroup) -> Done<Option<GroupRow>> {
    let Some(key) = &group.idempotency_key else { return Ok(None) };
    let found = query("select * from task_groups where tenant = $1 and idempotency_key = $2")
        .bind(tenant.as_str())
        .bind(key)
        .fetch_optional(connection)
        .await?;
    let Some(found) = found else { return Ok(None) };
    if found.get_as::<&str>("request")? == fingerprint(group)? {
        return read(&found).map(Some);
    }
    let message = match found.get_as::<&str>("request")? {
        REDACTED => {
            "the group that this idempotency key came with was redacted, so nobody can tell whether this is the same \
                     request; use a new key"
        }
        _ => "this idempotency key came with another request before; use a new key for a new request",
    };
    Err(Error::new(Code::ConflictIdempotency, message).with("group", found.get_as::<String>("id")?).into())
}

async fn find(connection: &mut dyn Connection, tenant: &TenantId, id: GroupId) -> Done<Option<GroupRow>> {
    let row = query("select * from task_groups where tenant = $1 and id = $2")
        .bind(tenant.as_str())
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(read).transpose()
}

async fn tell(tx: &mut Tx, head: &GroupHead, kind: &str) -> Done<()> {
    let mut facts = document!({ "steps": head.progress.steps, "ended": head.progress.ended });
    if let (Some(facts), Some(failure)) = (facts.as_object_mut(), &head.failure) {
        facts.insert("code".to_owned(), Value::from(failure.code.as_str()));
    }
    tx.announce(&head.tenant, kind, &format!("group/{}", head.id), &facts);
    Ok(())
}

fn read(row: &Row) -> Done<GroupRow> {
    Ok(GroupRow {
        head: read_head(row)?,
        group: serde_json::from_str(row.get_as("document")?).map_err(|error| broken("document", error))?,
        state: row.get_as("state")?,
        cancelled_by: row.get_as("cancelled_by")?,
        revision: row.number("revision")?,
        changes: row.number("changes")?,
    })
}

fn read_head(row: &Row) -> Done<GroupHead> {
    let status: &str = row.get_as("status")?;
    let failure: Option<&str> = row.get_as("failure")?;
    Ok(GroupHead {
        tenant: row.parsed("tenant")?,
        id: row.parsed("id")?,
        status: GroupStatus::parse(status).ok_or_else(|| broken("status", status))?,
        progress: serde_json::from_str(row.get_as("progress")?).map_err(|error| broken("progress", error))?,
        principal: row.get_as("principal")?,
        retry_of: row.parsed_option("retry_of")?,
        failure: failure.map(serde_json::from_str).transpose().map_err(|error| broken("failure", error))?,
        created_at: row.at("created_at")?,
        ended_at: row.at_option("ended_at")?,
        redacted: row.redaction()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::plan;

    #[tokio::test]
    async fn what_is_due_and_what_is_open_is_found_without_looking_at_others() {
        for (query, index) in [(DUE, "INDEX task_groups_due"), (OPEN, "INDEX task_groups_open")] {
            let plan = plan(query).await;
            assert!(plan.iter().any(|step| step.contains(index)), "{plan:?}");
        }
    }
}
