//! What became of findings and resources, case by case.

use serde_json::json;
use troupe_estate::diff::{self, Change, Counts};
use troupe_estate::{Area, Entry, Finding, Provider, Resource, Scan, Severity, Suppression, WhyKind};

use crate::samples::{problem, rows, scan, volume};

fn found(id: &str) -> Finding {
    Finding::new("disk.unattached", "Nothing uses the disk", Severity::Low, volume(id).reference(), "")
        .seen("state", "available")
}

fn sorted<T: Entry>(mut list: Vec<T>) -> Vec<T> {
    list.sort_by_key(Entry::key);
    list
}

fn findings(previous: Vec<Finding>, present: Vec<Finding>, scan: &Scan) -> Vec<Change<Finding>> {
    diff::findings(rows(sorted(previous)), rows(sorted(present)), scan).map(Result::unwrap).collect()
}

fn resources(previous: Vec<Resource>, present: Vec<Resource>, scan: &Scan) -> Vec<Change<Resource>> {
    let moves = |kind: &str, attribute: &str| (kind, attribute) == ("aws.iam.role", "last_used");
    diff::resources(rows(sorted(previous)), rows(sorted(present)), scan, moves).map(Result::unwrap).collect()
}

#[test]
fn two_scans_around_ten_changes_name_the_ten_and_nothing_else() {
    let before: Vec<Resource> =
        (0..200).map(|n| volume(&format!("vol-{n:03}")).with("state", Some("in-use"))).collect();
    let mut now = before.clone();
    now.truncate(197);
    now.extend((0..3).map(|n| volume(&format!("vol-new-{n}"))));
    for (place, size) in [(5, 30), (50, 40)] {
        now[place].set("size_gib", size);
    }
    now[7].tags.insert("team".to_owned(), "web".to_owned());
    now[9] = now[9].clone().to("instance", Some("i-1"));
    let changes = resources(before, now, &scan(Vec::new()));
    let told: Vec<(&str, &str, &[String])> = changes
        .iter()
        .filter(|change| !matches!(change, Change::Same { .. }))
        .map(|change| {
            let fields = if let Change::Changed { fields, .. } = change { fields.as_slice() } else { &[] };
            (change.name(), change.entry().id.as_str(), fields)
        })
        .collect();
    let field = |name: &str| [name.to_owned()];
    let (size, team, relations) = (field("attributes.size_gib"), field("tags.team"), field("relations"));
    assert_eq!(
        told,
        [
            ("changed", "vol-005", size.as_slice()),
            ("changed", "vol-007", &team),
            ("changed", "vol-009", &relations),
            ("changed", "vol-050", &size),
            ("gone", "vol-197", &[]),
            ("gone", "vol-198", &[]),
            ("gone", "vol-199", &[]),
            ("new", "vol-new-0", &[]),
            ("new", "vol-new-1", &[]),
            ("new", "vol-new-2", &[]),
        ]
    );
}

#[test]
fn what_could_not_be_read_or_moves_by_itself_is_no_change() {
    let role =
        |used: &str| Resource::new("aws.iam.role", "global", "r").with("last_used", Some(used)).with("path", Some("/"));
    let mut now = role("2026-02-02").tags([("a".to_owned(), "b".to_owned())]);
    now.attributes.remove("path");
    now.tags.clear();
    now.unread(&["path", "tags"]);
    let before = role("2026-01-01").tags([("a".to_owned(), "b".to_owned()), ("Name".to_owned(), "n".to_owned())]);
    let changes = resources(vec![before], vec![now], &scan(Vec::new()));
    assert!(matches!(changes.as_slice(), [Change::Same { .. }]), "{changes:#?}");
    // Absent and `null` are the same: the resource has it not.
    let changes = resources(vec![volume("v")], vec![volume("v").with("kms_key", Some(json!(null)))], &scan(Vec::new()));
    assert!(matches!(changes.as_slice(), [Change::Same { .. }]), "{changes:#?}");
}

#[test]
fn what_moves_within_an_attribute_or_as_a_relation_is_no_change_and_what_stands_beside_it_is() {
    const MOVING: [&str; 3] = ["keys.age_days", "health.checks.at", "relations.target"];
    let of = |before: Resource, now: Resource| -> Vec<String> {
        let scan = scan(Vec::new());
        let moves = |kind: &str, name: &str| kind == "aws.ec2.volume" && MOVING.contains(&name);
        let changes = diff::resources(rows(vec![before]), rows(vec![now]), &scan, moves);
        match changes.map(Result::unwrap).collect::<Vec<_>>().as_slice() {
            [Change::Changed { fields, before, .. }] => {
                assert!(before.attributes.contains_key("keys"), "what was there is told whole");
                fields.clone()
            }
            [Change::Same { .. }] => Vec::new(),
            other => panic!("{other:#?}"),
        }
    };
    let keys = |id: &str, age: u32| json!([{ "id": id, "age_days": age }, { "id": "k2" }]);
    let health = |at: &str, well: bool| json!({ "well": well, "checks": [{ "at": at }] });
    let told = |keys: serde_json::Value, health: serde_json::Value, target: &str, group: &str| {
        let told = volume("v").with("keys", Some(keys)).with("health", Some(health));
        told.to("target", Some(target)).to("group", Some(group))
    };
    let before = told(keys("k1", 4), health("08:00", true), "i-1", "g");
    assert_eq!(of(before.clone(), told(keys("k1", 5), health("09:00", true), "i-2", "g")), [""; 0]);
    assert_eq!(of(before.clone(), told(keys("k3", 5), health("08:00", true), "i-1", "g")), ["attributes.keys"]);
    assert_eq!(of(before.clone(), told(json!([]), health("08:00", true), "i-1", "g")), ["attributes.keys"]);
    assert_eq!(of(before.clone(), told(keys("k1", 4), health("09:00", false), "i-1", "g")), ["attributes.health"]);
    assert_eq!(of(before, told(keys("k1", 4), health("08:00", true), "i-2", "h")), ["relations"]);
    // A field that nobody told is no other than one that is `null`.
    let null = |value: serde_json::Value| volume("v").with("keys", Some(value));
    assert_eq!(of(null(json!({ "a": 1, "b": null })), null(json!({ "a": 1 }))), [""; 0]);
}

#[test]
fn the_order_of_a_list_is_no_change_and_what_is_in_it_is() {
    let policy = |principals: &[&str], more: &str| {
        let statements =
            json!([{ "Effect": "Allow", "Principal": { "AWS": principals } }, { "Effect": "Deny", "Action": more }]);
        Resource::new("aws.sqs.queue", "us-east-1", "q").with("policy", Some(json!({ "Statement": statements })))
    };
    let mut turned = policy(&["arn:b", "arn:a", "arn:a"], "sqs:*");
    turned.attributes["policy"]["Statement"].as_array_mut().unwrap().reverse();
    let before = || policy(&["arn:a", "arn:b", "arn:a"], "sqs:*");
    let changes = resources(vec![before()], vec![turned], &scan(Vec::new()));
    assert!(matches!(changes.as_slice(), [Change::Same { .. }]), "{changes:#?}");
    for other in [
        policy(&["arn:a", "arn:b", "arn:b"], "sqs:*"),
        policy(&["arn:a", "arn:b"], "sqs:*"),
        policy(&["arn:a", "arn:b", "arn:a"], "sqs:Send*"),
    ] {
        let changes = resources(vec![before()], vec![other], &scan(Vec::new()));
        let [Change::Changed { fields, .. }] = changes.as_slice() else { panic!("{changes:#?}") };
        assert_eq!(fields, &["attributes.policy"]);
    }
    // Where an order counts, each item says its place.
    let rules = |names: [&str; 2]| {
        let rules: Vec<_> =
            (1..).zip(names).map(|(priority, name)| json!({ "priority": priority, "name": name })).collect();
        Resource::new("aws.wafv2.web-acl", "us-east-1", "w").with("rules", Some(json!(rules)))
    };
    let changes = resources(vec![rules(["a", "b"])], vec![rules(["b", "a"])], &scan(Vec::new()));
    assert!(matches!(changes.as_slice(), [Change::Changed { .. }]), "{changes:#?}");
}

#[test]
fn a_finding_is_fixed_only_where_the_scan_looked() {
    let gone = || vec![found("vol-1")];
    let why = |scan: &Scan| match findings(gone(), Vec::new(), scan).as_slice() {
        [Change::Unknown { why, .. }] => Some((why.kind, why.reason.clone())),
        [Change::Fixed { .. }] => None,
        other => panic!("{other:#?}"),
    };
    assert_eq!(why(&scan(Vec::new())), None);
    let (kind, reason) = why(&scan(vec![problem("ec2", "DescribeVolumes", None)])).unwrap();
    assert_eq!(kind, WhyKind::Problem);
    insta::assert_snapshot!(reason, @"DescribeVolumes of ec2 in us-east-1: UnauthorizedOperation (denied)");
    assert_eq!(why(&scan(vec![problem("s3", "ListBuckets", None)])), None);
    assert_eq!(why(&Scan::default()).unwrap().0, WhyKind::NotLookedAt);

    let area = |regions: &[&str], services: &[&str]| {
        let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let area = Area { regions: list(regions), services: list(services), ..Area::all(Provider::Aws) };
        Scan { areas: vec![area], ..Scan::default() }
    };
    assert_eq!(why(&area(&["us-east-1"], &["s3", "ec2"])), None);
    assert_eq!(why(&area(&["eu-west-1"], &[])).unwrap().0, WhyKind::NotLookedAt);
    assert_eq!(why(&area(&[], &["s3"])).unwrap().0, WhyKind::NotLookedAt);
    let accounts = Area { accounts: vec!["999999999999".to_owned()], ..Area::all(Provider::Aws) };
    assert_eq!(why(&Scan { areas: vec![accounts], ..Scan::default() }).unwrap().0, WhyKind::NotLookedAt);
    let rules = Some(["network.open-port".to_owned()].into());
    assert_eq!(why(&Scan { rules, ..scan(Vec::new()) }).unwrap().0, WhyKind::RuleNotApplied);
}

#[test]
fn a_pass_is_fixed_even_beside_problems_and_what_was_not_checked_is_unknown() {
    let denied = scan(vec![problem("ec2", "DescribeVolumes", None)]);
    let changes = findings(vec![found("vol-1")], vec![found("vol-1").passed()], &denied);
    assert!(matches!(changes.as_slice(), [Change::Fixed { .. }]), "{changes:#?}");
    let changes = findings(vec![found("vol-1")], vec![found("vol-1").not_checked("denied")], &scan(Vec::new()));
    let [Change::Unknown { before, why }] = changes.as_slice() else { panic!("{changes:#?}") };
    assert_eq!(
        (before.status, why.kind, why.reason.as_str()),
        (troupe_estate::Status::Fail, WhyKind::NotChecked, "denied")
    );
    // What never failed is no news until it does.
    assert!(findings(vec![found("a").passed()], vec![found("a").not_checked("denied")], &denied).is_empty());
    let changes = findings(vec![found("a").not_checked("denied")], vec![found("a")], &denied);
    assert!(matches!(changes.as_slice(), [Change::New { .. }]), "{changes:#?}");
}

#[test]
fn what_was_unknown_once_is_not_new_the_next_time() {
    let denied = scan(vec![problem("ec2", "DescribeVolumes", None)]);
    let second = findings(vec![found("vol-1")], Vec::new(), &denied);
    let kept: Vec<Finding> = second.into_iter().filter_map(Change::kept).collect();
    let third = findings(kept, vec![found("vol-1")], &scan(Vec::new()));
    assert!(matches!(third.as_slice(), [Change::Same { .. }]), "{third:#?}");
    let gone = findings(vec![found("vol-1")], Vec::new(), &scan(Vec::new()));
    assert!(gone.into_iter().filter_map(Change::kept).next().is_none());
}

#[test]
fn a_finding_changes_by_what_was_seen_and_not_by_what_moves() {
    let before = found("v").seen_moving("age_days", 3).seen("port", 22).seen("port", 80);
    let mut now = found("v").seen_moving("age_days", 4).seen("port", 80).seen("port", 22);
    now.title = "Said otherwise".to_owned();
    assert!(matches!(
        findings(vec![before.clone()], vec![now.clone()], &scan(Vec::new())).as_slice(),
        [Change::Same { .. }]
    ));
    now = now.seen("port", 80).seen("cidr", "0.0.0.0/0");
    now.severity = Severity::High;
    now.suppressed = Some(Suppression { reason: "known".to_owned(), until: None });
    let changes = findings(vec![before], vec![now], &scan(Vec::new()));
    let [Change::Changed { fields, .. }] = changes.as_slice() else { panic!("{changes:#?}") };
    assert_eq!(fields, &["evidence.cidr", "evidence.port", "severity", "suppressed"]);
}

#[test]
fn a_change_is_told_in_the_documented_form() {
    let mut counts = Counts::default();
    let changes = resources(vec![volume("a")], vec![volume("b")], &scan(Vec::new()));
    changes.iter().for_each(|change| counts.add(change));
    assert_eq!(serde_json::to_value(&counts).unwrap(), json!({ "gone": 1, "new": 1 }));
    let told = serde_json::to_value(&changes).unwrap();
    assert_eq!((&told[0]["change"], &told[0]["before"]["id"]), (&json!("gone"), &json!("a")));
    assert_eq!((&told[1]["change"], &told[1]["now"]["id"]), (&json!("new"), &json!("b")));
    assert_eq!(serde_json::from_value::<Vec<Change<Resource>>>(told).unwrap(), changes);
}

#[test]
fn a_list_out_of_order_or_unreadable_ends_the_comparison_with_its_name() {
    let scan = scan(Vec::new());
    let changes = diff::resources(rows(vec![volume("b"), volume("a")]), rows(vec![volume("c")]), &scan, |_, _| false);
    let told: Vec<String> = changes
        .map(|change| change.map_or_else(|error| error.to_string(), |change| change.name().to_owned()))
        .collect();
    insta::assert_debug_snapshot!(told, @r#"
    [
        "gone",
        "the previous list is not in order: aws.ec2.volume `a` in us-east-1 of `111122223333` comes after aws.ec2.volume `b` in us-east-1 of `111122223333`; merge its parts first",
    ]
    "#);
    let broken = vec![Ok(volume("a")), Err("line 2 is cut off"), Ok(volume("c"))];
    let changes = diff::resources(Vec::new(), broken, &scan, |_, _| false);
    let told: Vec<String> = changes
        .map(|change| change.map_or_else(|error| error.to_string(), |change| change.name().to_owned()))
        .collect();
    assert_eq!(told, ["new", "an entry of the present list cannot be read: line 2 is cut off"]);
}
