//! A store with a database of its own, and rows to put into it.

pub mod place;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::clock::ManualClock;
use troupe_core::view::{RanOn, TaskStatus, TaskUsage};
use troupe_core::{AgentName, Clock as _, Digest, KeySpace, ReleaseRef, TaskId, TenantId, Timestamp};
use troupe_store::{
    Commit, Creation, Decided, Gather, JournalHead, JournalRow, Lease, NewRelease, Pin, Quota, Reading, RouteChange,
    StateChange, StateLimits, StateOutcome, StateSpace, StateWrite, Store, TaskEnd, TaskRow,
};

pub const OWNER: &str = "owner-1";

use place::{Place, Raw, file_in};

pub struct Home {
    pub store: Store,
    pub clock: Arc<ManualClock>,
    pub place: Place,
}

impl Home {
    /// On the database of this run.
    pub async fn open() -> Self {
        Self::at(Place::of_this_run().await).await
    }

    /// On a file, whatever the run is on, for what only a file has.
    pub async fn on_file() -> Self {
        Self::at(Place::file()).await
    }

    async fn at(place: Place) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_763_600_000_000)));
        let store = place.open(clock.clone()).await;
        Self { store, clock, place }
    }

    /// Another store on the same database, after the first.
    pub async fn reopened(&self) -> Store {
        self.place.open(self.clock.clone()).await
    }

    /// The database, past the store.
    pub async fn raw(&self) -> Raw {
        self.place.raw().await
    }

    /// The directory of one that is on a file.
    pub fn dir(&self) -> &Path {
        let Place::File(dir) = &self.place else { panic!("it is on no file") };
        dir.path()
    }

    /// The file of one that is on a file.
    pub fn path(&self) -> PathBuf {
        let Place::File(dir) = &self.place else { panic!("it is on no file") };
        file_in(dir)
    }

    /// Publishes and deploys `aws@1.0.0`.
    pub async fn deploy(&self) -> Digest {
        let new = release("aws@1.0.0", "one");
        let digest = new.digest;
        self.store.publish(&tenant(), new, None).await.unwrap();
        let change = RouteChange { serving: Some((version("1.0.0"), digest)), ..RouteChange::default() };
        self.store.change_route(&tenant(), &agent(), None, change, None).await.unwrap();
        digest
    }

    /// Creates and claims a task.
    pub async fn running(&self, number: u64) -> Pin {
        self.store.create_task(pending(number)).await.unwrap();
        pin(&self.store.claim(&tenant(), id(number), OWNER, &ran_on(), &self.head()).await.unwrap())
    }

    pub fn head(&self) -> JournalHead {
        let now = self.clock.now();
        JournalHead {
            release: ran_on(),
            configuration_revision: 2,
            grants_revision: 3,
            deadline: now.plus(Duration::from_secs(60)),
            seed: [7; 32],
            started_at: now,
        }
    }

    /// Sets or changes one key as part of the invocation, under a wide quota.
    pub async fn change(&self, pin: &Pin, number: u64, write: StateWrite) -> troupe_core::Result<StateOutcome> {
        let write = Some((wide(write), row(number, true)));
        let commit = Commit { pin: pin.clone(), journal: Vec::new(), write, end: None };
        Ok(self.store.commit(commit).await?.state.unwrap())
    }

    pub async fn kinds(&self) -> Vec<String> {
        self.store.feed(&tenant(), 0, 1000).await.unwrap().into_iter().map(|event| event.kind).collect()
    }
}

pub fn tenant() -> TenantId {
    "acme".parse().unwrap()
}

pub fn agent() -> AgentName {
    "aws".parse().unwrap()
}

/// The key space of a deployment.
pub fn space<'a>(tenant: &'a TenantId, agent: &'a AgentName, generation: u64) -> StateSpace<'a> {
    StateSpace { tenant, agent, instance: None, generation }
}

pub fn version(text: &str) -> semver::Version {
    text.parse().unwrap()
}

pub fn release(name: &str, bytes: &str) -> NewRelease {
    let release: ReleaseRef = name.parse().unwrap();
    NewRelease {
        release,
        digest: Digest::of(bytes.as_bytes()),
        component: Digest::of(b"component"),
        manifest: r#"{"name":"aws"}"#.to_owned(),
        profile: r#"{"skills":[]}"#.to_owned(),
        signatures: Vec::new(),
        image: None,
    }
}

pub fn id(number: u64) -> TaskId {
    format!("0199a2f0-6c1e-7d3a-9b52-{number:012x}").parse().unwrap()
}

pub fn ran_on() -> RanOn {
    RanOn { version: version("1.0.0"), digest: Digest::of(b"one"), epoch: 1 }
}

pub fn pending(number: u64) -> TaskRow {
    TaskRow {
        id: id(number),
        tenant: tenant(),
        agent: agent(),
        skill: "inventory".parse().unwrap(),
        instance: None,
        input: r#"{"regions":["us-east-1"],"deep":true}"#.to_owned(),
        status: TaskStatus::Pending,
        priority: 0,
        attempt: 0,
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
        usage: TaskUsage::default(),
        release: None,
        output: None,
        failure: None,
        lease: None,
        wake_at: None,
        created_at: Timestamp::from_millis(1_763_600_000_000),
        started_at: None,
        ended_at: None,
    }
}

pub fn begun(number: u64) -> TaskRow {
    let at = Timestamp::from_millis(1_763_600_000_000);
    TaskRow {
        status: TaskStatus::Running,
        attempt: 1,
        release: Some(ran_on()),
        lease: Some(Lease { owner: OWNER.to_owned(), number: 1, until: at }),
        started_at: Some(at),
        ..pending(number)
    }
}

pub fn ended(number: u64) -> TaskRow {
    TaskRow {
        status: TaskStatus::Completed,
        lease: None,
        output: Some("[1]".to_owned()),
        ended_at: Some(Timestamp::from_millis(1_763_600_000_500)),
        ..begun(number)
    }
}

pub fn pin(task: &TaskRow) -> Pin {
    let lease = task.lease.clone().unwrap();
    Pin {
        tenant: task.tenant.clone(),
        task: task.id,
        attempt: task.attempt,
        agent: task.agent.clone(),
        instance: task.instance,
        epoch: task.release.as_ref().unwrap().epoch,
        lease_owner: lease.owner,
        lease_number: lease.number,
        generation: 1,
    }
}

pub fn row(number: u64, write: bool) -> JournalRow {
    JournalRow {
        number,
        at: Timestamp::from_millis(1_763_600_000_000),
        call: format!("call-{number}").into_bytes(),
        answer: Some(b"answer".to_vec()),
        write,
    }
}

pub fn intent(number: u64) -> JournalRow {
    JournalRow { answer: None, ..row(number, true) }
}

pub fn set(key: &str, value: &[u8]) -> StateWrite {
    StateWrite::Set { key: key.to_owned(), value: value.to_vec(), ttl: None }
}

pub fn swap(key: &str, expected: Option<u64>, value: &[u8]) -> StateWrite {
    StateWrite::CompareAndSet { key: key.to_owned(), expected, value: value.to_vec(), ttl: None }
}

pub fn delete(key: &str) -> StateWrite {
    StateWrite::Delete { key: key.to_owned() }
}

pub fn increment(key: &str, delta: i64) -> StateWrite {
    StateWrite::Increment { key: key.to_owned(), delta }
}

pub fn expire(key: &str, ttl: Option<Duration>) -> StateWrite {
    StateWrite::Expire { key: key.to_owned(), ttl }
}

/// A write of each kind that changes the key `key`.
pub fn each_write(key: &str) -> [StateWrite; 5] {
    [set(key, b"7"), swap(key, None, b"7"), increment(key, 1), expire(key, Some(Duration::from_secs(1))), delete(key)]
}

pub fn wide(write: StateWrite) -> StateChange {
    StateChange {
        space: KeySpace::Deployment,
        write,
        bytes_max: 1 << 30,
        keys_max: 1 << 20,
        in_all: AS_MUCH,
        fence: None,
        encode,
    }
}

/// For deployments that nobody means to fill.
pub const AS_MUCH: StateLimits = StateLimits { bytes: u64::MAX, keys: u64::MAX };

pub fn encode(_space: KeySpace, outcome: &StateOutcome) -> Vec<u8> {
    match outcome {
        StateOutcome::Written { revision } => format!("written {revision}"),
        StateOutcome::Counted { sum } => format!("counted {sum}"),
        StateOutcome::Expiring { existed } => format!("expiring {existed}"),
        StateOutcome::Stale { newest } => format!("stale {newest:?}"),
        StateOutcome::NotANumber => "not a number".to_owned(),
        StateOutcome::Overflow => "overflow".to_owned(),
        StateOutcome::Deleted { existed } => format!("deleted {existed}"),
        StateOutcome::Conflict { found } => format!("conflict {found:?}"),
        StateOutcome::Full { which: Quota::Bytes, maximum } => format!("full bytes {maximum}"),
        StateOutcome::Full { which: Quota::Keys, maximum } => format!("full keys {maximum}"),
        StateOutcome::Full { which: Quota::BytesInAll, maximum } => format!("full bytes in all {maximum}"),
        StateOutcome::Full { which: Quota::KeysInAll, maximum } => format!("full keys in all {maximum}"),
    }
    .into_bytes()
}

pub fn completed() -> TaskEnd {
    TaskEnd {
        status: TaskStatus::Completed,
        output: Some(r#"{"ok":true}"#.to_owned()),
        failure: None,
        said: None,
        ended_at: Timestamp::from_millis(1_763_600_001_000),
        decided: Decided::default(),
        used: TaskUsage::default(),
    }
}

pub fn rows_only(pin: &Pin, journal: Vec<JournalRow>) -> Commit {
    Commit { pin: pin.clone(), journal, write: None, end: None }
}

pub fn is_new(creation: &Creation) -> bool {
    matches!(creation, Creation::New(_))
}

/// A journalled call is called what its bytes say, and one that says `denied` was.
pub const READING: Reading = Reading { name, gather: || Box::new(Denials(0)) };

fn name(call: &[u8]) -> String {
    String::from_utf8_lossy(call).into_owned()
}

struct Denials(u64);

impl Gather for Denials {
    fn row(&mut self, row: &JournalRow) {
        self.0 += u64::from(row.call.starts_with(b"denied"));
    }

    fn entries(self: Box<Self>) -> Vec<AuditEntry> {
        if self.0 == 0 { Vec::new() } else { vec![denied(self.0)] }
    }
}

pub fn denied(times: u64) -> AuditEntry {
    let code = Some(troupe_core::Code::DeniedCapability);
    AuditEntry { code, times, ..AuditEntry::new(AuditKind::Denied).with("call", "state.get") }
}
