//! `inventory` finds what is there, nothing that is not, and holds no credential.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};
use troupe_tests::{Host, root};
use walkdir::WalkDir;

use super::moto::{Moto, all_between};
use crate::PROGRAM;

const REGIONS: [&str; 3] = ["us-east-1", "eu-west-1", "ap-southeast-2"];

/// The policy of the agent's README for these services, and `s3:ListBucket`: that is the
/// name by which moto checks what it does not tell apart (AWS does).
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*","Action":[
    "ec2:Describe*","s3:ListAllMyBuckets","s3:GetBucketLocation","s3:GetBucketTagging","s3:GetBucketVersioning",
    "s3:GetEncryptionConfiguration","s3:GetBucketPublicAccessBlock","s3:ListBucket","iam:GetAccountSummary","iam:GetLoginProfile",
    "iam:GetRole","iam:GetUser","iam:ListAccessKeys","iam:ListMFADevices","iam:ListRoles","iam:ListUsers",
    "dynamodb:DescribeTable","dynamodb:ListTables","dynamodb:ListTagsOfResource","sts:GetCallerIdentity"]}]}"#;

/// Fills the account with lists longer than a page; returns the ids by type.
async fn seed(moto: &Moto) -> BTreeSet<(String, String)> {
    let mut seeded = BTreeSet::new();
    let mut add = |kind: &str, id: &str| seeded.insert((kind.to_owned(), id.to_owned()));
    let with = |action: &str, rest: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
        let fixed = [("Action", action.to_owned()), ("Version", "2016-11-15".to_owned())];
        fixed.into_iter().chain(rest.iter().map(|(name, value)| (*name, (*value).to_owned()))).collect()
    };
    for region in REGIONS {
        let ran = with("RunInstances", &[("ImageId", "ami-12c6146b"), ("MinCount", "40"), ("MaxCount", "40")]);
        for id in all_between(&moto.query("ec2", region, &ran).await, "instanceId") {
            add("aws.ec2.instance", id);
        }
        for size in 10..22 {
            let (size, zone) = (size.to_string(), format!("{region}a"));
            let made = with("CreateVolume", &[("Size", &size), ("AvailabilityZone", &zone)]);
            add("aws.ec2.volume", all_between(&moto.query("ec2", region, &made).await, "volumeId")[0]);
        }
    }
    for number in 0..105 {
        let name = format!("table-{number}");
        moto.make_table("eu-west-1", &name).await;
        add("aws.dynamodb.table", &name);
    }
    for number in 0..12 {
        let name = format!("bucket-{number}");
        moto.make_bucket(&name).await;
        add("aws.s3.bucket", &name);
    }
    for number in 0..105 {
        let name = format!("user-{number}");
        let made =
            [("Action", "CreateUser".to_owned()), ("Version", "2010-05-08".to_owned()), ("UserName", name.clone())];
        moto.query("iam", "us-east-1", &made).await;
        add("aws.iam.user", &name);
    }
    seeded
}

/// Makes a user who may do what the policy says; returns its key and secret.
async fn make_auditor(moto: &Moto) -> (String, String) {
    let user = ("UserName", "auditor".to_owned());
    let call = |action: &str| vec![("Action", action.to_owned()), ("Version", "2010-05-08".to_owned()), user.clone()];
    moto.query("iam", "us-east-1", &call("CreateUser")).await;
    let mut policy = call("PutUserPolicy");
    policy.extend([("PolicyName", "inventory".to_owned()), ("PolicyDocument", POLICY.to_owned())]);
    moto.query("iam", "us-east-1", &policy).await;
    let made = moto.query("iam", "us-east-1", &call("CreateAccessKey")).await;
    (all_between(&made, "AccessKeyId")[0].to_owned(), all_between(&made, "SecretAccessKey")[0].to_owned())
}

/// Builds the agent before the host does, so that the host's start has no compiler in it.
fn build_agent() {
    let built = Command::new("cargo")
        .args(["build", "--quiet", "--release", "--lib", "--target", "wasm32-wasip2", "--package", "troupe-agent-aws"])
        .current_dir(root())
        .status();
    assert!(built.unwrap().success());
}

#[tokio::test]
async fn every_seeded_resource_is_found_with_signatures_and_policies_enforced() {
    let Some(moto) = Moto::start().await else { return };
    build_agent();
    let seeded = seed(&moto).await;
    let (key, secret) = make_auditor(&moto).await;
    moto.enforce().await;

    let agent = root().join("plugins/aws");
    let mut host = Host::new(PROGRAM, &["dev", agent.to_str().unwrap(), "--listen", "127.0.0.1:0"])
        .with_variable("AWS_ENDPOINT_URL", moto.url())
        .with_variable("AWS_ACCESS_KEY_ID", &key)
        .with_variable("AWS_SECRET_ACCESS_KEY", &secret)
        .with_variable("AWS_REGION", "us-east-1");
    host.start().await;
    // moto rejects correct signatures of Lambda's paths, those of AWS's own client too.
    let input = json!({ "regions": REGIONS, "services": ["ec2", "s3", "iam", "dynamodb"] });
    let output = host.client().run("aws", "inventory", input).await.output();

    assert_eq!(output["errors"], json!([]));
    let found: BTreeSet<(String, String)> = output["resources"].as_array().unwrap().iter().map(kind_and_id).collect();
    let missing: Vec<_> = seeded.difference(&found).collect();
    assert!(missing.is_empty(), "not found: {missing:?}");
    let strangers: Vec<_> = found
        .difference(&seeded)
        .filter(|(kind, id)| {
            ["aws.dynamodb.table", "aws.ec2.instance", "aws.s3.bucket"].contains(&kind.as_str())
                || (kind == "aws.iam.user" && id != "auditor")
        })
        .collect();
    assert!(strangers.is_empty(), "not the account's: {strangers:?}");

    host.stop().await;
    assert!(!host.said().contains(&secret), "the log holds the secret");
    for file in WalkDir::new(host.dir()).into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file()) {
        let bytes = std::fs::read(file.path()).unwrap();
        let holds = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!holds, "{} holds the secret", file.path().display());
    }
}

#[tokio::test]
async fn a_service_that_refuses_the_key_is_named_and_hides_nothing() {
    let Some(moto) = Moto::start().await else { return };
    build_agent();
    moto.make_bucket("seen").await;
    moto.enforce().await;
    let agent = root().join("plugins/aws");
    let mut host = Host::new(PROGRAM, &["dev", agent.to_str().unwrap(), "--listen", "127.0.0.1:0"])
        .with_variable("AWS_ENDPOINT_URL", moto.url())
        .with_variable("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .with_variable("AWS_SECRET_ACCESS_KEY", "a-secret-that-opens-nothing-at-all")
        .with_variable("AWS_REGION", "us-east-1");
    host.start().await;
    let output = host.client().run("aws", "inventory", json!({ "services": ["ec2", "s3"] })).await.output();
    let errors = output["errors"].as_array().unwrap();
    let services: BTreeSet<&str> = errors.iter().filter_map(|error| error["service"].as_str()).collect();
    assert!(services.contains("ec2") && services.contains("s3"), "{errors:#?}");
}

#[tokio::test]
async fn what_is_not_granted_any_more_is_named_to_the_caller() {
    let Some(moto) = Moto::start().await else { return };
    build_agent();
    let agent = root().join("plugins/aws");
    let mut host = Host::new(PROGRAM, &["dev", agent.to_str().unwrap(), "--listen", "127.0.0.1:0"])
        .with_variable("AWS_ENDPOINT_URL", moto.url())
        .with_variable("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .with_variable("AWS_SECRET_ACCESS_KEY", "a-secret-that-opens-nothing-at-all");
    host.start().await;
    host.client().put("/api/v1/deployments/aws/grants", &json!({ "grants": {} })).await.of(200);
    let output = host.client().run("aws", "inventory", json!({ "services": ["s3"] })).await.output();
    let errors = output["errors"].as_array().unwrap();
    assert!(!errors.is_empty() && errors.iter().all(|error| error["kind"] == "denied"), "{errors:#?}");
    let message = errors[0]["message"].as_str().unwrap();
    assert!(message.contains("no grant of `http` leads to https://s3"), "{message}");
}

fn kind_and_id(resource: &Value) -> (String, String) {
    (resource["type"].as_str().unwrap().to_owned(), resource["id"].as_str().unwrap().to_owned())
}
