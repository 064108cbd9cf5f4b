//! `troupe grant`: both keys of a deployment, by the command line.

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::command::{Said, run_on};
use troupe_tests::{Host, guests};

use super::seen;
use crate::{PROGRAM, empty_host};

async fn on(host: &Host, arguments: &[&str]) -> Said {
    run_on(PROGRAM, host, arguments).await
}

async fn said(host: &Host, arguments: &[&str]) -> String {
    seen(on(host, arguments).await.good())
}

/// A host with one agent that asks for state, a wiki and a cloud.
async fn asking() -> Host {
    let host = empty_host().await;
    let client = host.client();
    let asks = json!({
        "state": { "bytes": "1 MiB", "keys": 100 },
        "http": [
            { "id": "wiki", "host": "wiki.example.com", "methods": ["GET", "PUT"], "path_prefix": "/api/" },
            { "id": "ec2", "host": "ec2.*.amazonaws.com", "methods": ["POST"], "credential": "aws:default",
              "actions": ["ec2:Describe*"] },
        ],
    });
    client.publish(guests().fetch.asking(asks).archive("1.0.0")).await.of(201);
    client.swap("fetch", "1.0.0").await.of(200);
    host
}

#[tokio::test]
async fn grants_are_shown_added_and_removed_line_by_line() {
    let host = asking().await;
    assert_snapshot!(said(&host, &["grant", "show", "fetch"]).await, @"
    fetch 1.0.0, epoch 1, grants revision 0
    LINE       ASKED  GRANTED  IN FORCE
    state      yes    -        -
    http/ec2   yes    -        -
    http/wiki  yes    -        -

    asked for and not granted, or not whole
      state: up to 1 MiB and 100 keys
        troupe grant add fetch state
      http ec2: POST https://ec2.*.amazonaws.com/* as aws:default for ec2:Describe*
        troupe grant add fetch http/ec2
      http wiki: GET, PUT https://wiki.example.com/api/*
        troupe grant add fetch http/wiki
    ");
    assert_snapshot!(said(&host, &["grant", "add", "fetch", "state", "http/wiki"]).await, @"
    fetch 1.0.0, epoch 2, grants revision 1
    LINE       ASKED  GRANTED  IN FORCE
    state      yes    yes      whole
    http/ec2   yes    -        -
    http/wiki  yes    yes      whole

    in force
      state: up to 1 MiB and 100 keys
      http wiki: GET, PUT https://wiki.example.com/api/*

    asked for and not granted, or not whole
      http ec2: POST https://ec2.*.amazonaws.com/* as aws:default for ec2:Describe*
        troupe grant add fetch http/ec2
    ");
    on(&host, &["grant", "add", "fetch", "--all"]).await.good();
    assert_snapshot!(said(&host, &["grant", "remove", "fetch", "http/ec2"]).await, @"
    fetch 1.0.0, epoch 4, grants revision 3
    LINE       ASKED  GRANTED  IN FORCE
    state      yes    yes      whole
    http/ec2   yes    -        -
    http/wiki  yes    yes      whole

    in force
      state: up to 1 MiB and 100 keys
      http wiki: GET, PUT https://wiki.example.com/api/*

    asked for and not granted, or not whole
      http ec2: POST https://ec2.*.amazonaws.com/* as aws:default for ec2:Describe*
        troupe grant add fetch http/ec2
    ");
    assert_snapshot!(said(&host, &["grant", "remove", "fetch", "--all"]).await, @"
    fetch 1.0.0, epoch 5, grants revision 4
    LINE       ASKED  GRANTED  IN FORCE
    state      yes    -        -
    http/ec2   yes    -        -
    http/wiki  yes    -        -

    asked for and not granted, or not whole
      state: up to 1 MiB and 100 keys
        troupe grant add fetch state
      http ec2: POST https://ec2.*.amazonaws.com/* as aws:default for ec2:Describe*
        troupe grant add fetch http/ec2
      http wiki: GET, PUT https://wiki.example.com/api/*
        troupe grant add fetch http/wiki
    ");
    assert_snapshot!(on(&host, &["grant", "add", "fetch", "http/wikki"]).await.bad(), @"error: the manifest of fetch@1.0.0 asks for no line `http/wikki`; there is `state`, `http/wiki`, `http/ec2` [grant.not_found]");
    assert_snapshot!(on(&host, &["grant", "add", "fetch", "wiki"]).await.bad(), @"error: `wiki` is not the address of a grant, such as `state` or `http/ID` [request.invalid]");
    assert_snapshot!(on(&host, &["grant", "remove", "fetch", "state", "--epoch", "1"]).await.bad(), @"error: the deployment of fetch is at epoch 5 now; look at it again, then repeat [swap.conflict]");
}

#[tokio::test]
async fn a_file_grants_in_the_words_of_a_manifest_or_of_the_api() {
    let host = asking().await;
    let toml = "[capabilities.state]\nbytes = \"4 KiB\"\nkeys = 10\n";
    std::fs::write(host.dir().join("grants.toml"), toml).unwrap();
    assert_snapshot!(said(&host, &["grant", "add", "fetch", "--file", "grants.toml"]).await, @"
    fetch 1.0.0, epoch 2, grants revision 1
    LINE       ASKED  GRANTED  IN FORCE
    state      yes    yes      in part
    http/ec2   yes    -        -
    http/wiki  yes    -        -

    in force
      state: up to 4 KiB and 10 keys

    asked for and not granted, or not whole
      state: up to 1 MiB and 100 keys
        troupe grant add fetch state
      http ec2: POST https://ec2.*.amazonaws.com/* as aws:default for ec2:Describe*
        troupe grant add fetch http/ec2
      http wiki: GET, PUT https://wiki.example.com/api/*
        troupe grant add fetch http/wiki
    ");
    let shown: Value = serde_json::from_str(on(&host, &["--json", "grant", "show", "fetch"]).await.good()).unwrap();
    std::fs::write(host.dir().join("grants.json"), shown["granted"].to_string()).unwrap();
    let diff = said(&host, &["grant", "diff", "fetch", "--file", "grants.json"]).await;
    assert_snapshot!(diff, @"
    the other allows exactly what is in force for fetch
      same      state
    ");
    std::fs::write(host.dir().join("wrong.toml"), "[capabilities.state]\nbytes = \"4 KiB\"\nkees = 10\n").unwrap();
    assert_snapshot!(on(&host, &["grant", "add", "fetch", "--file", "wrong.toml"]).await.bad(), @"error: `wrong.toml`: a file of grants, line 3: unknown field `kees` in [capabilities.state], expected one of `bytes`, `keys`, `instances` [manifest.invalid]");
    assert_snapshot!(on(&host, &["grant", "add", "fetch", "--file", "absent.toml"]).await.bad(), @"error: `absent.toml`: entity not found [request.invalid]");
}

#[tokio::test]
async fn a_diff_tells_what_a_release_would_widen_and_narrow() {
    let host = asking().await;
    on(&host, &["grant", "add", "fetch", "state", "http/wiki"]).await.good();
    assert_snapshot!(said(&host, &["grant", "diff", "fetch"]).await, @"
    the other allows more than what is in force for fetch
      same      state
    + wider     http/ec2
        now   nothing
        then  http ec2: POST https://ec2.*.amazonaws.com/* as aws:default for ec2:Describe*
      same      http/wiki
    ");
    let asks = json!({
        "state": { "bytes": "1 MiB", "keys": 100 },
        "http": [
            { "id": "wiki", "host": "wiki.example.com", "methods": ["GET", "DELETE"], "path_prefix": "/api/" },
            { "id": "mail", "host": "mail.example.com", "methods": ["POST"] },
        ],
    });
    host.client().publish(guests().fetch.asking(asks).archive("1.1.0")).await.of(201);
    assert_snapshot!(said(&host, &["grant", "diff", "fetch", "--release", "1.1.0"]).await, @"
    1.1.0 allows more in some, less in other than what is in force for fetch
      same      state
    + wider     http/mail
        now   nothing
        then  http mail: POST https://mail.example.com/*
    ~ other     http/wiki
        now   http wiki: GET, PUT https://wiki.example.com/api/*
        then  http wiki: GET, DELETE https://wiki.example.com/api/*
    ");
}

#[tokio::test]
async fn an_explanation_names_the_lines_of_both_keys() {
    let host = asking().await;
    on(&host, &["grant", "add", "fetch", "state", "http/ec2"]).await.good();
    assert_snapshot!(said(&host, &["grant", "explain", "fetch"]).await, @"
    fetch at epoch 2 may
      state: up to 1 MiB and 100 keys
        manifest: state
        operator: state
      http ec2: POST https://ec2.*.amazonaws.com/* as aws:default for ec2:Describe*
        manifest: http/ec2
        operator: http/ec2

    asked for and not granted, or not whole
      http wiki: GET, PUT https://wiki.example.com/api/*
        troupe grant add fetch http/wiki
    ");
    let describe = [
        "grant",
        "explain",
        "fetch",
        "http",
        "POST",
        "https://ec2.us-east-1.amazonaws.com/",
        "--header",
        "content-type: application/x-www-form-urlencoded",
        "--body",
        "Action=DescribeInstances&Version=2016-11-15",
    ];
    assert_snapshot!(said(&host, &describe).await, @"
    allowed: http POST https://ec2.us-east-1.amazonaws.com/ (ec2:DescribeInstances) by fetch
      a call of class read, as aws:default
    manifest: asks for it
      http/ec2  http ec2: POST https://ec2.*.amazonaws.com/* as aws:default for ec2:Describe*
    operator: grants it
      http/ec2  http ec2: POST https://ec2.*.amazonaws.com/* as aws:default for ec2:Describe*
    ");
    let denied = on(&host, &["grant", "explain", "fetch", "http", "GET", "https://wiki.example.com/api/pages"]).await;
    assert_eq!(denied.code, Some(1));
    assert_snapshot!(seen(&denied.out), @"
    denied: http GET https://wiki.example.com/api/pages by fetch
      no grant of `http` leads to https://wiki.example.com; the manifest must ask for it and the operator grant it [denied.capability]
    manifest: asks for it
      http/wiki  http wiki: GET, PUT https://wiki.example.com/api/*
    operator: no, no grant of `http` leads to https://wiki.example.com
    next: `troupe grant add fetch http/wiki` grants it
    ");
    let never = on(&host, &["grant", "explain", "fetch", "http", "GET", "https://ec2.us-east-1.amazonaws.com/"]).await;
    assert_snapshot!(seen(&never.out), @"
    denied: http GET https://ec2.us-east-1.amazonaws.com/ by fetch
      no grant of https://ec2.us-east-1.amazonaws.com admits GET at this path; the manifest must ask for it and the operator grant it [denied.capability]
    manifest: no, no grant of https://ec2.us-east-1.amazonaws.com admits GET at this path
    operator: no, no grant of https://ec2.us-east-1.amazonaws.com admits GET at this path
    next: the manifest of fetch@1.0.0 does not ask for it: a release whose agent.toml does must be published, swapped in and granted
    ");
    let json = on(&host, &["--json", "grant", "explain", "fetch", "state", "get", "n"]).await;
    let explained: Value = serde_json::from_str(json.good()).unwrap();
    assert_eq!((&explained["allowed"], &explained["operator"]["lines"][0]["line"]), (&json!(true), &json!("state")));
    assert_snapshot!(on(&host, &["grant", "explain", "fetch", "fly"]).await.bad(), @"error: `fly` is no question; ask one such as `http GET https://example.com/` or `state set` [request.invalid]");
}
