//! `assess`.

use serde_json::{Value, json};

use crate::samples::{ask, perform, shop, workload};

fn members(workload: &Value) -> Vec<&str> {
    workload["members"].as_array().unwrap().iter().map(|member| member["id"].as_str().unwrap()).collect()
}

#[test]
fn resources_are_grouped_by_tags_then_relations_and_what_is_shared_is_apart() {
    let assessment = ask("assess", &shop(), "azure", json!({}));
    let shop = workload(&assessment, "shop");
    assert_eq!(shop["by"], "tag");
    assert_eq!(members(shop), ["i-web", "sg-db", "sg-web", "vol-root", "vol-web", "shop-db"]);
    let report = workload(&assessment, "report");
    assert_eq!((&report["by"], members(report)), (&json!("relations"), vec!["reports", "report-role", "report"]));
    assert_eq!(members(workload(&assessment, "foundation-network")), ["dx-1", "subnet-1", "vpc-1"]);
    assert_eq!(workload(&assessment, "shop-pictures")["by"], "alone");
    assert_eq!(shop["needs"], json!(["foundation-network"]));
    let count: usize = assessment["workloads"].as_array().unwrap().iter().map(|workload| members(workload).len()).sum();
    assert_eq!(count, crate::samples::shop().len(), "each resource is in one workload");
}

#[test]
fn each_workload_goes_one_of_six_ways_by_a_rule_and_because_of_resources() {
    let assessment = ask("assess", &shop(), "azure", json!({}));
    let told = |name: &str| {
        let workload = workload(&assessment, name);
        (workload["strategy"].as_str().unwrap(), workload["reasons"][0]["rule"].as_str().unwrap())
    };
    assert_eq!(told("shop"), ("replatform", "hardest"));
    assert_eq!(told("report"), ("refactor", "hardest"));
    assert_eq!(told("shop-pictures"), ("rehost", "hardest"));
    assert_eq!(told("i-old"), ("retire", "all-retired"));
    assert_eq!(told("wiki-db"), ("refactor", "hardest"));
    assert_eq!(workload(&assessment, "wiki-db")["reasons"][1]["rule"], "no-engine");
    assert_eq!(told("foundation-network").0, "retain");
    let shop = workload(&assessment, "shop");
    assert_eq!(shop["reasons"][0]["resources"], json!(["shop-db"]));
    let codes: Vec<&Value> = shop["blockers"].as_array().unwrap().iter().map(|row| &row["code"]).collect();
    assert_eq!(codes, ["key"]);
    assert_eq!(
        (&shop["costs"]["both"], &shop["costs"]["now"]["USD"], &shop["costs"]["then"]["USD"]),
        (&json!(1), &json!(70.08), &json!(62.78))
    );
}

#[test]
fn people_and_use_have_the_first_word() {
    let mut resources = shop();
    let web = resources.iter_mut().find(|resource| resource["id"] == "i-web").unwrap();
    web["tags"]["migration"] = json!("Retain");
    let assessment = ask("assess", &resources, "azure", json!({}));
    let shop = workload(&assessment, "shop");
    assert_eq!((&shop["strategy"], &shop["reasons"][0]["rule"]), (&json!("retain"), &json!("part-retained")));
    assert_eq!(shop["reasons"][1]["says"], "its tag `migration` says `retain`");

    let idle = json!({ "usage": { "i-web": { "cpu_peak_percent": 1.5, "days": 30 } } });
    let assessment = ask("assess", &crate::samples::shop(), "azure", idle);
    let member = workload(&assessment, "shop")["members"].as_array().unwrap()[0].clone();
    assert_eq!((&member["way"], &member["rule"]), (&json!("retire"), &json!("idle")));
    let busy = json!({ "usage": { "i-web": { "cpu_peak_percent": 1.5, "days": 3 } } });
    let assessment = ask("assess", &crate::samples::shop(), "azure", busy);
    assert_eq!(workload(&assessment, "shop")["members"][0]["way"], "rehost");
}

#[test]
fn relations_that_lead_out_of_what_was_read_are_told() {
    let lone = json!({ "id": "i", "type": "aws.ec2.instance", "class": "compute.instance", "provider": "aws", "region": "us-east-1",
        "relations": [{ "kind": "subnet", "target": "subnet-9" }] });
    assert_eq!(ask("assess", &[lone], "gcp", json!({}))["not_read"], json!({ "subnet": 1 }));
}

#[test]
fn a_machine_that_was_stopped_lately_or_at_a_time_that_nobody_tells_moves_with_a_note() {
    let now = "2026-02-01T00:00:00Z".parse::<jiff::Timestamp>().unwrap();
    let _host = troupe_sdk::test::Host::start().configuration(json!({})).at(now.into());
    let machine = |id: &str, more: Value| {
        let mut attributes = json!({ "instance_type": "m5.large", "state": "stopped", "architecture": "x86_64" });
        attributes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "id": id, "type": "aws.ec2.instance", "class": "compute.instance", "provider": "aws", "region": "us-east-1",
            "attributes": attributes })
    };
    let resources = [
        machine("i-long", json!({ "stopped_at": "2026-01-01T00:00:00Z" })),
        machine("i-brief", json!({ "stopped_at": "2026-01-20T00:00:00Z" })),
        machine("i-unknown", json!({})),
    ];
    let ask = |skill: &str, days: Option<u32>| {
        let mut input = json!({ "estate": { "resources": resources }, "target": { "cloud": "gcp" } });
        if let Some(days) = days {
            input["stopped_days"] = json!(days);
        }
        perform(skill, input).unwrap()
    };
    let ways = |days: Option<u32>| -> Vec<Value> {
        let told = ask("assess", days);
        ["i-long", "i-brief", "i-unknown"].map(|id| workload(&told, id)["members"][0]["rule"].clone()).to_vec()
    };
    assert_eq!(ways(None), ["stopped", "table", "table"]);
    assert_eq!(ways(Some(10)), ["stopped", "stopped", "table"]);
    assert_eq!(ways(Some(60)), ["table", "table", "table"]);
    let plan = ask("plan", None);
    let item = |id: &str| plan["items"].as_array().unwrap().iter().find(|item| item["id"] == id).unwrap().clone();
    assert!(item("i-brief")["note"].as_str().unwrap().contains("stopped for 12 days; a machine is retired after 30"));
    assert!(item("i-unknown")["note"].as_str().unwrap().contains("since when nobody tells"));
    assert_eq!(plan["left_out"][0]["why"], "its workload is retired: it has been stopped for 31 days");
    let terraform = ask("terraform", None).to_string();
    assert!(terraform.contains("# It has been stopped for 12 days"), "{terraform}");
    assert_eq!(ask("terraform", None)["by_hand"][0]["why"], "it is retired: it has been stopped for 31 days");
}
