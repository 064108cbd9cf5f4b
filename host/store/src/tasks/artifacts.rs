//! Artefacts of tasks: which there are, and which bytes they name.
//!
//! The bytes are on the disk of the host that ran the task, durable before the commit here names them. What people
//! are told of them stands in the task's row, so that it is read with the task; which bytes are named, and where
//! they lie, in rows of their own. They are those of the attempt: the next one begins without them.

use troupe_core::view::ArtifactView;
use troupe_core::{ArtifactName, ArtifactOutcome, Digest, Error, MediaType, Result, TaskId, TenantId, limits};

use super::{Pin, TaskRow, commit, row};
use crate::Store;
use crate::fault::{Done, Failed};
use crate::journal::{self, JournalRow, Kept, pack};
use crate::rows::{Columns as _, broken, number};
use crate::sql::{query, query_scalar};
use crate::writer::Tx;

/// An artefact that a running invocation has finished.
#[derive(Debug, Clone)]
pub struct ArtifactCommit {
    /// Its name.
    pub name: ArtifactName,
    /// Its media type.
    pub media_type: MediaType,
    /// How many bytes it has.
    pub size: u64,
    /// The digest of them.
    pub digest: Digest,
    /// Where they lie.
    pub place: ArtifactPlace,
    /// Makes the journalled answer.
    pub encode: fn(&ArtifactOutcome) -> Vec<u8>,
}

/// Where the bytes of an artefact lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactPlace {
    /// The name of the host's data directory.
    pub home: String,
    /// Where other hosts reached it when they were written.
    pub address: String,
}

impl Store {
    /// Keeps an artefact of a running invocation, with rows of its journal and the row of the call, which is none
    /// of a write: an artefact is the attempt's.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn commit_artifact(
        &self,
        pin: &Pin,
        journal: Vec<JournalRow>,
        artifact: ArtifactCommit,
        row: JournalRow,
    ) -> Result<ArtifactOutcome> {
        let pin = pin.clone();
        let (journal, row) = (journal::packed(journal).await?, super::children::one(row).await?);
        self.persist(move |tx| Box::pin(run(tx, pin, journal, artifact, row))).await
    }

    /// Where the bytes of an artefact of a task lie; nothing if it names no such.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn artifact_place(
        &self,
        tenant: &TenantId,
        task: TaskId,
        digest: &Digest,
    ) -> Result<Option<ArtifactPlace>> {
        let found = query("select home, address from artifacts where tenant = $1 and task = $2 and digest = $3")
            .bind(tenant.as_str())
            .bind(task.to_string())
            .bind(digest.to_string())
            .fetch_optional(&mut self.reader().await?)
            .await
            .map_err(Failed::from)?;
        let place = |row: &crate::sql::Row| -> Done<ArtifactPlace> {
            Ok(ArtifactPlace { home: row.get_as("home")?, address: row.get_as("address")? })
        };
        Ok(found.as_ref().map(place).transpose()?)
    }

    /// Lists digests that tasks of any tenant name, each with its size and where its bytes lie, in order, after
    /// one of them; an empty list after the last.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn artifacts_named(&self, after: Option<&Digest>) -> Result<Vec<(Digest, u64, ArtifactPlace)>> {
        let rows = query(
            "select digest, max(size) as size, max(home) as home, max(address) as address from artifacts
             where digest > $1 group by digest order by digest limit $2",
        )
        .bind(after.map(ToString::to_string).unwrap_or_default())
        .bind(i64::from(limits::ARTIFACTS_LISTED_AT_ONCE))
        .fetch_all(&mut self.reader().await?)
        .await
        .map_err(Failed::from)?;
        let read = |row: &crate::sql::Row| {
            let place = ArtifactPlace { home: row.get_as("home")?, address: row.get_as("address")? };
            Ok((row.parsed("digest")?, row.number("size")?, place))
        };
        Ok(rows.iter().map(read).collect::<Done<_>>()?)
    }
}

async fn run(
    tx: &mut Tx,
    pin: Pin,
    mut journal: Vec<Kept>,
    artifact: ArtifactCommit,
    mut row: Kept,
) -> Done<ArtifactOutcome> {
    commit::check(tx, &pin).await?;
    let Some(task) = row::find(&mut tx.connection, &pin.tenant, pin.task).await? else {
        return Err(row::not_found(pin.task).into());
    };
    let encode = artifact.encode;
    let outcome = keep(tx, task, artifact).await?;
    row.answer = Some(pack(encode(&outcome)));
    row.write = false;
    journal.push(row);
    journal::append(tx, &pin.tenant, pin.task, pin.attempt, &journal).await?;
    Ok(outcome)
}

async fn keep(tx: &mut Tx, task: TaskRow, artifact: ArtifactCommit) -> Done<ArtifactOutcome> {
    let ArtifactCommit { name, media_type, size, digest, place, .. } = artifact;
    if task.artifacts.iter().any(|there| there.name == name) {
        return Err(Error::internal(format!("task {} has an artefact {name} already", task.id)).into());
    }
    let is_new = !task.artifacts.iter().any(|there| there.digest == digest);
    let most = limits::ARTIFACTS_PER_TENANT_BYTES_MAX;
    let there: Option<i64> = query_scalar("select bytes from artifact_totals where tenant = $1")
        .bind(task.tenant.as_str())
        .fetch_optional(&mut tx.connection)
        .await?;
    let there = u64::try_from(there.unwrap_or(0)).map_err(|error| broken("bytes", error))?;
    if is_new && there.saturating_add(size) > most {
        return Ok(ArtifactOutcome::Full(most));
    }
    if is_new {
        query("insert into artifacts (tenant, task, digest, size, home, address) values ($1, $2, $3, $4, $5, $6)")
            .bind(task.tenant.as_str())
            .bind(task.id.to_string())
            .bind(digest.to_string())
            .bind(number(size)?)
            .bind(place.home)
            .bind(place.address)
            .execute(&mut tx.connection)
            .await?;
        total(tx, &task.tenant, number(size)?).await?;
    }
    let kept = ArtifactView { name, media_type, size, digest, created_at: tx.now };
    let mut all = task.artifacts;
    all.push(kept.clone());
    query("update tasks set artifacts = $3 where tenant = $1 and id = $2")
        .bind(task.tenant.as_str())
        .bind(task.id.to_string())
        .bind(serde_json::to_string(&all).map_err(|error| broken("artifacts", error))?)
        .execute(&mut tx.connection)
        .await?;
    Ok(ArtifactOutcome::Kept(kept))
}

/// Forgets the artefacts of a task: nothing names their bytes any more.
pub(crate) async fn forget(tx: &mut Tx, tenant: &TenantId, task: TaskId) -> Done<()> {
    let gone = query("delete from artifacts where tenant = $1 and task = $2 returning size")
        .bind(tenant.as_str())
        .bind(task.to_string())
        .fetch_all(&mut tx.connection)
        .await?;
    let bytes = gone.iter().map(|row| row.get_as::<i64>("size")).sum::<Done<i64>>()?;
    if !gone.is_empty() {
        total(tx, tenant, -bytes).await?;
    }
    query("update tasks set artifacts = null where tenant = $1 and id = $2 and artifacts is not null")
        .bind(tenant.as_str())
        .bind(task.to_string())
        .execute(&mut tx.connection)
        .await?;
    Ok(())
}

async fn total(tx: &mut Tx, tenant: &TenantId, more: i64) -> Done<()> {
    query(
        "insert into artifact_totals (tenant, bytes) values ($1, $2)
         on conflict (tenant) do update set bytes = artifact_totals.bytes + excluded.bytes",
    )
    .bind(tenant.as_str())
    .bind(more)
    .execute(&mut tx.connection)
    .await?;
    Ok(())
}
