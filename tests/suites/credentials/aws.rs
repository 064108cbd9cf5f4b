//! Keys of an AWS role, from a token service that computes signatures by itself.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use troupe_tests::Host;
use troupe_tests::identity::sts::{AUDIENCE, EXTERNAL_ID, KEY, REGION, ROLE, SESSION, SUBJECT, Sts};
use troupe_tests::identity::{now, signed};
use troupe_tests::service::Service;

use super::{Bench, asked_until, credential, unstarted};

/// What the operator's key signs with.
const SECRET: &str = "canary/of+the/auditors/9f8e7d6c5b4a";

/// A host whose agent may list buckets as a role that is taken with a key and this secret.
async fn bench(host: Host, sts: &Sts, api: &Service, secret: &str) -> Bench {
    let host = host.with_variable("AUDIT_KEY", KEY).with_secret("AUDIT_SECRET", secret);
    let keys = "access_key_id = { env = \"AUDIT_KEY\" }\nsecret_access_key = { env = \"AUDIT_SECRET\" }";
    bench_of(host, sts, api, |_| format!("{keys}\nexternal_id = \"{EXTERNAL_ID}\"")).await
}

/// The same as whoever takes the role by these lines of its table.
async fn bench_of(host: Host, sts: &Sts, api: &Service, lines: impl FnOnce(&Path) -> String) -> Bench {
    let host =
        host.with_variable("AWS_ENDPOINT_URL_STS", &sts.service.url()).with_variable("AWS_ENDPOINT_URL_S3", &api.url());
    let capabilities = json!({ "http": [{
        "id": "s3", "host": format!("s3.{REGION}.amazonaws.com"), "credential": "aws:audit",
        "actions": ["s3:ListBuckets"],
    }] });
    let role = format!("role_arn = \"{ROLE}\"\nsession_name = \"{SESSION}\"\nregion = \"{REGION}\"\n");
    Bench::start(host, capabilities, |sources| credential("aws:audit", &(role + &lines(sources)))).await
}

/// Lists the buckets again and again until the answer is as wanted.
async fn until(bench: &Bench, wanted: impl Fn(&Value) -> bool) -> Value {
    asked_until(|| list(bench), wanted).await
}

/// Lists the buckets.
async fn list(bench: &Bench) -> Value {
    let authority = format!("s3.{REGION}.amazonaws.com");
    let request = json!({ "authority": authority, "path": "/", "headers": [["troupe-explain", "true"]] });
    bench.fetch(json!({ "requests": [request] })).await["answers"][0].clone()
}

fn is_served(answer: &Value) -> bool {
    answer["status"] == 200
}

/// Lists the buckets for some seconds, each time well; how often that was.
async fn list_for(seconds: u64, bench: &Bench) -> u64 {
    let (until, mut calls) = (Instant::now() + Duration::from_secs(seconds), 0);
    while Instant::now() < until {
        // A key that has ended, or one without its token, would be refused.
        let answer = list(bench).await;
        assert!(is_served(&answer), "{answer:#}");
        assert!(answer["body"].as_str().unwrap().starts_with("signed by ASIA"), "{answer:#}");
        calls += 1;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    calls
}

#[tokio::test]
async fn a_role_is_taken_by_a_signature_and_its_keys_sign_with_their_token_until_they_are_renewed() {
    let host = unstarted();
    let sts = Sts::start(host.canaries(), SECRET, Duration::from_secs(5)).await;
    let api = sts.api().await;
    let bench = bench(host, &sts, &api, SECRET).await;
    let calls = list_for(12, &bench).await;
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

#[tokio::test]
async fn a_web_identity_takes_a_role_with_its_platform_s_token() {
    let host = unstarted();
    let sts = Sts::start(host.canaries(), SECRET, Duration::from_secs(5)).await;
    let api = sts.api().await;
    // Each differs from the one before, as one that is written anew does.
    let platform = |audience: &str, life: u64| signed(&json!({ "sub": SUBJECT, "aud": audience, "exp": now() + life }));
    let bench = bench_of(host, &sts, &api, |sources| {
        std::fs::write(sources.join("token"), platform("somebody else", 600)).unwrap();
        format!("web_identity_token = {{ file = \"{}\" }}", sources.join("token").display())
    })
    .await;
    let told = |why: &str| {
        format!("credentials.invalid: the credential `aws:audit`: the server that gives it out refused with 400 {why}")
    };
    assert_eq!(list(&bench).await["sentence"], told("InvalidIdentityToken"));
    bench.write("token", &platform(AUDIENCE, 0));
    until(&bench, |answer| answer["sentence"] == told("ExpiredTokenException")).await;
    assert!(api.seen().is_empty(), "a request without its signature was sent");

    bench.write("token", &platform(AUDIENCE, 600));
    until(&bench, is_served).await;
    let before = sts.exchanges();
    let calls = list_for(6, &bench).await;
    // The platform writes another before the first has ended.
    let newest = platform(AUDIENCE, 1_200);
    bench.write("token", &newest);
    let calls = calls + list_for(6, &bench).await;
    let exchanges = sts.exchanges() - before;
    assert!((2..=6).contains(&exchanges) && calls > exchanges, "{exchanges} exchanges for {calls} calls");
    let shown = sts.service.seen().pop().and_then(|request| request.form()).expect("a form");
    assert_eq!(shown["WebIdentityToken"], newest);
    bench.stop().await;
}

#[tokio::test]
async fn a_role_is_taken_with_the_keys_of_a_profile_and_changed_ones_are_picked_up() {
    let host = unstarted();
    let sts = Sts::start(host.canaries(), SECRET, Duration::from_secs(5)).await;
    let api = sts.api().await;
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("credentials");
    let write = |secret: &str| {
        let other = "[default]\naws_access_key_id = AKIDOFNOBODYATALL\naws_secret_access_key = of-nobody-at-all\n";
        let text = format!("{other}[auditors]\naws_access_key_id = {KEY}\naws_secret_access_key = {secret}\n");
        std::fs::write(&path, text).unwrap();
    };
    write("another-secret-than-sts-has");
    host.canaries().watch("another-secret-than-sts-has");
    host.canaries().watch(SECRET);
    let host = host.with_variable("AWS_SHARED_CREDENTIALS_FILE", path.to_str().unwrap());
    let lines = format!("profile = \"auditors\"\nexternal_id = \"{EXTERNAL_ID}\"");
    let bench = bench_of(host, &sts, &api, |_| lines).await;
    let told = "credentials.invalid: the credential `aws:audit`: the server that gives it out refused with 403 SignatureDoesNotMatch";
    assert_eq!(list(&bench).await["sentence"], told);
    assert!(api.seen().is_empty(), "a request without its signature was sent");
    write(SECRET);
    until(&bench, is_served).await;
    list_for(6, &bench).await;
    bench.stop().await;
}
