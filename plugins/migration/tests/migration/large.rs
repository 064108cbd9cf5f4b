//! Estates that are larger than memory, or than an answer.

use serde_json::{Value, json};
use troupe_sdk::Failure;
use troupe_sdk::test::Host;

use crate::samples::perform;

fn machine(number: usize) -> Value {
    json!({ "id": format!("i-{number:08}"), "type": "aws.ec2.instance", "class": "compute.instance", "provider": "aws",
        "account": "111122223333", "region": "us-east-1", "name": format!("web {number}"),
        "tags": { "app": format!("app {}", number % 700) },
        "attributes": { "instance_type": "m5.large", "state": "running", "platform": "Linux/UNIX" },
        "relations": [{ "kind": "subnet", "target": format!("subnet-{}", number % 40) }] })
}

fn lines(count: usize) -> String {
    (0..count).map(|number| format!("{}\n", machine(number))).collect()
}

#[test]
fn map_takes_any_number_and_leaves_what_is_too_long_as_artefacts() {
    let host = Host::start().configuration(json!({})).file("inventories", "all.jsonl", lines(2500));
    let mapping =
        perform("map", json!({ "estate": { "files": ["all.jsonl"] }, "target": { "cloud": "gcp" } })).unwrap();
    assert_eq!((&mapping["resources"], &mapping["rows"]), (&json!(2500), &json!([])));
    let mut rows = 0;
    for name in mapping["parts"].as_array().unwrap() {
        let left = host.artifact(name.as_str().unwrap()).unwrap();
        let text = String::from_utf8(left.bytes).unwrap();
        for line in text.lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            assert_eq!(row["to"]["size"]["name"], "e2-standard-2");
            rows += 1;
        }
    }
    assert_eq!(rows, 2500);
}

#[test]
fn an_inventory_that_lies_in_artefacts_is_no_empty_estate() {
    let part = |number: usize| {
        json!({ "name": format!("resources-{number:05}.jsonl"), "entries": 20_000, "bytes": 1, "sha256": "00",
            "counts": {}, "first": "a", "last": "b" })
    };
    let parts = |count: usize| json!((1..=count).map(part).collect::<Vec<_>>());
    // As `azure` and `gcp` tell it, and as `aws` does.
    for (cloud, answer) in [
        ("azure", json!({ "resources": [], "parts": parts(1), "errors": [] })),
        ("gcp", json!({ "resources": [], "parts": parts(7), "errors": [] })),
        ("aws", json!({ "parts": parts(2), "errors": [] })),
    ] {
        let told = answer.clone();
        let _host = Host::start().configuration(json!({})).agent(cloud, "inventory", move |_| Ok(told.clone()));
        for skill in ["map", "assess", "plan", "terraform"] {
            let input = json!({ "estate": { "inventories": [{ "cloud": cloud }] }, "target": { "cloud": "gcp" } });
            let failure = perform(skill, input).unwrap_err();
            let Failure::Failed(problem) = &failure else { panic!("{skill} of {cloud}: {failure:?}") };
            assert_eq!(problem.code(), Some("migration.in_artefacts"), "{skill} of {cloud}");
            for part in ["`resources-00001.jsonl`", "task-", "--artifact", "`inventories`", "`files`"] {
                assert!(problem.message.contains(part), "{part}: {}", problem.message);
            }
            assert_eq!(problem.message.contains("and 2 more"), cloud == "gcp", "{}", problem.message);
            assert_eq!(
                problem.details.as_ref().unwrap()["artefacts"].as_array().unwrap().len(),
                answer["parts"].as_array().unwrap().len()
            );
        }
    }
    // What is empty and says so is an estate without resources.
    let nothing = json!({ "resources": [], "errors": [] });
    let _host = Host::start().configuration(json!({})).agent("gcp", "inventory", move |_| Ok(nothing.clone()));
    let input = json!({ "estate": { "inventories": [{ "cloud": "gcp" }] }, "target": { "cloud": "aws" } });
    assert_eq!(perform("map", input).unwrap()["resources"], json!(0));
}

#[test]
fn what_looks_at_everything_refuses_what_is_too_large_by_name() {
    let _host = Host::start().configuration(json!({})).file("inventories", "all.jsonl", lines(20_001));
    let failure =
        perform("assess", json!({ "estate": { "files": ["all.jsonl"] }, "target": { "cloud": "gcp" } })).unwrap_err();
    let Failure::InvalidInput(problem) = failure else { panic!("{failure:?}") };
    assert_eq!(problem.code(), Some("migration.too_large"));
    assert_eq!(problem.details.as_ref().unwrap()["maximum"], 20_000);
}

#[test]
fn the_largest_estate_there_may_be_is_planned_within_an_answer() {
    let _host = Host::start().configuration(json!({})).file("inventories", "all.jsonl", lines(20_000));
    let plan = perform("plan", json!({ "estate": { "files": ["all.jsonl"] }, "target": { "cloud": "gcp" } })).unwrap();
    assert_eq!(plan["items"].as_array().unwrap().len(), 20_000);
    let bytes = plan.to_string().len();
    assert!(bytes < 16 * 1024 * 1024, "{bytes}");
    assert!(!plan["runbooks_left"].as_array().unwrap().is_empty());
}

#[test]
fn a_wave_that_is_too_large_for_a_runbook_is_told_before_one_is_written() {
    let host = Host::start().configuration(json!({}));
    let one = |number: usize| {
        let mut machine = machine(number);
        machine["id"] = json!(format!("i-{number:0>900}"));
        machine["tags"] = json!({ "app": "all" });
        machine
    };
    let resources: Vec<Value> = (0..10_000).map(one).collect();
    let ask = |more: Value| {
        let mut input = json!({ "estate": { "resources": resources }, "target": { "cloud": "gcp" } });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        perform("plan", input)
    };
    let plan = ask(json!({})).unwrap();
    assert_eq!((plan["runbooks"].as_array().unwrap().len(), &plan["runbooks_left"]), (0, &json!([1])));
    assert_eq!((plan["items"].as_array().unwrap().len(), &plan["parts"]), (0, &json!(["items.jsonl"])));
    let left = String::from_utf8(host.artifact("items.jsonl").unwrap().bytes).unwrap();
    assert_eq!(left.lines().count(), 10_000);
    let first: Value = serde_json::from_str(left.lines().next().unwrap()).unwrap();
    assert_eq!((&first["wave"], &first["workload"]), (&json!(1), &json!("all")));
    let Failure::InvalidInput(problem) = ask(json!({ "runbooks": [1] })).unwrap_err() else { panic!("no such input") };
    assert_eq!(problem.code(), Some("migration.too_large"));
    assert!(problem.message.contains("wave_resources_max"), "{problem:?}");
}
