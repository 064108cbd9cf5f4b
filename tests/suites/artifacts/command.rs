//! Artefacts, by the command line.

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::Host;
use troupe_tests::command::{Said, run_on};

use super::{host, id, on_disk, text};
use crate::PROGRAM;

async fn on(host: &Host, task: &Value, arguments: &[&str]) -> Said {
    run_on(PROGRAM, host, &[&["tasks", id(task)], arguments].concat()).await
}

#[tokio::test]
async fn artefacts_are_listed_fetched_and_never_written_over_unasked() {
    let host = host().await;
    let client = host.client();
    let nothing = client.run("scribe", "names", json!({ "names": [] })).await.of(200);
    assert_snapshot!(on(&host, &nothing, &["--artifacts"]).await.good(), @"no artefacts");
    let task = client.run("scribe", "leave", text("a.txt", "what was left")).await.of(200);
    let listed = on(&host, &task, &["--artifacts"]).await;
    let lines: Vec<Vec<&str>> = listed.good().lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["ARTEFACT", "MEDIA", "TYPE", "SIZE", "FINISHED", "DIGEST"]);
    assert_eq!(lines[1][..4], ["a.txt", "text/plain", "13", "B"], "{listed:?}");
    assert!(on(&host, &task, &[]).await.good().contains("a.txt"), "it is shown with its task");
    let listed: Value = serde_json::from_str(on(&host, &task, &["--artifacts", "--json"]).await.good()).unwrap();
    assert_eq!(listed["artifacts"], task["artifacts"]);

    let file = host.dir().join("mine.txt");
    let to = file.to_str().unwrap();
    let said = on(&host, &task, &["--artifact", "a.txt", "-o", to]).await;
    assert_snapshot!(said.good().replace(to, "FILE"), @"a.txt, 13 B, is in FILE");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "what was left");
    std::fs::write(&file, "precious").unwrap();
    let said = on(&host, &task, &["--artifact", "a.txt", "-o", to]).await;
    assert_snapshot!(said.bad().replace(to, "FILE"), @"error: `FILE` is there already; name another file with `-o`, or replace it with `--force` [request.invalid]");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
    on(&host, &task, &["--artifact", "a.txt", "-o", to, "--force"]).await.good();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "what was left");
    assert_snapshot!(on(&host, &task, &["--artifact", "b.txt"]).await.bad(), @"error: the task has no artefact `b.txt`; `--artifacts` lists those that it has [task.artifact_not_found]");

    // What is damaged at the host takes no name.
    std::fs::write(host.data_dir().join("artifacts").join(&on_disk(&host)[0]), "what was LEFT").unwrap();
    let other = host.dir().join("other.txt");
    on(&host, &task, &["--artifact", "a.txt", "-o", other.to_str().unwrap()]).await.bad();
    assert!(!other.exists() && !host.dir().join("other.txt.part").exists());
}
