//! An account to look at: each operation's answer, by service, region and operation.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};
use troupe_agent_aws::Aws;
use troupe_egress::AwsAction;
use troupe_package::Manifest;
use troupe_sdk::Failure;
use troupe_sdk::test::{self, Answer, Host, Sent};

pub const ACCOUNT: &str = "111122223333";
pub const EAST: &str = "us-east-1";

/// What one request asks for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `ec2`, `s3`, …: as actions name it.
    pub service: String,
    /// The action, as a grant has it: `s3:ListBuckets`.
    pub action: String,
    /// The region in the host's name.
    pub region: String,
    /// The operation; of Batch, Lambda and S3 the path, and the query without its `?`.
    pub operation: String,
    /// The form's parameters, the query's, the JSON body under ``, and the path under `path`.
    pub parameters: BTreeMap<String, String>,
}

impl Asked {
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// The JSON body.
    pub fn json(&self) -> Value {
        serde_json::from_str(self.parameter("").expect("a body")).expect("JSON")
    }
}

/// Checks that the host can name the request, and that `agent.toml` asks for it; returns the
/// action.
fn assert_granted(sent: &Sent) -> AwsAction {
    static MANIFEST: LazyLock<Manifest> = LazyLock::new(|| Manifest::parse(include_str!("../../agent.toml")).unwrap());
    let rest = sent.url.strip_prefix("https://").expect("https");
    let (host, target) = rest.split_at(rest.find(['/', '?']).expect("a path"));
    let path = target.split('?').next().unwrap_or_default();
    let own = sent.headers.iter().filter(|(name, _)| !name.starts_with("troupe-"));
    let headers = troupe_egress::headers::parse(own.map(|(name, value)| (name, value.as_bytes()))).expect("headers");
    let action = troupe_egress::aws::action(host, &sent.method, target, &headers, &sent.body);
    let action = action.unwrap_or_else(|| panic!("the host cannot name {} {}", sent.method, sent.url));
    let granted = MANIFEST.capabilities.http.iter().any(|grant| {
        grant.leads_to(true, host, 443)
            && grant.admits_path(path)
            && grant.admits_method(&sent.method)
            && grant.admits_action(action.service, action.operation)
    });
    assert!(granted, "agent.toml does not ask for {action} at {host}");
    assert_eq!(format!("{:?}", action.effect), "Read", "{action}");
    action
}

/// Reads a request as AWS would.
pub fn read(sent: &Sent) -> Asked {
    let action = assert_granted(sent);
    assert_eq!(sent.headers.get("troupe-credential"), Some("aws:default"), "{}", sent.url);
    assert!(sent.headers.iter().all(|(name, _)| name != "authorization"), "the host signs");
    let rest = sent.url.strip_prefix("https://").expect("https");
    let (host, path) = rest.split_once('/').expect("a path");
    let labels: Vec<&str> = host.strip_suffix(".amazonaws.com").expect("AWS").split('.').collect();
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let body = sent.text();
    let (operation, pairs) = match labels[0] {
        "ec2" | "iam" | "sts" => {
            assert_eq!((sent.method.as_str(), path, query), ("POST", "", ""));
            (None, pairs(&body))
        }
        "dynamodb" => {
            assert_eq!(sent.headers.get("content-type"), Some("application/x-amz-json-1.0"));
            let target = sent.headers.get("x-amz-target").expect("a target");
            let operation = target.strip_prefix("DynamoDB_20120810.").expect("DynamoDB's").to_owned();
            (Some(operation), BTreeMap::from([(String::new(), body)]))
        }
        "batch" => {
            assert_eq!((sent.method.as_str(), query), ("POST", ""));
            assert_eq!(sent.headers.get("content-type"), Some("application/json"));
            (Some(path.to_owned()), BTreeMap::from([(String::new(), body)]))
        }
        "s3" | "lambda" => {
            assert_eq!(sent.method, "GET");
            let operation =
                if query.is_empty() || query.contains('=') { path.to_owned() } else { format!("{path} {query}") };
            (Some(operation), pairs(query))
        }
        _ => {
            let mut parameters = pairs(query);
            match sent.headers.get("content-type") {
                Some(form) if form.starts_with("application/x-www-form-urlencoded") => parameters.extend(pairs(&body)),
                _ => parameters.extend([(String::new(), body), ("path".to_owned(), path.to_owned())]),
            }
            let (service, operation) = (action.service.to_owned(), action.operation.to_owned());
            return Asked { service, action: action.to_string(), region: region_of(&labels), operation, parameters };
        }
    };
    let operation = operation.or_else(|| pairs.get("Action").cloned()).expect("an operation");
    Asked {
        service: labels[0].to_owned(),
        action: action.to_string(),
        region: region_of(&labels),
        operation,
        parameters: pairs,
    }
}

/// The region is the last word of a host that has one.
fn region_of(labels: &[&str]) -> String {
    let region = if labels.len() > 1 { labels.last() } else { None };
    region.copied().unwrap_or("global").to_owned()
}

fn pairs(text: &str) -> BTreeMap<String, String> {
    let unescape = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (unescape(name), unescape(value))).collect()
}

/// An account that answers what `script` does, who it is, and otherwise that there is
/// nothing.
pub fn account(mut script: impl FnMut(&Asked) -> Option<Answer> + 'static) -> Host {
    Host::start().configuration(json!({ "regions": [EAST] })).respond_by(move |sent| {
        let asked = read(sent);
        Some(script(&asked).unwrap_or_else(|| nothing(&asked).after(Duration::from_millis(10))))
    })
}

/// What an empty account answers.
fn nothing(asked: &Asked) -> Answer {
    match (asked.service.as_str(), asked.operation.as_str()) {
        ("sts", _) => xml(&format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>arn:aws:iam::{ACCOUNT}:user/looker</Arn><UserId>AIDA</UserId><Account>{ACCOUNT}</Account>\
             </GetCallerIdentityResult></GetCallerIdentityResponse>"
        )),
        ("lambda", _) => Answer::json(200, json!({ "Functions": [], "NextMarker": null })),
        ("dynamodb", _) => Answer::json(200, json!({ "TableNames": [] })),
        ("batch", "v1/describejobqueues") => Answer::json(200, json!({ "jobQueues": [] })),
        ("batch", _) => Answer::json(200, json!({ "computeEnvironments": [] })),
        ("s3control", _) => xml_error(404, "NoSuchPublicAccessBlockConfiguration"),
        ("s3" | "cloudfront" | "route53", _) => xml("<Nothing/>"),
        // Whoever asks in JSON is answered in it.
        _ if asked.parameters.contains_key("") => Answer::json(200, json!({})),
        _ => xml("<Nothing/>"),
    }
}

pub fn xml(body: &str) -> Answer {
    Answer::text(200, format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}"))
}

/// An error in the form of EC2.
pub fn ec2_error(status: u16, code: &str, message: &str) -> Answer {
    Answer::text(
        status,
        format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
             <RequestID>0</RequestID></Response>"
        ),
    )
}

/// An error in the form of IAM, STS (`<ErrorResponse>`) and S3 (bare).
pub fn xml_error(status: u16, code: &str) -> Answer {
    Answer::text(
        status,
        format!("<ErrorResponse><Error><Code>{code}</Code><Message>told</Message></Error></ErrorResponse>"),
    )
}

pub fn inventory(input: Value) -> Value {
    test::perform::<Aws>("inventory", input).expect("an inventory")
}

pub fn refusal(input: Value) -> Failure {
    test::perform::<Aws>("inventory", input).expect_err("a failure")
}

/// The resource of this id.
pub fn resource<'a>(inventory: &'a Value, id: &str) -> &'a Value {
    let resources = inventory["resources"].as_array().expect("resources");
    resources.iter().find(|resource| resource["id"] == id).unwrap_or_else(|| panic!("no {id} in {inventory:#}"))
}
