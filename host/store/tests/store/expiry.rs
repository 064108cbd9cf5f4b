//! Keys that end.

use std::time::Duration;

use troupe_core::{KeySpace, limits};
use troupe_store::{Commit, Pin, StateChange, StateOutcome, StateWrite};

use crate::support::{Home, agent, delete, expire, increment, row, rows_only, set, space, swap, tenant, wide};

const SECOND: Option<Duration> = Some(Duration::from_secs(1));

fn set_for_a_second(key: &str, value: &[u8]) -> StateWrite {
    StateWrite::Set { key: key.to_owned(), value: value.to_vec(), ttl: SECOND }
}

async fn within(home: &Home, pin: &Pin, number: u64, write: StateWrite, bytes_max: u64, keys_max: u64) -> StateOutcome {
    let change = StateChange { space: KeySpace::Deployment, bytes_max, keys_max, ..wide(write) };
    let commit = Commit { write: Some((change, row(number, true))), ..rows_only(pin, Vec::new()) };
    home.store.commit(commit).await.unwrap().state.unwrap()
}

async fn value(home: &Home, key: &str) -> Option<Vec<u8>> {
    home.store.state_get(space(&tenant(), &agent(), 1), key).await.unwrap().map(|(value, _)| value)
}

async fn keys(home: &Home) -> Vec<String> {
    home.store.state_list(space(&tenant(), &agent(), 1), "", None, 100).await.unwrap()
}

#[tokio::test]
async fn an_ended_key_is_absent_to_every_call_at_once() {
    let home = Home::open().await;
    let pin = home.running(1).await;
    let change = |number, write| home.change(&pin, number, write);
    for (number, key) in (1..).zip(["a", "b", "c", "d", "e"]) {
        change(number, set_for_a_second(key, b"1")).await.unwrap();
    }
    home.clock.advance(Duration::from_millis(999));
    assert_eq!(keys(&home).await.len(), 5);
    home.clock.advance(Duration::from_millis(1));
    assert_eq!(value(&home, "a").await, None);
    assert_eq!(keys(&home).await, [""; 0]);
    assert_eq!(change(10, swap("a", Some(1), b"x")).await.unwrap(), StateOutcome::Conflict { found: None });
    assert_eq!(change(11, swap("a", None, b"2")).await.unwrap(), StateOutcome::Written { revision: 6 });
    assert_eq!(change(12, increment("b", 5)).await.unwrap(), StateOutcome::Counted { sum: 5 });
    assert_eq!(change(13, expire("c", None)).await.unwrap(), StateOutcome::Expiring { existed: false });
    assert_eq!(change(14, delete("d")).await.unwrap(), StateOutcome::Deleted { existed: false });
    // What was made anew has no end.
    home.clock.advance(Duration::from_secs(10));
    assert_eq!(keys(&home).await, ["a", "b"]);
}

#[tokio::test]
async fn a_write_says_how_long_and_what_does_not_say_leaves_it_or_takes_it_away() {
    let home = Home::open().await;
    let pin = home.running(1).await;
    let change = |number, write| home.change(&pin, number, write);
    change(1, set_for_a_second("set", b"1")).await.unwrap();
    change(2, set("set", b"2")).await.unwrap();
    change(3, set_for_a_second("kept", b"1")).await.unwrap();
    change(4, expire("kept", None)).await.unwrap();
    change(5, set_for_a_second("counted", b"1")).await.unwrap();
    change(6, increment("counted", 1)).await.unwrap();
    change(7, set("late", b"1")).await.unwrap();
    assert_eq!(change(8, expire("late", SECOND)).await.unwrap(), StateOutcome::Expiring { existed: true });
    let found = home.store.state_get(space(&tenant(), &agent(), 1), "late").await.unwrap();
    assert_eq!(found, Some((b"1".to_vec(), 7 - 1)), "an end leaves the revision as it is");
    let swapped =
        StateWrite::CompareAndSet { key: "late".into(), expected: Some(6), value: b"2".to_vec(), ttl: SECOND };
    change(9, swapped).await.unwrap();
    home.clock.advance(Duration::from_secs(1));
    assert_eq!(keys(&home).await, ["kept", "set"]);
}

#[tokio::test]
async fn the_room_of_ended_keys_is_there_for_the_write_that_needs_it() {
    let home = Home::open().await;
    let pin = home.running(1).await;
    assert_eq!(
        within(&home, &pin, 1, set_for_a_second("a", &[0; 4]), 10, 2).await,
        StateOutcome::Written { revision: 1 }
    );
    assert_eq!(
        within(&home, &pin, 2, set_for_a_second("b", &[0; 4]), 10, 2).await,
        StateOutcome::Written { revision: 2 }
    );
    assert!(matches!(within(&home, &pin, 3, set("c", &[0; 4]), 10, 2).await, StateOutcome::Full { .. }));
    home.clock.advance(Duration::from_secs(1));
    assert_eq!(within(&home, &pin, 4, set("c", &[0; 9]), 10, 2).await, StateOutcome::Written { revision: 3 });
    assert!(matches!(within(&home, &pin, 5, set("d", b""), 10, 2).await, StateOutcome::Full { .. }));
    // A key whose own ended row is in the way is written over it, and counted once.
    assert_eq!(
        within(&home, &pin, 6, set_for_a_second("c", &[0; 9]), 10, 2).await,
        StateOutcome::Written { revision: 4 }
    );
    home.clock.advance(Duration::from_secs(1));
    assert_eq!(within(&home, &pin, 7, set("c", &[0; 9]), 10, 1).await, StateOutcome::Written { revision: 5 });
    assert!(matches!(within(&home, &pin, 8, set("c", &[0; 10]), 10, 1).await, StateOutcome::Full { .. }));
}

#[tokio::test]
async fn a_sweep_frees_what_has_ended_and_nothing_else() {
    let home = Home::open().await;
    let pin = home.running(1).await;
    let other = Pin { generation: 2, ..pin.clone() };
    assert_eq!(home.store.sweep_state().await.unwrap(), 0);
    let many = u64::from(limits::STATE_SWEEP_MAX) + 10;
    for number in 1..=many {
        home.change(&pin, number, set_for_a_second(&format!("k{number}"), b"v")).await.unwrap();
    }
    home.change(&pin, many + 1, set("stays", b"v")).await.unwrap();
    home.change(&other, many + 2, set_for_a_second("k", b"v")).await.unwrap();
    home.change(&other, many + 3, set("stays", b"v")).await.unwrap();
    assert_eq!(home.store.sweep_state().await.unwrap(), 0);
    home.clock.advance(Duration::from_secs(1));
    let first = home.store.sweep_state().await.unwrap();
    assert_eq!(first, u64::from(limits::STATE_SWEEP_MAX), "a sweep is bounded");
    assert_eq!(first + home.store.sweep_state().await.unwrap(), many + 1);
    assert_eq!(home.store.sweep_state().await.unwrap(), 0);
    for (number, pin) in [(2000, &pin), (2100, &other)] {
        // The quota tells what is counted: the key that stays has 6 bytes.
        assert!(matches!(within(&home, pin, number, set("n", b""), 6, 9).await, StateOutcome::Full { .. }));
        assert!(matches!(within(&home, pin, number + 1, set("n", b""), 7, 2).await, StateOutcome::Written { .. }));
    }
}
