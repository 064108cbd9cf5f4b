//! Tenants and keys, by the command line.

use insta::assert_snapshot;
use serde_json::Value;
use troupe_tests::command::{Said, run_on};
use troupe_tests::{Client, Host};

use super::seen;
use crate::{PROGRAM, empty_host};

async fn on(host: &Host, arguments: &[&str]) -> Said {
    run_on(PROGRAM, host, arguments).await
}

#[tokio::test]
async fn a_tenant_gets_its_first_key_by_two_commands() {
    let host = empty_host().await;
    assert_snapshot!(on(&host, &["tenants", "create", "acme"]).await.good(), @"
    made the tenant acme
    run `troupe keys create --tenant acme --name NAME --scopes SCOPES` for its first key
    ");
    let made =
        on(&host, &["keys", "create", "--tenant", "acme", "--name", "ci", "--scopes", "read,run", "--expires", "30d"])
            .await;
    let token = made.good().lines().find_map(|line| line.strip_prefix("token  ")).unwrap();
    assert_snapshot!(seen(made.good()).replace(token, "[token]"), @"
    key    [id]
    token  [token]
    keep the token now: it is not shown again
    ");
    let who = Client::new(&host.client().url, Some(token)).get("/api/v1/whoami").await.of(200);
    assert_eq!(who["tenant"], "acme");
    assert_snapshot!(on(&host, &["--token", token, "agents"]).await.good(), @"no agents yet; `troupe publish DIR` publishes one");
    assert_snapshot!(on(&host, &["--token", token, "keys"]).await.bad(), @"error: this token lacks the scope `admin`; use one that has it [auth.scope]");
    assert_snapshot!(on(&host, &["--token", token, "tenants"]).await.bad(), @"error: this token lacks the scope `owner`; use one that has it [auth.scope]");
}

#[tokio::test]
async fn keys_are_listed_and_revoked() {
    let host = empty_host().await;
    assert_snapshot!(on(&host, &["keys"]).await.good(), @"no keys yet; `troupe keys create --name NAME --scopes read,run` makes one");
    let made = on(&host, &["--json", "keys", "create", "--name", "ci", "--scopes", "read", "--scopes", "run"]).await;
    let made: Value = serde_json::from_str(made.good()).unwrap();
    let id = made["id"].as_str().unwrap();
    assert_snapshot!(seen(on(&host, &["keys"]).await.good()), @"
    KEY                                   NAME  SCOPES    AGENTS  EXPIRES  REVOKED  USED
    [id]  ci    read,run  -       -        -        -
    ");
    assert_snapshot!(seen(on(&host, &["keys", "revoke", id]).await.good()), @"[id] (ci) is revoked");
    let listed: Value = serde_json::from_str(on(&host, &["--json", "keys"]).await.good()).unwrap();
    assert!(listed["items"][0]["revoked_at"].is_string(), "{listed}");
}

#[tokio::test]
async fn a_key_is_bound_to_agents_and_the_audit_is_asked_what_it_did() {
    let host = empty_host().await;
    let scopes = "operate,audit,admin";
    let create = ["--json", "keys", "create", "--name", "ci", "--scopes", scopes, "--for", "aws*", "--for", "gcp"];
    let made: Value = serde_json::from_str(on(&host, &create).await.good()).unwrap();
    let (id, token) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    assert_eq!(made["agents"], serde_json::json!(["aws*", "gcp"]));
    assert_snapshot!(seen(on(&host, &["keys"]).await.good()), @"
    KEY                                   NAME  SCOPES               AGENTS    EXPIRES  REVOKED  USED
    [id]  ci    operate,audit,admin  aws*,gcp  -        -        -
    ");
    assert_snapshot!(seen(on(&host, &["--token", token, "swap", "echo@1.0.0"]).await.bad()), @"error: `key/[id]` is bound to the agents `aws*`, `gcp`, and `echo` is none of them; use a token that may act for it [auth.scope]");
    assert_snapshot!(seen(on(&host, &["--token", token, "keys"]).await.bad()), @"error: `key/[id]` is bound to the agents `aws*`, `gcp`, and this is about more than those; use a token that is bound to none [auth.scope]");
    // Nothing was decided, and that it was tried is on record.
    let said = on(&host, &["audit", "--by", &format!("key/{id}")]).await;
    let tried: Vec<&str> =
        said.good().lines().skip(1).filter_map(|line| line.split_once("access_refused")).map(|it| it.1).collect();
    let [swap, keys] = tried.as_slice() else { panic!("{tried:?}") };
    assert!(swap.ends_with("route=POST /api/v1/deployments/{agent}/swap") && keys.ends_with("route=GET /api/v1/keys"));
    assert_eq!(on(&host, &["audit", "--by", "owner"]).await.good().lines().count(), 2);
    let wrong = on(&host, &["keys", "create", "--name", "ci", "--scopes", "read", "--for", "a*b"]).await;
    assert_snapshot!(wrong.bad(), @"error: names of agents are written `aws`, or `aws*` for all that begin so, or `*` [name.invalid]");
}

#[tokio::test]
async fn tenants_are_listed_and_disabled() {
    let host = empty_host().await;
    on(&host, &["tenants", "create", "acme"]).await.good();
    assert_snapshot!(on(&host, &["tenants", "disable", "acme"]).await.good(), @"acme is disabled");
    assert_snapshot!(seen(on(&host, &["tenants"]).await.good()), @"
    TENANT   CREATED                   DISABLED
    acme     [time]  [time]
    default  [time]
    ");
    assert_snapshot!(on(&host, &["tenants", "enable", "acme"]).await.good(), @"acme is enabled");
    assert_snapshot!(on(&host, &["tenants", "disable", "default"]).await.bad(), @"error: `default` is the tenant of the host's owner, which cannot be disabled [request.invalid]");
    assert_snapshot!(on(&host, &["tenants", "disable", "no body"]).await.bad(), @"error: there is no tenant `no body`; `troupe tenants` lists those there are [tenant.not_found]");
}

#[tokio::test]
async fn what_makes_no_key_is_told_before_anything_is_asked() {
    let host = empty_host().await;
    let create = async |arguments: &[&str]| {
        let mut all = vec!["keys", "create"];
        all.extend(arguments);
        on(&host, &all).await
    };
    assert_snapshot!(create(&["--name", "ci", "--scopes", "fly"]).await.bad(), @"error: there is no scope `fly`; there are read, run, operate, approve, audit, admin, metrics and machine [request.invalid]");
    assert_snapshot!(create(&["--name", "ci", "--scopes", "read", "--expires", "soon"]).await.bad(), @"error: `--expires soon` is not a whole number with a unit of s, m, h or d, such as `30d` [request.invalid]");
    assert_snapshot!(create(&["--name", "C I", "--scopes", "read"]).await.bad(), @"error: a key's name is 1 to 63 lower-case letters, digits and single hyphens, beginning with a letter [name.invalid]");
}
