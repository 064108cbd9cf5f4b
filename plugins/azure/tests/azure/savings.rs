//! What is paid for and not used, with its evidence.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::cloud::{GRAPH, cloud, error, graph, object, savings};

/// The first moment of 2026, when the test host's clock starts, and some days before.
fn days_before(days: u64) -> String {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600 - days * 86_400);
    jiff::Timestamp::try_from(time).unwrap().to_string()
}

/// Findings by rule and the name of the resource.
fn by_rule(told: &Value) -> BTreeMap<(String, String), Value> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = told["findings"].as_array().unwrap();
    findings.iter().map(|one| ((text(&one["rule"]), text(&one["resource"]["name"])), one.clone())).collect()
}

fn with_sku(mut object: Value, tier: &str) -> Value {
    object["sku"] = json!({ "name": tier, "tier": tier });
    object
}

#[test]
fn what_is_not_used_is_found_with_its_evidence_and_what_is_used_is_not() {
    let disk = |name: &str, state: &str| {
        object("Microsoft.Compute/disks", name, json!({ "diskState": state, "diskSizeGB": 64 }))
    };
    let machine = |name: &str, state: &str| {
        object(
            "Microsoft.Compute/virtualMachines",
            name,
            json!({ "extended": { "instanceView": { "powerState": { "code": state } } }, "hardwareProfile": { "vmSize": "Standard_D2s_v5" } }),
        )
    };
    let address = |name: &str, properties: Value| object("Microsoft.Network/publicIPAddresses", name, properties);
    let plan = |name: &str, tier: &str, sites: u32| {
        with_sku(object("Microsoft.Web/serverfarms", name, json!({ "numberOfSites": sites })), tier)
    };
    let snapshot = |name: &str, days: u64| {
        object("Microsoft.Compute/snapshots", name, json!({ "timeCreated": days_before(days), "diskSizeGB": 32 }))
    };
    let rows = vec![
        disk("loose", "Unattached"),
        disk("used", "Attached"),
        disk("reserved", "Reserved"),
        machine("stopped", "PowerState/stopped"),
        machine("gone", "PowerState/deallocated"),
        machine("runs", "PowerState/running"),
        address("free", json!({ "ipAddress": "1.2.3.4" })),
        address("bound", json!({ "ipConfiguration": { "id": "/a" } })),
        address("nat", json!({ "natGateway": { "id": "/b" } })),
        plan("empty", "PremiumV3", 0),
        plan("full", "PremiumV3", 2),
        plan("functions", "Dynamic", 0),
        snapshot("old", 91),
        snapshot("new", 89),
    ];
    let _host = cloud(move |asked| {
        let is_main = asked.path == GRAPH && asked.body["query"].as_str()?.starts_with("resources ");
        is_main.then(|| graph(&rows, None))
    });
    let told = savings(json!({}));
    assert_eq!(told["errors"], json!([]));
    let found = by_rule(&told);
    let rules: Vec<(&str, &str)> = found.keys().map(|(rule, name)| (rule.as_str(), name.as_str())).collect();
    assert_eq!(
        rules,
        [
            ("azure.disk.unattached", "loose"),
            ("azure.plan.empty", "empty"),
            ("azure.public-ip.unused", "free"),
            ("azure.snapshot.old", "old"),
            ("azure.vm.stopped", "stopped"),
        ]
    );
    let evidence = |rule: &str, name: &str| found[&(rule.to_owned(), name.to_owned())]["evidence"].clone();
    assert_eq!(
        evidence("azure.disk.unattached", "loose"),
        json!([{ "attribute": "disk_state", "value": "Unattached" }, { "attribute": "size_gib", "value": 64 }])
    );
    assert!(
        evidence("azure.snapshot.old", "old")
            .as_array()
            .unwrap()
            .contains(&json!({ "attribute": "age_days", "value": 91, "moving": true }))
    );
    assert!(found.values().all(|finding| finding.get("saving").is_none()), "nobody has said what these cost");
    assert_eq!(told["counts"], json!({ "low": 2, "medium": 3 }));
}

#[test]
fn a_disk_that_machines_share_is_found_once_and_only_while_none_has_it() {
    let disk = |name: &str, state: &str, by: &[&str]| {
        let machines: Vec<Value> =
            by.iter().map(|by| object("Microsoft.Compute/virtualMachines", by, json!({}))["id"].clone()).collect();
        let mut disk = object("Microsoft.Compute/disks", name, json!({ "diskState": state, "maxShares": 2 }));
        disk["managedByExtended"] = json!(machines);
        disk
    };
    let _host = cloud(move |asked| {
        let is_main = asked.path == GRAPH && asked.body["query"].as_str()?.starts_with("resources ");
        let rows = [disk("loose", "Unattached", &[]), disk("shared", "Attached", &["one", "two"])];
        // The second page tells again what the first one told.
        let is_first = asked.body["options"].get("$skipToken").is_none();
        is_main.then(|| graph(&rows, is_first.then_some("more")))
    });
    let told = savings(json!({}));
    let names: Vec<&Value> = told["findings"].as_array().unwrap().iter().map(|one| &one["resource"]["name"]).collect();
    assert_eq!((names, &told["counts"]), (vec![&json!("loose")], &json!({ "medium": 1 })));
}

#[test]
fn an_amount_is_what_advisor_says_and_of_which_day() {
    let advice = |name: &str, category: &str, more: Value| {
        object(
            "Microsoft.Advisor/recommendations",
            name,
            json!({
        "category": category, "impact": "High", "lastUpdated": "2025-12-30T07:49:17.918645Z",
        "shortDescription": { "problem": "Too large", "solution": "Resize" }, "extendedProperties": more }),
        )
    };
    let rows = vec![
        advice(
            "month",
            "Cost",
            json!({ "savingsAmount": "47", "annualSavingsAmount": "575", "savingsCurrency": "EUR" }),
        ),
        advice("year", "Cost", json!({ "annualSavingsAmount": 600, "savingsCurrency": "USD" })),
        advice("unpriced", "Cost", json!({})),
        advice("other", "Security", json!({ "savingsAmount": "1", "savingsCurrency": "USD" })),
    ];
    let _host = cloud(move |asked| {
        let is_advice = asked.path == GRAPH && asked.body["query"].as_str()?.starts_with("advisorresources ");
        is_advice.then(|| graph(&rows, None))
    });
    let found = by_rule(&savings(json!({})));
    let saving = |name: &str| found[&("azure.advisor.cost".to_owned(), name.to_owned())].get("saving").cloned();
    assert_eq!(found.len(), 3);
    assert_eq!(
        saving("month"),
        Some(json!({ "monthly": 47.0, "currency": "EUR", "source": "Azure Advisor", "as_of": "2025-12-30" }))
    );
    assert_eq!(saving("year").unwrap()["monthly"], 50.0);
    assert_eq!(saving("unpriced"), None);
}

#[test]
fn what_could_not_be_read_is_not_checked_and_what_could_not_be_listed_is_an_error() {
    let machine = object("Microsoft.Compute/virtualMachines", "vm", json!({}));
    let _host = cloud(move |asked| match asked.path.as_str() {
        GRAPH => Some(error(403, "AuthorizationFailed")),
        path if path.ends_with("/providers/microsoft.compute/virtualmachines") => {
            Some(crate::cloud::list(std::slice::from_ref(&machine)))
        }
        path if path.ends_with("/instanceview") || path.ends_with("/disks") => Some(error(403, "AuthorizationFailed")),
        _ => None,
    });
    let told = savings(json!({}));
    let found = by_rule(&told);
    let finding = &found[&("azure.vm.stopped".to_owned(), "vm".to_owned())];
    assert_eq!(
        (&finding["status"], &finding["reason"]),
        (&json!("not_checked"), &json!("the power state of the machine could not be read"))
    );
    let errors: Vec<&str> =
        told["errors"].as_array().unwrap().iter().filter_map(|error| error["operation"].as_str()).collect();
    assert!(
        errors.contains(&"list Microsoft.Compute/disks")
            && errors.contains(&"get Microsoft.Compute/virtualMachines/instanceView"),
        "{errors:?}"
    );
}
