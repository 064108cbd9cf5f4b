//! Accepting tasks.
//!
//! A task enters in one of three ways: *created* (it waits to be claimed), *begun* (an
//! awaited call that is about to write, already running) or *recorded* (an awaited call
//! that has ended). A request with an idempotency key is always created, and the key is
//! honoured in the same commit.

use serde_json::{Map, Value};
use troupe_core::view::TaskStatus;
use troupe_core::{Code, Error, Result, TaskId, TenantId, limits};

use super::{Asked, TaskRow, fingerprint, row};
use crate::audit::{self, Decided};
use crate::fault::Done;
use crate::journal::{self, JournalHead, JournalRow, Kept};
use crate::rows::Columns as _;
use crate::sql::{Connection, query};
use crate::writer::{Together, Tx, Work};
use crate::{NeededApproval, Store, groups, instances, task_approvals};

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
    /// Accepts a task that waits to be claimed, or for the approval that it comes with. Tells the feed
    /// `task.created`, and `approval.requested`.
    ///
    /// # Errors
    /// [`Code::ConflictIdempotency`] when the idempotency key came with another request;
    /// [`Code::InstanceNotFound`] and [`Code::InstanceStopped`] when it is for an instance that takes
    /// no tasks; [`Code::LimitConcurrency`] when too many wait for approval.
    pub async fn create_task(&self, task: TaskRow) -> Result<Creation> {
        let asks = task.approval.as_ref().is_some_and(|approval| approval.asked.is_some());
        expect(
            &task,
            if asks { task.status == TaskStatus::AwaitingApproval } else { task.status == TaskStatus::Pending },
        )?;
        self.write(move |tx| Box::pin(create(tx, task))).await
    }

    /// Returns the task that an earlier request under `key` made, if there is one; `asked` is what
    /// it is asked for now.
    ///
    /// # Errors
    /// [`Code::ConflictIdempotency`] when the key came with another request.
    pub async fn task_by_key(&self, tenant: &TenantId, key: &str, asked: Asked<'_>) -> Result<Option<TaskRow>> {
        let request = fingerprint::of(asked)?;
        Ok(by_key(&mut self.reader().await?, tenant, key, &request).await?)
    }

    /// Accepts an awaited call that is running, with its journal's head: what precedes its
    /// first commit. Its lease begins now. Hand both over in one `join!` to have them share
    /// one commit. Tells the feed `task.created` and `task.running`.
    ///
    /// # Errors
    /// [`Code::InstanceNotFound`] and [`Code::InstanceStopped`], as when it is created.
    pub async fn begin(&self, task: TaskRow, head: &JournalHead) -> Result<TaskRow> {
        let fits = task.status == TaskStatus::Running && task.lease.is_some() && task.release.is_some();
        expect(&task, fits && task.idempotency_key.is_none())?;
        let head = head.clone();
        self.write(move |tx| Box::pin(begin(tx, task, head))).await
    }

    /// Accepts an awaited call that has ended, with its journal and what was decided in it. Tells
    /// the feed `task.created` and its end.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn record(
        &self,
        task: TaskRow,
        head: &JournalHead,
        journal: Vec<JournalRow>,
        decided: Decided,
    ) -> Result<()> {
        let fits = task.status.is_final() && task.lease.is_none();
        expect(&task, fits && task.idempotency_key.is_none())?;
        let request = fingerprint::of(task.asked())?;
        let journal = journal::packed(journal).await?.into_iter().map(Kept::fresh).collect();
        self.write_together(Recorded { task, request, head: head.clone(), journal, decided }).await
    }
}

/// An awaited call that has ended.
struct Recorded {
    task: TaskRow,
    request: String,
    head: JournalHead,
    journal: Vec<Kept>,
    decided: Decided,
}

impl Together for Recorded {
    type Answer = ();

    fn all<'c>(tx: &'c mut Tx, all: &'c [Self]) -> Work<'c, Vec<()>> {
        Box::pin(record(tx, all))
    }
}

fn expect(task: &TaskRow, holds: bool) -> Result<()> {
    if holds {
        return Ok(());
    }
    let status = task.status.as_str();
    Err(Error::internal(format!("task {}: status {status} does not fit how it is accepted", task.id)))
}

/// Accepts a task that does not run yet, also as a part of something else.
pub(crate) async fn create(tx: &mut Tx, task: TaskRow) -> Done<Creation> {
    let request = fingerprint::of(task.asked())?;
    if let Some(key) = &task.idempotency_key
        && let Some(existing) = by_key(&mut tx.connection, &task.tenant, key, &request).await?
    {
        return Ok(Creation::Existing(existing));
    }
    accept(tx, std::iter::once((&task, request.as_str()))).await?;
    // What is asked is kept now.
    let approval = task.approval.map(|approval| NeededApproval { asked: None, ..approval });
    Ok(Creation::New(TaskRow { approval, ..task }))
}

/// Whether a task has not ended.
pub(crate) async fn goes_on(tx: &mut Tx, tenant: &TenantId, task: TaskId) -> Done<bool> {
    Ok(row::find(&mut tx.connection, tenant, task).await?.is_some_and(|task| !task.status.is_final()))
}

async fn begin(tx: &mut Tx, mut task: TaskRow, head: JournalHead) -> Done<TaskRow> {
    let request = fingerprint::of(task.asked())?;
    if let Some(lease) = &mut task.lease {
        lease.until = tx.now.plus(limits::LEASE_TIME);
    }
    accept(tx, std::iter::once((&task, request.as_str()))).await?;
    journal::begin(tx, std::iter::once((task.attempt_of(), &head))).await?;
    tell(tx, &task).await?;
    Ok(task)
}

async fn record(tx: &mut Tx, all: &[Recorded]) -> Done<Vec<()>> {
    accept(tx, all.iter().map(|one| (&one.task, one.request.as_str()))).await?;
    journal::begin(tx, all.iter().map(|one| (one.task.attempt_of(), &one.head))).await?;
    for Recorded { task, journal, decided, .. } in all {
        journal::append(tx, &task.tenant, task.id, task.attempt, journal).await?;
        tell(tx, task).await?;
        audit::attempt(tx, task, decided.clone()).await?;
    }
    Ok(all.iter().map(|_| ()).collect())
}

async fn accept<'a>(tx: &mut Tx, tasks: impl Iterator<Item = (&'a TaskRow, &'a str)> + Clone) -> Done<()> {
    for (task, _) in tasks.clone() {
        if let Some(instance) = task.instance {
            instances::check(&mut tx.connection, &task.tenant, &task.agent, instance).await?;
        }
    }
    row::insert(tx, tasks.clone()).await?;
    for (task, _) in tasks {
        if let Some(member) = &task.group {
            groups::joined(tx, &task.tenant, member, task.id).await?;
        }
        tx.announce(&task.tenant, "task.created", &task.subject(), &facts(task));
        task_approvals::ask(tx, task).await?;
    }
    Ok(())
}

/// The task that an idempotency key stands for, if the request is the same.
async fn by_key(connection: &mut dyn Connection, tenant: &TenantId, key: &str, request: &str) -> Done<Option<TaskRow>> {
    let found = query("select * from tasks where tenant = $1 and idempotency_key = $2")
        .bind(tenant.as_str())
        .bind(key)
        .fetch_optional(connection)
        .await?;
    let Some(found) = found else { return Ok(None) };
    let before = found.get_as::<&str>("request")?;
    if before == request {
        return Ok(Some(row::read(&found)?));
    }
    let message = match before {
        fingerprint::REDACTED => {
            "the task that this idempotency key came with was redacted, so nobody can tell whether this is the same \
             request; look at the task, and use a new key if you want another"
        }
        _ => "this idempotency key came with another request before; use a new key for a new request",
    };
    Err(Error::new(Code::ConflictIdempotency, message).with("task", found.get_as::<String>("id")?).into())
}

/// Tells the feed of the status that the task has now.
pub(super) async fn tell(tx: &mut Tx, task: &TaskRow) -> Done<()> {
    let kind = format!("task.{}", task.status.as_str());
    tx.announce(&task.tenant, &kind, &task.subject(), &facts(task));
    Ok(())
}

/// What an event of the feed says of a task.
fn facts(task: &TaskRow) -> Value {
    let mut facts = Map::new();
    facts.insert("agent".to_owned(), task.agent.as_str().into());
    facts.insert("skill".to_owned(), task.skill.as_str().into());
    if let Some(instance) = task.instance {
        facts.insert("instance".to_owned(), instance.to_string().into());
    }
    if let Some(session) = task.session {
        facts.insert("session".to_owned(), session.to_string().into());
    }
    if let Some(cause) = &task.cause {
        for (name, task) in [("caused_by", cause.by), ("root", cause.root)] {
            facts.extend(task.map(|task| (name.to_owned(), task.to_string().into())));
        }
        facts.extend(cause.event.map(|position| ("event".to_owned(), position.into())));
    }
    if let Some(before) = task.retry_of {
        facts.insert("retry_of".to_owned(), before.to_string().into());
    }
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
