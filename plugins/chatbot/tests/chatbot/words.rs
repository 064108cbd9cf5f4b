//! What it knows, what it does not, and what it remembers.

use serde_json::{Value, json};
use troupe_agent_chatbot::Chatbot;
use troupe_sdk::conversation::{About, Message};
use troupe_sdk::test;

use super::support::{after, host, say, text};

#[test]
fn what_it_was_told_is_answered_and_how_it_was_found_is_said() {
    let _host = host();
    let answer = say(&Message::text("How can I reset my password?"));
    assert_eq!(answer.text, "Go to id.example.com and choose Reset.");
    let matched = &answer.output.unwrap()["matched"];
    assert_eq!(
        (&matched["kind"], &matched["id"], &matched["score"]),
        (&json!("entry"), &json!("password"), &json!(100))
    );
    assert_eq!(matched["words"], json!(["password", "reset"]));
    assert_eq!(answer.suggestions[0].text, "opening hours");
    assert_eq!(text("opening hours"), "opening hours is 9 to 17");
    assert_eq!(
        text("the password is gone"),
        "I take it that you ask “how do I reset my password”. Go to id.example.com and choose Reset."
    );
    assert_eq!(text("connect to VPN at home, please"), "The same {way}.");
}

#[test]
fn what_may_mean_several_things_is_asked_back_and_what_it_does_not_know_it_says_and_keeps() {
    let _host = host();
    let which = say(&Message::text("VPN"));
    assert_eq!(
        which.text,
        "That may mean several things; which is it? how do I connect to the VPN at work / how do I connect to the VPN at home"
    );
    assert_eq!(which.questions[0].values.len(), 2);
    assert_eq!(say(&after(&which, "how do I connect to the VPN at work")).text, "Use the VPN client.");
    for _ in 0..2 {
        let unknown = say(&Message::text("Who won the cup?"));
        assert_eq!(unknown.text, "I do not know that, and do not guess. I have noted the question.");
        assert_eq!(unknown.output, Some(json!({ "unknown": "Who won the cup?" })));
        assert_eq!(unknown.suggestions.len(), 5);
    }
    text("sing");
    let unknown = test::perform::<Chatbot>("unknown", json!({})).unwrap();
    let expected = json!([{ "question": "Who won the cup?", "asked": 2 }, { "question": "sing", "asked": 1 }]);
    assert_eq!(unknown, expected);
    // What cannot be kept is said all the same.
    let denied = troupe_sdk::CapabilityError::Denied(troupe_sdk::Problem::new("no state"));
    let host = super::support::host().state_fails(denied);
    assert_eq!(text("sing"), "I do not know that, and do not guess. I have noted the question.");
    assert_eq!(host.records().len(), 1);
}

#[test]
fn what_it_is_told_is_remembered_for_the_conversation_in_the_keys_of_the_instance() {
    let host = host().instance("0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b");
    assert_eq!(text("Remember that my favourite colour is Blue."), "I remember: favourite colour is Blue");
    assert_eq!(text("what is my favourite colour?"), "favourite colour is Blue");
    assert_eq!(text("what do you remember?"), "I remember: favourite colour is Blue");
    assert_eq!(host.value_in_instance("remembered").unwrap(), br#"{"favourite colour":"Blue"}"#);
    assert_eq!(text("forget my favourite colour"), "I forgot favourite colour");
    assert_eq!(text("forget it"), "I do not remember anything of it");
    assert_eq!(text("what do you remember"), "I remember: nothing yet");
    assert_eq!(text("remember me"), "Say it as in: remember that my team is Lions");
}

#[test]
fn without_an_instance_it_is_remembered_in_the_context() {
    let _host = host();
    let told = say(&Message::text("remember my team is Lions"));
    assert_eq!(Value::Object(told.context), json!({ "remembered": { "team": "Lions" } }));
    let mut later = Message::text("forget team");
    later.about.context = serde_json::from_value(json!({ "remembered": { "team": "Lions" } })).unwrap();
    assert_eq!(Value::Object(say(&later).context), json!({ "remembered": { "team": null } }));
}

#[test]
fn at_first_it_suggests_what_it_knows_of() {
    let _host = host();
    let texts = |about: &About| -> Vec<String> {
        test::suggest::<Chatbot>(about).unwrap().into_iter().map(|suggestion| suggestion.text).collect()
    };
    let first = texts(&About::default());
    assert_eq!(first.len(), 5);
    assert_eq!(first[0], "how do I reset my password");
    assert!(texts(&after(&say(&Message::text("VPN")), "x").about).is_empty());
}

#[test]
fn the_skill_answers_without_a_conversation() {
    let host = host();
    let answer = |question: &str| test::perform::<Chatbot>("answer", json!({ "question": question })).unwrap();
    assert_eq!(answer("reset password")["known"], true);
    assert_eq!(answer("vpn")["known"], false);
    let tickets = answer("list open tickets");
    assert_eq!((&tickets["known"], &tickets["matched"]), (&json!(false), &json!([])));
    assert!(host.asked().is_empty());
}

#[test]
fn the_profile_says_that_it_converses() {
    assert_eq!(test::profile::<Chatbot>()["conversation"], json!({ "effect": "write" }));
}
