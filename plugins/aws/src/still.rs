//! What of resources is compared from scan to scan.

use std::collections::BTreeMap;

use serde_json::Value;
use troupe_estate::{Key, Resource};

/// What changes by itself, by type, named as a comparison asks for it (`plugins/estate/src/diff/resources.rs`).
///
/// What scales by itself wants another number of instances, tasks or units at any time; its bounds are compared.
/// Relations that move are those to what groups of machines register as they grow and shrink. Functions and load
/// balancers behind a target group are put there by somebody.
const MOVING: [(&str, &str); 35] = [
    ("aws.autoscaling.group", "instances"),
    ("aws.autoscaling.group", "relations.instance"),
    ("aws.autoscaling.group", "size_desired"),
    ("aws.autoscaling.group", "unhealthy"),
    ("aws.backup.plan", "last_run"),
    ("aws.backup.vault", "recovery_points"),
    ("aws.cloudtrail.trail", "last_delivery"),
    ("aws.cloudwatch.alarm", "state"),
    ("aws.config.recorder", "last_status"),
    ("aws.dynamodb.table", "items"),
    ("aws.dynamodb.table", "read_capacity"),
    ("aws.dynamodb.table", "size_bytes"),
    ("aws.dynamodb.table", "write_capacity"),
    ("aws.ec2.instance", "launched"),
    ("aws.ec2.subnet", "free_addresses"),
    ("aws.ecs.cluster", "container_instances"),
    ("aws.ecs.cluster", "tasks_pending"),
    ("aws.ecs.cluster", "tasks_running"),
    ("aws.ecs.service", "tasks_desired"),
    ("aws.ecs.service", "tasks_pending"),
    ("aws.ecs.service", "tasks_running"),
    ("aws.efs.file-system", "size_bytes"),
    ("aws.eks.nodegroup", "size_desired"),
    ("aws.elb.load-balancer", "instances"),
    ("aws.elb.load-balancer", "relations.instance"),
    ("aws.elbv2.target-group", "relations.instance"),
    ("aws.elbv2.target-group", "targets"),
    ("aws.iam.account", "summary"),
    ("aws.iam.role", "last_used"),
    ("aws.iam.user", "access_keys.age_days"),
    ("aws.iam.user", "password_last_used"),
    ("aws.logs.log-group", "stored_bytes"),
    ("aws.secretsmanager.secret", "last_used"),
    ("aws.sqs.queue", "messages"),
    ("aws.sqs.queue", "messages_in_flight"),
];

/// Reports whether something of a type changes by itself.
pub fn moves(kind: &str, name: &str) -> bool {
    MOVING.contains(&(kind, name))
}

/// Resources by their keys, which is their order. One whose region nobody could read is left out: where it
/// is, is a part of its key, and it would be another one.
pub fn by_key(resources: Vec<Resource>) -> BTreeMap<Key, Resource> {
    let known = resources.into_iter().filter(|resource| !resource.is_unread("region"));
    known.map(|resource| (resource.key(), resource)).collect()
}

/// A resource without what changes by itself. Relations are known from several attributes, so none of them is known
/// while one of these is not.
pub fn still(mut resource: Resource) -> Resource {
    for (_, name) in MOVING.iter().filter(|(kind, _)| *kind == resource.kind) {
        match name.split_once('.') {
            Some(("relations", kind)) => resource.relations.retain(|relation| relation.kind != kind),
            Some((name, field)) => {
                let items = resource.attributes.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten();
                for item in items.filter_map(Value::as_object_mut) {
                    item.remove(field);
                }
            }
            None => {
                resource.attributes.remove(*name);
            }
        }
    }
    if resource.unread.iter().any(|name| name != "tags" && name != "relations") && !resource.is_unread("relations") {
        resource.unread(&["relations"]);
    }
    resource
}
