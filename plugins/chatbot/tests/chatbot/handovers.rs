//! Handing over to other agents.

use serde_json::json;
use troupe_agent_chatbot::Chatbot;
use troupe_sdk::conversation::Message;
use troupe_sdk::{Failure, test};

use super::support::{after, host, say, settings};

#[test]
fn what_only_looks_is_asked_for_once_its_inputs_are_there() {
    let host = host().agent("helpdesk", "list", |_| Ok(json!({ "count": 2, "first": { "title": "No light" } })));
    let asks = say(&Message::text("list open tickets"));
    assert_eq!(asks.text, "For that I need the team.");
    assert_eq!(asks.questions[0].name, "team");
    assert!(host.asked().is_empty());
    let answer = say(&after(&asks, "Lions"));
    assert_eq!(answer.text, "2 tickets are open, the first is No light.");
    assert_eq!(answer.output.unwrap()["agent"], "helpdesk");
    let mut known = Message::text("list open tickets");
    known.about.context.insert("team".to_owned(), json!("Bears"));
    // What the configuration says of the input stays.
    known.about.context.insert("state".to_owned(), json!("all"));
    say(&known);
    let inputs: Vec<_> = host.asked().into_iter().map(|(_, _, input)| input).collect();
    assert_eq!(inputs, [json!({ "state": "open", "team": "Lions" }), json!({ "state": "open", "team": "Bears" })]);
}

#[test]
fn what_changes_something_is_proposed_and_done_by_the_skill() {
    let host = host().agent("helpdesk", "close", |input| Ok(json!({ "closed": input["ticket"] })));
    let mut message = Message::text("please close a ticket");
    message.input.insert("ticket".to_owned(), json!(17));
    let proposal = say(&message).proposal.unwrap();
    assert_eq!(proposal.skill, "hand_over");
    assert_eq!(proposal.input, json!({ "handover": "close", "input": { "ticket": 17 } }));
    assert!(host.asked().is_empty());
    let done = test::perform::<Chatbot>("hand_over", proposal.input).unwrap();
    assert_eq!((&done["output"], &done["text"]), (&json!({ "closed": 17 }), &json!("{\"closed\":17}")));
    let stranger = json!({ "handover": "rob", "input": {} });
    let refused = test::perform::<Chatbot>("hand_over", stranger).unwrap_err().to_string();
    assert_eq!(refused, "there is no handover `rob`; there is `tickets`, `close`");
}

#[test]
fn an_agent_that_does_not_answer_is_told_of() {
    let host = test::Host::start()
        .configuration(settings())
        .agent("helpdesk", "list", |_| Err(Failure::unavailable("it is closed")));
    let asks = say(&Message::text("list open tickets"));
    let answer = say(&after(&asks, "Lions"));
    assert!(answer.text.starts_with("I asked `helpdesk` for `list`, and it did not answer:"), "{}", answer.text);
    assert_eq!(host.asked().len(), 1);
}

#[test]
fn what_the_configuration_says_of_an_input_is_neither_asked_for_nor_changed() {
    let mut settings = settings();
    settings["handovers"][0]["input"]["team"] = json!("Tigers");
    let host = test::Host::start().configuration(settings).agent("helpdesk", "list", |_| Ok(json!({})));
    let mut message = Message::text("list open tickets");
    message.input.insert("team".to_owned(), json!("Lions"));
    say(&message);
    let proposed = json!({ "handover": "tickets", "input": { "team": "Lions" } });
    test::perform::<Chatbot>("hand_over", proposed).unwrap();
    let inputs: Vec<_> = host.asked().into_iter().map(|(_, _, input)| input).collect();
    let told = json!({ "state": "open", "team": "Tigers" });
    assert_eq!(inputs, [told.clone(), told]);
}

#[test]
fn no_answer_is_longer_than_the_host_takes() {
    let mut settings = settings();
    settings["entries"][0]["answer"] = json!("ü".repeat(10_000));
    let _host = test::Host::start().configuration(settings);
    let text = say(&Message::text("how do I reset my password")).text;
    assert!((16_380..=16_384).contains(&text.len()), "{}", text.len());
    assert!(text.ends_with("ü…"));
}
