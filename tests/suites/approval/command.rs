//! Approving from the command line.

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::command::run_on;
use troupe_tests::{guests, redacted};

use super::reworded;
use crate::{PROGRAM, host};

#[tokio::test]
async fn an_operator_reads_what_differs_and_approves_of_it() {
    let host = host().await;
    let client = host.client();
    let mut guest = reworded().saying("How long, in milliseconds.", "How long,\u{200b} milliseconds.");
    guest = guest.asking(json!({ "http": [{ "id": "api", "host": "api.example.com", "methods": ["GET"] }] }));
    client.publish(guest.archive("1.0.1")).await.of(201);
    let told = run_on(PROGRAM, &host, &["release", "diff", "echo@1.0.1"]).await;
    assert_snapshot!(redacted(told.good()), @r"
    echo@1.0.1 beside echo@1.0.0, which serves: pending approval

    wider (1)
      new grant http/api: http api: GET https://api.example.com/*

    a model reads (2)
      /skills/version/description
        - Says which version of the agent answers.
        + Says which version of the agent replies.
      /skills/sleep/input/properties/ms/description
        - How long, in milliseconds.
        + How long,\u{200b} milliseconds.

    hints, which prove nothing (1)
      hidden characters: /skills/sleep/input/properties/ms/description
        How long,\u{200b} milliseconds.

    approval [id] waits since [time]

    `troupe release approve echo@1.0.1` lets it serve, `troupe release reject echo@1.0.1` does not
    ");
    let pending = run_on(PROGRAM, &host, &["release", "pending"]).await;
    assert_snapshot!(redacted(pending.good()), @r"
    RELEASE     BESIDE  SINCE
    echo@1.0.1  1.0.0   [time]
    ");
    let swap = run_on(PROGRAM, &host, &["swap", "echo@1.0.1"]).await;
    assert!(swap.bad().contains("[release.pending_approval]"), "{swap:#?}");
    let approve = ["release", "approve", "echo@1.0.1", "--reason", "read it"];
    assert_snapshot!(run_on(PROGRAM, &host, &approve).await.good(), @r"
    echo@1.0.1 is approved over echo@1.0.0
      new grant http/api: http api: GET https://api.example.com/*
      text changed: /skills/version/description
      text changed: /skills/sleep/input/properties/ms/description
      hidden characters: /skills/sleep/input/properties/ms/description
    ");
    run_on(PROGRAM, &host, &["swap", "echo@1.0.1"]).await.good();
    let json = run_on(PROGRAM, &host, &["--json", "release", "diff", "echo@1.0.1"]).await;
    let diff: Value = serde_json::from_str(json.good()).unwrap();
    assert_eq!((&diff["status"], &diff["texts"]), (&json!("published"), &json!([])));
    assert_snapshot!(run_on(PROGRAM, &host, &["release", "pending"]).await.good(), @"no release waits for approval");
}

#[tokio::test]
async fn an_operator_rejects_a_release_and_lets_one_break_its_callers() {
    let host = host().await;
    let client = host.client();
    client.publish(reworded().archive("1.0.1")).await.of(201);
    let reject = ["release", "reject", "echo@1.0.1", "--reason", "why does it reply?"];
    assert_snapshot!(run_on(PROGRAM, &host, &reject).await.good(), @"echo@1.0.1 is rejected; it is refused until it is approved");
    let swap = run_on(PROGRAM, &host, &["swap", "echo@1.0.1", "--watch", "1s"]).await;
    assert_eq!(swap.code, Some(1), "{swap:#?}");
    assert!(swap.out.contains("owner rejected echo@1.0.1: why does it reply?"), "{swap:#?}");
    client.publish(guests().counter.called("echo").archive("3.0.0")).await.of(201);
    let approve = ["release", "approve", "echo@3.0.0"];
    let refused = run_on(PROGRAM, &host, &approve).await;
    assert!(refused.bad().contains("[swap.incompatible]"), "{refused:#?}");
    let breaking = run_on(PROGRAM, &host, &[&approve[..], &["--breaking"]].concat()).await;
    assert!(breaking.good().starts_with("echo@3.0.0 is approved over echo@1.0.0\n  skill `echo`: it is gone\n"));
    run_on(PROGRAM, &host, &["swap", "echo@3.0.0"]).await.good();
    let nobody = run_on(PROGRAM, &host, &["release", "diff", "echo@9.0.0"]).await;
    assert!(nobody.bad().contains("[release.not_found]"), "{nobody:#?}");
}
