//! `all` regions, and those that the account has not enabled.

use std::collections::BTreeSet;

use crate::aws::{Asked, account, ec2_error, inventory, read, refusal, xml, xml_error};
use serde_json::{Value, json};
use troupe_agent_aws::Aws;
use troupe_sdk::Failure;
use troupe_sdk::test::{self, Answer};

const CLOSED: &str = "me-south-1";

fn regions(asked: &Asked) -> Option<Answer> {
    (asked.operation == "DescribeRegions").then(|| {
        assert_eq!(asked.parameter("AllRegions"), None, "those that are not enabled are not wanted");
        let region = |name: &str| format!("<item><regionName>{name}</regionName></item>");
        let names = ["us-west-2", "eu-west-1", "us-east-1", "cn-north-1", "evil.example.com/"];
        xml(&format!("<R><regionInfo>{}</regionInfo></R>", names.map(region).concat()))
    })
}

/// A region that takes no keys, in the words of each protocol.
fn closed(asked: &Asked) -> Option<Answer> {
    (asked.region == CLOSED).then(|| match asked.service.as_str() {
        "ec2" => ec2_error(401, "AuthFailure", "AWS was not able to validate the provided access credentials"),
        _ if asked.parameters.contains_key("") => {
            let message = "The security token included in the request is invalid.";
            Answer::json(400, json!({ "__type": "UnrecognizedClientException", "message": message }))
        }
        "batch" => Answer::json(403, json!({ "code": "OptInRequired", "message": "no" })),
        _ => xml_error(403, "InvalidClientTokenId"),
    })
}

#[test]
fn all_are_those_that_are_enabled_for_the_account() {
    let host = account(regions);
    let found = inventory(json!({ "regions": ["all"], "services": ["ec2"] }));
    assert_eq!((&found["regions"], &found["errors"]), (&json!(["eu-west-1", "us-east-1", "us-west-2"]), &json!([])));
    let asked: BTreeSet<String> =
        host.sent().iter().map(read).filter(|one| one.operation == "DescribeVolumes").map(|one| one.region).collect();
    assert_eq!(asked, ["eu-west-1", "us-east-1", "us-west-2"].map(str::to_owned).into());
    assert!(host.reports().iter().any(|report| report.message.contains("which regions")));
    let saved =
        test::perform::<Aws>("savings", json!({ "regions": ["all"], "rules": ["address_unattached"] })).unwrap();
    assert_eq!(saved["regions"], json!(["eu-west-1", "us-east-1", "us-west-2"]));
}

#[test]
fn all_may_be_configured_and_is_asked_where_the_configuration_says() {
    let _host = account(regions).configuration(json!({ "regions": ["all"] }));
    assert_eq!(inventory(json!({ "services": ["ec2"] }))["regions"].as_array().unwrap().len(), 3);
    let host = account(regions).configuration(json!({ "regions": ["eu-west-1"] }));
    inventory(json!({ "services": ["ec2"], "regions": ["all"] }));
    let asked: Vec<Asked> = host.sent().iter().map(read).collect();
    let place = asked.iter().find(|one| one.operation == "DescribeRegions").unwrap();
    assert_eq!(place.region, "eu-west-1");
}

#[test]
fn all_that_cannot_be_asked_is_a_failure_that_says_what_to_do() {
    let _host = account(|asked| {
        (asked.operation == "DescribeRegions").then(|| ec2_error(403, "UnauthorizedOperation", "not you"))
    });
    let failure = refusal(json!({ "regions": ["all"] }));
    assert!(matches!(&failure, Failure::Denied(_)), "{failure:?}");
    for word in ["ec2:DescribeRegions", "UnauthorizedOperation", "name them"] {
        assert!(failure.to_string().contains(word), "{failure}");
    }
    let failure = refusal(json!({ "regions": ["all", "eu-west-1"] }));
    assert!(failure.to_string().contains("name no others"), "{failure}");
}

/// The rows of a region.
fn rows<'a>(found: &'a Value, region: &str) -> Vec<&'a Value> {
    found["errors"].as_array().unwrap().iter().filter(|row| row["region"] == region).collect()
}

#[test]
fn a_region_that_is_not_enabled_is_one_row_that_says_so() {
    let _host = account(closed);
    let found = inventory(json!({ "regions": ["us-east-1", CLOSED] }));
    let rows = rows(&found, CLOSED);
    let [row] = rows.as_slice() else { panic!("{rows:#?}") };
    assert_eq!((&row["code"], &row["kind"], &row["service"]), (&json!("not_enabled"), &json!("denied"), &json!("*")));
    assert!(row["count"].as_u64().unwrap() >= 20, "{row}");
    for word in ["not enabled", "enable it", "`all`"] {
        assert!(row["message"].as_str().unwrap().contains(word), "{row}");
    }
}

#[test]
fn a_region_that_is_not_enabled_is_known_for_one_where_it_is_the_only_one() {
    let _host = account(closed);
    let found = inventory(json!({ "regions": [CLOSED], "services": ["ec2", "sqs"] }));
    assert_eq!(found["account"], "111122223333");
    assert_eq!(rows(&found, CLOSED).len(), 1, "{found:#}");
}

#[test]
fn what_was_in_a_region_that_is_no_longer_enabled_is_unknown() {
    let volumes = |asked: &Asked| {
        (asked.operation == "DescribeVolumes")
            .then(|| xml("<R><volumeSet><item><volumeId>vol-1</volumeId></item></volumeSet></R>"))
    };
    let input = json!({ "regions": ["us-east-1", CLOSED], "services": ["ec2"] });
    let _first = account(volumes);
    let previous = inventory(input.clone());
    let _host = account(move |asked| closed(asked).or_else(|| volumes(asked)));
    let found = test::perform::<Aws>("changes", json!({ "previous": previous, "services": ["ec2"] })).unwrap();
    assert_eq!(found["counts"], json!({ "same": 1, "unknown": 1 }));
    assert_eq!(rows(&found, CLOSED).len(), 1);
}

#[test]
fn keys_that_nobody_takes_are_no_region_that_is_not_enabled() {
    let _host = account(|asked| {
        Some(match asked.service.as_str() {
            "ec2" => ec2_error(401, "AuthFailure", "no"),
            _ => xml_error(403, "InvalidClientTokenId"),
        })
    });
    let found = inventory(json!({ "services": ["ec2"] }));
    let codes: BTreeSet<&str> =
        rows(&found, "us-east-1").into_iter().map(|row| row["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["AuthFailure", "InvalidClientTokenId"].into());
}

#[test]
fn a_service_that_nobody_signed_up_for_is_not_a_region() {
    let _host = account(|asked| {
        (asked.service == "batch").then(|| Answer::json(403, json!({ "code": "OptInRequired", "message": "no" })))
    });
    let found = inventory(json!({ "services": ["ec2", "batch"] }));
    assert!(rows(&found, "us-east-1").iter().all(|row| row["code"] == "OptInRequired" && row["service"] == "batch"));
}

#[test]
fn a_region_where_something_was_found_is_enabled() {
    let _host = account(|asked| match asked.service.as_str() {
        _ if asked.region != "eu-west-1" => None,
        "batch" | "sqs" => Some(Answer::json(403, json!({ "code": "OptInRequired", "__type": "OptInRequired" }))),
        _ => (asked.operation == "DescribeVolumes")
            .then(|| xml("<R><volumeSet><item><volumeId>vol-1</volumeId></item></volumeSet></R>")),
    });
    let found = inventory(json!({ "regions": ["us-east-1", "eu-west-1"], "services": ["ec2", "batch", "sqs"] }));
    let services: BTreeSet<&str> =
        rows(&found, "eu-west-1").into_iter().map(|row| row["service"].as_str().unwrap()).collect();
    assert_eq!(services, ["batch", "sqs"].into(), "{found:#}");
}

#[test]
fn keys_that_are_taken_away_while_it_looks_are_no_region_that_is_not_enabled() {
    let _host = account(|asked| {
        (asked.service != "sts").then(|| match asked.service.as_str() {
            "ec2" => ec2_error(401, "AuthFailure", "no"),
            _ => Answer::json(400, json!({ "__type": "UnrecognizedClientException", "message": "no" })),
        })
    });
    let found = inventory(json!({ "regions": ["us-east-1", "eu-west-1"], "services": ["ec2", "sqs"] }));
    assert!(!found.to_string().contains("not_enabled"), "{found:#}");
}

#[test]
fn the_home_of_a_trail_that_nobody_asked_for_is_told_with_the_trail() {
    let _host = account(|asked| {
        if asked.operation == "DescribeTrails" {
            let far = json!({ "Name": "far", "TrailARN": "arn:far", "HomeRegion": CLOSED, "IsMultiRegionTrail": true });
            return Some(Answer::json(200, json!({ "trailList": [far] })));
        }
        closed(asked)
    });
    let found = inventory(json!({ "regions": ["us-east-1"], "services": ["cloudtrail"] }));
    let rows = rows(&found, CLOSED);
    assert_eq!(rows.len(), 3, "{found:#}");
    assert!(rows.iter().all(|row| row["resource"] == "far" && row["service"] == "cloudtrail"), "{found:#}");
}

#[test]
fn all_is_asked_where_every_account_is_if_the_configured_region_does_not_answer() {
    let host = account(|asked| closed(asked).or_else(|| regions(asked))).configuration(json!({ "regions": [CLOSED] }));
    let found = inventory(json!({ "regions": ["all"], "services": ["ec2"] }));
    assert_eq!(found["regions"], json!(["eu-west-1", "us-east-1", "us-west-2"]));
    let asked: Vec<Asked> = host.sent().iter().map(read).collect();
    let places = asked.iter().filter(|one| one.operation == "DescribeRegions").map(|one| one.region.as_str());
    assert_eq!(places.collect::<Vec<_>>(), [CLOSED, "us-east-1"]);
}
