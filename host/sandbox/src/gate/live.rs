//! The grants of an invocation, as they are at this moment.
//!
//! The attack: an agent does what it should not; its operator takes a grant away, and the
//! call that is under way goes on for an hour with what it had. The rule: each live call is
//! authorised by what the invocation began with *and* what is granted now, whatever route
//! it began on. The default: what is taken away cuts the next call; what is added waits for
//! the next invocation, so that nobody's rights grow while they are in use.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use troupe_core::Grants;

use super::Budgets;

/// What invocations of one route may do. Clones are the same.
#[derive(Debug, Clone)]
pub struct LiveGrants(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    begun: Grants,
    now: ArcSwap<Grants>,
    budgets: Budgets,
}

impl LiveGrants {
    /// Grants that are in force as they are, until they are cut, with whole budgets.
    pub fn new(grants: Grants) -> Self {
        Self::drawing_on(grants, Budgets::default())
    }

    /// The same, with what is left of the agent's budgets.
    pub fn drawing_on(grants: Grants, budgets: Budgets) -> Self {
        Self(Arc::new(Inner { now: ArcSwap::from_pointee(grants.clone()), begun: grants, budgets }))
    }

    /// What is left of the agent's budgets.
    pub fn budgets(&self) -> &Budgets {
        &self.0.budgets
    }

    /// What was in force at first.
    pub fn begun(&self) -> &Grants {
        &self.0.begun
    }

    /// Leaves what is in force and `operator` grants as well. What was taken away once is not
    /// given back to what runs.
    pub fn cut_to(&self, operator: &Grants) {
        self.0.now.rcu(|now| now.intersect(operator));
    }

    /// What is in force now.
    pub(crate) fn now(&self) -> Guard<Arc<Grants>> {
        self.0.now.load()
    }
}

impl From<Grants> for LiveGrants {
    fn from(grants: Grants) -> Self {
        Self::new(grants)
    }
}

#[cfg(test)]
mod tests {
    use troupe_core::grant::StateGrant;

    use super::*;

    fn state(bytes: u64) -> Grants {
        Grants { state: Some(StateGrant { bytes, keys: 1, instances: false }), ..Grants::default() }
    }

    #[test]
    fn what_runs_loses_what_is_taken_away_and_gains_nothing() {
        let live = LiveGrants::new(state(10));
        let same = live.clone();
        assert_eq!(**live.now(), state(10));
        for (operator, left) in [
            (state(100), state(10)),
            (state(5), state(5)),
            (state(100), state(5)),
            (Grants::default(), Grants::default()),
        ] {
            live.cut_to(&operator);
            assert_eq!((&**same.now(), same.begun()), (&left, &state(10)));
        }
    }
}
