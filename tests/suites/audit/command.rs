//! `troupe audit`, as a person meets it.

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::Host;
use troupe_tests::command::{Said, run_on};
use troupe_tests::redacted;

use super::{denied, id, sending};
use crate::{PROGRAM, empty_host};

async fn on(host: &Host, arguments: &[&str]) -> Said {
    run_on(PROGRAM, host, arguments).await
}

#[tokio::test]
async fn decisions_are_listed_and_verified_by_two_commands() {
    let (_server, host) = sending().await;
    let client = host.client();
    let task = client.run("fetch", "one_by_one", json!({ "requests": [denied(), denied()] })).await.of(200);
    assert_snapshot!(redacted(on(&host, &["audit"]).await.good()), @"
    SEQ  AT                        DECISION                    TIMES  ABOUT        TASK                                  BY     FACTS
    1    [time]  tenant_created              1      -            -                                     host
    2    [time]  published                   1      fetch@1.0.0  -                                     owner  component=[digest] keys=[digest]
    3    [time]  swap                        1      fetch@1.0.0  -                                     owner  epoch=1 swap=[id]
    4    [time]  grants                      1      fetch@1.0.0  -                                     owner  epoch=2 revision=1 wider=http/service
    5    [time]  denied [denied.capability]  2      fetch@1.0.0  [id]  owner  call=http host=https://elsewhere.example
    ");
    assert_snapshot!(redacted(on(&host, &["audit", "--kind", "swap", "--agent", "fetch"]).await.good()), @"
    SEQ  AT                        DECISION  TIMES  ABOUT        TASK  BY     FACTS
    3    [time]  swap      1      fetch@1.0.0  -     owner  epoch=1 swap=[id]
    ");
    assert_snapshot!(on(&host, &["audit", "--kind", "redacted"]).await.good(), @"nothing was decided");
    assert_snapshot!(redacted(on(&host, &["audit", "verify"]).await.good()), @"
    the audit of default is whole: 5 records
    journals  1 match, 0 differ, 0 dropped, 0 redacted
    head      5:[digest]
    keep the head elsewhere: `troupe audit verify --head SEQ:HASH` sees by it whether records after it were cut off
    ");
    let head = on(&host, &["audit", "head"]).await.good().trim().to_owned();
    assert_snapshot!(redacted(&head), @"5:[digest]");
    let verified = on(&host, &["audit", "verify", "--head", &head]).await;
    assert_snapshot!(redacted(verified.good()), @"
    the audit of default is whole: 5 records
    journals  1 match, 0 differ, 0 dropped, 0 redacted
    head      5:[digest]
    ");
    // A redacted journal says nothing any more, and the chain does.
    client.post(&format!("/api/v1/tasks/{}/journal/redact", id(&task)), &json!({})).await.of(200);
    let verified = on(&host, &["--json", "audit", "verify", "--head", &head]).await;
    let verified: Value = serde_json::from_str(verified.good()).unwrap();
    assert_eq!((&verified["whole"], &verified["journals"]["redacted"]), (&json!(true), &json!(1)), "{verified:#}");
}

#[tokio::test]
async fn what_cannot_be_verified_is_told() {
    let host = empty_host().await;
    assert_snapshot!(on(&host, &["audit", "verify", "--tenant", "nobody"]).await.bad(), @"error: there is no tenant `nobody`; `troupe tenants` lists those there are [tenant.not_found]");
    let key = host.client().with_key("default", &["read"]).await;
    let token = key.token.as_deref().unwrap();
    assert_snapshot!(on(&host, &["--token", token, "audit", "verify"]).await.bad(), @"error: this token lacks the scope `audit`; use one that has it [auth.scope]");
    let wrong = on(&host, &["audit", "verify", "--head", "12"]).await;
    assert!(wrong.err.contains("a head of the audit is written SEQ:HASH"), "{wrong:#?}");
    host.client().make_tenant("acme").await;
    assert_snapshot!(redacted(on(&host, &["audit", "verify", "--tenant", "acme"]).await.good()), @"
    the audit of acme is whole: 1 record
    journals  0 match, 0 differ, 0 dropped, 0 redacted
    head      1:[digest]
    keep the head elsewhere: `troupe audit verify --head SEQ:HASH` sees by it whether records after it were cut off
    ");
}
