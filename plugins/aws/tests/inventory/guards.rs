//! CloudTrail, Config, GuardDuty, Organizations, Certificate Manager and WAF.

use crate::aws::{account, inventory, resource};
use serde_json::{Value, json};
use troupe_sdk::test::Answer;

fn ok(body: Value) -> Option<Answer> {
    Some(Answer::json(200, body))
}

fn error(code: &str) -> Option<Answer> {
    Some(Answer::json(400, json!({ "__type": code, "message": "told" })))
}

#[test]
fn trails_are_told_at_home_with_what_they_write() {
    let _host = account(|asked| {
        if asked.service != "cloudtrail" {
            return None;
        }
        let input = asked.json();
        match (asked.operation.as_str(), input["Name"].as_str().or(input["TrailName"].as_str())) {
            ("DescribeTrails", _) => {
                assert_eq!(input["includeShadowTrails"], true);
                ok(json!({ "trailList": [
                    { "Name": "all", "TrailARN": "arn:all", "HomeRegion": "us-east-1", "IsMultiRegionTrail": true,
                      "LogFileValidationEnabled": true, "S3BucketName": "trail", "CloudWatchLogsLogGroupArn": "arn:group" },
                    { "Name": "off", "TrailARN": "arn:off", "HomeRegion": "us-east-1" },
                    { "Name": "far", "TrailARN": "arn:far", "HomeRegion": "eu-west-1" }
                ] }))
            }
            ("GetTrailStatus", Some("arn:all")) => {
                ok(json!({ "IsLogging": true, "LatestDeliveryTime": 1_735_689_600.5 }))
            }
            ("GetTrailStatus", _) => error("AccessDeniedException"),
            ("GetEventSelectors", Some("arn:all")) => ok(json!({ "AdvancedEventSelectors": [
                { "FieldSelectors": [{ "Field": "eventCategory", "Equals": ["Management"] }] },
                { "FieldSelectors": [{ "Field": "eventCategory", "Equals": ["Data"] },
                    { "Field": "resources.type", "Equals": ["AWS::S3::Object"] }] }
            ] })),
            ("GetEventSelectors", _) => ok(json!({ "EventSelectors": [{
                "ReadWriteType": "WriteOnly", "IncludeManagementEvents": true,
                "DataResources": [{ "Type": "AWS::Lambda::Function", "Values": ["arn:aws:lambda"] }]
            }] })),
            ("ListTags", _) => ok(json!({ "ResourceTagList": [{ "TagsList": [{ "Key": "a", "Value": "b" }] }] })),
            other => panic!("{other:?}"),
        }
    });
    let found = inventory(json!({ "services": ["cloudtrail"] }));
    assert_eq!(found["counts"], json!({ "aws.cloudtrail.trail": 3 }));
    let all = resource(&found, "all");
    let attributes = &all["attributes"];
    assert_eq!((&attributes["logging"], &attributes["log_validation"]), (&json!(true), &json!(true)));
    assert_eq!(
        (&attributes["management_events"], &attributes["data_events"]),
        (&json!("All"), &json!(["AWS::S3::Object"]))
    );
    assert_eq!((&attributes["last_delivery"], &all["tags"]), (&json!("2025-01-01T00:00:00Z"), &json!({ "a": "b" })));
    assert_eq!(
        all["relations"],
        json!([{ "kind": "bucket", "target": "trail" }, { "kind": "log-group", "target": "arn:group" }])
    );
    let off = resource(&found, "off");
    assert_eq!((&off["unread"], &off["attributes"]["management_events"]), (&json!(["logging"]), &json!("WriteOnly")));
}

#[test]
fn a_trail_of_every_region_is_told_once_wherever_its_home_is() {
    let host = account(|asked| {
        (asked.operation == "DescribeTrails").then(|| {
            let trail =
                |name: &str, home: &str| json!({ "Name": name, "TrailARN": format!("arn:{name}"), "HomeRegion": home });
            let mut trails = vec![trail("organisation", "us-west-2"), trail("all", "eu-west-1")];
            // One of a single region shows in that alone.
            trails.push(trail("own", &asked.region));
            Answer::json(200, json!({ "trailList": trails }))
        })
    });
    let found = inventory(json!({ "services": ["cloudtrail"], "regions": ["us-east-1", "eu-west-1"] }));
    let told: Vec<(&str, &str)> = found["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["id"].as_str().unwrap(), one["region"].as_str().unwrap()))
        .collect();
    let expected = [("all", "eu-west-1"), ("own", "eu-west-1"), ("own", "us-east-1"), ("organisation", "us-west-2")];
    assert_eq!(told, expected);
    let asked: Vec<_> = host.sent().iter().map(crate::aws::read).collect();
    let of_organisation =
        asked.iter().find(|one| one.operation == "GetTrailStatus" && one.json()["Name"] == "arn:organisation");
    assert_eq!(of_organisation.unwrap().region, "us-west-2", "it is asked about at its home");
}

#[test]
fn a_trail_is_told_whichever_region_answers() {
    let far = json!({ "trailList": [{ "Name": "far", "HomeRegion": "us-west-2", "IsMultiRegionTrail": true }] });
    let list = |answers: &'static str| {
        let far = far.clone();
        let _host = account(move |asked| match asked.operation.as_str() {
            "DescribeTrails" if asked.region == answers => ok(far.clone()),
            "DescribeTrails" => error("AccessDeniedException"),
            _ => None,
        });
        inventory(json!({ "services": ["cloudtrail"], "regions": ["eu-west-1", "us-east-1"] }))
    };
    for (answers, silent) in [("eu-west-1", "us-east-1"), ("us-east-1", "eu-west-1")] {
        let found = list(answers);
        assert_eq!(resource(&found, "far")["region"], "us-west-2");
        assert_eq!((&found["errors"][0]["region"], &found["errors"][1]), (&json!(silent), &json!(null)));
    }
    // Where none answers, what is at home anywhere may be hidden.
    let errors = &list("none")["errors"];
    assert_eq!((&errors[0]["region"], &errors[0]["count"], &errors[1]), (&json!("global"), &json!(2), &json!(null)));
}

#[test]
fn recorders_say_whether_they_record_and_deliver() {
    let _host = account(|asked| match asked.action.as_str() {
        "config:DescribeConfigurationRecorders" => ok(json!({ "ConfigurationRecorders": [{
            "name": "default", "roleARN": "arn:role",
            "recordingGroup": { "allSupported": true, "includeGlobalResourceTypes": false }
        }] })),
        "config:DescribeConfigurationRecorderStatus" => ok(json!({ "ConfigurationRecordersStatus": [
            { "name": "other", "recording": true }, { "name": "default", "recording": false, "lastStatus": "FAILURE" }
        ] })),
        "config:DescribeDeliveryChannels" => ok(json!({ "DeliveryChannels": [{ "s3BucketName": "config" }] })),
        "config:DescribeConfigRules" => match asked.json()["NextToken"].as_str() {
            None => ok(json!({ "ConfigRules": [{
                "ConfigRuleName": "root-mfa", "ConfigRuleState": "ACTIVE",
                "Source": { "Owner": "AWS", "SourceIdentifier": "ROOT_ACCOUNT_MFA_ENABLED" }
            }], "NextToken": "t" })),
            Some(_) => ok(json!({ "ConfigRules": [{ "ConfigRuleName": "own" }] })),
        },
        _ => None,
    });
    let found = inventory(json!({ "services": ["config"] }));
    assert_eq!(
        (&found["errors"], &found["counts"]),
        (&json!([]), &json!({ "aws.config.recorder": 1, "aws.config.rule": 2 }))
    );
    let recorder = resource(&found, "default");
    let attributes = &recorder["attributes"];
    assert_eq!((&attributes["recording"], &attributes["delivers"]), (&json!(false), &json!(true)));
    assert_eq!((&attributes["all_types"], &attributes["global_types"]), (&json!(true), &json!(false)));
    assert_eq!(
        recorder["relations"],
        json!([{ "kind": "role", "target": "arn:role" }, { "kind": "bucket", "target": "config" }])
    );
    assert_eq!(resource(&found, "root-mfa")["attributes"]["source"], "ROOT_ACCOUNT_MFA_ENABLED");
}

#[test]
fn a_detector_says_what_it_watches() {
    let _host = account(|asked| match (asked.action.as_str(), asked.parameter("path")) {
        ("guardduty:ListDetectors", _) => ok(json!({ "detectorIds": ["d-1"] })),
        ("guardduty:GetDetector", Some("detector/d-1")) => ok(json!({
            "status": "ENABLED", "createdAt": "2025-01-01T00:00:00.000Z", "findingPublishingFrequency": "SIX_HOURS",
            "features": [{ "name": "S3_DATA_EVENTS", "status": "ENABLED" }, { "name": "EKS_AUDIT_LOGS", "status": "DISABLED" }],
            "tags": { "team": "sec" }
        })),
        _ => None,
    });
    let found = inventory(json!({ "services": ["guardduty"] }));
    let detector = resource(&found, "d-1");
    assert_eq!((&detector["tags"], &detector["created"]), (&json!({ "team": "sec" }), &json!("2025-01-01T00:00:00Z")));
    assert_eq!(detector["attributes"]["enabled"], true);
    assert_eq!(detector["attributes"]["features"], json!({ "eks_audit_logs": false, "s3_data_events": true }));
}

#[test]
fn accounts_are_told_without_whom_to_write_to() {
    let _host = account(|asked| match asked.action.as_str() {
        "organizations:DescribeOrganization" => ok(json!({ "Organization": {
            "Id": "o-1", "Arn": "arn:o-1", "FeatureSet": "ALL", "MasterAccountId": "1", "MasterAccountEmail": "root@example.com"
        } })),
        "organizations:ListAccounts" => match asked.json()["NextToken"].as_str() {
            None => ok(json!({ "Accounts": [{
                "Id": "1", "Name": "root", "Email": "root@example.com", "Status": "ACTIVE", "JoinedTimestamp": 1_735_689_600
            }], "NextToken": "t" })),
            Some(_) => ok(json!({ "Accounts": [{ "Id": "2", "Name": "old", "Status": "SUSPENDED" }] })),
        },
        "organizations:ListTagsForResource" => ok(json!({ "Tags": [{ "Key": "a", "Value": "b" }] })),
        _ => None,
    });
    let found = inventory(json!({ "services": ["organizations"] }));
    assert_eq!(found["counts"], json!({ "aws.organizations.account": 2, "aws.organizations.organization": 1 }));
    let old = resource(&found, "2");
    assert_eq!((&old["name"], &old["attributes"]["state"]), (&json!("old"), &json!("SUSPENDED")));
    assert!(!found.to_string().contains('@'));
}

#[test]
fn an_account_in_no_organisation_has_none_and_one_that_may_not_ask_says_so() {
    let look = |answer: fn(&str) -> Option<Answer>| {
        let host = account(move |asked| (asked.service == "organizations").then(|| answer(&asked.operation)).flatten());
        (inventory(json!({ "services": ["organizations"] })), host.sent().len())
    };
    let (alone, sent) = look(|_| error("AWSOrganizationsNotInUseException"));
    assert_eq!((&alone["errors"], &alone["resources"], sent), (&json!([]), &json!([]), 2));
    let (member, _) = look(|operation| match operation {
        "DescribeOrganization" => ok(json!({ "Organization": { "Id": "o-1" } })),
        _ => error("AccessDeniedException"),
    });
    assert_eq!(member["counts"], json!({ "aws.organizations.organization": 1 }));
    assert_eq!(
        (&member["errors"][0]["operation"], &member["errors"][0]["kind"]),
        (&json!("ListAccounts"), &json!("denied"))
    );
}

#[test]
fn certificates_of_every_kind_of_key_are_told_with_their_end() {
    const ARN: &str = "arn:aws:acm:us-east-1:111122223333:certificate/c-1";
    let _host = account(|asked| match asked.action.as_str() {
        "acm:ListCertificates" => {
            let kinds = asked.json()["Includes"]["keyTypes"].as_array().unwrap().len();
            assert_eq!(kinds, 7, "without them the service hides most kinds");
            ok(json!({ "CertificateSummaryList": [{ "CertificateArn": ARN }] }))
        }
        "acm:DescribeCertificate" => ok(json!({ "Certificate": {
            "CertificateArn": ARN, "DomainName": "example.com", "Status": "ISSUED", "Type": "AMAZON_ISSUED",
            "KeyAlgorithm": "RSA-2048", "NotAfter": 1_767_225_600, "InUseBy": ["arn:lb"],
            "SubjectAlternativeNames": ["example.com", "*.example.com"], "RenewalEligibility": "ELIGIBLE",
            "DomainValidationOptions": [{ "ValidationMethod": "DNS" }],
            "Options": { "CertificateTransparencyLoggingPreference": "ENABLED" }
        } })),
        "acm:ListTagsForCertificate" => ok(json!({ "Tags": [{ "Key": "a", "Value": "b" }] })),
        _ => None,
    });
    let found = inventory(json!({ "services": ["acm"] }));
    let certificate = resource(&found, "c-1");
    assert_eq!((&certificate["name"], &certificate["arn"]), (&json!("example.com"), &json!(ARN)));
    let attributes = &certificate["attributes"];
    assert_eq!((&attributes["expires"], &attributes["in_use"]), (&json!("2026-01-01T00:00:00Z"), &json!(true)));
    assert_eq!((&attributes["validation"], &attributes["transparency_logging"]), (&json!("DNS"), &json!(true)));
    assert_eq!(certificate["relations"], json!([{ "kind": "used-by", "target": "arn:lb" }]));
}

#[test]
fn web_acls_of_regions_and_of_the_account_are_told_with_what_they_guard() {
    let host = account(|asked| {
        if asked.service != "wafv2" {
            return None;
        }
        let input = asked.json();
        match (asked.operation.as_str(), input["Scope"].as_str(), input["NextMarker"].as_str()) {
            ("ListWebACLs", Some("REGIONAL"), None) if asked.region == "us-east-1" => ok(json!({
                "WebACLs": [{ "Id": "a-1", "Name": "shop", "ARN": "arn:shop" }], "NextMarker": "m"
            })),
            ("ListWebACLs", Some("CLOUDFRONT"), _) => {
                assert_eq!(asked.region, "us-east-1");
                ok(json!({ "WebACLs": [{ "Id": "a-2", "Name": "world", "ARN": "arn:world" }] }))
            }
            ("ListWebACLs", ..) => ok(json!({ "WebACLs": [] })),
            ("GetWebACL", Some("REGIONAL"), _) => ok(json!({ "WebACL": {
                "DefaultAction": { "Allow": {} }, "Capacity": 700,
                "Rules": [{ "Name": "core", "Priority": 0, "OverrideAction": { "Count": {} },
                    "Statement": { "ManagedRuleGroupStatement": { "Name": "AWSManagedRulesCommonRuleSet" } } }]
            } })),
            ("GetWebACL", ..) => ok(json!({ "WebACL": { "DefaultAction": { "Block": {} }, "Rules": [] } })),
            ("GetLoggingConfiguration", ..) if input["ResourceArn"] == "arn:shop" => {
                ok(json!({ "LoggingConfiguration": { "LogDestinationConfigs": ["arn:logs"] } }))
            }
            ("GetLoggingConfiguration", ..) => error("WAFNonexistentItemException"),
            ("ListTagsForResource", ..) => {
                ok(json!({ "TagInfoForResource": { "TagList": [{ "Key": "a", "Value": "b" }] } }))
            }
            ("ListResourcesForWebACL", ..) if input["ResourceType"] == "APPLICATION_LOAD_BALANCER" => {
                ok(json!({ "ResourceArns": ["arn:lb"] }))
            }
            ("ListResourcesForWebACL", ..) => ok(json!({ "ResourceArns": [] })),
            other => panic!("{other:?}"),
        }
    });
    let found = inventory(json!({ "regions": ["us-east-1", "eu-west-1"], "services": ["wafv2"] }));
    assert_eq!((&found["errors"], &found["counts"]), (&json!([]), &json!({ "aws.wafv2.web-acl": 2 })));
    let shop = resource(&found, "a-1");
    assert_eq!((&shop["region"], &shop["attributes"]["logging"]), (&json!("us-east-1"), &json!(true)));
    let rule = &shop["attributes"]["rules"][0];
    assert_eq!((&rule["managed"], &rule["only_counts"]), (&json!("AWSManagedRulesCommonRuleSet"), &json!(true)));
    assert_eq!(
        shop["relations"],
        json!([{ "kind": "log-destination", "target": "arn:logs" }, { "kind": "guards", "target": "arn:lb" }])
    );
    let world = resource(&found, "a-2");
    assert_eq!((&world["region"], &world["attributes"]["default_action"]), (&json!("global"), &json!("block")));
    assert_eq!(world["attributes"]["logging"], false);
    assert_eq!(host.sent().len(), 1 + 2 + 1 + 1 + 2 * 3 + 3);
}
