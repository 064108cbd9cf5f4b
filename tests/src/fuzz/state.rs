//! State: whatever keys and prefixes are, each key space holds what was written to it, and nothing of another.
//!
//! An input is a list of changes in spaces that differ in tenant, agent, generation or instance alone. They are made in a store
//! on disk and in maps beside it, and both are compared.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use tempfile::TempDir;
use troupe_core::clock::ManualClock;
use troupe_core::view::{RanOn, TaskStatus};
use troupe_core::{AgentName, Clock as _, Digest, InstanceId, KeySpace, SystemEntropy, TaskId, TenantId, Timestamp};
use troupe_store::{
    Commit, JournalHead, JournalRow, Lease, NewInstanceRow, Pin, StateChange, StateLimits, StateOutcome, StateSpace,
    StateWrite, Store, TaskRow,
};

use super::Choices;

/// Names of which one begins as the other does.
const TENANTS: [&str; 2] = ["acme", "acme-2"];
const AGENTS: [&str; 2] = ["aws", "aws-2"];
const GENERATIONS: [u64; 2] = [1, 2];
/// Whose keys of an agent.
const OWNERS: [KeySpace; 2] = [KeySpace::Deployment, KeySpace::Instance];
/// Keys that a careless statement could confuse.
const KEYS: [&str; 16] =
    ["a", "a/", "a0", "a%", "a_b", "b", "A", "B", "", "\0", "a\0", "é", "a'--", "\u{10fffe}", "\u{10ffff}", "aws-2\0a"];
/// Changes of one input, at most.
const CHANGES_MAX: usize = 8;
/// Room enough.
const BYTES_MAX: u64 = 1 << 30;
/// What they hold together is not what is looked at.
const IN_ALL: StateLimits = StateLimits { bytes: u64::MAX, keys: u64::MAX };
const OWNER: &str = "fuzz";

/// Tenant, agent, generation and owner.
type At = (usize, usize, usize, usize);
type Spaces = BTreeMap<At, BTreeMap<String, Vec<u8>>>;

pub(super) fn state(data: &[u8]) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let dir = TempDir::new().expect("a directory");
        let path = dir.path().join("troupe.db");
        std::fs::write(&path, empty().await).expect("room for a file");
        let store = Store::open(&path, clock()).await.expect("a store");
        let changed = changes(&store, &mut Choices::new(data)).await;
        store.close().await;
        changed
    })
}

/// The file of a store with nothing in it, which takes longer to make than to copy.
async fn empty() -> &'static [u8] {
    static EMPTY: OnceLock<Vec<u8>> = OnceLock::new();
    if let Some(made) = EMPTY.get() {
        return made;
    }
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("troupe.db");
    Store::open(&path, clock()).await.expect("a store").close().await;
    EMPTY.get_or_init(|| std::fs::read(&path).expect("a file"))
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_millis(1_763_600_000_000)))
}

fn tenant(at: usize) -> TenantId {
    TENANTS[at].parse().expect("a name")
}

fn agent(at: usize) -> AgentName {
    AGENTS[at].parse().expect("a name")
}

async fn changes(store: &Store, choices: &mut Choices<'_>) -> bool {
    let mut pins = BTreeMap::new();
    for tenant in 0..TENANTS.len() {
        for agent in 0..AGENTS.len() {
            pins.insert((tenant, agent), running(store, tenant, agent).await);
        }
    }
    let after = choices.flag().then(|| key(choices));
    let mut spaces = Spaces::new();
    let mut number = 0;
    while !choices.is_over() && number < CHANGES_MAX as u64 {
        number += 1;
        let space = (choices.below(2), choices.below(2), choices.below(2), choices.below(2));
        let (write, key) = (choices.below(4), key(choices));
        let value = choices.text(12).into_bytes();
        let generation = GENERATIONS[space.2];
        let pin = Pin { generation, ..pins[&(space.0, space.1)].clone() };
        let outcome = change(store, pin, OWNERS[space.3], number, write, &key, &value).await;
        apply(spaces.entry(space).or_default(), write, key, value, &outcome);
    }
    compare(store, &pins, &spaces, after.as_deref()).await;
    number > 0
}

fn key(choices: &mut Choices<'_>) -> String {
    if choices.below(4) == 0 { choices.text(8) } else { choices.one_of(&KEYS).to_owned() }
}

/// A task that runs, so that it may write.
async fn running(store: &Store, at_tenant: usize, at_agent: usize) -> Pin {
    let at = clock().now();
    let id = TaskId::generate(&*clock(), &SystemEntropy);
    let instance = InstanceId::generate(&*clock(), &SystemEntropy);
    let new = NewInstanceRow {
        id: instance,
        agent: agent(at_agent),
        name: None,
        session: None,
        principal: "owner".to_owned(),
        checked: false,
    };
    store.start_instance(&tenant(at_tenant), new).await.expect("an instance");
    let ran_on = RanOn { version: semver::Version::new(1, 0, 0), digest: Digest::of(b"one"), epoch: 1 };
    let task = TaskRow {
        id,
        tenant: tenant(at_tenant),
        agent: agent(at_agent),
        skill: "write".parse().expect("a name"),
        instance: Some(instance),
        input: "{}".to_owned(),
        status: TaskStatus::Running,
        priority: 0,
        attempt: 1,
        principal: "owner".to_owned(),
        idempotency_key: None,
        affinity: None,
        session: None,
        cause: None,
        retry_of: None,
        approval: None,
        group: None,
        timeout_ms: 60_000,
        lifetime_ms: None,
        retry: None,
        budget: None,
        retries: 0,
        artifacts: Vec::new(),
        usage: Default::default(),
        release: Some(ran_on.clone()),
        output: None,
        failure: None,
        lease: Some(Lease { owner: OWNER.to_owned(), number: 1, until: at }),
        wake_at: None,
        created_at: at,
        started_at: Some(at),
        ended_at: None,
    };
    let head = JournalHead {
        release: ran_on,
        configuration_revision: 1,
        grants_revision: 1,
        deadline: at,
        seed: [0; 32],
        started_at: at,
    };
    let begun = store.begin(task, &head).await.expect("a task that runs");
    Pin {
        tenant: begun.tenant,
        task: id,
        attempt: 1,
        agent: begun.agent,
        instance: begun.instance,
        epoch: 1,
        lease_owner: OWNER.to_owned(),
        lease_number: 1,
        generation: 1,
    }
}

async fn change(
    store: &Store,
    pin: Pin,
    space: KeySpace,
    number: u64,
    write: usize,
    key: &str,
    value: &[u8],
) -> StateOutcome {
    let key = key.to_owned();
    let write = match write {
        0 => StateWrite::Delete { key },
        1 => StateWrite::CompareAndSet { key, expected: None, value: value.to_vec(), ttl: None },
        2 => StateWrite::Increment { key, delta: 1 },
        _ => StateWrite::Set { key, value: value.to_vec(), ttl: None },
    };
    let at = clock().now();
    let row = JournalRow { number, at, call: b"call".to_vec(), answer: None, write: true };
    let encode = |_, _: &StateOutcome| b"answer".to_vec();
    let (bytes_max, keys_max) = (BYTES_MAX, BYTES_MAX);
    let change = StateChange { space, write, bytes_max, keys_max, in_all: IN_ALL, fence: None, encode };
    let commit = Commit { pin, journal: Vec::new(), write: Some((change, row)), end: None };
    store.commit(commit).await.expect("a commit").state.expect("an outcome")
}

/// The same change in a map, which tells what its outcome must have been.
fn apply(space: &mut BTreeMap<String, Vec<u8>>, write: usize, key: String, value: Vec<u8>, outcome: &StateOutcome) {
    let held = space.get(&key).cloned();
    match (write, outcome) {
        (0, StateOutcome::Deleted { existed }) => assert_eq!(*existed, space.remove(&key).is_some(), "{key:?}"),
        (1, StateOutcome::Conflict { found }) => assert!(found.is_some() && held.is_some(), "{key:?}"),
        (1, StateOutcome::Written { .. }) => {
            assert_eq!(held, None, "{key:?}");
            space.insert(key, value);
        }
        (2, StateOutcome::Counted { sum }) => {
            let before = held.map_or(0, |held| String::from_utf8(held).expect("a number").parse().expect("a number"));
            assert_eq!(*sum, before + 1_i64, "{key:?}");
            space.insert(key, sum.to_string().into_bytes());
        }
        (2, StateOutcome::NotANumber | StateOutcome::Overflow) => {
            assert!(held.is_some_and(|held| !held.iter().all(u8::is_ascii_digit) || held.is_empty()), "{key:?}");
        }
        (3, StateOutcome::Written { .. }) => drop(space.insert(key, value)),
        other => panic!("{key:?}: {other:?}"),
    }
}

/// Every space holds its own and nothing else, by each key and by lists with each of them as a prefix.
async fn compare(store: &Store, pins: &BTreeMap<(usize, usize), Pin>, spaces: &Spaces, after: Option<&str>) {
    let written: BTreeSet<&str> = spaces.values().flat_map(BTreeMap::keys).map(String::as_str).chain([""]).collect();
    let none = BTreeMap::new();
    for at in 0..16 {
        let space = (at & 1, at >> 1 & 1, at >> 2 & 1, at >> 3);
        let held = spaces.get(&space).unwrap_or(&none);
        let pin = Pin { generation: GENERATIONS[space.2], ..pins[&(space.0, space.1)].clone() };
        let here: StateSpace<'_> = pin.space(OWNERS[space.3]).expect("a task for an instance");
        for key in &written {
            let found = store.state_get(here, key).await.expect("a read");
            assert_eq!(found.map(|(value, _)| value), held.get(*key).cloned(), "{key:?} in {space:?}");
            for after in [None, after] {
                let list = store.state_list(here, key, after, 100).await.expect("a list");
                let wanted =
                    held.keys().filter(|held| held.starts_with(key) && after.is_none_or(|after| held.as_str() > after));
                assert_eq!(list, wanted.cloned().collect::<Vec<_>>(), "{key:?} after {after:?} in {space:?}");
            }
        }
    }
}
