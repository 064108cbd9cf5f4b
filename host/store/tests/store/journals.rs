use std::time::Duration;

use sqlx::{Connection as _, SqliteConnection};
use troupe_core::{Clock as _, Code, Digest, TaskId};
use troupe_store::{Commit, Decided, DroppedJournals, JournalLimits, JournalRow, Redact, Withheld};

use crate::support::{Home, begun, completed, ended, id, intent, pin, row, rows_only, set, tenant, wide};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const REDACT: Redact = Redact { call: |_| b"a call".to_vec(), answer: || b"gone".to_vec(), documents: false };

fn kept(days: u32, tenant_bytes: u64) -> JournalLimits {
    JournalLimits { time: DAY * days, tenant_bytes }
}

/// A row whose answer is a document with a body in it.
fn answered(number: u64, head: &str, body: &[u8]) -> JournalRow {
    let mut answer = vec![0x82, 0xa1, b'h', 0xd9, u8::try_from(head.len()).unwrap()];
    answer.extend(head.as_bytes());
    answer.extend([0xa1, b'b', 0xc6]);
    answer.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
    answer.extend(body);
    JournalRow { answer: Some(answer), ..row(number, false) }
}

/// Text that compresses as answers of services do, with a canary in it.
fn text(seed: u32) -> Vec<u8> {
    (0..4_000_u32)
        .flat_map(|line| format!("<item><id>i-{seed:x}{line:x}</id><state>canary</state></item>").into_bytes())
        .collect()
}

async fn count(home: &Home, statement: &'static str) -> i64 {
    let [[number]] = home.raw().await.numbers(statement).await.try_into().unwrap();
    number
}

async fn bodies(home: &Home) -> i64 {
    count(home, "select count(*) from journal_bodies").await
}

async fn read(home: &Home, task: TaskId) -> Vec<JournalRow> {
    home.store.journal(&tenant(), task, 1).await.unwrap().unwrap().1
}

#[tokio::test]
async fn a_body_is_kept_once_however_often_it_comes_and_small_rows_are_left_alone() {
    let home = Home::open().await;
    let body = text(1);
    let rows: Vec<_> = (1..=20).map(|number| answered(number, &format!("answer {number}"), &body)).collect();
    home.store.record(ended(1), &home.head(), rows.clone(), Decided::default()).await.unwrap();
    home.store.record(ended(2), &home.head(), rows.clone(), Decided::default()).await.unwrap();
    assert_eq!((read(&home, id(1)).await, read(&home, id(2)).await), (rows.clone(), rows));
    assert_eq!(bodies(&home).await, 1);
    let bytes = home.store.journal_bytes(&tenant()).await.unwrap();
    assert!(bytes < body.len() as u64 / 2, "{bytes} bytes for 40 bodies of {}", body.len());
    let stored = count(&home, "select count(*) from journal where call = cast('call-1' as blob)").await;
    assert_eq!(stored, 2, "a short call lies in the database as it is");
}

#[tokio::test]
async fn a_journal_is_read_page_by_page_and_no_page_holds_more_than_fits() {
    let home = Home::open().await;
    // What does not compress.
    let noise = |seed: u32| -> Vec<u8> {
        (0..300_000_u32)
            .flat_map(|at| *Digest::of(&[seed.to_le_bytes(), at.to_le_bytes()].concat()).as_bytes())
            .collect()
    };
    let long = (1..=4).map(|number| answered(number, "x", &noise(u32::try_from(number).unwrap())));
    let rows: Vec<_> = long.chain((5..=9).map(|number| row(number, false))).collect();
    home.store.record(ended(1), &home.head(), rows.clone(), Decided::default()).await.unwrap();
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let page = home.store.journal_page(&tenant(), id(1), 1, (after, 4), |row| row).await.unwrap().unwrap();
        assert_eq!(page.head, home.head());
        pages.push(page.rows);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    // Each long one takes 9.6 MB, and a page holds 32 MiB.
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 4, 2]);
    assert_eq!(pages.concat(), rows);
    let beyond = home.store.journal_page(&tenant(), id(1), 1, (Some(u64::MAX), 4), |row| row).await.unwrap().unwrap();
    assert_eq!((beyond.rows, beyond.next), (Vec::new(), None));
    assert_eq!(home.store.journal_page(&tenant(), id(1), 2, (None, 4), |row| row).await.unwrap(), None);
}

#[tokio::test]
async fn a_long_write_and_its_answer_read_back_with_their_bodies() {
    let home = Home::open().await;
    let pin = home.running(1).await;
    let long = |number: u64, seed: u32| answered(number, "x", &text(seed)).answer.unwrap();
    let intended = JournalRow { call: long(1, 1), ..intent(1) };
    home.store.commit(rows_only(&pin, vec![intended.clone()])).await.unwrap();
    let answer = JournalRow { call: Vec::new(), answer: Some(long(1, 2)), ..row(1, true) };
    let write = Some((wide(set("k", b"v")), JournalRow { call: long(2, 3), ..row(2, true) }));
    home.store.commit(Commit { write, ..rows_only(&pin, vec![answer.clone()]) }).await.unwrap();
    let [first, second] = read(&home, id(1)).await.try_into().unwrap();
    assert_eq!((first.call, first.answer), (intended.call, answer.answer));
    assert_eq!((second.call, second.answer.as_deref()), (long(2, 3), Some(&b"written 1"[..])));
    assert_eq!(bodies(&home).await, 3);
}

#[tokio::test]
async fn what_lies_in_the_database_is_held_against_its_digest() {
    let home = Home::open().await;
    home.store.record(ended(1), &home.head(), vec![answered(1, "x", &text(1))], Decided::default()).await.unwrap();
    home.raw().await.execute("update journal_bodies set bytes = cast('another' as blob)").await;
    assert_eq!(home.store.journal(&tenant(), id(1), 1).await.unwrap_err().code, Code::Internal);
}

#[tokio::test]
async fn journals_are_dropped_when_their_time_is_over_and_never_of_a_task_that_may_run() {
    let home = Home::open().await;
    let shared = text(1);
    home.store
        .record(
            ended(1),
            &home.head(),
            vec![answered(1, "one", &shared), answered(2, "two", &text(2))],
            Decided::default(),
        )
        .await
        .unwrap();
    home.store.begin(begun(2), &home.head()).await.unwrap();
    home.store.commit(rows_only(&pin(&begun(2)), vec![answered(1, "three", &shared)])).await.unwrap();
    assert_eq!(
        home.store.drop_journals(&kept(30, u64::MAX), home.clock.now()).await.unwrap(),
        DroppedJournals::default()
    );

    home.clock.advance(DAY * 31);
    let before = home.store.journal_bytes(&tenant()).await.unwrap();
    let dropped = home.store.drop_journals(&kept(30, u64::MAX), home.clock.now()).await.unwrap();
    assert_eq!(dropped.tasks, 1);
    assert_eq!(home.store.journal_bytes(&tenant()).await.unwrap(), before - dropped.bytes);
    assert_eq!(home.store.journal(&tenant(), id(1), 1).await.unwrap(), None);
    assert_eq!(home.store.journal_withheld(&tenant(), id(1), 1).await.unwrap(), Some(Withheld::Dropped));
    assert!(home.store.task(&tenant(), id(1)).await.unwrap().is_some(), "the task stays");
    // What the other still names is there.
    assert_eq!(read(&home, id(2)).await, [answered(1, "three", &shared)]);
    assert_eq!(bodies(&home).await, 1);

    home.store.commit(Commit { end: Some(completed()), ..rows_only(&pin(&begun(2)), Vec::new()) }).await.unwrap();
    home.store.drop_journals(&kept(30, u64::MAX), home.clock.now()).await.unwrap();
    assert_eq!((bodies(&home).await, home.store.journal_bytes(&tenant()).await.unwrap()), (0, 0));
}

#[tokio::test]
async fn the_oldest_go_first_while_a_tenant_has_too_much() {
    let home = Home::open().await;
    for number in 1..=20 {
        let rows = (1..=30).map(|row| answered(row, &format!("{number} {row}"), &[b'x'; 900])).collect();
        home.store.record(ended(number), &home.head(), rows, Decided::default()).await.unwrap();
    }
    let each = home.store.journal_bytes(&tenant()).await.unwrap() / 20;
    let limits = kept(30, each * 5 + each / 2);
    assert_eq!(home.store.drop_journals(&limits, home.clock.now()).await.unwrap().tasks, 15);
    let mut left = Vec::new();
    for number in 1..=20 {
        left.extend(home.store.journal(&tenant(), id(number), 1).await.unwrap().map(|_| number));
    }
    assert_eq!(left, [16, 17, 18, 19, 20]);
}

#[tokio::test]
async fn a_journal_of_many_rows_goes_in_steps_and_leaves_no_account() {
    let home = Home::open().await;
    home.store
        .record(ended(1), &home.head(), (1..=2_500).map(|number| row(number, false)).collect(), Decided::default())
        .await
        .unwrap();
    let before = home.store.journal_bytes(&tenant()).await.unwrap();
    let dropped = home.store.drop_journals(&kept(30, 0), home.clock.now()).await.unwrap();
    assert_eq!(dropped, DroppedJournals { tasks: 1, bytes: before });
    assert_eq!(count(&home, "select count(*) from journal").await, 0);
}

#[tokio::test]
async fn a_redacted_journal_names_its_calls_and_holds_nothing_else() {
    let home = Home::open().await;
    let rows = (1..=1_200).map(|number| answered(number, "canary", &[b'x'; 300]));
    let rows: Vec<_> = rows.chain([answered(1_201, "x", &text(1)), intent(1_202)]).collect();
    home.store.record(ended(1), &home.head(), rows, Decided::default()).await.unwrap();
    let task = home.store.redact(&tenant(), id(1), REDACT, Some("owner")).await.unwrap();
    assert_eq!((task.input, task.output), (ended(1).input, ended(1).output));
    let rows = read(&home, id(1)).await;
    assert_eq!(rows.len(), 1_202);
    assert!(rows.iter().all(|row| row.call == b"a call"));
    assert!(rows[..1_201].iter().all(|row| row.answer.as_deref() == Some(b"gone")) && rows[1_201].answer.is_none());
    assert_eq!(home.store.journal_withheld(&tenant(), id(1), 1).await.unwrap(), Some(Withheld::Redacted));
    assert_eq!((bodies(&home).await, home.kinds().await.last().unwrap().as_str()), (0, "task.redacted"));
    // It still goes when its time is over, and the account is even.
    home.store.drop_journals(&kept(0, 0), home.clock.now()).await.unwrap();
    assert_eq!(home.store.journal_bytes(&tenant()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_redaction_of_more_bytes_than_one_commit_takes_reaches_every_row() {
    let home = Home::open().await;
    let bodies_of_16_mib = (1..=20).map(|number| answered(number, "canary", &text(number.try_into().unwrap())));
    let rows: Vec<_> = bodies_of_16_mib.chain((21..=30).map(|number| row(number, false))).collect();
    home.store.record(ended(1), &home.head(), rows, Decided::default()).await.unwrap();
    home.store.redact(&tenant(), id(1), REDACT, None).await.unwrap();
    let rows = read(&home, id(1)).await;
    assert!(rows.len() == 30 && rows.iter().all(|row| row.answer.as_deref() == Some(b"gone")));
    assert_eq!(bodies(&home).await, 0);
}

#[tokio::test]
async fn what_was_redacted_is_not_in_the_file_any_more() {
    let home = Home::on_file().await;
    let rows = (1..=50).map(|number| answered(number, "canary", &[b'y'; 300])).chain([answered(51, "x", &text(1))]);
    let mut task = ended(1);
    task.input = r#"{"who":"canary"}"#.to_owned();
    task.output = Some(r#"{"found":"canary"}"#.to_owned());
    home.store.record(task, &home.head(), rows.collect(), Decided::default()).await.unwrap();
    let task = home.store.redact(&tenant(), id(1), Redact { documents: true, ..REDACT }, Some("owner")).await.unwrap();
    assert_eq!((task.input.as_str(), task.output.as_deref()), ("null", Some("null")));
    home.store.close().await;
    for entry in std::fs::read_dir(home.dir()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"canary"), "{} holds it", path.display());
    }
}

#[tokio::test]
async fn a_log_that_somebody_reads_is_emptied_of_what_was_redacted_later() {
    let home = Home::on_file().await;
    home.store.record(ended(1), &home.head(), vec![answered(1, "canary", &text(1))], Decided::default()).await.unwrap();
    let holds = || {
        let log = std::fs::read(home.path().with_extension("db-wal")).unwrap();
        log.windows(6).any(|window| window == b"canary")
    };
    let mut reader = SqliteConnection::connect(&format!("sqlite://{}", home.path().display())).await.unwrap();
    let mut reading = reader.begin().await.unwrap();
    sqlx::query("select * from tasks").fetch_all(&mut *reading).await.unwrap();
    home.store.redact(&tenant(), id(1), REDACT, None).await.unwrap();
    assert!(holds());
    reading.rollback().await.unwrap();
    home.store.fold_redacted().await.unwrap();
    assert!(!holds());
    // Writes wait for locks as long as before.
    home.store.record(ended(2), &home.head(), vec![row(1, false)], Decided::default()).await.unwrap();
}

#[tokio::test]
async fn only_what_has_ended_is_redacted_and_what_was_begun_is_found_again() {
    let home = Home::open().await;
    home.running(1).await;
    assert_eq!(home.store.redact(&tenant(), id(1), REDACT, Some("owner")).await.unwrap_err().code, Code::TaskNotEnded);
    assert_eq!(home.store.redact(&tenant(), id(9), REDACT, Some("owner")).await.unwrap_err().code, Code::TaskNotFound);
    assert_eq!(
        home.store.redact(&"other".parse().unwrap(), id(1), REDACT, Some("owner")).await.unwrap_err().code,
        Code::TaskNotFound
    );
    home.store.record(ended(2), &home.head(), vec![row(1, false)], Decided::default()).await.unwrap();
    let begun = format!("update journal_heads set withheld = 'redacting' where task = '{}'", id(2));
    home.raw().await.execute(&begun).await;
    assert_eq!(home.store.redacting().await.unwrap(), [(tenant(), id(2))]);
    assert_eq!(home.store.journal_withheld(&tenant(), id(2), 1).await.unwrap(), Some(Withheld::Redacted));
}
