//! What the key spaces of a deployment hold together is what each of them holds, whatever is done to
//! them and to their copies.

use std::time::Duration;

use proptest::prelude::*;
use troupe_core::KeySpace;
use troupe_store::{Commit, Pin, StateChange, StateWrite, TaskRow};

use crate::copies::{Migrating, copy, instance};
use crate::support::{
    Home, OWNER, completed, delete, expire, id, increment, pending, pin, ran_on, row, rows_only, set, tenant, wide,
};

#[derive(Debug, Clone)]
enum Act {
    /// A key of the deployment or of the instance is changed.
    Write(KeySpace, StateWrite),
    /// Time passes, and what has ended is swept away.
    Pass(Duration),
}

fn act() -> impl Strategy<Value = Act> {
    let key = prop_oneof![Just("a"), Just("bb"), Just("ccc")];
    let write = (key, 0..6_u8, 0..9_usize).prop_map(|(key, kind, size)| match kind {
        0 => delete(key),
        1 => increment(key, 10_i64.pow(size as u32)),
        2 => expire(key, Some(Duration::from_secs(size as u64 + 1))),
        3 => StateWrite::Set { key: key.to_owned(), value: vec![b'1'; size], ttl: Some(Duration::from_secs(3)) },
        _ => set(key, &vec![b'1'; size]),
    });
    let space = prop_oneof![Just(KeySpace::Deployment), Just(KeySpace::Instance)];
    prop_oneof![
        6 => (space, write).prop_map(|(space, write)| Act::Write(space, write)),
        1 => (1..5_u64).prop_map(|seconds| Act::Pass(Duration::from_secs(seconds))),
    ]
}

/// Of each copy its number, and how many spaces, keys and bytes it has.
type Sums = Vec<[i64; 4]>;

/// Checks that what is counted together is what there is, read from the rows.
async fn agrees(home: &Home) -> Sums {
    let mut raw = home.raw().await;
    let counted: Sums =
        raw.numbers("select generation, spaces, keys, bytes from state_totals order by generation").await;
    let there: Sums = raw
        .numbers(
            "select u.generation, count(*), cast(coalesce(sum(s.keys), 0) as bigint),
                cast(coalesce(sum(s.bytes), 0) as bigint) from state_usage u
             left join (select instance, generation, count(*) as keys, sum(octet_length(key) + octet_length(value)) as bytes
                from state group by instance, generation) s on s.instance = u.instance and s.generation = u.generation
             group by u.generation order by u.generation",
        )
        .await;
    assert_eq!(counted, there);
    counted
}

/// A task of the instance, which writes.
async fn claimed(home: &Home) -> Pin {
    home.store.create_task(TaskRow { instance: Some(instance()), ..pending(1) }).await.unwrap();
    pin(&home.store.claim(&tenant(), id(1), OWNER, &ran_on(), &home.head()).await.unwrap())
}

async fn passes(home: &Home, time: Duration) {
    home.clock.advance(time);
    home.store.sweep_state().await.unwrap();
}

async fn go_through(before: Vec<Act>, on_the_copy: Vec<Act>, is_used: bool) {
    let mut migrating = Migrating::new().await;
    let home = &migrating.home;
    let writes = claimed(home).await;
    for (number, act) in (1..).zip(before) {
        match act {
            Act::Write(space, write) => {
                let change = StateChange { space, ..wide(write) };
                let commit = Commit { write: Some((change, row(number, true))), ..rows_only(&writes, Vec::new()) };
                home.store.commit(commit).await.unwrap();
            }
            Act::Pass(time) => passes(home, time).await,
        }
        agrees(home).await;
    }
    home.store.commit(Commit { end: Some(completed()), ..rows_only(&writes, Vec::new()) }).await.unwrap();
    migrating.copied().await;
    agrees(home).await;
    for act in on_the_copy {
        match act {
            Act::Write(space, write) => {
                let whose = (space == KeySpace::Instance).then(instance);
                home.store.change_copy(&copy(), whose, StateChange { space, ..wide(write) }).await.unwrap();
            }
            Act::Pass(time) => passes(home, time).await,
        }
        agrees(home).await;
    }
    migrating.ended(is_used.then_some(2)).await.unwrap();
    migrating.swept().await;
    let home = &migrating.home;
    assert!(agrees(home).await.len() <= 1, "one copy is left at most");
    home.store.stop_instance(&tenant(), instance(), None).await.unwrap();
    while home.store.clear_instances().await.unwrap() {}
    assert!(agrees(home).await.iter().all(|[_, spaces, ..]| *spaces == 1), "the deployment's own is left at most");
}

#[test]
fn what_key_spaces_hold_together_is_what_each_holds_whatever_is_done_to_them_and_to_their_copies() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let acts = || prop::collection::vec(act(), 0..12);
    proptest!(ProptestConfig::with_cases(24), |(before in acts(), on_the_copy in acts(), is_used in any::<bool>())| {
        runtime.block_on(go_through(before, on_the_copy, is_used));
    });
}
