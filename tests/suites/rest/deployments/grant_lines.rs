//! Grants line by line: seen, changed, compared and explained.

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::{Answer, Client, Host, guests, redacted_json};

use crate::{empty_host, host};

const GRANTS: &str = "/api/v1/deployments/fetch/grants";

fn wiki() -> Value {
    json!({ "id": "wiki", "host": "wiki.example.com", "methods": ["GET", "PUT"], "path_prefix": "/api/" })
}

fn mail() -> Value {
    json!({ "id": "mail", "host": "mail.example.com", "methods": ["POST"], "credential": "token:mail" })
}

/// A host with one agent that asks for two services and some state.
async fn asking() -> Host {
    let host = empty_host().await;
    let client = host.client();
    let asks = json!({ "state": { "bytes": "1 MiB", "keys": 100 }, "http": [wiki(), mail()] });
    client.publish(guests().fetch.asking(asks).archive("1.0.0")).await.of(201);
    client.swap("fetch", "1.0.0").await.of(200);
    host
}

async fn change(client: &Client, change: Value) -> Answer {
    client.send(client.request(reqwest::Method::PATCH, GRANTS).json(&change)).await
}

async fn explain(client: &Client, question: Value) -> Value {
    client.post(&format!("{GRANTS}/explain"), &question).await.of(200)
}

fn standings(view: &Value) -> String {
    let line = |line: &Value| format!("{} {}", line["line"].as_str().unwrap(), line["standing"].as_str().unwrap());
    view["lines"].as_array().unwrap().iter().map(line).collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn both_keys_stand_side_by_side() {
    let host = asking().await;
    let client = host.client();
    let view = client.get(GRANTS).await.of(200);
    assert_eq!(standings(&view), "state not-granted, http/mail not-granted, http/wiki not-granted");
    assert_eq!((&view["granted"], &view["effective"], &view["revision"]), (&json!({}), &json!({}), &json!(0)));
    let mut narrow = wiki();
    narrow["methods"] = json!(["GET"]);
    let other = json!({ "id": "other", "host": "other.example.com" });
    change(&client, json!({ "add": ["state"], "set": { "http": [narrow, other] } })).await.of(200);
    let view = client.get(GRANTS).await.of(200);
    assert_eq!(standings(&view), "state whole, http/mail not-granted, http/other not-asked, http/wiki part");
    let wiki = &view["lines"][3];
    assert_eq!(wiki["asked"], "http wiki: GET, PUT https://wiki.example.com/api/*");
    assert_eq!(
        (&wiki["in_force"], &wiki["granted"]),
        (&json!("http wiki: GET https://wiki.example.com/api/*"), &wiki["in_force"])
    );
    assert_eq!(view["effective"], client.get("/api/v1/deployments/fetch").await.of(200)["grants"]);
}

#[tokio::test]
async fn lines_are_added_and_removed_by_their_addresses() {
    let host = asking().await;
    let client = host.client();
    let view = change(&client, json!({ "add": ["http/wiki"] })).await.of(200);
    assert_eq!((&view["epoch"], &view["revision"]), (&json!(2), &json!(1)));
    assert_eq!(view["granted"]["http"][0]["id"], "wiki");
    assert_eq!(standings(&view), "state not-granted, http/mail not-granted, http/wiki whole");
    // What is there already changes nothing.
    let view = change(&client, json!({ "add": ["http/wiki"] })).await.of(200);
    assert_eq!((&view["epoch"], &view["revision"]), (&json!(2), &json!(1)));
    let view = change(&client, json!({ "add_all": true })).await.of(200);
    assert_eq!(standings(&view), "state whole, http/mail whole, http/wiki whole");
    let view = change(&client, json!({ "remove": ["http/wiki", "state"] })).await.of(200);
    assert_eq!(standings(&view), "state not-granted, http/mail whole, http/wiki not-granted");
    let feed = client.get("/api/v1/feed?after=0&limit=100").await.of(200);
    let granted = |event: &&Value| event["type"] == "deployment.granted";
    assert_eq!(feed["items"].as_array().unwrap().iter().filter(granted).count(), 3, "{feed:#}");
}

#[tokio::test]
async fn a_line_that_is_not_there_changes_nothing_and_is_told_with_those_that_are() {
    let host = asking().await;
    let client = host.client();
    let problem = change(&client, json!({ "add": ["state", "http/wikki"] })).await.problem(404, "grant.not_found");
    assert_eq!(
        problem["detail"],
        "the manifest of fetch@1.0.0 asks for no line `http/wikki`; there is `state`, `http/wiki`, `http/mail`"
    );
    let problem = change(&client, json!({ "remove": ["state"] })).await.problem(404, "grant.not_found");
    assert_eq!(problem["detail"], "the operator grants `fetch` no line `state`; there is nothing");
    let problem = change(&client, json!({ "add": ["files"] })).await.problem(400, "request.invalid");
    assert!(problem["detail"].as_str().unwrap().contains("`files` is not the address of a grant"), "{problem:#}");
    change(&client, json!({ "set": { "everything": {} } })).await.problem(400, "request.invalid");
    let many: Vec<Value> = (0..65).map(|n| json!({ "id": format!("a{n}"), "host": "a.example.com" })).collect();
    change(&client, json!({ "set": { "http": many } })).await.problem(400, "request.invalid");
    assert_eq!(client.get(GRANTS).await.of(200)["epoch"], json!(1));
}

#[tokio::test]
async fn of_two_operators_at_once_neither_undoes_what_the_other_did() {
    let host = asking().await;
    let client = host.client();
    let (a, b) = tokio::join!(
        change(&client, json!({ "add": ["http/wiki"] })),
        change(&client, json!({ "add": ["http/mail"] })),
    );
    a.of(200);
    b.of(200);
    let view = client.get(GRANTS).await.of(200);
    assert_eq!(standings(&view), "state not-granted, http/mail whole, http/wiki whole");
    // Who says what it looked at is told that it has changed.
    let late = change(&client, json!({ "remove": ["http/wiki"], "epoch": 2 })).await.problem(409, "swap.conflict");
    assert_eq!(late["detail"], "the deployment of fetch is at epoch 3 now; look at it again, then repeat");
    change(&client, json!({ "remove": ["http/wiki"], "epoch": 3 })).await.of(200);
}

#[tokio::test]
async fn a_comparison_tells_what_a_release_or_a_file_would_change() {
    let host = asking().await;
    let client = host.client();
    change(&client, json!({ "add": ["state", "http/wiki"] })).await.of(200);
    let mut wider = wiki();
    wider["path_prefix"] = json!("/");
    let asks = json!({ "state": { "bytes": "1 KiB", "keys": 100 }, "http": [wider] });
    client.publish(guests().fetch.asking(asks).archive("1.1.0")).await.of(201);
    let diff = async |request: Value| client.post(&format!("{GRANTS}/diff"), &request).await;
    let release = diff(json!({ "release": "1.1.0" })).await.of(200);
    assert_eq!((&release["wider"], &release["narrower"]), (&json!(true), &json!(true)));
    let changes = |diff: &Value| {
        let line = |line: &Value| format!("{} {}", line["line"].as_str().unwrap(), line["change"].as_str().unwrap());
        diff["lines"].as_array().unwrap().iter().map(line).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(changes(&release), "state narrower, http/wiki wider");
    let asked = diff(json!({})).await.of(200);
    assert_eq!(changes(&asked), "state same, http/mail wider, http/wiki same");
    let nothing = diff(json!({ "grants": {} })).await.of(200);
    assert_eq!(
        (changes(&nothing), &nothing["wider"]),
        ("state narrower, http/wiki narrower".to_owned(), &json!(false))
    );
    diff(json!({ "release": "9.0.0" })).await.problem(404, "release.not_found");
    diff(json!({ "release": "1.1.0", "grants": {} })).await.problem(400, "request.invalid");
}

#[tokio::test]
async fn an_explanation_names_the_lines_or_the_key_that_is_missing() {
    let host = asking().await;
    let client = host.client();
    change(&client, json!({ "add": ["http/wiki"] })).await.of(200);
    let allowed = explain(&client, json!({ "question": "http PUT https://wiki.example.com/api/pages" })).await;
    let not_granted = explain(&client, json!({ "question": "http POST https://mail.example.com/send" })).await;
    let not_asked = explain(&client, json!({ "question": "http GET https://wiki.example.com/admin" })).await;
    assert_snapshot!(redacted_json(&json!([allowed, not_granted, not_asked])), @r#"
    [
      {
        "agent": "fetch",
        "epoch": 2,
        "call": "http PUT https://wiki.example.com/api/pages",
        "allowed": true,
        "effect": "write",
        "manifest": {
          "allows": true,
          "lines": [
            {
              "line": "http/wiki",
              "text": "http wiki: GET, PUT https://wiki.example.com/api/*"
            }
          ]
        },
        "operator": {
          "allows": true,
          "lines": [
            {
              "line": "http/wiki",
              "text": "http wiki: GET, PUT https://wiki.example.com/api/*"
            }
          ]
        }
      },
      {
        "agent": "fetch",
        "epoch": 2,
        "call": "http POST https://mail.example.com/send",
        "allowed": false,
        "code": "denied.capability",
        "refusal": "no grant of `http` leads to https://mail.example.com; the manifest must ask for it and the operator grant it",
        "manifest": {
          "allows": true,
          "lines": [
            {
              "line": "http/mail",
              "text": "http mail: POST https://mail.example.com/* as token:mail"
            }
          ]
        },
        "operator": {
          "allows": false,
          "lines": [],
          "missing": "no grant of `http` leads to https://mail.example.com"
        },
        "next": "`troupe grant add fetch http/mail` grants it"
      },
      {
        "agent": "fetch",
        "epoch": 2,
        "call": "http GET https://wiki.example.com/admin",
        "allowed": false,
        "code": "denied.capability",
        "refusal": "no grant of https://wiki.example.com admits the path `/admin`; the manifest must ask for it and the operator grant it",
        "manifest": {
          "allows": false,
          "lines": [],
          "missing": "no grant of https://wiki.example.com admits the path `/admin`"
        },
        "operator": {
          "allows": false,
          "lines": [],
          "missing": "no grant of https://wiki.example.com admits the path `/admin`"
        },
        "next": "the manifest of fetch@1.0.0 does not ask for it: a release whose agent.toml does must be published, swapped in and granted"
      }
    ]
    "#);
}

#[tokio::test]
async fn an_explanation_goes_by_the_class_of_the_skill() {
    let host = host().await;
    let client = host.client();
    let grants = "/api/v1/deployments/counter/grants";
    client.put(grants, &json!({ "grants": { "state": { "bytes": 4096, "keys": 10 } } })).await.of(200);
    let explained = async |skill: &str| {
        let question = json!({ "question": "state set visits", "skill": skill });
        client.post(&format!("{grants}/explain"), &question).await
    };
    assert_eq!(explained("increment").await.of(200)["allowed"], json!(true));
    let denied = explained("get").await.of(200);
    assert_eq!((&denied["allowed"], &denied["manifest"]["allows"]), (&json!(false), &json!(true)), "{denied:#}");
    assert_eq!(
        denied["refusal"],
        "`state.set` is a call of class write; the skill says of itself that it goes no further than read"
    );
    assert_eq!(denied["next"], "nothing is missing but the skill's class: a skill of a higher class may do this");
    explained("fly").await.problem(404, "skill.not_found");
}

#[tokio::test]
async fn an_explanation_is_what_then_happens() {
    let host = host().await;
    let client = host.client();
    let grants = "/api/v1/deployments/counter/grants";
    for granted in [json!({}), json!({ "state": { "bytes": 4096, "keys": 10 } })] {
        client.put(grants, &json!({ "grants": granted })).await.of(200);
        let question = json!({ "question": "state get n", "skill": "get" });
        let explained = client.post(&format!("{grants}/explain"), &question).await.of(200);
        let ran = client.run("counter", "get", json!({ "key": "n" })).await.of(200);
        assert_eq!(explained["allowed"], json!(ran["status"] == "completed"), "{explained:#} {ran:#}");
        if explained["allowed"] == json!(false) {
            assert_eq!(explained["refusal"], ran["failure"]["message"]);
        }
    }
}

#[tokio::test]
async fn what_is_no_question_is_refused() {
    let host = asking().await;
    let client = host.client();
    for question in ["", "fly", "http GET", "state drop"] {
        let asked = json!({ "question": question });
        client.post(&format!("{GRANTS}/explain"), &asked).await.problem(400, "request.invalid");
    }
    client.get("/api/v1/deployments/nobody/grants").await.problem(404, "deployment.not_found");
    client.get("/api/v1/deployments/nobody/grants/explain").await.problem(404, "deployment.not_found");
}
