//! `confirm`.

use serde_json::json;
use troupe_sdk::test::Host;

use crate::samples::perform;

#[test]
fn a_dry_run_asks_nobody() {
    let host = Host::start().configuration(json!({}));
    let answer = perform("confirm", json!({ "title": "cut over shop", "lines": ["stop writes"] })).unwrap();
    assert_eq!(
        answer,
        json!({ "confirmed": false, "dry_run": true, "title": "cut over shop", "lines": ["stop writes"] })
    );
    assert!(host.asked_to_approve().is_empty());
}

#[test]
fn people_are_asked_and_a_no_fails_the_step() {
    let host = Host::start().configuration(json!({})).approves(|_, _| Ok("key/ann".to_owned()));
    let input = json!({ "title": "cut over shop", "lines": ["stop writes"], "dry_run": false });
    let answer = perform("confirm", input.clone()).unwrap();
    assert_eq!((&answer["confirmed"], &answer["by"]), (&json!(true), &json!("key/ann")));
    let asked = host.asked_to_approve();
    assert_eq!(
        asked[0],
        ("done: cut over shop".to_owned(), json!({ "done": "cut over shop", "lines": ["stop writes"] }))
    );
    let _host = Host::start().configuration(json!({})).approves(|_, _| Err("not tonight".to_owned()));
    let failure = perform("confirm", input).unwrap_err();
    assert!(failure.to_string().contains("not tonight"), "{failure}");
    assert!(perform("confirm", json!({ "title": "" })).is_err());
}
