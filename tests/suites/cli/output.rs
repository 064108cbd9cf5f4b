//! Output for programs, and colour for people.

use std::path::Path;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use troupe_tests::command::{command, ended, interrupt, run};

use crate::PROGRAM;

#[tokio::test]
async fn a_host_tells_programs_what_it_does_by_lines_of_json() {
    let dir = tempfile::tempdir().unwrap();
    let mut host = command(PROGRAM, dir.path(), &["--json", "--data-dir", "data", "serve", "--listen", "127.0.0.1:0"])
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(host.stdout.take().unwrap()).lines();
    let mut next = async || -> Value { serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap() };
    let serving = next().await;
    assert_eq!(serving["event"], "serving");
    assert!(serving["url"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{serving}");
    interrupt(&host);
    assert_eq!(next().await, json!({ "event": "stopping" }));
    assert_eq!(ended(host).await.code, Some(0));
}

#[tokio::test]
async fn the_contract_is_json_for_programs() {
    let dir = std::env::temp_dir();
    let text = run(PROGRAM, &dir, &["wit"]).await;
    let json: Value = serde_json::from_str(run(PROGRAM, &dir, &["--json", "wit"]).await.good()).unwrap();
    assert_eq!(json["wit"].as_str().unwrap().trim_end(), text.good().trim_end());
}

/// What a command that fails, with its log, shows on a terminal.
async fn on_a_terminal(dir: &Path, variable: &str) -> Option<String> {
    let line = format!("{variable} TROUPE_LOG=debug '{PROGRAM}' --host http://127.0.0.1:1 agents");
    let shown =
        Command::new("script").args(["-qefc", &line, "/dev/null"]).env("TERM", "xterm").current_dir(dir).output();
    shown.await.ok().map(|shown| String::from_utf8(shown.stdout).unwrap())
}

#[tokio::test]
async fn no_color_holds_for_the_log_too() {
    let dir = tempfile::tempdir().unwrap();
    let Some(coloured) = on_a_terminal(dir.path(), "LC_ALL=C").await else {
        println!("left out: there is no `script` to make a terminal with");
        return;
    };
    assert!(coloured.contains("DEBUG") && coloured.contains("\u{1b}["), "{coloured:?}");
    let plain = on_a_terminal(dir.path(), "NO_COLOR=1").await.unwrap();
    assert!(plain.contains("DEBUG") && !plain.contains('\u{1b}'), "{plain:?}");
}
