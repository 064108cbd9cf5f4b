//! Who decides what, without clocks.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::view::{ApprovedAction, LevelStatus, TaskApproval};
use crate::{Code, Digest, Effect, Timestamp};

const A: &str = "key/0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3a";
const B: &str = "key/0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b";
const C: &str = "key/0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3c";

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + ms)
}

fn asked(rule: Value) -> TaskApproval {
    with_effect(rule, Effect::Write)
}

fn with_effect(rule: Value, effect: Effect) -> TaskApproval {
    let rule: ApprovalRule = serde_json::from_value(rule).unwrap();
    let action = ApprovedAction {
        agent: "aws".to_owned(),
        version: semver::Version::new(1, 0, 0),
        digest: Digest::of(b"release"),
        skill: "stop".to_owned(),
        effect,
        instance: None,
        configuration: None,
    };
    TaskApproval::asked(action, "owner", (1, &rule, 1), at(0))
}

fn statuses(approval: &TaskApproval) -> Vec<LevelStatus> {
    approval.levels.iter().map(|level| level.status).collect()
}

fn yes(approval: &mut TaskApproval, by: &str) -> Result<ApprovalStep, Code> {
    approval.approve(by, None, None, at(1)).map_err(|error| error.code)
}

#[test]
fn a_quorum_is_of_different_people_and_never_of_who_asked() {
    let mut approval = asked(json!({ "levels": [{ "quorum": 2 }] }));
    assert_eq!(yes(&mut approval, "owner"), Err(Code::ApprovalDenied));
    assert_eq!(yes(&mut approval, A), Ok(ApprovalStep::Voted(1)));
    assert_eq!(yes(&mut approval, A), Err(Code::ApprovalDenied));
    assert_eq!(yes(&mut approval, B), Ok(ApprovalStep::Granted));
    let mut own = asked(json!({ "levels": [{ "own": true }] }));
    assert_eq!(yes(&mut own, "owner"), Ok(ApprovalStep::Granted));
}

#[test]
fn levels_follow_one_another_and_one_rejection_decides() {
    let mut approval = asked(json!({ "levels": [{ "approvers": [A] }, { "approvers": [B] }] }));
    assert_eq!(yes(&mut approval, B), Err(Code::ApprovalDenied));
    assert_eq!(yes(&mut approval, A), Ok(ApprovalStep::LevelGranted(1)));
    assert_eq!(statuses(&approval), [LevelStatus::Granted, LevelStatus::Open]);
    assert_eq!(yes(&mut approval, A), Err(Code::ApprovalDenied));
    let rejected = approval.clone().reject(B, None, Some("no".to_owned()), at(1)).unwrap();
    assert_eq!(rejected, ApprovalStep::Rejected);
    assert_eq!(yes(&mut approval, B), Ok(ApprovalStep::Granted));
}

#[test]
fn a_slow_level_is_joined_or_replaced_by_the_next_which_is_not_needed_otherwise() {
    let levels = |how: &str| {
        json!({ "levels": [
            { "approvers": [A], "escalate_after_ms": 10, "escalate": how },
            { "approvers": [B], "when": "escalated" },
        ] })
    };
    let mut quick = asked(levels("as_well"));
    assert_eq!(yes(&mut quick, A), Ok(ApprovalStep::Granted));
    assert_eq!(statuses(&quick), [LevelStatus::Granted, LevelStatus::Passed]);

    let mut joined = asked(levels("as_well"));
    assert_eq!(joined.due(), Some(at(10)));
    assert_eq!(joined.pass_time(at(9)), None);
    assert_eq!(joined.pass_time(at(10)), Some(ApprovalStep::Escalated(1)));
    assert_eq!((joined.due(), joined.pass_time(at(99))), (None, None));
    let mut by_either = joined.clone();
    assert_eq!(yes(&mut by_either, A), Ok(ApprovalStep::Granted));
    assert_eq!(yes(&mut joined, B), Ok(ApprovalStep::Granted));
    assert_eq!(statuses(&joined), [LevelStatus::Passed, LevelStatus::Granted]);

    let mut replaced = asked(levels("instead"));
    replaced.pass_time(at(10));
    assert_eq!(yes(&mut replaced, A), Err(Code::ApprovalDenied));
    assert_eq!(yes(&mut replaced, B), Ok(ApprovalStep::Granted));
}

#[test]
fn a_higher_level_stands_for_a_lower_one_and_not_the_other_way_round() {
    let mut approval = asked(json!({ "levels": [
        { "approvers": [A], "escalate_after_ms": 10 }, { "approvers": [B] }, { "approvers": [C] },
    ] }));
    approval.pass_time(at(10));
    assert_eq!(yes(&mut approval, A), Ok(ApprovalStep::LevelGranted(1)));
    assert_eq!(statuses(&approval), [LevelStatus::Granted, LevelStatus::Open, LevelStatus::Waiting]);
    assert_eq!(yes(&mut approval, B), Ok(ApprovalStep::LevelGranted(2)));
    assert_eq!(yes(&mut approval, C), Ok(ApprovalStep::Granted));
}

#[test]
fn what_is_routine_is_approved_in_time_and_nothing_destructive_is() {
    let rule = json!({ "levels": [{}], "effects": ["write"], "auto_approve_after_ms": 10, "expires_after_ms": 20 });
    let mut routine = asked(rule.clone());
    // A host that was away finds both due: the first one counts.
    assert_eq!(routine.pass_time(at(50)), Some(ApprovalStep::AutoGranted));
    let mut destructive = with_effect(rule, Effect::Destructive);
    assert_eq!(destructive.due(), Some(at(20)));
    assert_eq!(destructive.pass_time(at(50)), Some(ApprovalStep::Expired));
}

#[test]
fn a_right_is_lent_for_a_time_counts_once_and_goes_no_further() {
    let rule = json!({ "levels": [{ "approvers": [A, B], "quorum": 2 }] });
    let time = Duration::from_millis(10);
    let mut approval = asked(rule.clone());
    assert_eq!(approval.lend(C, 1, A, time, at(0)).unwrap_err().code, Code::ApprovalDenied);
    assert_eq!(approval.lend(A, 1, "nobody", time, at(0)).unwrap_err().code, Code::RequestInvalid);
    assert_eq!(approval.lend(A, 2, C, time, at(0)).unwrap_err().code, Code::RequestInvalid);
    approval.lend(A, 1, C, time, at(0)).unwrap();
    assert_eq!(approval.lend(C, 1, "owner", time, at(0)).unwrap_err().code, Code::ApprovalDenied);
    let late = approval.clone().approve(C, None, None, at(10)).unwrap_err();
    assert_eq!(late.code, Code::ApprovalDenied);
    assert_eq!(yes(&mut approval, C), Ok(ApprovalStep::Voted(1)));
    // Whoever lent it has been spoken for, and whoever spoke has spoken.
    assert_eq!(yes(&mut approval, A), Err(Code::ApprovalDenied));
    approval.lend(B, 1, C, time, at(0)).unwrap();
    assert_eq!(yes(&mut approval, C), Err(Code::ApprovalDenied));
    assert_eq!(yes(&mut approval, B), Ok(ApprovalStep::Granted));
    // What was lent to whoever asked does not let it decide of its own.
    let mut own = asked(rule);
    own.lend(A, 1, "owner", time, at(0)).unwrap();
    assert_eq!(yes(&mut own, "owner"), Err(Code::ApprovalDenied));
}

#[test]
fn a_policy_is_followed_in_order_and_what_cannot_be_followed_is_refused() {
    let policy = |rules: Value| serde_json::from_value::<ApprovalPolicy>(json!({ "rules": rules })).unwrap();
    let rules = policy(json!([
        { "agents": "aws-lab*", "levels": [] },
        { "agents": "aws*", "skills": "delete-*", "levels": [{}] },
        { "effects": ["destructive"], "levels": [{ "quorum": 2 }] },
    ]));
    rules.check().unwrap();
    let demand = |agent: &str, skill: &str, effect| {
        rules
            .demand(ApprovalKind::Task, &agent.parse().unwrap(), &skill.parse().unwrap(), effect)
            .map(|(place, _)| place)
    };
    assert_eq!(demand("aws-lab", "delete-all", Effect::Destructive), None);
    assert_eq!(demand("aws", "delete-all", Effect::Write), Some(2));
    assert_eq!(demand("aws", "list", Effect::Read), None);
    assert_eq!(demand("gcp", "list", Effect::Destructive), Some(3));
    assert_eq!(
        ApprovalPolicy::default().demand(
            ApprovalKind::Task,
            &"aws".parse().unwrap(),
            &"a".parse().unwrap(),
            Effect::Write
        ),
        None
    );

    let why = |rule: Value| policy(json!([rule])).check().unwrap_err().message;
    let refused = [
        json!({ "levels": [{}], "auto_approve_after_ms": 10 }),
        json!({ "levels": [{}], "effects": ["write", "destructive"], "auto_approve_after_ms": 10 }),
        json!({ "levels": [{ "escalate_after_ms": 10 }] }),
        json!({ "levels": [{ "when": "escalated" }] }),
        json!({ "levels": [{ "approvers": ["anna"] }] }),
        json!({ "levels": [{ "approvers": [A, A] }] }),
        json!({ "levels": [{ "approvers": [A], "quorum": 2 }] }),
        json!({ "levels": [{ "quorum": 0 }] }),
        json!({ "levels": [{}], "expires_after_ms": 0 }),
    ];
    insta::assert_snapshot!(refused.map(why).join("\n"), @"
    rule 1: `auto_approve_after_ms` is for what is routine: name `effects` below `destructive` beside it
    rule 1: `auto_approve_after_ms` is for what is routine: name `effects` below `destructive` beside it
    rule 1: level 1: `escalate_after_ms` needs a level after it, which is asked then
    rule 1: level 1: `when` is `always` on the first level: there is none before it
    rule 1: level 1: `anna` names nobody; approvers are `owner` or `key/ID`
    rule 1: level 1: `key/0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3a` stands twice
    rule 1: level 1: `quorum` is 1 to 1, as many as may approve
    rule 1: level 1: `quorum` is 1 to 64, as many as may approve
    rule 1: `expires_after_ms` is 1 to 31622400000
    ");
}

#[test]
fn an_action_is_decided_by_people_alone_under_the_rules_that_are_about_actions() {
    let policy: ApprovalPolicy = serde_json::from_value(json!({ "rules": [
        { "kinds": ["task"], "levels": [{ "quorum": 3 }] },
        { "effects": ["write"], "levels": [{ "quorum": 2 }], "auto_approve_after_ms": 10, "expires_after_ms": 500 },
    ] }))
    .unwrap();
    policy.check().unwrap();
    let demand = |kind| policy.demand(kind, &"aws".parse().unwrap(), &"stop".parse().unwrap(), Effect::Write);
    assert_eq!(demand(ApprovalKind::Task).map(|(place, _)| place), Some(1));
    let (place, rule) = demand(ApprovalKind::Action).unwrap();
    assert_eq!(place, 2);
    let of_task = asked(serde_json::to_value(rule).unwrap());
    assert_eq!(of_task.auto_approves_at, Some(at(10)));
    let of = |latest| {
        TaskApproval::of_action(of_task.action.clone(), Digest::of(b"shown"), A, (place, rule, 1), (at(0), latest))
    };
    let mut action = of(at(900));
    assert_eq!((action.auto_approves_at, action.expires_at), (None, Some(at(500))));
    assert_eq!(of(at(100)).expires_at, Some(at(100)), "its task's time is over before");
    assert_eq!(yes(&mut action, A), Err(Code::ApprovalDenied), "whoever asked");
    assert_eq!(yes(&mut action, B), Ok(ApprovalStep::Voted(1)));
    assert_eq!(action.pass_time(at(499)), None);
    assert_eq!(action.pass_time(at(500)), Some(ApprovalStep::Expired));
    assert_eq!(ApprovalRule::of_one().levels.len(), 1);
}
