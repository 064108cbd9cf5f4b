//! Estates that the tests look at.

use serde_json::{Value, json};
use troupe_agent_migration::Migration;
use troupe_sdk::Failure;
use troupe_sdk::test::{self, Host};

pub const ACCOUNT: &str = "111122223333";

fn resource(kind: &str, class: &str, id: &str, attributes: Value, relations: Value) -> Value {
    json!({
        "id": id, "type": kind, "class": class, "provider": kind.split('.').next(), "account": ACCOUNT,
        "region": "us-east-1", "tags": {}, "attributes": attributes,
        "relations": relations.as_array().unwrap().iter().map(|pair| json!({ "kind": pair[0], "target": pair[1] })).collect::<Vec<_>>(),
    })
}

fn tagged(mut resource: Value, name: &str, app: &str) -> Value {
    resource["name"] = json!(name);
    resource["tags"] = json!({ "Name": name, "app": app });
    resource
}

/// A shop with a database, a report that nobody tagged, what both share, and what is left over.
pub fn shop() -> Vec<Value> {
    let network = json!([["vpc", "vpc-1"], ["subnet", "subnet-1"], ["security-group", "sg-web"]]);
    let disk = json!({ "size_gib": 100, "type": "gp3", "state": "in-use", "encrypted": true,
        "attached_to": [{ "instance": "i-web", "device": "/dev/sdh" }] });
    let root = json!({ "size_gib": 8, "type": "gp3", "state": "in-use", "encrypted": true,
        "attached_to": [{ "instance": "i-web", "device": "/dev/sda1" }] });
    let machine = |size: &str| {
        json!({ "instance_type": size, "state": "running", "platform": "Linux/UNIX", "architecture": "x86_64",
            "tenancy": "default", "lifecycle": "on-demand", "root_device": "/dev/sda1" })
    };
    let rules = json!({ "ingress": [
        { "protocol": "tcp", "from_port": 443, "to_port": 443, "cidrs": ["0.0.0.0/0"], "cidrs_v6": ["::/0"], "groups": [] },
        { "protocol": "tcp", "from_port": 22, "to_port": 22, "cidrs": ["10.0.0.0/8"], "cidrs_v6": [], "groups": [] } ],
      "egress": [ { "protocol": "all", "cidrs": ["0.0.0.0/0"], "cidrs_v6": [], "groups": [] } ] });
    let inner = json!({ "ingress": [
        { "protocol": "tcp", "from_port": 5432, "to_port": 5432, "cidrs": [], "cidrs_v6": [], "groups": ["sg-web"] } ],
      "egress": [] });
    vec![
        resource("aws.ec2.vpc", "network.vpc", "vpc-1", json!({ "cidr": "10.0.0.0/16" }), json!([])),
        resource(
            "aws.ec2.subnet",
            "network.subnet",
            "subnet-1",
            json!({ "cidr": "10.0.1.0/24" }),
            json!([["vpc", "vpc-1"]]),
        ),
        resource("aws.ec2.security-group", "network.security_group", "sg-web", rules, json!([["vpc", "vpc-1"]])),
        resource("aws.ec2.security-group", "network.security_group", "sg-db", inner, json!([["vpc", "vpc-1"]])),
        tagged(
            resource("aws.ec2.instance", "compute.instance", "i-web", machine("m5.large"), {
                let mut all = network.as_array().unwrap().clone();
                all.push(json!(["volume", "vol-web"]));
                json!(all)
            }),
            "web \"1\" ${x}",
            "shop",
        ),
        resource("aws.ec2.volume", "compute.disk", "vol-web", disk, json!([["instance", "i-web"]])),
        resource("aws.ec2.volume", "compute.disk", "vol-root", root, json!([["instance", "i-web"]])),
        tagged(
            resource(
                "aws.rds.instance",
                "database.relational",
                "shop-db",
                json!({ "engine": "postgres", "engine_version": "16.3", "instance_class": "db.m5.large", "allocated_storage_gib": 200,
                    "kms_key": "arn:aws:kms:us-east-1:1:key/k" }),
                json!([["vpc", "vpc-1"], ["subnet", "subnet-1"], ["security-group", "sg-db"]]),
            ),
            "shop-db",
            "shop",
        ),
        resource("aws.s3.bucket", "storage.bucket", "shop-pictures", json!({ "versioning": "enabled" }), json!([])),
        resource(
            "aws.lambda.function",
            "compute.function",
            "report",
            json!({ "runtime": "python3.12", "timeout_s": 60 }),
            json!([["role", "report-role"], ["table", "reports"]]),
        ),
        resource(
            "aws.dynamodb.table",
            "database.document",
            "reports",
            json!({ "billing_mode": "provisioned" }),
            json!([]),
        ),
        resource("aws.iam.role", "identity.role", "report-role", json!({}), json!([])),
        resource("aws.ec2.address", "network.address", "eip-1", json!({ "in_use": false }), json!([])),
        resource(
            "aws.ec2.instance",
            "compute.instance",
            "i-old",
            {
                let mut old = machine("t3.micro");
                old["state"] = json!("stopped");
                old["stopped_at"] = json!("2020-01-02T03:04:05Z");
                old
            },
            json!([["vpc", "vpc-1"]]),
        ),
        resource(
            "aws.rds.instance",
            "database.relational",
            "wiki-db",
            json!({ "engine": "mariadb", "engine_version": "10.6.14", "instance_class": "db.t3.medium" }),
            json!([["vpc", "vpc-1"]]),
        ),
        resource("aws.directconnect.connection", "network.link", "dx-1", json!({}), json!([])),
        resource("aws.sqs.queue", "messaging.queue", "orders.fifo", json!({ "fifo": true }), json!([])),
        resource("aws.secretsmanager.secret", "security.secret", "shop/key", json!({}), json!([])),
    ]
}

/// Calls a skill.
pub fn perform(skill: &str, input: Value) -> Result<Value, Failure> {
    test::perform::<Migration>(skill, input)
}

/// Calls a skill of these resources for a target, with more of its input.
pub fn ask(skill: &str, resources: &[Value], cloud: &str, more: Value) -> Value {
    let _host = Host::start().configuration(json!({}));
    let mut input = json!({ "estate": { "resources": resources }, "target": { "cloud": cloud } });
    for (name, value) in more.as_object().unwrap() {
        input[name] = value.clone();
    }
    perform(skill, input).unwrap_or_else(|failure| panic!("{skill}: {failure}"))
}

/// The row about a resource.
pub fn row<'a>(mapping: &'a Value, id: &str) -> &'a Value {
    let rows = mapping["rows"].as_array().expect("rows");
    rows.iter().find(|row| row["resource"]["id"] == id).unwrap_or_else(|| panic!("no row of {id}"))
}

/// The workload of a name.
pub fn workload<'a>(assessment: &'a Value, name: &str) -> &'a Value {
    let workloads = assessment["workloads"].as_array().expect("workloads");
    let found = workloads.iter().find(|workload| workload["name"] == name);
    found.unwrap_or_else(|| {
        panic!("no workload {name} in {:?}", workloads.iter().map(|w| &w["name"]).collect::<Vec<_>>())
    })
}

/// The codes of what is in the way of a row.
pub fn codes(row: &Value) -> Vec<&str> {
    let blockers = row["blockers"].as_array();
    blockers.into_iter().flatten().map(|blocker| blocker["code"].as_str().unwrap()).collect()
}
