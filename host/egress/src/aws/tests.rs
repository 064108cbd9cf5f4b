use http::HeaderMap;
use proptest::prelude::*;
use troupe_core::Effect;

use super::action;
use crate::headers;

fn map(pairs: &[(&str, &str)]) -> HeaderMap {
    headers::parse(pairs.iter().map(|(name, value)| (*name, value.as_bytes()))).unwrap()
}

fn named(host: &str, method: &str, target: &str, pairs: &[(&str, &str)], body: &str) -> Option<String> {
    action(host, method, target, &map(pairs), body.as_bytes()).map(|action| action.to_string())
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
const JSON: (&str, &str) = ("content-type", "application/x-amz-json-1.0");
const EC2: &str = "ec2.us-east-1.amazonaws.com";

fn ec2(method: &str, target: &str, body: &str) -> Option<String> {
    named(EC2, method, target, &[FORM], body)
}

fn s3(method: &str, target: &str) -> Option<String> {
    s3_with(method, target, &[])
}

fn s3_with(method: &str, target: &str, pairs: &[(&str, &str)]) -> Option<String> {
    named("s3.us-east-1.amazonaws.com", method, target, pairs, "").map(|name| name.replace("s3:", ""))
}

fn lambda(method: &str, target: &str) -> Option<String> {
    named("lambda.us-east-1.amazonaws.com", method, target, &[], "").map(|name| name.replace("lambda:", ""))
}

fn dynamodb(method: &str, target: &str, pairs: &[(&str, &str)]) -> Option<String> {
    let pairs = [pairs, &[JSON]].concat();
    named("dynamodb.us-east-1.amazonaws.com", method, target, &pairs, "{}")
}

#[test]
fn an_action_carries_service_region_and_effect() {
    let found =
        action("iam.amazonaws.com", "POST", "/", &map(&[FORM]), b"Version=2010-05-08&Action=DeleteUser").unwrap();
    assert_eq!((found.service, found.operation, found.signing_name), ("iam", "DeleteUser", "iam"));
    assert_eq!((found.region.as_str(), found.effect), ("us-east-1", Effect::Destructive));
}

#[test]
fn query_operations_are_named_by_the_one_action() {
    let describe = Some("ec2:DescribeInstances".to_owned());
    assert_eq!(ec2("POST", "/", "Action=DescribeInstances&Version=2016-11-15"), describe);
    assert_eq!(ec2("POST", "/", "Version=2016-11-15&%41ction=Describe%49nstances"), describe);
    assert_eq!(ec2("GET", "/?Action=DescribeInstances", ""), describe);
    assert_eq!(ec2("POST", "", "Action=TerminateInstances"), Some("ec2:TerminateInstances".to_owned()));
    assert_eq!(
        named("sts.amazonaws.com", "POST", "/", &[FORM], "Action=GetCallerIdentity"),
        Some("sts:GetCallerIdentity".to_owned())
    );
}

#[test]
fn a_query_request_that_could_be_read_in_two_ways_has_no_name() {
    for (method, target, body) in [
        ("POST", "/", "Action=DescribeInstances&Action=TerminateInstances"),
        ("POST", "/", "Action=DescribeInstances&Action=DescribeInstances"),
        ("POST", "/", "Action=DescribeInstances&action=TerminateInstances"),
        ("POST", "/", "Action=DescribeInstances&Action%20=TerminateInstances"),
        ("POST", "/?Action=DescribeInstances", "Action=TerminateInstances"),
        ("POST", "/?Action=TerminateInstances", "Action=DescribeInstances"),
        ("POST", "/", "Action=DescribeInstances;Action=TerminateInstances"),
        ("POST", "/", "x=1;Action=TerminateInstances&Action=DescribeInstances"),
        ("POST", "/", "action=DescribeInstances"),
        ("POST", "/", "Action=describeInstances"),
        ("POST", "/", "Action=DescribeInstances%00"),
        ("POST", "/", "Action=NoSuchThing"),
        ("POST", "/", "Action="),
        ("POST", "/", ""),
        ("POST", "/x", "Action=DescribeInstances"),
        ("POST", "//", "Action=DescribeInstances"),
        ("PUT", "/", "Action=DescribeInstances"),
        ("POST", "/", "Action=DescribeInstances&X-Amz-Signature=00"),
        ("GET", "/?Action=DescribeInstances&X-Amz-Credential=mine", ""),
    ] {
        assert_eq!(ec2(method, target, body), None, "{method} {target} {body}");
    }
}

#[test]
fn a_form_that_does_not_say_so_has_no_name() {
    let body = "Action=DescribeInstances";
    for pairs in [
        &[][..],
        &[("content-type", "text/plain")],
        &[("content-type", "multipart/form-data")],
        &[FORM, FORM],
        &[FORM, ("content-type", "application/json")],
        &[FORM, ("content-encoding", "gzip")],
        &[FORM, ("x-amz-target", "DynamoDB_20120810.DeleteTable")],
        &[FORM, ("x-http-method-override", "DELETE")],
        &[FORM, ("smithy-protocol", "rpc-v2-cbor")],
        &[("content-type", "application/x-www-form-urlencoded; charset=utf-7")],
        &[("content-type", "application/x-www-form-urlencoded; charset=utf-8; charset=utf-7")],
        &[("content-type", "application/x-www-form-urlencoded; boundary=x")],
    ] {
        assert_eq!(named(EC2, "POST", "/", pairs, body), None, "{pairs:?}");
    }
    assert_eq!(action(EC2, "POST", "/", &map(&[FORM]), b"Action=DescribeInstances&x=\xff"), None);
    assert_eq!(ec2("POST", "/", "Action=DescribeInstances&x=%ff"), None);
}

#[test]
fn json_operations_are_named_by_the_one_target() {
    let list = ("x-amz-target", "DynamoDB_20120810.ListTables");
    let delete = ("x-amz-target", "DynamoDB_20120810.DeleteTable");
    assert_eq!(dynamodb("POST", "/", &[list]).as_deref(), Some("dynamodb:ListTables"));
    for (method, target, pairs) in [
        ("POST", "/", &[][..]),
        ("POST", "/", &[list, delete]),
        ("POST", "/", &[list, list]),
        ("POST", "/", &[("x-amz-target", "DynamoDB_20120810.NoSuchThing")]),
        ("POST", "/", &[("x-amz-target", "Other_1.ListTables")]),
        ("POST", "/", &[("x-amz-target", "DynamoDB_20120810ListTables")]),
        ("POST", "/?Action=ListTables", &[list]),
        ("POST", "/x", &[list]),
        ("GET", "/", &[list]),
    ] {
        assert_eq!(dynamodb(method, target, pairs), None, "{method} {target} {pairs:?}");
    }
}

#[test]
fn s3_operations_are_named_by_method_path_query_and_headers() {
    for (method, target, name) in [
        ("GET", "/", "ListBuckets"),
        ("GET", "/?max-buckets=10&x-id=ListBuckets", "ListBuckets"),
        ("GET", "/bucket", "ListObjects"),
        ("GET", "/bucket/", "ListObjects"),
        ("GET", "/bucket?list-type=2&prefix=a%2Fb&max-keys=5", "ListObjectsV2"),
        ("GET", "/bucket?versions", "ListObjectVersions"),
        ("GET", "/bucket?uploads", "ListMultipartUploads"),
        ("GET", "/bucket?location", "GetBucketLocation"),
        ("GET", "/bucket?acl=", "GetBucketAcl"),
        ("GET", "/bucket?lifecycle", "GetBucketLifecycleConfiguration"),
        ("GET", "/bucket?publicAccessBlock", "GetPublicAccessBlock"),
        ("GET", "/bucket?inventory", "ListBucketInventoryConfigurations"),
        ("GET", "/bucket?inventory&id=one", "GetBucketInventoryConfiguration"),
        ("GET", "/bucket/key", "GetObject"),
        ("GET", "/bucket/a/b//c", "GetObject"),
        ("GET", "/bucket/a%2Fb%20c", "GetObject"),
        ("GET", "/bucket/key?versionId=v", "GetObject"),
        ("GET", "/bucket/key?acl", "GetObjectAcl"),
        ("GET", "/bucket/key?uploadId=u", "ListParts"),
        ("HEAD", "/bucket", "HeadBucket"),
        ("HEAD", "/bucket/key", "HeadObject"),
        ("PUT", "/bucket", "CreateBucket"),
        ("PUT", "/bucket/key", "PutObject"),
        ("PUT", "/bucket/key?partNumber=1&uploadId=u", "UploadPart"),
        ("POST", "/bucket?delete", "DeleteObjects"),
        ("POST", "/bucket/key?select&select-type=2", "SelectObjectContent"),
        ("DELETE", "/bucket", "DeleteBucket"),
        ("DELETE", "/bucket/key", "DeleteObject"),
        ("DELETE", "/bucket/key?uploadId=u", "AbortMultipartUpload"),
    ] {
        assert_eq!(s3(method, target).as_deref(), Some(name), "{method} {target}");
    }
    let source = ("x-amz-copy-source", "/other/key");
    assert_eq!(s3_with("PUT", "/bucket/key", &[source]).as_deref(), Some("CopyObject"));
    assert_eq!(s3_with("PUT", "/bucket/key?partNumber=1&uploadId=u", &[source]).as_deref(), Some("UploadPartCopy"));
}

#[test]
fn an_s3_request_that_could_be_read_in_two_ways_has_no_name() {
    for (method, target) in [
        // Keys that the operation does not have, or two that each name one.
        ("GET", "/bucket?somethingNew"),
        ("GET", "/bucket?acl&policy"),
        ("GET", "/bucket?acl&list-type=2"),
        ("GET", "/bucket?list-type=1"),
        ("GET", "/bucket?list-type=2&list-type=1"),
        ("GET", "/bucket?list-type=2&List-Type=1"),
        ("GET", "/bucket?ACL"),
        ("GET", "/bucket?acl&acl"),
        ("GET", "/bucket/key?x-id=DeleteObject"),
        ("GET", "/bucket?list-type=2;acl"),
        ("PUT", "/bucket/key?partNumber=1"),
        // Paths that change when they are unescaped, resolved or merged.
        ("GET", "/bucket%2Fkey"),
        ("DELETE", "/bucket%2Fkey"),
        ("DELETE", "/bucket%252Fkey"),
        ("GET", "/bucket/../other"),
        ("GET", "/bucket/%2e%2e/other"),
        ("GET", "/bucket/./key"),
        ("GET", "//bucket/key"),
        ("GET", "/bucket//key"),
        ("GET", "/bucket/%2Fkey"),
        ("GET", "/bucket\\key"),
        ("GET", "/bucket%5C..%5Ckey"),
        ("GET", "/bucket/%ff"),
        ("GET", "/bucket/%25252525"),
        ("GET", "bucket"),
        ("GET", "*"),
        ("GET", ""),
        // Not operations, or carrying a signature of their own.
        ("POST", "/bucket"),
        ("get", "/bucket"),
        ("GET", "/bucket/key?X-Amz-Signature=0"),
        ("GET", "/bucket/key?AWSAccessKeyId=mine&Signature=x"),
    ] {
        assert_eq!(s3(method, target), None, "{method} {target}");
    }
}

#[test]
fn an_object_that_is_locked_as_it_is_written_cannot_be_taken_back() {
    let effect = |method: &str, target: &str, pairs: &[(&str, &str)]| {
        action("s3.us-east-1.amazonaws.com", method, target, &map(pairs), b"").unwrap().effect
    };
    let lock = ("x-amz-object-lock-retain-until-date", "2099-01-01T00:00:00Z");
    assert_eq!(effect("PUT", "/bucket/key", &[]), Effect::Write);
    assert_eq!(effect("PUT", "/bucket/key", &[lock]), Effect::Destructive);
    assert_eq!(effect("PUT", "/bucket/key", &[lock, ("x-amz-copy-source", "/a/b")]), Effect::Destructive);
    assert_eq!(effect("POST", "/bucket/key?uploads", &[lock]), Effect::Destructive);
    assert_eq!(effect("PUT", "/bucket", &[("x-amz-bucket-object-lock-enabled", "true")]), Effect::Destructive);
    assert_eq!(effect("GET", "/bucket/key", &[lock]), Effect::Read);
}

#[test]
fn lambda_operations_are_named_by_the_most_specific_path() {
    for (method, target, name) in [
        ("GET", "/2015-03-31/functions", "ListFunctions"),
        ("GET", "/2015-03-31/functions/?MaxItems=50&Marker=m", "ListFunctions"),
        ("GET", "/2015-03-31/functions/f", "GetFunction"),
        ("GET", "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A1%3Afunction%3Af", "GetFunction"),
        ("GET", "/2015-03-31/functions/f/configuration?Qualifier=1", "GetFunctionConfiguration"),
        ("GET", "/2018-10-31/layers?find=LayerVersion&Arn=a", "GetLayerVersionByArn"),
        ("GET", "/2018-10-31/layers", "ListLayers"),
        ("GET", "/2019-09-30/functions/f/provisioned-concurrency?List=ALL", "ListProvisionedConcurrencyConfigs"),
        ("GET", "/2019-09-30/functions/f/provisioned-concurrency?Qualifier=1", "GetProvisionedConcurrencyConfig"),
        ("POST", "/2015-03-31/functions/f/invocations", "Invoke"),
        ("DELETE", "/2015-03-31/functions/f", "DeleteFunction"),
        ("DELETE", "/2017-03-31/tags/arn?tagKeys=a&tagKeys=b", "UntagResource"),
    ] {
        assert_eq!(lambda(method, target).as_deref(), Some(name), "{method} {target}");
    }
    for (method, target) in [
        ("GET", "/2015-03-31/functions/f%2Fconfiguration"),
        ("GET", "/2015-03-31/functions//configuration"),
        ("GET", "/2015-03-31/functions/../functions"),
        ("GET", "/2015-03-31/functions?Unknown=1"),
        ("GET", "/2015-03-31/functions?Marker=a&Marker=b"),
        ("GET", "/functions"),
        ("DELETE", "/2015-03-31/functions"),
    ] {
        assert_eq!(lambda(method, target), None, "{method} {target}");
    }
}

#[test]
fn batch_operations_are_named_by_the_path_though_all_are_posts() {
    let batch = |method: &str, target: &str| {
        named("batch.us-east-1.amazonaws.com", method, target, &[("content-type", "application/json")], "{}")
    };
    for (method, target, name) in [
        ("POST", "/v1/describejobqueues", "batch:DescribeJobQueues"),
        ("POST", "/v1/canceljob", "batch:CancelJob"),
        ("GET", "/v1/tags/arn%3Aaws%3Abatch%3Aus-east-1%3A1%3Ajob", "batch:ListTagsForResource"),
        ("DELETE", "/v1/tags/arn?tagKeys=a&tagKeys=b", "batch:UntagResource"),
    ] {
        assert_eq!(batch(method, target).as_deref(), Some(name), "{method} {target}");
    }
    for (method, target) in [
        ("GET", "/v1/describejobqueues"),
        ("POST", "/v1/DescribeJobQueues"),
        ("POST", "/v1/describejobqueues?x=1"),
        ("POST", "/v1/nosuchthing"),
        // A server that unescapes it has a path of one part more.
        ("GET", "/v1/tags/arn%3Aaws%3Abatch%3Aus-east-1%3A1%3Ajob-queue%2Fq"),
    ] {
        assert_eq!(batch(method, target), None, "{method} {target}");
    }
}

#[test]
fn a_service_that_speaks_query_too_is_asked_in_json_and_nothing_else() {
    const SQS: &str = "sqs.us-east-1.amazonaws.com";
    const ALARMS: &str = "monitoring.us-east-1.amazonaws.com";
    let list = ("x-amz-target", "AmazonSQS.ListQueues");
    let alarms = ("x-amz-target", "GraniteServiceVersion20100801.DescribeAlarms");
    assert_eq!(named(SQS, "POST", "/", &[list, JSON], "{}").as_deref(), Some("sqs:ListQueues"));
    assert_eq!(named(ALARMS, "POST", "/", &[alarms, JSON], "{}").as_deref(), Some("cloudwatch:DescribeAlarms"));
    let newer = ("content-type", "application/x-amz-json-1.1");
    assert_eq!(named(SQS, "POST", "/", &[list, newer], "{}").as_deref(), Some("sqs:ListQueues"));
    for (host, target, pairs, body) in [
        (SQS, "/", &[list, FORM][..], "Action=DeleteQueue"),
        (SQS, "/", &[FORM], "Action=ListQueues"),
        (SQS, "/", &[list], "{}"),
        (SQS, "/", &[list, JSON, FORM], "{}"),
        (SQS, "/", &[list, ("content-type", "application/x-amz-json-1.0, application/x-www-form-urlencoded")], "{}"),
        (SQS, "/111122223333/queue", &[list, JSON], "{}"),
        (ALARMS, "/", &[alarms, FORM], "Action=DeleteAlarms"),
        (ALARMS, "/", &[FORM], "Action=DescribeAlarms&Version=2010-08-01"),
        (ALARMS, "/service/GraniteServiceVersion20100801/operation/DescribeAlarms", &[JSON], "{}"),
    ] {
        assert_eq!(named(host, "POST", target, pairs, body), None, "{host}{target} {pairs:?} {body}");
    }
}

#[test]
fn of_two_services_at_one_host_the_version_or_the_path_tells_which() {
    const BALANCERS: &str = "elasticloadbalancing.us-east-1.amazonaws.com";
    let balancers = |body: &str| named(BALANCERS, "POST", "/", &[FORM], body);
    for (body, name) in [
        ("Action=DescribeLoadBalancers&Version=2012-06-01", Some("elb:DescribeLoadBalancers")),
        ("Action=DescribeLoadBalancers&Version=2015-12-01", Some("elbv2:DescribeLoadBalancers")),
        ("Action=DescribeTargetGroups&Version=2015-12-01", Some("elbv2:DescribeTargetGroups")),
        ("Action=DescribeTargetGroups&Version=2012-06-01", None),
        ("Action=DescribeLoadBalancers", None),
        ("Action=DescribeLoadBalancers&Version=2011-11-15", None),
        ("Action=DescribeLoadBalancers&version=2012-06-01", None),
        ("Action=DescribeLoadBalancers&Version=2012-06-01&Version=2012-06-01", None),
        ("Action=DescribeLoadBalancers&Version=2012-06-01&version=2015-12-01", None),
    ] {
        assert_eq!(balancers(body).as_deref(), name, "{body}");
    }
    let split =
        named(BALANCERS, "POST", "/?Version=2012-06-01", &[FORM], "Action=DeleteLoadBalancer&Version=2015-12-01");
    assert_eq!(split, None);

    let apis = |method: &str, target: &str| named("apigateway.us-east-1.amazonaws.com", method, target, &[], "");
    for (method, target, name) in [
        ("GET", "/restapis?limit=500", Some("apigateway:GetRestApis")),
        ("GET", "/restapis/a1/stages", Some("apigateway:GetStages")),
        ("GET", "/v2/apis?maxResults=10", Some("apigatewayv2:GetApis")),
        ("GET", "/v2/apis/a1/stages", Some("apigatewayv2:GetStages")),
        ("DELETE", "/restapis/a1", Some("apigateway:DeleteRestApi")),
        ("GET", "/apis", None),
        ("GET", "/v2/restapis", None),
        ("GET", "/restapis/a1/stages/s/exports/oas30?parameters=x", None),
        ("POST", "/restapis?mode=import", None),
    ] {
        assert_eq!(apis(method, target).as_deref(), name, "{method} {target}");
    }
}

proptest! {
    /// Whatever is added to a query, a request for one operation is never taken for
    /// another one that reaches less far.
    #[test]
    fn no_addition_to_the_query_lowers_the_effect(
        (method, target) in prop::sample::select(vec![
            ("POST", "/bucket?delete"), ("PUT", "/bucket?lifecycle"), ("PUT", "/bucket?object-lock"),
            ("PUT", "/bucket/key?retention"), ("PUT", "/bucket/key"), ("POST", "/bucket/key?restore"),
        ]),
        extra in prop_oneof![
            "[a-zA-Z=&%;+-]{0,12}",
            prop::sample::select(vec!["select&select-type=2", "select-type=2", "select", "acl", "list-type=2", "x-id=GetObject"])
                .prop_map(str::to_owned),
        ],
    ) {
        let effect = |target: &str| {
            action("s3.us-east-1.amazonaws.com", method, target, &HeaderMap::new(), b"").map(|found| found.effect)
        };
        let plain = effect(target).unwrap();
        let mark = if target.contains('?') { '&' } else { '?' };
        let more = effect(&format!("{target}{mark}{extra}"));
        prop_assert!(more.is_none_or(|more| more >= plain), "{:?} of {} {}", more, method, extra);
    }

    #[test]
    fn no_request_makes_the_table_fail(
        method in "(GET|PUT|POST|DELETE|HEAD)",
        target in "/[a-z0-9%/.?&=;\\\\-]{0,40}",
        body in prop::collection::vec(any::<u8>(), 0..40),
        service in "(apigateway|batch|ec2|eks|elasticloadbalancing|s3|lambda|sns|sqs|sts|dynamodb)",
    ) {
        let _ = action(&format!("{service}.us-east-1.amazonaws.com"), &method, &target, &map(&[FORM]), &body);
    }
}
