//! Which tasks of a tenant need approval, in revisions.

use serde_json::json;
use troupe_core::approval::ApprovalPolicy;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::{Code, Error, Result, TenantId, Timestamp, limits};

use crate::Store;
use crate::fault::{Done, Failed};
use crate::rows::{Columns as _, broken, json as text, number};
use crate::sql::{Connection, Row, query};
use crate::writer::Tx;

const NOW: &str = "select * from approval_policies where tenant = $1 order by revision desc limit 1";

const ALL: &str = "select * from approval_policies as newest where revision =
     (select max(revision) from approval_policies where tenant = newest.tenant)";

/// A tenant's policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalPolicyRow {
    /// The tenant.
    pub tenant: TenantId,
    /// Rises with every change.
    pub revision: u64,
    /// The policy.
    pub policy: ApprovalPolicy,
    /// Who set it.
    pub principal: String,
    /// When.
    pub changed_at: Timestamp,
}

impl Store {
    /// Reads the policy of every tenant that has set one.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn approval_policies(&self) -> Result<Vec<ApprovalPolicyRow>> {
        let rows = query(ALL).fetch_all(&mut self.reader().await?).await.map_err(Failed::from)?;
        Ok(rows.iter().map(read).collect::<Done<_>>()?)
    }

    /// Sets a tenant's policy, as `by` asked: in place of the revision `before`, 0 if there was none, if
    /// that is given. Of those before the newest are kept. Tells the feed `approval_policy.changed`, and
    /// the audit.
    ///
    /// # Errors
    /// [`Code::ApprovalConflict`] if another revision is in force.
    pub async fn set_approval_policy(
        &self,
        tenant: &TenantId,
        before: Option<u64>,
        policy: ApprovalPolicy,
        by: &str,
    ) -> Result<ApprovalPolicyRow> {
        let (tenant, by) = (tenant.clone(), by.to_owned());
        self.write(move |tx| Box::pin(set(tx, tenant, before, policy, by))).await
    }
}

async fn set(
    tx: &mut Tx,
    tenant: TenantId,
    before: Option<u64>,
    policy: ApprovalPolicy,
    by: String,
) -> Done<ApprovalPolicyRow> {
    let found = in_force(&mut tx.connection, &tenant).await?.map_or(0, |row| row.revision);
    if before.is_some_and(|before| before != found) {
        let before = before.unwrap_or_default();
        let message = format!("the approval policy has revision {found} and not {before}; look at it again");
        return Err(Error::new(Code::ApprovalConflict, message).with("revision", found).into());
    }
    let revision = found + 1;
    let row = query(
        "insert into approval_policies (tenant, revision, document, principal, changed_at)
         values ($1, $2, $3, $4, $5) returning *",
    )
    .bind(tenant.as_str())
    .bind(number(revision)?)
    .bind(text(&policy)?)
    .bind(&by)
    .bind(tx.now.as_millis())
    .fetch_one(&mut tx.connection)
    .await?;
    let row = read(&row)?;
    query("delete from approval_policies where tenant = $1 and revision <= $2")
        .bind(tenant.as_str())
        .bind(number(revision.saturating_sub(limits::APPROVAL_POLICIES_KEPT_MAX))?)
        .execute(&mut tx.connection)
        .await?;
    let facts = json!({ "revision": revision, "rules": policy.rules.len(), "by": by });
    tx.announce(&tenant, "approval_policy.changed", "approval_policy", &facts);
    let entry = AuditEntry::new(AuditKind::ApprovalPolicy).by(Some(&by)).with("revision", revision);
    let document = serde_json::to_value(&policy).map_err(|error| broken("policy", error))?;
    tx.audit(&tenant, entry.with("policy", document)).await?;
    Ok(row)
}

async fn in_force(connection: &mut dyn Connection, tenant: &TenantId) -> Done<Option<ApprovalPolicyRow>> {
    let row = query(NOW).bind(tenant.as_str()).fetch_optional(connection).await?;
    row.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Done<ApprovalPolicyRow> {
    let document: &str = row.get_as("document")?;
    Ok(ApprovalPolicyRow {
        tenant: row.parsed("tenant")?,
        revision: row.number("revision")?,
        policy: serde_json::from_str(document).map_err(|error| broken("document", error))?,
        principal: row.get_as("principal")?,
        changed_at: row.at("changed_at")?,
    })
}
