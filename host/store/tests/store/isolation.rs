use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use troupe_core::{AgentName, Code, TenantId, limits};
use troupe_store::{StateOutcome, TaskFilter, TaskRow};

use crate::support::place::TEMPLATE;
use crate::support::{
    Home, OWNER, READING, agent, each_write, id, pending, pin, ran_on, rows_only, set, space, tenant,
};

/// Keys made of what could mean something to a database.
fn key() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("%"),
        Just("_"),
        Just("\0"),
        Just("\\"),
        Just("'"),
        Just("a"),
        Just("A"),
        Just("b"),
        Just("/"),
        Just("*"),
        Just("["),
        Just("ä"),
        Just("\u{7f}"),
        Just("\u{7ff}"),
        Just("\u{10ffff}"),
        Just("🦀"),
    ];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

struct World {
    runtime: tokio::runtime::Runtime,
    home: Home,
    cases: AtomicU64,
}

fn world() -> World {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let home = runtime.block_on(Home::open());
    World { runtime, home, cases: AtomicU64::new(0) }
}

/// Writes `keys` for one agent of one tenant through an invocation.
async fn fill(home: &Home, number: u64, tenant: &TenantId, agent: &AgentName, keys: &BTreeSet<String>) {
    let task = TaskRow { tenant: tenant.clone(), agent: agent.clone(), ..pending(number) };
    home.store.create_task(task).await.unwrap();
    let claim = home.store.claim(tenant, id(number), OWNER, &ran_on(), &home.head()).await.unwrap();
    for (number, key) in keys.iter().enumerate() {
        let value = format!("{tenant}/{agent}/{key}").into_bytes();
        let written = home.change(&pin(&claim), number as u64, set(key, &value)).await.unwrap();
        assert!(matches!(written, StateOutcome::Written { .. }));
    }
}

#[test]
fn a_listing_is_what_filtering_by_bytes_gives_and_never_shows_a_neighbours_key() {
    let world = world();
    let keys = || prop::collection::btree_set(key(), 0..8);
    proptest!(ProptestConfig::with_cases(64), |(
        mine in keys(), others in keys(), siblings in keys(), prefix in key(), after in prop::option::of(key()), limit in 0_u32..6,
    )| {
        let case = world.cases.fetch_add(10, Ordering::SeqCst);
        let (me, other): (TenantId, TenantId) = (format!("t{case}").parse().unwrap(), format!("u{case}").parse().unwrap());
        let (agent, sibling): (AgentName, AgentName) = ("a".parse().unwrap(), "a-b".parse().unwrap());
        let store = &world.home.store;
        world.runtime.block_on(async {
            fill(&world.home, case + 1, &me, &agent, &mine).await;
            fill(&world.home, case + 2, &other, &agent, &others).await;
            fill(&world.home, case + 3, &me, &sibling, &siblings).await;
            let expected: Vec<String> = mine
                .iter()
                .filter(|key| key.starts_with(&prefix) && after.as_ref().is_none_or(|after| *key > after))
                .take(limit as usize)
                .cloned()
                .collect();
            let listed = store.state_list(space(&me, &agent, 1), &prefix, after.as_deref(), limit).await.unwrap();
            assert_eq!(listed, expected);
            for key in mine.union(&others) {
                let found = store.state_get(space(&me, &agent, 1), key).await.unwrap().map(|(value, _)| value);
                let value = mine.contains(key).then(|| format!("{me}/{agent}/{key}").into_bytes());
                assert_eq!(found, value);
            }
        });
    });
}

/// Keys made of what could lead out of a key space somewhere else.
fn escaping_key() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("../"),
        Just("..\\"),
        Just("other:"),
        Just("other/a/"),
        Just("%2e%2e"),
        Just("%00"),
        Just("\0"),
        Just("1"),
        Just("' or 1=1 --"),
        Just("\"; drop table state; --"),
        Just("other"),
        Just("a"),
        Just(":"),
        Just("\u{202e}"),
    ];
    prop_oneof![
        8 => prop::collection::vec(piece, 1..6).prop_map(|pieces| pieces.concat()),
        // PostgreSQL has an index over them, and the gate lets no longer ones through.
        1 => Just("../".repeat(if std::env::var_os(TEMPLATE).is_some() { limits::STATE_KEY_BYTES_MAX / 3 } else { 350_000 })),
    ]
}

#[test]
fn f63_no_key_reaches_another_tenant_or_agent_whatever_it_is_made_of() {
    let world = world();
    proptest!(ProptestConfig::with_cases(48), |(keys in prop::collection::btree_set(escaping_key(), 1..5))| {
        let case = world.cases.fetch_add(10, Ordering::SeqCst);
        let me: TenantId = format!("t{case}").parse().unwrap();
        let (other, agent): (TenantId, AgentName) = (format!("u{case}").parse().unwrap(), "a".parse().unwrap());
        let sibling: AgentName = "other".parse().unwrap();
        let home = &world.home;
        world.runtime.block_on(async {
            // The neighbours hold the same keys.
            fill(home, case + 2, &other, &agent, &keys).await;
            fill(home, case + 3, &me, &sibling, &keys).await;
            let task = TaskRow { tenant: me.clone(), agent: agent.clone(), ..pending(case + 1) };
            home.store.create_task(task).await.unwrap();
            let claim = home.store.claim(&me, id(case + 1), OWNER, &ran_on(), &home.head()).await.unwrap();
            let mut number = 0;
            for key in &keys {
                for write in each_write(key).into_iter().chain([set(key, b"mine")]) {
                    number += 1;
                    home.change(&pin(&claim), number, write).await.unwrap();
                }
                let mine = home.store.state_get(space(&me, &agent, 1), key).await.unwrap().unwrap().0;
                assert_eq!(mine, b"mine", "a key is its own");
            }
            assert_eq!(home.store.state_list(space(&me, &agent, 1), "", None, 10).await.unwrap().len(), keys.len());
            for (tenant, agent) in [(&other, &agent), (&me, &sibling)] {
                let listed = home.store.state_list(space(tenant, agent, 1), "", None, 10).await.unwrap();
                assert_eq!(listed, keys.iter().cloned().collect::<Vec<_>>());
                for key in &keys {
                    let found = home.store.state_get(space(tenant, agent, 1), key).await.unwrap().unwrap().0;
                    assert_eq!(found, format!("{tenant}/{agent}/{key}").into_bytes());
                }
            }
        });
    });
}

#[tokio::test]
async fn another_tenants_rows_are_as_if_they_did_not_exist() {
    let home = Home::open().await;
    home.deploy().await;
    let pin = home.running(1).await;
    home.change(&pin, 1, set("k", b"v")).await.unwrap();
    let other: TenantId = "other".parse().unwrap();
    let store = &home.store;
    assert_eq!(store.release(&other, &"aws@1.0.0".parse().unwrap()).await.unwrap(), None);
    assert!(store.newest_releases(&other).await.unwrap().is_empty());
    assert_eq!(store.deployment(&other, &agent()).await.unwrap(), None);
    assert!(store.deployments(&other).await.unwrap().is_empty());
    assert_eq!(store.task(&other, id(1)).await.unwrap(), None);
    assert!(store.tasks(&other, TaskFilter::default(), None, 10).await.unwrap().tasks.is_empty());
    assert_eq!(store.journal(&other, id(1), 1).await.unwrap(), None);
    assert_eq!(store.state_get(space(&other, &agent(), 1), "k").await.unwrap(), None);
    assert!(store.feed(&other, 0, 10).await.unwrap().is_empty());
    assert!(store.releases(&other, &agent()).await.unwrap().is_empty());
    let claimed = store.claim(&other, id(1), OWNER, &ran_on(), &home.head()).await;
    assert_eq!(claimed.unwrap_err().code, Code::TaskNotFound);
    assert_eq!(store.cancel(&other, id(1), "owner", READING).await.unwrap_err().code, Code::TaskNotFound);
    assert_eq!(store.renew(OWNER, &[(other.clone(), id(1), 1)]).await.unwrap(), [(other.clone(), id(1))]);
    let foreign = troupe_store::Pin { tenant: other.clone(), ..pin };
    assert_eq!(store.commit(rows_only(&foreign, Vec::new())).await.unwrap_err().code, Code::TaskNotFound);

    // The same ids and names are free for the other tenant.
    store.create_task(TaskRow { tenant: other.clone(), ..pending(1) }).await.unwrap();
    assert_eq!(store.feed(&other, 0, 10).await.unwrap().len(), 1);
    assert_eq!(store.task(&tenant(), id(1)).await.unwrap().unwrap().attempt, 1);
}
