//! What of resources is compared from scan to scan.

use std::collections::BTreeMap;

use serde_json::Value;
use troupe_estate::{Key, Relation, Resource};

/// Attributes that change by themselves, by type; of a list of objects, the field that does.
const MOVING: [(&str, &str, Option<&str>); 26] = [
    ("aws.autoscaling.group", "instances", None),
    ("aws.autoscaling.group", "size_desired", None),
    ("aws.autoscaling.group", "unhealthy", None),
    ("aws.backup.plan", "last_run", None),
    ("aws.backup.vault", "recovery_points", None),
    ("aws.cloudtrail.trail", "last_delivery", None),
    ("aws.cloudwatch.alarm", "state", None),
    ("aws.config.recorder", "last_status", None),
    ("aws.dynamodb.table", "items", None),
    ("aws.dynamodb.table", "size_bytes", None),
    ("aws.ec2.subnet", "free_addresses", None),
    ("aws.ecs.cluster", "tasks_pending", None),
    ("aws.ecs.cluster", "tasks_running", None),
    ("aws.ecs.service", "tasks_pending", None),
    ("aws.ecs.service", "tasks_running", None),
    ("aws.efs.file-system", "size_bytes", None),
    ("aws.elb.load-balancer", "instances", None),
    ("aws.elbv2.target-group", "targets", None),
    ("aws.iam.account", "summary", None),
    ("aws.iam.role", "last_used", None),
    ("aws.iam.user", "access_keys", Some("age_days")),
    ("aws.iam.user", "password_last_used", None),
    ("aws.logs.log-group", "stored_bytes", None),
    ("aws.secretsmanager.secret", "last_used", None),
    ("aws.sqs.queue", "messages", None),
    ("aws.sqs.queue", "messages_in_flight", None),
];

/// Relations that come and go by themselves, by type: what groups of machines register as they grow and shrink.
/// Functions and load balancers behind a target group are put there by somebody.
const MOVING_RELATIONS: [(&str, &str); 3] = [
    ("aws.autoscaling.group", "instance"),
    ("aws.elb.load-balancer", "instance"),
    ("aws.elbv2.target-group", "instance"),
];

/// Resources by their keys, which is their order. One whose region nobody could read is left out: where it
/// is, is a part of its key, and it would be another one.
pub fn by_key(resources: Vec<Resource>) -> BTreeMap<Key, Resource> {
    let known = resources.into_iter().filter(|resource| !resource.is_unread("region"));
    known.map(|resource| (resource.key(), resource)).collect()
}

/// A resource without what changes by itself. Relations are known from several attributes, so none of them is
/// compared while one of these is not.
pub fn still(mut resource: Resource) -> Resource {
    for (_, name, field) in MOVING.iter().filter(|(kind, ..)| *kind == resource.kind) {
        match (field, resource.attributes.get_mut(*name)) {
            (Some(field), Some(Value::Array(items))) => {
                for item in items.iter_mut().filter_map(Value::as_object_mut) {
                    item.remove(*field);
                }
            }
            _ => {
                resource.attributes.remove(*name);
            }
        }
    }
    let moves = |relation: &Relation| MOVING_RELATIONS.contains(&(&*resource.kind, &*relation.kind));
    let kept = std::mem::take(&mut resource.relations).into_iter().filter(|relation| !moves(relation)).collect();
    resource.relations = kept;
    if resource.unread.iter().any(|name| name != "tags" && name != "relations") && !resource.is_unread("relations") {
        resource.unread(&["relations"]);
    }
    resource
}
