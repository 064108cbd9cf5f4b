//! The host of these tests, and what is asked of it.

use serde_json::{Value, json};
use troupe_agent_chatbot::Chatbot;
use troupe_sdk::conversation::{Answer, Message, Reply, Turn};
use troupe_sdk::test::{self, Host};

/// What the chatbot of the tests was told.
pub fn settings() -> Value {
    json!({
        "name": "Desk",
        "entries": [
            { "id": "password", "ask": ["how do I reset my password", "I forgot my password"],
              "answer": "Go to {portal} and choose Reset.", "suggest": ["opening hours"] },
            { "id": "vpn", "ask": ["how do I connect to the VPN at work"], "answer": "Use the VPN client." },
            { "id": "vpn-home", "ask": ["how do I connect to the VPN at home"], "answer": "The same {way}." },
        ],
        "facts": { "portal": "id.example.com", "opening hours": "9 to 17" },
        "handovers": [
            { "id": "tickets", "ask": ["list open tickets"], "agent": "helpdesk", "skill": "list", "effect": "read",
              "input": { "state": "open" }, "takes": [{ "name": "team", "description": "the team" }],
              "answer": "{/count} tickets are open, the first is {/first/title}." },
            { "id": "close", "ask": ["close a ticket"], "agent": "helpdesk", "skill": "close", "effect": "write",
              "takes": [{ "name": "ticket", "description": "the number of the ticket" }] },
        ],
    })
}

pub fn host() -> Host {
    Host::start().configuration(settings())
}

pub fn say(message: &Message) -> Answer {
    test::converse::<Chatbot>(message).unwrap()
}

pub fn text(words: &str) -> String {
    say(&Message::text(words)).text
}

/// A message after another that was answered in this way.
pub fn after(before: &Answer, words: &str) -> Message {
    let kind = if before.questions.is_empty() { "answer" } else { "asks" };
    let reply =
        Reply { kind: kind.to_owned(), text: before.text.clone(), output: before.output.clone(), ..Reply::default() };
    let mut message = Message::text(words);
    message.about.history.push(Turn { number: 1, reply: Some(reply), ..Turn::default() });
    message
}
