//! Commands that talk to a host.

use std::process::Stdio;

use insta::assert_snapshot;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use troupe_core::limits;
use troupe_tests::command::{Said, command_on, ended, run, run_on};
use troupe_tests::{Host, guests, redacted_json};

use super::seen;
use crate::{PROGRAM, empty_host, host};

async fn on(host: &Host, arguments: &[&str]) -> Said {
    run_on(PROGRAM, host, arguments).await
}

#[tokio::test]
async fn run_prints_the_answer() {
    let host = host().await;
    let text = on(&host, &["run", "echo", "who"]).await;
    assert!(text.good().contains("tenant"), "{text:#?}");
    let text = on(&host, &["run", "echo", "echo", "--input", r#"{"text":"hello"}"#]).await;
    assert_snapshot!(seen(text.good()), @"text  hello");
    let json = on(&host, &["--json", "run", "echo", "echo", "--input", r#"{"text":"hello"}"#]).await;
    let task = serde_json::from_str(json.good()).unwrap();
    assert_snapshot!(redacted_json(&task), @r#"
    {
      "id": "[id]",
      "agent": "echo",
      "skill": "echo",
      "status": "completed",
      "input": {
        "text": "hello"
      },
      "output": {
        "text": "hello"
      },
      "release": {
        "version": "1.0.0",
        "digest": "[digest]",
        "epoch": 1
      },
      "attempt": 1,
      "priority": 0,
      "principal": "owner",
      "timeout_ms": 10000,
      "usage": "[usage]",
      "created_at": "[time]",
      "started_at": "[time]",
      "ended_at": "[time]"
    }
    "#);
}

#[tokio::test]
async fn run_reads_its_input_from_a_file() {
    let host = host().await;
    std::fs::write(host.dir().join("input.json"), r#"{"text":"from a file"}"#).unwrap();
    let said = on(&host, &["run", "echo", "echo", "--input", "@input.json"]).await;
    assert_eq!(said.good(), "text  from a file\n");
    let absent = on(&host, &["run", "echo", "echo", "--input", "@absent.json"]).await;
    assert_snapshot!(absent.bad(), @"error: the input `absent.json` cannot be read (entity not found) [input.invalid]");
    let broken = on(&host, &["run", "echo", "echo", "--input", "{text:1}"]).await;
    assert_snapshot!(broken.bad(), @r#"error: the input is not JSON: key must be a string at line 1 column 2; quote it as in --input '{"text":"hello"}' [input.invalid]"#);
}

#[tokio::test]
async fn run_reads_its_input_from_standard_input() {
    let host = host().await;
    let mut command = command_on(PROGRAM, &host, &["run", "echo", "echo", "--input", "-"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(br#"{"text":"from a pipe"}"#).await.unwrap();
    assert_eq!(ended(child).await.good(), "text  from a pipe\n");
}

#[tokio::test]
async fn run_tells_a_failure_with_its_code() {
    let host = host().await;
    let text = on(&host, &["run", "echo", "fail", "--input", r#"{"kind":"denied"}"#]).await;
    assert_snapshot!(text.bad(), @"error: the grant `nothing` is missing [denied.capability]");
    let json = on(&host, &["--json", "run", "echo", "fail", "--input", r#"{"kind":"denied"}"#]).await;
    assert_eq!(json.code, Some(1));
    let task: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(task["failure"]["code"], "denied.capability");
}

#[tokio::test]
async fn run_can_leave_the_task_to_the_host() {
    let host = host().await;
    let said = on(&host, &["--json", "run", "echo", "sleep", "--input", r#"{"ms":100}"#, "--detach"]).await;
    let task: Value = serde_json::from_str(said.good()).unwrap();
    let ended = host.client().ended(task["id"].as_str().unwrap()).await;
    assert_eq!(ended["status"], "completed");
}

#[tokio::test]
async fn an_agent_that_is_not_there_is_an_error_with_its_code() {
    let host = host().await;
    assert_snapshot!(on(&host, &["run", "nobody", "fly"]).await.bad(), @"error: there is no agent `nobody`; `troupe agents` lists those there are [agent.not_found]");
    assert_snapshot!(on(&host, &["agents", "nobody"]).await.bad(), @"error: there is no agent `nobody`; `troupe agents` lists those there are [agent.not_found]");
    let json = on(&host, &["--json", "agents", "nobody"]).await;
    assert_eq!((json.code, json.err.as_str()), (Some(1), ""));
    assert_snapshot!(json.out, @r#"{"code":"agent.not_found","detail":"there is no agent `nobody`; `troupe agents` lists those there are","retryable":false,"details":{}}"#);
}

#[tokio::test]
async fn agents_are_listed_and_shown() {
    let host = host().await;
    assert_snapshot!(seen(on(&host, &["agents"]).await.good()), @"
    AGENT    SERVING  SKILLS                                        SUMMARY
    counter  1.0.0    sum increment get put put_bytes +7            Keeps numbers and bytes in state.
    echo     1.0.0    echo version who sleep fail shout             Answers what it was asked and who asked it.
    hostile  1.0.0    spin grow grow_gently recurse trap panic +31  Misbehaves in one way a skill.
    ");
    assert_snapshot!(seen(on(&host, &["agents", "counter"]).await.good()), @"
    counter: Keeps numbers and bytes in state.
      - Show that each write happens once

    skills of 1.0.0
    SKILL            EFFECT       DESCRIPTION
    sum              read         Adds up the numbers under some keys; an absent one counts nothing.
    increment        write        Adds one to the number under a key, however many do so at once.
    get              read         Reads the text under a key.
    put              write        Writes text under a key.
    put_bytes        write        Writes a number of bytes under a key, to meet the limits.
    compare_and_set  write        Writes text under a key if its revision is the expected one.
    add              write        Adds to the number under a key, in one call.
    put_for          write        Writes text under a key for a while.
    expire           write        Says how long a key stays.
    delete           destructive  Deletes a key.
    instance         read         Names the instance that the task is for.
    list             read         Lists keys.

    VERSION  PUBLISHED                          DIGEST
    1.0.0    [time]  serving  [digest]
    ");
    let json: Value = serde_json::from_str(on(&host, &["--json", "agents"]).await.good()).unwrap();
    assert_eq!(json, host.client().get("/api/v1/agents").await.of(200)["items"]);
    let json: Value = serde_json::from_str(on(&host, &["--json", "agents", "echo"]).await.good()).unwrap();
    assert_eq!(json["agent"], host.client().get("/api/v1/agents/echo").await.of(200));
    assert_eq!(json["versions"], host.client().get("/api/v1/agents/echo/versions").await.of(200)["items"]);
}

#[tokio::test]
async fn a_host_without_agents_says_what_to_do() {
    let host = empty_host().await;
    assert_snapshot!(on(&host, &["agents"]).await.good(), @"no agents yet; `troupe publish DIR` publishes one");
    assert_eq!(on(&host, &["tasks"]).await.good(), "no tasks\n");
}

#[tokio::test]
async fn tasks_are_listed_shown_and_cancelled() {
    let host = host().await;
    on(&host, &["run", "echo", "echo", "--input", r#"{"text":"hello"}"#]).await.good();
    on(&host, &["run", "echo", "fail", "--input", r#"{"kind":"failed"}"#]).await.bad();
    assert_snapshot!(seen(on(&host, &["tasks"]).await.good()), @"
    TASK                                  RELEASE     SKILL  STATUS     CREATED                   FAILURE
    [id]  echo@1.0.0  fail   failed     [time]  guest.failed
    [id]  echo@1.0.0  echo   completed  [time]
    ");
    let json: Value = serde_json::from_str(on(&host, &["--json", "tasks", "--status", "failed"]).await.good()).unwrap();
    let failed = json["items"][0]["id"].as_str().unwrap();
    assert_snapshot!(seen(on(&host, &["tasks", failed]).await.good()), @"
    task     [id]
    agent    echo
    skill    fail
    status   failed
    release  1.0.0, epoch 1
    failure  it did not work [guest.failed]
    ");
    assert_snapshot!(seen(on(&host, &["tasks", failed, "--cancel"]).await.bad()), @"error: task [id] has ended: it is failed [task.ended]");

    let running = host.client().submit("echo", "sleep", serde_json::json!({ "ms": 9_000 })).await;
    on(&host, &["tasks", &running, "--cancel"]).await.good();
    assert_eq!(host.client().ended(&running).await["status"], "cancelled");
}

#[tokio::test]
async fn swap_says_what_serves() {
    let host = host().await;
    assert_snapshot!(seen(on(&host, &["swap", "echo@2.0.0"]).await.good()), @"echo@2.0.0 serves; epoch 2");
    let json: Value = serde_json::from_str(on(&host, &["--json", "swap", "echo@1.0.0"]).await.good()).unwrap();
    assert_eq!(json["deployment"], host.client().get("/api/v1/deployments/echo").await.of(200));
    assert_snapshot!(seen(on(&host, &["swap", "echo@2.0.0", "--epoch", "1"]).await.bad()), @"error: the deployment of echo is at epoch 3 now; look at it again, then repeat [swap.conflict]");
    assert_snapshot!(seen(on(&host, &["swap", "echo"]).await.bad()), @"error: a release is written `NAME@VERSION`, for example `aws@1.2.0` [name.invalid]");
}

#[tokio::test]
async fn an_archive_is_published() {
    let host = empty_host().await;
    std::fs::write(host.dir().join("echo.tar"), guests().echo.archive("1.0.0")).unwrap();
    assert_snapshot!(seen(on(&host, &["publish", "echo.tar"]).await.good()), @"
    published echo@1.0.0
    [digest]
    run `troupe swap echo@1.0.0` to make it serve
    ");
    assert_snapshot!(seen(on(&host, &["publish", "absent.tar"]).await.bad()), @"error: `absent.tar` cannot be read (entity not found) [request.invalid]");
    let large = std::fs::File::create(host.dir().join("large.tar")).unwrap();
    large.set_len(limits::ARCHIVE_BYTES_MAX + 1).unwrap();
    assert_snapshot!(seen(on(&host, &["publish", "large.tar"]).await.bad()), @"error: `large.tar` is larger than an archive may be (42816 KiB) [limit.request]");
}

#[tokio::test]
async fn without_a_host_a_command_says_how_to_start_one() {
    let dir = tempfile::tempdir().unwrap();
    // A port that was free a moment ago, and that nothing listens on.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let said = run(PROGRAM, dir.path(), &["--host", &format!("http://127.0.0.1:{port}"), "agents"]).await;
    assert_snapshot!(seen(said.bad()), @"error: no host answers at http://[address]; start one with `troupe dev` or name it with `--host` [unavailable.host]");
}

#[tokio::test]
async fn without_the_token_a_command_says_where_it_is() {
    let host = empty_host().await;
    let said = run(PROGRAM, host.dir(), &["--host", &host.client().url, "agents"]).await;
    assert_snapshot!(seen(said.bad()), @"error: send `Authorization: Bearer TOKEN`; on the host's machine the token is in the file `token` of its data directory [auth.missing]");
}

#[tokio::test]
async fn the_token_in_the_data_directory_stays_on_this_machine() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("token"), "0f".repeat(32)).unwrap();
    let to = async |host: &str| run(PROGRAM, dir.path(), &["--data-dir", ".", "--host", host, "agents"]).await;
    // An address of documentation: had the command called it, it would wait.
    assert_snapshot!(to("http://192.0.2.1:7070").await.bad(), @"error: http://192.0.2.1:7070 is not this machine; give its token with `--token` or TROUPE_TOKEN [auth.missing]");
    assert_snapshot!(to("http://localhost.example").await.bad(), @"error: http://localhost.example is not this machine; give its token with `--token` or TROUPE_TOKEN [auth.missing]");
}

#[tokio::test]
async fn an_address_that_is_none_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let to = async |host: &str| run(PROGRAM, dir.path(), &["--host", host, "agents"]).await;
    for host in ["localhost:7070", "127.0.0.1:7070", "", "http://", "http://localhost:port"] {
        let said = to(host).await;
        assert_eq!(
            said.bad(),
            format!(
                "error: `--host {host}` is not the address of a host; write it like `http://127.0.0.1:7070` [request.invalid]\n"
            )
        );
    }
    // Nothing listens there.
    assert_snapshot!(to("https://127.0.0.1:1").await.bad(), @"error: no host answers at https://127.0.0.1:1, or nobody who is trusted here has signed its certificate; name who did with `--ca` [unavailable.host]");
}

#[tokio::test]
async fn run_says_why_a_try_failed_and_when_the_next_begins() {
    let host = host().await;
    let unavailable = r#"{"kind":"unavailable"}"#;
    let said = on(&host, &["run", "echo", "fail", "--input", unavailable, "--tries", "2"]).await;
    assert_eq!(said.code, Some(1));
    assert_snapshot!(seen(&said.err), @r"
    try 1 of 2 failed: nobody is at home [guest.unavailable]; the next begins at [time]
    error: nobody is at home [guest.unavailable]
    ");
    let wrong = on(&host, &["run", "echo", "version", "--tries", "1"]).await;
    assert_snapshot!(seen(&wrong.err), @"error: `retry.tries` is 2 to 20 [request.invalid]");
    let wrong = on(&host, &["run", "echo", "version", "--delay", "soon"]).await;
    assert_snapshot!(seen(&wrong.err), @"error: `--delay soon` is not a whole number with a unit of s, m, h or d, such as `30d` [request.invalid]");
}

#[tokio::test]
async fn a_task_that_is_put_off_says_when_it_begins() {
    let host = host().await;
    let said = on(&host, &["run", "echo", "version", "--delay", "2s"]).await;
    assert_snapshot!(seen(said.good()), @"version  1.0.0");
    assert_snapshot!(seen(&said.err), @"the task begins at [time]");
    let detached =
        on(&host, &["run", "echo", "version", "--delay", "8h", "--tries", "3", "--pause", "10s", "--detach"]);
    assert_snapshot!(seen(detached.await.good()), @r"
    task     [id]
    agent    echo
    skill    version
    status   pending
    tries    0 of 3 failed
    begins   [time]
    ");
}
