//! What is said in a session, and how it is answered from what agents can do.

use insta::assert_json_snapshot;
use serde_json::{Value, json};
use troupe_tests::{Client, Host};

use crate::host;

/// A host on which `counter` keeps numbers, and a session with it.
async fn with_counter() -> (Host, Client, String) {
    let host = host().await;
    let client = host.client();
    let grants = json!({ "grants": { "state": { "bytes": 1 << 20, "keys": 100, "instances": true } } });
    client.put("/api/v1/deployments/counter/grants", &grants).await.of(200);
    let session = client.start_session(json!({})).await;
    client.join_session(&session, "counter").await;
    (host, client, session)
}

async fn said(client: &Client, session: &str, message: Value) -> Value {
    client.say(session, message).await.of(200)
}

#[tokio::test]
async fn words_run_a_skill_that_reads_and_the_reply_says_why() {
    let host = host().await;
    let client = host.client();
    let session = client.start_session(json!({})).await;
    let instance = client.join_session(&session, "echo").await;
    let answer = client.say(&session, json!({ "text": "Please echo \"hello\"" })).await;
    let message = answer.of(200);
    assert_eq!(message["reply"]["output"], json!({ "text": "hello" }));
    assert_eq!((&message["instance"], &message["number"]), (&json!(instance), &json!(1)));
    assert_json_snapshot!(message["reading"], @r#"
    {
      "skill": "echo",
      "score": 60,
      "words": [
        {
          "word": "echo",
          "met": "echo",
          "met_in": "name",
          "points": 60
        }
      ],
      "values": [
        {
          "name": "text",
          "from": "words"
        }
      ]
    }
    "#);
    let task = client.get(&format!("/api/v1/tasks/{}", message["task"].as_str().unwrap())).await.of(200);
    assert_eq!(
        (&task["session"], &task["skill"], &task["principal"]),
        (&json!(session), &json!("echo"), &json!("owner"))
    );
    assert_eq!(message["reply"]["release"], task["release"]);
    let digest = task["release"]["digest"].as_str().unwrap();
    assert_eq!(answer.header("troupe-release"), Some(format!("echo@1.0.0; digest={digest}").as_str()));
    // It knows in which session it was asked, and by whom; also without an instance.
    let alone = client.start_session(json!({})).await;
    let who = said(&client, &alone, json!({ "text": "who is it?", "to": "echo" })).await;
    assert_eq!((&who["reply"]["output"]["session"], &who["reply"]["output"]["user"]), (&json!(alone), &json!("owner")));
    assert_eq!(who["instance"], Value::Null);
    // The next goes to whom the last one went.
    assert_eq!(
        said(&client, &alone, json!({ "text": "version" })).await["reply"]["output"],
        json!({ "version": "1.0.0" })
    );
}

#[tokio::test]
async fn inputs_are_taken_from_words_input_and_context_and_asked_for_where_they_are_missing() {
    let host = host().await;
    let client = host.client();
    let session = client.start_session(json!({})).await;
    client.join_session(&session, "echo").await;
    let asked = said(&client, &session, json!({ "text": "echo" })).await;
    assert_eq!(asked["reply"]["kind"], "asks");
    assert_eq!(asked["reply"]["missing"], json!([{ "name": "text", "description": "What to say.", "type": "string" }]));
    assert_eq!(asked["task"], Value::Null);
    let answered = said(&client, &session, json!({ "text": "what a day" })).await;
    assert_eq!(answered["reply"]["output"], json!({ "text": "what a day" }));
    assert_eq!(answered["reading"]["goes_on"], true);
    let text = async |message: Value| said(&client, &session, message).await["reply"]["output"]["text"].clone();
    assert_eq!(text(json!({ "text": "echo text: yes" })).await, "yes");
    assert_eq!(text(json!({ "text": "echo", "input": { "text": "of input" } })).await, "of input");
    let path = format!("/api/v1/sessions/{session}/context");
    let context = json!({ "context": { "text": "of context" } });
    client.send(client.request(reqwest::Method::PATCH, &path).json(&context)).await.of(200);
    assert_eq!(text(json!({ "text": "echo" })).await, "of context");
    assert_eq!(text(json!({ "text": "echo text=mine" })).await, "mine");
    // What does not fit the schema comes to nothing, and says so.
    let wrong = said(&client, &session, json!({ "text": "sleep", "input": { "ms": "long" } })).await;
    assert_eq!(
        (&wrong["reply"]["kind"], &wrong["reply"]["failure"]["code"]),
        (&json!("failed"), &json!("input.invalid"))
    );
}

#[tokio::test]
async fn what_is_unclear_is_answered_with_what_could_be_meant() {
    let host = host().await;
    let client = host.client();
    let session = client.start_session(json!({})).await;
    client.join_session(&session, "echo").await;
    let several = said(&client, &session, json!({ "text": "it says text" })).await;
    assert_eq!(several["reply"]["kind"], "candidates");
    let skills = |message: &Value| -> Vec<String> {
        let candidates = message["reply"]["candidates"].as_array().unwrap().iter();
        candidates.map(|one| one["skill"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(skills(&several), ["echo", "shout"]);
    let nothing = said(&client, &session, json!({ "text": "what is the weather like?" })).await;
    assert_eq!(nothing["reply"]["kind"], "abilities");
    assert_eq!(skills(&nothing), ["echo", "version", "who", "sleep", "fail", "shout"]);
    for odd in ["\u{202e}\u{0}", "🦀🦀", "ﷺ", "\"", "=:=", "a=[[[[[", "東京"] {
        assert_eq!(said(&client, &session, json!({ "text": odd })).await["reply"]["kind"], "abilities", "{odd}");
    }
}

#[tokio::test]
async fn what_changes_something_is_proposed_and_exactly_that_runs_once_it_is_confirmed() {
    let (_host, client, session) = with_counter().await;
    let proposed = said(&client, &session, json!({ "text": "increment key=visits" })).await;
    let reply = &proposed["reply"];
    assert_eq!(
        (&reply["kind"], &reply["skill"], &reply["effect"]),
        (&json!("proposal"), &json!("increment"), &json!("write"))
    );
    assert_eq!((&reply["input"], &proposed["task"]), (&json!({ "key": "visits" }), &Value::Null));
    let confirm = json!({ "confirm": reply["proposal"], "text": "key=other delete", "input": { "key": "other" } });
    let done = said(&client, &session, confirm.clone()).await;
    assert_eq!(done["reply"]["output"], json!({ "count": 1 }));
    let task = client.get(&format!("/api/v1/tasks/{}", done["task"].as_str().unwrap())).await.of(200);
    assert_eq!((&task["skill"], &task["input"]), (&json!("increment"), &json!({ "key": "visits" })));
    // Once.
    client.say(&session, confirm).await.problem(409, "session.proposal");
    // Only the next message confirms.
    let proposed = said(&client, &session, json!({ "text": "delete key=visits" })).await;
    assert_eq!(proposed["reply"]["effect"], "destructive");
    said(&client, &session, json!({ "text": "instance" })).await;
    let late = json!({ "confirm": proposed["reply"]["proposal"] });
    client.say(&session, late).await.problem(409, "session.proposal");
    for other in [json!("x"), json!("0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b")] {
        client.say(&session, json!({ "confirm": other })).await.problem(409, "session.proposal");
    }
    // Words alone confirm nothing.
    let proposed = said(&client, &session, json!({ "text": "increment key=visits" })).await;
    let words = said(&client, &session, json!({ "text": "yes" })).await;
    assert_eq!((&proposed["reply"]["kind"], &words["reply"]["kind"]), (&json!("proposal"), &json!("abilities")));
    let count = client.run("counter", "sum", json!({ "keys": ["visits"] })).await.output();
    assert_eq!(count, json!({ "count": 1 }));
}

#[tokio::test]
async fn the_same_key_gives_the_same_message() {
    let (_host, client, session) = with_counter().await;
    let proposed = said(&client, &session, json!({ "text": "increment key=n" })).await;
    let confirm = json!({ "confirm": proposed["reply"]["proposal"], "idempotency_key": "once" });
    let both = futures::future::join_all((0..4).map(|_| said(&client, &session, confirm.clone()))).await;
    assert!(both.iter().all(|message| message["number"] == 2 && message["reply"]["output"]["count"] == 1), "{both:#?}");
    let other = json!({ "text": "instance", "idempotency_key": "once" });
    client.say(&session, other).await.problem(409, "conflict.idempotency");
    let messages = client.get(&format!("/api/v1/sessions/{session}/messages")).await.of(200);
    assert_eq!(messages["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn suggestions_come_from_what_is_open_the_context_and_what_was_answered() {
    let (_host, client, session) = with_counter().await;
    let suggested = async || {
        let suggestions = client.get(&format!("/api/v1/sessions/{session}/suggestions")).await.of(200);
        suggestions["items"].as_array().unwrap().clone()
    };
    let texts = |items: &[Value]| -> Vec<String> {
        items.iter().map(|item| item["text"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(texts(&suggested().await), ["instance"]);
    let path = format!("/api/v1/sessions/{session}/context");
    let context = json!({ "context": { "key": "visits" } });
    client.send(client.request(reqwest::Method::PATCH, &path).json(&context)).await.of(200);
    assert_eq!(texts(&suggested().await), ["increment", "get", "expire", "delete", "instance"]);
    said(&client, &session, json!({ "text": "instance" })).await;
    assert_eq!(texts(&suggested().await), ["increment", "get", "expire", "delete"]);
    let proposed = said(&client, &session, json!({ "text": "increment" })).await;
    let items = suggested().await;
    assert_eq!((&items[0]["text"], &items[0]["confirm"]), (&json!("yes"), &proposed["reply"]["proposal"]));
    // What is suggested is understood.
    for item in &items[1..] {
        let message = said(&client, &session, json!({ "text": item["text"], "to": item["to"] })).await;
        assert_eq!(message["reading"]["skill"], item["skill"], "{message:#}");
    }
}
