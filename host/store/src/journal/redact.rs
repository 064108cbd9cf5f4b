//! Forgetting what a task's calls and answers hold.
//!
//! A journal may hold what must not be kept: somebody's data, a secret that a service gave
//! away. Redacting leaves which calls were made and when, and no contents: not in the rows,
//! not in bodies that no other row names; the database overwrites what it frees, and its
//! write-ahead log, in which older pages would lie, is emptied. It is for tasks that have ended,
//! and such a journal repeats nothing any more.
//!
//! It takes as many commits as it needs. The heads are marked with the first, so that nobody
//! repeats half a journal, and a redaction that the end of the host cut short is found again.
//! A long read keeps the log from being emptied: whoever drops journals tries again.

use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::view::TaskFailure;
use troupe_core::{Code, Error, Result, TaskId, TenantId};

use super::{Load, ROWS_PER_COMMIT, account, bodies, bodies_of, call_of, pack};
use crate::fault::{Done, Failed};
use crate::rows::{Columns as _, json, number};
use crate::sql::{Row, query};
use crate::tasks::{REDACTED, TaskRow, find_task, forget_artifacts, task_not_found, task_subject};
use crate::writer::Tx;
use crate::{Store, messages, task_approvals};

/// What is left of calls and answers, and whether the task's own documents go, too.
#[derive(Debug, Clone, Copy)]
pub struct Redact {
    /// Returns what is kept of a call: what names it, and no contents.
    pub call: fn(&[u8]) -> Vec<u8>,
    /// What stands for every answer.
    pub answer: fn() -> Vec<u8>,
    /// Whether input, output and the words of the failure go as well.
    pub documents: bool,
}

/// Where a redaction has come to: an attempt and the number of a row.
type Place = (i64, i64);

impl Store {
    /// Redacts the journals of a task that has ended, and returns the task. Tells the feed
    /// `task.redacted`, and the audit who asked for it; one that goes on with what was asked
    /// before names nobody.
    ///
    /// # Errors
    /// [`Code::TaskNotFound`]; [`Code::TaskNotEnded`].
    pub async fn redact(&self, tenant: &TenantId, task: TaskId, redact: Redact, by: Option<&str>) -> Result<TaskRow> {
        let (of, by) = (tenant.clone(), by.map(str::to_owned));
        self.write(move |tx| Box::pin(begin(tx, of, task, redact.documents, by))).await?;
        let mut place = Some((0, 0));
        while let Some(after) = place {
            let of = tenant.clone();
            place = self.write(move |tx| Box::pin(rows(tx, of, task, after, redact))).await?;
        }
        let of = tenant.clone();
        let row = self.write(move |tx| Box::pin(end(tx, of, task))).await?;
        self.fold_or_warn().await;
        Ok(row)
    }

    /// Lists tasks whose redaction was begun and has not come to its end.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn redacting(&self) -> Result<Vec<(TenantId, TaskId)>> {
        let rows = query("select distinct tenant, task from journal_heads where withheld = 'redacting'")
            .fetch_all(&mut self.reader().await?)
            .await
            .map_err(Failed::from)?;
        Ok(rows.iter().map(|row| Ok((row.parsed("tenant")?, row.parsed("task")?))).collect::<Done<_>>()?)
    }
}

async fn begin(tx: &mut Tx, tenant: TenantId, task: TaskId, documents: bool, by: Option<String>) -> Done<()> {
    let Some(row) = find_task(&mut tx.connection, &tenant, task).await? else {
        return Err(task_not_found(task).into());
    };
    if !row.status.is_final() {
        let message = format!("task {task} is {}; redact it when it has ended", row.status.as_str());
        return Err(Error::new(Code::TaskNotEnded, message).into());
    }
    query(
        "update journal_heads set withheld = 'redacting'
         where tenant = $1 and task = $2 and (withheld is null or withheld <> 'dropped')",
    )
    .bind(tenant.as_str())
    .bind(task.to_string())
    .execute(&mut tx.connection)
    .await?;
    if by.is_some() {
        let entry = AuditEntry::new(AuditKind::Redacted).by(by.as_deref()).of(&row.agent).with("documents", documents);
        tx.audit(&tenant, AuditEntry { invocation: Some((task, row.attempt)), ..entry }).await?;
    }
    task_approvals::forget(tx, &tenant, task).await?;
    if documents { forget_documents(tx, row).await } else { Ok(()) }
}

/// Redacts the next rows; returns where it has come to, or nothing after the last.
async fn rows(tx: &mut Tx, tenant: TenantId, task: TaskId, after: Place, redact: Redact) -> Done<Option<Place>> {
    let rows = query(
        "select attempt, number, call_body, octet_length(call) + coalesce(octet_length(answer), 0) as bytes,
            case when answer is null then 0 else 1 end as answered, answer_body
         from journal where tenant = $1 and task = $2 and (attempt, number) > ($3, $4)
         order by attempt, number limit $5",
    )
    .bind(tenant.as_str())
    .bind(task.to_string())
    .bind(after.0)
    .bind(after.1)
    .bind(ROWS_PER_COMMIT)
    .fetch_all(&mut tx.connection)
    .await?;
    let (mut freed, mut last, mut load) = (0, None, Load::default());
    for row in &rows {
        let place = (row.get_as::<i64>("attempt")?, row.get_as::<i64>("number")?);
        let apart = bodies_of(row)?;
        load.add(row.number("bytes")?, apart.len());
        freed += forget(tx, (&tenant, task), place, row, apart, redact).await?;
        last = Some(place);
        if load.is_full() {
            break;
        }
    }
    account(tx, &tenant, -freed).await?;
    Ok(last)
}

/// Redacts one row; returns how many bytes that frees.
async fn forget(
    tx: &mut Tx,
    (tenant, task): (&TenantId, TaskId),
    place: Place,
    row: &Row,
    apart: Vec<Vec<u8>>,
    redact: Redact,
) -> Done<i64> {
    let call =
        query("select call, call_body from journal where tenant = $1 and task = $2 and attempt = $3 and number = $4")
            .bind(tenant.as_str())
            .bind(task.to_string())
            .bind(place.0)
            .bind(place.1)
            .fetch_one(&mut tx.connection)
            .await?;
    // Of bytes that nobody can read nothing is kept either.
    let call = call_of(&mut tx.connection, tenant, &call).await.unwrap_or_default();
    let call = pack((redact.call)(&call)).bytes;
    let answer = row.truth("answered")?.then(redact.answer);
    let taken = call.len() + answer.as_ref().map_or(0, Vec::len);
    query(
        "update journal set call = $5, call_body = null, answer = $6, answer_body = null
         where tenant = $1 and task = $2 and attempt = $3 and number = $4",
    )
    .bind(tenant.as_str())
    .bind(task.to_string())
    .bind(place.0)
    .bind(place.1)
    .bind(call)
    .bind(answer)
    .execute(&mut tx.connection)
    .await?;
    let freed = bodies::release(tx, tenant, &apart).await? + row.number::<u64>("bytes")?;
    Ok(number(freed)? - number(taken as u64)?)
}

async fn end(tx: &mut Tx, tenant: TenantId, task: TaskId) -> Done<TaskRow> {
    query("update journal_heads set withheld = 'redacted' where tenant = $1 and task = $2 and withheld = 'redacting'")
        .bind(tenant.as_str())
        .bind(task.to_string())
        .execute(&mut tx.connection)
        .await?;
    let Some(row) = find_task(&mut tx.connection, &tenant, task).await? else {
        return Err(task_not_found(task).into());
    };
    let data = serde_json::json!({ "agent": row.agent.as_str(), "skill": row.skill.as_str() });
    tx.announce(&tenant, "task.redacted", &task_subject(task), &data);
    Ok(row)
}

/// The fingerprint goes with the input it was made of.
async fn forget_documents(tx: &mut Tx, row: TaskRow) -> Done<()> {
    forget_artifacts(tx, &row.tenant, row.id).await?;
    let failure = row.failure.as_ref().map(TaskFailure::redacted);
    query(
        "update tasks set input = 'null', request = $4, failure = $3,
            output = case when output is null then null else 'null' end
         where tenant = $1 and id = $2",
    )
    .bind(row.tenant.as_str())
    .bind(row.id.to_string())
    .bind(failure.as_ref().map(json).transpose()?)
    .bind(REDACTED)
    .execute(&mut tx.connection)
    .await?;
    match row.session {
        Some(session) => messages::redacted(tx, session, &row).await,
        None => Ok(()),
    }
}
