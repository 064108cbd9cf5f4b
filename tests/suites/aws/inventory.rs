//! `inventory` finds what is there, nothing that is not, and holds no credential.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::account::{self, make_auditor, seed};
use super::moto::Moto;
use super::{REGIONS, STRANGER, agent_host, found, inventory};

/// The rows of an inventory but for what the account blocks in S3: where moto checks signatures it may refuse the
/// correct one of such a request, as it does of REST-JSON without a body.
fn rows(output: &Value) -> Vec<&Value> {
    output["errors"].as_array().unwrap().iter().filter(|row| row["service"] != "s3control").collect()
}

#[tokio::test]
async fn every_seeded_resource_is_found_with_signatures_and_policies_enforced() {
    let Some(moto) = Moto::start().await else { return };
    let seeded = seed(&moto).await;
    let (key, secret) = make_auditor(&moto, account::ALL).await;
    moto.enforce().await;

    let mut host = agent_host(&moto, (&key, &secret));
    host.start().await;
    // moto rejects correct signatures of whatever REST-JSON asks without a body, as Lambda is, those of AWS's own
    // client too.
    let services = ["ec2", "s3", "iam", "dynamodb", "batch"];
    let output = inventory(&host, json!({ "regions": REGIONS, "services": services })).await;

    assert_eq!(rows(&output), Vec::<&Value>::new());
    let found: BTreeSet<(String, String)> = found(&output).collect();
    let missing: Vec<_> = seeded.difference(&found).collect();
    assert!(missing.is_empty(), "not found: {missing:?}");
    let strangers: Vec<_> = found
        .difference(&seeded)
        .filter(|(kind, id)| {
            ["aws.dynamodb.table", "aws.ec2.instance", "aws.s3.bucket", "aws.iam.role", "aws.batch.job-queue"]
                .contains(&kind.as_str())
                || (kind == "aws.iam.user" && id != "auditor")
        })
        .collect();
    assert!(strangers.is_empty(), "not the account's: {strangers:?}");
}

#[tokio::test]
async fn a_signature_by_a_wrong_secret_is_refused_in_every_protocol() {
    let Some(moto) = Moto::start().await else { return };
    moto.make_bucket("hidden").await;
    moto.make_table("us-east-1", "hidden").await;
    moto.make_role("hidden").await;
    moto.make_queue("us-east-1", "hidden", "arn:aws:iam::123456789012:role/hidden").await;
    let (key, secret) = make_auditor(&moto, r#""*""#).await;
    moto.enforce().await;
    // Query (IAM, EC2), JSON (DynamoDB), REST-JSON (Batch) and REST-XML (S3).
    let services = ["batch", "dynamodb", "ec2", "iam", "s3"];
    for (secret, opens) in [(secret.as_str(), true), (STRANGER.1, false)] {
        let mut host = agent_host(&moto, (&key, secret));
        host.start().await;
        let output = inventory(&host, json!({ "services": services })).await;
        let errors = rows(&output);
        if opens {
            // The bucket, the table, the role, the environment and the queue.
            let told: Vec<String> = found(&output).filter(|(_, id)| id == "hidden").map(|(kind, _)| kind).collect();
            assert_eq!((errors.len(), told.len()), (0, 5), "{output:#}");
            continue;
        }
        assert_eq!(output["resources"], json!([]));
        assert!(errors.iter().all(|error| error["kind"] == "denied"), "{errors:#?}");
        let refused: BTreeSet<&str> = errors.iter().filter_map(|error| error["service"].as_str()).collect();
        assert_eq!(refused, services.into_iter().chain(["sts"]).collect(), "{errors:#?}");
    }
}

#[tokio::test]
async fn a_service_that_refuses_the_key_is_named_and_hides_nothing() {
    let Some(moto) = Moto::start().await else { return };
    moto.make_bucket("seen").await;
    let (key, secret) = make_auditor(&moto, account::S3).await;
    moto.enforce().await;
    let mut host = agent_host(&moto, (&key, &secret));
    host.start().await;
    let output = inventory(&host, json!({ "services": ["ec2", "s3", "dynamodb"] })).await;
    assert_eq!(found(&output).collect::<Vec<_>>(), [("aws.s3.bucket".to_owned(), "seen".to_owned())]);
    let errors = rows(&output);
    assert!(errors.iter().all(|error| error["kind"] == "denied"), "{errors:#?}");
    let services: BTreeSet<&str> = errors.iter().filter_map(|error| error["service"].as_str()).collect();
    assert_eq!(services, BTreeSet::from(["dynamodb", "ec2"]), "{errors:#?}");
}

#[tokio::test]
async fn a_key_that_is_refused_everywhere_finds_nothing_and_says_so() {
    let Some(moto) = Moto::start().await else { return };
    moto.make_bucket("hidden").await;
    moto.enforce().await;
    // Nobody names a region, so it is the environment's.
    let mut host = agent_host(&moto, STRANGER).with_variable("AWS_REGION", "eu-west-1");
    host.start().await;
    let output = inventory(&host, json!({ "services": ["ec2", "s3"] })).await;
    assert_eq!(output["regions"], json!(["eu-west-1"]));
    assert_eq!((output.get("account"), &output["resources"]), (None, &json!([])));
    let errors = output["errors"].as_array().unwrap();
    let services: BTreeSet<&str> = errors.iter().filter_map(|error| error["service"].as_str()).collect();
    assert_eq!(services, BTreeSet::from(["ec2", "s3", "sts"]), "{errors:#?}");
}

#[tokio::test]
async fn what_is_not_granted_any_more_is_named_to_the_caller() {
    let Some(moto) = Moto::start().await else { return };
    let mut host = agent_host(&moto, STRANGER);
    host.start().await;
    host.client().put("/api/v1/deployments/aws/grants", &json!({ "grants": {} })).await.of(200);
    let output = inventory(&host, json!({ "services": ["s3"] })).await;
    let errors = output["errors"].as_array().unwrap();
    assert!(!errors.is_empty() && errors.iter().all(|error| error["kind"] == "denied"), "{errors:#?}");
    let message = errors[0]["message"].as_str().unwrap();
    assert!(message.contains("no grant of `http` leads to https://s3"), "{message}");
}
