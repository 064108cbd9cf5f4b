//! What a request to AWS does: named for certain, in every spelling the same, or not at all.
//!
//! An input is a request as on the wire: a line with method and target, headers, an empty line, the body.

use http::{HeaderMap, HeaderName, HeaderValue};
use troupe_core::{ActionPattern, Effect};
use troupe_egress::{AwsAction, aws};

/// Words of requests to AWS.
pub(super) const WORDS: &[&str] = &[
    "GET ",
    "POST ",
    "PUT ",
    "DELETE ",
    "HEAD ",
    "host: ec2.us-east-1.amazonaws.com\n",
    "host: s3.eu-west-1.amazonaws.com\n",
    "host: iam.amazonaws.com\n",
    "host: lambda.us-east-1.amazonaws.com\n",
    "host: dynamodb.us-east-1.amazonaws.com\n",
    "host: sts.amazonaws.com\n",
    "host: batch.us-east-1.amazonaws.com\n",
    "x-amz-target: DynamoDB_20120810.Scan\n",
    "x-amz-target: DynamoDB_20120810.DeleteItem\n",
    "content-type: application/x-www-form-urlencoded\n",
    "content-type: application/x-www-form-urlencoded; charset=utf-8\n",
    "content-encoding: gzip\n",
    "x-http-method-override: DELETE\n",
    "smithy-protocol: rpc-v2-cbor\n",
    "x-amz-copy-source: a/b\n",
    "Action=DescribeInstances",
    "Action=TerminateInstances",
    "action=RunInstances",
    "%41ction=",
    "&",
    ";",
    "=",
    "+",
    "%26",
    "%3d",
    "?policy",
    "?list-type=2",
    "?uploads",
    "?uploadId=a",
    "&partNumber=1",
    "?x-id=PutObject",
    "X-Amz-Signature=a",
    "/bucket",
    "/bucket/key",
    "%2F",
    "%252f",
    "..",
    "//",
    "\\",
    "/2015-03-31/functions",
    "/invocations",
    "/v1/canceljob",
    "\n\n",
    "#",
    "host: elasticloadbalancing.us-east-1.amazonaws.com\n",
    "host: apigateway.us-east-1.amazonaws.com\n",
    "host: sqs.us-east-1.amazonaws.com\n",
    "host: route53.amazonaws.com\n",
    "x-amz-target: AmazonSQS.ListQueues\n",
    "content-type: application/x-amz-json-1.0\n",
    "Action=DescribeLoadBalancers",
    "Version=2012-06-01",
    "Version=2015-12-01",
    "/restapis",
    "/v2/apis",
];

/// The services whose operation is the parameter `Action`.
const BY_PARAMETER: [&str; 10] =
    ["autoscaling", "ec2", "elasticache", "elb", "elbv2", "iam", "rds", "redshift", "sns", "sts"];

struct Request {
    method: String,
    target: String,
    host: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

pub(super) fn aws(data: &[u8]) -> bool {
    let Some(request) = read(data) else { return false };
    let Some(action) = request.name() else { return false };
    assert_eq!(request.name().as_ref(), Some(&action), "the same request has the same name");
    named_well(&action);
    if BY_PARAMETER.contains(&action.service) {
        one_action(&request, &action);
    }
    other_spellings(&request, &action);
    refused_once_ambiguous(&request);
    true
}

fn read(data: &[u8]) -> Option<Request> {
    let split = data.windows(2).position(|window| window == b"\n\n").unwrap_or(data.len());
    let head = std::str::from_utf8(&data[..split]).ok()?;
    let body = data.get(split + 2..).unwrap_or_default().to_vec();
    let mut lines = head.split('\n');
    let (method, target) = lines.next()?.split_once(' ')?;
    let mut headers = HeaderMap::new();
    let mut host = String::new();
    for line in lines {
        let (name, value) = line.split_once(": ")?;
        if name == "host" {
            value.clone_into(&mut host);
            continue;
        }
        headers.append(name.parse::<HeaderName>().ok()?, value.parse::<HeaderValue>().ok()?);
    }
    // What is named is what can be sent: a target that a URI holds.
    target.parse::<http::uri::PathAndQuery>().ok().filter(|parsed| parsed.as_str() == target)?;
    Some(Request { method: method.to_owned(), target: target.to_owned(), host, headers, body })
}

impl Request {
    fn name(&self) -> Option<AwsAction> {
        aws::action(&self.host, &self.method, &self.target, &self.headers, &self.body)
    }

    fn with_target(&self, target: String) -> Option<AwsAction> {
        aws::action(&self.host, &self.method, &target, &self.headers, &self.body)
    }

    fn with_header(&self, name: &'static str, value: &'static str) -> Option<AwsAction> {
        let mut headers = self.headers.clone();
        headers.append(name, HeaderValue::from_static(value));
        aws::action(&self.host, &self.method, &self.target, &headers, &self.body)
    }
}

/// The name is one that a grant can list.
fn named_well(action: &AwsAction) {
    let pattern: ActionPattern = action.to_string().parse().expect("an action of a grant");
    aws::check(&pattern).expect("an action that is known");
    assert!(pattern.allows(action.service, action.operation));
    assert!(aws::services().any(|service| service.name == action.service));
    assert!(action.region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'));
}

/// Another reader of forms finds the one action that was named, and no other in any spelling of the parameter.
fn one_action(request: &Request, action: &AwsAction) {
    let query = request.target.split_once('?').map_or("", |(_, query)| query);
    let body = String::from_utf8_lossy(&request.body);
    let mut found = Vec::new();
    for form in [query, &body] {
        let mut url = reqwest::Url::parse("http://a.example/").expect("a URL");
        url.set_query(Some(form));
        found.extend(url.query_pairs().map(|(name, value)| (name.trim().to_owned(), value.into_owned())));
    }
    found.retain(|(name, _)| name.eq_ignore_ascii_case("action"));
    assert_eq!(found, [("Action".to_owned(), action.operation.to_owned())]);
}

/// What means the same is named the same, or not at all.
fn other_spellings(request: &Request, action: &AwsAction) {
    let shouted = aws::action(
        &request.host.to_ascii_uppercase(),
        &request.method,
        &request.target,
        &request.headers,
        &request.body,
    );
    assert_eq!(shouted.as_ref(), Some(action), "hosts have no case");
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    // Each plain letter of the path, escaped.
    for (at, letter) in path.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_alphanumeric()).take(16) {
        let escaped = format!("{}%{letter:02X}{}", &path[..at], &path[at + 1..]);
        let target = if query.is_empty() { escaped } else { format!("{escaped}?{query}") };
        if let Some(other) = request.with_target(target.clone()) {
            assert_eq!(other.operation, action.operation, "{target}");
        }
    }
    for name in ["x-amz-object-lock-mode", "x-amz-bypass-governance-retention", "accept", "x-amz-meta-a"] {
        if let Some(other) = request.with_header(name, "COMPLIANCE") {
            let lowered = other.operation == action.operation && other.effect < action.effect;
            assert!(!lowered || other.effect == Effect::Destructive, "{name} makes it reach less far");
        }
    }
}

/// A second opinion of what is asked leaves no name.
fn refused_once_ambiguous(request: &Request) {
    for name in ["x-http-method-override", "x-original-url", "smithy-protocol"] {
        assert_eq!(request.with_header(name, "DELETE"), None, "{name}");
    }
    let mark = if request.target.contains('?') { '&' } else { '?' };
    for more in [
        "X-Amz-Signature=a",
        "x-amz-algorithm=a",
        "Action=TerminateInstances",
        "action=TerminateInstances",
        "%41CTION%20=TerminateInstances",
        "a;b",
    ] {
        let target = format!("{}{mark}{more}", request.target);
        assert_eq!(request.with_target(target), None, "{more}");
    }
}
