//! Sessions, by the command line.

use insta::assert_snapshot;
use serde_json::Value;
use troupe_tests::Host;
use troupe_tests::command::{Said, run_on};

use super::seen;
use crate::{PROGRAM, host};

async fn on(host: &Host, arguments: &[&str]) -> Said {
    run_on(PROGRAM, host, arguments).await
}

#[tokio::test]
async fn a_session_is_started_talked_in_exported_and_ended() {
    let host = host().await;
    assert_snapshot!(seen(on(&host, &["sessions"]).await.good()), @"no sessions; `troupe sessions start --with AGENT` starts one");
    let start = ["--json", "sessions", "start", "--with", "echo", "--with", "counter", "--context", r#"{"key":"n"}"#];
    let started: Value = serde_json::from_str(on(&host, &start).await.good()).unwrap();
    let id = started["id"].as_str().unwrap();
    let ask = async |words: &[&str]| on(&host, &[&["ask", id], words].concat()).await;
    assert_snapshot!(seen(ask(&["version"]).await.bad()), @"error: several could be meant; name one of them in `to`: `[id]` (echo), `[id]` (counter) [request.invalid]");
    assert_snapshot!(seen(ask(&["--to", "echo", "say", "text"]).await.good()), @"
    several skills could be meant; say which, by its name:
    SKILL  EFFECT  SUMMARY
    echo   read    Says the text back.
    shout  read    Says the text loudly, as often as the configuration asks, with progress, parts and log records on the way.
    ");
    assert_snapshot!(seen(ask(&["echo", "--explain"]).await.good()), @"
    `echo` needs `text`:
      text (string)  What to say.
    ");
    let said = ask(&["hello", "--explain"]).await;
    assert_snapshot!(said.good(), @"text  hello");
    assert_snapshot!(seen(&said.err), @"
    read as `echo`, score 0
      text is from the words
    ");
    assert_snapshot!(seen(ask(&["sing"]).await.good()), @"
    no skill of `echo` fits these words; this is what it can do:
    SKILL    EFFECT  SUMMARY
    echo     read    Says the text back.
    version  read    Says which version of the agent answers.
    who      read    Says all that the host says about the invocation.
    sleep    read    Waits, then says for how long and which version waited.
    fail     write   Ends without success, in the way that is asked for.
    shout    read    Says the text loudly, as often as the configuration asks, with progress, parts and log records on the way.
    ");
    assert_snapshot!(seen(ask(&["--to", "counter", "increment"]).await.good()), @r#"
    `increment` is of the effect class `write`, so it is run with this input once you confirm it:
      increment {"key":"n"}
    `troupe ask [id] --confirm [id]` runs it
    "#);
    assert_snapshot!(seen(on(&host, &["suggest", id]).await.good()), @"
    SAY       TO                                    WHY
    yes       [id]  it proposed this, and runs it once it is confirmed
    get       [id]  the session's context holds `key`. Reads the text under a key.
    expire    [id]  the session's context holds `key`. Says how long a key stays.
    delete    [id]  the session's context holds `key`. Deletes a key.
    version   [id]  it needs no inputs. Says which version of the agent answers.
    who       [id]  it needs no inputs. Says all that the host says about the invocation.
    instance  [id]  it needs no inputs. Names the instance that the task is for.
    ");
    assert_snapshot!(seen(ask(&["--confirm", id]).await.bad()), @"error: [id] is not what the agent has proposed last, so nothing is run; ask for it again [session.proposal]");
    on(&host, &["sessions", "context", id, r#"{"key":null}"#]).await.good();
    on(&host, &["sessions", "spawn", id, "echo", "--name", "two"]).await.good();
    assert_snapshot!(seen(on(&host, &["sessions", "get", id]).await.good()), @"
    session   [id]
    status    open
    of        owner
    messages  5
    started   [time]
    used      [time]
    expires   [time]
    with      echo [id] idle
    with      counter [id] idle
    with      echo two [id] idle
    ");
    let export: Value = serde_json::from_str(on(&host, &["sessions", "export", id]).await.good()).unwrap();
    assert_eq!(export["messages"].as_array().unwrap().len(), 5);
    assert_eq!(export["instances"].as_array().unwrap().len(), 3);
    assert!(seen(on(&host, &["sessions", "end", id]).await.good()).contains("ended     [time] by owner"));
    assert_snapshot!(seen(ask(&["version"]).await.bad()), @"error: session [id] takes nothing more, since it was ended; start another one [session.ended]");
    assert_snapshot!(seen(on(&host, &["sessions", "list", "--status", "ended"]).await.good()), @"
    SESSION                               STATUS  OF     MESSAGES  USED                      EXPIRES
    [id]  ended   owner  5         [time]  [time]
    ");
}

/// The session of the README, typed once more.
#[tokio::test]
async fn a_session_goes_as_the_readme_shows_it() {
    let host = host().await;
    let grants = serde_json::json!({ "grants": { "state": { "bytes": 1 << 20, "keys": 100 } } });
    host.client().put("/api/v1/deployments/counter/grants", &grants).await.of(200);
    let readme = include_str!("../../../README.md");
    let (_, section) = readme.split_once("\n## Sessions\n").unwrap();
    let text = section.split("```").nth(1).unwrap().trim_start_matches("text\n");
    let (mut session, mut proposal) = (String::new(), String::new());
    for shown in text.split("$ troupe ").skip(1) {
        let (command, wanted) = shown.split_once('\n').unwrap();
        let of_session = |word: &str| word == "01a21fad-0c54-7a10-8f0e-5b9d6c2e7a31";
        let words = command.split(' ').map(|word| match word.trim_matches('\'') {
            word if of_session(word) => session.clone(),
            "01a21fad-1f3b-7c40-a2d7-3e8f9b0c1d24" => proposal.clone(),
            word => word.to_owned(),
        });
        let words: Vec<String> = words.collect();
        let said = on(&host, &words.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let told = format!("{}{}", said.err, said.good());
        if command.starts_with("sessions start") {
            session = told.split_whitespace().nth(1).unwrap().to_owned();
        }
        if let Some((_, rest)) = told.split_once("--confirm ") {
            proposal = rest.split('`').next().unwrap().to_owned();
        }
        if !wanted.trim().is_empty() {
            assert_eq!(seen(&told).trim(), seen(wanted).trim(), "{command}");
        }
    }
    assert!(!proposal.is_empty());
}
