//! Locks, by the command line.

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::Host;
use troupe_tests::command::{Said, run_on};

use super::{held_by, hold, host, waited_for};
use crate::PROGRAM;
use crate::cli::seen;

async fn on(host: &Host, arguments: &[&str]) -> Said {
    run_on(PROGRAM, host, &[&["locks"], arguments].concat()).await
}

#[tokio::test]
async fn locks_are_listed_shown_and_taken_away() {
    let host = host().await;
    let client = host.client();
    assert_snapshot!(seen(on(&host, &[]).await.good()), @"no task holds such a lock");
    let holds = hold(&client, "res/a/1", 60_000, json!({})).await;
    held_by(&client, "res/a/1", &holds).await;
    hold(&client, "res/a/1", 0, json!({ "priority": "high" })).await;
    waited_for(&client, "res/a/1", 1).await;
    assert_snapshot!(seen(on(&host, &["list", "res/*"]).await.good()), @r"
    LOCK     TOKEN  AGENT   TASK                                  PRIORITY  UNTIL                     WAITING
    res/a/1  1      locker  [id]  normal    [time]  1
    ");
    assert_snapshot!(seen(on(&host, &["get", "res/a/1"]).await.good()), @r"
    lock      res/a/1
    token     1
    agent     locker
    task      [id]
    priority  normal
    since     [time]
    until     [time]
    waiting   1

    WAITS                                 AGENT   PRIORITY  SINCE                     UNTIL
    [id]  locker  high      [time]  -
    ");
    let shown: Value = serde_json::from_str(on(&host, &["get", "res/a/1", "--json"]).await.good()).unwrap();
    assert_eq!(shown["queue"][0]["priority"], "high");
    assert_snapshot!(seen(on(&host, &["release", "res/a/1", "--if-token", "99"]).await.bad()), @"error: the lock `res/a/1` was given to task [id] meanwhile; look at it again [lock.conflict]");
    assert_snapshot!(seen(on(&host, &["release", "res/a/1"]).await.good()), @"res/a/1 is taken from task [id] of locker");
    assert_snapshot!(seen(on(&host, &["get", "res/none"]).await.bad()), @"error: nobody holds the lock `res/none`; `troupe locks` lists those that are held [lock.not_found]");
}
