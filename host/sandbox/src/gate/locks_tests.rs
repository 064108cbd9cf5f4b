use serde_json::json;

use super::*;

fn grants() -> Grants {
    serde_json::from_value(json!({ "locks": [
        { "name": "orders/*", "lease_ms": 5_000 },
        { "name": "orders/1", "lease_ms": 90_000 },
        { "name": "tables/*", "lease_ms": 2_000, "preempt": true },
    ] }))
    .unwrap()
}

fn acquire(name: &str, options: &str) -> LocksCall {
    LocksCall::Acquire { name: name.to_owned(), options: options.to_owned() }
}

/// What a call is to the store, or what its guest is told.
fn judged(call: &LocksCall, ceiling: Effect) -> Result<LockChange, String> {
    match authorize(&grants(), ceiling, call).map(|permit| permit.deed(7)) {
        Ok(Deed::Own(Change::Lock(change))) => Ok(change),
        Ok(_) => Err("another deed".to_owned()),
        Err(answer) => Err(answer.describe()),
    }
}

fn asked(name: &str, options: &str) -> (LockPriority, u128, Option<u128>, bool) {
    match judged(&acquire(name, options), Effect::Write) {
        Ok(LockChange::Acquire { number: 7, priority, lease, wait, preempt, .. }) => {
            (priority, lease.as_millis(), wait.map(|wait| wait.as_millis()), preempt)
        }
        other => panic!("{other:?}"),
    }
}

fn refused(name: &str, options: &str) -> String {
    judged(&acquire(name, options), Effect::Destructive).unwrap_err()
}

#[test]
fn what_is_not_said_is_as_usual_or_as_long_as_the_grant_allows() {
    assert_eq!(asked("orders/2", "{}"), (LockPriority::Normal, 5_000, None, false));
    assert_eq!(asked("orders/1", "{}"), (LockPriority::Normal, 60_000, None, false));
    let whole = r#"{"priority":"low","lease_ms":1000,"wait_ms":5,"policy":"wait"}"#;
    assert_eq!(asked("orders/2", whole), (LockPriority::Low, 1_000, Some(5), false));
    assert_eq!(asked("tables/a", r#"{"policy":"preempt"}"#), (LockPriority::Normal, 2_000, None, true));
    assert_eq!(asked("orders/2", r#"{"policy":"fail","wait_ms":900}"#).2, Some(0));
    let month = limits::TASK_LIFETIME_MAX.as_millis();
    assert_eq!(asked("orders/2", &format!(r#"{{"wait_ms":{}}}"#, u64::MAX)).2, Some(month));
}

#[test]
fn what_no_line_allows_is_denied_with_what_would() {
    assert_eq!(
        refused("other", "{}"),
        "`locks.acquire` of `other` was denied: this deployment has no grant of `locks` that names this lock; the manifest must ask for it and the operator grant it"
    );
    assert_eq!(
        refused("orders/2", r#"{"lease_ms":5001}"#),
        "`locks.acquire` of `orders/2` was denied: the lines of `locks` that name this lock allow a lease of at most 5000 ms, and it asks for 5001"
    );
    assert_eq!(
        refused("orders/2", r#"{"policy":"preempt"}"#),
        "`locks.acquire` of `orders/2` was denied: no line of `locks` lets it take this lock from others for 5000 ms (`preempt = true`); the manifest must ask for it and the operator grant it"
    );
    let renew = |lease_ms| LocksCall::Renew { name: "orders/2".to_owned(), token: 1, lease_ms };
    assert!(judged(&renew(None), Effect::Write).is_ok() && judged(&renew(Some(5_000)), Effect::Write).is_ok());
    assert!(judged(&renew(Some(5_001)), Effect::Write).unwrap_err().contains("at most 5000 ms"));
    assert_eq!(
        judged(&acquire("orders/2", "{}"), Effect::Read).unwrap_err(),
        "`locks.acquire` of `orders/2` is a call of class write; the skill says of itself that it goes no further than read"
    );
}

#[test]
fn arguments_that_mean_nothing_are_refused() {
    assert_eq!(
        refused("a//b", "{}"),
        "the name of a lock is 1 to 200 letters, digits, `.`, `_`, `-`, `:` and `@`, in parts with a `/` between them"
    );
    assert_eq!(refused("orders/2", r#"{"lease_ms":999}"#), "a lease is at least 1000 milliseconds; this one is 999");
    assert_eq!(
        refused("orders/2", r#"{"prio":"high"}"#),
        "the options of a lock cannot be read: unknown field `prio`, expected one of `priority`, `lease_ms`, `wait_ms`, `policy` at line 1 column 7"
    );
    assert!(refused("orders/2", "").contains("cannot be read") && refused("orders/2", "[]").contains("cannot be read"));
    assert!(refused("orders/2", &" ".repeat(5_000)).ends_with("have at most 4096 bytes; these have 5000"));
}

#[test]
fn what_is_held_may_be_given_back_whatever_is_granted_by_then() {
    let name = || "orders/2".to_owned();
    let none = Grants::default();
    for call in [LocksCall::Release { name: name(), token: 1 }, LocksCall::Leave { name: name(), number: 3 }] {
        assert!(authorize(&none, Effect::Write, &call).is_ok());
    }
    for call in
        [LocksCall::Renew { name: name(), token: 1, lease_ms: None }, LocksCall::Take { name: name(), number: 3 }]
    {
        assert!(matches!(authorize(&none, Effect::Write, &call), Err(Answer::Denied { .. })));
    }
}

#[test]
fn a_write_carries_a_lock_that_is_granted_alone() {
    assert_eq!(check_fence(&grants(), "orders/9", "x").unwrap().as_str(), "orders/9");
    assert!(matches!(check_fence(&grants(), "other", "x"), Err(Answer::Denied { .. })));
    assert!(matches!(check_fence(&grants(), "", "x"), Err(Answer::Invalid(_))));
}

#[test]
fn calls_and_answers_read_back_and_say_what_they_are() {
    let calls = [
        (acquire("a", "{}"), "locks.acquire a"),
        (LocksCall::Take { name: "a".to_owned(), number: 1 }, "locks.get a"),
        (LocksCall::Leave { name: "a".to_owned(), number: 1 }, "locks.leave a"),
        (LocksCall::Renew { name: "a".to_owned(), token: 2, lease_ms: None }, "locks.renew a"),
        (LocksCall::Release { name: "a".to_owned(), token: 2 }, "locks.release a"),
    ];
    for (call, said) in calls {
        let call = super::super::Call::Locks(call);
        assert_eq!(super::super::Call::decode(&super::super::call::encode(&call)).unwrap(), call);
        assert_eq!(call.describe(), said);
    }
    let until = Timestamp::from_millis(1_763_600_000_000);
    let holder = LockHolder { agent: "aws".parse().unwrap(), priority: LockPriority::High, until };
    let outcomes = [
        (LockOutcome::Given { token: 3, until, waited: Duration::ZERO }, "given, token 3"),
        (LockOutcome::Waiting, "waiting"),
        (LockOutcome::Busy(holder), "busy: aws holds it, priority high"),
        (LockOutcome::Deadlock(vec!["a".parse().unwrap(), "b".parse().unwrap()]), "a deadlock: a, b"),
        (LockOutcome::TimedOut, "not given in time"),
        (LockOutcome::Lost(LockLoss::Preempted), "lost: preempted"),
        (LockOutcome::Renewed(until), "until 2025-11-20T00:53:20.000Z"),
        (LockOutcome::Released, "released"),
        (LockOutcome::Taken, "what came of this was told before"),
        (
            LockOutcome::Full(troupe_core::LockQuota::OfQueue),
            "at most 256 wait for one lock; give some back, or try again later",
        ),
    ];
    for (outcome, said) in outcomes {
        let answer = Answer::of_lock(&outcome);
        assert_eq!(Answer::decode(&answer.encode()).unwrap(), answer);
        assert_eq!(answer.describe(), said);
    }
}
