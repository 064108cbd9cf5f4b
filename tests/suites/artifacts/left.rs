use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};
use troupe_core::Digest;
use troupe_tests::{guests, redacted_json};

use super::{grant, host, id, on_disk, path, text, unfinished};

#[tokio::test]
async fn an_artefact_far_larger_than_its_agents_memory_is_left_in_pieces_and_fetched_whole() {
    let host = host().await;
    let client = host.client();
    // The agent has 8 MiB.
    let line = "0123456789abcde\n".repeat(4096);
    let input = json!({ "name": "big.jsonl", "media_type": "application/jsonl", "text": line, "times": 600 });
    let task = client.run("scribe", "leave", input).await.of(200);
    let whole = line.repeat(600);
    let digest = Digest::of(whole.as_bytes()).to_string();
    assert_eq!(task["status"], "completed", "{task:#}");
    assert_eq!(task["output"], json!({ "name": "big.jsonl", "size": whole.len(), "digest": digest }));
    let left = &task["artifacts"][0];
    assert_eq!(
        (&left["name"], &left["size"], &left["digest"]),
        (&json!("big.jsonl"), &json!(whole.len()), &json!(digest))
    );
    assert!(task["usage"]["memory_bytes"].as_u64().unwrap() <= 8 << 20, "{}", task["usage"]);
    // Its pieces fill no journal.
    let journal = client.get(&format!("/api/v1/tasks/{}/journal", id(&task))).await.of(200);
    assert_eq!(journal["calls"].as_array().unwrap().len(), 2, "{journal:#}");

    let again = client.get(&format!("/api/v1/tasks/{}", id(&task))).await.of(200);
    assert_eq!(again["artifacts"], task["artifacts"]);
    let list = client.get(&format!("/api/v1/tasks/{}/artifacts", id(&task))).await.of(200);
    assert_eq!(list, json!({ "artifacts": task["artifacts"] }));
    let answer = client.get(&path(&task, "big.jsonl")).await;
    assert!(answer.status == 200 && answer.text == whole, "{}: {} bytes", answer.status, answer.text.len());
    for (name, value) in [
        ("content-type", "application/jsonl"),
        ("content-disposition", "attachment; filename=\"big.jsonl\""),
        ("x-content-type-options", "nosniff"),
        ("content-length", &whole.len().to_string()),
        ("etag", &format!("\"{digest}\"")),
    ] {
        assert_eq!(answer.header(name).unwrap(), value, "{name}");
    }
    let known = client.get_with(&path(&task, "big.jsonl"), "if-none-match", &format!("\"{digest}\"")).await;
    assert_eq!((known.status, known.text.as_str()), (304, ""));
    let head = client.send(client.request(Method::HEAD, &path(&task, "big.jsonl"))).await;
    let length = whole.len().to_string();
    assert_eq!((head.status, head.header("content-length"), head.text.as_str()), (200, Some(length.as_str()), ""));
    assert_eq!((on_disk(&host).len(), unfinished(&host)), (1, 0));
}

#[tokio::test]
async fn what_is_left_is_bounded_by_the_grant_of_now() {
    let host = host().await;
    let client = host.client();
    let names = json!({ "names": ["a", "b", "c", "d"] });
    let told = client.run("scribe", "names", names).await.output();
    assert_eq!(told[3]["code"], "limit.artifacts", "{told:#}");
    grant(&host, json!({ "artifacts": { "bytes": 1000, "count": 1 } })).await;
    let piece = json!({ "name": "a", "text": "x".repeat(300), "times": 9 });
    let task = client.run("scribe", "overflow", piece).await.of(200);
    assert_snapshot!(redacted_json(&task["output"]), @r#"
    {
      "error": "`artifacts.write` of `a` was refused: the artefacts of a task may have 1000 bytes together by this grant",
      "code": "limit.artifacts"
    }
    "#);
    assert_eq!(task["artifacts"], Value::Null, "what was written before is gone");
    grant(&host, json!({})).await;
    let told = client.run("scribe", "names", json!({ "names": ["a"] })).await.output();
    assert_eq!(told[0]["code"], "denied.capability");
    let explained = client
        .post("/api/v1/deployments/scribe/grants/explain", &json!({ "question": "artifacts create a.txt" }))
        .await;
    assert_eq!(explained.of(200)["allowed"], false);
}

#[tokio::test]
async fn a_name_leads_nowhere_and_is_there_once() {
    let host = host().await;
    let names =
        json!({ "names": ["../token", "a/b", "/etc/passwd", "..", ".x", "-o", "a\\b", "NUL.txt", "", "ok", "ok"] });
    let told = host.client().run("scribe", "names", names).await.output();
    let told: Vec<_> = told.as_array().unwrap().iter().map(|told| told["code"].as_str().unwrap_or("left")).collect();
    assert_eq!(told, [&["invalid"; 9][..], &["left", "invalid"]].concat());
    let bad = json!({ "name": "a", "media_type": "text/html\r\nx: y", "text": "" });
    host.client().run("scribe", "leave", bad).await.failure("guest.failed");
    assert_eq!(on_disk(&host).len(), 1);
}

#[tokio::test]
async fn what_is_not_finished_is_not_there() {
    let host = host().await;
    let client = host.client();
    let task = client.run("scribe", "begin", text("a", "never seen")).await.of(200);
    assert_eq!((&task["status"], &task["artifacts"]), (&json!("completed"), &Value::Null), "{task:#}");
    client.get(&path(&task, "a")).await.problem(404, "task.artifact_not_found");
    assert_eq!((on_disk(&host).len(), unfinished(&host)), (0, 0));
    let fleeting = json!({
        "agent": "scribe", "skill": "leave", "input": text("a", "x"), "durability": "none",
    });
    client.post("/api/v1/tasks?wait=30", &fleeting).await.failure("denied.capability");
    assert_eq!((on_disk(&host).len(), unfinished(&host)), (0, 0));
}

#[tokio::test]
async fn whoever_may_not_read_the_task_sees_nothing_of_it() {
    let host = host().await;
    let owner = host.client();
    let task = owner.run("scribe", "leave", text("a.txt", "mine")).await.of(200);
    owner.make_tenant("other").await;
    let other = owner.with_key("other", &["read"]).await;
    for asked in [path(&task, "a.txt"), format!("/api/v1/tasks/{}/artifacts", id(&task))] {
        other.get(&asked).await.problem(404, "task.not_found");
        let runs = owner.with_key("default", &["run"]).await;
        runs.get(&asked).await.problem(403, "auth.scope");
        owner.with_token(None).get(&asked).await.problem(401, "auth.missing");
    }
    let reads = owner.with_key("default", &["read"]).await;
    assert_eq!(reads.get(&path(&task, "a.txt")).await.text, "mine");
    reads.get(&path(&task, "b.txt")).await.problem(404, "task.artifact_not_found");
    // Another host's door wants another secret.
    let digest = task["artifacts"][0]["digest"].as_str().unwrap();
    owner.get(&format!("/peer/v1/artifacts/{digest}")).await.problem(401, "auth.invalid");
}

#[tokio::test]
async fn a_damaged_artefact_never_ends_well() {
    let host = host().await;
    let client = host.client();
    let task = client.run("scribe", "leave", text("a.txt", "right")).await.of(200);
    let file = host.data_dir().join("artifacts").join(&on_disk(&host)[0]);
    std::fs::write(&file, "wrong").unwrap();
    assert!(client.try_send(client.request(Method::GET, &path(&task, "a.txt"))).await.is_err());
    std::fs::write(&file, "short").unwrap();
    std::fs::write(&file, "cut").unwrap();
    client.get(&path(&task, "a.txt")).await.problem(422, "artifact.digest");
}

#[tokio::test]
async fn a_replay_and_a_rehearsal_leave_nothing() {
    let host = host().await;
    let client = host.client();
    let task = client.run("scribe", "leave", text("a.txt", "once")).await.of(200);
    let before = on_disk(&host);
    let replay = client.post(&format!("/api/v1/tasks/{}/replay", id(&task)), &Value::Null).await.of(200);
    assert_eq!(replay["identical"], true, "{replay:#}");
    client.publish(guests().scribe.marked(2).archive("2.0.0")).await.of(201);
    let tried = client.post(&format!("/api/v1/tasks/{}/replay", id(&task)), &json!({ "release": "2.0.0" })).await;
    assert_eq!(tried.of(200)["identical"], true);
    assert_eq!((on_disk(&host), unfinished(&host)), (before, 0));
    assert_eq!(client.get(&format!("/api/v1/tasks/{}", id(&task))).await.of(200)["artifacts"], task["artifacts"]);
}
