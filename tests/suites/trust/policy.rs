//! Whom a tenant trusts: seeing and changing it.

use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};
use troupe_core::limits;
use troupe_tests::{guests, redacted_json};

use super::{added, change, id, key, refused, signed};
use crate::empty_host;

#[tokio::test]
async fn a_tenant_that_has_said_nothing_trusts_the_host_s_own_key() {
    let host = empty_host().await;
    let mut trust = host.client().get("/api/v1/trust").await.of(200);
    assert_eq!(trust["keys"][0]["public_key"], host.key().unwrap().public().to_pem());
    trust["keys"][0]["public_key"] = "[key]".into();
    assert_snapshot!(redacted_json(&trust), @r#"
    {
      "revision": 0,
      "required": true,
      "keys": [
        {
          "id": "[digest]",
          "name": "host",
          "kind": "ed25519",
          "standing": "trusted",
          "public_key": "[key]"
        }
      ],
      "rules": [
        {
          "names": "*",
          "keys": [
            "[digest]"
          ],
          "threshold": 1
        }
      ]
    }
    "#);
    // It is a file of its owner's alone.
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(host.data_dir().join("signing.key")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_change_is_made_whole_or_not_at_all_and_says_what_is_wrong() {
    let host = empty_host().await;
    let client = host.client();
    let (ci, security) = (key(1), key(2));
    let whole = json!({
        "revision": 0,
        "add": [added(&ci, "ci", &["echo*"]), added(&security, "security", &[])],
        "set_rules": [{ "names": "echo", "keys": ["ci", id(&security)], "threshold": 2 }],
    });
    let made = change(&client, whole.clone()).await.of(200);
    assert_eq!(made["revision"], 1);
    assert_eq!(made["rules"].as_array().unwrap().len(), 3);
    let wrong = [
        (whole, 409, "trust.conflict"),
        (json!({ "add": [added(&ci, "again", &["*"])] }), 409, "trust.conflict"),
        (json!({ "add": [added(&key(3), "ci", &["*"])] }), 409, "trust.conflict"),
        (json!({ "add": [{ "name": "x", "public_key": "none" }] }), 400, "request.invalid"),
        (json!({ "add": [{ "name": "x", "public_key": "none", "names": ["A*"] }] }), 400, "request.invalid"),
        (json!({ "revoke": ["nobody"] }), 404, "trust.not_found"),
        (json!({ "remove": ["ci"] }), 409, "trust.conflict"),
        (json!({ "set_rules": [{ "names": "*", "keys": ["ci"], "threshold": 2 }] }), 400, "request.invalid"),
        (json!({ "set_rules": [{ "names": "*", "keys": ["ci", "ci"] }] }), 400, "request.invalid"),
        (json!({ "set_rules": [{ "names": "*", "keys": [] }] }), 400, "request.invalid"),
        (json!({ "remove_rules": ["gcp"] }), 404, "trust.not_found"),
        (json!({ "revoke": ["ci"], "remove_rules": ["gcp"] }), 404, "trust.not_found"),
        (json!({}), 400, "request.invalid"),
    ];
    for (asked, status, code) in wrong {
        change(&client, asked.clone()).await.problem(status, code);
        assert_eq!(client.get("/api/v1/trust").await.of(200), made, "{asked}");
    }
    // A key that is revoked stays known, and is not trusted anew by mistake.
    change(&client, json!({ "revoke": ["ci"] })).await.of(200);
    change(&client, json!({ "remove_rules": ["echo", "echo*"] })).await.of(200);
    change(&client, json!({ "remove": ["ci"] })).await.problem(409, "trust.conflict");
    let problem = change(&client, json!({ "add": [added(&ci, "ci", &["*"])] })).await.problem(409, "trust.conflict");
    assert_snapshot!(problem["detail"].as_str().unwrap(), @"key `ci` is known already, and revoked for good");
    let last = change(&client, json!({ "remove": ["security"] })).await.of(200);
    assert_eq!((&last["revision"], last["keys"].as_array().unwrap().len()), (&json!(4), 2));
}

#[tokio::test]
async fn there_are_so_many_keys_and_a_change_says_so_many_things() {
    let host = empty_host().await;
    let client = host.client();
    // The host's own is one of them.
    let keys = u16::try_from(limits::TRUSTED_KEYS_MAX).unwrap() - 1;
    let add = |numbers: std::ops::RangeInclusive<u16>| {
        let keys = numbers.map(|number| added(&key(number), &format!("key-{number}"), &[]));
        json!({ "add": keys.collect::<Vec<_>>() })
    };
    change(&client, add(1..=keys)).await.of(200);
    let problem = change(&client, add(keys + 1..=keys + 1)).await.problem(409, "limit.keys");
    assert_snapshot!(problem["detail"].as_str().unwrap(), @"there may be 128 keys that are not revoked, and 512 with the revoked ones, which stay; `troupe trust remove` forgets one that is not revoked and in no rule");
    change(&client, json!({ "remove": [format!("key-{keys}")] })).await.of(200);
    change(&client, add(keys..=keys)).await.of(200);
    // Those that are revoked make room for others, up to as many as are known in all.
    let known = u16::try_from(limits::KNOWN_KEYS_MAX).unwrap();
    let revoke = |numbers: std::ops::RangeInclusive<u16>| json!({ "revoke": numbers.map(|number| format!("key-{number}")).collect::<Vec<_>>() });
    let mut last = keys;
    while last < known - 1 {
        change(&client, revoke(last - keys + 1..=last)).await.of(200);
        let next = (last + keys).min(known - 1);
        change(&client, add(last + 1..=next)).await.of(200);
        last = next;
    }
    let full = client.get("/api/v1/trust").await.of(200);
    assert_eq!(full["keys"].as_array().unwrap().len(), limits::KNOWN_KEYS_MAX);
    change(&client, add(known..=known)).await.problem(409, "limit.keys");
    // One thing said again and again is a record each time.
    let again = vec!["key-1"; limits::TRUST_CHANGES_MAX + 1];
    let problem = change(&client, json!({ "revoke": again })).await.problem(400, "request.invalid");
    assert_snapshot!(problem["detail"].as_str().unwrap(), @"a change may add, revoke, remove and set 512 things, and this one has 513; make it in several");
    assert_eq!(client.get("/api/v1/trust").await.of(200), full);
}

#[tokio::test]
async fn of_many_changes_at_once_none_undoes_another() {
    let host = empty_host().await;
    let client = host.client();
    let changes = (1..=6).map(|number| {
        let client = client.clone();
        async move {
            change(&client, json!({ "add": [added(&key(number), &format!("key-{number}"), &["*"])] })).await.status
        }
    });
    let made = futures::future::join_all(changes).await.iter().filter(|status| **status == 200).count();
    let trust = client.get("/api/v1/trust").await.of(200);
    assert_eq!(trust["keys"].as_array().unwrap().len(), 1 + made);
    assert_eq!((&trust["revision"], made), (&json!(made), 6));
}

#[tokio::test]
async fn a_tenant_s_policy_is_its_own() {
    let echo = &guests().echo;
    let host = empty_host().await;
    let owner = host.client();
    owner.make_tenant("acme").await;
    let acme = owner.with_key("acme", &["read", "operate", "admin", "audit"]).await.signing(None);
    let ci = key(1);
    let rule = json!({ "names": "*", "keys": ["ci"] });
    change(&acme, json!({ "add": [added(&ci, "ci", &[])], "set_rules": [rule], "revoke": ["host"] })).await.of(200);
    // There the key is good, and the host's is not; in the owner's own tenant it is the other way round.
    acme.publish(signed(echo, "1.0.0", &[&ci])).await.of(201);
    refused(&acme.publish(signed(echo, "1.1.0", &[&host.key().unwrap()])).await);
    refused(&owner.signing(None).publish(signed(echo, "1.0.0", &[&ci])).await);
    owner.publish(echo.archive("1.0.0")).await.of(201);
    assert_eq!(owner.get("/api/v1/trust").await.of(200)["revision"], 0);
    // The owner looks after any tenant's; nobody else names one.
    let seen = owner.get("/api/v1/trust?tenant=acme").await.of(200);
    assert_eq!(seen, acme.get("/api/v1/trust").await.of(200));
    acme.get("/api/v1/trust?tenant=default").await.problem(403, "auth.scope");
    let request = owner.request(Method::PATCH, "/api/v1/trust?tenant=acme").json(&json!({ "revoke": ["ci"] }));
    owner.send(request).await.of(200);
    refused(&acme.publish(signed(echo, "1.2.0", &[&ci])).await);
    let told = acme.get("/api/v1/audit?kind=trust").await.of(200);
    let by: Vec<&Value> = told["items"].as_array().unwrap().iter().map(|record| &record["principal"]).collect();
    assert_eq!(by.last().unwrap().as_str(), Some("owner"));
    // A reader sees whom to ask, and changes nothing.
    let reader = owner.with_key("acme", &["read"]).await;
    reader.get("/api/v1/trust").await.of(200);
    change(&reader, json!({ "revoke": ["ci"] })).await.problem(403, "auth.scope");
}
