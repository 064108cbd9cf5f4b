//! What goes wrong stands beside what was found, and says what it means.

use std::time::Duration;

use serde_json::{Value, json};
use troupe_sdk::test::Answer;
use troupe_sdk::time;

use crate::cloud::{GRAPH, S1, S2, cloud, error, graph, inventory, list, object, resource};

const DISKS: &str = "/subscriptions/S1/providers/microsoft.compute/disks";

fn errors(found: &Value) -> Vec<(&str, &str, &str)> {
    let text = |error: &'_ Value, name: &str| error[name].as_str().unwrap_or_default().to_owned().leak() as &str;
    let errors = found["errors"].as_array().unwrap();
    errors.iter().map(|error| (text(error, "operation"), text(error, "kind"), text(error, "code"))).collect()
}

#[test]
fn a_list_that_is_denied_hides_its_type_alone() {
    let snapshot = object("Microsoft.Compute/snapshots", "s", json!({}));
    let _host = cloud(move |asked| match asked.path.as_str() {
        DISKS => Some(error(403, "AuthorizationFailed")),
        path if path.ends_with("/snapshots") => Some(list(std::slice::from_ref(&snapshot))),
        _ => None,
    });
    let found = inventory(json!({ "types": ["Microsoft.Compute"], "source": "resource_manager" }));
    assert_eq!(errors(&found), [("list Microsoft.Compute/disks", "denied", "AuthorizationFailed")]);
    let error = &found["errors"][0];
    assert_eq!((&error["hides"], &error["account"]), (&json!(["azure.microsoft.compute/disks"]), &json!(S1)));
    resource(&found, "/snapshots/s");
}

#[test]
fn a_subscription_without_a_service_is_not_one_where_it_is_empty() {
    let _host = cloud(|asked| (asked.path == DISKS).then(|| error(409, "MissingSubscriptionRegistration")));
    let found = inventory(json!({ "types": ["Microsoft.Compute/disks"], "source": "resource_manager" }));
    assert_eq!(errors(&found), [("list Microsoft.Compute/disks", "not_available", "MissingSubscriptionRegistration")]);
}

#[test]
fn what_cannot_be_asked_of_a_resource_is_unread_in_it() {
    let servers = [object("Microsoft.Sql/servers", "a", json!({})), object("Microsoft.Sql/servers", "b", json!({}))];
    let _host = cloud(move |asked| match asked.path.as_str() {
        GRAPH => Some(graph(&servers, None)),
        path if path.ends_with("/firewallrules") => Some(error(403, "AuthorizationFailed")),
        _ => None,
    });
    let found = inventory(json!({ "types": ["Microsoft.Sql/servers"] }));
    assert_eq!(errors(&found), [("get Microsoft.Sql/servers/firewallRules", "denied", "AuthorizationFailed")]);
    let error = &found["errors"][0];
    assert_eq!((&error["count"], &error["region"]), (&json!(2), &json!("westeurope")));
    let server = resource(&found, "/servers/a");
    assert_eq!((&server["unread"], server["attributes"].get("firewall_rules")), (&json!(["firewall_rules"]), None));
    assert_eq!(server["attributes"]["auditing"], Value::Null);
}

#[test]
fn a_subscription_that_resource_graph_leaves_out_is_not_an_empty_one() {
    for (source, hides) in [
        ("auto", json!(["azure.microsoft.compute/disks", "azure.microsoft.resources/subscriptions"])),
        ("resource_manager", json!([])),
    ] {
        let _host = cloud(|asked| (asked.path == "/subscriptions/S2").then(|| error(403, "AuthorizationFailed")));
        let input = json!({ "subscriptions": [S1, S2], "types": ["Microsoft.Compute/disks"], "source": source });
        let found = inventory(input);
        let [error] = found["errors"].as_array().unwrap().as_slice() else { panic!("{found:#}") };
        assert_eq!((&error["kind"], &error["account"]), (&json!("denied"), &json!(S2)));
        assert_eq!(error.get("hides").unwrap_or(&json!([])), &hides, "{source}: {error:#}");
    }
}

#[test]
fn subscriptions_that_cannot_be_listed_hide_everything() {
    let _host = cloud(|asked| (asked.path == "/subscriptions").then(|| error(401, "ExpiredAuthenticationToken")));
    let found = inventory(json!({}));
    assert_eq!(errors(&found), [("subscriptions", "denied", "ExpiredAuthenticationToken")]);
    assert_eq!((&found["resources"], &found["subscriptions"]), (&json!([]), &json!([])));
    assert!(found["errors"][0]["hides"].as_array().unwrap().len() > 90);
}

#[test]
fn a_service_that_is_busy_is_asked_again_when_it_says() {
    let mut first = true;
    let disk = object("Microsoft.Compute/disks", "a", json!({}));
    let _host = cloud(move |asked| {
        (asked.path == GRAPH).then(|| {
            let busy = error(429, "RateLimiting").header("x-ms-user-quota-resets-after", "00:00:30");
            if std::mem::take(&mut first) { busy } else { graph(std::slice::from_ref(&disk), None) }
        })
    });
    let start = time::now();
    let found = inventory(json!({ "types": ["Microsoft.Compute/disks"] }));
    assert_eq!((&found["counts"]["azure.microsoft.compute/disks"], &found["errors"]), (&json!(1), &json!([])));
    assert!(time::now() >= start + Duration::from_secs(30));
}

#[test]
fn what_is_silent_is_named_beside_what_was_found() {
    let start = time::now();
    let deadline = start + Duration::from_secs(60);
    let snapshot = object("Microsoft.Compute/snapshots", "s", json!({}));
    let _host = cloud(move |asked| match asked.path.as_str() {
        DISKS => Some(list(&[]).after(Duration::from_secs(3_600))),
        path if path.ends_with("/snapshots") => Some(list(std::slice::from_ref(&snapshot))),
        _ => None,
    })
    .deadline(deadline);
    let found = inventory(
        json!({ "types": ["Microsoft.Compute/disks", "Microsoft.Compute/snapshots"], "source": "resource_manager" }),
    );
    assert_eq!(errors(&found), [("list Microsoft.Compute/disks", "failed", "silent")]);
    resource(&found, "/snapshots/s");
    assert!(time::now() < deadline);
}

#[test]
fn an_object_without_an_id_is_told_and_not_dropped() {
    let _host = cloud(|asked| (asked.path == DISKS).then(|| list(&[json!({ "name": "a" })])));
    let found = inventory(json!({ "types": ["Microsoft.Compute/disks"], "source": "resource_manager" }));
    assert_eq!(errors(&found), [("list", "failed", "unreadable")]);
}

#[test]
fn an_answer_that_is_no_list_is_told() {
    let _host = cloud(|asked| (asked.path == DISKS).then(|| Answer::text(200, "<html>proxy</html>")));
    let found = inventory(json!({ "types": ["Microsoft.Compute/disks"], "source": "resource_manager" }));
    assert_eq!(errors(&found), [("list Microsoft.Compute/disks", "failed", "unreadable")]);
}

#[test]
fn half_of_the_services_fail_and_the_other_half_is_told() {
    let _host = cloud(|asked| {
        let (_, kind) = asked.path.split_once("/subscriptions/S1/providers/")?;
        let name = kind.rsplit('/').next()?;
        let is_list = kind.matches('/').count() == 1;
        let object = object(kind, &format!("the-{name}"), json!({}));
        is_list.then(|| if kind.len() % 2 == 0 { Answer::new(500) } else { list(&[object]) })
    });
    let found = inventory(json!({ "source": "resource_manager" }));
    let (told, missing) = (found["counts"].as_object().unwrap().len(), found["errors"].as_array().unwrap());
    assert!(told > 25 && missing.len() > 25, "{told} types told, {} not", missing.len());
    for error in missing {
        assert_eq!((&error["kind"], &error["code"]), (&json!("failed"), &json!("http_500")));
        let kind = error["hides"][0].as_str().unwrap();
        assert_eq!(found["counts"].get(kind), None, "{kind}");
    }
}
