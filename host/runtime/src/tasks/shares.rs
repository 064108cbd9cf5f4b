//! How much of what everybody needs one tenant and one agent may have. Places to run in are shared in another way
//! (`places.rs`): they come free by themselves.
//!
//! The attack: one agent is slow, or is asked for without end, and takes every place of the
//! host, so that nobody else is served. The rule: beside what the host has in all, a tenant
//! has a share and each of its agents has one; whoever has used up its own waits for its own.
//! The default: more is refused at once with [`Code::LimitConcurrency`], which is retryable,
//! and never kept waiting without a bound.

use std::collections::HashMap;
use std::fmt;

use troupe_core::{AgentName, Code, Error, TenantId};

/// A deployment.
pub(crate) type Key = (TenantId, AgentName);

/// The most of something: in all, for a tenant, for an agent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Most {
    pub(crate) all: usize,
    pub(crate) tenant: usize,
    pub(crate) agent: usize,
}

/// Who has how much of something. It counts and does not refuse: what was promised before
/// may be more than a share.
#[derive(Debug)]
pub(crate) struct Shares {
    most: Most,
    all: usize,
    tenants: HashMap<TenantId, usize>,
    agents: HashMap<Key, usize>,
}

/// Whose share is used up, and how much that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    Host(usize),
    Tenant(usize),
    Agent(usize),
}

impl Shares {
    pub(crate) fn new(most: Most) -> Self {
        Self { most, all: 0, tenants: HashMap::new(), agents: HashMap::new() }
    }

    /// Whose share keeps `key` from having one more.
    pub(crate) fn full(&self, key: &Key) -> Option<Full> {
        let of_agent = self.agents.get(key).copied().unwrap_or(0);
        self.full_for(&key.0).or_else(|| (of_agent >= self.most.agent).then_some(Full::Agent(self.most.agent)))
    }

    /// How many more there may be in all.
    pub(crate) const fn left(&self) -> usize {
        self.most.all.saturating_sub(self.all)
    }

    /// The agents that have used up their share.
    pub(crate) fn full_agents(&self) -> Vec<Key> {
        self.agents.iter().filter(|(_, count)| **count >= self.most.agent).map(|(key, _)| key.clone()).collect()
    }

    /// How many there are in all, of the tenant of `key`, and of `key`.
    pub(super) fn counts(&self, key: &Key) -> (usize, usize, usize) {
        let tenant = self.tenants.get(&key.0).copied().unwrap_or(0);
        (self.all, tenant, self.agents.get(key).copied().unwrap_or(0))
    }

    pub(crate) fn take(&mut self, key: &Key) {
        self.take_for(&key.0);
        *self.agents.entry(key.clone()).or_default() += 1;
    }

    pub(crate) fn give(&mut self, key: &Key) {
        self.give_for(&key.0);
        less(&mut self.agents, key);
    }

    /// Whose share keeps a tenant from having one more that is no agent's.
    pub(super) fn full_for(&self, tenant: &TenantId) -> Option<Full> {
        let of_tenant = self.tenants.get(tenant).copied().unwrap_or(0);
        if self.all >= self.most.all {
            Some(Full::Host(self.most.all))
        } else if of_tenant >= self.most.tenant {
            Some(Full::Tenant(self.most.tenant))
        } else {
            None
        }
    }

    pub(super) fn take_for(&mut self, tenant: &TenantId) {
        self.all += 1;
        *self.tenants.entry(tenant.clone()).or_default() += 1;
    }

    /// Whether nobody has any.
    pub(super) const fn is_empty(&self) -> bool {
        self.all == 0
    }

    pub(super) fn give_for(&mut self, tenant: &TenantId) {
        self.all = self.all.saturating_sub(1);
        less(&mut self.tenants, tenant);
    }
}

/// One less; what is none is forgotten, so that the table holds only who has something.
fn less<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

impl Full {
    /// The refusal, of what `doing` so many are counted, such as `calls run`.
    pub(super) fn error(self, key: &Key, doing: impl fmt::Display) -> Error {
        match self {
            Self::Agent(most) => self.told(most, format!("agent `{}`", key.1), doing),
            Self::Host(_) | Self::Tenant(_) => self.error_for(&key.0, doing),
        }
    }

    /// The refusal of what is no agent's.
    pub(super) fn error_for(self, tenant: &TenantId, doing: impl fmt::Display) -> Error {
        match self {
            Self::Host(most) => self.told(most, "this host".to_owned(), doing),
            Self::Tenant(most) | Self::Agent(most) => self.told(most, format!("tenant `{tenant}`"), doing),
        }
    }

    fn told(self, most: usize, whose: String, doing: impl fmt::Display) -> Error {
        let share = match self {
            Self::Host(_) => "all that this host takes",
            Self::Tenant(_) | Self::Agent(_) => "its share of this host",
        };
        let message = format!("{most} {doing} of {whose} already, {share}; try again later");
        Error::new(Code::LimitConcurrency, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(tenant: &str, agent: &str) -> Key {
        (tenant.parse().unwrap(), agent.parse().unwrap())
    }

    #[test]
    fn an_agent_a_tenant_and_the_host_each_have_their_most() {
        let mut shares = Shares::new(Most { all: 4, tenant: 3, agent: 2 });
        let (slow, other, neighbour) = (key("acme", "slow"), key("acme", "other"), key("zeta", "slow"));
        shares.take(&slow);
        assert_eq!(shares.full(&slow), None);
        shares.take(&slow);
        assert_eq!((shares.full(&slow), shares.full(&other)), (Some(Full::Agent(2)), None));
        shares.take(&other);
        assert_eq!((shares.full(&other), shares.full(&neighbour)), (Some(Full::Tenant(3)), None));
        shares.take(&neighbour);
        assert_eq!(shares.full(&neighbour), Some(Full::Host(4)));
        for key in [&slow, &slow, &other, &neighbour] {
            shares.give(key);
        }
        assert!(shares.tenants.is_empty() && shares.agents.is_empty() && shares.all == 0);
    }

    #[test]
    fn a_refusal_says_whose_share_it_is() {
        let told = |full: Full| full.error(&key("acme", "slow"), "calls run").message;
        assert_eq!(told(Full::Host(4)), "4 calls run of this host already, all that this host takes; try again later");
        assert_eq!(
            told(Full::Agent(2)),
            "2 calls run of agent `slow` already, its share of this host; try again later"
        );
        assert!(Full::Tenant(3).error(&key("acme", "slow"), "calls run").retryable);
    }
}
