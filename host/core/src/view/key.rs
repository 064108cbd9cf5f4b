//! API keys as clients create and see them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::trust::NamePattern;
use crate::{Caller, KeyId, KeyName, Scope, TenantId, Timestamp};

/// A request for a key.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// What people call it.
    #[schema(value_type = String)]
    pub name: KeyName,
    /// What its holder may do: scopes that the caller holds itself, and never `owner`.
    pub scopes: Vec<Scope>,
    /// For how many seconds it is good; for ever when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_s: Option<u64>,
    /// The agents that it is bound to: `aws`, `aws*` or `*`. It changes nothing of others, and nothing
    /// that is of no agent. It is bound to none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub agents: Option<Vec<NamePattern>>,
}

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyView {
    /// The id; tasks that its holder asks for name `key/ID` as who asked.
    #[schema(value_type = String)]
    pub id: KeyId,
    /// What people call it.
    #[schema(value_type = String)]
    pub name: KeyName,
    /// What its holder may do.
    pub scopes: Vec<Scope>,
    /// The agents that it is bound to; absent if to none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub agents: Vec<NamePattern>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it ceases to be good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
    /// When it was used last, to about a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub used_at: Option<Timestamp>,
}

/// A key that was just made.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct CreatedKey {
    /// The key.
    #[serde(flatten)]
    pub key: KeyView,
    /// Its secret, shown this once. Send it as `Authorization: Bearer TOKEN`.
    pub token: String,
}

impl std::fmt::Debug for CreatedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedKey").field("key", &self.key).finish_non_exhaustive()
    }
}

/// Who the caller is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhoView {
    /// The tenant it acts in.
    #[schema(value_type = String)]
    pub tenant: TenantId,
    /// Its name there: `owner`, or `key/ID`.
    pub principal: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The agents that it is bound to; absent if to none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub agents: Vec<NamePattern>,
}

impl From<Caller> for WhoView {
    fn from(caller: Caller) -> Self {
        let Caller { tenant, principal, scopes, agents } = caller;
        Self { tenant, principal, scopes, agents }
    }
}
