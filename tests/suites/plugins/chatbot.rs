//! `chatbot`, a template over the agent of the same name, spoken to in a session.

use serde_json::{Value, json};
use troupe_tests::Client;

use super::{host, import, make};

async fn reply(client: &Client, session: &str, text: &str) -> Value {
    client.say(session, json!({ "text": text })).await.of(200)["reply"].clone()
}

#[tokio::test]
async fn a_desk_answers_remembers_hands_over_and_says_what_it_does_not_know() {
    let host = host("chatbot").await;
    let client = host.client();
    import(&client, "chatbot", "chatbot").await;
    let parameters = json!({
        "call_it": "Desk",
        "purpose": "the house",
        "facts": { "opening hours": "9 to 17" },
        "entries": [{ "id": "door", "ask": ["how do I open the door"], "answer": "Turn the key; {opening hours}.",
                      "suggest": ["opening hours"] }],
        "handovers": [
            { "id": "say", "ask": ["repeat a word"], "agent": "echo", "skill": "echo", "effect": "read",
              "takes": [{ "name": "text", "description": "the word" }], "answer": "It says {/text}." },
            { "id": "count", "ask": ["count a visit"], "agent": "counter", "skill": "increment", "effect": "write",
              "input": { "key": "visits" } },
        ],
    });
    let grants = json!({
        "agents": [{ "ask": "echo/echo" }, { "ask": "counter/increment" }],
        "state": { "bytes": 1 << 20, "keys": 100, "instances": true },
    });
    make(&client, "desk", "chatbot", parameters, grants).await;
    let session = client.start_session(json!({})).await;
    client.join_session(&session, "desk").await;
    let first = client.get(&format!("/api/v1/sessions/{session}/suggestions")).await.of(200);
    assert_eq!(first["items"][0]["text"], "how do I open the door", "{first:#}");

    let door = reply(&client, &session, "How can I open this door?").await;
    assert_eq!((&door["kind"], &door["text"]), (&json!("answer"), &json!("Turn the key; 9 to 17.")), "{door:#}");
    assert_eq!(door["output"]["matched"]["id"], "door");
    assert_eq!(door["suggestions"], json!([{ "text": "opening hours" }]));
    assert_eq!(reply(&client, &session, "opening hours").await["text"], "opening hours is 9 to 17");

    let asks = reply(&client, &session, "please repeat a word").await;
    assert_eq!((&asks["kind"], &asks["missing"][0]["name"]), (&json!("asks"), &json!("text")), "{asks:#}");
    assert_eq!(reply(&client, &session, "Ahoy").await["text"], "It says Ahoy.");

    let proposal = reply(&client, &session, "count a visit").await;
    assert_eq!((&proposal["kind"], &proposal["skill"]), (&json!("proposal"), &json!("hand_over")), "{proposal:#}");
    let done = client.say(&session, json!({ "confirm": proposal["proposal"] })).await.of(200)["reply"].clone();
    assert_eq!((&done["kind"], &done["output"]["agent"]), (&json!("result"), &json!("counter")), "{done:#}");
    let found = client.run("counter", "get", json!({ "key": "visits" })).await.output();
    assert_eq!(found["value"], "1", "{found:#}");

    assert_eq!(reply(&client, &session, "Remember that my team is Lions").await["text"], "I remember: team is Lions");
    assert_eq!(reply(&client, &session, "what is my team?").await["text"], "team is Lions");
    let unknown = reply(&client, &session, "who won the cup").await;
    assert_eq!(unknown["output"], json!({ "unknown": "who won the cup" }));
    let kept = client.run("desk", "unknown", json!({})).await.output();
    assert_eq!(kept, json!([{ "question": "who won the cup", "asked": 1 }]));
    // What one conversation remembers is nothing to another.
    let other = client.start_session(json!({})).await;
    client.join_session(&other, "desk").await;
    assert_eq!(reply(&client, &other, "what do you remember").await["text"], "I remember: nothing yet");
}
