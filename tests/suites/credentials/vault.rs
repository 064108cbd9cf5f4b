//! Secrets that HashiCorp Vault keeps.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use troupe_tests::Host;
use troupe_tests::identity::vault::{ROLE_ID, Vault};
use troupe_tests::service::{Reply, Service};

use super::{Bench, credential, may_send, to, unstarted};

const HOUR: Duration = Duration::from_secs(3600);
const SECRET_ID: &str = "canary-84896a0c-1347-aa90-a4f6-aca8b7558780";

/// A service that answers with the key it was shown.
async fn service() -> Service {
    Service::start(|request| Reply::text(200, format!("key {}", request.header("x-api-key").unwrap_or("none")))).await
}

/// The newest key that a service was shown.
fn shown(service: &Service) -> String {
    service.seen().last().and_then(|request| request.header("x-api-key").map(str::to_owned)).unwrap_or_default()
}

/// A document with a header whose value stands in Vault, read again after so many seconds.
fn document(vault: &Vault, service: &Service, every: u64, more: &str) -> String {
    let header = format!("header = \"x-api-key\"\nvalue = {{ vault = \"team/search#key\" }}\n{}", to(service));
    let address = vault.service.url();
    format!(
        "{}\n[vault.main]\naddress = \"{address}\"\nevery_seconds = {every}\n{more}\n",
        credential("header:search", &header)
    )
}

async fn by_role(host: Host, vault: &Vault, service: &Service) -> Bench {
    by_role_every(1, host, vault, service).await
}

async fn by_role_every(every: u64, host: Host, vault: &Vault, service: &Service) -> Bench {
    vault.secret_id(SECRET_ID);
    Bench::start(host, may_send(service, "header:search"), |sources| {
        let file = |name: &str, text: &str| {
            std::fs::write(sources.join(name), text).unwrap();
            format!("{name} = {{ file = \"{}\" }}", sources.join(name).display())
        };
        let role = [file("role_id", ROLE_ID), file("secret_id", SECRET_ID)].join(", ");
        document(vault, service, every, &format!("approle = {{ {role} }}"))
    })
    .await
}

fn is_good(answer: &Value) -> bool {
    answer["status"] == 200
}

#[tokio::test]
async fn a_secret_in_vault_is_used_and_a_new_version_picked_up_without_a_restart() {
    let (host, service) = (unstarted(), service().await);
    let vault = Vault::start(host.canaries(), HOUR, 9, None).await;
    vault.write("team/search", json!({ "key": "canary-of-the-first-version", "other": 1 }));
    let bench = by_role(host, &vault, &service).await;
    let answer = bench.get(&service, "/").await;
    assert_eq!((&answer["status"], &answer["body"]), (&json!(200), &json!("key [redacted]")), "{answer:#}");
    assert_eq!(shown(&service), "canary-of-the-first-version");
    vault.write("team/search", json!({ "key": "canary-of-the-second-version" }));
    bench.until(&service, "/", |_| shown(&service) == "canary-of-the-second-version").await;
    assert_eq!(vault.counts().logins, 1);
    bench.stop().await;
}

#[tokio::test]
async fn a_token_of_vault_is_renewed_and_got_anew_when_its_life_grows_no_longer() {
    let (host, service) = (unstarted(), service().await);
    let vault = Vault::start(host.canaries(), Duration::from_secs(3), 2, None).await;
    vault.write("team/search", json!({ "key": "canary-of-the-first-version" }));
    let bench = by_role(host, &vault, &service).await;
    let until = Instant::now() + Duration::from_secs(14);
    while Instant::now() < until {
        let answer = bench.get(&service, "/").await;
        assert!(is_good(&answer), "{answer:#}");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let counts = vault.counts();
    assert!(counts.renewals >= 2 && (2..=5).contains(&counts.logins) && counts.reads > 3, "{counts:?}");
}

#[tokio::test]
async fn tokens_that_were_taken_back_are_replaced_and_a_sealed_vault_is_borne_for_a_while() {
    let (host, service) = (unstarted(), service().await);
    let vault = Vault::start(host.canaries(), HOUR, 9, None).await;
    vault.write("team/search", json!({ "key": "canary-of-the-first-version" }));
    let bench = by_role(host, &vault, &service).await;
    assert!(is_good(&bench.get(&service, "/").await));
    vault.revoke_all();
    vault.write("team/search", json!({ "key": "canary-of-the-second-version" }));
    bench.until(&service, "/", |_| shown(&service) == "canary-of-the-second-version").await;
    assert_eq!(vault.counts().logins, 2);
    vault.seal(true);
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert!(is_good(&bench.get(&service, "/").await), "the last value serves");
    }
    vault.seal(false);
    vault.write("team/search", json!({ "key": "canary-of-the-third-version" }));
    bench.until(&service, "/", |_| shown(&service) == "canary-of-the-third-version").await;
}

#[tokio::test]
async fn a_token_that_the_operator_keeps_is_renewed_though_nobody_uses_it() {
    let (host, service) = (unstarted(), service().await);
    let vault = Vault::start(host.canaries(), Duration::from_secs(12), 9, Some("team")).await;
    vault.write("team/search", json!({ "key": "canary-of-the-first-version" }));
    let bench = Bench::start(host, may_send(&service, "header:search"), |sources| {
        let file = sources.join("token");
        document(&vault, &service, 1, &format!("namespace = \"team\"\ntoken = {{ file = \"{}\" }}", file.display()))
    })
    .await;
    // Handed over now, since a host may take long to start on a machine that is busy.
    bench.write("token", &vault.token());
    assert!(is_good(&bench.get(&service, "/").await));
    tokio::time::sleep(Duration::from_secs(14)).await;
    vault.write("team/search", json!({ "key": "canary-of-the-second-version" }));
    bench.until(&service, "/", |_| shown(&service) == "canary-of-the-second-version").await;
    let counts = vault.counts();
    assert!(counts.renewals >= 1 && counts.refused == 0, "{counts:?}");
}

#[tokio::test]
async fn what_vault_does_not_have_or_give_is_told_by_a_code() {
    let (host, service) = (unstarted(), service().await);
    let vault = Vault::start(host.canaries(), HOUR, 9, None).await;
    let bench = by_role(host, &vault, &service).await;
    let sentence = |answer: &Value| answer["sentence"].as_str().unwrap_or_default().to_owned();
    let absent = sentence(&bench.get(&service, "/").await);
    let said = "credentials.invalid: the credential `header:search`: vault `main`: there is no such secret, or its version was deleted";
    assert_eq!(absent, said);
    vault.write("team/search", json!({ "name": "x" }));
    let other = bench.until(&service, "/", |answer| sentence(answer) != said).await;
    assert!(sentence(&other).ends_with("vault `main`: it has no such field"), "{other}");
    assert!(service.seen().is_empty(), "a request without its credential was sent");
}

#[tokio::test]
async fn a_path_that_no_policy_opens_costs_no_login() {
    let (host, service) = (unstarted(), service().await);
    let vault = Vault::start(host.canaries(), HOUR, 9, None).await;
    vault.write("team/search", json!({ "key": "canary-of-the-first-version" }));
    vault.deny("team/search", true);
    let bench = by_role(host, &vault, &service).await;
    let refused = bench.until(&service, "/", |_| vault.counts().denied >= 3).await;
    let said = "credentials.invalid: the credential `header:search`: vault `main`: the token may not read this secret; \
                a policy of vault must let it";
    assert_eq!(refused["sentence"], said);
    assert!(service.seen().is_empty(), "a request without its credential was sent");
    // It is read with the token that was there all the time once a policy opens it.
    vault.deny("team/search", false);
    bench.until(&service, "/", is_good).await;
    let counts = vault.counts();
    assert_eq!((counts.logins, counts.refused), (1, 0), "{counts:?}");
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_serves_until_it_ends_and_another_is_got() {
    let (host, service) = (unstarted(), service().await);
    let vault = Vault::start(host.canaries(), Duration::from_secs(3), 9, None).await;
    vault.write("team/search", json!({ "key": "canary-of-the-first-version" }));
    vault.renewable(false);
    let bench = by_role(host, &vault, &service).await;
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until {
        let answer = bench.get(&service, "/").await;
        assert!(is_good(&answer), "{answer:#}");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let counts = vault.counts();
    assert!(counts.renewals == 0 && (2..=5).contains(&counts.logins) && counts.reads > 3, "{counts:?}");
}

#[tokio::test]
async fn a_lease_that_comes_with_a_secret_shortens_the_time_until_it_is_read_again() {
    let (host, service) = (unstarted(), service().await);
    let vault = Vault::start(host.canaries(), HOUR, 9, None).await;
    vault.write("team/search", json!({ "key": "canary-of-the-first-version" }));
    vault.lease(1);
    let bench = by_role_every(3600, host, &vault, &service).await;
    assert!(is_good(&bench.get(&service, "/").await));
    vault.write("team/search", json!({ "key": "canary-of-the-second-version" }));
    bench.until(&service, "/", |_| shown(&service) == "canary-of-the-second-version").await;
}
