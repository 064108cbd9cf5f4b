//! Frameworks: what rules name is there, what no rule names is told, and README.md says how much that is.

use std::collections::BTreeSet;

use serde_json::json;
use troupe_agent_security::Security;
use troupe_sdk::test::perform;

use super::documents::{host, open_group};
use super::rules::catalogue;

#[test]
fn every_control_that_a_topic_or_rule_names_is_one_of_its_framework() {
    // Loading refuses a rule that names another one; a topic is looked up here even if no rule has it.
    let catalogue = catalogue();
    for topic in catalogue.frameworks.topics.keys() {
        catalogue.frameworks.of_topic(topic).unwrap_or_else(|why| panic!("data/frameworks.yaml: {topic}: {why}"));
    }
    for (word, name) in &catalogue.frameworks.names {
        let controls = catalogue.frameworks.controls.get(word);
        let controls = controls.unwrap_or_else(|| panic!("data/controls.yaml does not have the controls of {name}"));
        assert!(!controls.numbers.is_empty() && !controls.source.is_empty(), "{name}");
        assert!(controls.day.parse::<jiff::civil::Date>().is_ok(), "{name}: {}", controls.day);
    }
}

#[test]
fn a_control_that_a_framework_does_not_have_is_refused() {
    let _host = host();
    let ask = |fields: &str| {
        let rule = format!(
            "aws.ec2.security-group:\n  - {{ id: acme.one, title: t, severity: low, fix: f, topics: [logging], fail: {{ a: 1 }}, fails: [], passes: [], {fields} }}\n"
        );
        perform::<Security>("check", json!({ "more_rules": [rule] }))
    };
    assert!(ask("cis: '6.3', frameworks: { pci: ['1.3.2'], nist: [AC-2(3)] }").is_ok());
    let why = |fields: &str| ask(fields).unwrap_err().to_string();
    let told = why("cis: '99.1'");
    assert!(told.contains("acme.one: CIS AWS Foundations Benchmark 7.0.0 has no control `99.1`"), "{told}");
    assert!(why("frameworks: { pci: ['1.3'] }").contains("has no control `1.3`"), "a section is no control");
    assert!(why("frameworks: { nist: [AC-13] }").contains("has no control `AC-13`"), "it is withdrawn");
    assert!(why("frameworks: { hipaa: ['1'] }").contains("no framework `hipaa`"));
}

#[test]
fn a_report_has_every_control_of_a_framework_once() {
    let _host = host();
    let told = perform::<Security>("report", json!({ "resources": [open_group("sg-1")] })).unwrap();
    let catalogue = catalogue();
    let frameworks = told["frameworks"].as_array().unwrap();
    assert_eq!(frameworks.len(), catalogue.frameworks.names.len());
    for one in frameworks {
        let name = one["framework"].as_str().unwrap();
        let all = catalogue.frameworks.numbers(name).unwrap();
        let without: Vec<&str> = texts(&one["without_rule"]).collect();
        let with: Vec<&str> =
            one["controls"].as_array().unwrap().iter().map(|control| control["control"].as_str().unwrap()).collect();
        let both: BTreeSet<String> = with.iter().chain(&without).map(|number| (*number).to_owned()).collect();
        assert_eq!((&both, with.len() + without.len()), (all, all.len()), "{name}");
        let count = |name: &str| one[name].as_u64().unwrap() as usize;
        let counted = ["passed", "failed", "not_checked", "not_applicable"].map(count);
        assert_eq!(counted.iter().sum::<usize>(), all.len(), "{name}");
        assert!(count("not_checked") >= without.len(), "what no rule is about has not been checked: {name}");
    }
    let nist = frameworks.iter().find(|one| one["framework"] == "NIST SP 800-53 Rev. 5").unwrap();
    let first: Vec<&str> = texts(&nist["without_rule"]).take(3).collect();
    assert_eq!(first, ["AC-1", "AC-2", "AC-2(1)"], "in the order of the framework");
}

fn texts(list: &serde_json::Value) -> impl Iterator<Item = &str> {
    list.as_array().unwrap().iter().map(|one| one.as_str().unwrap())
}

#[test]
fn a_rule_of_a_team_checks_what_no_rule_was_about() {
    let _host = host();
    let rule = "aws.ec2.security-group:\n  - { id: acme.one, title: t, severity: low, fix: f, topics: [logging], cis: '6.8', fail: { description: x }, fails: [], passes: [] }\n";
    let ask = |more: serde_json::Value| {
        let input = json!({ "resources": [open_group("sg-1")], "frameworks": ["cis-aws"], "more_rules": more });
        perform::<Security>("report", input).unwrap()["frameworks"][0].clone()
    };
    let (before, after) = (ask(json!([])), ask(json!([rule])));
    assert!(texts(&before["without_rule"]).any(|number| number == "6.8"));
    assert!(texts(&after["without_rule"]).all(|number| number != "6.8"));
    assert_eq!(before["not_checked"].as_u64().unwrap(), after["not_checked"].as_u64().unwrap() + 1);
}

#[test]
fn the_readme_says_how_many_controls_rules_are_about() {
    let catalogue = catalogue();
    let mut covered = BTreeSet::new();
    for rule in &catalogue.rules {
        covered.extend(rule.frameworks.iter().cloned());
    }
    covered.extend(catalogue.frameworks.of_topic("secrets").unwrap());
    let mut table = String::from(
        "| framework | controls | with a rule | without | numbers from | on |\n|---|---:|---:|---:|---|---|\n",
    );
    for (word, name) in &catalogue.frameworks.names {
        let controls = &catalogue.frameworks.controls[word];
        let with = covered.iter().filter(|control| control.framework == *name).count();
        let all = controls.numbers.len();
        let (without, source, day) = (all - with, &controls.source, &controls.day);
        table += &format!("| `{word}`: {name} | {all} | {with} | {without} | {source} | {day} |\n");
    }
    let readme = include_str!("../../README.md");
    assert!(readme.contains(&table), "README.md wants this table:\n\n{table}");
}
