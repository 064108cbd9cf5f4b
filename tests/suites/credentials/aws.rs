//! Keys of an AWS role, from a token service that computes signatures by itself.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use troupe_tests::Host;
use troupe_tests::identity::sts::{EXTERNAL_ID, KEY, REGION, ROLE, SESSION, Sts};
use troupe_tests::service::Service;

use super::{Bench, credential, unstarted};

/// What the operator's key signs with.
const SECRET: &str = "canary/of+the/auditors/9f8e7d6c5b4a";

/// A host whose agent may list buckets as a role that is taken with a key and this secret.
async fn bench(host: Host, sts: &Sts, api: &Service, secret: &str) -> Bench {
    let host = host
        .with_variable("AWS_ENDPOINT_URL_STS", &sts.service.url())
        .with_variable("AWS_ENDPOINT_URL_S3", &api.url())
        .with_variable("AUDIT_KEY", KEY)
        .with_secret("AUDIT_SECRET", secret);
    let capabilities = json!({ "http": [{
        "id": "s3", "host": format!("s3.{REGION}.amazonaws.com"), "credential": "aws:audit",
        "actions": ["s3:ListBuckets"],
    }] });
    let lines = format!(
        "role_arn = \"{ROLE}\"\nsession_name = \"{SESSION}\"\nexternal_id = \"{EXTERNAL_ID}\"\nregion = \"{REGION}\"\n\
         access_key_id = {{ env = \"AUDIT_KEY\" }}\nsecret_access_key = {{ env = \"AUDIT_SECRET\" }}"
    );
    Bench::start(host, capabilities, |_| credential("aws:audit", &lines)).await
}

/// Lists the buckets.
async fn list(bench: &Bench) -> Value {
    let authority = format!("s3.{REGION}.amazonaws.com");
    let request = json!({ "authority": authority, "path": "/", "headers": [["troupe-explain", "true"]] });
    bench.fetch(json!({ "requests": [request] })).await["answers"][0].clone()
}

#[tokio::test]
async fn a_role_is_taken_by_a_signature_and_its_keys_sign_with_their_token_until_they_are_renewed() {
    let host = unstarted();
    let sts = Sts::start(host.canaries(), SECRET, Duration::from_secs(5)).await;
    let api = sts.api().await;
    let bench = bench(host, &sts, &api, SECRET).await;
    let (until, mut calls) = (Instant::now() + Duration::from_secs(12), 0);
    while Instant::now() < until {
        // A key that has ended, or one without its token, would be refused.
        let answer = list(&bench).await;
        assert_eq!(answer["status"], 200, "{answer:#}");
        assert!(answer["body"].as_str().unwrap().starts_with("signed by ASIA"), "{answer:#}");
        calls += 1;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let exchanges = sts.exchanges();
    assert!((3..=6).contains(&exchanges) && calls > exchanges, "{exchanges} exchanges for {calls} calls");
    bench.stop().await;
}

#[tokio::test]
async fn a_role_that_is_asked_for_with_a_wrong_secret_is_not_taken() {
    let host = unstarted();
    let sts = Sts::start(host.canaries(), "another-secret-than-the-operator-has", Duration::from_secs(3600)).await;
    let api = sts.api().await;
    let bench = bench(host, &sts, &api, SECRET).await;
    let answer = list(&bench).await;
    let sentence = answer["sentence"].as_str().unwrap_or_default();
    assert!(
        sentence.starts_with("credentials.invalid: the credential `aws:audit`: ") && sentence.contains("403"),
        "{answer:#}"
    );
    assert!(api.seen().is_empty(), "a request without its signature was sent");
    assert!(bench.host.said().contains("SignatureDoesNotMatch"), "{}", bench.host.said());
}
