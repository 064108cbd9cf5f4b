use troupe_core::KeySpace;
use troupe_store::{Commit, JournalRow, Pin, Quota, StateChange, StateOutcome, StateWrite};

use crate::support::{Home, agent, delete, id, increment, row, rows_only, set, space, swap, tenant, wide};

async fn within(home: &Home, pin: &Pin, number: u64, write: StateWrite, bytes_max: u64, keys_max: u64) -> StateOutcome {
    let change = StateChange { space: KeySpace::Deployment, bytes_max, keys_max, ..wide(write) };
    let commit = Commit { write: Some((change, row(number, true))), ..rows_only(pin, Vec::new()) };
    home.store.commit(commit).await.unwrap().state.unwrap()
}

#[tokio::test]
async fn revisions_rise_across_deletion() {
    let home = Home::open().await;
    let pin = home.running(1).await;
    let change = |number, write| home.change(&pin, number, write);
    assert_eq!(change(1, set("a", b"1")).await.unwrap(), StateOutcome::Written { revision: 1 });
    assert_eq!(change(2, set("b", b"1")).await.unwrap(), StateOutcome::Written { revision: 2 });
    assert_eq!(change(3, delete("b")).await.unwrap(), StateOutcome::Deleted { existed: true });
    assert_eq!(change(4, delete("a")).await.unwrap(), StateOutcome::Deleted { existed: true });
    assert_eq!(change(5, delete("a")).await.unwrap(), StateOutcome::Deleted { existed: false });
    assert_eq!(change(6, set("b", b"2")).await.unwrap(), StateOutcome::Written { revision: 3 });
    assert_eq!(change(7, swap("b", Some(2), b"3")).await.unwrap(), StateOutcome::Conflict { found: Some(3) });
}

#[tokio::test]
async fn compare_and_set_changes_only_what_was_seen() {
    let home = Home::open().await;
    let pin = home.running(1).await;
    let change = |number, write| home.change(&pin, number, write);
    assert_eq!(change(1, swap("a", Some(1), b"x")).await.unwrap(), StateOutcome::Conflict { found: None });
    assert_eq!(change(2, swap("a", None, b"1")).await.unwrap(), StateOutcome::Written { revision: 1 });
    assert_eq!(change(3, swap("a", None, b"x")).await.unwrap(), StateOutcome::Conflict { found: Some(1) });
    assert_eq!(change(4, swap("a", Some(1), b"2")).await.unwrap(), StateOutcome::Written { revision: 2 });
    assert_eq!(home.store.state_get(space(&tenant(), &agent(), 1), "a").await.unwrap(), Some((b"2".to_vec(), 2)));
    let (_, rows) = home.store.journal(&tenant(), id(1), 1).await.unwrap().unwrap();
    let journalled: Vec<_> = rows.iter().map(|row: &JournalRow| (row.answer.clone().unwrap(), row.write)).collect();
    let expected: [(&[u8], bool); 4] =
        [(b"conflict None", false), (b"written 1", true), (b"conflict Some(1)", false), (b"written 2", true)];
    assert_eq!(journalled, expected.map(|(answer, write)| (answer.to_vec(), write)));
}

#[tokio::test]
async fn a_counter_raised_by_many_invocations_at_once_counts_each_success() {
    let home = Home::open().await;
    let mut pins = Vec::new();
    for number in 1..=8 {
        pins.push(home.running(number).await);
    }
    let mut raised = tokio::task::JoinSet::new();
    for pin in pins {
        let store = home.store.clone();
        raised.spawn(async move {
            for number in 1.. {
                let found = store.state_get(space(&tenant(), &agent(), 1), "n").await.unwrap();
                let (value, revision) = found.map_or((0, None), |(value, revision)| (value[0], Some(revision)));
                let write = swap("n", revision, &[value + 1]);
                let change = StateChange { space: KeySpace::Deployment, bytes_max: 10, keys_max: 1, ..wide(write) };
                let commit = Commit { write: Some((change, row(number, true))), ..rows_only(&pin, Vec::new()) };
                if let Some(StateOutcome::Written { .. }) = store.commit(commit).await.unwrap().state {
                    return;
                }
            }
        });
    }
    raised.join_all().await;
    assert_eq!(home.store.state_get(space(&tenant(), &agent(), 1), "n").await.unwrap().unwrap().0, [8]);
}

#[tokio::test]
async fn a_quota_counts_keys_and_values_and_lets_a_full_space_shrink() {
    let home = Home::open().await;
    let pin = home.running(1).await;
    let full_bytes = |maximum| StateOutcome::Full { which: Quota::Bytes, maximum };
    let full_keys = |maximum| StateOutcome::Full { which: Quota::Keys, maximum };
    assert_eq!(within(&home, &pin, 1, set("ab", &[0; 8]), 10, 2).await, StateOutcome::Written { revision: 1 });
    assert_eq!(within(&home, &pin, 2, set("c", b""), 10, 2).await, full_bytes(10));
    assert_eq!(within(&home, &pin, 3, set("ab", &[0; 9]), 10, 2).await, full_bytes(10));
    assert_eq!(within(&home, &pin, 4, set("ab", &[0; 7]), 10, 2).await, StateOutcome::Written { revision: 2 });
    assert_eq!(within(&home, &pin, 5, set("c", b""), 10, 2).await, StateOutcome::Written { revision: 3 });
    assert_eq!(within(&home, &pin, 6, set("d", b""), 100, 2).await, full_keys(2));
    assert_eq!(within(&home, &pin, 7, set("ab", &[0; 6]), 1, 1).await, StateOutcome::Written { revision: 4 });
    assert_eq!(within(&home, &pin, 8, delete("ab"), 1, 1).await, StateOutcome::Deleted { existed: true });
    assert_eq!(within(&home, &pin, 9, set("abc", &[0; 6]), 10, 2).await, StateOutcome::Written { revision: 5 });
    assert_eq!(within(&home, &pin, 10, delete("c"), 1, 1).await, StateOutcome::Deleted { existed: true });
    assert_eq!(within(&home, &pin, 11, set("abc", &[0; 7]), 10, 1).await, StateOutcome::Written { revision: 6 });
    assert_eq!(within(&home, &pin, 12, set("abc", &[0; 8]), 10, 1).await, full_bytes(10));
    assert_eq!(home.store.state_get(space(&tenant(), &agent(), 1), "abc").await.unwrap(), Some((vec![0; 7], 6)));
}

#[tokio::test]
async fn generations_are_separate_key_spaces() {
    let home = Home::open().await;
    let first = home.running(1).await;
    let second = Pin { generation: 2, ..first.clone() };
    home.change(&first, 1, set("k", b"one")).await.unwrap();
    home.change(&second, 2, set("k", b"two")).await.unwrap();
    home.change(&second, 3, set("l", b"two")).await.unwrap();
    assert_eq!(home.store.state_get(space(&tenant(), &agent(), 1), "k").await.unwrap().unwrap().0, b"one");
    assert_eq!(home.store.state_list(space(&tenant(), &agent(), 1), "", None, 10).await.unwrap(), ["k"]);
    assert_eq!(home.store.state_list(space(&tenant(), &agent(), 2), "", None, 10).await.unwrap(), ["k", "l"]);
}

#[tokio::test]
async fn an_increment_adds_to_a_decimal_number_and_refuses_what_is_none() {
    let home = Home::open().await;
    let pin = home.running(1).await;
    let change = |number, write| home.change(&pin, number, write);
    assert_eq!(change(1, increment("n", 5)).await.unwrap(), StateOutcome::Counted { sum: 5 });
    assert_eq!(change(2, increment("n", -7)).await.unwrap(), StateOutcome::Counted { sum: -2 });
    assert_eq!(home.store.state_get(space(&tenant(), &agent(), 1), "n").await.unwrap(), Some((b"-2".to_vec(), 2)));
    change(3, set("n", b"9223372036854775806")).await.unwrap();
    assert_eq!(change(4, increment("n", 1)).await.unwrap(), StateOutcome::Counted { sum: i64::MAX });
    assert_eq!(change(5, increment("n", 1)).await.unwrap(), StateOutcome::Overflow);
    assert_eq!(change(6, increment("n", i64::MIN)).await.unwrap(), StateOutcome::Counted { sum: -1 });
    assert_eq!(change(7, increment("n", i64::MIN)).await.unwrap(), StateOutcome::Overflow);
    let long = "1".repeat(1000);
    for (at, value) in ["", "x", "1.5", " 1", "1e3", "9223372036854775808", &long, "\u{663}"].into_iter().enumerate() {
        let number = 10 + 2 * at as u64;
        change(number, set("n", value.as_bytes())).await.unwrap();
        assert_eq!(change(number + 1, increment("n", 1)).await.unwrap(), StateOutcome::NotANumber, "{value}");
        assert_eq!(
            home.store.state_get(space(&tenant(), &agent(), 1), "n").await.unwrap().unwrap().0,
            value.as_bytes()
        );
    }
    let (_, rows) = home.store.journal(&tenant(), id(1), 1).await.unwrap().unwrap();
    let writes =
        |answer: &str| rows.iter().filter(|row| row.answer.as_deref() == Some(answer.as_bytes()) && row.write).count();
    assert_eq!((writes("counted 5"), writes("overflow"), writes("not a number")), (1, 0, 0));
}

#[tokio::test]
async fn a_quota_counts_what_an_increment_makes() {
    let home = Home::open().await;
    let pin = home.running(1).await;
    assert_eq!(within(&home, &pin, 1, increment("n", 9), 2, 1).await, StateOutcome::Counted { sum: 9 });
    let full = StateOutcome::Full { which: Quota::Bytes, maximum: 2 };
    assert_eq!(within(&home, &pin, 2, increment("n", 1), 2, 1).await, full);
    assert_eq!(home.store.state_get(space(&tenant(), &agent(), 1), "n").await.unwrap(), Some((b"9".to_vec(), 1)));
}
