//! OpenSearch: the domains of one region, those of Elasticsearch among them.

use serde_json::{Value, json};
use troupe_sdk::wait;

use crate::client::Fault;
use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::json::{self, Item};
use crate::protocol::rest;
use crate::services::{Scope, each, policy, related, told};

const SERVICE: &str = "opensearch";
const LIST: (&str, &str) = (SERVICE, "ListDomainNames");
const DESCRIBE: (&str, &str) = (SERVICE, "DescribeDomains");
const TAGS: (&str, &str) = (SERVICE, "ListTags");

/// How many domains the service describes at once.
const AT_ONCE: usize = 5;

/// What a description tells.
const TELLS: [&str; 4] = ["state", "encrypted", "public", "policy"];

/// Lists the domains and asks about them.
pub async fn collect(scope: Scope<'_>) -> Found {
    let base = format!("{}2021-01-01/", regional("es", scope.region));
    let mut found = Found::default();
    let answer = rest::get_json(scope.client, format!("{base}domain"), &[]).await;
    let names: Vec<String> = match answer.as_ref().map_err(Clone::clone).and_then(Item::new) {
        Ok(page) => page.texts_of("DomainNames", "DomainName").collect(),
        Err(fault) => {
            found.note(LIST, scope.region, None, fault);
            Vec::new()
        }
    };
    each(found, names.chunks(AT_ONCE), |names| describe(scope, &base, names)).await
}

async fn describe(scope: Scope<'_>, base: &str, names: &[String]) -> Found {
    let url = format!("{base}opensearch/domain-info");
    let answer: Result<Value, Fault> = match rest::post(scope.client, &url, &json!({ "DomainNames": names })).await {
        Ok(text) => json::read(&text),
        Err(fault) => Err(fault),
    };
    let domains = names.iter().map(|name| {
        let mut found = Found::default();
        let arn = scope.arn("es", &format!("domain/{name}"));
        let mut domain = Resource::new("aws.opensearch.domain", scope.region, name).name(name).arn(arn);
        told(&mut found, &mut domain, DESCRIBE, &TELLS, &answer, |domain, answer| {
            let mut described = answer.list("DomainStatusList");
            if let Some(item) = described.find(|item| item.text("DomainName") == Some(name)) {
                *domain = put(domain.clone(), item);
                policy::put(domain, item.text("AccessPolicies"));
                // A domain inside a network has no address in the world, whatever its policy says.
                if item.at("VPCOptions/VPCId").exists() {
                    domain.set("public", false);
                }
            }
        });
        (found, domain)
    });
    let tagged = wait::all(domains.map(|(found, domain)| tag(scope, base, found, domain))).await;
    Found::all(tagged)
}

fn put(domain: Resource, item: Item<'_>) -> Resource {
    let logs = item.at("LogPublishingOptions");
    let log = |kind: &str| logs.at(kind).truth("Enabled").unwrap_or_default();
    let resource = domain
        .arn(item.text("ARN").map(str::to_owned))
        .with("state", item.text("DomainProcessingStatus"))
        .with("version", item.text("EngineVersion"))
        .with("endpoint", item.text("Endpoint").or(item.text("Endpoints/vpc")))
        .with("instance_type", item.text("ClusterConfig/InstanceType"))
        .with("instances", item.number("ClusterConfig/InstanceCount"))
        .with("dedicated_masters", item.truth("ClusterConfig/DedicatedMasterEnabled"))
        .with("zone_aware", item.truth("ClusterConfig/ZoneAwarenessEnabled"))
        .with("volume_gib", item.number("EBSOptions/VolumeSize"))
        .with("encrypted", Some(item.truth("EncryptionAtRestOptions/Enabled").unwrap_or_default()))
        .with("encrypted_between_nodes", Some(item.truth("NodeToNodeEncryptionOptions/Enabled").unwrap_or_default()))
        .with("https_only", Some(item.truth("DomainEndpointOptions/EnforceHTTPS").unwrap_or_default()))
        .with("tls_policy", item.text("DomainEndpointOptions/TLSSecurityPolicy"))
        .with("fine_grained_access", Some(item.truth("AdvancedSecurityOptions/Enabled").unwrap_or_default()))
        .with("internal_users", item.truth("AdvancedSecurityOptions/InternalUserDatabaseEnabled"))
        .with("anonymous_access", item.truth("AdvancedSecurityOptions/AnonymousAuthEnabled"))
        .with("cognito", item.truth("CognitoOptions/Enabled"))
        .with("update_available", item.truth("ServiceSoftwareOptions/UpdateAvailable"))
        .with("audit_logs", Some(log("AUDIT_LOGS")))
        .with("application_logs", Some(log("ES_APPLICATION_LOGS")))
        .with("slow_logs", Some(log("SEARCH_SLOW_LOGS") || log("INDEX_SLOW_LOGS")))
        .to("vpc", item.text("VPCOptions/VPCId"))
        .to("kms-key", item.text("EncryptionAtRestOptions/KmsKeyId"));
    let resource = related(resource, "subnet", item.texts("VPCOptions/SubnetIds"));
    related(resource, "security-group", item.texts("VPCOptions/SecurityGroupIds"))
}

async fn tag(scope: Scope<'_>, base: &str, mut found: Found, mut domain: Resource) -> Found {
    let answer = match &domain.arn {
        Some(arn) => rest::get_json(scope.client, format!("{base}tags/"), &[("arn", arn)]).await,
        None => Err(Fault::unreadable("the domain has no ARN")),
    };
    told(&mut found, &mut domain, TAGS, &["tags"], &answer, |domain, answer| {
        domain.tags.extend(answer.tags("TagList"))
    });
    found.resources.push(domain);
    found
}
