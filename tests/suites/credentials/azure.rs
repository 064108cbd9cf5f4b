//! Tokens of Microsoft Entra ID.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use troupe_tests::identity::entra::{CLIENT, Entra, SCOPE, TENANT};
use troupe_tests::identity::{now, signed};
use troupe_tests::service::Service;

use super::{Bench, credential, may_send, request, to, unstarted};

/// A secret that is searched for afterwards.
const SECRET: &str = "Q8f8Q~canary-of-the-application";

const HOUR: Duration = Duration::from_secs(3600);

fn table(entra: &Entra, api: &Service, proof: &str) -> String {
    let authority = entra.service.url();
    let lines = format!(
        "tenant_id = \"{TENANT}\"\nclient_id = \"{CLIENT}\"\nscope = \"{SCOPE}\"\nauthority = \"{authority}\"\n{proof}\n{}",
        to(api)
    );
    credential("azure:prod", &lines)
}

fn statuses(output: &Value) -> Vec<u64> {
    output["answers"].as_array().unwrap().iter().map(|answer| answer["status"].as_u64().unwrap_or(0)).collect()
}

#[tokio::test]
async fn one_token_of_entra_serves_many_calls_and_shows_nowhere() {
    let host = unstarted();
    let entra = Entra::start(host.canaries(), SECRET, HOUR).await;
    let api = entra.api().await;
    let document = |_: &std::path::Path| table(&entra, &api, "client_secret = { env = \"ENTRA_SECRET\" }");
    let host = host.with_secret("ENTRA_SECRET", SECRET);
    let bench = Bench::start(host, may_send(&api, "azure:prod"), document).await;
    let requests: Vec<Value> = (0..16).map(|number| request(&api, &format!("/{number}"))).collect();
    let output = bench.fetch(json!({ "requests": requests })).await;
    assert_eq!(statuses(&output), [200; 16], "{output:#}");
    assert_eq!(statuses(&bench.fetch(json!({ "requests": requests })).await), [200; 16]);
    assert_eq!(entra.exchanges(), 1);
    // The service gives back what it was sent, and the guest sees a mark in the token's place.
    assert!(output.to_string().contains("Bearer [redacted]"), "{output:#}");
    assert!(bench.host.said().contains("secret.echo: "));
    bench.stop().await;
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    let host = unstarted();
    let entra = Entra::start(host.canaries(), SECRET, Duration::from_secs(5)).await;
    let api = entra.api().await;
    let document = |_: &std::path::Path| table(&entra, &api, "client_secret = { env = \"ENTRA_SECRET\" }");
    let host = host.with_secret("ENTRA_SECRET", SECRET);
    let bench = Bench::start(host, may_send(&api, "azure:prod"), document).await;
    let until = Instant::now() + Duration::from_secs(12);
    let mut calls = 0;
    while Instant::now() < until {
        let answer = bench.get(&api, "/").await;
        assert_eq!(answer["status"], 200, "{answer:#}");
        calls += 1;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let exchanges = entra.exchanges();
    assert!((3..=5).contains(&exchanges) && calls > exchanges, "{exchanges} exchanges for {calls} calls");
}

#[tokio::test]
async fn a_secret_that_entra_refuses_is_told_by_a_code_and_mended_without_a_restart() {
    let host = unstarted();
    let entra = Entra::start(host.canaries(), SECRET, HOUR).await;
    let api = entra.api().await;
    let old = "Q8f8Q~canary-of-last-year";
    let bench = Bench::start(host, may_send(&api, "azure:prod"), |sources| {
        std::fs::write(sources.join("secret"), format!("{old}\n")).unwrap();
        table(&entra, &api, &format!("client_secret = {{ file = \"{}\" }}", sources.join("secret").display()))
    })
    .await;
    let answer = bench.get(&api, "/").await;
    let told = "credentials.invalid: the credential `azure:prod`: the server that gives it out refused with 401 invalid_client";
    assert_eq!(answer["sentence"], told);
    assert!(api.seen().is_empty(), "a request without its credential was sent");
    // Entra repeats what it was sent; the log has its sentence without that.
    assert!(bench.host.said().contains("AADSTS70000"), "{}", bench.host.said());
    bench.write("secret", SECRET);
    bench.until(&api, "/", |answer| answer["status"] == 200).await;
    bench.stop().await;
}

#[tokio::test]
async fn a_workload_identity_shows_the_token_of_its_platform() {
    let host = unstarted();
    let entra = Entra::start(host.canaries(), SECRET, HOUR).await;
    let api = entra.api().await;
    let platform = |audience: &str| {
        signed(&json!({ "sub": "system:serviceaccount:troupe:host", "aud": audience, "exp": now() + 600 }))
    };
    let bench = Bench::start(host, may_send(&api, "azure:prod"), |sources| {
        std::fs::write(sources.join("token"), platform("somebody else")).unwrap();
        table(&entra, &api, &format!("federated_token = {{ file = \"{}\" }}", sources.join("token").display()))
    })
    .await;
    let refused = bench.get(&api, "/").await["sentence"].as_str().unwrap().to_owned();
    assert!(refused.ends_with("refused with 401 invalid_client"), "{refused}");
    bench.write("token", &platform("api://AzureADTokenExchange"));
    bench.until(&api, "/", |answer| answer["status"] == 200).await;
    bench.stop().await;
}
