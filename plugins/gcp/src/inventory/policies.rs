//! Who is bound to which role, on what: every IAM policy of a project, and which access is logged.
//!
//! Most services hand out a policy for a GET, the project itself and service accounts only for a POST, to an address
//! beside which the one lies that changes the policy. So all are asked of Cloud Asset Inventory, for GETs, a
//! thousand at a time.

use serde_json::{Value, json};
use troupe_cloud::Asked;
use troupe_estate::{GLOBAL, Provider, Resource};

use super::Scope;
use crate::address::address;
use crate::listing;
use crate::name;
use crate::record::path;
use crate::services::policy;

const BINDING: &str = "gcp.iam.googleapis.com/PolicyBinding";
const AUDIT: &str = "gcp.iam.googleapis.com/AuditConfig";
const LIST: &str =
    "https://cloudasset.googleapis.com/v1/projects/{project}/assets?contentType=IAM_POLICY&pageSize=1000";

/// Tells every binding and every configuration of audit logs.
pub async fn collect(scope: Scope<'_>) {
    let asked = Asked::new(Provider::Gcp, "cloudasset.googleapis.com", GLOBAL, "cloudasset.assets.list")
        .account(Some(scope.project.to_owned()))
        .hides(BINDING)
        .hides(AUDIT);
    let Some(address) = address(LIST, scope.project, &Value::Null, &Value::Null) else { return };
    let listed = listing::pages(scope.client, &address, async |page: &Value| {
        for asset in path::all(page, "/assets/*") {
            for resource in told(asset, scope.project) {
                scope.found.take(resource);
            }
        }
    });
    if let Err(fault) = listed.await {
        scope.found.note(&asked, None, fault);
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
        if role.starts_with("projects/") || role.starts_with("organizations/") {
            told = told.to("role", name::full("iam.googleapis.com", role));
        }
        for member in path::all(binding, "/members/*").into_iter().filter_map(Value::as_str) {
            let email = member.strip_prefix("serviceAccount:");
            told = told.to("service_account", email.and_then(|email| name::account(email, project)));
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
