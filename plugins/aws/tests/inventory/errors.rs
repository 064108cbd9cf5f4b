//! What goes wrong stands beside what was found, and says what it means.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::aws::{account, ec2_error, inventory, refusal, resource, xml, xml_error};
use serde_json::{Value, json};
use troupe_sdk::http::HttpError;
use troupe_sdk::test::Answer;
use troupe_sdk::{Failure, time};

const VPC: &str = "<R><vpcSet><item><vpcId>vpc-1</vpcId></item></vpcSet></R>";

/// The one error of an inventory whose volumes cannot be listed for this reason.
fn error_of(answer: Answer) -> Value {
    let _host = account(move |asked| match asked.operation.as_str() {
        "DescribeVolumes" => Some(answer.clone()),
        "DescribeVpcs" => Some(xml(VPC)),
        _ => None,
    });
    let found = inventory(json!({ "services": ["ec2"] }));
    resource(&found, "vpc-1");
    let [error] = found["errors"].as_array().unwrap().as_slice() else { panic!("{found:#}") };
    assert_eq!(
        (&error["service"], &error["region"], &error["operation"]),
        (&json!("ec2"), &json!("us-east-1"), &json!("DescribeVolumes"))
    );
    error.clone()
}

#[test]
fn each_error_is_taken_for_what_it_is() {
    let html =
        "<!DOCTYPE html>\n<html lang=en><title>500 Internal Server Error</title><h1>Internal Server Error</h1></html>";
    for (answer, kind, code) in [
        (ec2_error(403, "UnauthorizedOperation", "no"), "denied", "UnauthorizedOperation"),
        (ec2_error(401, "AuthFailure", "no"), "denied", "AuthFailure"),
        (ec2_error(400, "OptInRequired", "no"), "denied", "OptInRequired"),
        (Answer::text(403, "Forbidden"), "denied", "http_403"),
        (Answer::error(HttpError::Denied("no grant".to_owned())), "denied", "denied"),
        (Answer::text(500, html), "not_available", "http_500"),
        (Answer::text(404, "Not yet implemented"), "not_available", "http_404"),
        (ec2_error(400, "InvalidAction", "unknown"), "not_available", "InvalidAction"),
        (ec2_error(501, "Unheard", "of"), "not_available", "Unheard"),
        (ec2_error(503, "RequestLimitExceeded", "slow"), "throttled", "RequestLimitExceeded"),
        (Answer::new(429), "throttled", "http_429"),
        (ec2_error(500, "InternalError", "oh"), "failed", "InternalError"),
        (ec2_error(400, "InvalidParameterValue", "what"), "failed", "InvalidParameterValue"),
        (Answer::new(400), "failed", "http_400"),
        (Answer::error(HttpError::Unreachable("gone".to_owned())), "failed", "unreachable"),
        (Answer::text(200, "not XML"), "failed", "unreadable"),
        (Answer::text(200, "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>"), "failed", "unreadable"),
    ] {
        let error = error_of(answer.clone());
        assert_eq!((&error["kind"], &error["code"]), (&json!(kind), &json!(code)), "{answer:?}");
    }
}

#[test]
fn the_services_own_words_reach_the_caller() {
    let error = error_of(ec2_error(403, "UnauthorizedOperation", "You are not authorized to perform this operation."));
    assert_eq!(error["message"], "You are not authorized to perform this operation.");
}

#[test]
fn a_throttled_request_is_tried_again_and_leaves_no_trace() {
    let mut left = 5;
    let host = account(move |asked| {
        (asked.operation == "DescribeVpcs").then(|| {
            left -= 1;
            if left > 0 { ec2_error(503, "RequestLimitExceeded", "slow down") } else { xml(VPC) }
        })
    });
    let start = time::now();
    let found = inventory(json!({ "services": ["ec2"] }));
    assert_eq!((&found["counts"], &found["errors"]), (&json!({ "aws.ec2.vpc": 1 }), &json!([])));
    assert_eq!(host.sent().iter().filter(|sent| sent.text().contains("DescribeVpcs")).count(), 5);
    assert!(time::now() > start + Duration::from_millis(50), "it waited between the tries");
}

#[test]
fn patience_ends() {
    let host = account(|asked| (asked.service == "iam").then(|| xml_error(400, "Throttling")));
    let found = inventory(json!({ "services": ["iam"] }));
    let kinds: Vec<_> = found["errors"].as_array().unwrap().iter().map(|error| &error["kind"]).collect();
    assert_eq!(kinds, [&json!("throttled"); 3]);
    assert_eq!(host.sent().len(), 1 + 3 * 8);
}

#[test]
fn a_page_that_fails_does_not_hide_those_before_it() {
    let _host = account(|asked| {
        (asked.operation == "DescribeVpcs").then(|| match asked.parameter("NextToken") {
            None => xml("<R><vpcSet><item><vpcId>vpc-1</vpcId></item></vpcSet><nextToken>n</nextToken></R>"),
            Some(_) => ec2_error(400, "InvalidPaginationToken", "expired"),
        })
    });
    let found = inventory(json!({ "services": ["ec2"] }));
    assert_eq!(found["counts"], json!({ "aws.ec2.vpc": 1 }));
    assert_eq!(found["errors"][0]["code"], "InvalidPaginationToken");
}

#[test]
fn the_same_error_of_many_resources_is_told_once_and_counted() {
    let _host = account(|asked| match (asked.service.as_str(), asked.operation.as_str()) {
        ("s3", "") => {
            let buckets: String = (0..40)
                .map(|number| format!("<Bucket><Name>b{number}</Name><BucketRegion>us-east-1</BucketRegion></Bucket>"))
                .collect();
            Some(xml(&format!("<R><Buckets>{buckets}</Buckets></R>")))
        }
        ("s3", operation) if operation.ends_with("tagging") => {
            Some(Answer::text(403, "<Error><Code>AccessDenied</Code></Error>"))
        }
        _ => None,
    });
    let found = inventory(json!({ "services": ["s3"] }));
    assert_eq!(found["counts"], json!({ "aws.s3.bucket": 40 }));
    let [error] = found["errors"].as_array().unwrap().as_slice() else { panic!("{found:#}") };
    assert_eq!((&error["count"], &error["resource"]), (&json!(40), &json!("b0")));
}

#[test]
fn an_account_that_is_not_told_is_no_reason_to_stop() {
    let _host = account(|asked| match asked.service.as_str() {
        "sts" => Some(xml_error(403, "InvalidClientTokenId")),
        "ec2" if asked.operation == "DescribeVpcs" => Some(xml(VPC)),
        _ => None,
    });
    let found = inventory(json!({ "regions": ["us-east-1", "eu-west-1"], "services": ["ec2"] }));
    assert_eq!((found.get("account"), &found["counts"]), (None, &json!({ "aws.ec2.vpc": 2 })));
    assert_eq!(resource(&found, "vpc-1").get("arn"), None);
    assert_eq!((&found["errors"][0]["service"], found["errors"].as_array().unwrap().len()), (&json!("sts"), 1));
}

#[test]
fn no_more_than_eight_requests_are_under_way_and_no_fewer() {
    let host = account(|_| None);
    inventory(json!({ "regions": ["us-east-1", "eu-west-1", "us-west-2"] }));
    assert_eq!(host.in_flight_most(), 8);
}

#[test]
fn progress_rises_to_one_by_service_and_region() {
    let host = account(|asked| (asked.operation == "DescribeVpcs").then(|| xml(VPC)));
    inventory(json!({ "regions": ["us-east-1", "eu-west-1"] }));
    let reports = host.reports();
    assert!(reports.windows(2).all(|two| two[0].fraction <= two[1].fraction), "{reports:?}");
    assert_eq!((reports.len(), reports.last().unwrap().fraction), (1 + 8, Some(1.0)));
    let lines: Vec<_> = reports.iter().map(|report| report.message.as_str()).collect();
    assert!(lines.iter().any(|line| line.starts_with("ec2 in eu-west-1: 1 resource (")), "{lines:?}");
}

#[test]
fn an_input_that_names_no_place_is_refused_by_name() {
    let _host = account(|_| None);
    for (input, why) in [
        (json!({ "regions": ["mars"] }), "`mars` is not a region"),
        (json!({ "regions": ["us-east-1.evil.com/"] }), "is not a region"),
        (json!({ "regions": ["cn-north-1"] }), "no grants"),
        (json!({ "regions": ["us-east-1", "us-gov-west-1"] }), "two partitions"),
        (json!({ "services": ["ec3"] }), "unknown variant `ec3`"),
        (json!({ "region": ["us-east-1"] }), "unknown field `region`"),
    ] {
        let failure = refusal(input.clone());
        assert!(
            matches!(&failure, Failure::InvalidInput(problem) if problem.message.contains(why)),
            "{input}: {failure}"
        );
    }
}

#[test]
fn regions_come_from_the_input_else_from_the_configuration() {
    let regions = |configuration: Value, input: Value| {
        let host = account(|_| None).configuration(configuration);
        let found = inventory(input);
        let asked: BTreeMap<String, usize> =
            host.sent().iter().map(crate::aws::read).filter(|one| one.service == "ec2").fold(
                BTreeMap::new(),
                |mut count, one| {
                    *count.entry(one.region).or_default() += 1;
                    count
                },
            );
        assert_eq!(asked.len(), found["regions"].as_array().unwrap().len());
        found["regions"].clone()
    };
    assert_eq!(regions(json!({}), json!({})), json!(["us-east-1"]));
    assert_eq!(regions(json!({ "regions": ["eu-west-1", "eu-west-1"] }), json!({})), json!(["eu-west-1"]));
    assert_eq!(regions(json!({ "regions": ["eu-west-1"] }), json!({ "regions": ["us-west-2"] })), json!(["us-west-2"]));
}

#[test]
fn govcloud_is_asked_at_its_own_endpoints() {
    let host = account(|asked| (asked.operation == "DescribeVpcs").then(|| xml(VPC)));
    let found = inventory(json!({ "regions": ["us-gov-west-1"] }));
    let urls: Vec<String> = host.sent().into_iter().map(|sent| sent.url).collect();
    assert!(urls.iter().any(|url| url == "https://iam.us-gov.amazonaws.com/"));
    assert!(urls.iter().any(|url| url.starts_with("https://s3.us-gov-west-1.amazonaws.com/?")));
    assert_eq!(resource(&found, "vpc-1")["arn"], "arn:aws-us-gov:ec2:us-gov-west-1:111122223333:vpc/vpc-1");
}
