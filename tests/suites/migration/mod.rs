//! The agent of migrations on a host, beside the agent of the cloud that an estate leaves: the runbook of its plan is
//! a task group that the host accepts, runs dry to its end, and stops at people where it is not dry.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;
use troupe_tests::{Host, plugin, root};

use crate::{PROGRAM, plugin_host};

/// Longest until something that is due has happened, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A host with both agents. That of AWS is granted nothing, so all that it lists is what it could not look at.
async fn host() -> Host {
    plugin::build("aws");
    let mut host = plugin_host("migration");
    host.start().await;
    let dir = TempDir::new().unwrap();
    let archive = dir.path().join("aws.tar");
    let aws = root().join("plugins/aws");
    let packed = Command::new(PROGRAM).arg("build").arg(&aws).arg("--output").arg(&archive).status();
    assert!(packed.unwrap().success());
    let client = host.client();
    let published = client.publish(std::fs::read(&archive).unwrap()).await.of(201);
    client.swap("aws", published["version"].as_str().unwrap()).await.of(200);
    // `dev` grants what a manifest asks for.
    client.put("/api/v1/deployments/aws/grants", &json!({ "grants": {} })).await.of(200);
    host
}

/// A plan for two workloads, one of which uses the other.
async fn plan(host: &Host, dry_run: bool) -> Value {
    let machine = |id: &str, app: &str, uses: &[&str]| {
        let relations: Vec<Value> = uses.iter().map(|id| json!({ "kind": "calls", "target": id })).collect();
        json!({ "id": id, "type": "aws.ec2.instance", "class": "compute.instance", "provider": "aws",
            "region": "us-east-1", "name": format!("{app} \"main\""), "tags": { "app": app }, "relations": relations,
            "attributes": { "instance_type": "m5.large", "state": "running", "platform": "Linux/UNIX" } })
    };
    let resources = [machine("i-1", "shop", &["i-2"]), machine("i-2", "accounts", &[])];
    let input = json!({ "estate": { "resources": resources }, "target": { "cloud": "aws", "region": "eu-west-1" },
        "dry_run": dry_run });
    host.client().run("migration", "plan", input).await.output()
}

#[tokio::test]
async fn the_runbook_of_a_plan_is_a_group_that_the_host_takes_and_runs_dry_to_its_end() {
    let host = host().await;
    let plan = plan(&host, true).await;
    assert_eq!(plan["waves"].as_array().unwrap().len(), 2, "{plan:#}");
    for runbook in plan["runbooks"].as_array().unwrap() {
        let group = host.client().post("/api/v1/task-groups?wait=60", &runbook["group"]).await.of(200);
        assert_eq!(group["status"], "completed", "{group:#}");
        let step = |name: &str| group["steps"].as_array().unwrap().iter().find(|step| step["name"] == name).unwrap();
        let seen = &step("unchanged")["output"];
        // The agent of AWS may look at nothing, and what could not be seen is not gone.
        assert_eq!(seen["counts"], json!({ "unknown": 1 }), "{seen:#}");
        assert!(!seen["errors"].as_array().unwrap().is_empty());
        assert_eq!(step("approve")["output"]["confirmed"], false);
        assert_eq!(step("move-1")["steps"].as_array().unwrap().len(), 2);
    }
    let asked = host.client().get("/api/v1/approvals").await.of(200);
    assert_eq!(asked["items"], json!([]), "a dry run asks nobody");
}

#[tokio::test]
async fn a_runbook_that_is_not_dry_stops_when_the_source_is_not_as_planned() {
    let host = host().await;
    let plan = plan(&host, false).await;
    let client = host.client();
    let made = client.post("/api/v1/task-groups", &plan["runbooks"][0]["group"]).await.of(202);
    let until = Instant::now() + PATIENCE;
    let group = loop {
        let path = format!("/api/v1/task-groups/{}?wait=10", made["id"].as_str().unwrap());
        let group = client.get(&path).await.of(200);
        if group["ended_at"].is_string() {
            break group;
        }
        assert!(Instant::now() < until, "it never ends: {group:#}");
    };
    assert_eq!(group["status"], "failed", "{group:#}");
    let failure = group["steps"][0]["failure"]["message"].as_str().unwrap();
    assert!(failure.contains("1 of 1 resources are not at the source as planned"), "{failure}");
    assert_eq!(group["steps"][1]["status"], "skipped", "nobody is asked about it any more");
}
