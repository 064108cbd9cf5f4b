//! `/api/v1/runtime/hosts`: who works on the database.

use axum::extract::State;
use troupe_core::view::{HostsView, Problem};

use crate::Doors;
use crate::auth::Authenticated;
use crate::problem::Answer;

/// Lists the hosts of the database, for the owner of the host.
#[utoipa::path(get, path = "/api/v1/runtime/hosts", tag = "host", operation_id = "hosts",
    responses((status = 200, body = HostsView), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
) -> Answer<axum::Json<HostsView>> {
    Ok(axum::Json(HostsView { hosts: doors.runtime.hosts(&caller).await? }))
}
