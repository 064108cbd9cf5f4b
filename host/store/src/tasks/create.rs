//! Accepting tasks.
//!
//! A task enters in one of three ways: *created* (it waits to be claimed), *begun* (an
//! awaited call that is about to write, already running) or *recorded* (an awaited call
//! that has ended). All three honour the idempotency key in the same commit.

use serde_json::{Map, Value};
use troupe_core::view::TaskStatus;
use troupe_core::{Code, Error, Result};

use super::{TaskRow, fingerprint, row};
use crate::Store;
use crate::fault::Done;
use crate::journal::{self, JournalHead, JournalRow};
use crate::rows::Columns as _;
use crate::writer::Tx;

/// What came of accepting a task.
#[derive(Debug, Clone, PartialEq)]
pub enum Creation {
    /// The task is kept now.
    New(TaskRow),
    /// The same request came before under the same idempotency key; this is its task, and
    /// nothing was written.
    Existing(TaskRow),
}

impl Store {
    /// Accepts a task whose status is pending. Tells the feed `task.created`.
    ///
    /// # Errors
    /// [`Code::ConflictIdempotency`] when the idempotency key came with another request.
    pub async fn create_task(&self, task: TaskRow) -> Result<Creation> {
        expect(&task, task.status == TaskStatus::Pending)?;
        self.write(move |tx| Box::pin(create(tx, task))).await
    }

    /// Accepts an awaited call that is running, with its lease and its journal's head: what
    /// precedes its first commit. Hand both over in one `join!` to have them share one.
    /// Tells the feed `task.created` and `task.running`.
    ///
    /// # Errors
    /// [`Code::ConflictIdempotency`] when the idempotency key came with another request.
    pub async fn begin(&self, task: TaskRow, head: &JournalHead) -> Result<Creation> {
        let fits = task.status == TaskStatus::Running && task.lease.is_some() && task.release.is_some();
        expect(&task, fits)?;
        let head = head.clone();
        self.write(move |tx| Box::pin(begin(tx, task, head))).await
    }

    /// Accepts an awaited call that has ended, with its journal. Tells the feed
    /// `task.created` and its end.
    ///
    /// # Errors
    /// [`Code::ConflictIdempotency`] when the idempotency key came with another request.
    pub async fn record(&self, task: TaskRow, head: &JournalHead, journal: Vec<JournalRow>) -> Result<Creation> {
        expect(&task, task.status.is_final() && task.lease.is_none())?;
        let head = head.clone();
        self.write(move |tx| Box::pin(record(tx, task, head, journal))).await
    }
}

fn expect(task: &TaskRow, holds: bool) -> Result<()> {
    if holds {
        return Ok(());
    }
    let status = task.status.as_str();
    Err(Error::internal(format!("task {}: status {status} does not fit how it is accepted", task.id)))
}

async fn create(tx: &mut Tx, task: TaskRow) -> Done<Creation> {
    if let Some(existing) = accept(tx, &task).await? {
        return Ok(Creation::Existing(existing));
    }
    Ok(Creation::New(task))
}

async fn begin(tx: &mut Tx, task: TaskRow, head: JournalHead) -> Done<Creation> {
    if let Some(existing) = accept(tx, &task).await? {
        return Ok(Creation::Existing(existing));
    }
    journal::begin(tx, &task.tenant, task.id, task.attempt, &head).await?;
    tell(tx, &task).await?;
    Ok(Creation::New(task))
}

async fn record(tx: &mut Tx, task: TaskRow, head: JournalHead, rows: Vec<JournalRow>) -> Done<Creation> {
    if let Some(existing) = accept(tx, &task).await? {
        return Ok(Creation::Existing(existing));
    }
    journal::begin(tx, &task.tenant, task.id, task.attempt, &head).await?;
    journal::append(tx, &task.tenant, task.id, task.attempt, &rows).await?;
    tell(tx, &task).await?;
    Ok(Creation::New(task))
}

/// Inserts the task, or returns the one that its idempotency key stands for.
async fn accept(tx: &mut Tx, task: &TaskRow) -> Done<Option<TaskRow>> {
    let request = fingerprint::of(task)?;
    if let Some(key) = &task.idempotency_key {
        let found = sqlx::query("select * from tasks where tenant = $1 and idempotency_key = $2")
            .bind(task.tenant.as_str())
            .bind(key)
            .fetch_optional(&mut tx.connection)
            .await?;
        if let Some(found) = found {
            if found.get_as::<&str>("request")? == request {
                return Ok(Some(row::read(&found)?));
            }
            let message = "this idempotency key came with another request before; use a new key for a new request";
            return Err(Error::new(Code::ConflictIdempotency, message)
                .with("task", found.get_as::<String>("id")?)
                .into());
        }
    }
    row::insert(tx, task, &request).await?;
    tx.announce(&task.tenant, "task.created", &task.subject(), &facts(task)).await?;
    Ok(None)
}

/// Tells the feed of the status that the task has now.
pub(super) async fn tell(tx: &mut Tx, task: &TaskRow) -> Done<()> {
    let kind = format!("task.{}", task.status.as_str());
    tx.announce(&task.tenant, &kind, &task.subject(), &facts(task)).await
}

/// What an event of the feed says of a task.
fn facts(task: &TaskRow) -> Value {
    let mut facts = Map::new();
    facts.insert("agent".to_owned(), task.agent.as_str().into());
    facts.insert("skill".to_owned(), task.skill.as_str().into());
    if let Some(release) = &task.release {
        facts.insert("version".to_owned(), release.version.to_string().into());
        facts.insert("digest".to_owned(), release.digest.to_string().into());
        facts.insert("epoch".to_owned(), release.epoch.into());
    }
    if let Some(failure) = &task.failure {
        facts.insert("code".to_owned(), failure.code.as_str().into());
    }
    facts.into()
}
