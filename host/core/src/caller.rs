//! Who asks. Every entry of the runtime takes a [`Caller`], so no door can skip the
//! question of what the caller may do; [`Caller::require`] is the one answer to it.
//!
//! | scope     | what its holder may do |
//! |-----------|------------------------|
//! | `read`    | see agents, deployments, instances, tasks, their journals and the feed |
//! | `run`     | create and cancel tasks, start and stop instances; with `read`, replay tasks |
//! | `operate` | publish releases and change them, swap, configure, grant, lift a quarantine, redact tasks |
//! | `approve` | approve of releases that widen something, or reject them |
//! | `audit`   | see the audit of its own tenant |
//! | `admin`   | give, see and revoke keys of its own tenant; say whose signatures its releases need |
//! | `metrics` | see the host's metrics, which tell of every tenant |
//! | `machine` | grant, where it may `operate`, what leads into the host's machine and network |
//! | `owner`   | make and disable tenants, collect; do what `audit` and `admin` may in any tenant |
//!
//! All of it holds within the caller's own tenant, but for the last three. Scopes do not
//! imply one another. Nobody gives a key a scope that it does not hold itself, so `metrics`
//! and `machine` come from the owner first, and `owner` belongs to the token of the data
//! directory: no key has it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Code, Error, Result, TenantId};

/// What a caller may do, as the table above says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Scope {
    /// See agents, deployments, instances, tasks and the feed.
    Read,
    /// Create and cancel tasks, start and stop instances; with [`Scope::Read`], replay tasks.
    Run,
    /// Publish releases, configure and swap deployments, redact tasks.
    Operate,
    /// Approve of releases, or reject them. Not part of [`Scope::Operate`], so that who publishes
    /// and swaps does not have to be who says that a release may do more than the one before.
    Approve,
    /// See the audit of one's own tenant.
    Audit,
    /// Manage the keys of one's own tenant, and say whose signatures its releases need.
    Admin,
    /// See the host's metrics.
    Metrics,
    /// Grant directories of the host's machine and places in its network.
    Machine,
    /// Manage tenants, see the audit and manage the keys of any. No key has it.
    Owner,
}

impl Scope {
    /// Every scope, from least to most powerful.
    pub const ALL: [Self; 9] = [
        Self::Read,
        Self::Run,
        Self::Operate,
        Self::Approve,
        Self::Audit,
        Self::Admin,
        Self::Metrics,
        Self::Machine,
        Self::Owner,
    ];

    /// The word used in documents and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Run => "run",
            Self::Operate => "operate",
            Self::Approve => "approve",
            Self::Audit => "audit",
            Self::Admin => "admin",
            Self::Metrics => "metrics",
            Self::Machine => "machine",
            Self::Owner => "owner",
        }
    }

    /// The scope that `text` spells.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

/// An authenticated party: the tenant it acts in, its name there, and what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The tenant. It comes from the credential, never from a request's path or body.
    pub tenant: TenantId,
    /// The name under which the audit and the task record it.
    pub principal: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
}

impl Caller {
    /// The name of whoever shows the token of the data directory.
    pub const OWNER: &str = "owner";

    /// Returns the caller that owns a data directory: every scope.
    pub fn owner(tenant: TenantId) -> Self {
        Self { tenant, principal: Self::OWNER.to_owned(), scopes: Scope::ALL.to_vec() }
    }

    /// Checks that the caller holds `scope`; this is the one authorisation of callers.
    ///
    /// # Errors
    /// [`Code::AuthScope`] naming the scope that is missing.
    pub fn require(&self, scope: Scope) -> Result<()> {
        if self.scopes.contains(&scope) {
            return Ok(());
        }
        Err(Error::new(
            Code::AuthScope,
            format!("this token lacks the scope `{}`; use one that has it", scope.as_str()),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_scope_is_named() {
        let caller = Caller { tenant: TenantId::default(), principal: "ci".into(), scopes: vec![Scope::Read] };
        assert!(caller.require(Scope::Read).is_ok());
        let error = caller.require(Scope::Operate).unwrap_err();
        assert_eq!(error.code, Code::AuthScope);
        assert!(error.message.contains("`operate`"));
    }
}
