//! KMS, Secrets Manager, SQS and SNS.

use crate::aws::{account, inventory, resource, xml_error};
use crate::balancers::told;
use serde_json::{Value, json};
use troupe_sdk::test::Answer;

const OPEN: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"*"}}"#;
const HELD: &str = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Condition":{"StringEquals":{"aws:SourceAccount":"1"}}}]}"#;

fn ok(body: Value) -> Option<Answer> {
    Some(Answer::json(200, body))
}

#[test]
fn keys_are_told_with_rotation_and_policy_but_aws_s_own() {
    let host = account(|asked| {
        let input = if asked.service == "kms" { asked.json() } else { return None };
        let key = input["KeyId"].as_str().unwrap_or_default();
        match (asked.operation.as_str(), key) {
            ("ListKeys", _) => match input["Marker"].as_str() {
                None => ok(
                    json!({ "Keys": [{ "KeyId": "own", "KeyArn": "arn:own" }, { "KeyId": "signs", "KeyArn": "arn:signs" }],
                    "Truncated": true, "NextMarker": "m" }),
                ),
                Some("m") => ok(json!({ "Keys": [{ "KeyId": "aws", "KeyArn": "arn:aws" }], "Truncated": false })),
                other => panic!("{other:?}"),
            },
            ("ListAliases", _) => ok(json!({ "Aliases": [
                { "AliasName": "alias/data", "TargetKeyId": "own" }, { "AliasName": "alias/aws/s3", "TargetKeyId": "aws" },
                { "AliasName": "alias/aws/dynamodb" }
            ], "Truncated": false })),
            ("DescribeKey", "own") => ok(json!({ "KeyMetadata": {
                "KeyId": "own", "KeyManager": "CUSTOMER", "KeyState": "Enabled", "Enabled": true, "Origin": "AWS_KMS",
                "KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT", "CreationDate": 1_735_689_600.1
            } })),
            ("DescribeKey", "signs") => ok(json!({ "KeyMetadata": {
                "KeyManager": "CUSTOMER", "KeyState": "Enabled", "Origin": "AWS_KMS", "KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"
            } })),
            ("DescribeKey", "aws") => ok(json!({ "KeyMetadata": { "KeyManager": "AWS", "KeyState": "Enabled" } })),
            ("GetKeyRotationStatus", "own") => ok(json!({ "KeyRotationEnabled": false })),
            ("GetKeyPolicy", "own") => ok(json!({ "Policy": OPEN })),
            ("GetKeyPolicy", "signs") => Some(Answer::json(400, json!({ "__type": "AccessDeniedException" }))),
            ("ListResourceTags", _) => ok(json!({ "Tags": [{ "TagKey": "team", "TagValue": "data" }] })),
            other => panic!("{other:?}"),
        }
    });
    let found = inventory(json!({ "services": ["kms"] }));
    assert_eq!(found["counts"], json!({ "aws.kms.key": 3 }));
    let own = resource(&found, "own");
    assert_eq!(
        (&own["name"], &own["arn"], &own["tags"]),
        (&json!("data"), &json!("arn:own"), &json!({ "team": "data" }))
    );
    let attributes = &own["attributes"];
    assert_eq!((&attributes["rotation"], &attributes["public"]), (&json!(false), &json!(true)));
    let signs = resource(&found, "signs");
    assert_eq!((signs["attributes"].get("rotation"), &signs["unread"]), (None, &json!(["public", "policy"])));
    let aws = resource(&found, "aws");
    assert_eq!((&aws["attributes"]["aliases"], aws["attributes"].get("policy")), (&json!(["alias/aws/s3"]), None));
    assert_eq!(host.sent().len(), 1 + 2 + 1 + 3 + 3 + 2);
}

#[test]
fn secrets_are_named_and_their_values_never_asked_for() {
    let host = account(|asked| {
        let input = if asked.service == "secretsmanager" { asked.json() } else { return None };
        match (asked.operation.as_str(), input["SecretId"].as_str()) {
            ("ListSecrets", _) => ok(json!({ "SecretList": [{
                "Name": "db/password", "ARN": "arn:db", "RotationEnabled": true, "RotationLambdaARN": "arn:fn", "KmsKeyId": "key-1",
                "LastRotatedDate": 1_735_689_600, "Tags": [{ "Key": "a", "Value": "b" }]
            }, { "Name": "old", "ARN": "arn:old" }] })),
            ("GetResourcePolicy", Some("arn:db")) => ok(json!({ "ResourcePolicy": OPEN })),
            ("GetResourcePolicy", Some("arn:old")) => ok(json!({ "Name": "old" })),
            other => panic!("{other:?}"),
        }
    });
    let found = inventory(json!({ "services": ["secretsmanager"] }));
    let secret = resource(&found, "db/password");
    assert_eq!(secret["attributes"]["last_rotated"], "2025-01-01T00:00:00Z");
    assert_eq!((&secret["attributes"]["public"], &secret["tags"]), (&json!(true), &json!({ "a": "b" })));
    assert_eq!(
        secret["relations"],
        json!([{ "kind": "kms-key", "target": "key-1" }, { "kind": "function", "target": "arn:fn" }])
    );
    let old = &resource(&found, "old")["attributes"];
    assert_eq!((&old["public"], &old["policy"], &old["rotation"]), (&json!(false), &json!(null), &json!(false)));
    assert!(host.sent().iter().all(|sent| !sent.headers.get("x-amz-target").unwrap_or_default().contains("Value")));
}

#[test]
fn queues_are_told_with_what_their_attributes_mean() {
    const URL: &str = "https://sqs.us-east-1.amazonaws.com/111122223333/jobs.fifo";
    let _host = account(|asked| {
        let input = if asked.service == "sqs" { asked.json() } else { return None };
        match (asked.operation.as_str(), input["NextToken"].as_str()) {
            ("ListQueues", None) => {
                assert_eq!(input["MaxResults"], 1000, "without it there are no pages");
                ok(json!({ "QueueUrls": [URL], "NextToken": "t" }))
            }
            ("ListQueues", Some("t")) => {
                ok(json!({ "QueueUrls": ["https://sqs.us-east-1.amazonaws.com/111122223333/bare"] }))
            }
            ("GetQueueAttributes", _) if input["QueueUrl"] == URL => ok(json!({ "Attributes": {
                "QueueArn": "arn:jobs", "ApproximateNumberOfMessages": "7", "CreatedTimestamp": "1735689600", "FifoQueue": "true",
                "SqsManagedSseEnabled": "false", "KmsMasterKeyId": "key-1", "Policy": HELD,
                "RedrivePolicy": "{\"deadLetterTargetArn\":\"arn:dead\",\"maxReceiveCount\":3}"
            } })),
            ("GetQueueAttributes", _) => ok(json!({ "Attributes": { "SqsManagedSseEnabled": "false" } })),
            ("ListQueueTags", _) if input["QueueUrl"] == URL => ok(json!({ "Tags": { "team": "jobs" } })),
            ("ListQueueTags", _) => ok(json!({})),
            other => panic!("{other:?}"),
        }
    });
    let found = inventory(json!({ "services": ["sqs"] }));
    let jobs = resource(&found, "jobs.fifo");
    assert_eq!(
        (&jobs["arn"], &jobs["created"], &jobs["tags"]),
        (&json!("arn:jobs"), &json!("2025-01-01T00:00:00Z"), &json!({ "team": "jobs" }))
    );
    let attributes = &jobs["attributes"];
    assert_eq!(
        (&attributes["messages"], &attributes["encrypted"], &attributes["fifo"]),
        (&json!(7), &json!(true), &json!(true))
    );
    assert_eq!((&attributes["public"], &attributes["dead_letter"]), (&json!(false), &json!(true)));
    let bare = resource(&found, "bare");
    assert_eq!(bare["arn"], "arn:aws:sqs:us-east-1:111122223333:bare");
    assert_eq!((&bare["attributes"]["encrypted"], &bare["attributes"]["policy"]), (&json!(false), &json!(null)));
}

#[test]
fn topics_and_subscriptions_are_told_and_one_that_waits_has_an_id_too() {
    const TOPIC: &str = "arn:aws:sns:us-east-1:111122223333:alarms";
    let _host = account(|asked| {
        let operation = asked.operation.as_str();
        Some(match (asked.action.as_str(), asked.parameter("NextToken")) {
            ("sns:ListTopics", _) => {
                told(operation, &format!("<Topics><member><TopicArn>{TOPIC}</TopicArn></member></Topics>"))
            }
            ("sns:GetTopicAttributes", _) => {
                assert_eq!(asked.parameter("TopicArn"), Some(TOPIC));
                let policy = OPEN.replace('"', "&quot;");
                told(
                    operation,
                    &format!(
                        "<Attributes><entry><key>Policy</key><value>{policy}</value></entry><entry><key>SubscriptionsConfirmed</key>\
                         <value>1</value></entry><entry><key>KmsMasterKeyId</key><value/></entry></Attributes>"
                    ),
                )
            }
            ("sns:ListTagsForResource", _) => xml_error(403, "AuthorizationError"),
            ("sns:ListSubscriptions", None) => told(
                operation,
                &format!(
                    "<Subscriptions><member><SubscriptionArn>{TOPIC}:0a1b</SubscriptionArn><Protocol>lambda</Protocol><Endpoint>arn:fn\
                     </Endpoint><TopicArn>{TOPIC}</TopicArn></member></Subscriptions><NextToken>n</NextToken>"
                ),
            ),
            ("sns:ListSubscriptions", Some("n")) => told(
                operation,
                &format!(
                    "<Subscriptions><member><SubscriptionArn>PendingConfirmation</SubscriptionArn><Protocol>email</Protocol>\
                     <Endpoint>a@example.com</Endpoint><TopicArn>{TOPIC}</TopicArn></member></Subscriptions>"
                ),
            ),
            _ => return None,
        })
    });
    let found = inventory(json!({ "services": ["sns"] }));
    assert_eq!(found["counts"], json!({ "aws.sns.subscription": 2, "aws.sns.topic": 1 }));
    let topic = resource(&found, "alarms");
    let attributes = &topic["attributes"];
    assert_eq!(
        (&attributes["public"], &attributes["encrypted"], &attributes["subscriptions"]),
        (&json!(true), &json!(false), &json!(1))
    );
    assert_eq!((&topic["unread"], &found["errors"][0]["kind"]), (&json!(["tags"]), &json!("denied")));
    let function = resource(&found, "alarms:0a1b");
    assert_eq!(
        function["relations"],
        json!([{ "kind": "topic", "target": TOPIC }, { "kind": "endpoint", "target": "arn:fn" }])
    );
    let waits = resource(&found, "alarms:email:a@example.com");
    assert_eq!((&waits["attributes"]["confirmed"], waits.get("arn")), (&json!(false), None));
}
