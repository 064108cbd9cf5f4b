//! Tenants as the owner creates and sees them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{TenantId, Timestamp};

/// A request for a tenant.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTenant {
    /// Its name, for good.
    #[schema(value_type = String)]
    pub name: TenantId,
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TenantView {
    /// Its name.
    #[schema(value_type = String)]
    pub name: TenantId,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Since when it is disabled: none of its keys opens a door, and nothing of it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub disabled_at: Option<Timestamp>,
}
