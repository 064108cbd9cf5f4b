//! CloudWatch alarms, log groups and Step Functions.

use crate::aws::{account, inventory, resource};
use serde_json::{Value, json};
use troupe_sdk::test::Answer;

fn ok(body: Value) -> Option<Answer> {
    Some(Answer::json(200, body))
}

#[test]
fn alarms_about_measures_and_about_alarms_are_told() {
    let _host = account(|asked| match asked.action.as_str() {
        "cloudwatch:DescribeAlarms" => {
            let input = asked.json();
            assert_eq!(input["AlarmTypes"], json!(["MetricAlarm", "CompositeAlarm"]));
            match input["NextToken"].as_str() {
                None => ok(json!({ "MetricAlarms": [{
                    "AlarmName": "root-login", "AlarmArn": "arn:root", "ActionsEnabled": true, "AlarmActions": ["arn:topic"],
                    "Namespace": "Trail", "MetricName": "RootLogin", "Threshold": 1.5, "StateValue": "OK",
                    "Dimensions": [{ "Name": "a", "Value": "b" }]
                }], "NextToken": "t" })),
                Some(_) => ok(json!({ "CompositeAlarms": [{ "AlarmName": "all", "AlarmRule": "ALARM(root-login)" }] })),
            }
        }
        "cloudwatch:ListTagsForResource" => ok(json!({ "Tags": [{ "Key": "team", "Value": "sec" }] })),
        _ => None,
    });
    let found = inventory(json!({ "services": ["cloudwatch"] }));
    assert_eq!((&found["errors"], &found["counts"]), (&json!([]), &json!({ "aws.cloudwatch.alarm": 2 })));
    let alarm = resource(&found, "root-login");
    let attributes = &alarm["attributes"];
    assert_eq!((&attributes["metric"], &attributes["threshold"]), (&json!("RootLogin"), &json!(1.5)));
    assert_eq!((&attributes["dimensions"], &attributes["kind"]), (&json!({ "a": "b" }), &json!("metric")));
    assert_eq!((&alarm["tags"], &alarm["class"]), (&json!({ "team": "sec" }), &json!("monitoring.alarm")));
    assert_eq!(alarm["relations"], json!([{ "kind": "action", "target": "arn:topic" }]));
    let all = resource(&found, "all");
    assert_eq!(all["attributes"]["rule"], "ALARM(root-login)");
    assert_eq!(all["arn"], "arn:aws:cloudwatch:us-east-1:111122223333:alarm:all");
}

#[test]
fn log_groups_are_told_with_how_long_they_keep_and_what_is_counted_in_them() {
    let _host = account(|asked| match asked.action.as_str() {
        "logs:DescribeLogGroups" => match asked.json()["nextToken"].as_str() {
            None => ok(json!({ "logGroups": [{
                "logGroupName": "trail", "arn": "arn:aws:logs:us-east-1:1:log-group:trail:*", "retentionInDays": 90,
                "creationTime": 1_735_689_600_123_i64, "storedBytes": 7, "kmsKeyId": "arn:key"
            }], "nextToken": "t" })),
            Some(_) => ok(json!({ "logGroups": [{ "logGroupName": "app" }] })),
        },
        "logs:DescribeMetricFilters" => ok(json!({ "metricFilters": [{
            "filterName": "root", "filterPattern": "{ $.userIdentity.type = \"Root\" }", "logGroupName": "trail",
            "metricTransformations": [{ "metricName": "RootLogin", "metricNamespace": "Trail" }]
        }] })),
        "logs:ListTagsForResource" => {
            assert!(!asked.json()["resourceArn"].as_str().unwrap().ends_with('*'));
            ok(json!({ "tags": { "team": "sec" } }))
        }
        _ => None,
    });
    let found = inventory(json!({ "services": ["logs"] }));
    assert_eq!(found["errors"], json!([]));
    let trail = resource(&found, "trail");
    assert_eq!((&trail["created"], &trail["tags"]), (&json!("2025-01-01T00:00:00Z"), &json!({ "team": "sec" })));
    let attributes = &trail["attributes"];
    assert_eq!((&attributes["retention_days"], &attributes["encrypted_by_own_key"]), (&json!(90), &json!(true)));
    assert_eq!(
        attributes["metric_filters"],
        json!([{ "name": "root", "pattern": "{ $.userIdentity.type = \"Root\" }",
            "metrics": [{ "namespace": "Trail", "metric": "RootLogin" }] }])
    );
    let app = &resource(&found, "app")["attributes"];
    assert_eq!((&app["retention_days"], &app["metric_filters"]), (&json!(null), &json!([])));
}

#[test]
fn what_is_counted_is_unread_where_nobody_may_ask() {
    let _host = account(|asked| match asked.action.as_str() {
        "logs:DescribeLogGroups" => ok(json!({ "logGroups": [{ "logGroupName": "app" }] })),
        "logs:DescribeMetricFilters" => Some(Answer::json(400, json!({ "__type": "AccessDeniedException" }))),
        _ => None,
    });
    let found = inventory(json!({ "services": ["logs"] }));
    assert_eq!(resource(&found, "app")["unread"], json!(["metric_filters"]));
    assert_eq!(found["errors"][0]["operation"], "DescribeMetricFilters");
}

#[test]
fn state_machines_are_told_without_what_they_do() {
    let _host = account(|asked| match asked.action.as_str() {
        "stepfunctions:ListStateMachines" => ok(json!({ "stateMachines": [
            { "stateMachineArn": "arn:bill", "name": "bill", "type": "STANDARD", "creationDate": 1_735_689_600 },
            { "stateMachineArn": "arn:bare", "name": "bare", "type": "EXPRESS" }
        ] })),
        "stepfunctions:DescribeStateMachine" if asked.json()["stateMachineArn"] == "arn:bill" => ok(json!({
            "status": "ACTIVE", "roleArn": "arn:role", "definition": "{\"secret\":\"hush\"}",
            "loggingConfiguration": { "level": "ALL", "includeExecutionData": true,
                "destinations": [{ "cloudWatchLogsLogGroup": { "logGroupArn": "arn:group" } }] },
            "tracingConfiguration": { "enabled": true },
            "encryptionConfiguration": { "type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "key-1" }
        })),
        "stepfunctions:DescribeStateMachine" => {
            assert_eq!(asked.json()["includedData"], "METADATA_ONLY");
            ok(json!({ "status": "ACTIVE" }))
        }
        "stepfunctions:ListTagsForResource" => ok(json!({ "tags": [{ "key": "a", "value": "b" }] })),
        _ => None,
    });
    let found = inventory(json!({ "services": ["states"] }));
    assert_eq!((&found["errors"], &found["counts"]), (&json!([]), &json!({ "aws.states.state-machine": 2 })));
    let bill = resource(&found, "bill");
    assert_eq!((&bill["attributes"]["logging"], &bill["attributes"]["tracing"]), (&json!("ALL"), &json!(true)));
    assert_eq!(
        bill["relations"],
        json!([
            { "kind": "role", "target": "arn:role" }, { "kind": "kms-key", "target": "key-1" },
            { "kind": "log-group", "target": "arn:group" }
        ])
    );
    assert!(!found.to_string().contains("hush"));
    assert_eq!(resource(&found, "bare")["attributes"]["encryption"], "AWS_OWNED_KEY");
}
