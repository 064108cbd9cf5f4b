//! Properties of the machine: random groups, whatever comes of their tasks in whatever order.

use std::collections::BTreeSet;

use proptest::prelude::*;
use troupe_core::view::{GroupStatus, OnStepFailure, StepStatus, TaskFailure};
use troupe_core::{Code, Error};

use super::machine::{Action, Call, Came, Does, Event, Plan, PlanStep, State};

/// Longest that a group may take, in things that happen.
const STEPS_MAX: usize = 5_000;

fn failure(what: &str) -> TaskFailure {
    TaskFailure::from(&Error::new(Code::GuestFailed, what.to_owned()))
}

/// A plan whose steps need earlier ones, in an order of its own, so that needs point both ways.
fn plan() -> impl Strategy<Value = Plan> {
    let step = (prop::collection::vec(any::<prop::sample::Index>(), 0..4), any::<[bool; 3]>(), 1usize..4);
    let on_failure = prop_oneof![Just(OnStepFailure::Stop), Just(OnStepFailure::Cancel), Just(OnStepFailure::Finish)];
    (prop::collection::vec(step, 1..9), on_failure, any::<u64>()).prop_map(|(steps, on_failure, order)| {
        let count = steps.len();
        // The place of each in the document.
        let mut places: Vec<usize> = (0..count).collect();
        for at in (1..count).rev() {
            places.swap(at, usize::try_from(order.rotate_left(at as u32 * 7)).unwrap() % (at + 1));
        }
        let mut drawn: Vec<Option<PlanStep>> = vec![None; count];
        for (rank, (needs, [may_fail, is_many, is_undone], at_once)) in steps.into_iter().enumerate() {
            let needs: BTreeSet<usize> =
                needs.into_iter().filter(|_| rank > 0).map(|need| places[need.index(rank)]).collect();
            let needs = needs.into_iter().collect();
            let at_once = if is_many { at_once } else { 1 };
            drawn[places[rank]] =
                Some(PlanStep { needs, is_many, at_once, may_fail, is_undone, within: None, inner: None });
        }
        Plan { on_failure, steps: drawn.into_iter().map(Option::unwrap).collect() }
    })
}

/// A plan of which some steps are in groups that stand behind them, one within the other.
fn nested() -> impl Strategy<Value = Plan> {
    let inner = (any::<bool>(), 0u8..3, any::<bool>());
    let place = prop::collection::vec(0usize..4, 9);
    (plan(), prop::collection::vec(inner, 1..4), place).prop_map(|(mut plan, inners, place)| {
        let count = plan.steps.len();
        let groups = inners.len();
        for (at, (step, place)) in plan.steps.iter_mut().zip(place).enumerate() {
            step.within = (place < groups).then_some(count + place);
            assert!(at < count);
        }
        let within: Vec<_> = plan.steps.iter().map(|step| step.within).collect();
        for (step, own) in plan.steps.iter_mut().zip(&within) {
            step.needs.retain(|need| within[*need] == *own);
        }
        for (at, (may_fail, on_failure, is_deep)) in inners.into_iter().enumerate() {
            let on_failure =
                [OnStepFailure::Stop, OnStepFailure::Cancel, OnStepFailure::Finish][usize::from(on_failure)];
            let around = (is_deep && at > 0).then_some(count + at - 1);
            let needs = if around.is_none() {
                (0..count).filter(|step| within[*step].is_none()).take(1).collect()
            } else {
                vec![]
            };
            plan.steps.push(PlanStep {
                needs,
                is_many: false,
                at_once: 1,
                may_fail,
                is_undone: false,
                within: around,
                inner: Some(on_failure),
            });
        }
        plan
    })
}

/// What a run of a group did.
#[derive(Default)]
struct Run {
    /// Each call that was made, and each that completed and can be undone, in order.
    made: Vec<Call>,
    done: Vec<Call>,
    /// What was undone, in order, and what of it failed.
    undone: Vec<Call>,
    not_undone: usize,
    /// Steps of which a call failed, or that could not be opened.
    failed: BTreeSet<usize>,
    cancelled: bool,
}

/// Whether a step may begin by what is seen of those that it needs.
fn is_ready(plan: &Plan, state: &State, step: usize) -> bool {
    plan.steps[step].needs.iter().all(|need| {
        let status = state.steps[*need].status;
        status == StepStatus::Completed || (status == StepStatus::Failed && plan.steps[*need].may_fail)
    })
}

/// Runs a group to its end by what is drawn, and has somebody cancel it at times.
fn run(plan: &Plan, chances: &[u32], is_cancelled: bool) -> (State, Run) {
    let mut chances = chances.iter().cycle().copied();
    let mut number = 0u32;
    let mut chance = move |of: u32| {
        number = number.wrapping_mul(31).wrapping_add(7);
        (chances.next().unwrap().wrapping_add(number) >> 3) % of
    };
    let (mut state, mut run) = (State::new(plan), Run::default());
    let (mut live, mut to_cancel): (Vec<(Call, Does)>, BTreeSet<Call>) = (Vec::new(), BTreeSet::new());
    for _ in 0..STEPS_MAX {
        // What is kept reads back the same.
        state = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        let mut wants = state.wants(plan);
        if wants.is_empty() && live.is_empty() {
            assert!(state.status().is_final(), "it stands still: {state:#?}");
            return (state, run);
        }
        assert!(!state.status().is_final(), "it has ended and goes on: {wants:?} {live:?}");
        // Who was asked to end is asked again as long as it runs, which alone leads nowhere.
        wants.retain(|want| !matches!(want, Action::Cancel(call) if to_cancel.contains(call)));
        let pick = chance(4);
        if is_cancelled && pick == 3 && chance(20) == 0 {
            run.cancelled |= state.status() == GroupStatus::Running && state.cause().is_none();
            state.apply(plan, Event::Cancelled);
        } else if !wants.is_empty() && (live.is_empty() || pick < 2) {
            let want = wants[chance(wants.len() as u32) as usize];
            perform(plan, &mut state, &mut run, want, &mut live, &mut to_cancel, &mut chance);
        } else if !live.is_empty() {
            let (call, does) = live.swap_remove(chance(live.len() as u32) as usize);
            let came = match chance(8) {
                0 | 1 => Came::Failed(failure("ended")),
                2 | 3 if to_cancel.contains(&call) && does == Does::Work => Came::Cancelled(failure("cut off")),
                _ => Came::Completed,
            };
            match (&came, does) {
                (Came::Completed, Does::Work) if plan.steps[call.step].is_undone => run.done.push(call),
                (Came::Failed(_), Does::Work) => {
                    run.failed.insert(call.step);
                }
                (Came::Failed(_), Does::Undo) => run.not_undone += 1,
                _ => {}
            }
            let twice = Event::Ended(call, does, came.clone());
            state.apply(plan, Event::Ended(call, does, came));
            let before = state.clone();
            state.apply(plan, twice);
            assert_eq!(state, before, "what is told twice has happened once");
        }
    }
    panic!("it never ends: {state:#?}");
}

fn perform(
    plan: &Plan,
    state: &mut State,
    run: &mut Run,
    want: Action,
    live: &mut Vec<(Call, Does)>,
    to_cancel: &mut BTreeSet<Call>,
    chance: &mut impl FnMut(u32) -> u32,
) {
    match want {
        Action::Open(step) => {
            assert!(is_ready(plan, state, step), "step {step} begins before what it needs");
            if chance(10) == 0 {
                run.failed.insert(step);
                state.apply(plan, Event::Unopened(step, failure("unopened")));
            } else {
                let drawn = &plan.steps[step];
                let calls = if drawn.is_many { chance(5) as usize } else { usize::from(drawn.inner.is_none()) };
                state.apply(plan, Event::Opened(step, calls));
            }
        }
        Action::Run(call) => {
            assert!(is_ready(plan, state, call.step) && state.status() == GroupStatus::Running, "{call:?}");
            assert!(!run.made.contains(&call), "{call:?} runs twice");
            let under_way = live.iter().filter(|(other, _)| other.step == call.step).count();
            assert!(under_way < plan.steps[call.step].at_once, "too many of step {}", call.step);
            run.made.push(call);
            if chance(10) == 0 {
                run.failed.insert(call.step);
                state.apply(plan, Event::Unmade(call, Does::Work, failure("unmade")));
            } else {
                live.push((call, Does::Work));
                state.apply(plan, Event::Made(call, Does::Work));
            }
        }
        Action::Cancel(call) => {
            assert!(live.contains(&(call, Does::Work)), "{call:?} does not run");
            to_cancel.insert(call);
        }
        Action::Undo(call) => {
            let is_beside = |(other, _): &(Call, Does)| plan.steps[other.step].within == plan.steps[call.step].within;
            assert!(!live.iter().any(is_beside), "{live:?} still run while {call:?} is undone");
            run.undone.push(call);
            if chance(10) == 0 {
                run.not_undone += 1;
                state.apply(plan, Event::Unmade(call, Does::Undo, failure("unmade")));
            } else {
                live.push((call, Does::Undo));
                state.apply(plan, Event::Made(call, Does::Undo));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn every_group_ends_as_what_came_of_its_steps_says_and_is_undone_in_reverse(
        plan in plan(),
        chances in prop::collection::vec(any::<u32>(), 16..64),
    ) {
        let (state, run) = run(&plan, &chances, true);
        let fails: Vec<usize> = run.failed.iter().copied().filter(|step| !plan.steps[*step].may_fail).collect();
        let is_kept = fails.is_empty() && !run.cancelled;
        let expected: Vec<Call> = if is_kept { Vec::new() } else { run.done.iter().rev().copied().collect() };
        prop_assert_eq!(&run.undone, &expected);
        let status = match (fails.is_empty(), run.cancelled) {
            _ if run.not_undone > 0 => GroupStatus::Failed,
            (_, true) => GroupStatus::Cancelled,
            (true, false) => GroupStatus::Completed,
            (false, false) => GroupStatus::Failed,
        };
        prop_assert_eq!(state.status(), status);
        prop_assert_eq!(state.unmade().count(), run.not_undone);
        for (at, step) in state.steps.iter().enumerate() {
            prop_assert!(step.status.is_final());
            // Nothing is skipped or cut off but with its group, or for want of what it needs.
            let is_short = matches!(step.status, StepStatus::Skipped | StepStatus::Cancelled);
            prop_assert!(!(is_short && is_kept), "step {} of a group that completed", at);
        }
    }

    #[test]
    fn groups_in_groups_end_and_what_a_group_did_that_failed_is_undone_once_and_in_reverse(
        plan in nested(),
        chances in prop::collection::vec(any::<u32>(), 16..64),
    ) {
        let (state, run) = run(&plan, &chances, true);
        let undone: BTreeSet<Call> = run.undone.iter().copied().collect();
        prop_assert_eq!(undone.len(), run.undone.len(), "nothing is undone twice");
        let has_failed = |group: usize| state.steps[group].status == StepStatus::Failed;
        for call in &run.done {
            let mut groups = (0..plan.steps.len()).filter(|group| plan.is_in(call.step, *group));
            let is_lost = state.status() != GroupStatus::Completed || groups.any(has_failed);
            prop_assert_eq!(undone.contains(call), is_lost, "{:?}", call);
        }
        for call in &run.undone {
            prop_assert!(run.done.contains(call), "{:?} was undone and never done", call);
            let later = |other: &&Call| plan.steps[other.step].needs.contains(&call.step);
            for other in run.undone.iter().filter(later) {
                let place = |call: &Call| run.undone.iter().position(|undone| undone == call);
                prop_assert!(place(other) < place(call), "{:?} is built on {:?}", other, call);
            }
        }
        if run.not_undone > 0 {
            prop_assert_eq!(state.status(), GroupStatus::Failed);
        }
        for (at, step) in plan.steps.iter().enumerate() {
            let around = step.within.map(|group| state.steps[group].status);
            let began = !matches!(state.steps[at].status, StepStatus::Skipped);
            prop_assert!(!(began && around == Some(StepStatus::Skipped)), "step {} of a group that never began", at);
            if step.inner.is_some() && state.steps[at].status == StepStatus::Completed {
                let lost = |(member, drawn): (usize, &PlanStep)| {
                    drawn.within == Some(at) && !drawn.may_fail && state.steps[member].status != StepStatus::Completed
                };
                prop_assert!(!plan.steps.iter().enumerate().any(lost), "group {} completed without a step", at);
            }
        }
    }

    #[test]
    fn with_finish_everything_runs_that_does_not_depend_on_what_failed(
        plan in plan().prop_map(|plan| Plan { on_failure: OnStepFailure::Finish, ..plan }),
        chances in prop::collection::vec(any::<u32>(), 16..64),
    ) {
        let (state, _) = run(&plan, &chances, false);
        let statuses: Vec<StepStatus> = state.steps.iter().map(|step| step.status).collect();
        for (at, step) in plan.steps.iter().enumerate() {
            let is_lost = |need: &usize| match statuses[*need] {
                StepStatus::Skipped => true,
                StepStatus::Failed => !plan.steps[*need].may_fail,
                _ => false,
            };
            prop_assert_eq!(statuses[at] == StepStatus::Skipped, step.needs.iter().any(is_lost));
        }
    }
}

/// A chain of steps, each of which can be undone.
fn chain(length: usize, on_failure: OnStepFailure) -> Plan {
    let step = |at: usize| PlanStep {
        needs: at.checked_sub(1).into_iter().collect(),
        is_many: false,
        at_once: 1,
        may_fail: false,
        is_undone: true,
        within: None,
        inner: None,
    };
    Plan { on_failure, steps: (0..length).map(step).collect() }
}

#[test]
fn a_chain_goes_step_by_step_and_back() {
    let plan = chain(3, OnStepFailure::Stop);
    let mut state = State::new(&plan);
    let call = |step| Call { step, item: 0 };
    for step in 0..2 {
        assert_eq!(state.wants(&plan), [Action::Open(step)]);
        state.apply(&plan, Event::Opened(step, 1));
        assert_eq!(state.wants(&plan), [Action::Run(call(step))]);
        state.apply(&plan, Event::Made(call(step), Does::Work));
        assert_eq!(state.wants(&plan), []);
        state.apply(&plan, Event::Ended(call(step), Does::Work, Came::Completed));
    }
    state.apply(&plan, Event::Unopened(2, failure("no")));
    assert_eq!(state.status(), GroupStatus::Compensating);
    for step in [1, 0] {
        assert_eq!(state.wants(&plan), [Action::Undo(call(step))]);
        state.apply(&plan, Event::Made(call(step), Does::Undo));
        assert_eq!(state.wants(&plan), []);
        let came = if step == 1 { Came::Failed(failure("stuck")) } else { Came::Completed };
        state.apply(&plan, Event::Ended(call(step), Does::Undo, came));
    }
    assert_eq!((state.status(), state.wants(&plan)), (GroupStatus::Failed, Vec::new()));
    assert_eq!(state.unmade().map(|undo| undo.call.step).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_group_that_is_cancelled_cancels_what_runs_and_undoes_what_completed_all_the_same() {
    let plan = Plan { steps: vec![chain(1, OnStepFailure::Stop).steps[0].clone(); 2], on_failure: OnStepFailure::Stop };
    let mut state = State::new(&plan);
    let calls = [0, 1].map(|step| Call { step, item: 0 });
    for call in calls {
        state.apply(&plan, Event::Opened(call.step, 1));
        state.apply(&plan, Event::Made(call, Does::Work));
    }
    state.apply(&plan, Event::Cancelled);
    assert_eq!(state.wants(&plan), calls.map(Action::Cancel));
    state.apply(&plan, Event::Ended(calls[0], Does::Work, Came::Cancelled(failure("cut off"))));
    // It was quicker than the wish.
    state.apply(&plan, Event::Ended(calls[1], Does::Work, Came::Completed));
    assert_eq!((state.status(), state.wants(&plan)), (GroupStatus::Compensating, vec![Action::Undo(calls[1])]));
    state.apply(&plan, Event::Made(calls[1], Does::Undo));
    state.apply(&plan, Event::Cancelled);
    state.apply(&plan, Event::Ended(calls[1], Does::Undo, Came::Completed));
    assert_eq!(state.status(), GroupStatus::Cancelled);
}

/// A group of one step that can be undone, in a group that goes on with another.
fn inner(may_fail: bool) -> Plan {
    let one = chain(1, OnStepFailure::Stop).steps.remove(0);
    let group = PlanStep { is_undone: false, may_fail, inner: Some(OnStepFailure::Stop), ..one.clone() };
    let after = PlanStep { needs: vec![0], ..one.clone() };
    let (does, fails) =
        (PlanStep { within: Some(0), ..one.clone() }, PlanStep { within: Some(0), needs: vec![2], ..one });
    Plan { on_failure: OnStepFailure::Stop, steps: vec![group, after, does, fails] }
}

/// Has a call run and come to this.
fn go(state: &mut State, plan: &Plan, step: usize, came: Came) {
    let call = Call { step, item: 0 };
    assert_eq!(state.wants(plan), [Action::Open(step)]);
    state.apply(plan, Event::Opened(step, 1));
    assert_eq!(state.wants(plan), [Action::Run(call)]);
    state.apply(plan, Event::Made(call, Does::Work));
    state.apply(plan, Event::Ended(call, Does::Work, came));
}

#[test]
fn a_group_within_that_fails_undoes_what_it_did_before_the_one_around_it_goes_on_or_fails_by_it() {
    for may_fail in [true, false] {
        let plan = inner(may_fail);
        let mut state = State::new(&plan);
        let done = Call { step: 2, item: 0 };
        assert_eq!(state.wants(&plan), [Action::Open(0)], "none of its steps begins before it has");
        state.apply(&plan, Event::Opened(0, 0));
        go(&mut state, &plan, 2, Came::Completed);
        go(&mut state, &plan, 3, Came::Failed(failure("no")));
        assert_eq!((state.status(), state.wants(&plan)), (GroupStatus::Running, vec![Action::Undo(done)]));
        state.apply(&plan, Event::Made(done, Does::Undo));
        assert_eq!(state.wants(&plan), []);
        state.apply(&plan, Event::Ended(done, Does::Undo, Came::Completed));
        assert_eq!(state.steps[0].failure, Some(failure("no")));
        assert_eq!(state.failed_by(0), 3);
        if may_fail {
            go(&mut state, &plan, 1, Came::Completed);
            assert_eq!(state.status(), GroupStatus::Completed);
        } else {
            assert_eq!((state.status(), state.steps[1].status), (GroupStatus::Failed, StepStatus::Skipped));
        }
    }
}

#[test]
fn what_a_group_within_did_that_completed_is_undone_with_the_one_around_it() {
    let plan = inner(false);
    let mut state = State::new(&plan);
    state.apply(&plan, Event::Opened(0, 0));
    go(&mut state, &plan, 2, Came::Completed);
    go(&mut state, &plan, 3, Came::Completed);
    assert_eq!(state.steps[0].status, StepStatus::Completed);
    go(&mut state, &plan, 1, Came::Failed(failure("no")));
    for step in [3, 2] {
        let call = Call { step, item: 0 };
        assert_eq!((state.status(), state.wants(&plan)), (GroupStatus::Compensating, vec![Action::Undo(call)]));
        state.apply(&plan, Event::Made(call, Does::Undo));
        state.apply(&plan, Event::Ended(call, Does::Undo, Came::Completed));
    }
    assert_eq!(state.status(), GroupStatus::Failed);
}

#[test]
fn a_cancel_reaches_what_runs_in_a_group_within() {
    let plan = inner(false);
    let mut state = State::new(&plan);
    let call = Call { step: 2, item: 0 };
    state.apply(&plan, Event::Opened(0, 0));
    state.apply(&plan, Event::Opened(2, 1));
    state.apply(&plan, Event::Made(call, Does::Work));
    state.apply(&plan, Event::Cancelled);
    assert_eq!(state.wants(&plan), [Action::Cancel(call)]);
    state.apply(&plan, Event::Ended(call, Does::Work, Came::Cancelled(failure("cut off"))));
    let statuses: Vec<StepStatus> = state.steps.iter().map(|step| step.status).collect();
    let (cancelled, skipped) = (StepStatus::Cancelled, StepStatus::Skipped);
    assert_eq!((state.status(), statuses), (GroupStatus::Cancelled, vec![cancelled, skipped, cancelled, skipped]));
}
