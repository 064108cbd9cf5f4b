//! Who asks. Every entry of the runtime takes a [`Caller`], so no door can skip the
//! question of what the caller may do; [`Caller::require`] and [`Caller::require_for`] are the one
//! answer to it.
//!
//! | scope     | what its holder may do |
//! |-----------|------------------------|
//! | `read`    | see agents, deployments, instances, tasks, their journals, schedules and the feed |
//! | `run`     | create and cancel tasks and groups of them, start and stop instances, hold sessions; with `read`, replay tasks |
//! | `operate` | publish releases and change them, swap, configure, grant, lift a quarantine, redact tasks; with `run`, set schedules; with `read`, see and end sessions of others |
//! | `approve` | approve of releases that widen something, or reject them; decide about tasks that wait for it |
//! | `audit`   | see the audit of its own tenant |
//! | `admin`   | give, see and revoke keys of its own tenant; say whose signatures its releases need, and which of its tasks wait for approval |
//! | `metrics` | see the host's metrics, which tell of every tenant |
//! | `machine` | grant, where it may `operate`, what leads into the host's machine and network |
//! | `owner`   | make and disable tenants, collect; do what `audit` and `admin` may in any tenant |
//!
//! All of it holds within the caller's own tenant, but for the last three. Scopes do not
//! imply one another. Nobody gives a key a scope that it does not hold itself, so `metrics`
//! and `machine` come from the owner first, and `owner` belongs to the token of the data
//! directory: no key has it.
//!
//! *The attack:* a build system's token leaks, and with it whoever found it changes every agent of
//! the tenant. *The rule:* a key may be bound to names of agents. What its scopes let it do it then
//! does to agents of those names alone, and nothing to what is of no agent: keys, trust, tenants. It
//! sees what its scopes show, of other agents too. *The default:* a key is bound to none; and an
//! entry that does not say which agent it is about is closed to a bound one.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::trust::NamePattern;
use crate::{AgentName, Code, Error, Result, TenantId};

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
    /// Approve of releases and of tasks that wait for it, or reject them. Not part of [`Scope::Operate`], so that who publishes
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

    /// Whether its holder sees something by it, and changes nothing.
    const fn only_shows(self) -> bool {
        matches!(self, Self::Read | Self::Audit | Self::Metrics)
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
    /// The names of the agents that it is bound to; bound to none when empty.
    pub agents: Vec<NamePattern>,
}

impl Caller {
    /// The name of whoever shows the token of the data directory.
    pub const OWNER: &str = "owner";

    /// Returns the caller that owns a data directory: every scope.
    pub fn owner(tenant: TenantId) -> Self {
        Self { tenant, principal: Self::OWNER.to_owned(), scopes: Scope::ALL.to_vec(), agents: Vec::new() }
    }

    /// Returns somebody for whom the host does what was accepted of them: nothing is asked of their
    /// scopes then, so this has none.
    pub fn absent(tenant: &TenantId, principal: &str) -> Self {
        Self { tenant: tenant.clone(), principal: principal.to_owned(), scopes: Vec::new(), agents: Vec::new() }
    }

    /// Checks that the caller holds `scope` for what is of its whole tenant, or of the host. One that
    /// is bound to agents sees by that, and changes nothing.
    ///
    /// # Errors
    /// [`Code::AuthScope`] naming the scope that is missing, or what the caller is bound to.
    pub fn require(&self, scope: Scope) -> Result<()> {
        self.require_for_some(scope)?;
        if self.agents.is_empty() || scope.only_shows() {
            return Ok(());
        }
        Err(self.beyond("this is about more than those; use a token that is bound to none"))
    }

    /// Checks that the caller holds `scope` for what is of one agent.
    ///
    /// # Errors
    /// As [`Caller::require`].
    pub fn require_for(&self, scope: Scope, agent: &AgentName) -> Result<()> {
        self.require_for_some(scope)?;
        if self.agents.is_empty() || scope.only_shows() || self.agents.iter().any(|names| names.takes(agent)) {
            return Ok(());
        }
        Err(self.beyond(&format!("`{agent}` is none of them; use a token that may act for it")))
    }

    /// Checks that the caller holds `scope` for some agent, where it is not known yet which one is
    /// meant. [`Caller::require_for`] has to follow before anything is done.
    ///
    /// # Errors
    /// [`Code::AuthScope`] naming the scope that is missing.
    pub fn require_for_some(&self, scope: Scope) -> Result<()> {
        if self.scopes.contains(&scope) {
            return Ok(());
        }
        Err(Error::new(
            Code::AuthScope,
            format!("this token lacks the scope `{}`; use one that has it", scope.as_str()),
        ))
    }

    /// The refusal of what is beyond the agents that the caller is bound to.
    fn beyond(&self, why: &str) -> Error {
        let names: Vec<String> = self.agents.iter().map(NamePattern::to_string).collect();
        let message = format!("`{}` is bound to the agents `{}`, and {why}", self.principal, names.join("`, `"));
        Error::new(Code::AuthScope, message).with("agents", names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(scopes: &[Scope], agents: &[&str]) -> Caller {
        let agents = agents.iter().map(|names| names.parse().unwrap()).collect();
        Caller { tenant: TenantId::default(), principal: "key/1".into(), scopes: scopes.to_vec(), agents }
    }

    #[test]
    fn a_missing_scope_is_named() {
        let caller = caller(&[Scope::Read], &[]);
        assert!(caller.require(Scope::Read).is_ok());
        let error = caller.require(Scope::Operate).unwrap_err();
        assert_eq!(error.code, Code::AuthScope);
        assert!(error.message.contains("`operate`"));
    }

    #[test]
    fn a_caller_that_is_bound_acts_for_its_agents_alone_and_sees_all() {
        let (aws, gcp) = ("aws-costs".parse().unwrap(), "gcp".parse().unwrap());
        let bound = caller(&Scope::ALL, &["aws*", "azure"]);
        let free = caller(&Scope::ALL, &[]);
        for scope in Scope::ALL {
            assert!(free.require(scope).is_ok() && free.require_for(scope, &gcp).is_ok());
            assert!(bound.require_for_some(scope).is_ok() && bound.require_for(scope, &aws).is_ok());
            assert_eq!(bound.require_for(scope, &gcp).is_ok(), scope.only_shows());
            assert_eq!(bound.require(scope).is_ok(), scope.only_shows());
        }
        let none = caller(&[], &["aws*"]);
        assert!(none.require_for(Scope::Run, &aws).unwrap_err().message.contains("lacks the scope `run`"));
        let error = bound.require_for(Scope::Operate, &gcp).unwrap_err();
        assert_eq!(error.code, Code::AuthScope);
        insta::assert_snapshot!(error.message, @"`key/1` is bound to the agents `aws*`, `azure`, and `gcp` is none of them; use a token that may act for it");
        insta::assert_snapshot!(bound.require(Scope::Admin).unwrap_err().message, @"`key/1` is bound to the agents `aws*`, `azure`, and this is about more than those; use a token that is bound to none");
    }
}
