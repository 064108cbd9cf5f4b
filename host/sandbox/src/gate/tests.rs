use async_trait::async_trait;
use troupe_core::Grants;
use troupe_core::clock::ManualClock;
use troupe_core::grant::StateGrant;

use super::*;
use crate::port::{NoLedger, StateChange, StateOutcome};

/// A ledger that takes everything and keeps nothing.
struct Taking;

#[async_trait]
impl Ledger for Taking {
    async fn get(&mut self, space: KeySpace, key: &str) -> Result<Option<Entry>> {
        NoLedger.get(space, key).await
    }

    async fn list(&mut self, space: KeySpace, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>> {
        NoLedger.list(space, prefix, after, limit).await
    }

    async fn write(&mut self, _rows: Vec<JournalRow>, _row: JournalRow, change: StateChange) -> Result<StateOutcome> {
        Ok(match change.space {
            KeySpace::Deployment => StateOutcome::Written(1),
            KeySpace::Instance => StateOutcome::KeysFull(change.keys_max),
        })
    }
}

fn gate(grants: Grants, ceiling: Effect) -> Gate {
    let start = Timestamp::from_millis(0);
    let (clock, guest_clock) = (Arc::new(ManualClock::new(start)), GuestClock::new(start));
    Gate::new(grants.into(), ceiling, Box::new(Taking), clock, guest_clock, References::new([0; 32]), None)
}

fn all() -> Grants {
    Grants { state: Some(StateGrant { bytes: 1 << 30, keys: 1000, instances: false }), ..Grants::default() }
}

fn set(bytes: usize) -> Call {
    Call::State(StateCall::Set { key: "k".to_owned(), value: vec![b'x'; bytes], ttl_ms: None })
}

/// What the journal holds of the calls that a gate passed.
async fn kept(gate: &Gate) -> Vec<Call> {
    gate.finish().await.rows.iter().map(|row| Call::decode(&row.call).unwrap()).collect()
}

#[tokio::test]
async fn a_refused_call_is_kept_by_its_digest_where_it_is_long() {
    for grants in [Grants::default(), all()] {
        let gate = gate(grants, Effect::Write);
        gate.pass(set(8 << 20)).await.unwrap();
        let kept = kept(&gate).await;
        let [Call::Refused { name, bytes, .. }] = kept.as_slice() else { panic!("kept whole") };
        assert_eq!(name, "state.set");
        assert!(*bytes > 8 << 20);
    }
    let short = gate(Grants::default(), Effect::Write);
    short.pass(set(10)).await.unwrap();
    assert_eq!(kept(&short).await, [set(10)]);
}

#[tokio::test]
async fn a_list_is_bounded_in_all_it_names() {
    let long = "k".repeat(limits::STATE_KEY_BYTES_MAX + 1);
    let list = |prefix: &str, after: Option<&str>| {
        Call::State(StateCall::List { prefix: prefix.to_owned(), after: after.map(str::to_owned), limit: 1 })
    };
    let gate = gate(all(), Effect::Read);
    for call in [list(&long, None), list("", Some(&long))] {
        assert!(matches!(gate.pass(call).await, Ok(Answer::Invalid(why)) if why.ends_with("this one has 513")));
    }
    assert_eq!(gate.pass(list("", Some(""))).await.unwrap(), Answer::State(StateAnswer::Keys(Vec::new())));
}

#[tokio::test]
async fn a_skill_that_only_reads_cannot_write_state() {
    let key = || "k".to_owned();
    let gate = gate(all(), Effect::Read);
    gate.pass(Call::State(StateCall::Get { key: key() })).await.unwrap();
    for call in [
        set(1),
        Call::State(StateCall::CompareAndSet { key: key(), expected: None, value: Vec::new(), ttl_ms: None }),
        Call::State(StateCall::Increment { key: key(), delta: 1 }),
        Call::State(StateCall::Expire { key: key(), ttl_ms: None }),
        Call::State(StateCall::Delete { key: key() }),
    ] {
        let answer = gate.pass(call).await.unwrap();
        assert!(matches!(answer, Answer::Denied { message, .. } if message.contains("class write")));
    }
    assert_eq!(gate.finish().await.denied, 5);
}

#[tokio::test]
async fn keys_of_an_instance_want_a_grant_for_them_and_an_instance() {
    let granted = StateGrant { bytes: 1 << 20, keys: 7, instances: true };
    let granted = Grants { state: Some(granted), ..Grants::default() };
    let ask = async |grants: Grants, has_instance: bool| {
        let gate = gate(grants, Effect::Write).with_instance(has_instance);
        let call = Call::InstanceState(StateCall::Increment { key: "k".to_owned(), delta: 1 });
        gate.pass(call).await.unwrap().describe()
    };
    assert_eq!(
        ask(Grants::default(), true).await,
        "`instance-state.increment` was denied: this deployment has no grant of `state`; the manifest must ask for it and the operator grant it"
    );
    assert_eq!(
        ask(all(), true).await,
        "`instance-state.increment` was denied: this deployment's grant of `state` leaves the keys of instances out; the manifest must ask for them (`instances = true`) and the operator grant them"
    );
    assert_eq!(
        ask(granted.clone(), false).await,
        "`instance-state.increment` is about the keys of an instance, and this task is for none; ask for it with `instance`"
    );
    assert_eq!(ask(granted, true).await, "state is full: this instance may hold 7 keys; delete some or ask for more");
}

#[tokio::test]
async fn the_journal_of_an_invocation_is_bounded() {
    for grants in [Grants::default(), all()] {
        let gate = gate(grants, Effect::Write);
        gate.0.journalled.store(limits::JOURNAL_BYTES_MAX - 1000, Ordering::Relaxed);
        gate.pass(set(500)).await.unwrap();
        gate.pass(set(500)).await.unwrap();
        assert_eq!(gate.pass(set(1)).await.unwrap_err().code, Code::LimitJournal);
    }
}

#[tokio::test]
async fn a_time_to_live_is_bounded() {
    let gate = gate(all(), Effect::Write);
    for ttl in [0, 1 << 60, u64::MAX] {
        for call in [
            StateCall::Expire { key: "k".to_owned(), ttl_ms: Some(ttl) },
            StateCall::Set { key: "k".to_owned(), value: Vec::new(), ttl_ms: Some(ttl) },
        ] {
            let answer = gate.pass(Call::State(call)).await.unwrap();
            assert!(matches!(answer, Answer::Invalid(why) if why.contains("315360000000")));
        }
    }
}
