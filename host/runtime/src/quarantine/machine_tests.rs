use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(0).plus(SECOND * u32::try_from(seconds).unwrap())
}

/// Runs one invocation that ends as said; tells what that changed.
fn run(machine: &mut Machine, ending: Ending, now: Timestamp) -> Change {
    let leave = machine.admit(now).expect("leave");
    machine.ended(&leave, ending, now)
}

/// A machine that opened at second 0.
fn open() -> Machine {
    let mut machine = Machine::default();
    for _ in 1..limits::QUARANTINE_TRAPS {
        assert_eq!(run(&mut machine, Ending::Trapped, at(0)), Change::None);
    }
    assert_eq!(run(&mut machine, Ending::Trapped, at(0)), Change::Opened(limits::QUARANTINE_TIME_MIN));
    machine
}

#[test]
fn it_opens_at_so_many_traps_and_lets_nothing_through_until_its_pause_is_over() {
    let mut machine = open();
    assert_eq!(machine.admit(at(1)).unwrap_err(), limits::QUARANTINE_TIME_MIN - SECOND);
    assert!(machine.check(at(0).plus(limits::QUARANTINE_TIME_MIN)).is_ok());
    assert_eq!(machine.quarantined(), Some((at(0), at(0).plus(limits::QUARANTINE_TIME_MIN), false)));
}

#[test]
fn one_probe_goes_through_and_decides() {
    let due = at(0).plus(limits::QUARANTINE_TIME_MIN);
    for (ending, change) in [
        (Ending::Well, Change::Closed),
        (Ending::Trapped, Change::Opened(limits::QUARANTINE_TIME_MIN * 2)),
        (Ending::Unknown, Change::Free),
    ] {
        let mut machine = open();
        let probe = machine.admit(due).unwrap();
        assert_eq!(machine.admit(due).unwrap_err(), limits::QUARANTINE_PROBE_TIME);
        assert_eq!(machine.ended(&probe, ending, due), change);
        assert_eq!(machine.admit(due).is_ok(), change != Change::Opened(limits::QUARANTINE_TIME_MIN * 2));
    }
}

#[test]
fn each_probe_that_traps_doubles_the_pause_up_to_a_bound() {
    let mut machine = open();
    let (mut now, mut pause) = (at(0), limits::QUARANTINE_TIME_MIN);
    for _ in 0..20 {
        now = now.plus(pause);
        pause = (pause * 2).min(limits::QUARANTINE_TIME_MAX);
        assert_eq!(run(&mut machine, Ending::Trapped, now), Change::Opened(pause));
    }
    assert_eq!(pause, limits::QUARANTINE_TIME_MAX);
    // It has been quarantined since the first time.
    assert_eq!(machine.quarantined().unwrap().0, at(0));
}

#[test]
fn an_agent_that_mostly_answers_is_not_quarantined_however_often_it_traps() {
    let mut machine = Machine::default();
    for second in 0..1000 {
        let ending = if second % 2 == 0 { Ending::Trapped } else { Ending::Well };
        assert_eq!(run(&mut machine, ending, at(second / 100)), Change::None);
    }
}

#[test]
fn traps_that_are_far_apart_do_not_add_up() {
    let mut machine = Machine::default();
    for turn in 0..100 {
        assert_eq!(run(&mut machine, Ending::Trapped, at(turn * 10)), Change::None);
    }
}

#[test]
fn what_began_before_a_change_says_nothing_after_it() {
    let mut machine = Machine::default();
    let early = machine.admit(at(0)).unwrap();
    for _ in 0..limits::QUARANTINE_TRAPS {
        run(&mut machine, Ending::Trapped, at(0));
    }
    assert_eq!(machine.ended(&early, Ending::Well, at(1)), Change::None);
    assert!(machine.admit(at(1)).is_err());
    assert!(machine.lift() && !machine.lift());
    assert_eq!(machine.ended(&early, Ending::Trapped, at(1)), Change::None);
}

proptest! {
    #[test]
    fn never_more_than_one_probe_runs_and_what_is_refused_may_come_again(
        steps in proptest::collection::vec((0..4_u8, 0..20_u64, 0..8_usize), 1..400)
    ) {
        let mut machine = Machine::default();
        let mut now = at(0);
        let mut running: Vec<Leave> = Vec::new();
        for (step, seconds, which) in steps {
            now = now.plus(SECOND * u32::try_from(seconds).unwrap());
            let probing = machine.quarantined().is_some_and(|(_, _, probing)| probing);
            match step {
                0 => match machine.admit(now) {
                    Ok(leave) => {
                        prop_assert!(!probing);
                        running.push(leave);
                    }
                    Err(wait) => {
                        prop_assert!(wait > Duration::ZERO && wait <= limits::QUARANTINE_TIME_MAX);
                        let (_, until, _) = machine.quarantined().unwrap();
                        prop_assert!(probing || now < until);
                    }
                },
                1 | 2 if !running.is_empty() => {
                    let leave = running.swap_remove(which % running.len());
                    let ending = if step == 1 { Ending::Trapped } else { Ending::Well };
                    let was = machine.quarantined();
                    let change = machine.ended(&leave, ending, now);
                    match change {
                        Change::Opened(_) => prop_assert!(ending == Ending::Trapped && machine.quarantined().is_some()),
                        Change::Closed => prop_assert!(was.is_some() && machine.quarantined().is_none()),
                        Change::None => prop_assert_eq!(machine.quarantined(), was),
                        Change::Free => return Err(TestCaseError::fail("nothing was unknown")),
                    }
                }
                3 if !running.is_empty() => {
                    let leave = running.swap_remove(which % running.len());
                    machine.ended(&leave, Ending::Unknown, now);
                }
                _ => {}
            }
            prop_assert!(machine.ends.len() <= limits::QUARANTINE_ENDS);
        }
        // Whatever happened, somebody may try once all is over.
        for leave in running.drain(..) {
            machine.ended(&leave, Ending::Unknown, now);
        }
        prop_assert!(machine.admit(now.plus(limits::QUARANTINE_TIME_MAX)).is_ok());
    }
}
