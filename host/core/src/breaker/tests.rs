use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Those of the tests.
static SETTINGS: Settings = Settings {
    failures: 20,
    ends: 32,
    window: Duration::from_secs(60),
    pause_min: Duration::from_secs(5),
    pause_max: Duration::from_secs(300),
    probe_time: SECOND,
};

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(0).plus(SECOND * u32::try_from(seconds).unwrap())
}

/// Does one thing that ends as said; tells what that changed.
fn run(breaker: &mut Breaker, ending: Ending, now: Timestamp) -> Change {
    let leave = breaker.admit(now).expect("leave");
    breaker.ended(&leave, ending, now)
}

/// A breaker that opened at second 0.
fn open() -> Breaker {
    let mut breaker = Breaker::new(&SETTINGS);
    for _ in 1..SETTINGS.failures {
        assert_eq!(run(&mut breaker, Ending::Failed, at(0)), Change::None);
    }
    assert_eq!(run(&mut breaker, Ending::Failed, at(0)), Change::Opened(SETTINGS.pause_min));
    breaker
}

#[test]
fn it_opens_at_so_many_failures_and_lets_nothing_through_until_its_pause_is_over() {
    let mut breaker = open();
    assert_eq!(breaker.admit(at(1)).unwrap_err(), SETTINGS.pause_min - SECOND);
    assert!(breaker.check(at(0).plus(SETTINGS.pause_min)).is_ok());
    assert_eq!(breaker.opened(), Some((at(0), at(0).plus(SETTINGS.pause_min), false)));
}

#[test]
fn one_probe_goes_through_and_decides() {
    let due = at(0).plus(SETTINGS.pause_min);
    for (ending, change) in [
        (Ending::Well, Change::Closed),
        (Ending::Failed, Change::Opened(SETTINGS.pause_min * 2)),
        (Ending::Unknown, Change::Free),
    ] {
        let mut breaker = open();
        let probe = breaker.admit(due).unwrap();
        assert_eq!(breaker.admit(due).unwrap_err(), SETTINGS.probe_time);
        assert_eq!(breaker.ended(&probe, ending, due), change);
        assert_eq!(breaker.admit(due).is_ok(), change != Change::Opened(SETTINGS.pause_min * 2));
    }
}

#[test]
fn each_probe_that_fails_doubles_the_pause_up_to_a_bound() {
    let mut breaker = open();
    let (mut now, mut pause) = (at(0), SETTINGS.pause_min);
    for _ in 0..20 {
        now = now.plus(pause);
        pause = (pause * 2).min(SETTINGS.pause_max);
        assert_eq!(run(&mut breaker, Ending::Failed, now), Change::Opened(pause));
    }
    assert_eq!(pause, SETTINGS.pause_max);
    // It has been open since the first time.
    assert_eq!(breaker.opened().unwrap().0, at(0));
}

#[test]
fn what_mostly_works_stays_closed_however_often_it_fails() {
    let mut breaker = Breaker::new(&SETTINGS);
    for second in 0..1000 {
        let ending = if second % 2 == 0 { Ending::Failed } else { Ending::Well };
        assert_eq!(run(&mut breaker, ending, at(second / 100)), Change::None);
    }
}

#[test]
fn failures_that_are_far_apart_do_not_add_up() {
    let mut breaker = Breaker::new(&SETTINGS);
    for turn in 0..100 {
        assert_eq!(run(&mut breaker, Ending::Failed, at(turn * 10)), Change::None);
        assert!(!breaker.is_at_rest(at(turn * 10)));
    }
    assert!(breaker.is_at_rest(at(2_000)) && !open().is_at_rest(at(2_000)));
}

#[test]
fn what_began_before_a_change_says_nothing_after_it() {
    let mut breaker = Breaker::new(&SETTINGS);
    let early = breaker.admit(at(0)).unwrap();
    for _ in 0..SETTINGS.failures {
        run(&mut breaker, Ending::Failed, at(0));
    }
    assert_eq!(breaker.ended(&early, Ending::Well, at(1)), Change::None);
    assert!(breaker.admit(at(1)).is_err());
    assert!(breaker.lift() && !breaker.lift());
    assert_eq!(breaker.ended(&early, Ending::Failed, at(1)), Change::None);
}

proptest! {
    #[test]
    fn never_more_than_one_probe_runs_and_what_is_refused_may_come_again(
        steps in proptest::collection::vec((0..4_u8, 0..20_u64, 0..8_usize), 1..400)
    ) {
        let mut breaker = Breaker::new(&SETTINGS);
        let mut now = at(0);
        let mut running: Vec<Leave> = Vec::new();
        for (step, seconds, which) in steps {
            now = now.plus(SECOND * u32::try_from(seconds).unwrap());
            let probing = breaker.opened().is_some_and(|(_, _, probing)| probing);
            match step {
                0 => match breaker.admit(now) {
                    Ok(leave) => {
                        prop_assert!(!probing);
                        running.push(leave);
                    }
                    Err(wait) => {
                        prop_assert!(wait > Duration::ZERO && wait <= SETTINGS.pause_max);
                        let (_, until, _) = breaker.opened().unwrap();
                        prop_assert!(probing || now < until);
                    }
                },
                1 | 2 if !running.is_empty() => {
                    let leave = running.swap_remove(which % running.len());
                    let ending = if step == 1 { Ending::Failed } else { Ending::Well };
                    let was = breaker.opened();
                    let change = breaker.ended(&leave, ending, now);
                    match change {
                        Change::Opened(_) => prop_assert!(ending == Ending::Failed && breaker.opened().is_some()),
                        Change::Closed => prop_assert!(was.is_some() && breaker.opened().is_none()),
                        Change::None => prop_assert_eq!(breaker.opened(), was),
                        Change::Free => return Err(TestCaseError::fail("nothing was unknown")),
                    }
                }
                3 if !running.is_empty() => {
                    let leave = running.swap_remove(which % running.len());
                    breaker.ended(&leave, Ending::Unknown, now);
                }
                _ => {}
            }
            prop_assert!(breaker.ends.len() <= SETTINGS.ends);
        }
        // Whatever happened, somebody may try once all is over.
        for leave in running.drain(..) {
            breaker.ended(&leave, Ending::Unknown, now);
        }
        prop_assert!(breaker.admit(now.plus(SETTINGS.pause_max)).is_ok());
    }
}
