//! There and back, byte for byte, and what a host fetches by itself.

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::command::run_on;
use troupe_tests::{Client, guests, redacted};

use super::refused::refusals;
use super::{filled, host_with, pull, push, second, trust};
use crate::PROGRAM;

#[tokio::test]
async fn a_release_is_the_same_on_another_host_and_serves_there() {
    let (registry, first, _login) = filled().await;
    let digest = first.client().get("/api/v1/agents/echo/versions").await.of(200)["items"][0]["digest"].clone();
    let (second, _login) = second(&registry, &first).await;
    let client = second.client();
    let image = format!("{}/echo:1.0.0", registry.images());
    let pulled = pull(&client, &image).await.of(201);
    assert_eq!((&pulled["agent"], &pulled["version"], &pulled["digest"]), (&json!("echo"), &json!("1.0.0"), &digest));
    pull(&client, &image).await.of(200);
    let exact = format!("{}/echo@{}", registry.images(), digest.as_str().unwrap());
    pull(&client, &exact).await.of(200);
    client.swap("echo", "1.0.0").await.of(200);
    assert_eq!(client.run("echo", "version", json!({})).await.output()["version"], "1.0.0");
}

#[tokio::test]
async fn what_is_sent_and_what_comes_is_on_record_with_the_image_and_who_asked() {
    let (registry, first, _login) = filled().await;
    let client = first.client();
    let operator = client.with_key("default", &["operate"]).await;
    let (image, other) = ["echo", "elsewhere/echo"].map(|name| format!("{}/{name}:1.0.0", registry.images())).into();
    push(&operator, json!({ "release": "echo@1.0.0", "image": other })).await.of(200);
    let of_kind = async |client: &Client, kind: &str| {
        let page = client.get(&format!("/api/v1/audit?kind={kind}")).await.of(200);
        page["items"].as_array().unwrap().clone()
    };
    let sent = of_kind(&client, "pushed").await;
    let facts = |record: &Value| json!([record["principal"], record["agent"], record["version"], record["details"]]);
    let by = sent[1]["principal"].as_str().unwrap();
    assert!(by.starts_with("key/"), "{sent:#?}");
    let expected = [("owner", &image), (by, &other)];
    assert_eq!(
        sent.iter().map(facts).collect::<Vec<_>>(),
        expected.map(|(by, image)| json!([by, "echo", "1.0.0", { "image": image }]))
    );
    let feed = client.get("/api/v1/feed?limit=500").await.of(200);
    let pushed = feed["items"].as_array().unwrap().iter().filter(|event| event["type"] == "release.pushed");
    let digest = &sent[0]["digest"];
    let data = |(by, image): (&str, &String)| json!({ "agent": "echo", "version": "1.0.0", "digest": digest, "image": image, "by": by });
    assert_eq!(pushed.map(|event| event["data"].clone()).collect::<Vec<_>>(), expected.map(data));
    // What came as an archive came from no image, and what came from one names it.
    assert_eq!(of_kind(&client, "published").await[0]["details"].get("image"), None);
    let (second, _login) = second(&registry, &first).await;
    second.client().swap("echo", "1.0.0").await.of(200);
    let published = of_kind(&second.client(), "published").await;
    assert_eq!((published.len(), &published[0]["details"]["image"]), (1, &json!(image)), "{published:#?}");
}

#[tokio::test]
async fn a_swap_fetches_the_release_that_the_host_lacks() {
    let (registry, first, _login) = filled().await;
    let (second, _login) = second(&registry, &first).await;
    let client = second.client();
    client.swap("echo", "1.0.0").await.of(200);
    assert_eq!(client.run("echo", "version", json!({})).await.output()["version"], "1.0.0");
    client.swap("echo", "3.0.0").await.problem(404, "release.not_found");
    // What is another agent's by its own word is not taken for this one.
    registry.retag("agents/default/echo:1.0.0", "agents/default/other:1.0.0");
    client.swap("other", "1.0.0").await.problem(422, "artifact.digest");
}

#[tokio::test]
async fn what_the_disk_has_lost_is_fetched_anew() {
    let (_registry, mut first, _login) = filled().await;
    let client = first.client();
    let version = client.get("/api/v1/agents/echo/versions").await.of(200)["items"][0].clone();
    let component = version["component"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
    first.stop().await;
    let blob = first.data_dir().join("releases/blobs/sha256").join(component);
    std::fs::write(&blob, b"not what was published").unwrap();
    std::fs::remove_dir_all(first.data_dir().join("compiled")).unwrap();
    first.start().await;
    let client = first.client();
    client.swap("echo", "1.0.0").await.of(200);
    client.run("echo", "version", json!({})).await.output();
    assert_ne!(std::fs::read(&blob).unwrap(), b"not what was published");
}

#[tokio::test]
async fn what_is_there_is_not_sent_again_and_a_tag_is_not_moved() {
    let (registry, host, _login) = filled().await;
    let client = host.client();
    registry.requests();
    push(&client, json!({ "release": "echo@1.0.0" })).await.of(200);
    assert!(registry.requests().iter().all(|request| request.starts_with("GET ")), "nothing is written");
    let other = format!("{}/elsewhere/echo:1.0.0", registry.images());
    push(&client, json!({ "release": "echo@1.0.0", "image": other })).await.of(200);
    client.publish(guests().echo.archive("1.1.0")).await.of(201);
    let moved = json!({ "release": "echo@1.1.0", "image": other });
    push(&client, moved).await.problem(409, "artifact.immutable");
}

#[tokio::test]
async fn h102_a_tag_that_is_moved_in_the_registry_changes_nothing_that_runs() {
    let (registry, first, _login) = filled().await;
    let more = json!({ "state": { "bytes": "1 KiB", "keys": 1 } });
    first.client().publish(guests().echo_2.asking(more.clone()).archive("2.0.0")).await.of(201);
    push(&first.client(), json!({ "release": "echo@2.0.0" })).await.of(200);
    let (mut host, _login) = second(&registry, &first).await;
    let client = host.client();
    let image = |version: &str| format!("{}/echo:{version}", registry.images());
    client.swap("echo", "1.0.0").await.of(200);
    assert_eq!(pull(&client, &image("2.0.0")).await.of(201)["status"], "pending_approval");
    client.approve("echo", "2.0.0").await.of(200);
    let published = client.get("/api/v1/agents/echo/versions").await.of(200);
    let digest = |version: &str| {
        let all = published["items"].as_array().unwrap();
        all.iter().find(|release| release["version"] == version).unwrap()["digest"].clone()
    };
    let runs = async |client: &Client, version: &str| {
        let task = client.run("echo", "version", json!({})).await.of(200);
        assert_eq!(task["status"], "completed", "{task:#}");
        assert_eq!((&task["release"]["version"], &task["release"]["digest"]), (&json!(version), &digest(version)));
    };

    // Whoever has the registry, and a key that is trusted besides, lets both tags name other bytes.
    let key = first.key().unwrap();
    for (version, asks) in [("1.0.0", json!({})), ("2.0.0", more)] {
        let other = guests().counter.called("echo").asking(asks).release(version);
        let signature = key.sign(&other.manifest.release(), &other.image().unwrap().digest()).unwrap();
        let aside = format!("{}/echo:other-{version}", registry.images()).parse().unwrap();
        troupe_registry::push(&other, vec![signature], &aside).await.unwrap();
        let (from, to) = (format!("agents/default/echo:other-{version}"), format!("agents/default/echo:{version}"));
        registry.retag(&from, &to);
    }
    runs(&client, "1.0.0").await;
    for version in ["1.0.0", "2.0.0"] {
        pull(&client, &image(version)).await.problem(409, "artifact.immutable");
    }
    let expected = ["1.0.0", "2.0.0"]
        .map(|version| json!(["pull_refused", "artifact.immutable", "owner", "echo", version, image(version)]));
    assert_eq!(refusals(&client, &["image"]).await, expected);
    assert_eq!(client.get("/api/v1/agents/echo/versions").await.of(200), published);
    // What serves next are the bytes that were approved, also after a restart, and also where the disk
    // has lost them: they are asked for by their digest.
    client.swap("echo", "2.0.0").await.of(200);
    runs(&client, "2.0.0").await;
    host.dies().await;
    runs(&host.client(), "2.0.0").await;
    host.stop().await;
    std::fs::remove_dir_all(host.data_dir().join("compiled")).unwrap();
    for blob in std::fs::read_dir(host.data_dir().join("releases/blobs/sha256")).unwrap() {
        std::fs::write(blob.unwrap().path(), b"not what was published").unwrap();
    }
    host.start().await;
    let client = host.client();
    client.swap("echo", "1.0.0").await.of(200);
    runs(&client, "1.0.0").await;
    client.swap("echo", "2.0.0").await.of(200);
    runs(&client, "2.0.0").await;
}

#[tokio::test]
async fn the_commands_say_what_went_where() {
    let (registry, host, _login) = filled().await;
    let shown = redacted;
    let pushed = run_on(PROGRAM, &host, &["push", "echo@1.0.0"]).await;
    assert_snapshot!(shown(pushed.good()), @r"
    sent echo@1.0.0 to [address]/agents/default/echo:1.0.0
    [digest]
    ");
    let image = format!("{}/echo:1.0.0", registry.images());
    let pulled = run_on(PROGRAM, &host, &["pull", &image]).await;
    assert_snapshot!(shown(pulled.good()), @r"
    published echo@1.0.0
    [digest]
    run `troupe swap echo@1.0.0` to make it serve
    ");
    let missing = run_on(PROGRAM, &host, &["pull", &image.replace("1.0.0", "9.0.0")]).await;
    assert_eq!(missing.code, Some(1));
    assert_snapshot!(shown(&missing.err), @"error: the registry has no image [address]/agents/default/echo:9.0.0; check name and tag [registry.not_found]");
}

#[tokio::test]
async fn signatures_go_with_a_release_and_are_asked_for_where_it_arrives() {
    let (registry, first, _login) = filled().await;
    let (stranger, _login) = host_with(&registry).await;
    let image = format!("{}/echo:1.0.0", registry.images());
    pull(&stranger.client(), &image).await.problem(422, "artifact.signature");
    stranger.client().swap("echo", "1.0.0").await.problem(422, "artifact.signature");
    trust(&stranger, &first).await;
    pull(&stranger.client(), &image).await.of(201);
    let path = "/api/v1/agents/echo/versions/1.0.0/signatures";
    let signed = stranger.client().get(path).await.of(200)["signatures"].clone();
    assert_eq!(signed[0]["signature"], first.client().get(path).await.of(200)["signatures"][0]["signature"]);
    // What another host adds is added there, and comes with it from then on.
    let archive = guests().echo.archive("1.0.0");
    stranger.client().publish(archive).await.of(200);
    push(&stranger.client(), json!({ "release": "echo@1.0.0" })).await.of(200);
    let (third, _login) = host_with(&registry).await;
    trust(&third, &stranger).await;
    pull(&third.client(), &image).await.of(201);
}
