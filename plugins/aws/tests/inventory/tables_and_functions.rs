//! DynamoDB, Lambda and Batch: the JSON protocols.

use crate::aws::{account, inventory, resource};
use serde_json::{Value, json};
use troupe_sdk::test::Answer;

#[test]
fn tables_are_listed_page_by_page_and_described() {
    let host = account(|asked| {
        if asked.service != "dynamodb" {
            return None;
        }
        let input: Value = serde_json::from_str(asked.parameter("").unwrap()).unwrap();
        Some(Answer::json(
            200,
            match (asked.operation.as_str(), input["ExclusiveStartTableName"].as_str()) {
                ("ListTables", None) => json!({ "TableNames": ["a"], "LastEvaluatedTableName": "a" }),
                ("ListTables", Some("a")) => json!({ "TableNames": ["b"] }),
                ("DescribeTable", _) => json!({ "Table": {
                    "TableName": input["TableName"], "TableStatus": "ACTIVE", "CreationDateTime": 1_735_689_600.5,
                    "TableArn": format!("arn:aws:dynamodb:us-east-1:111122223333:table/{}", input["TableName"].as_str().unwrap()),
                    "ItemCount": 3, "TableSizeBytes": 99, "DeletionProtectionEnabled": true,
                    "BillingModeSummary": { "BillingMode": "PAY_PER_REQUEST" },
                    "SSEDescription": { "Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": "k" },
                    "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
                    "GlobalSecondaryIndexes": [{ "IndexName": "by-time", "IndexStatus": "ACTIVE" }],
                    "SomethingNew": { "that": ["nobody", "knows"] }
                } }),
                ("DescribeContinuousBackups", _) => json!({ "ContinuousBackupsDescription": {
                    "ContinuousBackupsStatus": "ENABLED",
                    "PointInTimeRecoveryDescription": { "PointInTimeRecoveryStatus": "ENABLED" }
                } }),
                ("ListTagsOfResource", _) => match input["NextToken"].as_str() {
                    None => json!({ "Tags": [{ "Key": "x", "Value": "1" }], "NextToken": "t" }),
                    Some(_) => json!({ "Tags": [{ "Key": "y", "Value": "2" }] }),
                },
                other => panic!("{other:?}"),
            },
        ))
    });
    let found = inventory(json!({ "services": ["dynamodb"] }));
    assert_eq!((&found["counts"], &found["errors"]), (&json!({ "aws.dynamodb.table": 2 }), &json!([])));
    assert_eq!(
        resource(&found, "b"),
        &json!({
            "id": "b", "arn": "arn:aws:dynamodb:us-east-1:111122223333:table/b", "type": "aws.dynamodb.table",
            "provider": "aws", "class": "database.document", "account": "111122223333",
            "region": "us-east-1", "name": "b", "tags": { "x": "1", "y": "2" }, "created": "2025-01-01T00:00:00Z",
            "attributes": {
                "point_in_time_recovery": true, "state": "ACTIVE", "items": 3, "size_bytes": 99, "billing_mode": "pay_per_request", "read_capacity": null,
                "write_capacity": null, "deletion_protection": true,
                "encryption": { "state": "ENABLED", "algorithm": "KMS", "kms_key": "k" }, "stream": null,
                "keys": [{ "name": "id", "kind": "hash" }], "indexes": ["by-time"], "replicas": []
            }
        })
    );
    assert_eq!(host.sent().len(), 1 + 2 + 2 + 2 + 4);
}

#[test]
fn a_table_that_cannot_be_described_is_named_all_the_same() {
    let _host = account(|asked| match (asked.service.as_str(), asked.operation.as_str()) {
        ("dynamodb", "ListTables") => Some(Answer::json(200, json!({ "TableNames": ["a"] }))),
        ("dynamodb", _) => Some(Answer::json(
            400,
            json!({ "__type": "com.amazon.coral.service#AccessDeniedException", "Message": "not you" }),
        )),
        _ => None,
    });
    let found = inventory(json!({ "services": ["dynamodb"] }));
    assert_eq!(resource(&found, "a")["unread"], json!(["point_in_time_recovery", "state", "tags"]));
    let errors = found["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 3);
    for error in errors {
        assert_eq!(
            (&error["kind"], &error["code"], &error["message"]),
            (&json!("denied"), &json!("AccessDeniedException"), &json!("not you"))
        );
    }
}

#[test]
fn functions_are_listed_page_by_page_without_their_environment() {
    const ARN: &str = "arn:aws:lambda:us-east-1:111122223333:function:resize";
    let _host = account(|asked| {
        let next = json!({ "Functions": [{ "FunctionName": "bare", "FunctionArn": null }], "NextMarker": "" });
        Some(match (asked.service.as_str(), asked.operation.as_str(), asked.parameter("Marker")) {
            ("lambda", "2015-03-31/functions", None) => Answer::json(
                200,
                json!({
                    "Functions": [{
                        "FunctionName": "resize", "FunctionArn": ARN, "Runtime": "python3.13", "Handler": "a.b", "Description": "",
                        "Role": "arn:aws:iam::111122223333:role/fn", "CodeSize": 10, "MemorySize": 128, "Timeout": 3,
                        "LastModified": "2025-06-07T08:09:10.123+0000", "Architectures": ["arm64"],
                        "Environment": { "Variables": { "PASSWORD": "hush" } }, "DeadLetterConfig": { "TargetArn": "arn:lost" },
                        "VpcConfig": { "VpcId": "vpc-1", "SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"] }
                    }],
                    "NextMarker": "m"
                }),
            ),
            ("lambda", "2015-03-31/functions", Some("m")) => Answer::json(200, next),
            ("lambda", "2015-03-31/functions/resize/policy", _) => Answer::json(
                200,
                json!({ "Policy": r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunction"}]}"# }),
            ),
            ("lambda", "2021-10-31/functions/resize/url", _) => Answer::json(200, json!({ "AuthType": "NONE" })),
            ("lambda", path, _) if path.contains("functions/bare/") => {
                Answer::json(404, json!({ "Message": "none" })).header("x-amzn-errortype", "ResourceNotFoundException")
            }
            ("lambda", path, _) => {
                let arn = path.strip_prefix("2017-03-31/tags/").unwrap();
                assert!(arn.starts_with("arn%3Aaws%3Alambda%3A"), "{arn}");
                Answer::json(200, json!({ "Tags": { "team": "img" } }))
            }
            _ => return None,
        })
    });
    let found = inventory(json!({ "services": ["lambda"] }));
    assert_eq!(found["errors"], json!([]));
    let function = resource(&found, "resize");
    assert_eq!(function["attributes"]["last_modified"], "2025-06-07T08:09:10Z");
    assert_eq!((&function["tags"], function["relations"].as_array().unwrap().len()), (&json!({ "team": "img" }), 4));
    let attributes = &function["attributes"];
    assert_eq!((&attributes["public"], &attributes["url_authentication"]), (&json!(true), &json!("NONE")));
    let bare = &resource(&found, "bare")["attributes"];
    assert_eq!((&bare["policy"], &bare["url_authentication"]), (&json!(null), &json!(null)));
    assert_eq!((&attributes["dead_letter"], &bare["dead_letter"]), (&json!(true), &json!(false)));
    assert_eq!(resource(&found, "bare")["arn"], "arn:aws:lambda:us-east-1:111122223333:function:bare");
    assert!(!found.to_string().contains("hush"));
}

#[test]
fn environments_and_queues_are_listed_page_by_page_with_what_they_use() {
    let host = account(|asked| {
        let input: Value = serde_json::from_str(asked.parameter("")?).unwrap_or_default();
        Some(Answer::json(
            200,
            match (asked.operation.as_str(), input["nextToken"].as_str()) {
                ("v1/describecomputeenvironments", None) => json!({
                    "computeEnvironments": [{
                        "computeEnvironmentName": "spot", "computeEnvironmentArn": "arn:spot", "type": "MANAGED",
                        "state": "ENABLED", "status": "VALID", "serviceRole": "arn:role", "ecsClusterArn": "",
                        "computeResources": {
                            "type": "SPOT", "minvCpus": 0, "maxvCpus": 64, "instanceTypes": ["c7g"],
                            "subnets": ["subnet-1"], "securityGroupIds": ["sg-1"], "somethingNew": {}
                        },
                        "tags": { "team": "render" }
                    }],
                    "nextToken": "t"
                }),
                ("v1/describecomputeenvironments", Some("t")) => json!({
                    "computeEnvironments": [{ "computeEnvironmentName": "own", "type": "UNMANAGED" }], "nextToken": ""
                }),
                ("v1/describejobqueues", None) => json!({
                    "jobQueues": [{
                        "jobQueueName": "nightly", "jobQueueArn": "arn:nightly", "state": "DISABLED", "priority": 7,
                        "computeEnvironmentOrder": [{ "order": 1, "computeEnvironment": "arn:spot" }]
                    }],
                    "nextToken": null
                }),
                _ => return None,
            },
        ))
    });
    let found = inventory(json!({ "services": ["batch"] }));
    assert_eq!(found["errors"], json!([]));
    assert_eq!(found["counts"], json!({ "aws.batch.compute-environment": 2, "aws.batch.job-queue": 1 }));
    assert_eq!(
        resource(&found, "spot"),
        &json!({
            "id": "spot", "arn": "arn:spot", "type": "aws.batch.compute-environment", "region": "us-east-1",
            "provider": "aws", "class": "compute.batch", "account": "111122223333", "name": "spot", "tags": { "team": "render" },
            "attributes": {
                "type": "managed", "state": "enabled", "status": "valid", "compute": "spot", "vcpus_min": 0,
                "vcpus_max": 64, "instance_types": ["c7g"]
            },
            "relations": [
                { "kind": "role", "target": "arn:role" }, { "kind": "subnet", "target": "subnet-1" },
                { "kind": "security-group", "target": "sg-1" }
            ]
        })
    );
    let queue = resource(&found, "nightly");
    assert_eq!(queue["relations"], json!([{ "kind": "compute-environment", "target": "arn:spot" }]));
    let places = json!([{ "order": 1, "compute_environment": "arn:spot" }]);
    assert_eq!(queue["attributes"], json!({ "state": "disabled", "priority": 7, "compute_environments": places }));
    assert_eq!(host.sent().len(), 1 + 2 + 1);
}
