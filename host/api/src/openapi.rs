//! The OpenAPI 3.1 document, generated from the handlers, so that it cannot lie.

use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{Doors, rest, ws};

/// What the document says of the API as a whole.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Troupe",
        description = "A host for agents packaged as WebAssembly components. Errors are problem documents (RFC 9457) with a stable `code`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    modifiers(&Bearer),
    components(schemas(
        troupe_core::view::StreamEnd,
        troupe_core::view::SocketRequest,
        troupe_core::view::SocketMessage
    )),
    security(("bearer" = [])),
    tags(
        (name = "agents", description = "Publish releases and see what agents there are."),
        (name = "deployments", description = "Which release serves, how it is configured, what it may do."),
        (name = "instances", description = "Agents that keep what belongs together apart."),
        (name = "tasks", description = "Ask an agent for a skill, and watch it work."),
        (name = "task-groups", description = "Tasks that need one another."),
        (name = "templates", description = "Definitions of agents over components that they share."),
        (name = "schedules", description = "Tasks that are made again and again."),
        (name = "events", description = "What happened, who takes it, and what became of it there."),
        (name = "task-approvals", description = "What tasks would do, for somebody to decide before they run."),
        (name = "locks", description = "What tasks keep others out of, and who waits."),
        (name = "sessions", description = "Talk with agents, and be answered from what they can do."),
        (name = "tenants", description = "Who is kept apart from whom; for the owner of the host."),
        (name = "keys", description = "Tokens for people and programs, and what each may do."),
        (name = "trust", description = "Whose signatures releases need, and who has signed them."),
        (name = "audit", description = "What was decided, in a chain that shows when it was altered."),
        (name = "feed", description = "Everything that changed, numbered."),
        (name = "host", description = "Health and metrics."),
    )
)]
struct Api;

struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        api.components.get_or_insert_default().add_security_scheme("bearer", scheme);
    }
}

/// Every route with its description.
pub(crate) fn routes() -> OpenApiRouter<Doors> {
    OpenApiRouter::with_openapi(Api::openapi())
        .routes(routes!(rest::agents::list, rest::templates::create))
        .routes(routes!(rest::agents::get, rest::undeploy::delete_agent))
        .routes(routes!(rest::agents::publish))
        .routes(routes!(rest::templates::export_agent))
        .routes(routes!(rest::templates::list, rest::templates::import))
        .routes(routes!(rest::templates::get))
        .routes(routes!(rest::templates::export))
        .routes(routes!(rest::templates::remove))
        .routes(routes!(rest::registry::pull))
        .routes(routes!(rest::registry::push))
        .routes(routes!(rest::releases::list))
        .routes(routes!(rest::releases::get, rest::releases::delete))
        .routes(routes!(rest::releases::deprecate))
        .routes(routes!(rest::releases::undeprecate))
        .routes(routes!(rest::releases::yank))
        .routes(routes!(rest::releases::unyank))
        .routes(routes!(rest::releases::collect))
        .routes(routes!(rest::channels::list))
        .routes(routes!(rest::channels::set, rest::channels::remove))
        .routes(routes!(rest::documents::get, rest::documents::put))
        .routes(routes!(rest::documents::draft))
        .routes(routes!(rest::approvals::diff))
        .routes(routes!(rest::approvals::approve))
        .routes(routes!(rest::approvals::reject))
        .routes(routes!(rest::approvals::list))
        .routes(routes!(rest::deployments::list))
        .routes(routes!(rest::deployments::get, rest::undeploy::undeploy))
        .routes(routes!(rest::deployments::configure))
        .routes(routes!(rest::deployments::lift_quarantine))
        .routes(routes!(rest::standing_policy::get, rest::standing_policy::put, rest::standing_policy::remove))
        .routes(routes!(rest::swaps::swap))
        .routes(routes!(rest::swaps::list))
        .routes(routes!(rest::swaps::get))
        .routes(routes!(rest::swaps::events))
        .routes(routes!(rest::swaps::canary))
        .routes(routes!(rest::swaps::promote))
        .routes(routes!(rest::swaps::rollback))
        .routes(routes!(rest::swaps::abort))
        .routes(routes!(rest::rehearsal::rehearse))
        .routes(routes!(rest::grants::grants, rest::grants::grant, rest::grants::change_grants))
        .routes(routes!(rest::grants::diff_grants))
        .routes(routes!(rest::grants::authority, rest::grants::explain))
        .routes(routes!(rest::runtime::status))
        .routes(routes!(rest::runtime::stop))
        .routes(routes!(rest::runtime::start))
        .routes(routes!(rest::hosts::list))
        .routes(routes!(rest::instances::list, rest::instances::start))
        .routes(routes!(rest::instances::get))
        .routes(routes!(rest::instances::stop))
        .routes(routes!(rest::instances::pause))
        .routes(routes!(rest::instances::resume))
        .routes(routes!(rest::instances::restart))
        .routes(routes!(rest::tasks::create, rest::tasks::list))
        .routes(routes!(rest::tasks::get))
        .routes(routes!(rest::tasks::cancel))
        .routes(routes!(rest::tasks::retry))
        .routes(routes!(rest::task_events::events))
        .routes(routes!(rest::artifacts::list))
        .routes(routes!(rest::artifacts::get))
        .routes(routes!(rest::task_journal::journal))
        .routes(routes!(rest::task_journal::redact))
        .routes(routes!(rest::task_journal::replay))
        .routes(routes!(rest::groups::create, rest::groups::list))
        .routes(routes!(rest::groups::get))
        .routes(routes!(rest::groups::cancel))
        .routes(routes!(rest::groups::redact))
        .routes(routes!(rest::groups::retry))
        .routes(routes!(rest::groups::events))
        .routes(routes!(rest::schedules::list))
        .routes(routes!(rest::schedules::get, rest::schedules::put, rest::schedules::remove))
        .routes(routes!(rest::schedules::pause))
        .routes(routes!(rest::schedules::resume))
        .routes(routes!(rest::events::publish, rest::events::list))
        .routes(routes!(rest::events::get))
        .routes(routes!(rest::events::cancel))
        .routes(routes!(rest::events::redact))
        .routes(routes!(rest::events::alert))
        .routes(routes!(rest::events::types))
        .routes(routes!(rest::events::stats))
        .routes(routes!(rest::events::stream::events))
        .routes(routes!(rest::events::again::redeliver))
        .routes(routes!(rest::events::again::dead))
        .routes(routes!(rest::events::again::redeliver_one))
        .routes(routes!(rest::events::again::discard))
        .routes(routes!(rest::events::subscriptions::list))
        .routes(routes!(
            rest::events::subscriptions::get,
            rest::events::subscriptions::put,
            rest::events::subscriptions::remove
        ))
        .routes(routes!(rest::events::subscriptions::pause))
        .routes(routes!(rest::events::subscriptions::resume))
        .routes(routes!(rest::events::hooks::list))
        .routes(routes!(rest::events::hooks::get, rest::events::hooks::put, rest::events::hooks::remove))
        .routes(routes!(rest::events::hooks::rotate))
        .routes(routes!(rest::events::hooks::take))
        .routes(routes!(rest::events::webhooks::list))
        .routes(routes!(rest::events::webhooks::get, rest::events::webhooks::put, rest::events::webhooks::remove))
        .routes(routes!(rest::events::webhooks::rotate))
        .routes(routes!(rest::events::webhooks::pause))
        .routes(routes!(rest::events::webhooks::resume))
        .routes(routes!(rest::task_approvals::list))
        .routes(routes!(rest::task_approvals::get))
        .routes(routes!(rest::task_approvals::approve))
        .routes(routes!(rest::task_approvals::reject))
        .routes(routes!(rest::task_approvals::delegate))
        .routes(routes!(rest::task_approvals::links))
        .routes(routes!(rest::task_approvals::policy, rest::task_approvals::set_policy))
        .routes(routes!(rest::locks::list))
        .routes(routes!(rest::locks::get))
        .routes(routes!(rest::locks::release))
        .routes(routes!(rest::sessions::start, rest::sessions::list))
        .routes(routes!(rest::sessions::get))
        .routes(routes!(rest::sessions::context))
        .routes(routes!(rest::sessions::end))
        .routes(routes!(rest::sessions::export))
        .routes(routes!(rest::sessions::join, rest::sessions::instances))
        .routes(routes!(rest::sessions::suggestions))
        .routes(routes!(rest::sessions::events))
        .routes(routes!(rest::messages::send, rest::messages::list))
        .routes(routes!(rest::messages::get))
        .routes(routes!(rest::tenants::create, rest::tenants::list))
        .routes(routes!(rest::tenants::get))
        .routes(routes!(rest::tenants::disable))
        .routes(routes!(rest::tenants::enable))
        .routes(routes!(rest::keys::create, rest::keys::list))
        .routes(routes!(rest::keys::get))
        .routes(routes!(rest::keys::revoke))
        .routes(routes!(rest::keys::whoami))
        .routes(routes!(rest::trust::trust, rest::trust::change_trust))
        .routes(routes!(rest::trust::signatures, rest::trust::sign))
        .routes(routes!(rest::audit::list))
        .routes(routes!(rest::audit::head))
        .routes(routes!(rest::audit::journal))
        .routes(routes!(rest::feed::feed))
        .routes(routes!(ws::open))
        .routes(routes!(rest::backup::make))
        .routes(routes!(rest::host::healthz))
        .routes(routes!(rest::host::readyz))
        .routes(routes!(rest::host::metrics))
        .routes(routes!(rest::host::openapi))
}

/// The document.
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes().to_openapi()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use utoipa::openapi::path::{Operation, PathItem};

    use super::*;

    /// What a path offers, by its methods.
    fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
        [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch].into_iter().flatten()
    }

    /// OpenAPI 3.1.0, Operation Object: no two of a document have one id. Generated clients call their
    /// functions by it.
    #[test]
    fn each_operation_has_an_id_of_its_own() {
        let mut ids = BTreeSet::new();
        for (path, item) in &mut openapi().paths.paths {
            for operation in operations(item) {
                let id = operation.operation_id.take().expect("an id");
                assert!(id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{path}: {id}");
                assert!(ids.insert(id.clone()), "{path}: another has the id {id}");
            }
        }
        assert!(ids.contains("agents") && ids.contains("cancel_task") && ids.len() > 80, "{ids:?}");
    }
}
