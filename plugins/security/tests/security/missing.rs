//! What is missing: told once for an account or region that was looked at fully, and else not checked.

use serde_json::{Value, json};
use troupe_agent_security::Security;
use troupe_sdk::test::perform;

use super::documents::{check, found, has, host};

const ACCOUNT: &str = "111122223333";
const ALL_REGIONS: &str = include_str!("../../data/regions.yaml");

fn trail(id: &str, region: &str, multi_region: bool) -> Value {
    json!({ "id": id, "type": "aws.cloudtrail.trail", "region": region, "account": ACCOUNT,
        "attributes": { "multi_region": multi_region, "logging": true } })
}

/// Every region that an account of the partition `aws` has by itself.
fn every_region() -> Vec<String> {
    let line = ALL_REGIONS.lines().find_map(|line| line.strip_prefix("aws: [")).unwrap();
    line.trim_end_matches(']').split(", ").map(str::to_owned).collect()
}

/// A rule about what each region shows only of itself.
const OWN: &str = "aws.cloudtrail.trail:
  - { id: own.trail, title: No trail, severity: low, topics: [logging], fix: Make one., about: account, lacks: { logging: true }, fails: [], passes: [] }
";

fn area(regions: &Value) -> Value {
    json!([{ "provider": "aws", "accounts": [ACCOUNT], "regions": regions }])
}

fn asked(rule: &str, resources: &Value, areas: &Value, more: &Value) -> Value {
    let mut input = json!({ "resources": resources, "areas": areas, "rules": [rule] });
    input.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    perform::<Security>("check", input).unwrap()
}

#[test]
fn an_account_without_a_trail_of_all_regions_is_told_once() {
    let _host = host();
    let rule = "aws.cloudtrail.all-regions";
    let ask = |resources: Value| asked(rule, &resources, &area(&json!(every_region())), &json!({}));
    let row = (rule.to_owned(), ACCOUNT.to_owned(), 0);
    assert_eq!(found(&ask(json!([]))), std::slice::from_ref(&row));
    let two = json!([trail("a", "eu-west-1", false), trail("b", "eu-west-2", false)]);
    let told = ask(two);
    assert_eq!(found(&told), [row]);
    let finding = &told["findings"][0];
    assert_eq!(finding["evidence"], json!([{ "attribute": "aws.cloudtrail.trail", "value": 2 }]));
    assert_eq!((&finding["resource"]["account"], &finding["resource"]["region"]), (&json!(ACCOUNT), &json!("global")));
    // A trail of all regions would show in the one that was looked at.
    let told = asked(rule, &json!([]), &area(&json!(["eu-west-1"])), &json!({}));
    assert_eq!(found(&told).len(), 1, "{told:#}");
    let told = ask(json!([trail("a", "eu-west-1", false), trail("b", "us-east-1", true)]));
    assert_eq!((found(&told), told["passed"].as_u64()), (Vec::new(), Some(1)));
}

#[test]
fn nothing_is_missing_where_nobody_looked() {
    let _host = host();
    let rule = "aws.cloudtrail.all-regions";
    let why = |resources: Value, areas: Value, more: Value| {
        let told = asked(rule, &resources, &areas, &more);
        assert_eq!(found(&told), [], "{told:#}");
        told["not_checked"][0]["reason"].as_str().unwrap_or_default().to_owned()
    };
    let one = area(&json!(["eu-west-1"]));
    let own = json!({ "rules": ["own.*"], "more_rules": [OWN] });
    assert_eq!(why(json!([]), one, own), "cloudtrail was looked at in eu-west-1, and not in every region");
    let global = area(&json!(["global"]));
    assert_eq!(why(json!([]), global, json!({})), "cloudtrail was looked at in global, and not in every region");
    let of_s3 = json!([{ "provider": "aws", "accounts": [ACCOUNT], "services": ["s3"] }]);
    let bucket =
        json!([{ "id": "b", "type": "aws.s3.bucket", "region": "eu-west-1", "account": ACCOUNT, "attributes": {} }]);
    assert_eq!(why(bucket, of_s3, json!({})), "nobody says that cloudtrail was looked at");
    let denied = json!({ "errors": [{ "provider": "aws", "account": ACCOUNT, "service": "cloudtrail", "region": "us-east-1",
        "operation": "DescribeTrails", "code": "AccessDenied", "message": "no", "kind": "denied", "count": 1 }] });
    let all = area(&json!(every_region()));
    let told = "DescribeTrails of cloudtrail in us-east-1: AccessDenied (denied)";
    assert_eq!(why(json!([]), all.clone(), denied.clone()), told);
    // What is there is there, whatever could not be looked at beside it.
    let told = asked(rule, &json!([trail("a", "eu-west-1", true)]), &all, &denied);
    assert_eq!((found(&told), told["passed"].as_u64()), (Vec::new(), Some(1)));
}

#[test]
fn each_region_that_was_looked_at_is_asked_for_a_detector() {
    let _host = host();
    let detector = json!({ "id": "d", "type": "aws.guardduty.detector", "region": "eu-west-1", "account": ACCOUNT,
        "attributes": { "enabled": true } });
    let rule = "aws.guardduty.none";
    let areas = area(&json!(["eu-west-1", "eu-west-2", "global"]));
    let told = asked(rule, &json!([detector]), &areas, &json!({}));
    assert_eq!(found(&told), [(rule.to_owned(), "eu-west-2".to_owned(), 0)]);
    assert_eq!(told["findings"][0]["resource"]["region"], "eu-west-2");
    let denied = json!({ "errors": [{ "provider": "aws", "service": "guardduty", "region": "eu-west-2", "operation": "ListDetectors",
        "code": "AccessDenied", "message": "no", "kind": "denied", "count": 1 }] });
    let told = asked(rule, &json!([]), &areas, &denied);
    assert_eq!(found(&told), [(rule.to_owned(), "eu-west-1".to_owned(), 0)]);
    assert_eq!(told["undecided"], 1);
}

#[test]
fn a_report_counts_what_is_missing_as_failed() {
    let _host = host();
    let input = json!({ "resources": [], "areas": area(&json!(every_region())), "frameworks": ["cis-aws"] });
    let told = perform::<Security>("report", input).unwrap();
    let all = told["frameworks"][0]["controls"].as_array().unwrap();
    let status = |control: &str| all.iter().find(|one| one["control"] == control).unwrap()["status"].clone();
    assert_eq!(["4.1", "4.3", "6.3"].map(status), ["failed", "failed", "not_applicable"]);
}

#[test]
fn what_was_missing_and_is_there_now_is_fixed() {
    let _host = host();
    let rule = "aws.cloudtrail.all-regions";
    let all = area(&json!(every_region()));
    let previous = asked(rule, &json!([]), &all, &json!({}))["findings"].clone();
    let again = |resources: Value, areas: &Value| {
        asked(rule, &resources, areas, &json!({ "previous": previous }))["changes"]["counts"].clone()
    };
    assert_eq!(again(json!([]), &all), json!({ "same": 1 }));
    assert_eq!(again(json!([trail("a", "eu-west-1", true)]), &area(&json!(["eu-west-1"]))), json!({ "fixed": 1 }));
    assert_eq!(again(json!([]), &area(&json!(["eu-west-1"]))), json!({ "same": 1 }));
    assert_eq!(again(json!([]), &area(&json!(["global"]))), json!({ "unknown": 1 }));
}

#[test]
fn of_what_a_rule_about_an_account_once_found_elsewhere_nobody_can_tell() {
    let _host = host();
    let rule = "aws.cloudtrail.all-regions";
    let all = area(&json!(every_region()));
    let mut previous = asked(rule, &json!([]), &all, &json!({}))["findings"].clone();
    previous[0]["resource"] = json!({ "id": "a", "provider": "aws", "type": "aws.cloudtrail.trail", "account": ACCOUNT,
        "region": "eu-west-1" });
    let trails = json!([trail("a", "eu-west-1", true)]);
    let changes = asked(rule, &trails, &all, &json!({ "previous": previous }))["changes"].clone();
    assert_eq!(changes["counts"], json!({ "unknown": 1 }), "{changes:#}");
}

#[test]
fn a_region_that_an_account_has_not_enabled_hides_nothing_of_the_account() {
    let _host = host();
    let row = json!({ "errors": [{ "provider": "aws", "account": ACCOUNT, "service": "*", "region": "me-south-1",
        "operation": "requests", "code": "not_enabled", "message": "no", "kind": "denied", "count": 1 }] });
    let mut regions = every_region();
    regions.push("me-south-1".to_owned());
    let told = asked("aws.cloudtrail.all-regions", &json!([]), &area(&json!(regions)), &row);
    assert_eq!(found(&told).len(), 1, "{told:#}");
    let told = asked("aws.guardduty.none", &json!([]), &area(&json!(["eu-west-1", "me-south-1"])), &row);
    assert_eq!((found(&told).len(), &told["undecided"]), (1, &json!(1)), "{told:#}");
}

#[test]
fn a_document_is_asked_once_and_only_if_it_makes_something_of_the_type() {
    let trail = |name: &str, multi_region: bool| {
        format!(
            "  {name}: {{ Type: AWS::CloudTrail::Trail, Properties: {{ IsMultiRegionTrail: {multi_region}, IsLogging: true }} }}\n"
        )
    };
    let rule = "aws.cloudtrail.all-regions";
    let told = check("a.yaml", &format!("Resources:\n{}{}", trail("One", false), trail("Two", false)));
    let rows: Vec<_> = found(&told).into_iter().filter(|(its, ..)| its == rule).collect();
    assert_eq!(rows, [(rule.to_owned(), "One".to_owned(), 2)]);
    let told = check("a.yaml", &format!("Resources:\n{}{}", trail("One", false), trail("Two", true)));
    assert!(!has(&told, rule, "One"));
    let told = check("a.yaml", "Resources:\n  Q: { Type: AWS::SQS::Queue }\n");
    assert!(!told.to_string().contains(rule), "{told:#}");
}
