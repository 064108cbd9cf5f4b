//! `/api/v1/schedules`: tasks that are made again and again.

use axum::extract::State;
use serde::Deserialize;
use troupe_core::view::{NewSchedule, Page, Problem, ScheduleView};
use utoipa::IntoParams;

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::{Json, Path, Query};
use crate::problem::Answer;

/// Which schedules to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Those after this name: `next` of the page before.
    after: Option<String>,
    /// How many on a page; 50 when absent, at most 500.
    limit: Option<u32>,
}

/// Lists schedules, by name.
#[utoipa::path(get, path = "/api/v1/schedules", tag = "schedules", operation_id = "schedules", params(Which),
    responses((status = 200, body = Page<ScheduleView>), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Query(which): Query<Which>,
) -> Answer<axum::Json<Page<ScheduleView>>> {
    let after = which.after.unwrap_or_default();
    Ok(axum::Json(doors.runtime.schedules(&caller, &after, which.limit).await?))
}

/// Returns one schedule.
#[utoipa::path(get, path = "/api/v1/schedules/{schedule}", tag = "schedules", operation_id = "schedule",
    params(("schedule" = String, Path, description = "The schedule's name")),
    responses((status = 200, body = ScheduleView), (status = "default", body = Problem)))]
pub(crate) async fn get(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(schedule): Path<String>,
) -> Answer<axum::Json<ScheduleView>> {
    Ok(axum::Json(doors.runtime.schedule(&caller, &schedule).await?))
}

/// Sets a schedule, in place of the one of its name.
#[utoipa::path(put, path = "/api/v1/schedules/{schedule}", tag = "schedules", operation_id = "set_schedule",
    params(("schedule" = String, Path, description = "The schedule's name")),
    request_body = NewSchedule,
    responses((status = 200, body = ScheduleView), (status = "default", body = Problem)))]
pub(crate) async fn put(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(schedule): Path<String>,
    Json(request): Json<NewSchedule>,
) -> Answer<axum::Json<ScheduleView>> {
    Ok(axum::Json(doors.runtime.set_schedule(&caller, &schedule, request).await?))
}

/// Removes a schedule, and returns what it was. The tasks that it made stay.
#[utoipa::path(delete, path = "/api/v1/schedules/{schedule}", tag = "schedules", operation_id = "remove_schedule",
    params(("schedule" = String, Path, description = "The schedule's name")),
    responses((status = 200, body = ScheduleView), (status = "default", body = Problem)))]
pub(crate) async fn remove(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(schedule): Path<String>,
) -> Answer<axum::Json<ScheduleView>> {
    Ok(axum::Json(doors.runtime.remove_schedule(&caller, &schedule).await?))
}

/// Has a schedule make no tasks until it is resumed.
#[utoipa::path(post, path = "/api/v1/schedules/{schedule}/pause", tag = "schedules", operation_id = "pause_schedule",
    params(("schedule" = String, Path, description = "The schedule's name")),
    responses((status = 200, body = ScheduleView), (status = "default", body = Problem)))]
pub(crate) async fn pause(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(schedule): Path<String>,
) -> Answer<axum::Json<ScheduleView>> {
    Ok(axum::Json(doors.runtime.pause_schedule(&caller, &schedule, true).await?))
}

/// Has a schedule make tasks again, from its next time on: those of whoever resumes it.
#[utoipa::path(post, path = "/api/v1/schedules/{schedule}/resume", tag = "schedules", operation_id = "resume_schedule",
    params(("schedule" = String, Path, description = "The schedule's name")),
    responses((status = 200, body = ScheduleView), (status = "default", body = Problem)))]
pub(crate) async fn resume(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(schedule): Path<String>,
) -> Answer<axum::Json<ScheduleView>> {
    Ok(axum::Json(doors.runtime.pause_schedule(&caller, &schedule, false).await?))
}
