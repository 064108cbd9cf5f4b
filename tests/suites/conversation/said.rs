//! What is said, and what becomes of it.

use serde_json::{Value, json};
use troupe_tests::Client;

use super::{reply, said, with_parley};

#[tokio::test]
async fn a_message_is_answered_in_the_agents_own_words_by_a_task_of_the_session() {
    let start = json!({ "user": { "name": "Ada" }, "context": { "region": "eu" } });
    let (_host, client, session) = with_parley(start).await;
    let answer = client.say(&session, json!({ "text": "hello" })).await;
    let message = answer.of(200);
    let reply = &message["reply"];
    assert_eq!((&reply["kind"], &reply["text"]), (&json!("answer"), &json!("Hello \"Ada\"")), "{message:#}");
    assert_eq!(reply["output"], json!({ "region": "eu" }));
    assert_eq!((&reply["skill"], &message["reading"]), (&Value::Null, &Value::Null));
    let task = client.get(&format!("/api/v1/tasks/{}", message["task"].as_str().unwrap())).await.of(200);
    assert_eq!((&task["skill"], &task["status"]), (&json!("@converse"), &json!("completed")));
    assert_eq!((&task["session"], &task["instance"]), (&json!(session), &message["instance"]));
    assert_eq!((&reply["release"], &task["attempt"]), (&task["release"], &json!(1)));
    assert!(answer.header("troupe-release").unwrap().starts_with("parley@1.0.0;"));
    let path = format!("/api/v1/tasks/{}/replay", task["id"].as_str().unwrap());
    let replay = client.post(&path, &Value::Null).await.of(200);
    assert_eq!(replay["identical"], true, "{replay:#}");
}

#[tokio::test]
async fn the_agent_is_told_what_was_said_before_to_it_and_to_nobody_else() {
    let (_host, client, session) = with_parley(json!({ "context": { "a": 1 } })).await;
    let instance = client.join_session(&session, "parley").await;
    let first = said(&client, &session, json!({ "text": "anything", "to": instance, "input": { "n": 7 } })).await;
    let others = said(&client, &session, json!({ "text": "other", "to": first["instance"] })).await;
    assert_eq!(others["reply"]["text"], "I heard other");
    let elsewhere = client.start_session(json!({})).await;
    said(&client, &elsewhere, json!({ "text": "secret", "to": "parley" })).await;
    let told = said(&client, &session, json!({ "text": "what", "to": instance })).await["reply"]["output"].clone();
    let history = told["history"].as_array().unwrap();
    assert_eq!(history.len(), 2, "{told:#}");
    assert_eq!((&history[0]["number"], &history[0]["text"]), (&json!(1), &json!("anything")));
    assert_eq!((&history[0]["input"], &history[0]["reply"]["text"]), (&json!({ "n": 7 }), &json!("I heard anything")));
    assert_eq!((&told["text"], &told["context"]), (&json!("what"), &json!({ "a": 1 })));
    let alone = said(&client, &elsewhere, json!({ "text": "what" })).await["reply"]["output"].clone();
    assert_eq!(alone["history"].as_array().unwrap().len(), 1, "{alone:#}");
    // What there is no room for is left out, the oldest first.
    for _ in 0..25 {
        said(&client, &elsewhere, json!({ "text": format!("I say {}", "x".repeat(2_000)) })).await;
    }
    let long = said(&client, &elsewhere, json!({ "text": "what" })).await["reply"]["output"].clone();
    let history = long["history"].as_array().unwrap();
    assert!((5..20).contains(&history.len()), "{}", history.len());
    assert_eq!(history.last().unwrap()["number"], 27);
}

#[tokio::test]
async fn a_change_of_the_context_is_in_force_with_the_answer_and_too_large_a_one_is_the_answers_end() {
    let (_host, client, session) = with_parley(json!({ "context": { "region": "eu", "b": 1 } })).await;
    assert_eq!(reply(&client, &session, "note the lamp").await["text"], "noted");
    let path = format!("/api/v1/sessions/{session}");
    let seen = client.get(&path).await.of(200);
    assert_eq!((&seen["context"], &seen["context_revision"]), (&json!({ "note": "the lamp", "b": 1 }), &json!(2)));
    assert_eq!(reply(&client, &session, "flood a").await["kind"], "answer");
    let flooded = reply(&client, &session, "flood c").await;
    assert_eq!((&flooded["kind"], &flooded["failure"]["code"]), (&json!("failed"), &json!("limit.request")));
    let seen = client.get(&path).await.of(200);
    assert_eq!((&seen["context_revision"], &seen["context"]["c"]), (&json!(3), &Value::Null));
}

#[tokio::test]
async fn a_question_is_asked_and_the_next_message_answers_it_with_a_proposal_that_is_confirmed() {
    let (_host, client, session) = with_parley(json!({})).await;
    let asks = reply(&client, &session, "stop").await;
    assert_eq!((&asks["kind"], &asks["text"]), (&json!("asks"), &json!("Which machine?")));
    let missing = json!([{ "name": "machine", "description": "the machine to stop", "type": "any" }]);
    assert_eq!(asks["missing"], missing);
    let proposal = reply(&client, &session, "i-17").await;
    assert_eq!((&proposal["kind"], &proposal["text"]), (&json!("proposal"), &json!("Shall I?")));
    assert_eq!((&proposal["skill"], &proposal["effect"]), (&json!("stop"), &json!("destructive")));
    assert_eq!(proposal["input"], json!({ "machine": "i-17" }));
    let confirm = json!({ "confirm": proposal["proposal"] });
    let done = said(&client, &session, confirm.clone()).await["reply"].clone();
    assert_eq!((&done["kind"], &done["output"]), (&json!("result"), &json!({ "stopped": "i-17" })), "{done:#}");
    // It was confirmed, so it is not what was proposed last.
    client.say(&session, confirm).await.problem(409, "session.proposal");
    let heard = reply(&client, &session, "what").await["output"].clone();
    let last = &heard["history"][2]["reply"];
    assert_eq!((&last["skill"], &last["output"]), (&json!("stop"), &json!({ "stopped": "i-17" })), "{heard:#}");
}

#[tokio::test]
async fn what_cannot_be_run_is_not_proposed_and_what_is_too_long_is_not_answered() {
    let (_host, client, session) = with_parley(json!({})).await;
    for (text, says) in [
        ("sing a song", "the agent's answer proposes what cannot be run: agent `parley` has no skill `sing`"),
        ("misfit x", "the agent's answer proposes what cannot be run: the input breaks the schema"),
        ("long", "the agent's answer has a `text` of 20000 bytes; it may have 16 KiB"),
        ("asking", "the agent's answer has `questions` and `suggestions` of 70"),
    ] {
        let reply = reply(&client, &session, text).await;
        assert_eq!((&reply["kind"], &reply["failure"]["code"]), (&json!("failed"), &json!("output.invalid")));
        assert!(reply["text"].as_str().unwrap().starts_with(says), "{reply:#}");
    }
}

#[tokio::test]
async fn what_was_said_last_is_told_however_long_its_documents_are() {
    let (_host, client, session) = with_parley(json!({})).await;
    let long = json!({ "text": "output 60000", "input": { "a": "x".repeat(60_000) } });
    assert_eq!(said(&client, &session, long).await["reply"]["text"], "at length");
    let told = reply(&client, &session, "what").await;
    let last = &told["output"]["history"][0];
    assert_eq!((&last["text"], &last["reply"]["text"]), (&json!("output 60000"), &json!("at length")));
    assert_eq!(last["input"]["a"].as_str().unwrap_or_default().len(), 60_000);
    assert_eq!(last["reply"]["output"], Value::Null);
}

#[tokio::test]
async fn what_somebody_forgets_is_gone_from_the_reply_too_and_what_was_said_before_it_stays() {
    let (_host, client, session) = with_parley(json!({})).await;
    said(&client, &session, json!({ "text": "my name is Ada" })).await;
    said(&client, &session, json!({ "text": "fail" })).await;
    let message = said(&client, &session, json!({ "text": "my number is 1234" })).await;
    forget(&client, &message).await;
    let seen = client.get(&format!("/api/v1/sessions/{session}/messages")).await.of(200);
    assert!(!seen.to_string().contains("1234"), "{seen:#}");
    assert_eq!(seen["items"][0]["reply"]["text"], "I heard my name is Ada", "{seen:#}");
    assert_eq!(seen["items"][1]["text"], "fail", "{seen:#}");
}

#[tokio::test]
async fn with_a_skill_that_was_run_all_that_was_said_on_the_way_to_it_is_forgotten() {
    let (_host, client, session) = with_parley(json!({})).await;
    let stopped = async |machine: &str| {
        // A failure on the way ran nothing.
        reply(&client, &session, &format!("stop {machine}")).await;
        assert_eq!(reply(&client, &session, "fail").await["kind"], "failed");
        let proposal = reply(&client, &session, &format!("stop {machine}")).await;
        said(&client, &session, json!({ "confirm": proposal["proposal"] })).await
    };
    stopped("i-17").await;
    let second = stopped("i-99").await;
    forget(&client, &second).await;
    let seen = client.get(&format!("/api/v1/sessions/{session}/messages")).await.of(200);
    assert!(!seen.to_string().contains("i-99"), "{seen:#}");
    assert_eq!(seen["items"][0]["text"], "stop i-17", "{seen:#}");
    assert_eq!(seen["items"][3]["reply"]["output"], json!({ "stopped": "i-17" }), "{seen:#}");
}

/// Has the task of a message be redacted.
async fn forget(client: &Client, message: &Value) {
    let path = format!("/api/v1/tasks/{}/journal/redact", message["task"].as_str().unwrap());
    client.post(&path, &json!({ "documents": true })).await.of(200);
}
