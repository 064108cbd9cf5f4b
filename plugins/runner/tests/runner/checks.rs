//! Checks.

use std::cell::Cell;
use std::rc::Rc;

use serde_json::{Value, json};
use troupe_sdk::test::Host;
use troupe_sdk::{CapabilityError, Failure, Problem};

use super::support::{host, refusal, run, settings};

fn check(name: &str, expect: Value) -> Value {
    json!({ "name": name, "agent": "shop", "skill": "find", "input": { "kind": "lamp" }, "expect": expect })
}

fn names(report: &Value, list: &str) -> Vec<String> {
    serde_json::from_value(report[list].clone()).unwrap()
}

#[test]
fn answers_are_held_against_what_is_expected() {
    let _host = host(&settings());
    let report = run(
        "check",
        json!({ "checks": [
        check("good", json!([{ "at": "/count", "at_least": 3 }, { "at": "/items/0/of", "matches": "l*p" }])),
        check("bad", json!([{ "at": "/count", "equals": 4 }, { "at": "/items/0/id", "present": false }])),
        { "name": "fails", "agent": "shop", "skill": "reject", "fails_with": "guest.failed" },
        { "name": "fails-otherwise", "agent": "shop", "skill": "down", "fails_with": "input.invalid" },
        { "name": "answers", "agent": "shop", "skill": "find", "fails_with": "input.invalid" },
    ] }),
    );
    assert_eq!(names(&report, "newly_failing"), ["bad", "fails-otherwise", "answers"], "{report:#}");
    assert_eq!(
        report["results"][1]["faults"],
        json!(["`/count` is 3, not 4", "`/items/0/id` is \"i-1\", and nothing was expected there"])
    );
    assert_eq!(report["results"][4]["faults"], json!(["it answered, and was to fail with `input.invalid`"]));
    assert_eq!((&report["passed"], &report["run"]), (&json!(false), &json!(1)));
    assert_eq!(report["summary"], "2 of 5 checks passed; 3 newly failing, 0 fixed, 0 still failing");
}

#[test]
fn what_is_new_fixed_and_still_failing_is_told_kept_and_published() {
    let works = Rc::new(Cell::new(true));
    let answers = Rc::clone(&works);
    let checks: Vec<Value> =
        ["a", "b"].iter().map(|name| check(name, json!([{ "at": "/count", "equals": 3 }]))).collect();
    let settings = json!({ "may": [{ "ask": "*/*", "effect": "read" }], "checks": checks });
    let host = Host::start().configuration(&settings).agent("shop", "find", move |_| {
        if answers.get() { Ok(json!({ "count": 3 })) } else { Err(Failure::failed("it broke")) }
    });
    let told = |works_now: bool, input: Value| {
        works.set(works_now);
        let report = run("check", input);
        ["newly_failing", "fixed", "still_failing", "gone"].map(|list| names(&report, list).join(" "))
    };
    let all = json!({ "suite": "nightly" });
    assert_eq!(told(true, all.clone()), ["", "", "", ""]);
    assert_eq!(told(false, all.clone()), ["a b", "", "", ""]);
    let one = json!({ "suite": "nightly", "checks": [checks[0]] });
    assert_eq!(told(false, one), ["", "", "a", "b"]);
    assert_eq!(told(true, all), ["", "a", "", ""]);
    // Another suite has a past of its own.
    assert_eq!(told(false, json!({ "suite": "other" })), ["a b", "", "", ""]);
    let published: Vec<(String, Value)> =
        host.published().into_iter().map(|event| (event.topic, event.data["check"].clone())).collect();
    let failed = |name: &str| ("qa.failed".to_owned(), json!(name));
    let expected = [failed("a"), failed("b"), ("qa.recovered".to_owned(), json!("a")), failed("a"), failed("b")];
    assert_eq!(published, expected);
    let results = run("results", json!({ "suite": "nightly" }));
    assert_eq!((&results["run"], &results["checks"]["a"]["since_run"]), (&json!(4), &json!(4)));
    assert_eq!(run("results", json!({ "suite": "never" })), json!({ "run": 0, "checks": {} }));
}

#[test]
fn without_leave_to_publish_the_checks_are_run_and_say_so() {
    let denied = CapabilityError::Denied(Problem::new("no topic is granted"));
    let _host = host(&settings()).events_fail(denied);
    let report = run("check", json!({ "checks": [check("bad", json!([{ "at": "/no", "present": true }]))] }));
    assert_eq!(names(&report, "newly_failing"), ["bad"]);
    assert!(report["not_published"].as_str().unwrap().contains("no topic is granted"), "{report:#}");
}

#[test]
fn what_is_no_suite_is_refused_and_nobody_is_asked() {
    let host = host(&settings());
    assert!(refusal("check", json!({})).contains("a suite has 1 to 100 checks"));
    let twice = json!({ "checks": [check("a", json!([])), check("a", json!([]))] });
    assert!(refusal("check", twice).contains("two checks `a`"));
    let bank = json!({ "checks": [{ "name": "a", "agent": "bank", "skill": "rob" }] });
    assert!(refusal("check", bank).contains("`bank/rob` is not among what may be asked for"));
    let asked_first = json!({ "checks": [check("a", json!([])), { "name": "b", "agent": "shop", "skill": "buy" }] });
    assert!(
        refusal("check", asked_first)
            .contains("the check `b` asks for `shop/buy`, before which somebody is to be asked")
    );
    let long = json!({ "suite": "x".repeat(101), "checks": [check("a", json!([]))] });
    assert!(refusal("check", long).contains("the name of a suite"));
    assert!(host.asked().is_empty());
}
