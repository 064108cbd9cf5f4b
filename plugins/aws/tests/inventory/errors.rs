//! What goes wrong stands beside what was found, and says what it means.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::aws::{ACCOUNT, account, ec2_error, inventory, refusal, resource, xml, xml_error};
use serde_json::{Value, json};
use troupe_agent_aws::Aws;
use troupe_sdk::http::HttpError;
use troupe_sdk::test::{self, Answer};
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
        (ec2_error(400, "RequestExpired", "no"), "denied", "RequestExpired"),
        (Answer::text(500, html), "not_available", "http_500"),
        (Answer::new(405), "not_available", "http_405"),
        (Answer::text(404, "Not yet implemented"), "not_available", "http_404"),
        (ec2_error(400, "InvalidAction", "unknown"), "not_available", "InvalidAction"),
        (ec2_error(501, "Unheard", "of"), "not_available", "Unheard"),
        (ec2_error(503, "RequestLimitExceeded", "slow"), "throttled", "RequestLimitExceeded"),
        (Answer::new(429), "throttled", "http_429"),
        (ec2_error(500, "InternalError", "oh"), "failed", "InternalError"),
        (Answer::new(500), "failed", "http_500"),
        (Answer::text(500, "upstream connect error"), "failed", "http_500"),
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
fn an_error_in_json_is_read_however_its_fields_are_spelled() {
    let code = "com.amazonaws.dynamodb.v20120810#InvalidSignatureException";
    for (body, kind, code, message) in [
        (json!({ "__type": code, "message": "small" }), "denied", "InvalidSignatureException", "small"),
        (json!({ "__type": code, "Message": "large" }), "denied", "InvalidSignatureException", "large"),
        (
            json!({ "__type": "MissingAuthenticationTokenException", "message": "one", "Message": "two", "code": 7 }),
            "denied",
            "MissingAuthenticationTokenException",
            "one",
        ),
        (json!({ "code": "ValidationException", "message": null }), "failed", "ValidationException", ""),
    ] {
        let answer = Answer::json(400, body.clone());
        let _host = account(move |asked| (asked.operation == "ListTables").then(|| answer.clone()));
        let found = inventory(json!({ "services": ["dynamodb"] }));
        let error = &found["errors"][0];
        assert_eq!(
            (&error["kind"], &error["code"], &error["message"]),
            (&json!(kind), &json!(code), &json!(message)),
            "{body}"
        );
    }
}

#[test]
fn a_service_that_fails_without_a_word_is_asked_again() {
    let mut left = 3;
    let _host = account(move |asked| {
        (asked.operation == "DescribeVpcs").then(|| {
            left -= 1;
            if left > 0 { Answer::new(500) } else { xml(VPC) }
        })
    });
    let found = inventory(json!({ "services": ["ec2"] }));
    assert_eq!((&found["counts"], &found["errors"]), (&json!({ "aws.ec2.vpc": 1 }), &json!([])));
}

#[test]
fn a_request_that_stays_without_an_answer_is_sent_again() {
    let mut first = true;
    let _host = account(move |asked| {
        let silent = asked.operation == "DescribeVpcs" && std::mem::take(&mut first);
        (asked.operation == "DescribeVpcs")
            .then(|| if silent { xml(VPC).after(Duration::from_secs(3_600)) } else { xml(VPC) })
    });
    let start = time::now();
    let found = inventory(json!({ "services": ["ec2"] }));
    assert_eq!((&found["counts"], &found["errors"]), (&json!({ "aws.ec2.vpc": 1 }), &json!([])));
    assert!(time::now() < start + Duration::from_secs(30));
}

#[test]
fn what_the_time_does_not_suffice_for_is_named_beside_what_was_found() {
    let start = time::now();
    let deadline = start + Duration::from_secs(60);
    let _host = account(|asked| match (asked.service.as_str(), asked.operation.as_str()) {
        ("ec2", "DescribeVpcs") => Some(xml(VPC)),
        ("dynamodb", "ListTables") => {
            let names: Vec<String> = (0..100).map(|number| format!("table-{number}")).collect();
            Some(Answer::json(200, json!({ "TableNames": names })))
        }
        ("dynamodb", _) => Some(Answer::json(200, json!({ "Table": {} })).after(Duration::from_secs(12))),
        _ => None,
    })
    .deadline(deadline);
    let found = inventory(json!({ "services": ["ec2", "dynamodb"] }));
    assert!(time::now() < deadline);
    assert_eq!(found["counts"], json!({ "aws.ec2.vpc": 1, "aws.dynamodb.table": 100 }));
    assert_eq!(resource(&found, "table-99")["unread"], json!(["point_in_time_recovery", "state", "tags"]));
    let errors = found["errors"].as_array().unwrap();
    assert!(errors.iter().all(|one| one["code"] == "deadline" && one["service"] == "dynamodb"), "{errors:#?}");
    let count: u64 = errors.iter().map(|one| one["count"].as_u64().unwrap()).sum();
    // Eight at once take twelve seconds.
    assert!((260..=276).contains(&count), "{count}");
}

#[test]
fn a_region_that_hangs_is_given_up_as_one_and_the_others_are_looked_at() {
    let start = time::now();
    let host =
        account(|asked| (asked.region == "eu-west-1").then(|| Answer::new(200).after(Duration::from_secs(3_600))))
            .deadline(start + Duration::from_secs(600));
    let found = inventory(json!({ "regions": ["eu-west-1", "us-east-1", "us-west-2"] }));
    assert_eq!(found["account"], ACCOUNT);
    assert!(time::now() < start + Duration::from_secs(90), "{:?}", time::now().duration_since(start));
    for error in found["errors"].as_array().unwrap() {
        let told = [&error["region"], &error["code"], &error["kind"]];
        assert_eq!(told, [&json!("eu-west-1"), &json!("silent"), &json!("failed")], "{error:#}");
        assert!(error["message"].as_str().unwrap().contains("eu-west-1"), "{error:#}");
    }
    let asked = host.sent().iter().map(crate::aws::read).filter(|one| one.region == "eu-west-1").count();
    assert!(asked <= 30, "{asked}");
}

#[test]
fn what_a_region_that_hangs_had_is_not_gone_for_whoever_compares() {
    let start = time::now();
    let _host =
        account(|asked| (asked.region == "eu-west-1").then(|| Answer::new(200).after(Duration::from_secs(3_600))))
            .deadline(start + Duration::from_secs(600));
    let volume = |region: &str| json!({ "id": "vol-1", "provider": "aws", "type": "aws.ec2.volume", "region": region, "account": ACCOUNT });
    let regions = ["eu-west-1", "us-east-1"];
    let previous = json!({ "account": ACCOUNT, "regions": regions, "resources": regions.map(volume) });
    let found = test::perform::<Aws>("changes", json!({ "previous": previous, "services": ["ec2"] })).unwrap();
    assert_eq!(found["counts"], json!({ "gone": 1, "unknown": 1 }), "{found:#}");
    assert_eq!(found["next"]["resources"][0]["region"], "eu-west-1");
    let found = test::perform::<Aws>("migration-source", json!({ "regions": regions })).unwrap();
    assert!(found["errors"].as_array().unwrap().iter().all(|error| error["code"] == "silent"), "{found:#}");
    assert!(time::now() < start + Duration::from_secs(180), "{:?}", time::now().duration_since(start));
}

#[test]
fn keys_that_have_expired_are_told_with_what_to_do() {
    for code in ["RequestExpired", "ExpiredToken"] {
        let error = error_of(ec2_error(400, code, "Request has expired."));
        assert_eq!(
            error["message"],
            "Request has expired. Give the host new keys for the credential `aws:default`, or a role whose keys it \
             renews itself (`role_arn` in credentials.toml), and see that its clock is right"
        );
    }
}

#[test]
fn a_silent_endpoint_leaves_time_for_the_others() {
    let deadline = time::now() + Duration::from_secs(120);
    let _host = account(|asked| match asked.service.as_str() {
        "sts" => Some(Answer::new(200).after(Duration::from_secs(3_600))),
        "ec2" if asked.operation == "DescribeVpcs" => Some(xml(VPC)),
        _ => None,
    })
    .deadline(deadline);
    let found = inventory(json!({ "services": ["ec2"] }));
    assert!(time::now() < deadline - Duration::from_secs(60));
    assert_eq!(found["counts"], json!({ "aws.ec2.vpc": 1 }));
    assert_eq!((&found["errors"][0]["service"], &found["errors"][0]["code"]), (&json!("sts"), &json!("silent")));
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
    assert_eq!(kinds, [&json!("throttled"); 5]);
    // Once one of five has given up, the others try no further.
    assert!((1 + 8..=1 + 5 * 8).contains(&host.sent().len()), "{}", host.sent().len());
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
    let others = error["others"].as_array().unwrap();
    assert_eq!((others.len(), &others[38]), (39, &json!("b9")), "those it may hide are named: {others:?}");
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
    let errors = found["errors"].as_array().unwrap();
    assert_eq!((&errors[0]["service"], &errors[1]["service"], errors.len()), (&json!("sts"), &json!("sts"), 2));
}

#[test]
fn a_region_that_denies_does_not_keep_the_account_from_being_known() {
    let _host = account(|asked| {
        let denies = asked.service == "sts" && asked.region == "af-south-1";
        denies.then(|| xml_error(403, "InvalidClientTokenId"))
    });
    let found = inventory(json!({ "regions": ["af-south-1", "us-east-1"], "services": ["dynamodb"] }));
    assert_eq!((&found["account"], &found["errors"]), (&json!(ACCOUNT), &json!([])));
}

#[test]
fn while_the_account_is_not_known_what_may_be_anothers_is_told_with_its_owner() {
    let _host = account(|asked| match asked.operation.as_str() {
        "GetCallerIdentity" => Some(xml_error(403, "InvalidClientTokenId")),
        "DescribeSubnets" => {
            Some(xml("<R><subnetSet><item><subnetId>subnet-1</subnetId><ownerId>111122223333</ownerId></item>\
             <item><subnetId>subnet-shared</subnetId><ownerId>999900001111</ownerId></item></subnetSet></R>"))
        }
        _ => None,
    });
    let found = inventory(json!({ "services": ["ec2"] }));
    assert_eq!(resource(&found, "subnet-shared")["attributes"]["owner"], "999900001111");
    assert_eq!(resource(&found, "subnet-shared")["account"], "999900001111");
    let errors = found["errors"].as_array().unwrap();
    let [unknown, sts] = errors.as_slice() else { panic!("{errors:#?}") };
    assert_eq!((&unknown["operation"], &unknown["code"]), (&json!("DescribeSubnets"), &json!("unknown_account")));
    assert_eq!((&unknown["count"], &sts["service"]), (&json!(2), &json!("sts")));
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
    let services = ["ec2", "lambda", "dynamodb", "batch", "s3", "iam"];
    inventory(json!({ "regions": ["us-east-1", "eu-west-1"], "services": services }));
    let reports = host.reports();
    assert!(reports.windows(2).all(|two| two[0].fraction <= two[1].fraction), "{reports:?}");
    assert_eq!((reports.len(), reports.last().unwrap().fraction), (1 + 10, Some(1.0)));
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
