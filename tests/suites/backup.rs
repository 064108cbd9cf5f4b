//! `troupe backup` and `troupe restore`: what is saved comes back, and what is damaged does not.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use troupe_tests::command::{command_on, ended, interrupt, run, run_on};
use troupe_tests::{Host, guests};

use crate::PROGRAM;

/// A host that has some of everything: releases, state, files, tasks of every end, a session, a key.
async fn furnished() -> Host {
    let host = Host::with_agents(PROGRAM).await;
    let client = host.client();
    client.run("echo", "echo", json!({ "text": "\u{0} a \" line\nand ü" })).await.of(200);
    let grants = json!({ "grants": { "state": { "bytes": 1 << 20, "keys": 100 } } });
    client.put("/api/v1/deployments/counter/grants", &grants).await.of(200);
    client.run("counter", "increment", json!({ "key": "n" })).await.output();
    client.publish(guests().files.archive("1.0.0")).await.of(201);
    client.swap("files", "1.0.0").await.of(200);
    let grants = json!({ "grants": { "files": [
        { "name": "in" }, { "name": "out", "access": "read-write" }, { "name": "work", "access": "read-write" },
    ] } });
    client.put("/api/v1/deployments/files/grants", &grants).await.of(200);
    let written = json!({ "directory": "work", "path": "a/b.txt", "text": "kept" });
    client.run("files", "write", written).await.output();
    client.publish(guests().scribe.archive("1.0.0")).await.of(201);
    client.swap("scribe", "1.0.0").await.of(200);
    let grants = json!({ "grants": { "artifacts": { "bytes": 1 << 20, "count": 3 } } });
    client.put("/api/v1/deployments/scribe/grants", &grants).await.of(200);
    client.run("scribe", "leave", crate::artifacts::text("left.txt", "left by a task")).await.output();
    client.make_tenant("other").await;
    client.with_key("other", &["read"]).await;
    client.start_session(json!({ "user": { "name": "ada" }, "context": { "region": "eu" } })).await;
    host
}

/// The host whose data directory is what a backup was restored to.
async fn restored(file: &Path, of: &Host) -> Host {
    let mut host = Host::new(PROGRAM, &["serve", "--listen", "127.0.0.1:0"]);
    let data_dir = host.data_dir();
    let key = of.data_dir().join("signing.key");
    let how = ["restore", text(file), "--data-dir", text(&data_dir), "--signing-key", text(&key)];
    let said = run(PROGRAM, host.dir(), &how).await;
    assert!(said.good().contains("is restored to"), "{said:?}");
    host.start().await;
    host
}

async fn save(host: &Host) -> PathBuf {
    let file = host.dir().join("saved.tar.zst");
    run_on(PROGRAM, host, &["backup", text(&file)]).await.good();
    file
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}

/// All that a host answers about what it keeps.
async fn kept(host: &Host) -> Value {
    let client = host.client();
    let mut all = serde_json::Map::new();
    for path in
        ["agents", "deployments", "tasks", "sessions", "tenants", "keys", "audit?limit=5", "agents/echo/versions"]
    {
        let kept = client.get(&format!("/api/v1/{path}")).await.of(200);
        all.insert(path.to_owned(), kept);
    }
    Value::Object(all)
}

#[tokio::test]
async fn what_was_saved_comes_back_and_serves() {
    let host = furnished().await;
    let file = save(&host).await;
    let before = kept(&host).await;
    let back = restored(&file, &host).await;
    assert!(kept(&back).await == before, "what the host answers differs");
    let client = back.client();
    assert_eq!(client.run("counter", "increment", json!({ "key": "n" })).await.output(), json!({ "count": 2 }));
    let read = client.run("files", "read", json!({ "directory": "work", "path": "a/b.txt" })).await.output();
    assert_eq!(read["value"], "kept", "{read}");
    let tasks = client.get("/api/v1/tasks?agent=scribe").await.of(200);
    let left = format!("/api/v1/tasks/{}/artifacts/left.txt", tasks["items"][0]["id"].as_str().unwrap());
    assert_eq!(client.get(&left).await.text, "left by a task");
    client.swap("echo", "2.0.0").await.of(200);
    let said = run_on(PROGRAM, &back, &["audit", "verify"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
}

#[tokio::test]
async fn a_damaged_artefact_is_left_out_and_told_and_all_else_is_saved() {
    let host = furnished().await;
    let client = host.client();
    client.run("scribe", "leave", crate::artifacts::text("whole.txt", "whole")).await.output();
    let artifacts = host.data_dir().join("artifacts");
    let damaged = fs::read_dir(&artifacts).unwrap().map(|entry| entry.unwrap().path());
    let damaged =
        damaged.into_iter().find(|path| fs::read(path).is_ok_and(|bytes| bytes == b"left by a task")).unwrap();
    fs::write(&damaged, "left by nobody").unwrap();
    let said = run_on(PROGRAM, &host, &["backup", text(&host.dir().join("saved.tar.zst"))]).await;
    assert!(said.good().contains("1 artefacts; 1 more were left out, since they are damaged or"), "{said:?}");
    assert!(host.said().contains("an artefact is left out of the backup: "), "{}", host.said());
    let back = restored(&host.dir().join("saved.tar.zst"), &host).await;
    let client = back.client();
    let tasks = client.get("/api/v1/tasks?agent=scribe").await.of(200);
    let path = |number: usize, name: &str| {
        format!("/api/v1/tasks/{}/artifacts/{name}", tasks["items"][number]["id"].as_str().unwrap())
    };
    assert_eq!(client.get(&path(0, "whole.txt")).await.text, "whole");
    assert!(client.get(&path(1, "left.txt")).await.status >= 400);
}

#[tokio::test]
async fn it_says_what_is_in_it_to_people_and_programs() {
    let host = furnished().await;
    let file = save(&host).await;
    let said = run_on(PROGRAM, &host, &["--json", "backup", "--check", text(&file)]).await;
    let report: Value = serde_json::from_str(said.good()).unwrap();
    assert_eq!(report["head"]["format"], 1);
    assert_eq!(report["end"]["files"], 1, "{}", report["end"]["files"]);
    assert_eq!((&report["end"]["artifacts"], &report["end"]["artifacts_left_out"]), (&json!(1), &json!(0)));
    assert!(report["end"]["blobs"].as_u64().unwrap() > 3, "{}", report["end"]["blobs"]);
    assert!(report["end"]["tables"]["tasks"]["rows"].as_u64().unwrap() >= 3, "{}", report["end"]["tables"]["tasks"]);
    let audit = host.client().get("/api/v1/audit?kind=backed_up").await.of(200);
    assert_eq!(audit["items"][0]["principal"], "owner", "{audit:#}");
    let there = run(PROGRAM, host.dir(), &["backup", text(&file), "--data-dir", text(&host.data_dir())]).await;
    insta::assert_snapshot!(there.bad().replace(text(host.dir()), "DIR"), @"error: `DIR/saved.tar.zst` is there already; name another file, or replace it with `--force` [request.invalid]");
}

#[tokio::test]
async fn what_is_accepted_before_it_begins_is_in_it_while_others_go_on() {
    let host = furnished().await;
    let client = host.client();
    // One that is under way goes on after the restart, and its time with it.
    let task = json!({ "agent": "counter", "skill": "increment", "input": { "key": "n" }, "timeout_ms": 60_000 });
    let accepted = client.post("/api/v1/tasks", &task).await.of(202)["id"].as_str().unwrap().to_owned();
    let load = {
        let client = client.clone();
        tokio::spawn(async move {
            for _ in 0..200 {
                client.post("/api/v1/tasks?wait=30", &task).await.of(200);
            }
        })
    };
    let file = save(&host).await;
    load.await.unwrap();
    let back = restored(&file, &host).await;
    back.client().becomes(&accepted, "completed").await;
    // Each task that it holds has its one effect.
    let mut completed = 0;
    let mut after = None;
    loop {
        let more = after.map_or_else(String::new, |after: String| format!("&after={after}"));
        let page = back.client().get(&format!("/api/v1/tasks?agent=counter&limit=100{more}")).await.of(200);
        for task in page["items"].as_array().unwrap() {
            let id = task["id"].as_str().unwrap();
            back.client().becomes(id, "completed").await;
            completed += 1;
        }
        let Some(next) = page["next"].as_str() else { break };
        after = Some(next.to_owned());
    }
    let found = back.client().run("counter", "get", json!({ "key": "n" })).await.output();
    assert_eq!(found["value"], completed.to_string(), "one by each");
}

#[tokio::test]
async fn what_is_damaged_cut_short_or_something_else_is_refused_and_leaves_nothing() {
    let host = furnished().await;
    let file = save(&host).await;
    let good = fs::read(&file).unwrap();
    let dir = host.dir().join("new");
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x20;
    let cases: [(&str, Vec<u8>); 6] = [
        ("flipped", flipped),
        ("half", good[..good.len() / 2].to_vec()),
        ("all but the end", good[..good.len() - 4].to_vec()),
        ("nothing", Vec::new()),
        ("text", b"not a backup at all".to_vec()),
        ("another archive", guests().echo.archive("1.0.0")),
    ];
    for (name, bytes) in cases {
        let bad = host.dir().join("bad");
        fs::write(&bad, bytes).unwrap();
        let said = run(PROGRAM, host.dir(), &["restore", text(&bad), "--data-dir", text(&dir)]).await;
        let said = said.bad();
        assert!(said.contains("damaged") || said.contains("cut short") || said.contains("no backup"), "{name}: {said}");
        assert!(!dir.exists(), "{name}: nothing is made of it");
    }
    let there = run(PROGRAM, host.dir(), &["restore", text(&file), "--data-dir", text(&host.data_dir())]).await;
    assert!(there.bad().contains("another host uses the data directory"), "{there:?}");
    run(PROGRAM, host.dir(), &["restore", text(&file), "--data-dir", text(&dir)]).await.good();
    let twice = run(PROGRAM, host.dir(), &["restore", text(&file), "--data-dir", text(&dir)]).await;
    assert!(twice.bad().contains("holds a host already"), "{twice:?}");
    let absent = run(PROGRAM, host.dir(), &["restore", "absent", "--data-dir", text(&dir)]).await;
    assert!(absent.bad().contains("`absent` cannot be read"), "{absent:?}");
}

#[tokio::test]
async fn only_the_owner_of_the_host_makes_one() {
    let host = furnished().await;
    let all = ["read", "run", "operate", "approve", "audit", "admin", "metrics", "machine"];
    let client = host.client().with_key("default", &all).await;
    client.get("/api/v1/backup").await.problem(403, "auth.scope");
    host.client().with_token(None).get("/api/v1/backup").await.problem(401, "auth.missing");
}

#[tokio::test]
async fn one_that_is_interrupted_leaves_no_file() {
    let host = furnished().await;
    let file = host.dir().join("saved.tar.zst");
    let child = command_on(PROGRAM, &host, &["backup", text(&file)]).spawn().unwrap();
    interrupt(&child);
    let said = ended(child).await;
    // It may have been quicker, or not have listened for it yet.
    assert!(matches!(said.code, Some(0 | 130) | None), "{said:?}");
    assert_eq!(file.exists(), said.code == Some(0));
    if said.code.is_some() {
        assert!(!host.dir().join("saved.tar.zst.part").exists());
    }
}
