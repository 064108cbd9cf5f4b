//! Which AWS actions leave the house.

use serde_json::{Value, json};
use troupe_core::Effect;

use super::support::{Bench, sentence};

const EC2: &str = "ec2.us-east-1.amazonaws.com";

fn describe() -> Value {
    json!([{
        "id": "ec2", "host": "ec2.*.amazonaws.com", "methods": ["GET", "POST"], "credential": "aws:default",
        "actions": ["ec2:Describe*"],
    }])
}

fn form(body: &str) -> Value {
    json!({
        "method": "POST", "authority": EC2, "path": "/", "body": body,
        "headers": [["content-type", "application/x-www-form-urlencoded"]],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_granted_action_is_signed_by_the_host() {
    let bench = Bench::new().await;
    let answer = bench.one(describe(), form("Action=DescribeInstances&Version=2016-11-15")).await;
    assert_eq!(answer["status"], 200, "{answer}");
    let [request] = bench.server.requests().try_into().unwrap();
    assert!(request.contains("authorization: AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/"), "{request}");
    assert!(request.contains("/us-east-1/ec2/aws4_request"), "{request}");
    assert!(request.contains("accept-encoding: identity\r\n"), "{request}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_action_at_the_same_url_is_denied() {
    let bench = Bench::new().await;
    let refused = bench.one(describe(), form("Action=TerminateInstances&InstanceId.1=i-1")).await;
    assert!(sentence(&refused).contains("lists the action `ec2:TerminateInstances`"), "{refused}");
    let plain = bench.fetch(describe(), json!([form("Action=TerminateInstances")])).await;
    assert_eq!(plain[0]["error"], "HttpRequestDenied");
    assert_eq!(bench.server.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_trick_makes_one_action_pass_for_another() {
    let bench = Bench::new().await;
    let in_query = |query: &str, body: &str| {
        let mut request = form(body);
        request["path"] = format!("/?{query}").into();
        request
    };
    let with_type = |content_type: &str, body: &str| {
        let mut request = form(body);
        request["headers"] = json!([["content-type", content_type]]);
        request
    };
    let with_header = |name: &str, value: &str| {
        let mut request = form("Action=DescribeInstances");
        request["headers"].as_array_mut().unwrap().push(json!([name, value]));
        request
    };
    for request in [
        form("Action=DescribeInstances&Action=TerminateInstances"),
        form("action=TerminateInstances&Action=DescribeInstances"),
        form("%41ction=TerminateInstances&Action=DescribeInstances"),
        form("Action=DescribeInstances%26Action=TerminateInstances"),
        form(""),
        in_query("Action=TerminateInstances", "Action=DescribeInstances"),
        in_query("Action=DescribeInstances&X-Amz-Signature=00&X-Amz-Credential=x", ""),
        with_type("multipart/form-data; boundary=x", "Action=DescribeInstances"),
        with_type("application/json", "{\"Action\":\"DescribeInstances\"}"),
        with_header("x-amz-target", "AmazonEC2.TerminateInstances"),
        with_header("smithy-protocol", "rpc-v2-cbor"),
        with_header("content-encoding", "gzip"),
    ] {
        let refused = bench.one(describe(), request).await;
        assert!(sentence(&refused).starts_with("denied.capability:"), "{refused}");
    }
    assert_eq!(bench.server.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_skill_s_class_is_a_ceiling_over_every_call() {
    let all = json!([{
        "id": "ec2", "host": EC2, "methods": ["POST"], "credential": "aws:default", "actions": ["ec2:*"],
    }]);
    let mut bench = Bench::new().await;
    bench.ceiling = Effect::Read;
    assert_eq!(bench.one(all.clone(), form("Action=DescribeInstances")).await["status"], 200);
    let refused = bench.one(all.clone(), form("Action=TerminateInstances&InstanceId.1=i-1")).await;
    assert!(sentence(&refused).contains("`ec2:TerminateInstances` is a call of class destructive"), "{refused}");
    bench.ceiling = Effect::Write;
    assert_eq!(bench.one(all.clone(), form("Action=StartInstances&InstanceId.1=i-1")).await["status"], 200);
    assert!(bench.one(all, form("Action=TerminateInstances&InstanceId.1=i-1")).await["error"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_action_tells_the_method_is_the_class_unless_the_grant_says_otherwise() {
    let mut bench = Bench::new().await;
    bench.ceiling = Effect::Read;
    let grant =
        |effect: Value| json!([{ "id": "a", "host": "api.example.com", "methods": ["POST"], "effect": effect }]);
    let search = json!({ "method": "POST", "authority": "api.example.com", "path": "/search" });
    let refused = bench.one(grant(Value::Null), search.clone()).await;
    assert!(sentence(&refused).contains("is a call of class write"), "{refused}");
    assert_eq!(bench.one(grant("read".into()), search).await["status"], 200);
}
