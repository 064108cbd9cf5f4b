//! `/api/v1/agents`: publish, list and search, get.

use axum::body::{Body, HttpBody as _};
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use tokio::sync::{Semaphore, SemaphorePermit};
use troupe_core::view::{AgentDetail, AgentSummary, Page, Problem, PublishQuery, PublishedView};
use troupe_core::{Code, Error, Result, limits};
use troupe_runtime::AgentQuery;
use utoipa::IntoParams;

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::{self, Path, Query};
use crate::problem::{Answer, Failed};

/// Room for archives in memory, in KiB, shared by all who publish to this process.
static ROOM: Semaphore = Semaphore::const_new(kib(limits::PUBLISHES_BYTES_MAX) as usize);

const fn kib(bytes: u64) -> u32 {
    bytes.div_ceil(1024) as u32
}

/// Takes the room that an archive needs, before any of it is read. One that does not say
/// how long it is needs what the largest does.
fn room(archive: &Body) -> Result<SemaphorePermit<'static>> {
    room_for(archive.size_hint().upper().unwrap_or(u64::MAX).min(limits::ARCHIVE_BYTES_MAX))
}

/// Takes the room that an archive of so many bytes needs.
pub(crate) fn room_for(bytes: u64) -> Result<SemaphorePermit<'static>> {
    ROOM.try_acquire_many(kib(bytes)).map_err(|_| {
        let message = "as many releases are being published as the host has room for; try again in a moment";
        Error::new(Code::LimitConcurrency, message)
    })
}

/// Which agents to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Those in whose name, summary, goals or skills each of these words occurs, best first: at
    /// most 8 words.
    search: Option<String>,
    /// Those that handle events of this topic.
    event: Option<String>,
    /// How many of those that are searched for; 50 when absent, at most 500.
    limit: Option<u32>,
}

/// Lists the tenant's agents by name, or searches them.
#[utoipa::path(get, path = "/api/v1/agents", tag = "agents", operation_id = "agents", params(Which),
    responses((status = 200, body = Page<AgentSummary>), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Query(which): Query<Which>,
) -> Answer<axum::Json<Page<AgentSummary>>> {
    let Which { search, event, limit } = which;
    let items = doors.runtime.agents(&caller, AgentQuery { search, event, limit }).await?;
    Ok(axum::Json(Page { items, next: None }))
}

/// Returns one agent with its skills.
#[utoipa::path(get, path = "/api/v1/agents/{agent}", tag = "agents", operation_id = "agent",
    params(("agent" = String, Path, description = "The agent's name")),
    responses((status = 200, body = AgentDetail), (status = "default", body = Problem)))]
pub(crate) async fn get(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(agent): Path<String>,
) -> Answer<axum::Json<AgentDetail>> {
    Ok(axum::Json(doors.runtime.agent(&caller, &agent).await?))
}

/// Publishes the release in an archive of an OCI image layout, as `troupe build` writes. A channel
/// that is named moves to it in the same moment, or nothing is published.
#[utoipa::path(post, path = "/api/v1/agents/publish", tag = "agents", operation_id = "publish_release", params(PublishQuery),
    request_body(content = Vec<u8>, content_type = "application/vnd.oci.image.layout.v1+tar"),
    responses(
        (status = 201, description = "Published", body = PublishedView),
        (status = 200, description = "Published before, with the same bytes", body = PublishedView),
        (status = "default", body = Problem)))]
pub(crate) async fn publish(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    query: std::result::Result<Query<PublishQuery>, Failed>,
    archive: Body,
) -> Answer<(StatusCode, axum::Json<PublishedView>)> {
    let room = doors.runtime.may_publish(&caller).and_then(|()| room(&archive)).map_err(Failed::from);
    let (room, query) = match room.and_then(|room| Ok((room, query?))) {
        Ok((room, Query(query))) => (room, query),
        Err(error) => {
            body::discard(archive).await;
            return Err(error);
        }
    };
    let bytes_max = usize::try_from(limits::ARCHIVE_BYTES_MAX).unwrap_or(usize::MAX);
    let archive = body::read(archive, bytes_max).await?;
    // To its end also when the client goes away: what is refused is on record, and the room is
    // taken as long as the archive is there.
    let publishing = tokio::spawn(async move {
        let published = doors.runtime.publish(&caller, archive, &query).await;
        drop(room);
        published
    });
    let (release, is_new) = publishing.await.map_err(Error::internal)??;
    Ok((if is_new { StatusCode::CREATED } else { StatusCode::OK }, axum::Json(release)))
}
