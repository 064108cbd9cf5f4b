use serde_bytes::ByteBuf;

use super::super::call::encode;
use super::super::{
    Entry, HttpAnswer, HttpBody, LocksAnswer, LocksCall, SecretsAnswer, SecretsCall, StateAnswer, StateCall, Way,
};
use super::*;
use crate::capabilities::http::idempotency_token;

const SEED: [u8; 32] = [7; 32];

/// When the candidate calls, where time plays no part.
const NOW: Timestamp = Timestamp::from_millis(1_000);

fn request(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> HttpCall {
    HttpCall {
        method: method.to_owned(),
        url: url.to_owned(),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), ByteBuf::from(*value))).collect(),
        body: HttpBody::of(body.as_bytes()),
        credential: None,
        action: None,
        repeatable: headers.iter().any(|(name, _)| *name == "x-token"),
        secrets: Vec::new(),
    }
}

fn get(url: &str) -> Call {
    Call::Http(request("GET", url, &[], ""))
}

fn said(body: &str) -> Answer {
    Answer::Http(HttpAnswer { status: 200, headers: Vec::new(), body: body.as_bytes().to_vec(), way: Way::default() })
}

fn state(call: StateCall) -> Call {
    Call::State(call)
}

fn read(key: &str) -> Call {
    state(StateCall::Get { key: key.to_owned() })
}

fn set(key: &str, value: &str) -> Call {
    state(StateCall::Set { key: key.to_owned(), value: value.as_bytes().to_vec(), ttl_ms: None })
}

fn add(key: &str, delta: i64) -> Call {
    state(StateCall::Increment { key: key.to_owned(), delta })
}

fn expire(key: &str, ttl_ms: u64) -> Call {
    state(StateCall::Expire { key: key.to_owned(), ttl_ms: Some(ttl_ms) })
}

fn sum(sum: i64) -> Answer {
    Answer::State(StateAnswer::Sum(sum))
}

fn found(found: bool) -> Answer {
    Answer::State(StateAnswer::Found(found))
}

fn is_unmatched(answer: &Answer) -> bool {
    matches!(answer, Answer::Denied { code, .. } if code == "replay.unmatched")
}

fn holds(value: &str, revision: u64) -> Answer {
    Answer::State(StateAnswer::Entry(Some(Entry { value: value.as_bytes().to_vec(), revision })))
}

fn written(revision: u64) -> Answer {
    Answer::State(StateAnswer::Revision(revision))
}

/// A record of calls and their answers, numbered from 1.
fn record(calls: &[(Call, Answer)]) -> Matching {
    let rows: Vec<JournalRow> = (1..)
        .zip(calls)
        .map(|(number, (call, answer))| JournalRow {
            number,
            at: Timestamp::from_millis(1_000 + number.cast_signed()),
            call: encode(call),
            answer: answer.encode(),
            write: matches!(call, Call::State(StateCall::Set { .. })),
        })
        .collect();
    Matching::new(&Record::new(&rows, &SEED).unwrap())
}

fn body(past: Past) -> String {
    match past {
        Past::Answered(Answer::Http(answer), _) => String::from_utf8(answer.body).unwrap(),
        Past::Answered(Answer::HttpFailed(failure), _) => failure.code,
        other => panic!("{other:?}"),
    }
}

fn asks(record: &Matching, number: u64, call: Call) -> String {
    let Call::Http(call) = call else { panic!("{call:?}") };
    body(record.answer_http(number, call, false))
}

#[test]
fn calls_are_found_whatever_their_place_and_the_same_call_in_its_order() {
    let record = record(&[
        (get("https://a.example/1"), said("one")),
        (get("https://a.example/2"), said("two, at first")),
        (get("https://a.example/2"), said("two, then")),
    ]);
    assert_eq!(asks(&record, 40, get("https://a.example/2")), "two, at first");
    assert_eq!(asks(&record, 41, get("https://a.example/2")), "two, then");
    assert_eq!(asks(&record, 42, get("https://a.example/2")), "replay.unmatched");
    assert_eq!(record.matched().missing, [1]);
    let recorded: Vec<Option<u64>> = record.matched().made.iter().map(|made| made.recorded).collect();
    assert_eq!(recorded, [Some(2), Some(3), None]);
}

#[test]
fn what_differs_between_two_runs_of_one_program_is_no_difference() {
    let token = |number| idempotency_token(&seed_of(&SEED, "idempotency"), number);
    let json = [("content-type", "application/json")];
    let pairs = [
        (
            request("GET", "https://a.example/?b=2&a=1&a=0", &[("accept", "*/*"), ("x-b", "1")], ""),
            request("GET", "https://a.example/?a=1&a=0&b=2", &[("x-b", "1"), ("accept", "*/*"), ("date", "now")], ""),
        ),
        (
            request("POST", "https://a.example/", &json, r#"{"a":{"x":1,"y":[1,2]},"ClientToken":"one"}"#),
            request("POST", "https://a.example/", &json, r#"{ "ClientToken": "two", "a": {"y":[1,2],"x":1} }"#),
        ),
        (
            request(
                "POST",
                "https://a.example/",
                &[("content-type", "application/x-www-form-urlencoded")],
                "Action=Run&ClientToken=1",
            ),
            request(
                "POST",
                "https://a.example/",
                &[("content-type", "application/x-www-form-urlencoded")],
                "ClientToken=2&Action=Run",
            ),
        ),
        (
            request("POST", "https://a.example/", &[("x-token", &token(1))], "body"),
            request("POST", "https://a.example/", &[("x-token", &token(9))], "body"),
        ),
    ];
    for (then, now) in pairs {
        let record = record(&[(Call::Http(then), said("found"))]);
        assert_eq!(body(record.answer_http(9, now, true)), "found");
    }
}

#[test]
fn what_means_something_else_is_not_taken_for_the_same() {
    let json = [("content-type", "application/json")];
    let then = request("POST", "https://a.example/x?a=1&a=2", &json, r#"{"ids":[1,2],"token":"one"}"#);
    let others = [
        request("PUT", "https://a.example/x?a=1&a=2", &json, r#"{"ids":[1,2],"token":"one"}"#),
        request("POST", "https://a.example/y?a=1&a=2", &json, r#"{"ids":[1,2],"token":"one"}"#),
        request("POST", "https://a.example/x?a=2&a=1", &json, r#"{"ids":[1,2],"token":"one"}"#),
        request("POST", "https://a.example/x?a=1&a=2", &json, r#"{"ids":[2,1],"token":"one"}"#),
        request("POST", "https://a.example/x?a=1&a=2", &json, r#"{"ids":[1,2],"token":"two"}"#),
        request("POST", "https://a.example/x?a=1&a=2", &[], r#"{"ids":[1,2],"token":"one"}"#),
    ];
    for other in others {
        let record = record(&[(Call::Http(then.clone()), said("found"))]);
        assert_eq!(body(record.answer_http(1, other, true)), "replay.unmatched");
    }
}

#[test]
fn a_changed_call_is_held_against_the_recorded_one_on_the_same_thing() {
    let then = Call::Http(request("POST", "https://a.example/x?a=1", &[("accept", "a")], "one"));
    let record = record(&[(then, said("found")), (set("k", "1"), written(1))]);
    let now = request("POST", "https://a.example/x", &[("accept", "b")], "two");
    record.answer_http(5, now, true);
    record.answer_http(6, request("POST", "https://b.example/x", &[], "two"), true);
    record.answer(7, &set("k", "2"), true, NOW);
    let Matched { made, recorded, missing } = record.matched();
    assert_eq!(missing, [1, 2]);
    assert_eq!(record.changed(&recorded[0], &made[0]).unwrap(), "other body, header accept, query");
    assert_eq!(record.changed(&recorded[0], &made[1]), None);
    assert_eq!(record.changed(&recorded[1], &made[2]).unwrap(), "other arguments");
}

#[test]
fn a_write_that_is_not_on_record_takes_effect_in_the_picture_alone() {
    let record = record(&[(read("k"), holds("1", 4)), (set("k", "2"), written(5))]);
    assert_eq!(record.answer(1, &read("k"), false, NOW).0, holds("1", 4));
    // The same read once more: the picture knows.
    assert_eq!(record.answer(2, &read("k"), false, NOW).0, holds("1", 4));
    assert_eq!(record.answer(3, &set("k", "3"), true, NOW).0, written(6));
    assert_eq!(record.answer(4, &read("k"), false, NOW).0, holds("3", 6));
    let compare = |expected| {
        state(StateCall::CompareAndSet { key: "k".to_owned(), expected, value: b"4".to_vec(), ttl_ms: None })
    };
    assert_eq!(record.answer(5, &compare(Some(5)), true, NOW).0, Answer::State(StateAnswer::Conflict(Some(6))));
    assert_eq!(record.answer(6, &compare(Some(6)), true, NOW).0, written(7));
    assert_eq!(
        record.answer(7, &state(StateCall::Delete { key: "k".to_owned() }), true, NOW).0,
        Answer::State(StateAnswer::Existed(true))
    );
    assert_eq!(record.answer(8, &read("k"), false, NOW).0, Answer::State(StateAnswer::Entry(None)));
    assert_eq!(record.matched().missing, [2]);
}

#[test]
fn a_recorded_read_of_a_key_that_was_written_otherwise_comes_from_the_picture() {
    let record = record(&[(set("k", "1"), written(5)), (read("k"), holds("1", 5))]);
    assert_eq!(record.answer(1, &set("k", "2"), true, NOW).0, written(6));
    assert_eq!(record.answer(2, &read("k"), false, NOW).0, holds("2", 6));
    let Matched { made, missing, .. } = record.matched();
    assert_eq!((made[1].recorded, made[1].source, missing), (Some(2), Source::Picture, vec![1]));
}

#[test]
fn the_keys_of_an_instance_and_of_the_deployment_are_two_pictures() {
    let mine = |call: Call| match call {
        Call::State(call) => Call::InstanceState(call),
        other => other,
    };
    let record = record(&[(read("k"), holds("1", 4)), (mine(read("k")), holds("7", 1)), (mine(add("n", 1)), sum(3))]);
    assert_eq!(record.answer(1, &mine(read("k")), false, NOW).0, holds("7", 1));
    assert_eq!(record.answer(2, &mine(set("k", "8")), true, NOW).0, written(2));
    // What is written to the one changes nothing of the other, nor do its revisions rise with it.
    assert_eq!(record.answer(3, &read("k"), false, NOW), (holds("1", 4), Some(Timestamp::from_millis(1_001))));
    assert_eq!(record.answer(4, &set("k", "2"), true, NOW).0, written(5));
    assert_eq!(record.answer(5, &mine(read("k")), false, NOW).0, holds("8", 2));
    assert!(is_unmatched(&record.answer(6, &add("n", 1), true, NOW).0));
    assert_eq!(record.answer(7, &mine(add("n", 2)), true, NOW).0, sum(4));
}

#[test]
fn what_nobody_knows_is_not_made_up() {
    let record = record(&[(set("k", "2"), written(5))]);
    for call in [read("k"), read("other"), state(StateCall::List { prefix: String::new(), after: None, limit: 9 })] {
        let (answer, at) = record.answer(1, &call, false, NOW);
        assert!(is_unmatched(&answer), "{answer:?}");
        assert_eq!(at, None);
    }
    // Once the recorded write is made again, it is known what the key holds.
    assert_eq!(record.answer(2, &set("k", "2"), true, NOW), (written(5), Some(Timestamp::from_millis(1_001))));
    assert_eq!(record.answer(3, &read("k"), false, NOW).0, holds("2", 5));
}

#[test]
fn a_denial_is_the_same_if_it_was_one_then() {
    let denial = |message: &str| Answer::denied(message.to_owned());
    let record = record(&[(read("k"), denial("no grant"))]);
    record.denied(1, read("k"), &denial("no grant any more"), false);
    record.denied(2, read("k"), &denial("no grant any more"), false);
    let sources: Vec<_> = record.matched().made.iter().map(|made| (made.recorded, made.source)).collect();
    assert_eq!(sources, [(Some(1), Source::Record), (None, Source::Denied)]);
}

#[test]
fn an_increment_by_another_number_counts_from_what_the_record_counted_from() {
    let record = record(&[(add("k", 1), sum(7)), (add("new", 2), sum(2))]);
    assert_eq!(record.answer(1, &add("k", 10), true, NOW), (sum(16), None));
    // Nobody knows whether it was absent or held 0, and it counts the same.
    assert_eq!(record.answer(2, &add("new", 5), true, NOW).0, sum(5));
    assert_eq!(record.answer(3, &read("k"), false, NOW).0, holds("16", 1));
    // What was recorded on a key that has parted counts from the picture.
    assert_eq!(record.answer(4, &add("k", 1), true, NOW).0, sum(17));
    let Matched { made, missing, .. } = record.matched();
    assert_eq!(made.iter().map(|made| made.source).collect::<Vec<_>>(), [Source::Picture; 4]);
    assert_eq!((made[3].recorded, missing), (Some(1), vec![2]));
}

#[test]
fn an_increment_goes_on_from_one_that_was_made_again() {
    let record = record(&[(add("k", 1), sum(7))]);
    assert_eq!(record.answer(1, &add("k", 1), true, NOW), (sum(7), Some(Timestamp::from_millis(1_001))));
    assert!(is_unmatched(&record.answer(2, &read("k"), false, NOW).0), "its revision is nowhere said");
    assert_eq!(record.answer(3, &add("k", -2), true, NOW).0, sum(5));
    assert_eq!(record.answer(4, &read("k"), false, NOW).0, holds("5", 1));
}

#[test]
fn an_increment_is_refused_as_the_store_would_and_never_made_up() {
    let record = record(&[
        (read("word"), holds("seven", 3)),
        (read("most"), holds(&i64::MAX.to_string(), 4)),
        (state(StateCall::Delete { key: "there".to_owned() }), Answer::State(StateAnswer::Existed(true))),
    ]);
    for (key, why) in [("word", "the key holds no whole number"), ("most", "the sum would be no whole number")] {
        let answer = record.answer(1, &add(key, 1), true, NOW).0;
        assert!(matches!(&answer, Answer::Invalid(told) if told.starts_with(why)), "{answer:?}");
    }
    for key in ["there", "unknown"] {
        assert!(is_unmatched(&record.answer(2, &add(key, 1), true, NOW).0));
    }
    // What was refused has changed nothing.
    assert_eq!(record.answer(3, &read("word"), false, NOW), (holds("seven", 3), Some(Timestamp::from_millis(1_001))));
}

#[test]
fn a_key_with_another_end_holds_what_is_recorded_until_then() {
    let record = record(&[(expire("k", 60_000), found(true)), (read("k"), holds("1", 4)), (read("k"), holds("1", 4))]);
    assert_eq!(record.answer(1, &expire("k", 500), true, NOW), (found(true), None));
    let at = |ms| NOW.plus(std::time::Duration::from_millis(ms));
    assert_eq!(record.answer(2, &read("k"), false, at(499)), (holds("1", 4), Some(Timestamp::from_millis(1_002))));
    assert_eq!(record.answer(3, &read("k"), false, at(500)), (Answer::State(StateAnswer::Entry(None)), None));
    // It is over, so there is nothing to expire, and a number begins at 0.
    assert_eq!(record.answer(4, &expire("k", 500), true, at(600)).0, found(false));
    assert_eq!(record.answer(5, &add("k", 3), true, at(600)).0, sum(3));
    assert_eq!(record.answer(6, &read("k"), false, at(9_000)).0, holds("3", 5));
    let sources: Vec<Source> = record.matched().made.iter().map(|made| made.source).collect();
    assert_eq!(sources[..3], [Source::Picture, Source::Record, Source::Picture]);
}

#[test]
fn what_a_candidate_writes_for_a_while_is_over_after_it() {
    let record = record(&[(read("k"), Answer::State(StateAnswer::Entry(None)))]);
    assert_eq!(record.answer(1, &expire("k", 500), true, NOW).0, found(false), "what is not there has no end");
    let brief = StateCall::Set { key: "k".to_owned(), value: b"2".to_vec(), ttl_ms: Some(500) };
    assert_eq!(record.answer(2, &state(brief), true, NOW).0, written(1));
    let at = |ms| NOW.plus(std::time::Duration::from_millis(ms));
    assert_eq!(record.answer(3, &read("k"), false, at(499)).0, holds("2", 1));
    // An increment leaves the end as it is.
    assert_eq!(record.answer(4, &add("k", 1), true, at(499)).0, sum(3));
    assert_eq!(record.answer(5, &read("k"), false, at(500)).0, Answer::State(StateAnswer::Entry(None)));
}

#[test]
fn a_key_of_which_only_its_being_there_is_known_is_neither_read_nor_made() {
    let record = record(&[(expire("k", 60_000), found(true))]);
    assert!(is_unmatched(&record.answer(1, &read("k"), false, NOW).0));
    let make = |expected| {
        state(StateCall::CompareAndSet { key: "k".to_owned(), expected, value: b"4".to_vec(), ttl_ms: None })
    };
    assert!(is_unmatched(&record.answer(2, &make(None), true, NOW).0), "it would be a conflict with some revision");
    assert_eq!(record.answer(3, &make(Some(9)), true, NOW).0, written(1));
}

#[test]
fn a_reference_to_a_secret_is_the_one_of_then_or_made_of_the_seed() {
    let reference = |name: &str| Call::Secrets(SecretsCall::Reference { name: name.to_owned() });
    let given = |text: &str| Answer::Secrets(SecretsAnswer::Reference(text.to_owned()));
    let denial = Answer::denied("no grant".to_owned());
    let record = record(&[(reference("a"), given("of a")), (reference("b"), denial)]);
    assert_eq!(record.known(1, &reference("a"), &given("of a")), Some(Timestamp::from_millis(1_001)));
    // It was denied then, and is granted now.
    assert_eq!(record.known(2, &reference("b"), &given("of b")), None);
    assert_eq!(record.known(3, &reference("c"), &given("of c")), None);
    let Matched { made, missing, .. } = record.matched();
    let sources: Vec<_> = made.iter().map(|made| (made.recorded, made.source)).collect();
    assert_eq!(sources, [(Some(1), Source::Record), (None, Source::Seed), (None, Source::Seed)]);
    assert_eq!(missing, [2]);
}

#[test]
fn a_recorded_list_that_is_wrong_about_a_key_by_now_is_not_told() {
    let list = |prefix: &str, limit| state(StateCall::List { prefix: prefix.to_owned(), after: None, limit });
    let keys = |keys: &[&str]| Answer::State(StateAnswer::Keys(keys.iter().map(|key| (*key).to_owned()).collect()));
    let delete = |key: &str| state(StateCall::Delete { key: key.to_owned() });
    let listed = [(list("a", 9), keys(&["a1", "a2"])), (list("b", 2), keys(&["b1", "b2"]))];
    let told = |own: &[Call]| {
        let record = record(&listed);
        for call in own {
            record.answer(1, call, true, NOW);
        }
        listed.each_ref().map(|(call, answer)| record.answer(2, call, false, NOW).0 == *answer)
    };
    assert_eq!(told(&[set("a1", "other"), set("c", "1"), set("b3", "behind the last that was asked for")]), [true; 2]);
    assert_eq!(told(&[set("a3", "1"), delete("b1")]), [false; 2]);
    assert_eq!(told(&[set("a3", "1"), delete("a3"), set("b11", "1")]), [true, false]);
}

#[test]
fn calls_of_a_kind_are_told_as_one() {
    let kind = |url: &str| get(url).kind();
    assert_eq!(kind("https://a.example/v1/orders/123?x=1"), "http GET https://a.example/v1/orders/*");
    assert_eq!(kind("https://a.example/v1/orders/0199a2f0-6c1e"), "http GET https://a.example/v1/orders/*");
    assert_eq!(kind("https://a.example/"), "http GET https://a.example/");
    assert_eq!(kind("https://a.example"), "http GET https://a.example/");
    let mut call = request("POST", "https://ec2.example/?Action=StopInstances", &[], "");
    assert_eq!(call.authority(), "ec2.example");
    call.action = Some("ec2:StopInstances".to_owned());
    assert_eq!(Call::Http(call).kind(), "http ec2:StopInstances at ec2.example");
    assert_eq!(read("n17").kind(), "state.get");
}

#[test]
fn one_record_answers_as_many_releases_as_are_tried_on_it() {
    let rows = [JournalRow {
        number: 1,
        at: NOW,
        call: encode(&get("https://a.example/1")),
        answer: said("one").encode(),
        write: false,
    }];
    let record = Record::new(&rows, &SEED).unwrap();
    assert!(record.is_whole());
    for _ in 0..2 {
        let matching = Matching::new(&record);
        assert_eq!(matching.matched().missing, [1]);
        let answered = matching.answer_http(1, request("GET", "https://a.example/1", &[], ""), false);
        assert!(matches!(answered, Past::Answered(Answer::Http(_), _)));
        assert!(matching.matched().missing.is_empty());
    }
}

#[test]
fn a_lock_is_answered_as_it_was_then_and_never_taken_now() {
    let name = || "orders/1".to_owned();
    let acquire = |options: &str| Call::Locks(LocksCall::Acquire { name: name(), options: options.to_owned() });
    let take = |number| Call::Locks(LocksCall::Take { name: name(), number });
    let release = |token| Call::Locks(LocksCall::Release { name: name(), token });
    let answered = |answer| Answer::Locks(answer);
    let given = answered(LocksAnswer::Given { token: 7, until_ms: 1 });
    let record = record(&[
        (acquire("{}"), answered(LocksAnswer::Waiting)),
        (take(1), given.clone()),
        (release(7), answered(LocksAnswer::Released)),
    ]);
    // The numbers of its calls are others than those of the release before.
    assert_eq!(record.answer(4, &acquire("{}"), true, NOW).0, answered(LocksAnswer::Waiting));
    assert_eq!(record.answer(6, &take(4), true, NOW).0, given);
    assert!(is_unmatched(&record.answer(7, &acquire(r#"{"priority":"high"}"#), true, NOW).0));
    assert!(is_unmatched(&record.answer(8, &release(8), true, NOW).0));
    assert_eq!(record.matched().missing, [3]);
}

#[test]
fn a_write_under_a_lock_is_that_write_in_the_picture() {
    let fenced = |token, write| state(StateCall::Fenced { lock: "l".to_owned(), token, write: Box::new(write) });
    let put = |value: &str| StateCall::Set { key: "k".to_owned(), value: value.as_bytes().to_vec(), ttl_ms: None };
    let stale = Answer::State(StateAnswer::Stale(Some(9)));
    let record = record(&[(fenced(3, put("1")), written(4)), (fenced(2, put("2")), stale.clone())]);
    assert_eq!(record.answer(1, &fenced(3, put("1")), true, NOW).0, written(4));
    assert_eq!(record.answer(2, &read("k"), false, NOW).0, holds("1", 4));
    assert_eq!(record.answer(3, &fenced(2, put("2")), true, NOW).0, stale);
    assert_eq!(record.answer(4, &read("k"), false, NOW).0, holds("1", 4));
    assert_eq!(record.answer(5, &fenced(3, put("3")), true, NOW).0, written(5));
    assert_eq!(record.answer(6, &read("k"), false, NOW).0, holds("3", 5));
}
