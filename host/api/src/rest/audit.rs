//! `/api/v1/audit`: what was decided, the head of its chain, and journals to hold against it.

use axum::extract::State;
use serde::Deserialize;
use troupe_core::view::{AuditHead, AuditJournal, AuditRecord, Page, Problem};
use troupe_runtime::AuditQuery;
use utoipa::IntoParams;

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::{Path, Query};
use crate::problem::Answer;
use crate::rest::Whose;

/// Which records.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Those of this tenant, for the owner of the host; the caller's own when absent.
    tenant: Option<String>,
    /// Those of one kind, such as `denied`.
    kind: Option<String>,
    /// Those about one agent.
    agent: Option<String>,
    /// Those about one task.
    task: Option<String>,
    /// Those of what one party asked for: `owner`, or `key/ID`.
    principal: Option<String>,
    /// Those after this number: `next` of the page before; 0 when absent.
    #[serde(default)]
    after: u64,
    /// How many on a page; 50 when absent, at most 500.
    limit: Option<u32>,
    /// The last ones that there are, and not the first.
    #[serde(default)]
    newest: bool,
}

/// Which journal.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhichJournal {
    /// One of this tenant, for the owner of the host; the caller's own when absent.
    tenant: Option<String>,
    /// That of this attempt; the last when absent.
    attempt: Option<u32>,
}

/// Lists records of the audit, oldest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", operation_id = "audit", params(Which),
    responses((status = 200, body = Page<AuditRecord>), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Query(which): Query<Which>,
) -> Answer<axum::Json<Page<AuditRecord>>> {
    let Which { tenant, kind, agent, task, principal, after, limit, newest } = which;
    let query = AuditQuery { tenant, kind, agent, task, principal, after, limit, newest };
    Ok(axum::Json(doors.runtime.audit(&caller, query).await?))
}

/// Returns the number and the hash of the newest record.
#[utoipa::path(get, path = "/api/v1/audit/head", tag = "audit", operation_id = "audit_head", params(Whose),
    responses((status = 200, body = AuditHead), (status = "default", body = Problem)))]
pub(crate) async fn head(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Query(whose): Query<Whose>,
) -> Answer<axum::Json<AuditHead>> {
    Ok(axum::Json(doors.runtime.audit_head(&caller, whose.tenant.as_deref()).await?))
}

/// Returns the digest of a task's journal as it is now, to be held against what the audit says.
#[utoipa::path(get, path = "/api/v1/audit/journals/{task}", tag = "audit", operation_id = "audit_journal",
    params(("task" = String, Path, description = "The task's id"), WhichJournal),
    responses((status = 200, body = AuditJournal), (status = "default", body = Problem)))]
pub(crate) async fn journal(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(task): Path<String>,
    Query(which): Query<WhichJournal>,
) -> Answer<axum::Json<AuditJournal>> {
    let tenant = which.tenant.as_deref();
    Ok(axum::Json(doors.runtime.audit_journal(&caller, tenant, task.parse()?, which.attempt).await?))
}
