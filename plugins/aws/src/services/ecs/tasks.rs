//! Task definitions: what a service runs, of which a region may have tens of thousands that
//! nobody runs any more. Those are not listed.

use serde_json::{Value, json};

use super::SERVICE;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::json::{Api, Item};
use crate::services::{Scope, last, told};

const DESCRIBE: (&str, &str) = (SERVICE, "DescribeTaskDefinition");

/// The type of a task definition.
pub(super) const TYPE: &str = "aws.ecs.task-definition";

/// The relation of a service to what it runs.
pub(super) const RELATION: &str = "task-definition";

/// Lists what a service runs.
pub(super) fn run_by(service: &Resource) -> impl Iterator<Item = &str> {
    let relations = service.relations.iter().filter(|relation| relation.kind == RELATION);
    relations.map(|relation| relation.target.as_str())
}

/// Asks about one.
pub(super) async fn definition(scope: Scope<'_>, api: Api<'_>, arn: String) -> Found {
    let mut found = Found::default();
    let id = last(&arn, '/');
    let mut definition = Resource::new(TYPE, scope.region, id).name(id).arn(Some(arn.clone()));
    let answer = api.ask::<Value>(DESCRIBE.1, json!({ "taskDefinition": arn, "include": ["TAGS"] })).await;
    told(&mut found, &mut definition, DESCRIBE, &["containers", "tags"], &answer, put);
    found.resources.push(definition);
    found
}

fn put(definition: &mut Resource, answer: Item<'_>) {
    let item = answer.at("taskDefinition");
    definition.tags.extend(answer.tags("tags"));
    definition.created = item.time("registeredAt");
    for (name, value) in [
        ("state", json!(item.text("status"))),
        ("network_mode", json!(item.text("networkMode"))),
        ("pid_mode", json!(item.text("pidMode"))),
        ("ipc_mode", json!(item.text("ipcMode"))),
        ("compatibilities", json!(item.texts("requiresCompatibilities").collect::<Vec<_>>())),
        ("cpu", json!(item.text("cpu"))),
        ("memory_mib", json!(item.text("memory"))),
        ("architecture", json!(item.text("runtimePlatform/cpuArchitecture"))),
        ("containers", item.list("containerDefinitions").map(container).collect()),
        ("volumes", item.list("volumes").map(volume).collect()),
    ] {
        definition.set(name, value);
    }
    for (relation, field) in [("role", "taskRoleArn"), ("execution-role", "executionRoleArn")] {
        item.text(field).into_iter().for_each(|arn| definition.relate(relation, arn));
    }
    for container in item.list("containerDefinitions") {
        container.texts_of("secrets", "valueFrom").for_each(|arn| definition.relate("secret", arn));
    }
    item.texts_of("volumes", "efsVolumeConfiguration/fileSystemId").for_each(|id| definition.relate("file-system", id));
}

fn container(item: Item<'_>) -> Value {
    let ports = item.list("portMappings").map(|port| {
        json!({
            "container": port.number("containerPort"),
            "host": port.number("hostPort"),
            "protocol": port.text("protocol"),
        })
    });
    json!({
        "name": item.text("name"),
        "image": item.text("image"),
        "essential": item.truth("essential"),
        "cpu": item.number("cpu"),
        "memory_mib": item.number("memory"),
        "privileged": item.truth("privileged").unwrap_or_default(),
        "read_only_root": item.truth("readonlyRootFilesystem").unwrap_or_default(),
        "user": item.text("user"),
        "ports": ports.collect::<Value>(),
        "log_driver": item.text("logConfiguration/logDriver"),
        "environment": item.texts_of("environment", "name").collect::<Vec<_>>(),
        "secrets": item.texts_of("secrets", "name").collect::<Vec<_>>(),
    })
}

fn volume(item: Item<'_>) -> Value {
    json!({
        "name": item.text("name"),
        "host_path": item.text("host/sourcePath"),
        "file_system": item.text("efsVolumeConfiguration/fileSystemId"),
        "transit_encryption": item.text("efsVolumeConfiguration/transitEncryption"),
    })
}
