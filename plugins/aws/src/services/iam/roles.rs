//! Roles: who may take them, and when each was last used.

use serde_json::json;
use troupe_sdk::wait;

use crate::found::Found;
use crate::model::{GLOBAL, Resource};
use crate::protocol::query::{Api, result};
use crate::protocol::xml::Element;
use crate::services::told_xml;
use crate::when;

const LIST: (&str, &str) = ("iam", "ListRoles");
const GET: (&str, &str) = ("iam", "GetRole");
/// Roles below this path are AWS's services' own.
const SERVICE_LINKED: &str = "/aws-service-role/";

/// Lists the roles and asks about each.
pub async fn collect(api: Api<'_>) -> Found {
    let mut found = Found::default();
    let (roles, listed) = super::list(api, LIST.1, "Roles", role).await;
    if let Err(fault) = listed {
        found.note(LIST, GLOBAL, None, fault);
    }
    let roles = wait::all(roles.into_iter().map(|role| describe(api, role))).await;
    Found::all(std::iter::once(found).chain(roles))
}

fn role(item: Element<'_>) -> Option<Resource> {
    let name = item.text("RoleName")?;
    let path = item.text("Path").unwrap_or("/");
    let resource = Resource::new("aws.iam.role", GLOBAL, name)
        .name(name)
        .arn(item.text("Arn").map(str::to_owned))
        .created(item.text("CreateDate").and_then(when::at))
        .with("role_id", item.text("RoleId"))
        .with("path", Some(path))
        .with("service_linked", Some(path.starts_with(SERVICE_LINKED)))
        .with("description", item.verbatim("Description"))
        .with("max_session_s", item.number("MaxSessionDuration"))
        .with("trust_policy", item.text("AssumeRolePolicyDocument").and_then(super::document));
    Some(resource)
}

async fn describe(api: Api<'_>, mut role: Resource) -> Found {
    let mut found = Found::default();
    let answer = api.ask(GET.1, &[("RoleName", &role.id)]).await;
    told_xml(&mut found, &mut role, GET, &["tags", "last_used"], &answer, |role, answer| {
        let item = result(answer, GET.1).at("Role");
        role.tags.extend(item.tags("Tags"));
        let used = item.at("RoleLastUsed");
        let last_used = used.text("LastUsedDate").and_then(when::at);
        role.set("last_used", json!(last_used.map(|at| json!({ "at": at, "region": used.text("Region") }))));
        if let Some(boundary) = item.text("PermissionsBoundary/PermissionsBoundaryArn") {
            role.set("permissions_boundary", boundary);
        }
    });
    found.resources.push(role);
    found
}
