//! Cloud Functions of both generations. Values of environment variables are not told.
//!
//! The second version of the interface tells both generations, the first its own alone; who looks by both would find
//! those of the first twice.

use serde_json::{Value, json};
use troupe_estate::Resource;

use crate::listing::Listing;
use crate::record::{Created, Id, Record, flag, is, number, path, to_account, to_key, to_of};
use crate::services::policy;

/// What is listed.
pub const LISTINGS: [Listing; 2] = [
    Listing {
        record: Some(&FIRST),
        details: &[policy::detail(
            "cloudfunctions.projects.locations.functions.getIamPolicy",
            "https://cloudfunctions.googleapis.com/v1/{/name}:getIamPolicy",
        )],
        ..Listing::new(
            "cloudfunctions.projects.locations.functions.list",
            "https://cloudfunctions.googleapis.com/v1/projects/{project}/locations/-/functions?pageSize=1000",
            "/functions",
        )
    },
    Listing {
        record: Some(&SECOND),
        except: Some(is_of_first),
        details: &[policy::detail(
            "cloudfunctions.projects.locations.functions.getIamPolicy",
            "https://cloudfunctions.googleapis.com/v2/{/name}:getIamPolicy",
        )],
        ..Listing::new(
            "cloudfunctions.projects.locations.functions.list",
            "https://cloudfunctions.googleapis.com/v2/projects/{project}/locations/-/functions?pageSize=1000",
            "/functions",
        )
    },
];

const FIRST: Record = Record {
    created: Created::Untold,
    attributes: &[
        is("state", "/status"),
        is("runtime", "/runtime"),
        is("entry_point", "/entryPoint"),
        number("memory_mib", "/availableMemoryMb"),
        is("timeout", "/timeout"),
        is("url", "/httpsTrigger/url"),
        is("security_level", "/httpsTrigger/securityLevel"),
        is("event", "/eventTrigger/eventType"),
        is("ingress", "/ingressSettings"),
        is("vpc_connector", "/vpcConnector"),
        number("most_instances", "/maxInstances"),
        is("updated", "/updateTime"),
        is("service_account", "/serviceAccountEmail"),
    ],
    relations: &[
        to_account("/serviceAccountEmail"),
        to_key("/kmsKeyName"),
        to_of("topic", "pubsub.googleapis.com", "/eventTrigger/resource"),
    ],
    more: Some(first),
    ..Record::new("gcp.cloudfunctions.googleapis.com/CloudFunction", Id::Told("cloudfunctions.googleapis.com", "/name"))
};

const SECOND: Record = Record {
    attributes: &[
        is("state", "/state"),
        is("runtime", "/buildConfig/runtime"),
        is("entry_point", "/buildConfig/entryPoint"),
        is("memory", "/serviceConfig/availableMemory"),
        is("cpu", "/serviceConfig/availableCpu"),
        number("timeout_seconds", "/serviceConfig/timeoutSeconds"),
        is("url", "/serviceConfig/uri"),
        is("event", "/eventTrigger/eventType"),
        is("ingress", "/serviceConfig/ingressSettings"),
        is("vpc_connector", "/serviceConfig/vpcConnector"),
        number("most_instances", "/serviceConfig/maxInstanceCount"),
        is("updated", "/updateTime"),
        is("service_account", "/serviceConfig/serviceAccountEmail"),
        flag("all_traffic_on_latest", "/serviceConfig/allTrafficOnLatestRevision"),
    ],
    relations: &[
        to_account("/serviceConfig/serviceAccountEmail"),
        to_key("/kmsKeyName"),
        to_of("topic", "pubsub.googleapis.com", "/eventTrigger/pubsubTopic"),
        to_of("run_service", "run.googleapis.com", "/serviceConfig/service"),
    ],
    more: Some(second),
    ..Record::new("gcp.cloudfunctions.googleapis.com/Function", Id::Told("cloudfunctions.googleapis.com", "/name"))
};

fn is_of_first(item: &Value) -> bool {
    path::text(item, "/environment") == Some("GEN_1")
}

fn first(item: &Value, function: &mut Resource) {
    environment(item, "", function);
}

fn second(item: &Value, function: &mut Resource) {
    environment(item, "/serviceConfig", function);
}

fn environment(item: &Value, at: &str, function: &mut Resource) {
    let variables = path::one(item, &format!("{at}/environmentVariables")).and_then(Value::as_object);
    let plain: Vec<&String> = variables.map(|variables| variables.keys().collect()).unwrap_or_default();
    let secrets = path::all(item, &format!("{at}/secretEnvironmentVariables/*/key"));
    function.set("environment", json!({ "plain": plain, "from_secrets": secrets }));
}
