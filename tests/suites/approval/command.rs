//! Approving from the command line.

use std::collections::HashSet;

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_core::{Digest, TenantId};
use troupe_package::Profile;
use troupe_registry::Layout;
use troupe_store::NewRelease;
use troupe_tests::command::{run_on, run_on_terminal};
use troupe_tests::{guests, redacted};

use super::{reworded, waiting};
use crate::faults::store;
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

    `troupe release approve echo@1.0.1 --delta [digest]` lets exactly this serve, `troupe release reject echo@1.0.1` does not
    ");
    // What it prints is what approves of exactly this.
    let line = told.out.lines().find(|line| line.starts_with("`troupe release approve")).unwrap();
    let delta = line.split(' ').find(|word| word.starts_with("sha256:")).unwrap().trim_end_matches('`');
    let pending = run_on(PROGRAM, &host, &["release", "pending"]).await;
    assert_snapshot!(redacted(pending.good()), @r"
    RELEASE     BESIDE  SINCE
    echo@1.0.1  1.0.0   [time]
    ");
    let swap = run_on(PROGRAM, &host, &["swap", "echo@1.0.1"]).await;
    assert!(swap.bad().contains("[release.pending_approval]"), "{swap:#?}");
    let unseen = run_on(PROGRAM, &host, &["release", "approve", "echo@1.0.1"]).await;
    assert_snapshot!(redacted(unseen.bad()), @"error: nobody has said which difference of echo@1.0.1 was looked at, and there is no terminal to show it on; `troupe release diff echo@1.0.1` prints it and the command that approves of exactly that, and `--yes` approves of whatever it is now [request.invalid]");
    let other = format!("sha256:{}", "0".repeat(64));
    let stale = run_on(PROGRAM, &host, &["release", "approve", "echo@1.0.1", "--delta", &other]).await;
    assert!(stale.bad().contains("[swap.conflict]"), "{stale:#?}");
    let approve = ["release", "approve", "echo@1.0.1", "--delta", delta, "--reason", "read it"];
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
    let approve = ["release", "approve", "echo@3.0.0", "--yes"];
    let refused = run_on(PROGRAM, &host, &approve).await;
    assert!(refused.bad().contains("[swap.incompatible]"), "{refused:#?}");
    let breaking = run_on(PROGRAM, &host, &[&approve[..], &["--breaking"]].concat()).await;
    assert!(breaking.good().starts_with("echo@3.0.0 is approved over echo@1.0.0\n  skill `echo`: it is gone\n"));
    run_on(PROGRAM, &host, &["swap", "echo@3.0.0"]).await.good();
    let nobody = run_on(PROGRAM, &host, &["release", "diff", "echo@9.0.0"]).await;
    assert!(nobody.bad().contains("[release.not_found]"), "{nobody:#?}");
}

#[tokio::test]
async fn on_a_terminal_the_difference_is_shown_before_it_is_approved_of() {
    let host = host().await;
    let client = host.client();
    client.publish(reworded().archive("1.0.1")).await.of(201);
    let approve = ["release", "approve", "echo@1.0.1"];
    let Some(refused) = run_on_terminal(PROGRAM, &host, &approve, "n\n").await else { return };
    assert_eq!(refused.code, Some(1), "{refused:#?}");
    assert!(refused.out.contains("nothing was approved; echo@1.0.1 waits as before"), "{refused:#?}");
    assert_eq!(waiting(&client).await, ["1.0.1"]);
    let approved = run_on_terminal(PROGRAM, &host, &approve, "y\n").await.unwrap();
    assert_eq!(approved.code, Some(0), "{approved:#?}");
    let (shown, decided) = approved.out.split_once("Approve of exactly this? [y/N]").unwrap();
    assert!(shown.contains("+ Says which version of the agent replies."), "{approved:#?}");
    assert!(decided.contains("echo@1.0.1 is approved over echo@1.0.0"), "{approved:#?}");
    client.swap("echo", "1.0.1").await.of(200);
}

#[tokio::test]
async fn a_difference_of_many_pages_is_read_whole() {
    let mut host = host().await;
    let mut release = guests().echo.release("1.0.1");
    let mut profile: Value = serde_json::from_slice(&release.profile.to_json()).unwrap();
    for number in 0..450 {
        let described = json!({ "description": format!("property number {number}") });
        profile["skills"][0]["input"]["properties"][format!("p{number}")] = described;
    }
    release.profile = Profile::parse(&profile.to_string()).unwrap();
    // Its component says less of itself, so that a publish would refuse it.
    host.stop().await;
    let digest = Layout::open(&host.data_dir().join("releases")).unwrap().put(&release).unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let new = NewRelease {
        release: release.manifest.release(),
        digest,
        component: Digest::of(&release.component),
        manifest: text(release.manifest.to_json()),
        profile: text(release.profile.to_json()),
        signatures: Vec::new(),
        image: None,
    };
    let store = store(&host).await;
    store.publish(&TenantId::default(), new, None).await.unwrap();
    store.close().await;
    host.start().await;
    let path = "/api/v1/agents/echo/releases/1.0.1/diff";
    let first = host.client().get(path).await.of(200);
    assert_eq!((&first["next"], first["texts"].as_array().unwrap().len()), (&json!(200), 200));
    let last = host.client().get(&format!("{path}?after=400")).await.of(200);
    assert_eq!((&last["next"], &last["delta"]), (&Value::Null, &first["delta"]));
    let whole = run_on(PROGRAM, &host, &["release", "diff", "echo@1.0.1"]).await;
    let lines: HashSet<&str> = whole.good().lines().map(str::trim).collect();
    for number in 0..450 {
        let line = format!(r#"+ {{"description":"property number {number}"}}"#);
        assert!(lines.contains(line.as_str()), "{line}");
    }
}
