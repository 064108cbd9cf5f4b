use proptest::prelude::*;
use sqlx::{Connection as _, SqliteConnection};
use troupe_core::audit::{AuditEntry, AuditKind, Broken, Chain};
use troupe_core::view::{AuditRecord, TaskFailure, TaskStatus};
use troupe_core::{Clock as _, Code, Digest, Error, TenantId};
use troupe_store::{AuditFilter, Commit, Decided, JournalRow, Redact, RouteChange, Store, TaskEnd};

use crate::support::{
    Home, READING, agent, begun, completed, denied, ended, id, intent, release, row, rows_only, set, tenant, version,
    wide,
};

async fn records(store: &Store, tenant: &TenantId) -> Vec<AuditRecord> {
    store.audit_records(tenant, &AuditFilter::default(), 0, 10_000, false).await.unwrap()
}

/// Follows a tenant's chain to its end, as whoever verifies it does.
async fn verified(store: &Store, tenant: &TenantId) -> Result<u64, Broken> {
    let (mut chain, head) = (Chain::new(tenant), store.audit_head(tenant).await.unwrap());
    for record in records(store, tenant).await {
        chain.follow(&record)?;
        chain.hold_against(&head)?;
    }
    chain.reaches(&head)?;
    Ok(chain.head().seq)
}

/// Kinds and codes of a tenant's records, in order.
async fn kinds(home: &Home) -> Vec<String> {
    let told = |record: AuditRecord| match record.code {
        Some(code) => format!("{} {code} {}", record.kind, record.times),
        None => record.kind,
    };
    records(&home.store, &tenant()).await.into_iter().map(told).collect()
}

async fn alter(home: &Home, statements: &'static str) {
    home.raw().await.execute(statements).await;
}

fn told(entries: Vec<AuditEntry>) -> Decided {
    Decided { entries, journal: Some(Digest::of(b"journal")) }
}

fn denied_row(number: u64) -> JournalRow {
    JournalRow { call: format!("denied-{number}").into_bytes(), ..row(number, false) }
}

#[tokio::test]
async fn what_an_operator_decides_is_recorded_with_who_and_what() {
    let home = Home::open().await;
    let store = &home.store;
    store.create_tenant(&tenant(), Some("owner")).await.unwrap();
    store.publish(&tenant(), release("aws@1.0.0", "one"), Some("key/1")).await.unwrap();
    let change = async |change| store.change_route(&tenant(), &agent(), None, change, Some("key/1")).await;
    let serving = Some((version("1.0.0"), Digest::of(b"one")));
    let grants = |keys| Some(format!(r#"{{"state":{{"bytes":1024,"keys":{keys}}}}}"#));
    change(RouteChange { serving, grants: grants(1), ..RouteChange::default() }).await.unwrap();
    change(RouteChange { configuration: Some(r#"{"secret":1}"#.to_owned()), ..RouteChange::default() }).await.unwrap();
    change(RouteChange { grants: grants(2), ..RouteChange::default() }).await.unwrap();
    change(RouteChange { grants: Some("{}".to_owned()), ..RouteChange::default() }).await.unwrap();
    store.set_disabled(&tenant(), true, Some("owner")).await.unwrap();
    store.set_disabled(&tenant(), true, Some("owner")).await.unwrap();
    store.set_disabled(&tenant(), false, Some("owner")).await.unwrap();
    let line = |record: AuditRecord| {
        let by = record.principal.clone().unwrap_or_default();
        let about = record.version.clone().unwrap_or_default();
        format!("{} {} {by} {about} {}\n", record.seq, record.kind, record.details_text())
    };
    let all: String = records(store, &tenant()).await.into_iter().map(line).collect();
    insta::assert_snapshot!(all, @r#"
    1 tenant_created owner  {}
    2 published key/1 1.0.0 {"component":"sha256:6985ca1f4daa5a584a28eae043a239cb96689af1337ea13afb63e00c2bf512fa"}
    3 swap key/1 1.0.0 {"epoch":1}
    4 grants key/1 1.0.0 {"epoch":1,"revision":1,"wider":["state"]}
    5 configured key/1 1.0.0 {"document":"sha256:303c81734ca9f66015accf5ba61d1d8f434c4bd5c4f31d3226b44cca229e765b","epoch":2,"revision":1}
    6 grants key/1 1.0.0 {"epoch":3,"revision":2,"wider":["state"]}
    7 grants key/1 1.0.0 {"epoch":4,"narrower":["state"],"revision":3}
    8 tenant_disabled owner  {}
    9 tenant_enabled owner  {}
    "#);
    assert_eq!(verified(store, &tenant()).await, Ok(9));
}

#[tokio::test]
async fn a_change_that_is_refused_leaves_no_record_and_no_gap() {
    let home = Home::open().await;
    home.deploy().await;
    let before = home.store.audit_head(&tenant()).await.unwrap();
    let stale = RouteChange { configuration: Some("{}".to_owned()), ..RouteChange::default() };
    let (tenant, agent) = (tenant(), agent());
    // Handed over together, so that they share a transaction.
    let (one, two, three) = tokio::join!(
        home.store.publish(&tenant, release("aws@2.0.0", "two"), None),
        home.store.change_route(&tenant, &agent, Some(7), stale, None),
        home.store.publish(&tenant, release("aws@3.0.0", "three"), None),
    );
    assert!(one.is_ok() && three.is_ok());
    assert_eq!(two.unwrap_err().code, Code::SwapConflict);
    assert_eq!(verified(&home.store, &tenant).await, Ok(before.seq + 2));
}

#[tokio::test]
async fn what_was_decided_in_an_attempt_is_recorded_with_its_end_and_the_limit_that_ended_it() {
    let home = Home::open().await;
    let pin = home.running(1).await;
    let failure = Some(TaskFailure::from(&Error::new(Code::LimitDeadline, "late")));
    let end = TaskEnd { status: TaskStatus::Failed, output: None, failure, ..completed() };
    let end = TaskEnd { decided: told(vec![denied(100)]), ..end };
    home.store.commit(Commit { end: Some(end), ..rows_only(&pin, vec![row(1, false)]) }).await.unwrap();
    assert_eq!(kinds(&home).await, ["denied denied.capability 100", "ended limit.deadline 1"]);
    let found = records(&home.store, &tenant()).await;
    insta::assert_json_snapshot!(found[0], { ".hash" => "[hash]", ".previous" => "[hash]" }, @r#"
    {
      "tenant": "acme",
      "seq": 1,
      "at": "2025-11-20T00:53:20.000Z",
      "kind": "denied",
      "code": "denied.capability",
      "principal": "owner",
      "agent": "aws",
      "version": "1.0.0",
      "digest": "sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed",
      "task": "0199a2f0-6c1e-7d3a-9b52-000000000001",
      "attempt": 1,
      "times": 100,
      "details": {
        "call": "state.get"
      },
      "journal": "sha256:81dd6b775afcccb6dbb8a25a58ea844271bbefaeea7cb1d91c1687d7450f850c",
      "previous": "[hash]",
      "hash": "[hash]"
    }
    "#);

    // An awaited call that is kept with its end, one of which nothing else is kept, and ends
    // of which nothing was decided.
    home.store.record(ended(2), &home.head(), vec![row(1, false)], told(vec![denied(1)])).await.unwrap();
    home.store.audit_task(&ended(3), Decided { entries: vec![denied(2)], journal: None }).await.unwrap();
    home.store.record(ended(4), &home.head(), vec![row(1, false)], Decided::default()).await.unwrap();
    let pin = home.running(5).await;
    home.store.commit(Commit { end: Some(completed()), ..rows_only(&pin, Vec::new()) }).await.unwrap();
    assert_eq!(kinds(&home).await[2..], ["denied denied.capability 1", "denied denied.capability 2"]);
    assert_eq!(verified(&home.store, &tenant()).await, Ok(4));
    let filtered = async |filter: AuditFilter| {
        let found = home.store.audit_records(&tenant(), &filter, 0, 10, false).await.unwrap();
        found.into_iter().map(|record| record.seq).collect::<Vec<_>>()
    };
    assert_eq!(filtered(AuditFilter { task: Some(id(2)), ..AuditFilter::default() }).await, [3]);
    assert_eq!(filtered(AuditFilter { kind: Some(AuditKind::Ended), ..AuditFilter::default() }).await, [2]);
    assert_eq!(filtered(AuditFilter { agent: Some(agent()), ..AuditFilter::default() }).await, [1, 2, 3, 4]);
    assert_eq!(filtered(AuditFilter { agent: Some("other".parse().unwrap()), ..AuditFilter::default() }).await, [0; 0]);
}

#[tokio::test]
async fn of_a_task_that_ends_without_running_again_the_rows_tell_what_was_decided() {
    let home = Home::open().await;
    // Cancelled while it was suspended.
    let one = home.running(1).await;
    let wait = JournalRow { answer: None, ..row(2, false) };
    let until = home.clock.now();
    home.store.suspend(&one, vec![denied_row(1), wait], until, Decided::default()).await.unwrap();
    assert_eq!(kinds(&home).await, [""; 0], "whoever goes on gathers it again");
    home.store.cancel(&tenant(), id(1), "owner", READING).await.unwrap();
    home.store.cancel_untold(&tenant(), id(1), READING).await.unwrap();
    // In doubt after a crash.
    let two = home.running(2).await;
    home.store.commit(rows_only(&two, vec![denied_row(1), denied_row(2), intent(3)])).await.unwrap();
    home.store.cancel(&tenant(), id(2), "owner", READING).await.unwrap();
    home.store.recover("owner-2", READING).await.unwrap();
    // Interrupted again and again.
    let three = home.running(3).await;
    home.store.commit(rows_only(&three, vec![denied_row(1)])).await.unwrap();
    while home.store.recover("nobody", READING).await.unwrap().failed.is_empty() {
        home.store.resume(&tenant(), id(3), "owner-2").await.unwrap();
    }
    // Given up, to be started over.
    let four = home.running(4).await;
    home.store.start_over(&four, told(vec![denied(4)])).await.unwrap();
    assert_eq!(
        kinds(&home).await,
        [
            "denied denied.capability 1",
            "ended cancelled 1",
            "denied denied.capability 2",
            "denied denied.capability 1",
            "ended limit.attempts 1",
            "denied denied.capability 4",
        ]
    );
    assert_eq!(verified(&home.store, &tenant()).await, Ok(6));
    let found = records(&home.store, &tenant()).await;
    for (record, task) in found.iter().zip([1, 1, 2, 3, 3]) {
        let digest = home.store.journal_digest(&tenant(), id(task), 1, &[]).await.unwrap();
        assert_eq!(record.journal, Some(digest.to_string()), "{record:?}");
    }
    assert_eq!((found[5].attempt, found[5].version.as_deref()), (Some(1), Some("1.0.0")));
    // One that never began has nothing to tell.
    home.store.create_task(crate::support::pending(5)).await.unwrap();
    home.store.cancel(&tenant(), id(5), "owner", READING).await.unwrap();
    assert_eq!(verified(&home.store, &tenant()).await, Ok(6));
}

#[tokio::test]
async fn who_asked_for_the_end_of_a_task_is_recorded_with_it_whoever_runs_it_by_then() {
    let home = Home::open().await;
    let end = || {
        let failure = Some(TaskFailure::from(&Error::new(Code::Cancelled, "cancelled")));
        TaskEnd { status: TaskStatus::Cancelled, output: None, failure, ..completed() }
    };
    let cancel = async |number, by| home.store.cancel(&tenant(), id(number), by, READING).await.unwrap();
    // One that runs and ends by that; whoever asks later is too late.
    let one = home.running(1).await;
    cancel(1, "key/1").await;
    cancel(1, "key/2").await;
    let denies = TaskEnd { decided: told(vec![denied(1)]), ..end() };
    home.store.commit(Commit { end: Some(denies), ..rows_only(&one, vec![denied_row(1)]) }).await.unwrap();
    // One that was suspended.
    let two = home.running(2).await;
    home.store.suspend(&two, vec![row(1, false)], home.clock.now(), Decided::default()).await.unwrap();
    cancel(2, "key/2").await;
    home.store.cancel_untold(&tenant(), id(2), READING).await.unwrap();
    // One whose host died before it could end.
    home.running(3).await;
    cancel(3, "key/3").await;
    home.store.recover("owner-2", READING).await.unwrap();
    // One that had ended otherwise, and one that nobody asked for.
    let four = home.running(4).await;
    cancel(4, "key/4").await;
    let late = TaskFailure::from(&Error::new(Code::LimitDeadline, "late"));
    let late = TaskEnd { status: TaskStatus::Failed, failure: Some(late), ..end() };
    home.store.commit(Commit { end: Some(late), ..rows_only(&four, Vec::new()) }).await.unwrap();
    let five = home.running(5).await;
    home.store.commit(Commit { end: Some(end()), ..rows_only(&five, Vec::new()) }).await.unwrap();
    // One of a tenant that is disabled.
    let six = home.running(6).await;
    home.store.create_tenant(&tenant(), Some("owner")).await.unwrap();
    home.store.set_disabled(&tenant(), true, Some("key/6")).await.unwrap();
    home.store.commit(Commit { end: Some(end()), ..rows_only(&six, Vec::new()) }).await.unwrap();
    let who: Vec<String> = records(&home.store, &tenant())
        .await
        .into_iter()
        .filter(|record| ["denied", "ended"].contains(&record.kind.as_str()))
        .map(|record| format!("{} {} {}", record.kind, record.code.unwrap(), record.principal.unwrap()))
        .collect();
    assert_eq!(
        who,
        [
            "denied denied.capability owner",
            "ended cancelled key/1",
            "ended cancelled key/2",
            "ended cancelled key/3",
            "ended limit.deadline owner",
            "ended cancelled owner",
            "ended cancelled key/6",
        ]
    );
}

/// A chain of six records, in a store of its own, altered by a statement; where it breaks.
async fn altered(statements: &'static str) -> String {
    let home = Home::open().await;
    for number in 1..=6 {
        home.store.record(ended(number), &home.head(), Vec::new(), told(vec![denied(number)])).await.unwrap();
    }
    assert_eq!(verified(&home.store, &tenant()).await, Ok(6));
    alter(&home, statements).await;
    match verified(&home.store, &tenant()).await {
        Ok(seq) => format!("whole up to {seq}"),
        Err(broken) => broken.to_string(),
    }
}

#[tokio::test]
async fn whatever_is_altered_in_the_database_is_told_by_whoever_follows_the_chain() {
    for statement in [
        "update audit set at = at + 1 where seq = 3",
        "update audit set kind = 'credential' where seq = 3",
        "update audit set code = null where seq = 3",
        "update audit set principal = 'key/0' where seq = 3",
        "update audit set agent = 'other' where seq = 3",
        "update audit set version = '9.9.9' where seq = 3",
        "update audit set digest = null where seq = 3",
        "update audit set task = null where seq = 3",
        "update audit set attempt = 2 where seq = 3",
        "update audit set times = -1 where seq = 3",
        "update audit set details = '{}' where seq = 3",
        "update audit set details = 'no json' where seq = 3",
        "update audit set journal = x'00' where seq = 3",
        "update audit set previous = x'' where seq = 3",
        "update audit set hash = x'00' where seq = 3",
    ] {
        assert_eq!(
            altered(statement).await,
            "record 3 was changed: what it says does not give its hash",
            "{statement}"
        );
    }
    insta::assert_snapshot!(altered("delete from audit where seq = 3").await, @"record 3 is missing: after record 2 comes record 4");
    insta::assert_snapshot!(altered("delete from audit where seq = 1").await, @"record 1 is missing: after record 0 comes record 2");
    let swap = "update audit set seq = -seq where seq in (3, 4); update audit set seq = 7 + seq where seq < 0;";
    insta::assert_snapshot!(altered(swap).await, @"record 3 was changed: what it says does not give its hash");
    insta::assert_snapshot!(altered("delete from audit where seq > 4").await, @"record 5 is missing: the chain ends at record 4");
    // Whoever cuts the head as well is seen by a head that was noted elsewhere alone.
    let cut = "delete from audit where seq > 4;
        update audit_heads set (seq, hash) = (select seq, hash from audit where seq = 4);";
    insta::assert_snapshot!(altered(cut).await, @"whole up to 4");
    insta::assert_snapshot!(altered("update audit_heads set hash = x'00'").await, @"record 6 is another than the one that was noted");
}

#[tokio::test]
async fn the_chain_goes_on_after_a_start_and_what_was_broken_stays_broken() {
    let home = Home::open().await;
    home.store.record(ended(1), &home.head(), Vec::new(), told(vec![denied(1)])).await.unwrap();
    home.store.record(ended(2), &home.head(), Vec::new(), told(vec![denied(1)])).await.unwrap();
    home.store.close().await;
    let store = home.reopened().await;
    store.record(ended(3), &home.head(), Vec::new(), told(vec![denied(1)])).await.unwrap();
    assert_eq!(verified(&store, &tenant()).await, Ok(3));
    alter(&home, "update audit_heads set hash = x'0123'").await;
    store.record(ended(4), &home.head(), Vec::new(), told(vec![denied(1)])).await.unwrap();
    assert_eq!(verified(&store, &tenant()).await, Err(Broken::Unlinked { seq: 4 }));
}

#[tokio::test]
async fn a_redacted_and_a_dropped_journal_leave_the_chain_whole() {
    let home = Home::open().await;
    home.store.record(ended(1), &home.head(), vec![denied_row(1)], told(vec![denied(1)])).await.unwrap();
    let redact = Redact { call: |_| b"a call".to_vec(), answer: || b"gone".to_vec(), documents: true };
    home.store.redact(&tenant(), id(1), redact, Some("key/1")).await.unwrap();
    // One that goes on with what was asked before is no decision of anybody's.
    home.store.redact(&tenant(), id(1), redact, None).await.unwrap();
    let limits = troupe_store::JournalLimits { time: std::time::Duration::ZERO, tenant_bytes: 0 };
    home.clock.advance(std::time::Duration::from_secs(3600));
    assert_eq!(home.store.drop_journals(&limits, home.clock.now()).await.unwrap().tasks, 1);
    assert_eq!(kinds(&home).await, ["denied denied.capability 1", "redacted"]);
    let last = records(&home.store, &tenant()).await.pop().unwrap();
    assert_eq!((last.task, last.principal), (Some(id(1).to_string()), Some("key/1".to_owned())));
    assert_eq!(verified(&home.store, &tenant()).await, Ok(2));
}

#[tokio::test]
async fn the_digest_of_a_journal_is_the_same_before_and_after_its_last_commit() {
    let home = Home::open().await;
    let pin = home.running(1).await;
    let digest = async |ahead: &[JournalRow]| home.store.journal_digest(&tenant(), id(1), 1, ahead).await.unwrap();
    let long =
        JournalRow { answer: Some(vec![0xc6, 0, 1, 0, 0].into_iter().chain([7; 65_536]).collect()), ..row(9, false) };
    let early: Vec<_> = (10..150).step_by(2).map(|number| row(number, false)).collect();
    home.store.commit(rows_only(&pin, [vec![intent(3), long], early].concat())).await.unwrap();
    let write = Some((wide(set("k", b"v")), row(400, true)));
    home.store.commit(Commit { write, ..rows_only(&pin, Vec::new()) }).await.unwrap();
    let completed = JournalRow { call: Vec::new(), ..row(3, true) };
    let ahead = [row(1, false), completed, row(11, false), row(149, false), row(500, false), intent(501)];
    let before = digest(&ahead).await;
    assert_ne!(before, digest(&ahead[..5]).await);
    home.store.commit(rows_only(&pin, ahead.to_vec())).await.unwrap();
    assert_eq!(digest(&[]).await, before);
    for change in [
        "update journal set at = at + 1 where number = 1",
        "update journal set writes = 1 - writes where number = 1",
        "update journal set call = cast('x' as blob) where number = 1",
        "update journal set answer = null where number = 1",
        "delete from journal where number = 1",
    ] {
        let now = digest(&[]).await;
        alter(&home, change).await;
        assert_ne!(digest(&[]).await, now, "{change}");
    }
}

#[tokio::test]
async fn a_record_of_an_invocation_takes_less_than_a_kilobyte() {
    let home = Home::on_file().await;
    let bytes = async || {
        let mut connection = SqliteConnection::connect(&format!("sqlite://{}", home.path().display())).await.unwrap();
        let statement = "select sum(pgsize) from dbstat where name = 'audit' or name like 'audit\\_%' escape '\\'";
        sqlx::query_scalar::<_, Option<i64>>(statement).fetch_one(&mut connection).await
    };
    for number in 1..=2_000 {
        home.store.audit_task(&ended(number), told(vec![denied(1)])).await.unwrap();
    }
    let each = bytes().await.unwrap().unwrap() / 2_000;
    println!("a record of the audit takes {each} bytes, its indexes included");
    assert!((200..1_000).contains(&each), "{each}");
}

/// What a step of the property does, in a tenant.
#[derive(Debug, Clone, Copy)]
enum Step {
    Denied(u8),
    Publish(u8),
    Tenant(bool),
    Refused,
}

fn step() -> impl Strategy<Value = (bool, Step)> {
    let step = prop_oneof![
        (0..4_u8).prop_map(Step::Denied),
        (0..6_u8).prop_map(Step::Publish),
        any::<bool>().prop_map(Step::Tenant),
        Just(Step::Refused),
    ];
    (any::<bool>(), step)
}

async fn take(store: Store, tenant: TenantId, number: u64, step: Step) {
    match step {
        Step::Denied(times) => {
            let entries = (0..times).map(|n| denied(u64::from(n))).collect();
            let task = troupe_store::TaskRow { tenant, ..begun(number) };
            store.audit_task(&task, told(entries)).await.unwrap();
        }
        Step::Publish(n) => {
            let _ = store.publish(&tenant, release(&format!("aws@{n}.0.0"), &n.to_string()), None).await;
        }
        Step::Tenant(disabled) => drop(store.set_disabled(&tenant, disabled, None).await.unwrap()),
        Step::Refused => {
            assert!(store.create_tenant(&tenant, None).await.is_err());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn chains_of_two_tenants_have_no_gaps_whatever_is_decided_at_once(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let home = Home::open().await;
            let tenants: [TenantId; 2] = [tenant(), "other".parse().unwrap()];
            for tenant in &tenants {
                home.store.create_tenant(tenant, None).await.unwrap();
            }
            let mut all = tokio::task::JoinSet::new();
            for (number, (other, step)) in (1..).zip(steps) {
                all.spawn(take(home.store.clone(), tenants[usize::from(other)].clone(), number, step));
            }
            while let Some(done) = all.join_next().await {
                done.unwrap();
            }
            for tenant in &tenants {
                let head = home.store.audit_head(tenant).await.unwrap();
                assert_eq!(verified(&home.store, tenant).await, Ok(head.seq));
            }
        });
    }
}
