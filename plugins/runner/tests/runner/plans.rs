//! Plans.

use serde_json::{Value, json};

use super::support::{host, refusal, run, settings};

/// Finds something, buys it and burns what was bought.
fn plan() -> Value {
    json!({ "dry_run": false, "steps": [
        { "id": "find", "agent": "shop", "skill": "find", "input": { "kind": "lamp" } },
        { "id": "buy", "agent": "shop", "skill": "buy", "input": { "note": "soon" },
          "from": [{ "step": "find", "pointer": "/items/0/id", "to": "/id" }] },
        { "id": "tell", "agent": "shop", "skill": "find",
          "from": [{ "step": "buy", "pointer": "/bought", "to": "/kind" }] },
    ] })
}

fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut plan = plan();
    change(&mut plan);
    plan
}

fn statuses(report: &Value) -> Vec<String> {
    let step = |step: &Value| format!("{} {}", step["id"].as_str().unwrap(), step["status"].as_str().unwrap());
    report["steps"].as_array().unwrap().iter().map(step).collect()
}

#[test]
fn a_plan_is_told_and_not_done_unless_it_says_otherwise() {
    let host = host(&settings());
    let dry = with(|plan| _ = plan.as_object_mut().unwrap().remove("dry_run"));
    for (skill, input) in [("execute", dry.clone()), ("plan", plan())] {
        let report = run(skill, input);
        assert_eq!((&report["dry_run"], &report["completed"]), (&json!(true), &json!(false)));
        assert_eq!(statuses(&report), ["find planned", "buy planned", "tell planned"]);
        assert_eq!(report["steps"][1]["effect"], "destructive");
        assert_eq!(report["steps"][1]["needs_approval"], true);
        assert_eq!(report["summary"], "3 steps would be done, 1 of them after somebody's approval; nothing was");
    }
    assert!(host.asked().is_empty() && host.asked_to_approve().is_empty());
}

#[test]
fn steps_are_done_in_order_with_what_earlier_ones_answered_and_after_somebody_approved_of_exactly_that() {
    let host = host(&settings()).approves(|_, _| Ok("key/boss".to_owned()));
    let report = run("execute", plan());
    assert_eq!(statuses(&report), ["find completed", "buy completed", "tell completed"]);
    assert_eq!((&report["completed"], &report["steps"][1]["approved_by"]), (&json!(true), &json!("key/boss")));
    assert_eq!(report["steps"][1]["output"], json!({ "bought": "i-1" }));
    let bought = json!({ "id": "i-1", "note": "soon" });
    let approved = json!({ "agent": "shop", "skill": "buy", "input": bought });
    assert_eq!(host.asked_to_approve()[0].1, approved);
    let asked: Vec<Value> = host.asked().into_iter().map(|(_, _, input)| input).collect();
    assert_eq!(asked, [json!({ "kind": "lamp" }), bought, json!({ "kind": "i-1" })]);
    assert_eq!(report["steps"][0]["task"], "task-0");
}

#[test]
fn what_nobody_approves_of_is_not_done_and_neither_is_what_follows() {
    let without = host(&settings());
    let report = run("execute", plan());
    assert_eq!(statuses(&report), ["find completed", "buy refused", "tell skipped"]);
    assert_eq!(without.asked().len(), 1);
    let never = json!({ "approval": "never", "may": [{ "ask": "*/*" }] });
    let host = host(&never);
    assert_eq!(statuses(&run("execute", plan())), ["find completed", "buy completed", "tell completed"]);
    assert!(host.asked_to_approve().is_empty());
}

#[test]
fn what_fails_ends_the_plan_or_only_what_depends_on_it() {
    let configuration = json!({ "approval": "never", "may": [{ "ask": "shop/*" }] });
    let steps = json!([
        { "id": "down", "agent": "shop", "skill": "down" },
        { "id": "after", "agent": "shop", "skill": "find", "after": ["down"] },
        { "id": "other", "agent": "shop", "skill": "find" },
        { "id": "lost", "agent": "shop", "skill": "buy", "from": [{ "step": "other", "pointer": "/no", "to": "/id" }] },
    ]);
    let _host = host(&configuration);
    let stopped = run("execute", json!({ "dry_run": false, "steps": steps }));
    assert_eq!(statuses(&stopped), ["down failed", "after skipped", "other skipped", "lost skipped"]);
    assert_eq!(stopped["steps"][0]["code"], "guest.unavailable");
    let all = run("execute", json!({ "dry_run": false, "keep_going": true, "steps": steps }));
    assert_eq!(statuses(&all), ["down failed", "after skipped", "other completed", "lost failed"]);
    assert_eq!(all["steps"][3]["why"], "the output of `other` has nothing at `/no`");
    assert_eq!(all["summary"], "1 of 4 steps completed, 2 failed, 0 refused, 1 skipped");
}

#[test]
fn by_dependencies_what_needs_nothing_is_done_at_once() {
    let configuration = json!({ "approval": "never", "may": [{ "ask": "shop/*" }] });
    let _host = host(&configuration);
    let report = run(
        "execute",
        json!({ "dry_run": false, "order": "dependencies", "steps": [
        { "id": "last", "agent": "shop", "skill": "burn", "from": [
            { "step": "a", "pointer": "/count", "to": "/a" }, { "step": "b", "to": "/b" } ] },
        { "id": "a", "agent": "shop", "skill": "find" },
        { "id": "b", "agent": "shop", "skill": "find" },
    ] }),
    );
    assert_eq!(statuses(&report), ["a completed", "b completed", "last completed"]);
    assert_eq!(report["steps"][1]["wave"], 1);
    assert_eq!(report["steps"][2]["output"]["burnt"]["a"], 3);
}

#[test]
fn what_is_wrong_with_a_plan_is_told_before_anything_is_done() {
    let host = host(&settings());
    let step = |id: &str, more: Value| {
        let mut step = json!({ "id": id, "agent": "shop", "skill": "find" });
        step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        step
    };
    let none = json!({});
    for (steps, order, says) in [
        (json!([]), "listed", "a plan has 1 to 100 steps, and this one has 0"),
        (json!([step("a", none.clone()), step("a", none.clone())]), "listed", "two steps `a`"),
        (json!([step("a", json!({ "after": ["b"] }))]), "listed", "`b`, which is no step of the plan"),
        (json!([step("a", json!({ "after": ["b"] })), step("b", none)]), "listed", "which is listed after it"),
        (
            json!([step("a", json!({ "after": ["b"] })), step("b", json!({ "after": ["a"] }))]),
            "dependencies",
            "the steps `a`, `b` need each other in a circle",
        ),
        (json!([step("a", json!({ "agent": "bank" }))]), "listed", "`bank/find` is not among what may be asked for"),
        (
            json!([step("a", json!({})), step("b", json!({ "from": [{ "step": "a", "to": "id" }] }))]),
            "listed",
            "there is no place `id`",
        ),
    ] {
        let told = refusal("execute", json!({ "dry_run": false, "order": order, "steps": steps }));
        assert!(told.contains(says), "{told}");
    }
    assert!(host.asked().is_empty());
}

#[test]
fn of_a_wave_in_which_one_is_refused_nothing_is_begun() {
    let host = host(&settings());
    let steps = json!([
        { "id": "look", "agent": "shop", "skill": "find" },
        { "id": "buy", "agent": "shop", "skill": "buy", "input": { "id": "i-1" } },
        { "id": "again", "agent": "shop", "skill": "find" },
        { "id": "later", "agent": "shop", "skill": "find", "after": ["look"] },
    ]);
    let plan = json!({ "dry_run": false, "order": "dependencies", "steps": steps });
    let report = run("execute", plan);
    assert_eq!(statuses(&report), ["look skipped", "buy refused", "again skipped", "later skipped"]);
    assert_eq!(report["steps"][0]["why"], "a step of the same wave is not done");
    assert!(host.asked().is_empty());
    let plan = json!({ "dry_run": false, "order": "dependencies", "keep_going": true, "steps": steps });
    assert_eq!(
        statuses(&run("execute", plan)),
        ["look completed", "buy refused", "again completed", "later completed"]
    );
}

#[test]
fn what_cannot_be_put_once_the_outputs_are_there_fails_that_step_and_the_rest_is_told() {
    let _host = host(&settings());
    let steps = json!([
        { "id": "find", "agent": "shop", "skill": "find" },
        { "id": "burn", "agent": "shop", "skill": "burn", "from": [
            { "step": "find", "pointer": "/count", "to": "/a" }, { "step": "find", "pointer": "/count", "to": "/a/b" } ] },
    ]);
    let report = run("execute", json!({ "dry_run": false, "steps": steps }));
    assert_eq!(statuses(&report), ["find completed", "burn failed"]);
    let why = report["steps"][1]["why"].as_str().unwrap();
    assert!(why.contains("there is no place `/a/b`"), "{why}");
    assert_eq!(report["steps"][0]["output"]["count"], 3);
}

#[test]
fn what_is_too_long_for_the_report_is_given_on_and_told_by_its_length() {
    let host = host(&json!({ "approval": "never", "may": [{ "ask": "shop/*" }] }));
    let steps = json!([
        { "id": "print", "agent": "shop", "skill": "print" },
        { "id": "burn", "agent": "shop", "skill": "burn", "from": [{ "step": "print", "pointer": "/long", "to": "/it" }] },
    ]);
    let report = run("execute", json!({ "dry_run": false, "steps": steps }));
    assert_eq!(statuses(&report), ["print completed", "burn completed"]);
    let burn = &report["steps"][1];
    assert_eq!((&burn["input"], &burn["input_bytes"]), (&Value::Null, &json!(70_009)));
    assert_eq!((&report["steps"][0]["output"], &report["steps"][0]["input"]), (&Value::Null, &json!({})));
    assert_eq!(host.asked()[1].2["it"].as_str().unwrap().len(), 70_000);
}
