//! The policy in the README allows what `agent.toml` asks for, and nothing else.

use std::collections::BTreeSet;

use serde_json::Value;
use troupe_package::Manifest;

/// Operations whose permission IAM calls otherwise.
const OTHERWISE: [(&str, &str); 6] = [
    ("s3:GetBucketEncryption", "s3:GetEncryptionConfiguration"),
    ("s3:GetBucketLifecycleConfiguration", "s3:GetLifecycleConfiguration"),
    ("s3:GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock"),
    ("s3control:GetPublicAccessBlock", "s3:GetAccountPublicAccessBlock"),
    ("s3:ListBuckets", "s3:ListAllMyBuckets"),
    ("apigateway:GetRestApis", "apigateway:GET"),
];

/// What IAM calls the permission for an action.
fn permission(action: &str) -> String {
    if let Some((_, permission)) = OTHERWISE.iter().find(|(its, _)| *its == action) {
        return (*permission).to_owned();
    }
    let (service, operation) = action.split_once(':').unwrap();
    match service {
        "elb" | "elbv2" => format!("elasticloadbalancing:{operation}"),
        "apigateway" | "apigatewayv2" => "apigateway:GET".to_owned(),
        "efs" => format!("elasticfilesystem:{operation}"),
        "opensearch" => format!("es:{operation}"),
        "stepfunctions" => format!("states:{operation}"),
        _ => action.to_owned(),
    }
}

#[test]
fn the_policy_in_the_readme_is_the_least_that_the_manifest_needs() {
    let manifest = Manifest::parse(include_str!("../../agent.toml")).unwrap();
    let grants = manifest.capabilities.http.iter();
    let asked: BTreeSet<String> =
        grants.flat_map(|grant| &grant.actions).map(|action| permission(&action.to_string())).collect();
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("The account's side").unwrap();
    let (_, rest) = rest.split_once("```json").unwrap();
    let (policy, _) = rest.split_once("```").unwrap();
    let policy: Value = serde_json::from_str(policy).unwrap();
    let allowed: Vec<String> = serde_json::from_value(policy["Statement"][0]["Action"].clone()).unwrap();
    assert_eq!(allowed, asked.into_iter().collect::<Vec<_>>());
}
