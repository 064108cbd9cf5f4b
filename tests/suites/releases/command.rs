//! `troupe releases`, `troupe channels`, and what other commands say of both.

use insta::assert_snapshot;
use serde_json::Value;
use troupe_tests::command::run_on;
use troupe_tests::{Host, guests, redacted};

use crate::{PROGRAM, host};

/// What commands say, one below the other.
async fn transcript(host: &Host, commands: &[&[&str]]) -> String {
    let mut out = String::new();
    for command in commands {
        let said = run_on(PROGRAM, host, command).await;
        out.push_str(&format!("$ troupe {}\n{}{}\n", command.join(" "), said.out, said.err));
    }
    redacted(&out).replace("troupe-under-test", "troupe")
}

#[tokio::test]
async fn channels_are_moved_listed_and_swapped_to() {
    let host = host().await;
    std::fs::write(host.dir().join("echo.tar"), guests().echo_2.archive("2.1.0")).unwrap();
    let told = transcript(
        &host,
        &[
            &["channels", "echo"],
            &["channels", "echo", "set", "stable", "2.0.0"],
            &["channels", "echo", "set", "stable", "1.0.0"],
            &["publish", "echo.tar", "--channel", "beta"],
            &["channels", "echo"],
            &["swap", "echo@beta"],
            &["channels", "echo", "set", "beta", "1.0.0", "--downgrade"],
            &["channels", "echo", "remove", "stable"],
            &["swap", "echo@stable"],
            &["channels", "echo", "set", "Beta", "1.0.0"],
        ],
    )
    .await;
    assert_snapshot!(told);
    let json = run_on(PROGRAM, &host, &["--json", "channels", "echo"]).await;
    let page: Value = serde_json::from_str(json.good()).unwrap();
    assert_eq!(page, host.client().get("/api/v1/agents/echo/channels").await.of(200));
}

#[tokio::test]
async fn releases_are_listed_deprecated_yanked_deleted_and_collected() {
    let host = host().await;
    host.client().publish(guests().echo.archive("0.9.0")).await.of(201);
    let told = transcript(
        &host,
        &[
            &["releases", "echo"],
            &["releases", "deprecate", "echo@2.0.0", "--message", "use 3.0.0"],
            &["channels", "echo", "set", "stable", "2.0.0"],
            &["swap", "echo@2.0.0"],
            &["swap", "echo@1.0.0"],
            &["releases", "yank", "echo@2.0.0", "--reason", "loses pages"],
            &["releases", "list", "echo"],
            &["swap", "echo@stable"],
            &["releases", "delete", "echo@0.9.0"],
            &["releases", "unyank", "echo@2.0.0"],
            &["releases", "undeprecate", "echo@2.0.0"],
            &["releases", "delete", "counter@1.0.0"],
            &["releases", "yank", "echo"],
            &["releases", "nobody"],
            &["agents", "--search", "numbers"],
            &["agents", "--search", "no such words"],
        ],
    )
    .await;
    assert_snapshot!(told);
    let json = run_on(PROGRAM, &host, &["--json", "releases", "echo"]).await;
    let listed: Value = serde_json::from_str(json.good()).unwrap();
    assert_eq!(listed, host.client().get("/api/v1/agents/echo/versions").await.of(200)["items"]);
    let client = host.client();
    super::set(&client, "stable", "1.0.0", true).await.of(200);
    run_on(PROGRAM, &host, &["releases", "gc"]).await.good();
    let gc = run_on(PROGRAM, &host, &["releases", "gc", "--dry-run"]).await;
    assert_eq!(gc.good(), "would be removed: 0 dev builds, 0 blobs (0 bytes), 0 files of compiled code (0 bytes)\n");
}
