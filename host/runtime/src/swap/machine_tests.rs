//! Properties of the machine, whatever happens to it in whatever order.

use proptest::prelude::*;
use troupe_core::view::{
    AffinityBy, CanaryPolicy, CanaryStep, OnFailure, RehearsePolicy, SwapOutcome, SwapPhase, SwapPolicy, SwapReason,
    Undecided, WatchPolicy,
};
use troupe_core::{Code, Timestamp};

use super::machine::{Command, Event, RouteMove, Work, begun, step, work};
use super::room::in_the_way;
use super::seeded::rehearsed;

fn policy() -> impl Strategy<Value = SwapPolicy> {
    let canary = prop::option::of((1u8..50, any::<bool>()));
    (any::<[bool; 3]>(), canary).prop_map(|([rehearse, watch, hold], canary)| SwapPolicy {
        rehearse: rehearse.then_some(RehearsePolicy { only_tell: !hold, ..RehearsePolicy::default() }),
        watch: watch.then_some(WatchPolicy { seconds: 10 }),
        on_failure: if hold { OnFailure::Hold } else { OnFailure::Rollback },
        canary: canary.map(|(weight, goes_on)| CanaryPolicy {
            steps: [weight, weight + 50]
                .map(|weight| CanaryStep { weight, min_calls: 2, min_seconds: 5 })
                .into_iter()
                .collect(),
            by: AffinityBy::Task,
            max_seconds: 60,
            undecided: if goes_on { Undecided::GoOn } else { Undecided::Stop },
        }),
        ..SwapPolicy::default()
    })
}

fn event() -> impl Strategy<Value = Event> {
    let reason = || SwapReason { code: "swap.unhealthy".into(), message: "bad".into() };
    prop_oneof![
        any::<bool>().prop_map(|migrates| Event::Verified { migrates }),
        Just(Event::ApprovalNeeded { approval: "a".into() }),
        Just(Event::Approved),
        Just(Event::Rejected { why: "no".into() }),
        Just(Event::Refused(reason())),
        (0u32..3, 0u32..3).prop_map(|(total, identical)| {
            let identical = identical.min(total);
            Event::Rehearsed(rehearsed(total, identical))
        }),
        Just(Event::Warmed),
        Just(Event::Migrated),
        Just(Event::Restarted),
        (0u64..4, any::<bool>()).prop_map(move |(calls, bad)| Event::Observed {
            calls,
            worse: bad.then(reason),
            judgement: Box::default()
        }),
        Just(Event::Elapsed),
        any::<bool>().prop_map(|parked| Event::Drained { parked }),
        Just(Event::Idle),
        Just(Event::ServesAgain),
        Just(Event::Conflict),
        (0u8..=120).prop_map(|weight| Event::Operator(Command::Weight(weight))),
        Just(Event::Operator(Command::Promote)),
        Just(Event::Operator(Command::Rollback)),
        Just(Event::Operator(Command::Abort)),
    ]
}

proptest! {
    #[test]
    fn the_route_changes_as_the_phases_say(policy in policy(), events in prop::collection::vec((event(), 0u64..40), 0..40)) {
        let mut at = Timestamp::from_millis(0);
        let mut state = begun(at);
        let (mut tried, mut served, mut weight) = (false, false, 0);
        for (event, seconds) in events {
            at = at.plus(std::time::Duration::from_secs(seconds));
            let before = state.clone();
            let next = match step(&state, &policy, at, event) {
                Ok(Some(next)) => next,
                Ok(None) => continue,
                Err(error) => {
                    prop_assert!(matches!(error.code, Code::SwapConflict | Code::RequestInvalid));
                    continue;
                }
            };
            prop_assert_ne!(before.phase, SwapPhase::Ended);
            match next.route {
                None => {}
                Some(RouteMove::Try(share)) => {
                    prop_assert!(share > weight && share <= 100 && !before.migrates && !served);
                    (tried, weight) = (true, share);
                    prop_assert_eq!((next.state.phase, next.state.weight), (SwapPhase::Canary, share));
                }
                Some(RouteMove::Promote) => {
                    prop_assert!(!served);
                    // What migrates is served or not, and nothing between.
                    prop_assert_eq!(before.migrates, next.state.phase == SwapPhase::Ended);
                    (tried, served) = (false, true);
                }
                Some(RouteMove::Drop) => {
                    prop_assert!(tried && !served);
                    tried = false;
                }
                Some(RouteMove::Restore) => {
                    prop_assert!(served && before.phase == SwapPhase::Watching);
                    served = false;
                }
            }
            state = next.state;
            // Who is tried or watched is so by the route, unless somebody else changed that.
            if state.outcome != Some(SwapOutcome::Conflict) {
                prop_assert_eq!(tried, state.phase == SwapPhase::Canary);
                if state.phase == SwapPhase::Watching || state.outcome == Some(SwapOutcome::Promoted) {
                    prop_assert!(served);
                }
            }
            prop_assert_eq!(state.phase == SwapPhase::Ended, work(&state) == Work::Nothing);
            prop_assert!(state.phase != SwapPhase::Ended || state.outcome.is_some());
            let kept = serde_json::to_string(&state).unwrap();
            prop_assert_eq!(serde_json::from_str::<troupe_core::view::SwapState>(&kept).unwrap(), state.clone());
        }
    }

    #[test]
    fn what_is_in_the_way_is_the_oldest_and_no_more_than_needed(
        living in prop::collection::vec(0u8..6, 0..8), kept in prop::collection::vec(0u8..6, 1..3),
    ) {
        let has_candidate = kept.len() > 1;
        let most = if has_candidate { 3 } else { 2 };
        let gone = in_the_way(&living, &kept, has_candidate);
        let left: std::collections::BTreeSet<_> =
            living.iter().chain(&kept).filter(|release| !gone.contains(release)).collect();
        prop_assert!(left.len() <= most);
        prop_assert!(gone.iter().all(|release| !kept.contains(release)));
        if let Some(last) = gone.last() {
            let with_last = left.iter().filter(|release| **release != last).count() + 1;
            prop_assert!(with_last > most);
        }
    }
}

#[test]
fn a_policy_that_asks_for_nothing_flips_with_one_change() {
    let (policy, at) = (SwapPolicy::default(), Timestamp::from_millis(7));
    let next = step(&begun(at), &policy, at, Event::Verified { migrates: false }).unwrap().unwrap();
    assert_eq!((next.state.phase, next.route), (SwapPhase::Warming, None));
    let next = step(&next.state, &policy, at, Event::Warmed).unwrap().unwrap();
    assert_eq!((next.state.phase, next.route), (SwapPhase::Draining, Some(RouteMove::Promote)));
    assert_eq!(next.state.outcome, Some(SwapOutcome::Promoted));
}

#[test]
fn a_migration_flips_and_retires_with_one_change_whatever_the_policy_says() {
    let canary = CanaryPolicy {
        steps: vec![CanaryStep { weight: 5, min_calls: 1, min_seconds: 1 }],
        by: AffinityBy::Task,
        max_seconds: 60,
        undecided: Undecided::Stop,
    };
    let policy = SwapPolicy { canary: Some(canary), watch: Some(WatchPolicy { seconds: 10 }), ..SwapPolicy::default() };
    let at = Timestamp::from_millis(7);
    let migrating = [Event::Verified { migrates: true }, Event::Warmed].into_iter().fold(begun(at), |state, event| {
        let next = step(&state, &policy, at, event).unwrap().unwrap();
        assert_eq!(next.route, None);
        next.state
    });
    assert_eq!((migrating.phase, work(&migrating)), (SwapPhase::Migrating, Work::Migrate));
    let next = step(&migrating, &policy, at, Event::Migrated).unwrap().unwrap();
    assert_eq!((next.state.phase, next.route), (SwapPhase::Ended, Some(RouteMove::Promote)));
    assert_eq!(next.state.outcome, Some(SwapOutcome::Promoted));
    let reason = || SwapReason { code: "guest.trap".into(), message: "no".into() };
    for event in [Event::Refused(reason()), Event::Restarted, Event::Operator(Command::Abort)] {
        let next = step(&migrating, &policy, at, event).unwrap().unwrap();
        assert_eq!((next.state.phase, next.route), (SwapPhase::Ended, None));
        assert_ne!(next.state.outcome, Some(SwapOutcome::Promoted));
    }
}
