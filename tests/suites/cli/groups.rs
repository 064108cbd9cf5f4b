//! Task groups, by the command line.

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::Host;
use troupe_tests::command::{Said, command_on, ended, interrupt, run_on};

use super::seen;
use crate::PROGRAM;
use crate::rest::groups::{counted, failing, host_that_counts, step, step_with, undone};

async fn on(host: &Host, arguments: &[&str]) -> Said {
    run_on(PROGRAM, host, &[&["groups"], arguments].concat()).await
}

/// Writes a group to a file, and returns its name.
fn written(host: &Host, group: &Value) -> &'static str {
    std::fs::write(host.dir().join("group.json"), group.to_string()).unwrap();
    "group.json"
}

/// What was said of the ends of steps, in the order of their words. That one runs is told if somebody looks
/// meanwhile, and steps that run beside one another end in any order.
fn ends(said: &Said) -> String {
    let mut lines: Vec<&str> = said.err.lines().map(str::trim).collect();
    lines.retain(|line| !line.starts_with("running ") && !line.starts_with("undoing "));
    lines.sort_unstable();
    seen(&lines.join("\n"))
}

#[tokio::test]
async fn a_group_is_run_followed_and_shown() {
    let host = host_that_counts().await;
    assert_snapshot!(seen(on(&host, &[]).await.good()), @"no groups yet; `troupe groups run FILE` runs one");
    let shout = step_with(
        step("say", "echo", "echo", json!({})),
        json!({ "wires": [{ "from": "hello", "at": "/text", "to": "/text" }] }),
    );
    let group = json!({ "steps": [step("hello", "echo", "echo", json!({ "text": "hello" })), shout, counted("count", &["say"])] });
    let said = on(&host, &["run", written(&host, &group)]).await;
    assert_snapshot!(seen(said.good()), @r"
    group    [id]
    status   completed
    steps    3 of 3 ended

    STEP   ASKS               NEEDS  STATUS     TASK                                  UNDONE  FAILURE
    hello  echo echo                 completed  [id]
    say    echo echo          hello  completed  [id]
    count  counter increment  say    completed  [id]

    count
    count  1
    ");
    assert_snapshot!(ends(&said), @r"
    completed count
    completed hello
    completed say
    ");
    assert_snapshot!(seen(on(&host, &["list", "--status", "completed"]).await.good()), @r"
    GROUP                                 STATUS     STEPS   CREATED                   FAILURE
    [id]  completed  3 of 3  [time]
    ");
    let detached =
        run_on(PROGRAM, &host, &["--json", "groups", "run", "group.json", "--detach", "--idempotency-key", "one"])
            .await;
    let detached: Value = serde_json::from_str(detached.good()).unwrap();
    let id = detached["id"].as_str().unwrap();
    let again = run_on(PROGRAM, &host, &["--json", "groups", "run", "group.json", "--idempotency-key", "one"]).await;
    let again: Value = serde_json::from_str(again.good()).unwrap();
    assert_eq!((&again["id"], &again["status"]), (&json!(id), &json!("completed")));
    assert_eq!(on(&host, &["watch", id]).await.good(), on(&host, &["get", id]).await.good());
    assert_snapshot!(seen(on(&host, &["cancel", id]).await.bad()), @"error: group [id] has ended already: completed [group.ended]");
}

#[tokio::test]
async fn a_group_that_fails_says_so_by_its_exit_status_and_what_was_undone() {
    let host = host_that_counts().await;
    let first = step_with(counted("first", &[]), json!({ "compensate": undone() }));
    let group = json!({ "steps": [first, failing("fails", &["first"]), counted("never", &["fails"])] });
    let said = on(&host, &["run", written(&host, &group)]).await;
    assert_eq!(said.code, Some(1), "{said:#?}");
    assert_snapshot!(seen(&said.out), @r"
    group    [id]
    status   failed
    steps    3 of 3 ended
    failure  step `fails`: it did not work [guest.failed]

    STEP   ASKS               NEEDS  STATUS     TASK                                  UNDONE  FAILURE
    first  counter increment         completed  [id]  yes
    fails  echo fail          first  failed     [id]          guest.failed
    never  counter increment  fails  skipped    -
    ");
    assert_snapshot!(ends(&said), @r"
    completed first
    failed fails: it did not work [guest.failed]
    skipped never
    undone first
    ");
    let cycle = json!({ "steps": [counted("a", &["b"]), counted("b", &["a"])] });
    assert_snapshot!(seen(on(&host, &["run", written(&host, &cycle)]).await.bad()), @"error: `a → b → a`: each of these steps needs the next, so none can begin [group.cycle]");
    std::fs::write(host.dir().join("group.json"), "{ \"steps\": 1 }").unwrap();
    assert_snapshot!(seen(on(&host, &["run", "group.json"]).await.bad()), @"error: `group.json` is no task group: invalid type: integer `1`, expected a sequence at line 1 column 12 [request.invalid]");
    assert_snapshot!(seen(on(&host, &["run", "nothing.json"]).await.bad()), @"error: the input `nothing.json` cannot be read (entity not found) [input.invalid]");
}

#[tokio::test]
async fn a_group_is_asked_for_once_more() {
    let host = host_that_counts().await;
    let group = json!({ "steps": [failing("fails", &[])] });
    let said = on(&host, &["--json", "run", written(&host, &group)]).await;
    let failed: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let id = failed["id"].as_str().unwrap();
    let again = on(&host, &["retry", id, "--idempotency-key", "k"]).await;
    assert!(again.good().contains(&format!("retry of {id}\n")), "{again:#?}");
    let same = on(&host, &["retry", id, "--idempotency-key", "k"]).await;
    assert_eq!(again.good().lines().next(), same.good().lines().next());
}

#[tokio::test]
async fn ctrl_c_cancels_the_group() {
    let host = host_that_counts().await;
    let group =
        json!({ "steps": [step("slow", "echo", "sleep", json!({ "ms": 9_000 })), counted("after", &["slow"])] });
    let child = command_on(PROGRAM, &host, &["groups", "run", written(&host, &group)]).spawn().unwrap();
    let client = host.client();
    while client.get("/api/v1/tasks?status=running").await.of(200)["items"] == json!([]) {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    interrupt(&child);
    let said = ended(child).await;
    assert_eq!(said.code, Some(130), "{said:#?}");
    assert_snapshot!(seen(said.err.lines().last().unwrap_or_default()), @"interrupted; group [id] is cancelled");
}
