//! `/api/v1/templates`: definitions of agents over components that they share, and agents made of them.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use troupe_core::view::{NewAgent, NewAgentView, Page, Problem, PublishQuery, Template, TemplateSummary, TemplateView};
use troupe_core::{Error, limits};
use utoipa::IntoParams;

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::{Path, Query, Written, written};
use crate::problem::Answer;
use crate::rest::agents::room_for;

/// Which templates to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Those after this name: `next` of the page before.
    after: Option<String>,
    /// How many on a page; 50 when absent, at most 500.
    limit: Option<u32>,
}

/// Which version.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Version {
    /// This one; the highest when absent.
    version: Option<String>,
}

/// How an agent is made of a template.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Making {
    /// Whether it is only told which release that would be.
    #[serde(default)]
    dry_run: bool,
    /// Take the release although the agent's name is easily taken for another agent's.
    #[serde(default)]
    allow_similar: bool,
}

/// Lists templates by name, with their versions.
#[utoipa::path(get, path = "/api/v1/templates", tag = "templates", operation_id = "templates", params(Which),
    responses((status = 200, body = Page<TemplateSummary>), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Query(which): Query<Which>,
) -> Answer<axum::Json<Page<TemplateSummary>>> {
    let after = which.after.unwrap_or_default();
    Ok(axum::Json(doors.runtime.templates(&caller, &after, which.limit).await?))
}

/// Imports a version of a template, which never changes; as JSON, or as YAML (RFC 9512).
#[utoipa::path(post, path = "/api/v1/templates", tag = "templates", operation_id = "import_template",
    request_body(content((Template = "application/json"), (Template = "application/yaml"))),
    responses(
        (status = 200, description = "Imported before, with the same content", body = TemplateView),
        (status = 201, description = "Imported", body = TemplateView),
        (status = "default", body = Problem)))]
pub(crate) async fn import(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Written(template): Written<Template>,
) -> Answer<(StatusCode, axum::Json<TemplateView>)> {
    let (template, is_new) = doors.runtime.import_template(&caller, template).await?;
    Ok((made(is_new), axum::Json(template)))
}

/// Returns a template.
#[utoipa::path(get, path = "/api/v1/templates/{template}", tag = "templates", operation_id = "template",
    params(("template" = String, Path, description = "The template's name"), Version),
    responses((status = 200, body = TemplateView), (status = "default", body = Problem)))]
pub(crate) async fn get(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(template): Path<String>,
    Query(which): Query<Version>,
) -> Answer<axum::Json<TemplateView>> {
    Ok(axum::Json(doors.runtime.template(&caller, &template, which.version.as_deref()).await?))
}

/// Returns a template as it was imported: as JSON, or as YAML where that is accepted.
#[utoipa::path(get, path = "/api/v1/templates/{template}/export", tag = "templates", operation_id = "export_template",
    params(("template" = String, Path, description = "The template's name"), Version),
    responses(
        (status = 200, content((Template = "application/json"), (Template = "application/yaml"))),
        (status = "default", body = Problem)))]
pub(crate) async fn export(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(template): Path<String>,
    Query(which): Query<Version>,
    headers: HeaderMap,
) -> Answer<Response> {
    let kept = doors.runtime.template(&caller, &template, which.version.as_deref()).await?;
    Ok(written(&headers, &kept.template)?)
}

/// Removes a version of a template, and returns what it was. Agents that were made of it stay.
#[utoipa::path(delete, path = "/api/v1/templates/{template}/versions/{version}", tag = "templates",
    operation_id = "remove_template",
    params(
        ("template" = String, Path, description = "The template's name"),
        ("version" = String, Path, description = "The version")),
    responses((status = 200, body = TemplateView), (status = "default", body = Problem)))]
pub(crate) async fn remove(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path((template, version)): Path<(String, String)>,
) -> Answer<axum::Json<TemplateView>> {
    Ok(axum::Json(doors.runtime.remove_template(&caller, &template, &version).await?))
}

/// Makes an agent of a template: publishes a release with the component of the release that the template
/// names. It serves once it is granted what it may do and somebody swaps to it.
#[utoipa::path(post, path = "/api/v1/agents", tag = "templates", operation_id = "create_agent", params(Making),
    request_body(content((NewAgent = "application/json"), (NewAgent = "application/yaml"))),
    responses(
        (status = 200, description = "Tried, or published before, with the same bytes", body = NewAgentView),
        (status = 201, description = "Published", body = NewAgentView),
        (status = "default", body = Problem)))]
pub(crate) async fn create(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Query(making): Query<Making>,
    Written(agent): Written<NewAgent>,
) -> Answer<(StatusCode, axum::Json<NewAgentView>)> {
    doors.runtime.may_publish(&caller)?;
    let room = room_for(limits::ARCHIVE_BYTES_MAX)?;
    let Making { dry_run, allow_similar } = making;
    let query = PublishQuery { channel: None, downgrade: false, allow_similar };
    // To its end also when the client goes away, as with an archive.
    let creating = tokio::spawn(async move {
        let created = doors.runtime.create_agent(&caller, agent, &query, dry_run).await;
        drop(room);
        created
    });
    let (created, is_new) = creating.await.map_err(Error::internal)??;
    Ok((made(is_new), axum::Json(created)))
}

/// Returns the template, without parameters, that an agent's release is again made of: as JSON, or as
/// YAML where that is accepted.
#[utoipa::path(get, path = "/api/v1/agents/{agent}/export", tag = "templates", operation_id = "export_agent",
    params(("agent" = String, Path, description = "The agent's name"), Version),
    responses(
        (status = 200, content((Template = "application/json"), (Template = "application/yaml"))),
        (status = "default", body = Problem)))]
pub(crate) async fn export_agent(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(agent): Path<String>,
    Query(which): Query<Version>,
    headers: HeaderMap,
) -> Answer<Response> {
    let template = doors.runtime.export_agent(&caller, &agent, which.version.as_deref()).await?;
    Ok(written(&headers, &template)?)
}

fn made(is_new: bool) -> StatusCode {
    if is_new { StatusCode::CREATED } else { StatusCode::OK }
}
