//! What agents ask, by the command line.

use insta::assert_snapshot;
use troupe_tests::Host;
use troupe_tests::command::{Said, run_on};

use super::{approval_of, host, output, purge, somebody};
use crate::PROGRAM;
use crate::cli::seen;

async fn on(host: &Host, arguments: &[&str]) -> Said {
    run_on(PROGRAM, host, &[&["approvals"], arguments].concat()).await
}

#[tokio::test]
async fn a_question_is_listed_beside_tasks_shown_whole_and_decided() {
    let host = host().await;
    let client = host.client();
    let task = purge(&client, &["a"]).await;
    let approval = approval_of(&client, &task).await;
    let listed = on(&host, &[]).await;
    for part in [approval.as_str(), "pending", "janitor@1.0.0 purge: remove a", "destructive", "owner"] {
        assert!(listed.good().contains(part), "{part}: {listed:?}");
    }
    let shown = on(&host, &["show", &approval]).await;
    for part in [
        format!("approval  {approval} (pending), revision 1\n"),
        "action    purge of janitor@1.0.0\n".to_owned(),
        "why       the agent asks for it, and no rule is about it\n".to_owned(),
        "\nthe agent asks for approval of sha256:".to_owned(),
        "\n  remove a\n".to_owned(),
    ] {
        assert!(shown.good().contains(&part), "{part}: {}", shown.out);
    }
    // The owner asked for the task.
    assert!(on(&host, &["approve", &approval, "--yes"]).await.bad().contains("[approval.denied]"));
    let (alice, _) = somebody(&client).await;
    let as_alice = ["--token", alice.token().unwrap()];
    let rejected =
        on(&host, &[&["reject", approval.as_str(), "--yes", "--reason", "no"][..], &as_alice].concat()).await;
    assert_snapshot!(seen(rejected.good()), @"rejected; the agent of task [id] is told, and goes on without");
    assert_eq!(output(&client, &task).await["end"], "rejected");

    let task = purge(&client, &["b"]).await;
    let approval = approval_of(&client, &task).await;
    let who = alice.get("/api/v1/whoami").await.of(200)["principal"].as_str().unwrap().to_owned();
    let linked =
        on(&host, &[&["link", approval.as_str(), "--for", &who, "--expires", "2h"][..], &as_alice].concat()).await;
    let url = linked.good().lines().next().unwrap().to_owned();
    assert!(url.starts_with("http://127.0.0.1:") && url.contains("/approve?link="), "{url}");
    assert!(linked.good().contains(&format!("`{who}` decides by it, once, until ")), "{linked:?}");
    let approved = on(&host, &[&["approve", approval.as_str(), "--yes"][..], &as_alice].concat()).await;
    assert_snapshot!(seen(approved.good()), @"approved; the agent of task [id] is told, and goes on");
    assert_eq!(output(&client, &task).await["removed"][0], "b");
}
