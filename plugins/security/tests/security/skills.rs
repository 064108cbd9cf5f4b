//! The skills as the host asks for them.

use serde_json::{Value, json};
use troupe_agent_security::Security;
use troupe_sdk::test::{Host, perform};

use super::documents::{NOW, host, open_group};

#[test]
fn what_fails_is_told_worst_first_and_what_could_not_be_checked_with_its_reason() {
    let _host = host();
    let input = json!({ "resources": [open_group("sg-1"),
        { "id": "b", "type": "aws.s3.bucket", "region": "eu-west-1", "unread": ["access_logs", "lifecycle_rules", "mfa_delete", "policy", "public_access_block"],
          "attributes": { "encryption": { "algorithm": "aws:kms" }, "versioning": "enabled" } }] });
    let told = perform::<Security>("check", input).unwrap();
    assert_eq!(told["resources"], 2);
    let rules: Vec<&str> =
        told["findings"].as_array().unwrap().iter().map(|one| one["rule"].as_str().unwrap()).collect();
    assert_eq!(rules, ["aws.ec2.admin-port-open"]);
    let finding = &told["findings"][0];
    assert_eq!(finding["discriminator"], "tcp/22-22");
    assert_eq!(finding["evidence"][0], json!({ "attribute": "cidrs", "value": ["0.0.0.0/0"] }));
    let row = |rule: &str| {
        let rows = told["not_checked"].as_array().unwrap();
        rows.iter().find(|row| row["rule"] == rule).cloned().unwrap_or_default()
    };
    assert_eq!(row("aws.s3.public-access-block")["reason"], "`public_access_block` could not be read");
    // The inventory has never asked for it, so absent is not the same as none.
    assert_eq!(row("aws.s3.website")["reason"], "`website` of aws.s3.bucket is not told by the inventory");
    assert_eq!(row("aws.s3.website")["resources"], json!(["b"]));
}

#[test]
fn many_findings_are_left_as_an_artefact_beside_the_worst() {
    let host = host();
    let groups: Vec<Value> = (0..30).map(|number| open_group(&format!("sg-{number}"))).collect();
    let told = perform::<Security>("check", json!({ "resources": groups, "inline_max": 5 })).unwrap();
    assert_eq!((told["open"]["high"].as_u64(), told["findings"].as_array().unwrap().len()), (Some(30), 5));
    assert_eq!(told["artefacts"]["entries"], 30);
    let left = host.artifact("findings-00001.jsonl").unwrap();
    assert_eq!(left.bytes.iter().filter(|byte| **byte == b'\n').count(), 30);
}

#[test]
fn a_suppression_needs_a_reason_and_ends() {
    let _host = host();
    let ask = |until: &str, reason: &str| {
        let suppression = json!({ "rule": "aws.ec2.*", "resource": "sg-*", "reason": reason, "until": until });
        perform::<Security>("check", json!({ "resources": [open_group("sg-1")], "suppressions": [suppression] }))
    };
    let told = ask("2026-02-01", "the bastion").unwrap();
    assert_eq!((told["suppressed"].as_u64(), told["open"].clone()), (Some(1), json!({})));
    assert_eq!(told["findings"][0]["suppressed"], json!({ "reason": "the bastion", "until": "2026-02-01" }));
    let told = ask("2025-12-01", "the bastion").unwrap();
    assert_eq!((told["suppressed"].as_u64(), told["open"].clone()), (Some(0), json!({ "high": 1 })));
    assert!(ask("2026-02-01", " ").unwrap_err().to_string().contains("no reason"));
}

#[test]
fn what_is_configured_holds_and_what_is_asked_goes_over_it() {
    let key = |days: &str| {
        json!({ "id": "ann", "type": "aws.iam.user", "region": "global",
        "attributes": { "access_keys": [{ "id": "AKIA1", "state": "active", "created": days }] } })
    };
    let configured = json!({ "parameters": { "aws.iam.key-age": { "max_age_days": 10 } } });
    let _host = Host::start().at(super::documents::now()).configuration(configured);
    let input = json!({ "resources": [key("2025-12-15T00:00:00Z")], "rules": ["aws.iam.key-age"] });
    assert_eq!(perform::<Security>("check", input.clone()).unwrap()["open"], json!({ "medium": 1 }));
    let mut asked = input;
    asked["parameters"] = json!({ "aws.iam.key-age": { "max_age_days": 30 } });
    let told = perform::<Security>("check", asked).unwrap();
    assert_eq!((told["open"].clone(), told["passed"].as_u64()), (json!({}), Some(1)));
}

#[test]
fn a_team_brings_rules_of_its_own() {
    let _host = host();
    let rule = "aws.ec2.security-group:\n  - id: acme.owner\n    title: Nobody owns the group\n    severity: low\n    topics: [governance]\n    fix: Tag it.\n    fail: { $resource.tags.Owner: { empty: true } }\n    fails: [{ $tags: {} }]\n    passes: [{ $tags: { Owner: ann } }]\n";
    let told = perform::<Security>(
        "check",
        json!({ "resources": [open_group("sg-1")], "more_rules": [rule], "rules": ["acme.*"] }),
    )
    .unwrap();
    assert_eq!(told["findings"][0]["rule"], "acme.owner");
    let broken = perform::<Security>("check", json!({ "more_rules": ["aws.ec2.security-group: [{ id: x }]"] }));
    assert!(broken.unwrap_err().to_string().contains("more_rules[0]: x: missing field"));
}

#[test]
fn a_rule_is_explained_with_who_tells_what_it_looks_at() {
    let _host = host();
    let told = perform::<Security>("explain", json!({ "rule": "aws.s3.public-access-block" })).unwrap();
    let rule = &told["rules"][0];
    assert_eq!(
        rule["attributes"]["public_access_block"]["aws.s3.bucket"],
        json!(["inventory", "terraform", "cloudformation"])
    );
    assert!(rule["frameworks"].as_array().unwrap().iter().any(|one| one["control"] == "3.1.4"));
    assert_eq!(rule["examples"]["fails"].as_array().unwrap().len(), 2);
    let all = perform::<Security>("explain", json!({ "framework": "cis-kubernetes" })).unwrap();
    assert!(all["count"].as_u64().unwrap() >= 30 && all["rules"].as_array().unwrap().is_empty());
    assert!(perform::<Security>("explain", json!({ "rule": "nobody" })).is_err());
}

#[test]
fn a_report_counts_controls_and_leaves_findings_in_each_form() {
    let host = host();
    let input = json!({ "resources": [open_group("sg-1")], "frameworks": ["cis-aws", "soc2"],
        "problems": [{ "provider": "aws", "service": "s3", "region": "global", "operation": "ListBuckets", "code": "AccessDenied",
            "message": "no", "kind": "denied", "count": 1 }],
        "formats": ["html", "csv", "compliance_csv", "sarif", "ocsf", "jsonl", "resources_csv", "resources_ocsf", "problems_csv"] });
    let told = perform::<Security>("report", input).unwrap();
    let frameworks = told["frameworks"].as_array().unwrap();
    assert_eq!(frameworks.len(), 2);
    let cis = &frameworks[0];
    assert_eq!(cis["framework"], "CIS AWS Foundations Benchmark 7.0.0");
    let control =
        |id: &str| cis["controls"].as_array().unwrap().iter().find(|one| one["control"] == id).unwrap().clone();
    assert_eq!(control("6.3")["status"], "failed");
    assert_eq!(control("2.5")["status"], "not_applicable");
    assert_eq!(told["artefacts"].as_array().unwrap().len(), 9);
    for (name, holds) in [
        ("resources.csv", "\"sg-1\""),
        ("resources.ocsf.json", "\"class_uid\":5023"),
        ("problems.csv", "\"AccessDenied\""),
    ] {
        let text = String::from_utf8(host.artifact(name).unwrap().bytes).unwrap();
        assert!(text.contains(holds), "{name}: {text}");
    }
    let html = String::from_utf8(host.artifact("findings.html").unwrap().bytes).unwrap();
    assert!(html.contains("A port for administration is open to the world"));
    let sarif: Value = serde_json::from_slice(&host.artifact("findings.sarif").unwrap().bytes).unwrap();
    assert_eq!(sarif["runs"][0]["results"][0]["ruleId"], "aws.ec2.admin-port-open");
    let counts = |one: &Value| ["passed", "failed", "not_checked", "not_applicable"].map(|name| one[name].to_string());
    let without = |one: &Value| one["without_rule"].as_array().unwrap().len();
    let row = |one: &Value| {
        format!("\"{}\",{},{}\r\n", one["framework"].as_str().unwrap(), counts(one).join(","), without(one))
    };
    let csv = String::from_utf8(host.artifact("compliance.csv").unwrap().bytes).unwrap();
    assert!(csv.starts_with("\"Framework\",\"Passed\",\"Failed\",\"Not checked\""), "{csv}");
    assert!(frameworks.iter().all(|one| csv.contains(&row(one))), "{csv}");
    let cells = counts(cis).map(|count| format!("<td>{count}</td>")).concat();
    assert!(html.contains(&format!("<th scope=\"row\">CIS AWS Foundations Benchmark 7.0.0</th>{cells}")));
    let part = perform::<Security>("report", json!({ "rules": ["aws.s3.*"], "frameworks": ["cis-aws"] })).unwrap();
    let left_out =
        part["frameworks"][0]["controls"].as_array().unwrap().iter().find(|one| one["control"] == "6.3").unwrap();
    assert_eq!(left_out["status"], "not_checked", "a rule that was not applied has not passed");
}

#[test]
fn ages_are_judged_by_the_hosts_clock() {
    let _host = host();
    let certificate = json!({ "id": "c", "type": "aws.acm.certificate", "region": "eu-west-1", "attributes": { "expires": NOW, "key_algorithm": "RSA_2048" } });
    let told = perform::<Security>("check", json!({ "resources": [certificate] })).unwrap();
    assert_eq!(told["findings"][0]["rule"], "aws.acm.expires");
}

#[test]
fn a_control_about_what_nobody_could_look_at_is_not_checked() {
    let _host = host();
    let problem = json!({ "provider": "aws", "service": "s3", "region": "global", "operation": "ListBuckets", "code": "AccessDenied",
        "message": "no", "kind": "denied", "count": 1 });
    let told =
        perform::<Security>("report", json!({ "resources": [], "errors": [problem], "frameworks": ["cis-aws"] }))
            .unwrap();
    let status = |control: &str| {
        let all = told["frameworks"][0]["controls"].as_array().unwrap();
        all.iter().find(|one| one["control"] == control).unwrap()["status"].clone()
    };
    assert_eq!((status("3.1.4"), status("6.5")), (json!("not_checked"), json!("not_applicable")));
}

#[test]
fn no_rule_is_about_a_machine_that_is_gone() {
    let _host = host();
    let machine = |state: &str| {
        json!({ "id": "i-1", "type": "aws.ec2.instance", "region": "eu-west-1",
        "attributes": { "state": state, "metadata_tokens": "optional", "metadata_endpoint": "enabled" } })
    };
    let failed = |state: &str| {
        let input = json!({ "resources": [machine(state)], "rules": ["aws.ec2.imds-v1"] });
        let told = perform::<Security>("check", input).unwrap();
        (told["findings"].as_array().unwrap().len(), told["passed"].as_u64().unwrap())
    };
    assert_eq!(["running", "stopped"].map(failed), [(1, 0), (1, 0)]);
    assert_eq!(["shutting-down", "terminated"].map(failed), [(0, 0), (0, 0)]);
}

#[test]
fn whether_a_version_is_supported_depends_on_the_day_of_the_check() {
    let cluster =
        json!({ "id": "c", "type": "aws.eks.cluster", "region": "eu-west-1", "attributes": { "version": "1.33" } });
    let failed_on = |day: &str| {
        let now: std::time::SystemTime = day.parse::<jiff::Timestamp>().unwrap().into();
        let _host = Host::start().at(now).configuration(json!({}));
        let input = json!({ "resources": [cluster], "rules": ["aws.eks.version-end-of-life"] });
        perform::<Security>("check", input).unwrap()["findings"].as_array().unwrap().len()
    };
    assert_eq!(["2026-07-29T12:00:00Z", "2026-11-29T12:00:00Z"].map(failed_on), [0, 1]);
}

#[test]
fn findings_that_nothing_tells_apart_count_once() {
    let _host = host();
    let mut group = open_group("sg-1");
    let rule = json!({ "protocol": "tcp", "from_port": 22, "to_port": 22, "cidrs": ["0.0.0.0/0"], "groups": ["sg-2"] });
    group["attributes"]["ingress"].as_array_mut().unwrap().push(rule);
    let told = perform::<Security>("report", json!({ "resources": [group], "frameworks": ["cis-aws"] })).unwrap();
    let all = told["frameworks"][0]["controls"].as_array().unwrap();
    let control = all.iter().find(|one| one["control"] == "6.3").unwrap();
    assert_eq!((told["open"].as_u64(), control["open"].as_u64()), (Some(1), Some(1)));
}

#[test]
fn each_plan_of_defender_has_a_control_of_its_own() {
    let _host = host();
    let plan = |name: &str, tier: &str| {
        json!({ "id": format!("/subscriptions/s/providers/Microsoft.Security/pricings/{name}"), "name": name,
        "type": "azure.microsoft.security/pricings", "region": "global", "attributes": { "tier": tier, "deprecated": false } })
    };
    let resources = [plan("VirtualMachines", "Standard"), plan("KeyVaults", "Free"), plan("Api", "Free")];
    let told = perform::<Security>("report", json!({ "resources": resources, "frameworks": ["cis-azure"] })).unwrap();
    let all = told["frameworks"][0]["controls"].as_array().unwrap();
    let status = |control: &str| all.iter().find(|one| one["control"] == control).unwrap()["status"].clone();
    assert_eq!(["8.1.3.1", "8.1.8.1", "8.1.5.1"].map(status), ["passed", "failed", "not_applicable"]);
    assert_eq!(told["open"], 2, "what the benchmark says nothing of is told as well");
}

#[test]
fn more_findings_than_are_kept_are_in_every_form_and_each_once() {
    let host = host();
    let groups: Vec<Value> = (0..6_000).map(|number| open_group(&format!("sg-{number}"))).collect();
    // One that is told twice is one.
    let resources = [groups.as_slice(), &groups[..10]].concat();
    let input = json!({ "resources": resources, "rules": ["aws.ec2.admin-port-open"], "formats": ["html", "csv", "jsonl", "sarif"],
        "suppressions": [{ "rule": "*", "resource": "sg-7", "reason": "known" }] });
    let told = perform::<Security>("report", input).unwrap();
    assert_eq!((told["open"].as_u64(), told["suppressed"].as_u64()), (Some(5_999), Some(1)));
    let text = |name: &str| String::from_utf8(host.artifact(name).unwrap().bytes).unwrap();
    let lines = text("findings.jsonl");
    let fingerprints: std::collections::BTreeSet<String> =
        lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["fingerprint"].to_string()).collect();
    assert_eq!((lines.lines().count(), fingerprints.len()), (6_000, 6_000));
    assert_eq!(text("findings.csv").lines().count(), 6_001);
    let sarif: Value = serde_json::from_str(&text("findings.sarif")).unwrap();
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 6_000);
    assert!(text("findings.html").contains("The table shows 2000 of 5999"));
}
