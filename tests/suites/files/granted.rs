use std::os::unix::fs::PermissionsExt as _;

use insta::assert_snapshot;
use serde_json::{Value, json};
use tempfile::TempDir;
use troupe_tests::{guests, redacted_json};

use super::{ask, host};

#[tokio::test]
async fn a_file_is_written_read_listed_and_deleted() {
    let host = host().await;
    let write = |path: &str, text: &str| json!({ "directory": "work", "path": path, "text": text });
    assert_eq!(ask(&host, "write", write("2026/june.md", "# June")).await, json!({ "value": null }));
    ask(&host, "write", write("2026/may.md", "")).await;
    ask(&host, "write", write("2026/june.md", "# June again")).await;
    let place = |path: &str| json!({ "directory": "work", "path": path });
    assert_eq!(ask(&host, "read", place("2026/june.md")).await["value"], "# June again");
    assert_eq!(ask(&host, "read", place("2026/july.md")).await, json!({ "value": null }));
    assert_eq!(ask(&host, "stat", place("2026")).await["value"][0], "directory");
    let list = |after: Option<&str>, limit: u32| json!({ "directory": "work", "path": "2026", "after": after, "limit": limit });
    let june = json!(["june.md", "file", 12]);
    assert_eq!(ask(&host, "list", list(None, 1)).await["value"], json!([june]));
    assert_eq!(ask(&host, "list", list(Some("june.md"), 9)).await["value"], json!([["may.md", "file", 0]]));
    assert_eq!(ask(&host, "delete", place("2026/june.md")).await["value"], true);
    assert_eq!(ask(&host, "delete", place("2026/june.md")).await["value"], false);
    let told = json!([
        ask(&host, "delete", place("2026")).await,
        ask(&host, "read", place("2026")).await,
        ask(&host, "write", write("2026/may.md/x", "")).await,
        ask(&host, "write", json!({ "directory": "in", "path": "x" })).await,
        ask(&host, "read", json!({ "directory": "elsewhere", "path": "x" })).await,
    ]);
    assert_snapshot!(redacted_json(&told), @r#"
    [
      {
        "error": "`2026`: it is a directory that is not empty",
        "code": "invalid"
      },
      {
        "error": "`2026`: it is a directory",
        "code": "invalid"
      },
      {
        "error": "`2026/may.md/x`: it leads through a file",
        "code": "invalid"
      },
      {
        "error": "`files.write` in `in` was denied: the directory is granted for reading only",
        "code": "denied.capability"
      },
      {
        "error": "`files.read` in `elsewhere` was denied: this deployment has no grant of `files` of that name; the manifest must ask for it and the operator grant it",
        "code": "denied.capability"
      }
    ]
    "#);
}

#[tokio::test]
async fn a_directory_of_the_agents_own_is_the_hosts_alone_and_apart_from_others() {
    let host = host().await;
    ask(&host, "write", json!({ "directory": "work", "path": "a/b", "text": "mine" })).await;
    let own = host.data_dir().join("files/default/files/work");
    assert_eq!(std::fs::read_to_string(own.join("a/b")).unwrap(), "mine");
    for (path, mode) in [("", 0o700), ("a", 0o700), ("a/b", 0o600)] {
        let found = std::fs::metadata(own.join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{path}");
    }
    assert_eq!(ask(&host, "read", json!({ "directory": "out", "path": "a/b" })).await, json!({ "value": null }));
}

#[tokio::test]
async fn nothing_is_reached_without_a_grant_and_only_the_operator_says_where() {
    let host = crate::empty_host().await;
    let client = host.client();
    client.publish(guests().files.archive("1.0.0")).await.of(201);
    client.swap("files", "1.0.0").await.of(200);
    let read = json!({ "directory": "in", "path": "note" });
    assert_eq!(ask(&host, "read", read.clone()).await["code"], "denied.capability");

    let machine = TempDir::new().unwrap();
    let path = machine.path().canonicalize().unwrap();
    std::fs::write(path.join("note"), "from the operator").unwrap();
    let grants = json!({ "grants": { "files": [{ "name": "in", "access": "read-write", "path": path }] } });
    let deployment = client.put("/api/v1/deployments/files/grants", &grants).await.of(200);
    let in_force = &deployment["grants"]["files"][0];
    assert_eq!((&in_force["access"], &in_force["path"]), (&json!("read"), &json!(path)), "{deployment:#}");
    assert_eq!(ask(&host, "read", read.clone()).await["value"], "from the operator");
    let denied = ask(&host, "write", json!({ "directory": "in", "path": "note" })).await;
    assert_eq!(denied["code"], "denied.capability");

    client.put("/api/v1/deployments/files/grants", &json!({ "grants": {} })).await.of(200);
    assert_eq!(ask(&host, "read", read).await["code"], "denied.capability");
}

#[tokio::test]
async fn a_replay_reads_what_was_read_and_writes_nothing() {
    let host = host().await;
    let client = host.client();
    let written =
        client.run("files", "write", json!({ "directory": "work", "path": "a", "text": "one" })).await.of(200);
    let read = client.run("files", "read", json!({ "directory": "work", "path": "a" })).await.of(200);
    let file = host.data_dir().join("files/default/files/work").join("a");
    std::fs::write(&file, "two").unwrap();
    for task in [written, read] {
        let replay = client.post(&format!("/api/v1/tasks/{}/replay", task["id"].as_str().unwrap()), &Value::Null).await;
        assert_eq!(replay.of(200)["identical"], true, "{task:#}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "two");
}

#[tokio::test]
async fn a_long_file_is_read_whole_and_a_reader_sees_one_version() {
    let host = host().await;
    let write = |letter: &str| json!({ "directory": "work", "path": "long", "text": letter, "repeat": 3_000_000 });
    ask(&host, "write", write("a")).await;
    let client = host.client();
    let writing = async {
        for letter in ["b", "c", "d", "e"] {
            client.run("files", "write", write(letter)).await.output();
        }
    };
    let reading = async {
        for _ in 0..6 {
            let told = ask(&host, "read", json!({ "directory": "work", "path": "long" })).await;
            if let Some(text) = told["value"].as_str() {
                let first = text.chars().next().unwrap();
                assert!(text.len() == 3_000_000 && text.chars().all(|letter| letter == first));
            } else {
                assert_eq!(told["code"], "unavailable", "{told:#}");
            }
        }
    };
    tokio::join!(writing, reading);
}
