//! Approvals, by the command line.

use insta::assert_snapshot;
use serde_json::json;
use troupe_tests::Host;
use troupe_tests::command::{Said, run_on, run_on_terminal};

use super::{approval_of, asked, demand, host_that_counts, somebody};
use crate::PROGRAM;
use crate::cli::seen;

async fn on(host: &Host, arguments: &[&str]) -> Said {
    run_on(PROGRAM, host, &[&["approvals"], arguments].concat()).await
}

#[tokio::test]
async fn a_policy_is_set_from_a_file_and_what_waits_is_listed_shown_and_decided() {
    let host = host_that_counts().await;
    let client = host.client();
    assert_snapshot!(seen(on(&host, &[]).await.good()), @"nothing waits for approval");
    assert_snapshot!(seen(on(&host, &["policy"]).await.good()), @"no task needs approval (policy revision 0)");
    let policy = json!({ "rules": [{
        "agents": "counter", "skills": "inc*", "effects": ["write"], "reason": "it counts",
        "levels": [{ "own": true, "quorum": 1, "escalate_after_ms": 3_600_000 }, { "quorum": 2, "when": "escalated" }],
        "expires_after_ms": 86_400_000,
    }] });
    std::fs::write(host.dir().join("policy.json"), policy.to_string()).unwrap();
    assert_snapshot!(seen(on(&host, &["policy", "set", "policy.json"]).await.good()), @"
    revision 1 of owner at [time]

    rule 1: counter, skills inc*, effect write
      level 1: 1 of whoever holds `approve`, whoever asked included; after 1 h the next is asked as well
      level 2: 2 of whoever holds `approve`, if the one before is too slow
      fails undecided after 24 h
      it counts
    ");
    let configuration = json!({ "configuration": { "region": "eu" } });
    client.put("/api/v1/deployments/counter/configuration", &configuration).await.of(200);
    let (task, approval) = asked(&client, "a").await;
    let listed = on(&host, &[]).await;
    for part in [approval.as_str(), "pending", "counter@1.0.0 increment", "write", "owner"] {
        assert!(listed.good().contains(part), "{part}: {listed:?}");
    }
    let shown = on(&host, &["show", &approval]).await;
    for part in [
        format!("approval  {approval} (pending), revision 1\n"),
        format!("task      {task}\n"),
        "action    increment of counter@1.0.0\nrelease   sha256:".to_owned(),
        "config    sha256:".to_owned(),
        ", revision 1\neffect    write\nasked by  owner\n".to_owned(),
        "\nconfig\n  region  eu\n".to_owned(),
        "why       rule 1 of policy revision 1: it counts\n".to_owned(),
        "level 1   open, 0 of 1, at ".to_owned(),
        "level 2   waits, 0 of 2; ".to_owned(),
        "\n  key  a\n".to_owned(),
    ] {
        assert!(shown.good().contains(&part), "{part}: {}", shown.out);
    }
    let blind = on(&host, &["approve", &approval]).await;
    assert!(blind.bad().contains("nobody has said which revision"), "{blind:?}");
    assert_snapshot!(seen(on(&host, &["reject", &approval]).await.bad()), @"error: a rejection says why: whoever asked is told `--reason TEXT` [request.invalid]");
    assert_snapshot!(seen(on(&host, &["approve", &approval, "--revision", "9"]).await.bad()), @"error: something has happened to approval [id] since it was looked at; look at it again [approval.conflict]");
    let approved = on(&host, &["approve", &approval, "--revision", "1", "--reason", "fine"]).await;
    assert_snapshot!(seen(approved.good()), @"approved; task [id] runs when it is its turn");
    assert_eq!(client.ended(&task).await["status"], "completed");

    let (task, approval) = asked(&client, "a").await;
    let rejected = on(&host, &["reject", &approval, "--yes", "--reason", "not today"]).await;
    assert_snapshot!(seen(rejected.good()), @"rejected; task [id] has failed");
    assert_eq!(client.ended(&task).await["failure"]["code"], "approval.rejected");
}

#[tokio::test]
async fn whoever_sits_at_a_terminal_is_shown_the_action_before_the_question() {
    let host = host_that_counts().await;
    let client = host.client();
    demand(&client, json!([{ "skills": "increment", "levels": [{ "own": true }] }])).await;
    let (task, approval) = asked(&client, "a").await;
    let arguments = ["approvals", "approve", &approval];
    let Some(no) = run_on_terminal(PROGRAM, &host, &arguments, "n\n").await else { return };
    assert!(no.out.contains("nothing was decided"), "{no:?}");
    assert_eq!(approval_of(&client, &task).await, approval);
    let yes = run_on_terminal(PROGRAM, &host, &arguments, "y\n").await.unwrap();
    let (action, question) = (yes.out.find("action    increment of counter@1.0.0"), yes.out.find("Approve of exactly"));
    assert!(action.is_some() && action < question, "{yes:?}");
    assert_eq!(client.ended(&task).await["status"], "completed");
}

#[tokio::test]
async fn a_right_is_lent_and_a_run_says_what_it_waits_for() {
    let host = host_that_counts().await;
    let client = host.client();
    demand(&client, json!([{ "skills": "increment", "levels": [{ "approvers": ["owner"] }] }])).await;
    let (alice, who) = somebody(&client).await;
    let (bob, b) = somebody(&client).await;
    let (task, approval) = asked(&alice, "a").await;
    let lent = on(&host, &["delegate", &approval, "--to", &b, "--for", "1h"]).await;
    assert!(lent.good().contains("may decide on level 1 in your stead for 1h"), "{lent:?}");
    super::approve(&bob, &approval).await.of(200);
    assert_eq!(client.ended(&task).await["status"], "completed");
    assert!(!who.is_empty());

    let running = tokio::spawn({
        let arguments = ["run", "counter", "increment", "--input", r#"{"key":"a"}"#];
        let command = troupe_tests::command::command_on(PROGRAM, &host, &arguments).spawn().unwrap();
        troupe_tests::command::ended(command)
    });
    let approval = loop {
        let page = client.get("/api/v1/task-approvals?status=pending").await.of(200);
        if let Some(id) = page["items"][0]["id"].as_str() {
            break id.to_owned();
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    demand(&client, json!([])).await;
    client
        .post(
            &format!("/api/v1/tasks/{}/cancel", super::get(&client, &approval).await["task"].as_str().unwrap()),
            &json!(null),
        )
        .await
        .of(200);
    let said = running.await.unwrap();
    assert!(said.err.contains("the task waits for approval; `troupe approvals show "), "{said:?}");
}
