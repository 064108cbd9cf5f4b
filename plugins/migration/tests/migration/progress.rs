//! `progress`.

use serde_json::{Value, json};
use troupe_sdk::Failure;
use troupe_sdk::test::Host;

use crate::samples::{ask, perform, shop};

fn standing<'a>(progress: &'a Value, id: &str) -> &'a Value {
    progress["items"].as_array().unwrap().iter().find(|item| item["id"] == id).unwrap_or_else(|| panic!("no {id}"))
}

fn planned() -> (Vec<Value>, Value) {
    let mut resources = shop();
    resources.retain(|resource| resource["id"] != "dx-1");
    let plan = ask("plan", &resources, "gcp", json!({}));
    (resources, plan["items"].clone())
}

fn progress(input: Value) -> Result<Value, Failure> {
    let _host = Host::start().configuration(json!({}));
    perform("progress", input)
}

/// What arrived in the target of these items.
fn arrived(items: &Value, ids: &[&str]) -> Value {
    let marked = items.as_array().unwrap().iter().filter(|item| ids.contains(&item["id"].as_str().unwrap()));
    let resources: Vec<Value> = marked
        .map(|item| json!({ "id": format!("new {}", item["id"]), "type": "gcp.compute.googleapis.com/Instance", "class": "compute.instance",
            "provider": "gcp", "region": "us-east4", "tags": { "migration-source": item["mark"] } }))
        .collect();
    json!({ "resources": resources })
}

#[test]
fn what_is_done_under_way_left_drifted_and_gone_is_told() {
    let (mut resources, items) = planned();
    let by = |resources: &mut Vec<Value>, id: &str| resources.iter().position(|resource| resource["id"] == id).unwrap();
    let web = by(&mut resources, "i-web");
    resources[web]["attributes"]["state"] = json!("stopped");
    let database = by(&mut resources, "shop-db");
    resources[database]["attributes"]["instance_class"] = json!("db.m5.4xlarge");
    let pictures = by(&mut resources, "shop-pictures");
    resources.remove(pictures);
    resources.push(json!({ "id": "i-new", "type": "aws.ec2.instance", "class": "compute.instance", "provider": "aws", "region": "us-east-1" }));
    let told = progress(json!({ "target": { "cloud": "gcp" }, "items": items, "source": { "resources": resources },
        "arrived": arrived(&items, &["i-web", "vpc-1"]) }))
    .unwrap();
    let status = |id: &str| standing(&told, id)["status"].as_str().unwrap();
    assert_eq!(
        ["i-web", "vpc-1", "subnet-1", "shop-db", "shop-pictures"].map(status),
        ["done", "under_way", "left", "drifted", "gone"]
    );
    assert_eq!(
        standing(&told, "shop-db")["changed"],
        json!([{ "fact": "size", "planned": "db.m5.large", "now": "db.m5.4xlarge" }])
    );
    assert_eq!(standing(&told, "i-web")["became"], "new \"i-web\"");
    assert!(told["new"]["ids"].as_array().unwrap().contains(&json!("i-new")));
    let counts: u64 = told["counts"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(counts as usize, items.as_array().unwrap().len());
}

#[test]
fn nothing_is_gone_because_it_could_not_be_read() {
    let (mut resources, items) = planned();
    resources.retain(|resource| resource["type"] != "aws.s3.bucket");
    let problem = json!({ "provider": "aws", "service": "s3", "region": "global", "operation": "ListBuckets", "code": "AccessDenied",
        "message": "no", "kind": "denied", "count": 1 });
    let answer = json!({ "resources": resources, "errors": [problem] });
    let _host = Host::start().configuration(json!({})).agent("aws", "inventory", move |_| Ok(answer.clone()));
    let input =
        json!({ "target": { "cloud": "gcp" }, "items": items, "source": { "inventories": [{ "cloud": "aws" }] } });
    let told = perform("progress", input).unwrap();
    assert_eq!(standing(&told, "shop-pictures")["status"], "unknown");
    assert_eq!(told["errors"].as_array().unwrap().len(), 1);
    // An inventory that could not learn whose account it is tells the same resources.
    let (nameless, items) = planned();
    let nameless: Vec<Value> = nameless
        .into_iter()
        .map(|mut resource| {
            resource.as_object_mut().unwrap().remove("account");
            resource
        })
        .collect();
    let told =
        progress(json!({ "target": { "cloud": "gcp" }, "items": items, "source": { "resources": nameless } })).unwrap();
    assert_eq!(told["counts"], json!({ "left": items.as_array().unwrap().len() }));
    let blind = progress(json!({ "target": { "cloud": "gcp" }, "items": items })).unwrap();
    assert_eq!(blind["counts"], json!({ "unknown": items.as_array().unwrap().len() }));
}

#[test]
fn what_is_required_fails_the_step_unless_it_is_a_dry_run() {
    let (mut resources, items) = planned();
    let input = |resources: &Vec<Value>, require: &str, dry: bool| json!({ "target": { "cloud": "gcp" }, "items": items, "source": { "resources": resources }, "require": require, "dry_run": dry });
    assert_eq!(progress(input(&resources, "unchanged", false)).unwrap().get("fails"), None);
    let failure = progress(input(&resources, "moved", false)).unwrap_err();
    let Failure::Failed(problem) = failure else { panic!("{failure:?}") };
    assert_eq!(problem.code(), Some("migration.not_as_required"));
    resources.pop();
    resources.remove(0);
    let dry = progress(input(&resources, "unchanged", true)).unwrap();
    assert!(dry["fails"].as_str().unwrap().contains("are not at the source as planned"), "{dry}");
    assert!(progress(input(&resources, "unchanged", false)).is_err());
}

#[test]
fn what_could_not_be_seen_is_neither_done_nor_gone() {
    let (resources, items) = planned();
    let hidden = |provider: &str, service: &str| {
        json!([{ "provider": provider, "service": service, "region": "global", "operation": "List", "code": "AccessDenied",
            "message": "no", "kind": "denied", "count": 1 }])
    };
    let without =
        |id: &str| -> Vec<Value> { resources.iter().filter(|resource| resource["id"] != id).cloned().collect() };
    // The agents' answers have problems; what is given as resources has none, so an inventory is asked.
    let ask = |source: Value, target: Value| {
        let _host = Host::start()
            .configuration(json!({}))
            .agent("aws", "inventory", move |_| Ok(source.clone()))
            .agent("gcp", "inventory", move |_| Ok(target.clone()));
        perform(
            "progress",
            json!({ "target": { "cloud": "gcp" }, "items": items, "source": { "inventories": [{ "cloud": "aws" }] },
                "arrived": { "inventories": [{ "cloud": "gcp" }] } }),
        )
        .unwrap()
    };
    let there = arrived(&items, &["i-web"])["resources"].clone();
    let told =
        ask(json!({ "resources": without("i-web"), "errors": hidden("aws", "ec2") }), json!({ "resources": there }));
    assert_eq!(standing(&told, "i-web")["status"], "under_way");
    let told = ask(
        json!({ "resources": without("shop-pictures") }),
        json!({ "resources": [], "errors": hidden("gcp", "storage.googleapis.com") }),
    );
    assert_eq!(standing(&told, "shop-pictures")["status"], "unknown");
}
