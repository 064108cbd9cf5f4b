//! Links by which somebody decides about an approval without logging in.
//!
//! The danger: one link decides twice, or is one that nobody made. The rule: each is a row, made before it is
//! handed out, and used up in the transaction of the decision that came by it, or not at all.

use troupe_core::{ApprovalId, Code, Error, LinkId, Result, TenantId, Timestamp, limits};

use super::{TaskApprovalRow, entry, find, tell};
use crate::Store;
use crate::fault::{Done, Failed};
use crate::rows::Columns as _;
use crate::sql::{Connection, Row, query, query_scalar};
use crate::writer::Tx;

const COUNT: &str = "select count(*) from approval_links where tenant = $1 and approval = $2";

/// A link, without what was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalLinkRow {
    /// Its id.
    pub id: LinkId,
    /// The approval that it decides about.
    pub approval: ApprovalId,
    /// Who decides by it.
    pub holder: String,
    /// Who made it.
    pub made_by: String,
    /// When it ceases to be good.
    pub expires_at: Timestamp,
    /// When it decided.
    pub used_at: Option<Timestamp>,
}

impl Store {
    /// Keeps a link to an approval that nobody has decided. Tells the feed `approval.linked`, and the audit.
    ///
    /// # Errors
    /// [`Code::ApprovalDecided`]; [`Code::LimitConcurrency`] if it has as many links as it may.
    pub async fn make_approval_link(&self, tenant: &TenantId, link: ApprovalLinkRow) -> Result<()> {
        let tenant = tenant.clone();
        self.write(move |tx| Box::pin(make(tx, tenant, link))).await
    }

    /// Reads a link.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn approval_link(&self, tenant: &TenantId, id: LinkId) -> Result<Option<ApprovalLinkRow>> {
        Ok(of(&mut self.reader().await?, tenant, id).await?)
    }
}

async fn make(tx: &mut Tx, tenant: TenantId, link: ApprovalLinkRow) -> Done<()> {
    let found = find(&mut tx.connection, &tenant, link.approval).await?;
    let Some(row) = found.filter(|row| row.status == troupe_core::view::TaskApprovalStatus::Pending) else {
        let message = format!("approval {} waits for no decision any more", link.approval);
        return Err(Error::new(Code::ApprovalDecided, message).into());
    };
    let count: i64 =
        query_scalar(COUNT).bind(tenant.as_str()).bind(link.approval.to_string()).fetch_one(&mut tx.connection).await?;
    let most = limits::APPROVAL_LINKS_MAX;
    if u64::try_from(count).unwrap_or(u64::MAX) >= most {
        let message = format!("approval {} has {most} links, as many as it may", link.approval);
        return Err(Error::new(Code::LimitConcurrency, message).into());
    }
    query(
        "insert into approval_links (tenant, id, approval, holder, made_by, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(tenant.as_str())
    .bind(link.id.to_string())
    .bind(link.approval.to_string())
    .bind(&link.holder)
    .bind(&link.made_by)
    .bind(tx.now.as_millis())
    .bind(link.expires_at.as_millis())
    .execute(&mut tx.connection)
    .await?;
    told(tx, &row, &link).await
}

async fn told(tx: &mut Tx, row: &TaskApprovalRow, link: &ApprovalLinkRow) -> Done<()> {
    tell(tx, row, "linked", None, Some(&link.made_by)).await?;
    let entry = entry(row, "linked").by(Some(&link.made_by)).with("link", link.id.to_string());
    let entry = entry.with("for", link.holder.as_str()).with("expires_at", link.expires_at.to_string());
    tx.audit(&row.tenant, entry).await
}

/// Uses a link up for a decision about an approval, once.
pub(super) async fn used(tx: &mut Tx, tenant: &TenantId, id: LinkId, approval: ApprovalId) -> Done<ApprovalLinkRow> {
    let used = query(
        "update approval_links set used_at = $4
         where tenant = $1 and id = $2 and approval = $3 and used_at is null and expires_at > $4 returning *",
    )
    .bind(tenant.as_str())
    .bind(id.to_string())
    .bind(approval.to_string())
    .bind(tx.now.as_millis())
    .fetch_optional(&mut tx.connection)
    .await?;
    let Some(used) = used else {
        let message = "this link has decided already, or is over; ask whoever sent it for another";
        return Err(Error::new(Code::ApprovalLink, message).into());
    };
    read(&used)
}

async fn of(connection: &mut dyn Connection, tenant: &TenantId, id: LinkId) -> Done<Option<ApprovalLinkRow>> {
    let row = query("select * from approval_links where tenant = $1 and id = $2")
        .bind(tenant.as_str())
        .bind(id.to_string())
        .fetch_optional(connection)
        .await
        .map_err(Failed::from)?;
    row.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Done<ApprovalLinkRow> {
    Ok(ApprovalLinkRow {
        id: row.parsed("id")?,
        approval: row.parsed("approval")?,
        holder: row.get_as("holder")?,
        made_by: row.get_as("made_by")?,
        expires_at: row.at("expires_at")?,
        used_at: row.at_option("used_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::plan;

    #[tokio::test]
    async fn links_of_an_approval_are_counted_without_looking_at_others() {
        let plan = plan(COUNT).await;
        assert!(plan.iter().any(|step| step.contains("INDEX approval_links_of")), "{plan:?}");
    }
}
