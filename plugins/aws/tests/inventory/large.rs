//! Accounts of more than an answer holds.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use troupe_agent_aws::Aws;
use troupe_sdk::test::{self, Answer, Host};
use troupe_sdk::{CapabilityError, Failure, Problem};

use crate::aws::{Asked, account, inventory, xml};

/// Volumes of a page: as many as EC2 gives.
const PAGE: u32 = 500;

/// A region of so many volumes, each of some 400 bytes as a resource.
fn volumes(count: u32) -> impl FnMut(&Asked) -> Option<Answer> {
    move |asked| {
        if asked.operation != "DescribeVolumes" {
            return None;
        }
        let from: u32 = asked.parameter("NextToken").map_or(0, |token| token.parse().unwrap());
        let to = count.min(from + PAGE);
        let items: String = (from..to)
            .map(|number| {
                format!("<item><volumeId>vol-{number:06}</volumeId><size>8</size><status>in-use</status></item>")
            })
            .collect();
        let next = if to < count { format!("<nextToken>{to}</nextToken>") } else { String::new() };
        Some(xml(&format!("<R><volumeSet>{items}</volumeSet>{next}</R>")))
    }
}

fn large(count: u32) -> (Host, Value) {
    let host = account(volumes(count));
    let found = inventory(json!({ "services": ["ec2"] }));
    (host, found)
}

#[test]
fn what_is_too_much_for_an_answer_is_left_as_artefacts() {
    let (host, found) = large(20_000);
    assert_eq!((found.get("resources"), &found["counts"]), (None, &json!({ "aws.ec2.volume": 20_000 })));
    let names: Vec<&str> =
        found["parts"].as_array().unwrap().iter().map(|part| part["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["resources-00001.jsonl"]);
    let mut ids = BTreeSet::new();
    for artefact in host.artifacts() {
        let text = String::from_utf8(artefact.bytes).unwrap();
        ids.extend(text.lines().map(|line| {
            let resource: Value = serde_json::from_str(line).unwrap();
            assert_eq!((&resource["type"], &resource["account"]), (&json!("aws.ec2.volume"), &json!("111122223333")));
            resource["id"].as_str().unwrap().to_owned()
        }));
    }
    assert_eq!(ids.len(), 20_000);
}

#[test]
fn what_an_answer_holds_is_told_in_it() {
    let (host, found) = large(2_000);
    assert_eq!((found["resources"].as_array().unwrap().len(), found.get("parts")), (2_000, None));
    assert_eq!(host.artifacts(), []);
}

#[test]
fn artefacts_that_cannot_be_written_are_a_failure() {
    let denied = CapabilityError::Denied(Problem::new("no artefacts"));
    let _host = account(volumes(20_000)).artifacts_fail(denied);
    let failure = test::perform::<Aws>("inventory", json!({ "services": ["ec2"] })).unwrap_err();
    assert!(matches!(failure, Failure::Denied(_)), "{failure:?}");
}

#[test]
fn an_inventory_in_artefacts_is_not_taken_for_an_empty_one() {
    let (host, found) = large(20_000);
    let sent = host.sent().len();
    let failure = test::perform::<Aws>("changes", json!({ "previous": found })).unwrap_err();
    assert!(failure.to_string().contains("resources-00001.jsonl"), "{failure}");
    let neither = json!({ "account": "111122223333" });
    test::perform::<Aws>("changes", json!({ "previous": neither })).expect_err("nothing to compare with");
    assert_eq!(host.sent().len(), sent, "nothing is asked");
}

#[test]
fn what_is_too_large_to_be_compared_is_a_row_and_the_rest_is_compared() {
    let mut volumes = volumes(200_000);
    let vpc = "<R><vpcSet><item><vpcId>vpc-1</vpcId></item></vpcSet></R>";
    let host = account(move |asked| match (asked.region.as_str(), asked.operation.as_str()) {
        ("us-east-1", "DescribeVolumes") => volumes(asked).map(|answer| answer.after(Duration::from_millis(1))),
        ("us-east-1", _) => None,
        (_, "DescribeVpcs") => Some(xml(vpc)),
        _ => None,
    });
    let regions = json!({ "regions": ["eu-west-1", "us-east-1"], "services": ["ec2"] });
    let watched = test::perform::<Aws>("watch", regions.clone()).unwrap();
    assert_eq!(watched["counts"], json!({ "first_seen": 1 }));
    let [error] = watched["errors"].as_array().unwrap().as_slice() else { panic!("{watched:#}") };
    assert_eq!(
        [&error["service"], &error["region"], &error["code"], &error["kind"]],
        ["ec2", "us-east-1", "too_many", "failed"].map(|text| json!(text)).each_ref()
    );
    // It ends where it is too much, and not where the list does.
    assert!(host.sent().len() < 300, "{}", host.sent().len());
    let previous = json!({ "account": "111122223333", "resources": [] });
    let failure = test::perform::<Aws>("changes", json!({ "previous": previous, "services": ["ec2"] })).unwrap_err();
    assert!(failure.to_string().contains("or use `watch`"), "{failure}");
}
