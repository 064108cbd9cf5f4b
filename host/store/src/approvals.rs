//! Approvals: a row for each release over each difference from what serves.
//!
//! ```text
//!              ┌─ approve ─▸ approved ─┐
//!  pending ────┤                       ├─ another decision, another difference ─▸ superseded
//!              └─ reject ──▸ rejected ─┘
//! ```
//!
//! A release has at most one row that is pending or rejected. Approvals of it over other
//! differences stay, so that they hold when what serves is again what it was; a rejection ends
//! them all, and an approval ends a rejection.

use serde_json::json;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::view::{ApprovalStatus, ApprovalWant};
use troupe_core::{AgentName, ApprovalId, Digest, ReleaseRef, Result, TenantId, Timestamp};

use crate::Store;
use crate::fault::Done;
use crate::rows::{ABOVE_ALL_IDS, Columns as _, broken};
use crate::sql::{Builder, Connection, Row, query};
use crate::swaps::Version;
use crate::writer::Tx;

/// An approval as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalRow {
    /// The tenant.
    pub tenant: TenantId,
    /// The id.
    pub id: ApprovalId,
    /// The release.
    pub release: ReleaseRef,
    /// The digest of the release.
    pub digest: Digest,
    /// What served when it was first asked for.
    pub base: Option<Version>,
    /// The digest of what is to be approved.
    pub delta: Digest,
    /// What became of it.
    pub status: ApprovalStatus,
    /// Whether a broken contract is approved of, too.
    pub breaking: bool,
    /// Who decided.
    pub principal: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// When it was first asked for.
    pub created_at: Timestamp,
    /// When it was decided.
    pub decided_at: Option<Timestamp>,
}

/// What is to be approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToApprove {
    /// The id of the row, if it is a new one.
    pub id: ApprovalId,
    /// The release.
    pub release: ReleaseRef,
    /// The digest of the release.
    pub digest: Digest,
    /// What serves.
    pub base: Option<Version>,
    /// The digest of what is to be approved.
    pub delta: Digest,
    /// What is to be approved, in words: what the release does.
    pub why: String,
    /// The kinds of what is to be approved.
    pub wants: Vec<ApprovalWant>,
}

/// A decision about a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is approved of, and not rejected.
    pub approves: bool,
    /// Whether a broken contract is approved of, too.
    pub breaking: bool,
    /// Who decides.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
}

/// Which approvals to list.
#[derive(Debug, Clone, Default)]
pub struct ApprovalFilter {
    /// Those with this status.
    pub status: Option<ApprovalStatus>,
    /// Those of one agent.
    pub agent: Option<AgentName>,
}

impl Store {
    /// Notes that a release waits for approval, unless that is decided or noted already; returns
    /// the row that counts. What waited of it over another difference is superseded. Tells the
    /// feed `release.pending_approval`, and the audit.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn ask_approval(&self, tenant: &TenantId, asked: ToApprove) -> Result<ApprovalRow> {
        let tenant = tenant.clone();
        self.write(move |tx| Box::pin(ask(tx, tenant, asked))).await
    }

    /// Decides about a release over a difference, whatever was decided before; returns the row.
    /// Tells the feed `release.approved` or `release.rejected`, and the audit.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn decide_approval(
        &self,
        tenant: &TenantId,
        asked: ToApprove,
        decision: Decision,
    ) -> Result<ApprovalRow> {
        let tenant = tenant.clone();
        self.write(move |tx| Box::pin(decide(tx, tenant, asked, decision))).await
    }

    /// Reads one approval.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn approval(&self, tenant: &TenantId, id: ApprovalId) -> Result<Option<ApprovalRow>> {
        let mut query = select();
        query.push_bind(tenant.as_str()).push(" and id = ").push_bind(id.to_string());
        Ok(one(query, &mut self.reader().await?).await?)
    }

    /// Reads what is in force of a release over a difference: a rejection of the release, else
    /// the row of the difference.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn approval_of(
        &self,
        tenant: &TenantId,
        release: &ReleaseRef,
        digest: &Digest,
        delta: &Digest,
    ) -> Result<Option<ApprovalRow>> {
        Ok(in_force(&mut self.reader().await?, tenant, release, digest, delta).await?)
    }

    /// Reads at most `limit` approvals, newest first, that are older than `after`.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn approvals(
        &self,
        tenant: &TenantId,
        filter: &ApprovalFilter,
        after: Option<ApprovalId>,
        limit: u32,
    ) -> Result<Vec<ApprovalRow>> {
        let mut query = select();
        query.push_bind(tenant.as_str());
        if let Some(status) = filter.status {
            query.push(" and status = ").push_bind(status.as_str());
        }
        if let Some(agent) = &filter.agent {
            query.push(" and agent = ").push_bind(agent.as_str());
        }
        query.push(" and id < ").push_bind(after.map_or_else(|| ABOVE_ALL_IDS.to_owned(), |id| id.to_string()));
        query.push(" order by id desc limit ").push_bind(i64::from(limit));
        let rows = query.build().fetch_all(&mut self.reader().await?).await.map_err(crate::fault::Failed::from)?;
        Ok(rows.iter().map(read).collect::<Done<_>>()?)
    }
}

async fn ask(tx: &mut Tx, tenant: TenantId, asked: ToApprove) -> Done<ApprovalRow> {
    let ToApprove { release, digest, delta, .. } = &asked;
    if let Some(row) = in_force(&mut tx.connection, &tenant, release, digest, delta).await? {
        return Ok(row);
    }
    // A rejection that is still there is of other bytes under this version.
    supersede(tx, &tenant, release, &["pending", "rejected"]).await?;
    let row = new(&tenant, &asked, tx.now);
    write(tx, &row).await?;
    tell(tx, &row, &asked, "release.pending_approval").await?;
    let entry = entry(AuditKind::ApprovalNeeded, &row, &asked);
    tx.audit(&tenant, entry).await?;
    Ok(row)
}

async fn decide(tx: &mut Tx, tenant: TenantId, asked: ToApprove, decision: Decision) -> Done<ApprovalRow> {
    let Decision { approves, breaking, by, reason } = decision;
    let of_delta = find(&mut tx.connection, &tenant, &asked).await?;
    let ended: &[&str] = if approves { &["pending", "rejected"] } else { &["pending", "rejected", "approved"] };
    supersede(tx, &tenant, &asked.release, ended).await?;
    let mut row = match of_delta {
        Some(row) => row,
        None => new(&tenant, &asked, tx.now),
    };
    row.status = if approves { ApprovalStatus::Approved } else { ApprovalStatus::Rejected };
    row.breaking = approves && breaking;
    (row.principal, row.reason, row.decided_at) = (Some(by), reason, Some(tx.now));
    write(tx, &row).await?;
    let (event, kind) = if approves {
        ("release.approved", AuditKind::ReleaseApproved)
    } else {
        ("release.rejected", AuditKind::ReleaseRejected)
    };
    tell(tx, &row, &asked, event).await?;
    let entry = entry(kind, &row, &asked);
    tx.audit(&tenant, entry).await?;
    Ok(row)
}

fn new(tenant: &TenantId, asked: &ToApprove, now: Timestamp) -> ApprovalRow {
    let ToApprove { id, release, digest, base, delta, .. } = asked.clone();
    ApprovalRow {
        tenant: tenant.clone(),
        id,
        release,
        digest,
        base,
        delta,
        status: ApprovalStatus::Pending,
        breaking: false,
        principal: None,
        reason: None,
        created_at: now,
        decided_at: None,
    }
}

async fn supersede(tx: &mut Tx, tenant: &TenantId, release: &ReleaseRef, ended: &[&str]) -> Done<()> {
    let mut query = Builder::new("update approvals set status = 'superseded' where tenant = ");
    query.push_bind(tenant.as_str()).push(" and agent = ").push_bind(release.agent.as_str());
    query.push(" and version = ").push_bind(release.version.to_string()).push(" and status in (");
    query.push_list(ended.iter().copied()).push(")");
    query.build().execute(&mut tx.connection).await?;
    Ok(())
}

async fn write(tx: &mut Tx, row: &ApprovalRow) -> Done<()> {
    query(
        "insert into approvals
            (tenant, id, agent, version, digest, base_version, base_digest, delta, status, breaking, principal, reason,
             created_at, decided_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         on conflict (tenant, id) do update set
            status = excluded.status, breaking = excluded.breaking, principal = excluded.principal,
            reason = excluded.reason, decided_at = excluded.decided_at",
    )
    .bind(row.tenant.as_str())
    .bind(row.id.to_string())
    .bind(row.release.agent.as_str())
    .bind(row.release.version.to_string())
    .bind(row.digest.to_string())
    .bind(row.base.as_ref().map(|(version, _)| version.to_string()))
    .bind(row.base.as_ref().map(|(_, digest)| digest.to_string()))
    .bind(row.delta.to_string())
    .bind(row.status.as_str())
    .bind(i64::from(row.breaking))
    .bind(&row.principal)
    .bind(&row.reason)
    .bind(row.created_at.as_millis())
    .bind(row.decided_at.map(Timestamp::as_millis))
    .execute(&mut tx.connection)
    .await?;
    Ok(())
}

/// The kinds of what is to be approved, by their words.
fn wants(asked: &ToApprove) -> Vec<&'static str> {
    asked.wants.iter().map(|want| want.as_str()).collect()
}

async fn tell(tx: &mut Tx, row: &ApprovalRow, asked: &ToApprove, event: &str) -> Done<()> {
    let data = json!({
        "agent": row.release.agent.as_str(), "version": row.release.version.to_string(),
        "digest": row.digest.to_string(), "approval": row.id.to_string(), "delta": row.delta.to_string(),
        "base": row.base.as_ref().map(|(version, _)| version.to_string()),
        "wants": wants(asked), "why": asked.why, "by": row.principal, "reason": row.reason,
    });
    tx.announce(&row.tenant, event, &format!("release/{}", row.release), &data);
    Ok(())
}

fn entry(kind: AuditKind, row: &ApprovalRow, asked: &ToApprove) -> AuditEntry {
    let mut entry = AuditEntry::new(kind).by(row.principal.as_deref()).of(&row.release.agent);
    entry = entry.on(&row.release.version, row.digest);
    entry = entry.with("approval", row.id.to_string()).with("delta", row.delta.to_string());
    entry = entry.with("wants", wants(asked));
    if let Some((version, digest)) = &row.base {
        entry = entry.with("base", version.to_string()).with("base_digest", digest.to_string());
    }
    if row.breaking {
        entry = entry.with("breaking", "yes");
    }
    match &row.reason {
        Some(reason) => entry.with("reason", reason.as_str()),
        None => entry,
    }
}

/// What every read of approvals begins with, up to the tenant.
fn select() -> Builder {
    Builder::new("select * from approvals where tenant = ")
}

/// The row of a release over a difference, if it counts.
async fn find(connection: &mut dyn Connection, tenant: &TenantId, asked: &ToApprove) -> Done<Option<ApprovalRow>> {
    let ToApprove { release, digest, delta, .. } = asked;
    let mut query = of(tenant, release, digest);
    query.push(" and delta = ").push_bind(delta.to_string()).push(" and status <> 'superseded'");
    one(query, connection).await
}

async fn in_force(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    release: &ReleaseRef,
    digest: &Digest,
    delta: &Digest,
) -> Done<Option<ApprovalRow>> {
    let mut query = of(tenant, release, digest);
    query.push(" and (status = 'rejected' or (delta = ").push_bind(delta.to_string());
    query.push(" and status <> 'superseded')) order by status = 'rejected' desc limit 1");
    one(query, connection).await
}

fn of(tenant: &TenantId, release: &ReleaseRef, digest: &Digest) -> Builder {
    let mut query = select();
    query.push_bind(tenant.to_string()).push(" and agent = ").push_bind(release.agent.to_string());
    query.push(" and version = ").push_bind(release.version.to_string());
    query.push(" and digest = ").push_bind(digest.to_string());
    query
}

async fn one(mut query: Builder, connection: &mut dyn Connection) -> Done<Option<ApprovalRow>> {
    query.build().fetch_optional(connection).await?.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Done<ApprovalRow> {
    let base: Option<semver::Version> = row.parsed_option("base_version")?;
    let base_digest: Option<Digest> = row.parsed_option("base_digest")?;
    let status = row.get_as::<&str>("status")?;
    Ok(ApprovalRow {
        tenant: row.parsed("tenant")?,
        id: row.parsed("id")?,
        release: ReleaseRef { agent: row.parsed("agent")?, version: row.parsed("version")? },
        digest: row.parsed("digest")?,
        base: base.zip(base_digest),
        delta: row.parsed("delta")?,
        status: ApprovalStatus::parse(status).ok_or_else(|| broken("status", status.to_owned()))?,
        breaking: row.truth("breaking")?,
        principal: row.get_as("principal")?,
        reason: row.get_as("reason")?,
        created_at: row.at("created_at")?,
        decided_at: row.at_option("decided_at")?,
    })
}
