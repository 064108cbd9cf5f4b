//! What is refused before anything of it is visible.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_core::limits;
use troupe_package::SigningKey;
use troupe_tests::archive::{entries, written};
use troupe_tests::{Client, guests, redacted_json};

use super::{added, change, id, key, refused, signed, with_signatures_of};
use crate::{empty_host, host};

/// Checks that nothing of an agent is there.
async fn is_absent(client: &Client, agent: &str) {
    client.get(&format!("/api/v1/agents/{agent}")).await.problem(404, "agent.not_found");
}

/// The records of refused publishes, each as its code and the keys that it names.
async fn refusals(client: &Client) -> Vec<(Value, Value, Value)> {
    let page = client.get("/api/v1/audit?kind=publish_refused&limit=500").await.of(200);
    let told = |record: &Value| {
        (record["code"].clone(), record["details"]["keys"].clone(), record["details"]["unknown"].clone())
    };
    page["items"].as_array().unwrap().iter().map(told).collect()
}

#[tokio::test]
async fn h103_a_release_that_nobody_signed_is_refused_with_the_next_step() {
    let echo = &guests().echo;
    let host = empty_host().await;
    let client = host.client().signing(None);
    let why = refused(&client.publish(echo.archive("1.0.0")).await);
    assert_snapshot!(why, @"echo@1.0.0 is not signed, and the rule for `*` wants 1 signature; `troupe trust show` lists the keys, `troupe sign` signs");
    is_absent(&client, "echo").await;
    // With the host's own key, which a tenant trusts that has said nothing, it is published.
    host.client().publish(echo.archive("1.0.0")).await.of(201);
    let trust = client.get("/api/v1/trust").await.of(200);
    assert_eq!(trust["keys"][0]["id"], id(&host.key().unwrap()));
    let published = client.get("/api/v1/audit?kind=published").await.of(200);
    assert_eq!(published["items"][0]["details"]["keys"], json!([trust["keys"][0]["id"]]));
    assert_eq!(refusals(&client).await, [(json!("artifact.signature"), json!([]), Value::Null)]);
}

#[tokio::test]
async fn h103_a_good_signature_of_another_release_is_refused() {
    let guests = guests();
    let host = empty_host().await;
    let (client, own) = (host.client().signing(None), host.key().unwrap());
    let first = signed(&guests.echo, "1.0.0", &[&own]);
    client.publish(first.clone()).await.of(201);
    for other in [guests.echo.archive("1.1.0"), guests.counter.archive("1.0.0"), guests.echo.marked(1).archive("1.0.1")]
    {
        let answer = client.publish(with_signatures_of(&other, &first)).await;
        assert!(refused(&answer).contains("sign this release itself"), "{}", answer.text);
    }
    // Nor does it sign a release that is there.
    let counter = signed(&guests.counter, "1.0.0", &[&own]);
    client.publish(counter).await.of(201);
    let of_echo = client.get("/api/v1/agents/echo/versions/1.0.0/signatures").await.of(200);
    let signature = json!({
        "payload": of_echo["signatures"][0]["payload"], "signature": of_echo["signatures"][0]["signature"],
    });
    refused(&client.post("/api/v1/agents/counter/versions/1.0.0/signatures", &signature).await);
    let versions = client.get("/api/v1/agents/echo/versions").await.of(200);
    assert_eq!(versions["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn h104_a_signature_by_a_stranger_a_revoked_or_an_expired_key_or_by_too_few_is_refused() {
    let echo = &guests().echo;
    let host = empty_host().await;
    let client = host.client().signing(None);
    let (ci, security, stranger) = (key(1), key(2), key(3));
    let own = host.key().unwrap();
    change(&client, json!({ "add": [added(&ci, "ci", &["echo"]), added(&security, "security", &["echo"])] }))
        .await
        .of(200);

    let why = refused(&client.publish(signed(echo, "1.0.0", &[&stranger])).await);
    assert!(why.contains("1 signature is of no key that is known here"), "{why}");
    let why = refused(&client.publish(signed(echo, "1.0.0", &[&own])).await);
    assert!(why.contains("is not one that `echo` may be signed by"), "{why}");

    let rule = json!({ "names": "echo", "keys": ["ci", "security"], "threshold": 2 });
    change(&client, json!({ "set_rules": [rule] })).await.of(200);
    let why = refused(&client.publish(signed(echo, "1.0.0", &[&ci])).await);
    assert!(why.contains("has 1 of the 2 signatures"), "{why}");
    client.publish(signed(echo, "1.0.0", &[&ci, &security])).await.of(201);

    change(&client, json!({ "revoke": ["security"] })).await.of(200);
    let why = refused(&client.publish(signed(echo, "1.1.0", &[&ci, &security])).await);
    assert!(why.contains("key `security` (sha256:") && why.contains("is revoked"), "{why}");

    let short = key(4);
    let mut soon = added(&short, "short", &["echo"]);
    soon["expires_in_s"] = 1.into();
    let rule = json!({ "names": "echo", "keys": ["short"] });
    change(&client, json!({ "add": [soon], "set_rules": [rule] })).await.of(200);
    // Published until its second is over, and refused from then on.
    let mut patch = 0;
    let why = loop {
        patch += 1;
        let answer = client.publish(signed(echo, &format!("1.2.{patch}"), &[&short])).await;
        if answer.status != 201 {
            break refused(&answer);
        }
        assert!(patch < 1_000, "it never expires");
    };
    assert!(why.contains("key `short` (sha256:") && why.contains("is expired"), "{why}");
    // Who had signed what was refused is on record, by the ids of the keys.
    let keys = |keys: &[&troupe_package::SigningKey]| {
        let mut ids: Vec<String> = keys.iter().map(|key| id(key)).collect();
        ids.sort();
        json!(ids)
    };
    let told = refusals(&client).await;
    let expected = [
        (keys(&[]), keys(&[&stranger])),
        (keys(&[&own]), Value::Null),
        (keys(&[&ci]), Value::Null),
        (keys(&[&ci, &security]), Value::Null),
        (keys(&[&short]), Value::Null),
    ];
    let expected = expected.map(|(known, unknown)| (json!("artifact.signature"), known, unknown));
    assert_eq!(told, expected);
}

#[tokio::test]
async fn h105_the_papers_of_one_version_with_the_component_of_another_are_refused() {
    let guests = guests();
    let host = host().await;
    let client = host.client();
    let before = client.get("/api/v1/agents/echo/versions").await.of(200);
    let (first, second) = (guests.echo.release("1.5.0"), guests.echo_2.release("1.5.0"));
    let name = |bytes: &[u8]| format!("blobs/sha256/{}", troupe_core::Digest::of(bytes).hex());
    // Signed as a whole; then the component under its name is another's.
    let mut parts = entries(&signed(&guests.echo, "1.5.0", &[&host.key().unwrap()]));
    for part in parts.iter_mut().filter(|part| part.name == name(&first.component)) {
        part.bytes.clone_from(&second.component);
    }
    client.publish(written(&parts)).await.problem(422, "artifact.digest");
    // Under the name that it has itself it is none that the papers name.
    for part in parts.iter_mut().filter(|part| part.name == name(&first.component)) {
        part.name = name(&second.component);
    }
    parts.sort_by(|one, other| one.name.cmp(&other.name));
    client.publish(written(&parts)).await.problem(422, "artifact.malformed");
    // The release that is whole, of the same name and version, with the signature of the first.
    let other = guests.echo_2.archive("1.5.0");
    let spliced = with_signatures_of(&other, &signed(&guests.echo, "1.5.0", &[&host.key().unwrap()]));
    refused(&client.signing(None).publish(spliced).await);
    assert_eq!(client.get("/api/v1/agents/echo/versions").await.of(200), before);
}

#[tokio::test]
async fn h111_a_key_signs_for_its_names_until_it_is_revoked_and_the_audit_tells_what_it_did() {
    let guests = guests();
    let host = empty_host().await;
    let owner = host.client();
    let ci = key(1);
    change(&owner, json!({ "add": [added(&ci, "ci", &["echo*"])] })).await.of(200);
    // The publisher's token publishes, and says nothing about trust.
    let publisher = owner.with_key("default", &["operate", "read"]).await.signing(None);
    change(&publisher, json!({ "revoke": ["ci"] })).await.problem(403, "auth.scope");
    publisher.publish(signed(&guests.echo, "1.0.0", &[&ci])).await.of(201);
    let why = refused(&publisher.publish(signed(&guests.counter, "1.0.0", &[&ci])).await);
    assert!(why.contains("key `ci`") && why.contains("is not one that `*` may be signed by"), "{why}");
    change(&owner, json!({ "revoke": ["ci"] })).await.of(200);
    refused(&publisher.publish(signed(&guests.echo, "1.1.0", &[&ci])).await);

    let page = owner.get("/api/v1/audit?limit=500").await.of(200);
    let about_key = |record: &&Value| record["details"].to_string().contains(&id(&ci));
    let told: Vec<String> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(about_key)
        .map(|record| {
            let text = |field: &str| record[field].as_str().unwrap_or("-").to_owned();
            let change = record["details"]["change"].as_str().unwrap_or("-");
            format!("{} {} {} {change}", text("kind"), text("agent"), text("code"))
        })
        .collect();
    assert_eq!(
        told,
        [
            "trust - - key_added",
            "published echo - -",
            "publish_refused counter artifact.signature -",
            "trust - - key_revoked",
            "publish_refused echo artifact.signature -",
        ]
    );
    let feed = owner.get("/api/v1/feed").await.of(200);
    let changes = feed["items"].as_array().unwrap().iter().filter(|event| event["type"] == "trust.changed").count();
    assert_eq!(changes, 2);
}

#[tokio::test]
async fn of_first_publishes_at_once_each_leaves_its_signature() {
    let guests = guests();
    let host = empty_host().await;
    let client = host.client().signing(None);
    let keys: Vec<_> = (1..=6).map(key).collect();
    let known: Vec<Value> =
        keys.iter().enumerate().map(|(number, key)| added(key, &format!("key-{number}"), &["*"])).collect();
    change(&client, json!({ "add": known })).await.of(200);
    let publishes = keys.iter().map(|key| client.publish(signed(&guests.counter, "1.0.0", &[key])));
    let mut answered: Vec<u16> =
        futures::future::join_all(publishes).await.iter().map(|answer| answer.status).collect();
    answered.sort_unstable();
    assert_eq!(answered, [200, 200, 200, 200, 200, 201]);
    let view = client.get("/api/v1/agents/counter/versions/1.0.0/signatures").await.of(200);
    let mut signed_by: Vec<&str> =
        view["signatures"].as_array().unwrap().iter().map(|signature| signature["key"].as_str().unwrap()).collect();
    signed_by.sort_unstable();
    let mut expected: Vec<String> = keys.iter().map(|key| id(key)).collect();
    expected.sort();
    assert_eq!(signed_by, expected);
    // Those that did not come with the first are told of like any that are added.
    let told = client.get("/api/v1/audit?kind=signed&limit=500").await.of(200);
    assert_eq!(told["items"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn a_release_that_as_many_keys_have_signed_as_may_refuses_one_more_by_any_way() {
    let echo = &guests().echo;
    let host = empty_host().await;
    let client = host.client().signing(None);
    let keys: Vec<_> = (1..=17).map(key).collect();
    assert_eq!(keys.len(), limits::SIGNATURES_MAX + 1);
    let known: Vec<Value> =
        keys.iter().enumerate().map(|(number, key)| added(key, &format!("key-{number}"), &["*"])).collect();
    change(&client, json!({ "add": known })).await.of(200);
    let (last, most) = keys.split_last().unwrap();
    let all: Vec<&SigningKey> = most.iter().map(|key| &**key).collect();
    let digest = client.publish(signed(echo, "1.0.0", &all)).await.of(201)["digest"].as_str().unwrap().parse().unwrap();
    let path = "/api/v1/agents/echo/versions/1.0.0/signatures";
    let before = client.get(path).await.of(200);
    assert_eq!(before["signatures"].as_array().unwrap().len(), limits::SIGNATURES_MAX);

    let signature = |key: &SigningKey| {
        let made = key.sign(&"echo@1.0.0".parse().unwrap(), &digest).unwrap();
        let encoded = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
        json!({ "payload": encoded(&made.payload), "signature": encoded(&made.bytes) })
    };
    let why = refused(&client.post(path, &signature(last)).await);
    assert_snapshot!(why, @"release echo@1.0.0 would have 17 signatures, and may have 16: one of each key");
    refused(&client.publish(signed(echo, "1.0.0", &[last])).await);
    // Of those that have signed it there is nothing new, and the rest goes on.
    client.post(path, &signature(&keys[0])).await.of(200);
    client.publish(signed(echo, "1.0.0", &all)).await.of(200);
    assert_eq!(client.get(path).await.of(200), before);
    // Nor is there a first publish with more.
    let too_many: Vec<&SigningKey> = keys.iter().map(|key| &**key).collect();
    let archive = signed(echo, "1.1.0", &too_many);
    assert!(client.publish(archive).await.status >= 400);
    let versions = client.get("/api/v1/agents/echo/versions").await.of(200);
    assert_eq!(versions["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn signatures_are_no_part_of_the_release_and_more_come_with_the_same_archive() {
    let echo = &guests().echo;
    let host = empty_host().await;
    let client = host.client().signing(None);
    let (own, ci) = (host.key().unwrap(), key(1));
    let first = client.publish(signed(echo, "1.0.0", &[&own])).await.of(201);
    change(&client, json!({ "add": [added(&ci, "ci", &["*"])] })).await.of(200);
    assert_eq!(client.publish(signed(echo, "1.0.0", &[&ci])).await.of(200), first);
    // The same bytes without any mend the disk, and take nothing away.
    assert_eq!(client.publish(echo.archive("1.0.0")).await.of(200), first);
    let view = client.get("/api/v1/agents/echo/versions/1.0.0/signatures").await.of(200);
    assert_snapshot!(redacted_json(&view).lines().filter(|line| !line.contains("payload") && !line.contains("\"signature\"")).collect::<Vec<_>>().join("\n"), @r#"
    {
      "agent": "echo",
      "version": "1.0.0",
      "digest": "[digest]",
      "trusted": true,
      "signatures": [
        {
          "key": "[digest]",
          "name": "host",
          "standing": "trusted",
          "added_at": "[time]"
        },
        {
          "key": "[digest]",
          "name": "ci",
          "standing": "trusted",
          "added_at": "[time]"
        }
      ]
    }
    "#);
    let feed = client.get("/api/v1/feed").await.of(200);
    let signed = feed["items"].as_array().unwrap().iter().filter(|event| event["type"] == "release.signed");
    assert_eq!(signed.map(|event| event["data"]["key"].clone()).collect::<Vec<_>>(), [json!(id(&ci))]);
}
