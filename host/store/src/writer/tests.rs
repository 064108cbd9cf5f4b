//! Faults that a test through the store's face cannot cause: a full disk, a failed sync.

use std::borrow::Cow;
use std::error::Error as StdError;

use sqlx::ConnectOptions as _;
use sqlx::error::{DatabaseError, ErrorKind};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use troupe_core::{Code, SystemClock};

use super::*;
use crate::fault::Failed;
use crate::sql::query;

/// What the driver reports when the disk fails a sync.
#[derive(Debug)]
struct SyncFailed;

impl fmt::Display for SyncFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("disk I/O error")
    }
}

impl StdError for SyncFailed {}

impl DatabaseError for SyncFailed {
    fn message(&self) -> &str {
        "disk I/O error"
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(libsqlite3_sys::SQLITE_IOERR_FSYNC.to_string().into())
    }

    fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

/// A writer on a database with one table and room for `pages`.
async fn writer(dir: &tempfile::TempDir, pages: u32) -> Writer {
    let mut connection = SqliteConnectOptions::new()
        .filename(dir.path().join("test.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .connect()
        .await
        .unwrap();
    sqlx::query("create table things (id integer primary key, bytes blob)").execute(&mut connection).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("pragma max_page_count = {pages}")))
        .execute(&mut connection)
        .await
        .unwrap();
    Writer::start(Own::Sqlite(connection), None, Arc::new(SystemClock))
}

async fn add(writer: &Writer, id: i64, size: usize) -> Result<()> {
    writer
        .write(move |tx| {
            Box::pin(async move {
                query("insert into things (id, bytes) values ($1, $2)")
                    .bind(id)
                    .bind(vec![1_u8; size])
                    .execute(&mut tx.connection)
                    .await?;
                Ok(())
            })
        })
        .await
}

async fn fail_sync(writer: &Writer) -> Result<()> {
    writer.write(|_| Box::pin(async { Err(Failed::Database(sqlx::Error::Database(Box::new(SyncFailed)))) })).await
}

async fn kept(writer: &Writer) -> Vec<i64> {
    let read = writer.write(|tx| {
        Box::pin(async { Ok(query_scalar("select id from things order by id").fetch_all(&mut tx.connection).await?) })
    });
    read.await.unwrap()
}

#[tokio::test]
async fn a_full_disk_fails_the_write_that_meets_it_and_later_ones_fit_again() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(&dir, 20).await;
    let error = add(&writer, 1, 1_000_000).await.unwrap_err();
    assert_eq!(error.code, Code::UnavailableStorage);
    assert!(error.retryable);
    insta::assert_snapshot!(error, @"the disk is full; free some space, then try again");
    add(&writer, 2, 10).await.unwrap();
    assert_eq!(kept(&writer).await, [2]);
}

#[tokio::test]
async fn every_acknowledged_write_of_a_batch_that_meets_a_full_disk_is_kept_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(&dir, 20).await;
    let (a, b, c) = tokio::join!(add(&writer, 1, 10), add(&writer, 2, 1_000_000), add(&writer, 3, 10));
    assert_eq!(b.unwrap_err().code, Code::UnavailableStorage);
    let acknowledged: Vec<i64> = [(1, a), (3, c)].into_iter().filter_map(|(id, done)| done.ok().map(|()| id)).collect();
    assert_eq!(kept(&writer).await, acknowledged);
}

#[tokio::test]
async fn a_broken_constraint_rolls_its_job_back_alone() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(&dir, 1000).await;
    let (a, b, c) = tokio::join!(add(&writer, 1, 10), add(&writer, 1, 10), add(&writer, 3, 10));
    a.unwrap();
    assert_eq!(b.unwrap_err().code, Code::Internal);
    c.unwrap();
    assert_eq!(kept(&writer).await, [1, 3]);
}

#[tokio::test]
async fn i120_after_a_failed_sync_nothing_of_its_batch_is_kept_and_no_write_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(&dir, 1000).await;
    add(&writer, 1, 10).await.unwrap();
    writer.check().unwrap();
    let (a, b) = tokio::join!(add(&writer, 2, 10), fail_sync(&writer));
    assert_eq!(writer.check().unwrap_err().code, Code::UnavailableStorage);
    for error in [a.unwrap_err(), b.unwrap_err(), add(&writer, 3, 10).await.unwrap_err()] {
        assert_eq!(error.code, Code::UnavailableStorage);
        insta::allow_duplicates! { insta::assert_snapshot!(error, @"the disk failed to make a write durable, so the store takes no more; check the disk, then restart the host"); }
    }
    writer.close().await;
    let mut reader = SqliteConnectOptions::new().filename(dir.path().join("test.db")).connect().await.unwrap();
    let ids: Vec<i64> = sqlx::query_scalar("select id from things").fetch_all(&mut reader).await.unwrap();
    assert_eq!(ids, [1]);
}

#[tokio::test]
async fn i120_a_failed_sync_of_a_single_write_ends_the_writer_too() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(&dir, 1000).await;
    assert_eq!(fail_sync(&writer).await.unwrap_err().code, Code::UnavailableStorage);
    assert_eq!(add(&writer, 1, 10).await.unwrap_err().code, Code::UnavailableStorage);
}

#[tokio::test]
async fn i132_a_job_that_panics_is_undone_and_fails_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(&dir, 1000).await;
    let panics = || {
        writer.write(|tx| {
            Box::pin(async move {
                query("insert into things (id) values (9)").execute(&mut tx.connection).await?;
                "no number".parse::<i64>().map(Ok).expect("a mistake")
            })
        })
    };
    assert_eq!(panics().await.unwrap_err().code, Code::Internal);
    let (before, panicked, after) = tokio::join!(add(&writer, 1, 10), panics(), add(&writer, 2, 10));
    before.unwrap();
    assert_eq!(panicked.unwrap_err().code, Code::Internal);
    after.unwrap();
    writer.check().unwrap();
    assert_eq!(kept(&writer).await, [1, 2]);
}

/// A thing to add, together with others; one of them is a mistake.
struct Thing(i64);

const MISTAKE: i64 = 2;

impl Together for Thing {
    type Answer = ();

    fn all<'c>(tx: &'c mut Tx, all: &'c [Self]) -> Work<'c, Vec<()>> {
        Box::pin(async move {
            for Self(id) in all {
                query("insert into things (id) values ($1)").bind(*id).execute(&mut tx.connection).await?;
                assert!(*id != MISTAKE, "a mistake");
            }
            Ok(vec![(); all.len()])
        })
    }
}

#[tokio::test]
async fn i132_of_writes_that_are_done_together_the_one_that_panics_fails_alone() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(&dir, 1000).await;
    let [one, two, three] = [1, MISTAKE, 3].map(|id| writer.write_together(Thing(id)));
    let (one, two, three) = tokio::join!(one, two, three);
    assert_eq!((one.is_ok(), two.unwrap_err().code, three.is_ok()), (true, Code::Internal, true));
    assert_eq!(kept(&writer).await, [1, 3]);
}

#[tokio::test]
async fn when_the_commit_itself_fails_every_job_of_the_batch_is_told_and_the_next_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(&dir, 1000).await;
    let run = |sql: &'static str| {
        writer.write(move |tx| {
            Box::pin(async move {
                query(sql).execute(&mut tx.connection).await?;
                Ok(())
            })
        })
    };
    // A reference that is looked at when the transaction commits.
    run("create table parts (thing integer references things (id) deferrable initially deferred)").await.unwrap();
    let (a, b) = tokio::join!(add(&writer, 1, 10), run("insert into parts (thing) values (7)"));
    for error in [a.unwrap_err(), b.unwrap_err()] {
        assert_eq!(error.code, Code::Internal);
    }
    add(&writer, 2, 10).await.unwrap();
    assert_eq!(kept(&writer).await, [2]);
}
