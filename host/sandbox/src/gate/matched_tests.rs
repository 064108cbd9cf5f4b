use serde_json::json;
use troupe_core::clock::ManualClock;
use troupe_core::{Grants, Timestamp};

use super::super::call::encode;
use super::super::{
    HttpAsk, JournalRow, Record, Recording, References, SecretsAnswer, SecretsCall, Source, StateAnswer, StateCall,
};
use super::*;
use crate::clock::GuestClock;
use crate::port::NoLedger;

const SEED: [u8; 32] = [7; 32];

/// The gate of a release that is tried on a record of these calls, under grants of its own.
fn gate(grants: serde_json::Value, calls: &[(Call, Answer)]) -> Gate {
    let row = |(number, (call, answer)): (u64, &(Call, Answer))| JournalRow {
        number,
        at: Timestamp::from_millis(500),
        call: encode(call),
        answer: answer.encode(),
        write: false,
    };
    let rows: Vec<JournalRow> = (1..).zip(calls).map(row).collect();
    let recording = Recording::matching(Arc::new(Matching::new(&Record::new(&rows, &SEED).unwrap())));
    let start = Timestamp::from_millis(0);
    let (clock, guest_clock) = (Arc::new(ManualClock::new(start)), GuestClock::new(start));
    let grants: Grants = serde_json::from_value(grants).unwrap();
    let references = References::new(SEED);
    Gate::new(grants.into(), Effect::Destructive, Box::new(NoLedger), clock, guest_clock, references, Some(recording))
}

fn reference(name: &str) -> Call {
    Call::Secrets(SecretsCall::Reference { name: name.to_owned() })
}

fn given(answer: Answer) -> String {
    match answer {
        Answer::Secrets(SecretsAnswer::Reference(reference)) => reference,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_tried_release_is_given_references_of_then_and_new_ones_and_both_are_judged_where_it_places_them() {
    let grants = json!({ "secrets": [
        { "name": "wiki", "host": "wiki.example.com" }, { "name": "chat", "host": "chat.example.com" },
    ] });
    let then = given(gate(grants.clone(), &[]).pass(reference("wiki")).await.unwrap());
    let recorded = Answer::Secrets(SecretsAnswer::Reference(then.clone()));
    let gate = gate(grants, &[(reference("wiki"), recorded)]);
    let (wiki, chat) =
        (given(gate.pass(reference("wiki")).await.unwrap()), gate.pass(reference("chat")).await.unwrap());
    assert_eq!(wiki, then);
    assert!(matches!(gate.pass(reference("other")).await.unwrap(), Answer::Denied { .. }));
    let made = gate.matching().unwrap().matched().made;
    let sources: Vec<_> = made.iter().map(|made| made.source).collect();
    assert_eq!(sources, [Source::Record, Source::Seed, Source::Denied]);

    let places = |uri: &str, body: String| {
        let (uri, headers, body) = (uri.parse().unwrap(), http::HeaderMap::new(), body.into());
        let ask = HttpAsk { method: &http::Method::POST, uri: &uri, headers: &headers, body: &body, credential: None };
        gate.authorize_placing(&ask).is_ok()
    };
    assert!(places("https://wiki.example.com/", wiki.clone()) && places("https://chat.example.com/", given(chat)));
    assert!(!places("https://chat.example.com/", wiki));
}

#[tokio::test]
async fn a_tried_release_writes_for_a_while_by_its_own_clock() {
    let key = || "k".to_owned();
    let gate = gate(json!({ "state": { "bytes": 100, "keys": 1 } }), &[]);
    let set = StateCall::Set { key: key(), value: b"v".to_vec(), ttl_ms: Some(100) };
    let read = async || gate.pass(Call::State(StateCall::Get { key: key() })).await.unwrap();
    gate.pass(Call::State(set)).await.unwrap();
    assert!(matches!(read().await, Answer::State(StateAnswer::Entry(Some(_)))));
    gate.deliver_past(1, Timestamp::from_millis(100));
    assert_eq!(read().await, Answer::State(StateAnswer::Entry(None)));
}
