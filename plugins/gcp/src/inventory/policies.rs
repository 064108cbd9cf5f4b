//! Who is bound to which role, on what: every IAM policy of a project, and which access is logged.
//!
//! Most services hand out a policy for a GET, the project itself and service accounts only for a POST, to an address
//! beside which the one lies that changes the policy. So all are asked of Cloud Asset Inventory, for GETs, a
//! thousand at a time.

use serde_json::{Value, json};
use troupe_estate::{GLOBAL, Resource};

use super::Scope;
use crate::address::address;
use crate::ask::asked;
use crate::listing;
use crate::name;
use crate::record::path;
use crate::services::policy;

const BINDING: &str = "gcp.iam.googleapis.com/PolicyBinding";
const AUDIT: &str = "gcp.iam.googleapis.com/AuditConfig";

/// The types that are told.
pub const KINDS: [&str; 2] = [BINDING, AUDIT];

const LIST: &str =
    "https://cloudasset.googleapis.com/v1/projects/{project}/assets?contentType=IAM_POLICY&pageSize=1000";

/// Tells every binding and every configuration of audit logs.
pub async fn collect(scope: Scope<'_>) {
    let Some(address) = address(LIST, scope.project, &Value::Null, &Value::Null) else { return };
    let listed = listing::pages(scope.client, &address, async |page: &Value| {
        for asset in path::all(page, "/assets/*") {
            for resource in told(asset, scope.project) {
                scope.found.take(resource);
            }
        }
    });
    if let Err(fault) = listed.await {
        let asked = asked("cloudasset.googleapis.com", "cloudasset.assets.list", Some(scope.project), GLOBAL);
        scope.found.note(&asked.hides_all(KINDS), None, fault);
    }
}

fn told(asset: &Value, project: &str) -> Vec<Resource> {
    let Some(on) = path::text(asset, "/name") else { return Vec::new() };
    let kind = path::text(asset, "/assetType").map(|kind| format!("gcp.{kind}"));
    let resource = |kind_of: &'static str, id: String, name: &str| {
        Resource::new(kind_of, GLOBAL, id)
            .name(name)
            .account(Some(project.to_owned()))
            .with("on", Some(on))
            .with("on_type", kind.as_deref())
            .to("resource", Some(on))
    };
    let bindings = path::all(asset, "/iamPolicy/bindings/*").into_iter().filter_map(|binding| {
        let role = path::text(binding, "/role")?;
        let mut id = format!("{on}#{role}");
        if let Some(title) = path::text(binding, "/condition/title") {
            id = format!("{id}#{title}");
        }
        let mut told = resource(BINDING, id, role);
        if let Value::Object(fields) = policy::binding(binding) {
            told.attributes.extend(fields);
        }
        told.set("public", policy::is_public(binding));
        if (role.starts_with("projects/") || role.starts_with("organizations/"))
            && let Some(role) = name::full("iam.googleapis.com", role)
        {
            told.relate("role", role);
        }
        let members = path::all(binding, "/members/*").into_iter().filter_map(Value::as_str);
        let emails = members.filter_map(|member| member.strip_prefix("serviceAccount:"));
        for account in emails.filter_map(|email| name::account(email, project)) {
            told.relate("service_account", account);
        }
        Some(told)
    });
    let audits = path::all(asset, "/iamPolicy/auditConfigs/*").into_iter().filter_map(|audit| {
        let service = path::text(audit, "/service")?;
        let mut told = resource(AUDIT, format!("{on}#{service}"), service);
        let types = path::all(audit, "/auditLogConfigs/*").into_iter().map(
            |one| json!({ "type": path::text(one, "/logType"), "exempted": path::all(one, "/exemptedMembers/*") }),
        );
        told.set("logs", types.collect::<Vec<_>>());
        Some(told)
    });
    bindings.chain(audits).collect()
}
