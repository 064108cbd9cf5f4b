//! What became of the findings of the last time.

use serde_json::{Value, json};
use troupe_agent_security::Security;
use troupe_sdk::test::perform;

use super::documents::{host, open_group};

fn bucket(id: &str, attributes: Value, unread: Value) -> Value {
    json!({ "id": id, "type": "aws.s3.bucket", "region": "eu-west-1", "account": "111122223333", "attributes": attributes, "unread": unread })
}

fn counts(input: Value) -> Value {
    perform::<Security>("check", input).unwrap()["changes"]["counts"].clone()
}

#[test]
fn two_scans_around_changes_tell_these_and_nothing_else() {
    let _host = host();
    let rules = json!(["aws.s3.versioning", "aws.ec2.admin-port-open"]);
    let buckets = |states: &[&str]| -> Vec<Value> {
        let one =
            |(number, state): (usize, &&str)| bucket(&format!("b{number}"), json!({ "versioning": state }), json!([]));
        states.iter().enumerate().map(one).collect()
    };
    let before = perform::<Security>(
        "check",
        json!({ "resources": buckets(&["off", "off", "enabled", "off"]), "rules": rules }),
    )
    .unwrap();
    let previous = before["findings"].clone();
    assert_eq!(previous.as_array().unwrap().len(), 3);
    let now = json!({ "resources": buckets(&["off", "enabled", "off", "off"]), "rules": rules, "previous": previous });
    assert_eq!(counts(now), json!({ "new": 1, "fixed": 1, "same": 2 }));
}

#[test]
fn what_was_not_looked_at_is_unknown_and_not_fixed() {
    let _host = host();
    let first = json!({ "resources": [bucket("b", json!({ "versioning": "off" }), json!([])), open_group("sg-1")],
        "rules": ["aws.s3.versioning", "aws.ec2.admin-port-open"] });
    let previous = perform::<Security>("check", first).unwrap()["findings"].clone();
    let ask = |resources: Value, rules: Value, more: Value| {
        let mut input = json!({ "resources": resources, "rules": rules, "previous": previous });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        counts(input)
    };
    let all = json!(["aws.s3.versioning", "aws.ec2.admin-port-open"]);
    // The bucket's versioning could not be read this time.
    let unread = json!([bucket("b", json!({}), json!(["versioning"])), open_group("sg-1")]);
    assert_eq!(ask(unread, all.clone(), json!({})), json!({ "same": 1, "unknown": 1 }));
    // The rule was not applied.
    let both = json!([bucket("b", json!({ "versioning": "off" }), json!([])), open_group("sg-1")]);
    assert_eq!(ask(both, json!(["aws.s3.versioning"]), json!({})), json!({ "same": 1, "unknown": 1 }));
    // Nothing of the service is told, and nobody says that it was looked at.
    let groups = json!([open_group("sg-1")]);
    assert_eq!(ask(groups.clone(), all.clone(), json!({})), json!({ "same": 1, "unknown": 1 }));
    // Somebody does.
    let areas = json!({ "areas": [{ "provider": "aws" }] });
    assert_eq!(ask(groups.clone(), all.clone(), areas.clone()), json!({ "same": 1, "fixed": 1 }));
    // And says as well that the list of buckets was denied.
    let mut denied = areas;
    denied["errors"] = json!([{ "provider": "aws", "service": "s3", "region": "global", "operation": "ListBuckets", "code": "AccessDenied",
        "message": "no", "kind": "denied", "count": 1 }]);
    assert_eq!(ask(groups, all, denied), json!({ "same": 1, "unknown": 1 }));
}

#[test]
fn a_document_that_is_not_there_or_cannot_be_read_leaves_what_was_in_it_unknown() {
    let _host = host();
    let queue = |encrypted: bool| {
        format!("Resources:\n  Q: {{ Type: AWS::SQS::Queue, Properties: {{ SqsManagedSseEnabled: {encrypted} }} }}\n")
    };
    let ask = |documents: Value, previous: Option<Value>| {
        perform::<Security>(
            "check",
            json!({ "documents": documents, "rules": ["aws.sqs.unencrypted"], "previous": previous }),
        )
        .unwrap()
    };
    let document = |name: &str, text: &str| json!({ "name": name, "text": text });
    let first = ask(json!([document("a.yaml", &queue(false)), document("b.yaml", &queue(false))]), None);
    let previous = first["findings"].clone();
    assert_eq!(previous.as_array().unwrap().len(), 2, "the same queue in two files is two findings");
    let told = ask(json!([document("a.yaml", &queue(true))]), Some(previous.clone()));
    assert_eq!(told["changes"]["counts"], json!({ "fixed": 1, "unknown": 1 }));
    let told = ask(json!([document("a.yaml", "Resources: ["), document("b.yaml", &queue(false))]), Some(previous));
    assert_eq!(told["changes"]["counts"], json!({ "same": 1, "unknown": 1 }));
}

#[test]
fn where_one_cloud_says_what_was_looked_at_another_is_told_by_its_resources() {
    let host = |https_only: bool| {
        let aws = json!({ "resources": [], "areas": [{ "provider": "aws" }] });
        let azure = json!({ "resources": [{ "id": "a", "type": "azure.microsoft.storage/storageaccounts", "account": "s",
            "region": "westeurope", "attributes": { "https_only": https_only } }] });
        let host = host().agent("aws", "inventory", move |_| Ok(aws.clone()));
        host.agent("azure", "inventory", move |_| Ok(azure.clone()))
    };
    let ask = |previous: Value| {
        let inventories = json!([{ "cloud": "aws" }, { "cloud": "azure" }]);
        let rules = ["azure.storage.https-only"];
        perform::<Security>("check", json!({ "inventories": inventories, "rules": rules, "previous": previous }))
            .unwrap()
    };
    let previous = {
        let _host = host(false);
        ask(json!([]))["findings"].clone()
    };
    let _host = host(true);
    assert_eq!(ask(previous)["changes"]["counts"], json!({ "fixed": 1 }));
}

#[test]
fn a_document_that_is_gone_from_a_directory_has_no_findings_any_more() {
    let queue = "Resources:\n  Q: { Type: AWS::SQS::Queue, Properties: { SqsManagedSseEnabled: false } }\n";
    let _first = host()
        .file("documents", "code/a.yaml", queue)
        .file("documents", "code/b.yaml", queue)
        .file("documents", "code/.kept/c.yaml", queue)
        .file("documents", "other/d.yaml", queue);
    let ask = |files: Value, previous: Value| {
        let input = json!({ "document_files": files, "rules": ["aws.sqs.unencrypted"], "previous": previous });
        perform::<Security>("check", input).unwrap()
    };
    let previous = ask(json!(["code", "code/.kept/c.yaml", "other"]), json!([]))["findings"].clone();
    assert_eq!(previous.as_array().unwrap().len(), 4);
    let _host = host().file("documents", "code/a.yaml", queue);
    let told = ask(json!(["code/"]), previous);
    assert_eq!(told["changes"]["counts"], json!({ "same": 1, "fixed": 1, "unknown": 2 }), "{told:#}");
}

#[test]
fn a_report_tells_what_became_of_each_finding() {
    let host = host();
    let rules = json!(["aws.s3.versioning", "aws.ec2.admin-port-open"]);
    let off = |id: &str| bucket(id, json!({ "versioning": "off" }), json!([]));
    let before = json!({ "resources": [off("fixed"), off("same"), off("gone")], "rules": rules });
    let previous = perform::<Security>("check", before).unwrap()["findings"].clone();
    let on = bucket("fixed", json!({ "versioning": "enabled" }), json!([]));
    let now = json!({ "resources": [on, off("same"), off("new")], "rules": rules, "previous": previous,
        "formats": ["html", "sarif", "ocsf"] });
    let told = perform::<Security>("report", now).unwrap();
    assert_eq!(told["changes"]["counts"], json!({ "new": 1, "same": 1, "fixed": 2 }));
    let text = |name: &str| String::from_utf8(host.artifact(name).unwrap().bytes).unwrap();
    let sarif: Value = serde_json::from_str(&text("findings.sarif")).unwrap();
    let mut states: Vec<String> =
        sarif["runs"][0]["results"].as_array().unwrap().iter().map(|one| one["baselineState"].to_string()).collect();
    states.sort();
    assert_eq!(states, ["\"absent\"", "\"absent\"", "\"new\"", "\"unchanged\""]);
    let events = text("findings.ocsf.json");
    let activities: Vec<Value> =
        events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["activity_name"].clone()).collect();
    assert_eq!(activities.iter().filter(|one| **one == "Close").count(), 2, "{activities:?}");
    assert!(text("findings.html").contains("<dt>Fixed</dt><dd>2</dd>"));
}
