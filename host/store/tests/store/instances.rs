//! Instances of agents, and what they keep.

use std::time::Duration;

use troupe_core::view::InstanceStatus;
use troupe_core::{Code, InstanceId, KeySpace, limits};
use troupe_store::{
    Asked, Commit, Creation, InstanceFilter, InstanceRow, NewInstanceRow, Pin, Quota, Started, StateChange,
    StateLimits, StateOutcome, StateSpace, StateWrite, TaskFilter, TaskRow,
};

use crate::support::{
    Home, OWNER, agent, begun, completed, delete, id, increment, pending, pin, ran_on, row, rows_only, set, space,
    swap, tenant, wide,
};

fn instance_id(number: u64) -> InstanceId {
    format!("0199a2f0-6c1e-7d3a-9b52-{number:012x}").parse().unwrap()
}

fn new(number: u64, name: Option<&str>) -> NewInstanceRow {
    let name = name.map(|name| name.parse().unwrap());
    NewInstanceRow {
        id: instance_id(number),
        agent: agent(),
        name,
        session: None,
        principal: "owner".to_owned(),
        checked: false,
    }
}

fn row_of(started: Started) -> InstanceRow {
    match started {
        Started::New(row) | Started::Existing(row) => row,
    }
}

impl Home {
    async fn start(&self, number: u64, name: Option<&str>) -> Started {
        self.store.start_instance(&tenant(), new(number, name)).await.unwrap()
    }

    async fn stop(&self, number: u64) -> InstanceRow {
        self.store.stop_instance(&tenant(), instance_id(number), Some("owner")).await.unwrap()
    }

    async fn instance(&self, number: u64) -> InstanceRow {
        self.store.instance(&tenant(), instance_id(number)).await.unwrap().unwrap()
    }

    /// Creates and claims a task for an instance.
    async fn runs(&self, number: u64, instance: u64) -> Pin {
        self.store.create_task(of(pending(number), instance)).await.unwrap();
        pin(&self.store.claim(&tenant(), id(number), OWNER, &ran_on(), &self.head()).await.unwrap())
    }

    /// Writes to the keys of the pin's instance.
    async fn write(&self, pin: &Pin, number: u64, write: StateWrite, bytes_max: u64, keys_max: u64) -> StateOutcome {
        let change = StateChange { space: KeySpace::Instance, bytes_max, keys_max, ..wide(write) };
        let commit = Commit { write: Some((change, row(number, true))), ..rows_only(pin, Vec::new()) };
        self.store.commit(commit).await.unwrap().state.unwrap()
    }

    async fn keys(&self, instance: u64, generation: u64) -> Vec<String> {
        let (tenant, agent, instance) = (tenant(), agent(), Some(instance_id(instance)));
        let space = StateSpace { tenant: &tenant, agent: &agent, instance, generation };
        self.store.state_list(space, "", None, 1_000).await.unwrap()
    }
}

fn of(task: TaskRow, instance: u64) -> TaskRow {
    TaskRow { instance: Some(instance_id(instance)), ..task }
}

#[tokio::test]
async fn the_same_name_is_the_same_instance_until_that_is_stopped() {
    let home = Home::open().await;
    let Started::New(first) = home.start(1, Some("anna")).await else { panic!("there was none") };
    assert_eq!((first.status(), first.created_at), (InstanceStatus::Idle, troupe_core::Clock::now(&*home.clock)));
    assert_eq!(home.start(2, Some("anna")).await, Started::Existing(first.clone()));
    assert!(matches!(home.start(3, None).await, Started::New(_)));
    assert!(matches!(home.start(4, None).await, Started::New(_)), "without a name each is another");
    let elsewhere = NewInstanceRow { agent: "k8s".parse().unwrap(), ..new(5, Some("anna")) };
    assert!(matches!(home.store.start_instance(&tenant(), elsewhere).await.unwrap(), Started::New(_)));
    home.clock.advance(Duration::from_secs(1));
    let stopped = home.stop(1).await;
    assert_eq!((stopped.status(), stopped.stopped_at.is_some()), (InstanceStatus::Stopped, true));
    home.clock.advance(Duration::from_secs(1));
    assert_eq!(home.stop(1).await, stopped, "for good, and once");
    let again = row_of(home.start(6, Some("anna")).await);
    assert_eq!((again.id, again.status()), (instance_id(6), InstanceStatus::Idle));
    let [started, stopped] = ["instance.started", "instance.stopped"];
    assert_eq!(home.kinds().await, [started, started, started, started, stopped, started]);
    let audited = home.store.audit_records(&tenant(), &Default::default(), 0, 10, false).await.unwrap();
    assert_eq!(audited.len(), 1);
    assert_eq!((audited[0].kind.as_str(), audited[0].principal.as_deref()), ("instance_stopped", Some("owner")));
    assert_eq!(
        home.store.stop_instance(&tenant(), instance_id(9), None).await.unwrap_err().code,
        Code::InstanceNotFound
    );
    let other = "other".parse().unwrap();
    assert_eq!(home.store.instance(&other, instance_id(1)).await.unwrap(), None);
    assert_eq!(home.store.stop_instance(&other, instance_id(3), None).await.unwrap_err().code, Code::InstanceNotFound);
}

#[tokio::test]
async fn nothing_of_a_paused_instance_is_listed_as_pending_or_claimed_until_it_goes_on() {
    let home = Home::open().await;
    home.start(1, None).await;
    home.start(2, None).await;
    let pause = async |pause| home.store.pause_instance(&tenant(), instance_id(1), pause, "owner").await.unwrap();
    let paused = pause(true).await;
    assert_eq!((paused.status(), pause(true).await), (InstanceStatus::Paused, paused.clone()));
    home.store.create_task(of(pending(1), 1)).await.unwrap();
    home.runs(2, 2).await;
    home.store.create_task(pending(3)).await.unwrap();
    let listed = async || home.store.pending().await.unwrap().iter().map(|found| found.task).collect::<Vec<_>>();
    assert_eq!(listed().await, [id(3)]);
    let claim = async || home.store.claim(&tenant(), id(1), OWNER, &ran_on(), &home.head()).await;
    assert_eq!(claim().await.unwrap_err().code, Code::StaleEpoch);
    assert_eq!(home.store.pending_of_instance(&tenant(), instance_id(1)).await.unwrap(), 1);
    assert_eq!(pause(false).await.status(), InstanceStatus::Idle);
    assert_eq!(listed().await, [id(1), id(3)]);
    claim().await.unwrap();
    home.stop(1).await;
    let refused = home.store.pause_instance(&tenant(), instance_id(1), true, "owner").await;
    assert_eq!(refused.unwrap_err().code, Code::InstanceStopped);
    let absent = home.store.pause_instance(&tenant(), instance_id(9), true, "owner").await;
    assert_eq!(absent.unwrap_err().code, Code::InstanceNotFound);
}

#[tokio::test]
async fn a_task_is_for_an_instance_of_its_agent_that_is_not_stopped() {
    let home = Home::open().await;
    home.start(1, None).await;
    let refused = async |task: TaskRow| home.store.create_task(task).await.unwrap_err().code;
    assert_eq!(refused(of(pending(1), 9)).await, Code::InstanceNotFound);
    assert_eq!(refused(TaskRow { agent: "k8s".parse().unwrap(), ..of(pending(1), 1) }).await, Code::InstanceNotFound);
    assert_eq!(
        refused(TaskRow { tenant: "other".parse().unwrap(), ..of(pending(1), 1) }).await,
        Code::InstanceNotFound
    );
    let Creation::New(task) = home.store.create_task(of(pending(1), 1)).await.unwrap() else { panic!("a new task") };
    assert_eq!(home.store.task(&tenant(), id(1)).await.unwrap(), Some(task));
    let begun_row = home.store.begin(of(begun(2), 1), &home.head()).await.unwrap();
    assert_eq!(home.instance(1).await.status(), InstanceStatus::Running);
    home.stop(1).await;
    assert_eq!(refused(of(pending(3), 1)).await, Code::InstanceStopped);
    assert_eq!(home.store.begin(of(begun(3), 1), &home.head()).await.unwrap_err().code, Code::InstanceStopped);
    // What was accepted before goes on.
    let claimed = home.store.claim(&tenant(), id(1), OWNER, &ran_on(), &home.head()).await.unwrap();
    home.write(&pin(&claimed), 1, set("k", b"v"), 10, 1).await;
    home.write(&pin(&begun_row), 1, set("k", b"w"), 10, 1).await;
    let filter = TaskFilter { instance: Some(instance_id(1)), ..TaskFilter::default() };
    assert_eq!(home.store.tasks(&tenant(), filter, None, 10).await.unwrap().tasks.len(), 2);
}

#[tokio::test]
async fn a_request_for_another_instance_is_another_request() {
    let home = Home::open().await;
    home.start(1, None).await;
    home.start(2, None).await;
    let keyed = |task| TaskRow { idempotency_key: Some("key".to_owned()), ..task };
    home.store.create_task(keyed(of(pending(1), 1))).await.unwrap();
    let asked = |instance| Asked {
        agent: "aws",
        skill: "inventory",
        input: r#"{"deep":true,"regions":["us-east-1"]}"#,
        instance,
    };
    let by_key =
        async |instance| home.store.task_by_key(&tenant(), "key", asked(instance)).await.map(|row| row.unwrap().id);
    assert_eq!(by_key(Some(instance_id(1))).await.unwrap(), id(1));
    for other in [None, Some(instance_id(2))] {
        assert_eq!(by_key(other).await.unwrap_err().code, Code::ConflictIdempotency);
    }
}

#[tokio::test]
async fn each_instance_has_keys_revisions_and_a_quota_of_its_own() {
    let home = Home::open().await;
    for number in [1, 2] {
        home.start(number, None).await;
    }
    let (one, two) = (home.runs(1, 1).await, home.runs(2, 2).await);
    home.change(&one, 1, set("k", b"deployment")).await.unwrap();
    assert_eq!(home.write(&one, 2, set("k", b"one"), 10, 1).await, StateOutcome::Written { revision: 1 });
    assert_eq!(home.write(&two, 1, swap("k", None, b"two"), 10, 1).await, StateOutcome::Written { revision: 1 });
    let full = StateOutcome::Full { which: Quota::Keys, maximum: 1 };
    assert_eq!(home.write(&one, 3, set("l", b""), 10, 1).await, full);
    let full = StateOutcome::Full { which: Quota::Bytes, maximum: 10 };
    assert_eq!(home.write(&two, 2, set("k", &[0; 10]), 10, 1).await, full);
    assert_eq!(home.write(&two, 3, delete("k"), 10, 1).await, StateOutcome::Deleted { existed: true });
    assert_eq!(home.write(&two, 4, increment("n", 5), 10, 1).await, StateOutcome::Counted { sum: 5 });
    assert_eq!((home.keys(1, 1).await, home.keys(2, 1).await), (vec!["k".to_owned()], vec!["n".to_owned()]));
    let of_deployment = home.store.state_get(space(&tenant(), &agent(), 1), "k").await.unwrap();
    assert_eq!(of_deployment, Some((b"deployment".to_vec(), 1)));
    // A copy of the key spaces has those of instances, too.
    let copy = Pin { generation: 2, ..one.clone() };
    home.write(&copy, 4, set("c", b"copy"), 10, 1).await;
    assert_eq!((home.keys(1, 1).await, home.keys(1, 2).await), (vec!["k".to_owned()], vec!["c".to_owned()]));
}

#[tokio::test]
async fn an_invocation_writes_to_the_instance_that_its_task_is_for_and_to_no_other() {
    let home = Home::open().await;
    home.start(1, None).await;
    home.start(2, None).await;
    let one = home.runs(1, 1).await;
    let none = home.running(2).await;
    for (pin, instance) in [(&one, Some(instance_id(2))), (&one, None), (&none, Some(instance_id(1)))] {
        let stranger = Pin { instance, ..pin.clone() };
        let error = home.store.commit(rows_only(&stranger, Vec::new())).await.unwrap_err();
        assert_eq!(error.code, Code::StaleEpoch, "{instance:?}");
    }
    let change = StateChange { space: KeySpace::Instance, ..wide(set("k", b"v")) };
    let commit = Commit { write: Some((change, row(1, true))), ..rows_only(&none, Vec::new()) };
    assert_eq!(home.store.commit(commit).await.unwrap_err().code, Code::Internal);
}

#[tokio::test]
async fn what_a_stopped_instance_kept_goes_when_nothing_of_it_is_under_way() {
    let home = Home::open().await;
    for number in [1, 2] {
        home.start(number, Some(&format!("n{number}"))).await;
    }
    let (one, two) = (home.runs(1, 1).await, home.runs(2, 2).await);
    home.store.create_task(of(pending(3), 1)).await.unwrap();
    for pin in [&one, &two] {
        home.write(pin, 1, set("k", b"v"), 10, 10).await;
    }
    home.change(&one, 2, set("k", b"deployment")).await.unwrap();
    assert!(!home.store.clear_instances().await.unwrap());
    home.stop(1).await;
    // One runs, one waits its turn.
    home.store.commit(Commit { end: Some(completed()), ..rows_only(&one, Vec::new()) }).await.unwrap();
    assert!(!home.store.clear_instances().await.unwrap());
    assert_eq!((home.keys(1, 1).await.len(), home.instance(1).await.cleared_at), (1, None));
    let last = pin(&home.store.claim(&tenant(), id(3), OWNER, &ran_on(), &home.head()).await.unwrap());
    home.write(&last, 1, set("l", b"v"), 10, 10).await;
    home.store.commit(Commit { end: Some(completed()), ..rows_only(&last, Vec::new()) }).await.unwrap();
    home.clock.advance(Duration::from_secs(1));
    assert!(!home.store.clear_instances().await.unwrap(), "it was the only one");
    let cleared = home.instance(1).await;
    assert_eq!(cleared.cleared_at, Some(troupe_core::Clock::now(&*home.clock)));
    assert_eq!((home.keys(1, 1).await.len(), home.keys(2, 1).await.len()), (0, 1));
    assert_eq!(home.kinds().await.last().unwrap(), "instance.cleared");
    assert!(home.store.state_get(space(&tenant(), &agent(), 1), "k").await.unwrap().is_some());
    assert!(!home.store.clear_instances().await.unwrap());
    assert_eq!(home.instance(1).await, cleared, "once");
}

#[tokio::test]
async fn one_commit_removes_so_many_keys_and_bytes_and_no_more() {
    let home = Home::open().await;
    home.start(1, None).await;
    home.start(2, None).await;
    let (one, two) = (home.runs(1, 1).await, home.runs(2, 2).await);
    let copy = Pin { generation: 2, ..one.clone() };
    let many = u64::from(limits::STATE_SWEEP_MAX);
    for number in 1..=many {
        home.write(&one, number, set(&format!("k{number}"), b"v"), 1 << 30, 1 << 20).await;
    }
    home.write(&copy, many + 1, set("last", b"v"), 1 << 30, 1 << 20).await;
    // Each of them is more than half of what one commit frees.
    let large = vec![b'x'; usize::try_from(limits::INSTANCES_CLEARED_BYTES_MAX / 2 + 1).unwrap()];
    for number in 1..=3 {
        home.write(&two, number, set(&format!("k{number}"), &large), 1 << 30, 1 << 20).await;
    }
    for (number, pin) in [(1, &one), (2, &two)] {
        home.store.commit(Commit { end: Some(completed()), ..rows_only(pin, Vec::new()) }).await.unwrap();
        home.clock.advance(Duration::from_millis(1));
        home.stop(number).await;
    }
    let left = async || (home.keys(1, 1).await.len() + home.keys(1, 2).await.len(), home.keys(2, 1).await.len());
    assert_eq!((home.keys(1, 1).await.len(), left().await), (500, (501, 3)));
    let mut steps = vec![left().await];
    loop {
        let more = home.store.clear_instances().await.unwrap();
        steps.push(left().await);
        if !more {
            break;
        }
    }
    assert_eq!(steps, [(501, 3), (1, 3), (0, 2), (0, 1), (0, 0)]);
    assert!(home.instance(1).await.cleared_at.is_some() && home.instance(2).await.cleared_at.is_some());
    home.store.close().await;
    let counted = home.raw().await.numbers("select count(*) from state_usage").await;
    assert_eq!(counted, [[0]], "nothing is counted of what is gone");
}

#[tokio::test]
async fn instances_are_listed_by_agent_and_by_what_they_do() {
    let home = Home::open().await;
    for number in 1..=4 {
        home.start(number, None).await;
    }
    let elsewhere = NewInstanceRow { agent: "k8s".parse().unwrap(), ..new(5, None) };
    home.store.start_instance(&tenant(), elsewhere).await.unwrap();
    home.runs(1, 2).await;
    home.store.create_task(of(pending(2), 3)).await.unwrap();
    home.stop(4).await;
    let (home, tenant) = (&home, tenant());
    let listed = async |filter: InstanceFilter, after: Option<u64>, limit| {
        let rows = home.store.instances(&tenant, &filter, after.map(instance_id), limit).await.unwrap();
        rows.iter().map(|row| u64::from(row.id.as_bytes()[15])).collect::<Vec<_>>()
    };
    let in_status = |status| InstanceFilter { status: Some(status), ..InstanceFilter::default() };
    assert_eq!(listed(InstanceFilter::default(), None, 10).await, [5, 4, 3, 2, 1]);
    assert_eq!(listed(InstanceFilter::default(), Some(4), 2).await, [3, 2]);
    assert_eq!(listed(in_status(InstanceStatus::Running), None, 10).await, [2]);
    assert_eq!(listed(in_status(InstanceStatus::Idle), None, 10).await, [5, 3, 1], "one that waits its turn runs not");
    assert_eq!(listed(in_status(InstanceStatus::Stopped), None, 10).await, [4]);
    let of_agent = InstanceFilter { agent: Some(agent()), status: Some(InstanceStatus::Idle) };
    assert_eq!(listed(of_agent, None, 10).await, [3, 1]);
}

#[tokio::test]
async fn a_tenant_has_so_many_instances_that_are_not_stopped() {
    let home = Home::open().await;
    home.store.close().await;
    let numbered = |name: &str| {
        format!(
            "with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < {})
             insert into instances (tenant, id, agent, principal, created_at)
             select 'acme', '0199a2f0-6c1e-7d3a-9b52-' || {name}, 'aws', 'owner', 0 from numbers",
            limits::INSTANCES_MAX
        )
    };
    let (sqlite, postgres) = (numbered("printf('%012x', n)"), numbered("lpad(to_hex(n), 12, '0')"));
    home.raw().await.execute_either(&sqlite, &postgres).await;
    let store = home.reopened().await;
    let start = async |number| store.start_instance(&tenant(), new(number, None)).await;
    let error = start(1 << 20).await.unwrap_err();
    assert_eq!((error.code, error.retryable), (Code::LimitInstances, false));
    insta::assert_snapshot!(error, @"the tenant has 10000 instances, as many as it may have; stop those that nobody uses");
    let elsewhere = store.start_instance(&"other".parse().unwrap(), new(1, None)).await;
    assert!(elsewhere.is_ok(), "another tenant has its own");
    store.stop_instance(&tenant(), instance_id(7), None).await.unwrap();
    assert!(start(1 << 20).await.is_ok());
}

#[tokio::test]
async fn key_spaces_hold_so_much_together_and_what_goes_of_one_is_room_for_another() {
    let home = Home::open().await;
    for number in [1, 2] {
        home.start(number, None).await;
    }
    let (one, two) = (home.runs(1, 1).await, home.runs(2, 2).await);
    let in_all = StateLimits { bytes: 10, keys: 3 };
    let change = async |pin: &Pin, number: u64, space: KeySpace, write: StateWrite| {
        let change = StateChange { space, bytes_max: 8, keys_max: 2, in_all, ..wide(write) };
        let commit = Commit { write: Some((change, row(number, true))), ..rows_only(pin, Vec::new()) };
        home.store.commit(commit).await.unwrap().state.unwrap()
    };
    let full = |which, maximum| StateOutcome::Full { which, maximum };
    let written = |revision| StateOutcome::Written { revision };
    assert_eq!(change(&one, 1, KeySpace::Instance, set("a", &[0; 4])).await, written(1));
    assert_eq!(change(&two, 1, KeySpace::Instance, set("a", &[0; 3])).await, written(1));
    // Its own quota is the first that is asked.
    assert_eq!(change(&two, 2, KeySpace::Instance, set("b", &[0; 4])).await, full(Quota::Bytes, 8));
    assert_eq!(change(&two, 3, KeySpace::Instance, set("b", &[0; 1])).await, full(Quota::BytesInAll, 10));
    assert_eq!(change(&two, 4, KeySpace::Deployment, set("c", b"")).await, written(1));
    assert_eq!(change(&one, 2, KeySpace::Instance, set("d", b"")).await, full(Quota::KeysInAll, 3));
    assert_eq!(change(&one, 3, KeySpace::Instance, set("a", &[0; 5])).await, full(Quota::BytesInAll, 10));
    // What does not grow is written, and what goes is room for any of them.
    assert_eq!(change(&one, 4, KeySpace::Instance, set("a", &[1; 4])).await, written(2));
    assert_eq!(change(&two, 5, KeySpace::Deployment, delete("c")).await, StateOutcome::Deleted { existed: true });
    assert_eq!(change(&two, 6, KeySpace::Instance, set("b", b"")).await, written(2));
    // So it is with what a stopped instance kept.
    assert_eq!(change(&two, 7, KeySpace::Deployment, set("c", b"")).await, full(Quota::KeysInAll, 3));
    home.store.commit(Commit { end: Some(completed()), ..rows_only(&one, Vec::new()) }).await.unwrap();
    home.stop(1).await;
    while home.store.clear_instances().await.unwrap() {}
    assert_eq!(change(&two, 8, KeySpace::Deployment, set("c", &[0; 4])).await, written(2));
}
