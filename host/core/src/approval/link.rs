//! What a link says by which somebody decides about one approval without logging in.
//!
//! *The attack:* a link is made up, or one of another approval, another person or another time is passed off
//! as this one. *The rule:* a link carries a document that names all of it, signed whole by the host's key;
//! whoever signs says by its `format` that it is this and nothing else that a key of ours signs. *The
//! default:* a link lasts for a day.
//!
//! It is used up with the decision, which its row knows and not the link (`troupe_store`).

use serde::{Deserialize, Serialize};

use crate::{ApprovalId, Error, LinkId, Result, TenantId, Timestamp};

/// What a link says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalLink {
    format: Format,
    /// The tenant.
    pub tenant: TenantId,
    /// The approval that it decides about.
    pub approval: ApprovalId,
    /// Its own id.
    pub id: LinkId,
    /// Who decides by it: `owner` or `key/ID`.
    #[serde(rename = "for")]
    pub holder: String,
    /// When it ceases to be good.
    pub expires_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Format {
    #[serde(rename = "troupe-approval-link/1")]
    One,
}

impl ApprovalLink {
    /// A link.
    pub const fn new(
        tenant: TenantId,
        approval: ApprovalId,
        id: LinkId,
        holder: String,
        expires_at: Timestamp,
    ) -> Self {
        Self { format: Format::One, tenant, approval, id, holder, expires_at }
    }

    /// The bytes that are signed.
    ///
    /// # Errors
    /// A fault of the host.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(Error::internal)
    }

    /// Reads what was signed; nothing if it is something else.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}
