//! Swapping by hand, as an operator does.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::Host;
use troupe_tests::command::{COLUMNS, command_on, command_on_terminal, ended, interrupt, run_on};

use crate::{PROGRAM, host};

/// A held canary of `echo`, which no step ends.
const HELD: [&str; 5] = ["swap", "echo@2.0.0", "--canary", "50", "--detach"];

#[tokio::test]
async fn a_swap_by_steps_is_followed_line_by_line_to_its_decision() {
    let host = host().await;
    let client = host.client();
    let arguments = ["swap", "echo@2.0.0", "--canary", "50", "--step-calls", "5", "--step-time", "1s", "--watch", "1s"];
    let command = command_on(PROGRAM, &host, &arguments).spawn().unwrap();
    let following = tokio::spawn(ended(command));
    while !following.is_finished() {
        client.run("echo", "version", json!({})).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let said = following.await.unwrap();
    assert_snapshot!(said.good(), @"echo@2.0.0 serves; epoch 3");
    let lines: Vec<&str> = said.err.lines().map(str::trim).filter(|line| !line.starts_with("warming")).collect();
    assert_snapshot!(lines.join("\n").replace("verifying checks echo@2.0.0\n", ""), @r"
    canary it has 50 % of the calls
    watching it has all calls, and is watched
    draining promoted; calls on echo@1.0.0 come to their ends
    ");
}

#[tokio::test]
async fn ctrl_c_leaves_a_swap_going_and_says_how_to_follow_and_end_it() {
    let host = host().await;
    let command = command_on(PROGRAM, &host, &["swap", "echo@2.0.0", "--canary", "50"]).spawn().unwrap();
    let client = host.client();
    while client.get("/api/v1/deployments/echo").await.of(200)["canary"] == Value::Null {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    interrupt(&command);
    let said = ended(command).await;
    assert_eq!(said.code, Some(130), "{said:#?}");
    let last = super::seen(said.err.lines().last().unwrap());
    assert_snapshot!(last, @"the swap goes on; `troupe swaps echo [id] --follow` shows it, `troupe swaps echo [id] --abort` ends it");
    let swaps = client.get("/api/v1/deployments/echo/swaps").await.of(200);
    let id = swaps["items"][0]["id"].as_str().unwrap();
    let aborted = run_on(PROGRAM, &host, &["swaps", "echo", id, "--abort"]).await;
    assert!(aborted.good().contains("outcome  aborted"), "{aborted:#?}");
    let again = run_on(PROGRAM, &host, &["swaps", "echo", id, "--abort"]).await;
    assert!(again.bad().contains("[swap.conflict]"), "{again:#?}");
}

#[tokio::test]
async fn an_operator_weighs_promotes_and_goes_back() {
    let host = host().await;
    let nothing = run_on(PROGRAM, &host, &["promote", "echo"]).await;
    assert!(nothing.bad().contains("no swap of echo is under way"), "{nothing:#?}");
    run_on(PROGRAM, &host, &HELD).await.good();
    let client = host.client();
    while client.get("/api/v1/deployments/echo").await.of(200)["canary"] == Value::Null {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let following = command_on(PROGRAM, &host, &["canary", "echo", "60", "--follow"]).spawn().unwrap();
    while client.get("/api/v1/deployments/echo").await.of(200)["canary"]["weight"] != 60 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let weighed = run_on(PROGRAM, &host, &["canary", "echo", "70"]).await;
    assert_snapshot!(weighed.good(), @"echo@2.0.0 has 70 % of the calls; promote it or roll it back");
    let promoted = run_on(PROGRAM, &host, &["promote", "echo", "--follow"]).await;
    assert!(promoted.good().starts_with("echo@2.0.0 serves; epoch "), "{promoted:#?}");
    let followed = ended(following).await;
    assert_eq!(followed.good(), promoted.good(), "{followed:#?}");
    assert_snapshot!(run_on(PROGRAM, &host, &["rollback", "echo"]).await.good(), @"echo@1.0.0 serves");
    let listed = run_on(PROGRAM, &host, &["swaps", "echo"]).await;
    let rows: Vec<&str> = listed.good().lines().skip(1).collect();
    assert_eq!(rows.len(), 3, "{listed:#?}");
    assert!(rows.iter().all(|row| row.contains("promoted")), "{listed:#?}");
    let json = run_on(PROGRAM, &host, &["--json", "swaps", "echo"]).await;
    let page: Value = serde_json::from_str(json.good()).unwrap();
    let shown = run_on(PROGRAM, &host, &["swaps", "echo", page["items"][1]["id"].as_str().unwrap()]).await;
    assert!(shown.good().contains("from     1.0.0") && shown.good().contains("to       2.0.0"), "{shown:#?}");
    let wrong = run_on(PROGRAM, &host, &["swap", "echo@2.0.0", "--watch", "soon"]).await;
    assert!(wrong.bad().contains("`--watch soon`"), "{wrong:#?}");
}

#[tokio::test]
async fn a_swap_is_followed_to_its_end_through_the_drain() {
    let host = host().await;
    let client = host.client();
    let task = client.submit("echo", "sleep", json!({ "ms": 3_000 })).await;
    client.runs(&task).await;
    let swapped = client.swap("echo", "2.0.0").await.of(200);
    let follow = ["swaps", "echo", swapped["swap"].as_str().unwrap(), "--follow"];
    let said = run_on(PROGRAM, &host, &follow).await;
    assert_snapshot!(said.good(), @"echo@2.0.0 serves; epoch 2");
    assert_snapshot!(said.err, @r"
        draining promoted; calls on echo@1.0.0 come to their ends
           ended the swap is over
    ");
    assert_eq!(client.get(&format!("/api/v1/tasks/{task}")).await.of(200)["status"], "completed");
    let again = run_on(PROGRAM, &host, &follow).await;
    assert_eq!((again.good(), again.err.trim()), (said.good(), "ended promoted"));
}

/// Follows a swap to its decision on a terminal of this width; nothing without terminals.
async fn followed_on_terminal(columns: u16) -> Option<String> {
    let host = host().await;
    let client = host.client();
    let arguments = ["swap", "echo@2.0.0", "--canary", "50", "--step-calls", "40", "--step-time", "3s", "--by-task"];
    let command = command_on_terminal(PROGRAM, &host, columns, &arguments)?;
    let following = tokio::spawn(ended(command));
    while !following.is_finished() {
        client.run("echo", "version", json!({})).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let said = following.await.unwrap();
    assert_eq!(said.code, Some(0), "{said:#?}");
    assert!(said.out.contains("echo@2.0.0 serves"), "{said:#?}");
    Some(said.out)
}

#[tokio::test]
async fn on_a_terminal_a_line_tells_how_the_releases_do_and_what_time_is_left() {
    let Some(shown) = followed_on_terminal(COLUMNS).await else { return };
    for part in ["59 min left; no test speaks against it; new ", " denied, ", " MiB at most; old "] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[tokio::test]
async fn on_a_terminal_of_eighty_columns_the_line_says_the_same_in_fewer_words() {
    let Some(shown) = followed_on_terminal(80).await else { return };
    let (_, line) = shown.rsplit_once("59 min; not worse so far; new/old ").expect("the line");
    let figures = line.split(" MiB").next().unwrap();
    let words: Vec<&str> = figures.split([' ', ',']).filter(|word| word.starts_with(char::is_alphabetic)).collect();
    assert_eq!(words, ["calls", "failed", "ms"], "{line}");
    assert_eq!(figures.matches('/').count(), 4, "{line}");
}

/// Has a release get a part of the calls, and stay there.
async fn held(host: &Host) {
    run_on(PROGRAM, host, &HELD).await.good();
    while host.client().get("/api/v1/deployments/echo").await.of(200)["canary"] == Value::Null {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_rollback_is_followed_until_the_other_release_has_drained() {
    let host = host().await;
    let client = host.client();
    client.swap("echo", "2.0.0").await.of(200);
    let task = client.submit("echo", "sleep", json!({ "ms": 2_000 })).await;
    client.runs(&task).await;
    let back = run_on(PROGRAM, &host, &["rollback", "echo", "--follow"]).await;
    assert_eq!(back.good().trim_end(), "echo@1.0.0 serves");
    assert!(back.err.contains("draining") && back.err.contains("the swap is over"), "{back:#?}");
    assert_eq!(client.get(&format!("/api/v1/tasks/{task}")).await.of(200)["status"], "completed", "it came to its end");

    // Through the other door: where the swap is followed, and what came of one that was tried.
    held(&host).await;
    let rolled = client.post("/api/v1/deployments/echo/rollback?wait=30", &Value::Null).await;
    let swap = rolled.of(200);
    assert_eq!(swap["state"]["outcome"], "rolled_back", "{swap:#}");
    let path = format!("/api/v1/deployments/echo/swaps/{}", swap["id"].as_str().unwrap());
    assert_eq!(rolled.header("location"), Some(path.as_str()));
    client.swap("echo", "2.0.0").await.of(200);
    run_on(PROGRAM, &host, &["rollback", "echo"]).await.good();
    held(&host).await;
    let back = run_on(PROGRAM, &host, &["rollback", "echo", "--follow"]).await;
    assert_eq!(
        back.good().trim_end(),
        "echo@1.0.0 serves",
        "what was tried is dropped, and that is what was asked for"
    );
}
