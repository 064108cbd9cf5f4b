//! What may be asked, and what is told of a decision.

use serde_json::{Map, Value, json};

use super::*;

fn ask(summary: &str, action: &str, options: &str) -> ApprovalsCall {
    let (summary, action, options) = (summary.to_owned(), action.to_owned(), options.to_owned());
    ApprovalsCall::Ask { summary, action, options }
}

fn granted() -> Grants {
    serde_json::from_value(json!({ "approvals": { "open": 3 } })).unwrap()
}

#[test]
fn without_a_grant_nothing_is_asked_and_with_it_what_can_be_shown_of_the_class_of_the_skill() {
    let call = ask("delete vol-1", r#"{"volume":"vol-1"}"#, "{}");
    let denied = authorize(&Grants::default(), Effect::Destructive, &call).unwrap_err();
    assert!(matches!(denied, Answer::Denied { .. }), "{denied:?}");
    for effect in [Effect::Read, Effect::Destructive] {
        let permit = authorize(&granted(), effect, &call).unwrap();
        let Wanted::Ask(ask) = permit.0 else { panic!("no question") };
        assert_eq!((ask.effect, ask.open_max, ask.expires_after), (effect, 3, None));
    }
}

#[test]
fn what_cannot_be_read_is_refused_with_what_could_be() {
    for (summary, action, options) in [
        ("a\u{1b}[2J", "{}", "{}"),
        ("", "{}", "{}"),
        ("a", "[]", "{}"),
        ("a", "{", "{}"),
        ("a", "{}", "[60000]"),
        ("a", "{}", r#"{"expires":1}"#),
        ("a", "{}", r#"{"expires_after_ms":999}"#),
        ("a", "{}", r#"{"expires_after_ms":1e30}"#),
        ("a", "{}", &format!("{{{}}}", " ".repeat(2_000))),
    ] {
        let refused = authorize(&granted(), Effect::Write, &ask(summary, action, options)).unwrap_err();
        assert!(matches!(refused, Answer::Invalid(_)), "{refused:?}");
    }
}

#[test]
fn a_guest_is_told_who_decided_and_about_what() {
    let id: ApprovalId = "0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b".parse().unwrap();
    let stands = |status, decision: Value| {
        let decision: Map<String, Value> = serde_json::from_value(decision).unwrap();
        Answer::of_approval(id, Some(ApprovalStands { status, decision }))
    };
    assert_eq!(stands(TaskApprovalStatus::Pending, json!({})), Answer::Approvals(ApprovalsAnswer::Pending));
    let yes = stands(TaskApprovalStatus::Granted, json!({ "by": "owner" }));
    assert_eq!(yes, Answer::Approvals(ApprovalsAnswer::Granted(r#"{"by":"owner"}"#.to_owned())));
    let no = stands(TaskApprovalStatus::Rejected, json!({ "by": "owner", "reason": "not today" }));
    let Answer::Approvals(ApprovalsAnswer::Ended { end: ApprovalEnd::Rejected, message, .. }) = no else {
        panic!("no end")
    };
    assert_eq!(message, "`owner` rejected what was shown: not today");
    assert!(matches!(Answer::of_approval(id, None), Answer::Invalid(_)));
}
