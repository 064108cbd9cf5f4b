//! What publishers and whoever names releases may try, each case by the letter and number under
//! which it is known.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use serde_json::json;
use troupe_tests::{Guest, Host, archive, blobs, guests};

use super::{delete, publish_with, records, set, versions};
use crate::{PROGRAM, empty_host, host};

/// A guest under another name.
fn named(guest: &Guest, name: &str) -> Guest {
    let mut named = guest.clone();
    named.manifest.name = name.parse().unwrap();
    named
}

#[tokio::test]
async fn h101_a_version_with_other_bytes_is_refused_and_the_first_stays() {
    let host = host().await;
    let client = host.client();
    let echo = &guests().echo;
    let before = client.get("/api/v1/agents/echo/versions").await.of(200);
    // Another component, another component and profile, and the same component with other papers.
    let papers = echo.asking(json!({ "state": { "bytes": "1 KiB", "keys": 1 } }));
    for other in [echo.marked(1), guests().echo_2.clone(), papers] {
        let refused = publish_with(&client, "channel=stable&allow_similar=true", other.archive("1.0.0")).await;
        let problem = refused.problem(409, "artifact.immutable");
        assert_eq!(
            problem["detail"],
            "echo@1.0.0 is published already with other bytes; a version never changes, so raise it"
        );
    }
    assert_eq!(client.get("/api/v1/agents/echo/versions").await.of(200), before);
    assert_eq!(client.get("/api/v1/agents/echo/channels").await.of(200)["items"], json!([]));
    let codes: Vec<_> = records(&client, "publish_refused").await.iter().map(|record| record["code"].clone()).collect();
    assert_eq!(codes, vec!["artifact.immutable"; 3]);
    let ran = client.run("echo", "version", json!({})).await.of(200);
    assert_eq!((&ran["release"]["version"], &ran["output"]["version"]), (&json!("1.0.0"), &json!("1.0.0")));
    // Of two that are new at the same time one is the version.
    let (one, other) =
        tokio::join!(client.publish(echo.marked(2).archive("3.0.0")), client.publish(echo.marked(3).archive("3.0.0")));
    let (published, refused) = if one.status == 201 { (one, other) } else { (other, one) };
    refused.problem(409, "artifact.immutable");
    let there = client.get("/api/v1/agents/echo/versions/3.0.0").await.of(200);
    assert_eq!(there["digest"], published.of(201)["digest"]);
}

#[tokio::test]
async fn h107_a_name_that_is_easily_taken_for_anothers_is_refused_unless_that_is_meant() {
    let host = host().await;
    let client = host.client();
    for name in ["ech0", "c0unter", "countre", "couter", "counters", "hosti1e", "host-ile"] {
        let archive = named(&guests().echo, name).archive("1.0.0");
        let problem = client.publish(archive).await.problem(409, "artifact.name");
        assert!(problem["details"]["similar_to"].is_string(), "{problem:#}");
    }
    let problem = client.publish(named(&guests().echo, "ech0").archive("1.0.0")).await.problem(409, "artifact.name");
    assert_snapshot!(problem["detail"].as_str().unwrap(), @"`ech0` is easily taken for `echo`, which is another agent; choose another name, or publish it with `--allow-similar` (`allow_similar=true`) if that is meant");
    assert_eq!(records(&client, "publish_refused").await.len(), 8);
    assert_eq!(client.get("/api/v1/agents").await.of(200)["items"].as_array().unwrap().len(), 3);
    // Once it is there it is one of its own.
    publish_with(&client, "allow_similar=true", named(&guests().echo, "ech0").archive("1.0.0")).await.of(201);
    client.publish(named(&guests().echo, "ech0").archive("1.1.0")).await.of(201);
    for name in ["echo-2", "weather"] {
        client.publish(named(&guests().echo, name).archive("1.0.0")).await.of(201);
    }
    // Other scripts and other cases are no names at all.
    let good = guests().echo.archive("9.0.0");
    for name in ["Echo", "ECHO", "\u{435}cho", "echo\u{200b}", "e\u{301}cho", "echo "] {
        let forged = archive::with_manifest(&good, |manifest| manifest["name"] = json!(name));
        client.publish(forged).await.problem(422, "manifest.invalid");
    }
    // What other tenants have is nobody's business.
    client.make_tenant("acme").await;
    let acme = client.with_key("acme", &["read", "operate"]).await;
    acme.publish(named(&guests().echo, "c0unter").archive("1.0.0")).await.of(201);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn h108_a_publish_whose_row_cannot_be_written_is_not_visible() {
    let mut host = Host::with_agents_on_a_bad_disk(PROGRAM).await;
    let client = host.client();
    // Its blobs and its compiled code are there: nothing but the database is missing.
    delete(&client, "echo@2.0.0").await.of(200);
    let before = versions(&client, "echo").await;
    host.refuse_writes(true);
    let archive = guests().echo_2.archive("2.0.0");
    let refused = publish_with(&client, "channel=stable", archive.clone()).await;
    refused.problem(503, "unavailable.storage");
    assert_eq!(versions(&client, "echo").await, before);
    client.get("/api/v1/agents/echo/versions/2.0.0").await.problem(404, "release.not_found");
    client.swap("echo", "2.0.0").await.problem(404, "release.not_found");
    assert_eq!(client.get("/api/v1/agents/echo/channels").await.of(200)["items"], json!([]));
    // One whose blobs are not there either.
    client.publish(guests().echo_2.archive("3.0.0")).await.problem(503, "unavailable.storage");
    host.refuse_writes(false);
    assert_eq!(versions(&client, "echo").await, before);
    host.kill().await;
    host.start().await;
    let client = host.client();
    assert_eq!(versions(&client, "echo").await, before, "nothing turns up later");
    assert!(!blobs::checked_tags(&host.data_dir()).contains("default/echo:2.0.0"));
    publish_with(&client, "channel=stable", archive).await.of(201);
    assert!(blobs::checked_tags(&host.data_dir()).contains("default/echo:2.0.0"));
    assert_eq!(client.post("/api/v1/deployments/echo/swap", &json!({ "channel": "stable" })).await.status, 200);
}

/// Everything below a host's directory but what its database and log are.
fn files(host: &Host) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut dirs = vec![host.dir().to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path.clone());
            }
            found.insert(path.display().to_string());
        }
    }
    found
}

#[tokio::test]
async fn h112_a_name_that_climbs_leads_nowhere() {
    let host = empty_host().await;
    let client = host.client();
    client.publish(guests().echo.archive("1.0.0")).await.of(201);
    let before = files(&host);
    let archive = guests().echo.archive("2.0.0");
    for query in [
        "name=../../x",
        "path=../../etc/passwd",
        "path=%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "channel=../../x",
        "channel=%2e%2e%2fx",
        "channel=stable&path=/etc/passwd",
        "channel=stable%00",
    ] {
        publish_with(&client, query, archive.clone()).await.problem(400, "request.invalid");
        client.get(&format!("/api/v1/agents?{query}")).await.problem(400, "request.invalid");
        client.get(&format!("/api/v1/agents/echo/versions?{query}")).await.problem(400, "request.invalid");
    }
    for name in ["..%2f..%2fx", "%2e%2e%2fx", "stable%2f..", "%2fetc%2fpasswd"] {
        let channel = format!("/api/v1/agents/echo/channels/{name}");
        client.put(&channel, &json!({ "version": "1.0.0" })).await.problem(400, "request.invalid");
        client.delete(&channel).await.problem(400, "request.invalid");
        delete(&client, &format!("echo@{name}")).await.problem(400, "request.invalid");
        delete(&client, &format!("{name}@1.0.0")).await.problem(400, "request.invalid");
        client.get(&format!("/api/v1/agents/{name}/versions")).await.problem(400, "request.invalid");
    }
    for name in ["x%00", "a%0ab", "Stable"] {
        let channel = format!("/api/v1/agents/echo/channels/{name}");
        client.put(&channel, &json!({ "version": "1.0.0" })).await.problem(400, "name.invalid");
        client.delete(&channel).await.problem(400, "name.invalid");
        // What cannot be there is not there.
        delete(&client, &format!("echo@{name}")).await.problem(404, "release.not_found");
        delete(&client, &format!("{name}@1.0.0")).await.problem(404, "agent.not_found");
        client.get(&format!("/api/v1/agents/{name}/versions")).await.problem(404, "agent.not_found");
    }
    for name in ["../../x", "..", "/etc/passwd", "a/../b", "x\0"] {
        let forged = archive::with_manifest(&archive, |manifest| manifest["name"] = json!(name));
        client.publish(forged).await.problem(422, "manifest.invalid");
    }
    let versions_that_climb = ["../1.0.0", "1.0.0/../2", "1.0.0-..", "1.0.0+../x"];
    for version in versions_that_climb {
        let forge = |manifest: &mut serde_json::Value| manifest["version"] = json!(version);
        let forged = archive::with_manifest(&archive, forge);
        client.publish(forged).await.problem(422, "manifest.invalid");
    }
    set(&client, "stable", "../1.0.0", false).await.problem(400, "request.invalid");
    assert_eq!(versions(&client, "echo").await, ["1.0.0"]);
    assert_eq!(files(&host), before);
}
