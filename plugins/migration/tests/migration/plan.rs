//! `plan`.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::samples::{ask, shop};

fn wave_of(plan: &Value) -> BTreeMap<String, u64> {
    let items = plan["items"].as_array().unwrap();
    items.iter().map(|item| (item["id"].as_str().unwrap().to_owned(), item["wave"].as_u64().unwrap())).collect()
}

/// Holds what every plan has to keep to.
fn hold(resources: &[Value], plan: &Value, most: usize) {
    let waves = wave_of(plan);
    let left: BTreeSet<&str> =
        plan["left_out"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(plan["items"].as_array().unwrap().len(), waves.len(), "no resource is in two waves");
    for resource in resources {
        let id = resource["id"].as_str().unwrap();
        assert!(waves.contains_key(id) != left.contains(id), "{id} is in one wave or told why not");
    }
    assert_eq!(waves.len() + left.len(), resources.len());
    let workload: BTreeMap<&str, &str> = plan["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["id"].as_str().unwrap(), item["workload"].as_str().unwrap()))
        .collect();
    let cycles: Vec<BTreeSet<&str>> = plan["cycles"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cycle| cycle["workloads"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect())
        .collect();
    for resource in resources {
        let id = resource["id"].as_str().unwrap();
        for relation in resource["relations"].as_array().into_iter().flatten() {
            let other = relation["target"].as_str().unwrap();
            let (Some(own), Some(needed)) = (waves.get(id), waves.get(other)) else { continue };
            let (one, two) = (workload[id], workload[other]);
            let together = one == two || cycles.iter().any(|cycle| cycle.contains(one) && cycle.contains(two));
            assert!(if together { own == needed } else { own > needed }, "{id} in {own} needs {other} in {needed}");
        }
    }
    for wave in plan["waves"].as_array().unwrap() {
        let count = waves.values().filter(|own| **own == wave["number"].as_u64().unwrap()).count();
        assert_eq!(count as u64, wave["resources"].as_u64().unwrap());
        assert!(count > 0);
        assert_eq!(wave["oversized"], count > most);
        assert!(wave["needs"].as_array().unwrap().iter().all(|need| need.as_u64() < wave["number"].as_u64()));
    }
}

#[test]
fn nothing_moves_before_what_it_needs_and_what_stays_says_why() {
    let mut resources = shop();
    resources.retain(|resource| resource["id"] != "dx-1");
    let plan = ask("plan", &resources, "azure", json!({}));
    hold(&resources, &plan, 50);
    let waves = wave_of(&plan);
    assert_eq!((waves["vpc-1"], waves["i-web"]), (1, 2));
    let why = |id: &str| {
        let left = plan["left_out"].as_array().unwrap().iter().find(|row| row["id"] == id).unwrap();
        left["why"].as_str().unwrap().to_owned()
    };
    assert!(why("i-old").starts_with("its workload is retired: it has been stopped for "), "{}", why("i-old"));
    assert!(plan["dry_run"].as_bool().unwrap());
}

#[test]
fn workloads_in_a_circle_move_at_once_and_the_circle_is_told() {
    let machine = |id: &str, app: &str, to: &str| {
        json!({ "id": id, "type": "aws.ec2.instance", "class": "compute.instance",
        "provider": "aws", "region": "us-east-1", "tags": { "app": app }, "attributes": { "instance_type": "m5.large", "state": "running" },
        "relations": [{ "kind": "calls", "target": to }] })
    };
    let resources = [machine("a", "one", "b"), machine("b", "two", "a"), machine("c", "three", "a")];
    let plan = ask("plan", &resources, "gcp", json!({ "wave_resources_max": 1 }));
    hold(&resources, &plan, 1);
    assert_eq!(plan["cycles"][0]["workloads"], json!(["one", "two"]));
    assert_eq!(plan["cycles"][0]["relations"][0], json!({ "from": "a", "kind": "calls", "to": "b" }));
    assert_eq!((&plan["waves"][0]["oversized"], plan["waves"].as_array().unwrap().len()), (&json!(true), 2));
}

#[test]
fn a_runbook_asks_before_it_cuts_over_and_knows_the_way_back() {
    let mut resources = shop();
    resources.retain(|resource| resource["id"] != "dx-1");
    let plan = ask("plan", &resources, "azure", json!({ "runbooks": [2] }));
    let runbooks = plan["runbooks"].as_array().unwrap();
    assert_eq!((runbooks.len(), &runbooks[0]["wave"]), (1, &json!(2)));
    let group = &runbooks[0]["group"];
    let names: Vec<&str> =
        group["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!((names[0], names[1], names.last()), ("unchanged", "approve", Some(&"accept")));
    let step = |name: &str| group["steps"].as_array().unwrap().iter().find(|step| step["name"] == name).unwrap();
    assert_eq!(step("unchanged")["task"]["input"]["require"], "unchanged");
    assert_eq!(step("verify")["needs"].as_array().unwrap().len(), names.len() - 4);
    for step in group["steps"].as_array().unwrap().iter().filter(|step| step["group"].is_object()) {
        assert_eq!(step["needs"], json!(["approve"]));
        let inner = step["group"]["steps"].as_array().unwrap();
        assert_eq!((inner[0]["name"].as_str(), inner[1]["name"].as_str()), (Some("prepare"), Some("cut-over")));
        let back = &inner[1]["compensate"]["task"];
        assert!(back["input"]["title"].as_str().unwrap().starts_with("roll back "), "{back}");
    }
    // Nothing in it is done, and nobody asked, unless somebody says so.
    assert!(!group.to_string().contains("\"dry_run\":false"));
    let live = ask("plan", &resources, "azure", json!({ "dry_run": false, "runbooks": [1] }));
    assert!(!live["runbooks"][0]["group"].to_string().contains("\"dry_run\":true"));
    let _host = troupe_sdk::test::Host::start().configuration(json!({}));
    let none = json!({ "estate": { "resources": resources }, "target": { "cloud": "azure" }, "runbooks": [99] });
    assert!(crate::samples::perform("plan", none).unwrap_err().to_string().contains("no wave 99"));
}

#[test]
fn a_runbook_has_no_more_steps_than_a_group_may() {
    let machine = |number: usize| {
        json!({ "id": format!("i-{number}"), "type": "aws.ec2.instance", "class": "compute.instance",
        "provider": "aws", "region": "us-east-1", "tags": { "app": format!("app {number}") },
        "attributes": { "instance_type": "m5.large", "state": "running" } })
    };
    let resources: Vec<Value> = (0..300).map(machine).collect();
    let plan = ask("plan", &resources, "gcp", json!({ "wave_resources_max": 300 }));
    hold(&resources, &plan, 300);
    let group = &plan["runbooks"][0]["group"];
    let steps = group["steps"].as_array().unwrap();
    let inner: usize = steps.iter().filter_map(|step| step["group"]["steps"].as_array()).map(Vec::len).sum();
    assert!(steps.len() <= 64 && steps.len() + inner <= 256, "{} {inner}", steps.len());
}

#[test]
fn the_same_estate_makes_the_same_plan_in_whatever_order_it_is_told() {
    let mut resources = shop();
    let one = ask("plan", &resources, "gcp", json!({}));
    resources.reverse();
    assert_eq!(one, ask("plan", &resources, "gcp", json!({})));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn every_resource_of_any_estate_is_in_one_wave_or_told_why_not(
        edges in proptest::collection::vec((0_usize..24, 0_usize..24), 0..60),
        apps in proptest::collection::vec(proptest::option::of(0_usize..6), 24),
        kinds in proptest::collection::vec(0_usize..8, 24),
        most in 1_usize..12,
    ) {
        let table = [
            ("aws.ec2.instance", "compute.instance"), ("aws.ec2.volume", "compute.disk"), ("aws.ec2.vpc", "network.vpc"),
            ("aws.ec2.security-group", "network.security_group"), ("aws.iam.role", "identity.role"),
            ("aws.dynamodb.table", "database.document"), ("aws.ec2.snapshot", "compute.snapshot"), ("aws.x.y", "other"),
        ];
        let resources: Vec<Value> = (0..24).map(|place| {
            let (kind, class) = table[kinds[place]];
            let relations: Vec<Value> = edges.iter().filter(|(from, to)| *from == place && from != to)
                .map(|(_, to)| json!({ "kind": "uses", "target": format!("r-{to}") })).collect();
            let tags = apps[place].map_or_else(|| json!({}), |app| json!({ "app": format!("app-{app}") }));
            json!({ "id": format!("r-{place}"), "type": kind, "class": class, "provider": "aws", "region": "us-east-1",
                "tags": tags, "attributes": {}, "relations": relations })
        }).collect();
        let plan = ask("plan", &resources, "gcp", json!({ "wave_resources_max": most }));
        hold(&resources, &plan, most);
    }
}
