//! What the agent says of money, with moto as the account: a bill that was posted to it, and
//! machines that nobody uses.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use troupe_tests::Host;

use super::moto::{Moto, all_between};
use super::{STRANGER, agent_host};

/// Longest that a skill may take on a machine that is busy.
const SKILL_TIME_MAX: Duration = Duration::from_secs(120);

async fn perform(host: &Host, skill: &str, input: Value) -> Value {
    let client = host.client();
    let task = json!({ "agent": "aws", "skill": skill, "input": input });
    let id = client.post("/api/v1/tasks", &task).await.of(202)["id"].as_str().unwrap().to_owned();
    let until = Instant::now() + SKILL_TIME_MAX;
    loop {
        let task = client.ended(&id).await;
        match task["status"].as_str() {
            Some("completed") => return task["output"].clone(),
            Some("pending" | "running") => assert!(Instant::now() < until, "{skill} does not end"),
            _ => panic!("{task:#}"),
        }
    }
}

#[tokio::test]
async fn the_bill_is_told_as_it_was_posted() {
    let Some(moto) = Moto::start().await else { return };
    let cost = |amount: &str| json!({ "UnblendedCost": { "Amount": amount, "Unit": "USD" } });
    let day = |groups: Value, total: Value| {
        json!({ "ResultsByTime": [{ "TimePeriod": { "Start": "2026-01-05", "End": "2026-01-06" },
            "Total": total, "Groups": groups, "Estimated": false }] })
    };
    let groups = json!([
        { "Keys": ["Amazon Simple Storage Service"], "Metrics": cost("1.25") },
        { "Keys": ["AWS Lambda"], "Metrics": cost("0.5") },
    ]);
    // moto hands them out in the order in which it is asked, which is any: each answers both questions.
    let both = day(groups, cost("1.75"));
    moto.post_costs(&[both.clone(), both]).await;
    let mut host = agent_host(&moto, STRANGER);
    host.start().await;
    let input = json!({ "from": "2026-01-05", "to": "2026-01-06", "by": ["service"] });
    let told = perform(&host, "cost-report", input).await;
    assert_eq!((&told["errors"], &told["currency"]), (&json!([]), &json!("USD")));
    assert_eq!((&told["total"], &told["by"][0]["total"]), (&json!(1.75), &json!(1.75)));
    assert_eq!(told["by"][0]["rows"][0]["key"], "Amazon Simple Storage Service");
}

#[tokio::test]
async fn what_nobody_uses_is_found_with_its_price() {
    let Some(moto) = Moto::start().await else { return };
    let call = |pairs: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
        let version = [("Version", "2016-11-15")];
        pairs.iter().chain(&version).map(|(name, value)| (*name, (*value).to_owned())).collect()
    };
    let volume =
        [("Action", "CreateVolume"), ("Size", "100"), ("VolumeType", "gp2"), ("AvailabilityZone", "us-east-1a")];
    let answer = moto.query("ec2", "us-east-1", &call(&volume)).await;
    let volume = all_between(&answer, "volumeId")[0].to_owned();
    moto.query("ec2", "us-east-1", &call(&[("Action", "AllocateAddress"), ("Domain", "vpc")])).await;
    let mut host = agent_host(&moto, STRANGER);
    host.start().await;
    let rules = json!(["volume_unattached", "address_unattached", "instance_underused", "nat_gateway_idle"]);
    let told = perform(&host, "savings", json!({ "regions": ["us-east-1"], "rules": rules })).await;
    assert_eq!(told["errors"], json!([]));
    let findings = told["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 2, "{told:#}");
    assert_eq!((&findings[0]["resource"]["id"], &findings[0]["saving"]["monthly"]), (&json!(volume), &json!(10.0)));
    assert_eq!(told["totals"][0]["monthly"], 13.65);
}
