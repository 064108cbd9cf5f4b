//! Copies of key spaces: made whole, changed by their swap alone, taken into use at once or removed.

use std::time::Duration;

use troupe_core::view::{SwapOutcome, SwapPhase, SwapPolicy, SwapState, TaskStatus};
use troupe_core::{Clock as _, Code, Digest, InstanceId, KeySpace, Result, SwapId, limits};
use troupe_store::{
    Commit, Decided, DeploymentRow, Forms, NewInstanceRow, Pin, RouteChange, StateChange, StateCopy, StateSpace,
    SwapRoute, SwapRow, TaskRow,
};

use crate::support::{
    Home, OWNER, READING, agent, completed, id, pending, pin, ran_on, release, row, rows_only, set, space, tenant,
    version, wide,
};

fn swap_id() -> SwapId {
    "0199a2f0-6c1e-7d3a-9b52-000000000001".parse().unwrap()
}

pub(crate) fn instance() -> InstanceId {
    "0199a2f0-6c1e-7d3a-9b52-000000000001".parse().unwrap()
}

pub(crate) fn copy() -> StateCopy {
    StateCopy { tenant: tenant(), agent: agent(), swap: swap_id(), generation: 2, epoch: 2 }
}

/// A deployment whose state is about to be migrated, and the swap that does.
pub(crate) struct Migrating {
    pub(crate) home: Home,
    swap: SwapRow,
}

impl Migrating {
    pub(crate) async fn new() -> Self {
        let home = Home::open().await;
        home.deploy().await;
        home.store.publish(&tenant(), release("aws@2.0.0", "two"), None).await.unwrap();
        let new = NewInstanceRow {
            id: instance(),
            agent: agent(),
            name: None,
            session: None,
            principal: "owner".to_owned(),
            checked: false,
        };
        home.store.start_instance(&tenant(), new).await.unwrap();
        let state = SwapState {
            phase: SwapPhase::Migrating,
            outcome: None,
            reason: None,
            since: home.clock.now(),
            step: 0,
            weight: 0,
            held: false,
            migrates: true,
            draining_since: None,
            approval: None,
            progress: None,
            ahead: None,
            rehearsal: None,
            judgement: None,
        };
        let swap = SwapRow {
            tenant: tenant(),
            id: swap_id(),
            agent: agent(),
            from: Some((version("1.0.0"), Digest::of(b"one"))),
            to: (version("2.0.0"), Digest::of(b"two")),
            principal: "owner".to_owned(),
            epoch: None,
            number: 0,
            driver: None,
            state,
            policy: SwapPolicy::default(),
            started_at: home.clock.now(),
            changed_at: home.clock.now(),
            ended_at: None,
        };
        let (rows, _) = home.store.change_swaps(vec![swap], None, Vec::new()).await.unwrap();
        Self { home, swap: rows[0].clone() }
    }

    /// Has a task for the instance write so many keys there, and one to the deployment's.
    async fn filled(&self, keys: u64) {
        let home = &self.home;
        home.store.create_task(TaskRow { instance: Some(instance()), ..pending(1) }).await.unwrap();
        let task = home.store.claim(&tenant(), id(1), OWNER, &ran_on(), &home.head()).await.unwrap();
        let pin = pin(&task);
        for number in 1..=keys {
            let change = StateChange { space: KeySpace::Instance, ..wide(set(&format!("k{number:05}"), b"v")) };
            let commit = Commit { write: Some((change, row(number, true))), ..rows_only(&pin, Vec::new()) };
            home.store.commit(commit).await.unwrap();
        }
        home.change(&pin, keys + 1, set("k", b"deployment")).await.unwrap();
        home.store.commit(Commit { end: Some(completed()), ..rows_only(&pin, Vec::new()) }).await.unwrap();
    }

    /// Copies everything; returns in how many commits.
    pub(crate) async fn copied(&self) -> usize {
        let (store, mut commits) = (&self.home.store, 0);
        for whose in store.state_spaces(&tenant(), &agent(), 1).await.unwrap() {
            let mut after = None;
            loop {
                after = store.copy_state(&copy(), whose, after).await.unwrap();
                commits += 1;
                if after.is_none() {
                    break;
                }
            }
            store.check_copied(&copy(), whose).await.unwrap();
        }
        commits
    }

    /// Ends the swap, with the copy in use or not.
    pub(crate) async fn ended(&mut self, generation: Option<u64>) -> Result<Option<DeploymentRow>> {
        let mut swap = self.swap.clone();
        swap.state.phase = SwapPhase::Ended;
        swap.state.outcome = Some(if generation.is_some() { SwapOutcome::Promoted } else { SwapOutcome::Refused });
        let change =
            RouteChange { serving: Some(swap.to.clone()), form: Some(7), generation, ..RouteChange::default() };
        let route = generation.is_some().then_some(SwapRoute { expected: Some(1), change, by: None });
        let (rows, row) = self.home.store.change_swaps(vec![swap], route, Vec::new()).await?;
        self.swap = rows[0].clone();
        Ok(row)
    }

    async fn keys(&self, whose: Option<InstanceId>, generation: u64) -> Vec<(String, u64)> {
        let (tenant, agent, store) = (tenant(), agent(), &self.home.store);
        let here = StateSpace { tenant: &tenant, agent: &agent, instance: whose, generation };
        let mut keys = Vec::new();
        for key in store.state_list(here, "", None, 10_000).await.unwrap() {
            let (_, revision) = store.state_get(here, &key).await.unwrap().unwrap();
            keys.push((key, revision));
        }
        keys
    }

    pub(crate) async fn swept(&self) -> usize {
        let mut commits = 1;
        while self.home.store.sweep_generations().await.unwrap() {
            commits += 1;
        }
        commits
    }
}

#[tokio::test]
async fn a_copy_is_whole_made_in_bounded_commits_and_goes_on_with_the_revisions() {
    let mut swap = Migrating::new().await;
    let many = u64::from(limits::MIGRATION_COPIED_KEYS_MAX);
    swap.filled(many + 1).await;
    assert_eq!(swap.copied().await, 3, "a commit copies so much and no more");
    let whose = Some(instance());
    assert_eq!(swap.keys(whose, 2).await, swap.keys(whose, 1).await);
    assert_eq!(swap.keys(None, 2).await, [("k".to_owned(), 1)]);
    let (store, before) = (&swap.home.store, swap.keys(whose, 1).await);
    let first = |change| StateChange { space: KeySpace::Instance, ..wide(change) };
    store.change_copy(&copy(), whose, first(set("k00001", b"new"))).await.unwrap();
    assert_eq!(swap.keys(whose, 2).await[0], ("k00001".to_owned(), many + 2), "a revision comes a second time");
    assert_eq!(swap.keys(whose, 1).await, before, "what was copied has changed");
    store.check_state(copy().space(whose)).await.unwrap();
    // While it is made nobody removes it, nor what it is a copy of.
    assert_eq!(swap.swept().await, 1);
    swap.home.store.stop_instance(&tenant(), instance(), None).await.unwrap();
    assert!(!swap.home.store.clear_instances().await.unwrap());
    assert_eq!(swap.keys(whose, 2).await.len(), before.len());
    let row = swap.ended(Some(2)).await.unwrap().unwrap();
    assert_eq!((row.state_generation, row.state_since, row.epoch), (2, 2, 2));
    assert_eq!(row.state_forms, Some(Forms::one(7)), "of the copy it is what was made of it");
    assert!(swap.swept().await > 1, "one commit removes so much and no more");
    assert_eq!((swap.keys(whose, 1).await.len(), swap.keys(whose, 2).await.len()), (0, before.len()));
    while swap.home.store.clear_instances().await.unwrap() {}
    assert_eq!((swap.keys(whose, 2).await.len(), swap.keys(None, 2).await.len()), (0, 1));
}

/// What is said of a copy after somebody has changed one row of the database: in `change`, the
/// places that are altered and those of the row.
async fn damaged(change: &str, of: &str) -> String {
    let swap = Migrating::new().await;
    swap.filled(3).await;
    swap.copied().await;
    let changed = swap.home.raw().await.execute(&format!("{change} where instance <> '' and {of}")).await;
    assert_eq!(changed, 1, "{change}");
    let error = swap.home.store.check_copied(&copy(), Some(instance())).await.unwrap_err();
    assert_eq!(error.code, Code::Internal);
    let cause = error.cause_chain().unwrap();
    cause.rsplit_once("generation 2: ").unwrap().1.to_owned()
}

#[tokio::test]
async fn a_copy_that_was_damaged_is_refused_with_what_does_not_agree() {
    const KEY: &str = "generation = 2 and key = x'6b3030303032'";
    const SPACE: &str = "generation = 2";
    let mut said = Vec::new();
    for (change, of) in [
        ("update state set value = x'77'", KEY),
        ("update state set value = x'7600'", KEY),
        ("update state set revision = revision + 1", KEY),
        ("update state set expires_at = 0", KEY),
        ("update state set key = x'6b39'", KEY),
        ("delete from state", KEY),
        ("delete from state", "generation = 1 and key = x'6b3030303032'"),
        ("update state_usage set keys = keys + 1", SPACE),
        ("update state_usage set bytes = bytes - 1", SPACE),
        ("update state_usage set revision = revision - 1", SPACE),
        ("update state_usage set revision = revision + 1", SPACE),
    ] {
        said.push(format!("{change}: {}", damaged(change, of).await));
    }
    insta::assert_snapshot!(said.join("\n"), @"
    update state set value = x'77': 1 keys are not what was copied
    update state set value = x'7600': 1 keys are not what was copied
    update state set revision = revision + 1: 1 keys are not what was copied
    update state set expires_at = 0: 1 keys are not what was copied
    update state set key = x'6b39': 1 keys are missing
    delete from state: 1 keys are missing
    delete from state: 1 keys have no original
    update state_usage set keys = keys + 1: it holds 3 keys, and 4 were counted
    update state_usage set bytes = bytes - 1: it holds 21 bytes, and 20 were counted
    update state_usage set revision = revision - 1: the counter of revisions is not what was copied
    update state_usage set revision = revision + 1: the counter of revisions is not what was copied
    ");
}

#[tokio::test]
async fn a_migrated_copy_whose_counters_do_not_fit_is_refused() {
    let swap = Migrating::new().await;
    swap.filled(3).await;
    swap.copied().await;
    let (store, whose) = (&swap.home.store, Some(instance()));
    let change = StateChange { space: KeySpace::Instance, ..wide(set("k00001", b"new")) };
    store.change_copy(&copy(), whose, change).await.unwrap();
    store.check_state(copy().space(whose)).await.unwrap();
    let mut raw = swap.home.raw().await;
    for (statement, back) in [
        (
            "update state_usage set revision = 1 where generation = 2",
            "update state_usage set revision = 9 where generation = 2",
        ),
        (
            "update state_usage set keys = 9 where generation = 2",
            "update state_usage set keys = 3 where generation = 2",
        ),
        ("update state set key = x'ff' where generation = 2 and key = x'6b3030303032'", ""),
    ] {
        raw.execute(statement).await;
        assert_eq!(store.check_state(copy().space(whose)).await.unwrap_err().code, Code::Internal, "{statement}");
        raw.execute(back).await;
    }
}

#[tokio::test]
async fn a_swap_that_does_not_migrate_any_more_writes_nothing_and_what_it_left_goes() {
    let mut swap = Migrating::new().await;
    swap.filled(3).await;
    swap.copied().await;
    swap.ended(None).await.unwrap();
    let before = swap.keys(None, 1).await;
    let late = swap.home.store.change_copy(&copy(), None, wide(set("k", b"late"))).await.unwrap_err();
    assert_eq!(late.code, Code::StaleEpoch);
    assert_eq!(swap.home.store.copy_state(&copy(), None, None).await.unwrap_err().code, Code::StaleEpoch);
    assert_eq!(swap.home.store.clear_copy(&copy()).await.unwrap_err().code, Code::StaleEpoch);
    swap.swept().await;
    assert!(swap.home.store.state_spaces(&tenant(), &agent(), 2).await.unwrap().is_empty());
    assert_eq!(swap.keys(None, 1).await, before);
}

#[tokio::test]
async fn what_an_earlier_migration_left_is_cleared_before_a_copy_is_made() {
    let swap = Migrating::new().await;
    swap.filled(3).await;
    swap.copied().await;
    let whose = Some(instance());
    let change = StateChange { space: KeySpace::Instance, ..wide(set("left", b"v")) };
    swap.home.store.change_copy(&copy(), whose, change).await.unwrap();
    while swap.home.store.clear_copy(&copy()).await.unwrap() {}
    assert!(swap.home.store.state_spaces(&tenant(), &agent(), 2).await.unwrap().is_empty());
    swap.copied().await;
    assert_eq!(swap.keys(whose, 2).await, swap.keys(whose, 1).await);
}

#[tokio::test]
async fn a_copy_comes_into_use_only_if_it_is_whole_and_nothing_runs() {
    let mut swap = Migrating::new().await;
    swap.filled(3).await;
    let refused = async |swap: &mut Migrating| swap.ended(Some(2)).await.unwrap_err().code;
    assert_eq!(refused(&mut swap).await, Code::SwapConflict, "nothing was copied");
    swap.copied().await;
    assert_eq!(swap.ended(Some(3)).await.unwrap_err().code, Code::SwapConflict, "it is not the next");
    let running = swap.home.running(2).await;
    assert_eq!(refused(&mut swap).await, Code::SwapConflict, "something runs");
    let route = swap.home.store.deployment(&tenant(), &agent()).await.unwrap().unwrap();
    assert_eq!((route.epoch, route.state_generation, route.serving.to_string().as_str()), (1, 1, "1.0.0"));
    swap.home.store.commit(Commit { end: Some(completed()), ..rows_only(&running, Vec::new()) }).await.unwrap();
    swap.ended(Some(2)).await.unwrap();
}

#[tokio::test]
async fn who_began_on_what_was_in_use_before_writes_nothing() {
    let home = Home::open().await;
    home.deploy().await;
    let held = home.running(1).await;
    for generation in [0, 2] {
        let stale = Pin { generation, ..held.clone() };
        assert_eq!(home.change(&stale, 1, set("k", b"v")).await.unwrap_err().code, Code::StaleEpoch);
    }
    home.change(&held, 1, set("k", b"v")).await.unwrap();
    assert!(home.store.state_get(space(&tenant(), &agent(), 2), "k").await.unwrap().is_none());
}

#[tokio::test]
async fn tasks_that_began_before_begin_anew_or_end_in_doubt() {
    let mut swap = Migrating::new().await;
    swap.filled(1).await;
    let until = swap.home.clock.now().plus(Duration::from_secs(3_600));
    for number in 2..=5 {
        let held = swap.home.running(number).await;
        if number % 2 == 0 {
            swap.home.change(&held, 1, set("w", b"v")).await.unwrap();
        }
        swap.home.store.suspend(&held, vec![row(2, false)], until, Decided::default()).await.unwrap();
    }
    swap.copied().await;
    let settled = swap.home.store.settle_stranded(10, READING).await.unwrap();
    assert!(settled.is_empty(), "what can still go on is settled");
    swap.ended(Some(2)).await.unwrap();
    let first = swap.home.store.settle_stranded(3, READING).await.unwrap();
    assert_eq!(first.pending.len() + first.ended.len(), 3, "a commit settles so many and no more");
    assert!(!swap.home.store.settle_stranded(3, READING).await.unwrap().is_empty());
    assert!(swap.home.store.settle_stranded(3, READING).await.unwrap().is_empty());
    for number in 2..=5 {
        let task = swap.home.store.task(&tenant(), id(number)).await.unwrap().unwrap();
        if number % 2 == 0 {
            let failure = task.failure.unwrap();
            assert_eq!((task.status, failure.code.as_str()), (TaskStatus::InDoubt, "in_doubt"));
            assert!(failure.message.starts_with("state of aws was brought to another form after"), "{failure:?}");
        } else {
            assert_eq!((task.status, task.release, task.wake_at), (TaskStatus::Pending, None, None));
            assert_eq!(task.attempt, 1);
        }
    }
}
