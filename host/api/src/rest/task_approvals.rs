//! `/api/v1/task-approvals` and `/api/v1/approval-policy`: what tasks would do, for somebody to decide
//! before they run, and what their agents ask approval of while they do; and of which tasks it is demanded.
//!
//! `/api/v1/approvals` lists another thing: releases that may not serve before somebody has read how they
//! differ from what serves.

use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use troupe_core::approval::ApprovalKind;
use troupe_core::view::{
    ApprovalPolicyRequest, ApprovalPolicyView, DecideRequest, LendRequest, LinkRequest, LinkView, Page, Problem,
    TaskApprovalStatus, TaskApprovalView,
};
use troupe_core::{ApprovalId, Code, Error, TaskId, shown};
use troupe_runtime::TaskApprovalQuery;
use utoipa::IntoParams;

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::{Json, Path, Query};
use crate::problem::Answer;

/// Which approvals to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Those with this status: `pending`, `granted`, `rejected`, `expired`, `void` or `cancelled`.
    status: Option<String>,
    /// Those of this agent's tasks.
    agent: Option<String>,
    /// Those of tasks before they run, `task`, or of actions that their agents ask approval of, `action`.
    kind: Option<String>,
    /// Those of this task.
    task: Option<String>,
    /// Those older than this one: `next` of the page before.
    after: Option<String>,
    /// How many on a page; 50 when absent, at most 500.
    limit: Option<u32>,
}

/// Lists approvals of tasks and of what their agents ask, newest first, without the tasks' inputs and without
/// more of an action than its summary.
#[utoipa::path(get, path = "/api/v1/task-approvals", tag = "task-approvals", operation_id = "task_approvals",
    params(Which),
    responses((status = 200, body = Page<TaskApprovalView>), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Query(which): Query<Which>,
) -> Answer<axum::Json<Page<TaskApprovalView>>> {
    let Which { status, agent, kind, task, after, limit } = which;
    let read = |text: String| {
        TaskApprovalStatus::parse(&text).ok_or_else(|| {
            let all: Vec<&str> = TaskApprovalStatus::ALL.iter().map(|status| status.as_str()).collect();
            let message = format!("there is no status `{}`; there are `{}`", shown(&text), all.join("`, `"));
            Error::new(Code::RequestInvalid, message)
        })
    };
    let status = status.map(read).transpose()?;
    let of_kind = |text: String| {
        ApprovalKind::parse(&text).ok_or_else(|| {
            let message = format!("there is no kind `{}`; there are `task` and `action`", shown(&text));
            Error::new(Code::RequestInvalid, message)
        })
    };
    let kind = kind.map(of_kind).transpose()?;
    let task = task.map(|id| id.parse::<TaskId>()).transpose()?;
    let after = after.map(|id| id.parse::<ApprovalId>()).transpose()?;
    let query = TaskApprovalQuery { status, agent, kind, task, after, limit };
    Ok(axum::Json(doors.runtime.task_approvals(&caller, query).await?))
}

/// Returns one approval with the exact action: the release, the skill, the whole input, and what the agent
/// shows.
#[utoipa::path(get, path = "/api/v1/task-approvals/{approval}", tag = "task-approvals",
    operation_id = "task_approval", params(("approval" = String, Path, description = "The approval's id")),
    responses((status = 200, body = TaskApprovalView), (status = "default", body = Problem)))]
pub(crate) async fn get(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(approval): Path<String>,
) -> Answer<axum::Json<TaskApprovalView>> {
    Ok(axum::Json(doors.runtime.task_approval(&caller, &approval).await?))
}

/// Approves of what a task or its agent would do, as it was shown under the revision that is named. It goes on
/// once as many have as have to.
#[utoipa::path(post, path = "/api/v1/task-approvals/{approval}/approve", tag = "task-approvals",
    operation_id = "approve_task", params(("approval" = String, Path, description = "The approval's id")),
    request_body = DecideRequest,
    responses((status = 200, body = TaskApprovalView), (status = "default", body = Problem)))]
pub(crate) async fn approve(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(approval): Path<String>,
    Json(request): Json<DecideRequest>,
) -> Answer<axum::Json<TaskApprovalView>> {
    Ok(axum::Json(doors.runtime.approve_task(&caller, &approval, request).await?))
}

/// Rejects what a task or its agent would do, with a reason. The task fails with `approval.rejected`; an agent
/// is told, and goes on without.
#[utoipa::path(post, path = "/api/v1/task-approvals/{approval}/reject", tag = "task-approvals",
    operation_id = "reject_task", params(("approval" = String, Path, description = "The approval's id")),
    request_body = DecideRequest,
    responses((status = 200, body = TaskApprovalView), (status = "default", body = Problem)))]
pub(crate) async fn reject(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(approval): Path<String>,
    Json(request): Json<DecideRequest>,
) -> Answer<axum::Json<TaskApprovalView>> {
    Ok(axum::Json(doors.runtime.reject_task(&caller, &approval, request).await?))
}

/// Lends one's own right on a level to somebody else for a time. It counts once, whoever uses it.
#[utoipa::path(post, path = "/api/v1/task-approvals/{approval}/delegate", tag = "task-approvals",
    operation_id = "delegate_approval", params(("approval" = String, Path, description = "The approval's id")),
    request_body = LendRequest,
    responses((status = 200, body = TaskApprovalView), (status = "default", body = Problem)))]
pub(crate) async fn delegate(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(approval): Path<String>,
    Json(request): Json<LendRequest>,
) -> Answer<axum::Json<TaskApprovalView>> {
    Ok(axum::Json(doors.runtime.delegate_approval(&caller, &approval, request).await?))
}

/// Makes a link by which one approver decides about one approval, once, without a token. Whoever has it decides:
/// it is shown here and nowhere else. Makes one for oneself with the scope `approve`, for others with `admin`;
/// whoever asked for what is to be approved of makes none.
#[utoipa::path(post, path = "/api/v1/task-approvals/{approval}/links", tag = "task-approvals",
    operation_id = "link_approval", params(("approval" = String, Path, description = "The approval's id")),
    request_body = LinkRequest,
    responses((status = 201, body = LinkView), (status = "default", body = Problem)))]
pub(crate) async fn links(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(approval): Path<String>,
    Json(request): Json<LinkRequest>,
) -> Answer<(StatusCode, axum::Json<LinkView>)> {
    let link = doors.runtime.link_approval(&caller, &approval, request).await?;
    Ok((StatusCode::CREATED, axum::Json(link)))
}

/// Returns which tasks need approval before they run.
#[utoipa::path(get, path = "/api/v1/approval-policy", tag = "task-approvals", operation_id = "approval_policy",
    responses((status = 200, body = ApprovalPolicyView), (status = "default", body = Problem)))]
pub(crate) async fn policy(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
) -> Answer<axum::Json<ApprovalPolicyView>> {
    Ok(axum::Json(doors.runtime.approval_policy(&caller).await?))
}

/// Says which tasks need approval that are made from now on; what waits goes on to.
#[utoipa::path(put, path = "/api/v1/approval-policy", tag = "task-approvals", operation_id = "set_approval_policy",
    request_body = ApprovalPolicyRequest,
    responses((status = 200, body = ApprovalPolicyView), (status = "default", body = Problem)))]
pub(crate) async fn set_policy(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Json(request): Json<ApprovalPolicyRequest>,
) -> Answer<axum::Json<ApprovalPolicyView>> {
    Ok(axum::Json(doors.runtime.set_approval_policy(&caller, request).await?))
}
