//! What two HTTP grants share, and when one allows all that another does.
//!
//! Meaning counts, not ids: an id is a name for people.

use super::HttpGrant;
use super::budget::LineBudget;
use super::path;
use crate::{ActionPattern, Effect};

impl HttpGrant {
    /// Returns what both allow; none if that is nothing.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        if self.scheme != other.scheme || self.port() != other.port() || self.credential != other.credential {
            return None;
        }
        let mut methods: Vec<String> =
            self.methods.iter().filter(|method| other.admits_method(method)).cloned().collect();
        methods.sort();
        let actions = shared_actions(&self.actions, &other.actions);
        if methods.is_empty() || (actions.is_empty() && !self.actions.is_empty()) {
            return None;
        }
        Some(Self {
            id: self.id.as_str().min(other.id.as_str()).to_owned(),
            scheme: self.scheme,
            host: self.host.intersect(&other.host)?,
            port: self.port,
            methods,
            path_prefix: path::shared(&self.path_prefix, &other.path_prefix)?,
            credential: self.credential.clone(),
            actions,
            effect: stricter(self.effect, other.effect),
            private: self.private && other.private,
            budget: self.budget.intersect(&other.budget),
            redirects: self.redirects.min(other.redirects),
            retries: self.retries.min(other.retries),
            made_of: both(self.budgets(), other.budgets()),
        })
    }

    /// Whether `self` allows all that `other` does.
    pub fn covers(&self, other: &Self) -> bool {
        self.scheme == other.scheme
            && self.port() == other.port()
            && self.credential == other.credential
            && self.host.covers(&other.host)
            && path::covers(&self.path_prefix, &other.path_prefix)
            && (self.private || !other.private)
            && self.budget.covers(&other.budget)
            && self.redirects >= other.redirects
            && self.retries >= other.retries
            && other.methods.iter().all(|method| {
                let no_stricter = self.effect_of(method) <= other.effect_of(method);
                self.admits_method(method) && (no_stricter || !other.actions.is_empty())
            })
            && other.actions.iter().all(|action| self.actions.iter().any(|own| own.covers(action)))
    }

    /// Splits the grant into grants of one method and at most one action each.
    fn atoms(&self) -> impl Iterator<Item = Self> {
        let actions: Vec<Vec<ActionPattern>> = match self.actions.as_slice() {
            [] => vec![Vec::new()],
            actions => actions.iter().map(|action| vec![action.clone()]).collect(),
        };
        self.methods.iter().flat_map(move |method| {
            actions.clone().into_iter().map(|actions| Self { methods: vec![method.clone()], actions, ..self.clone() })
        })
    }
}

/// What both lists allow, without what another of the list allows already.
pub(super) fn intersect(one: &[HttpGrant], two: &[HttpGrant]) -> Vec<HttpGrant> {
    let mut all: Vec<HttpGrant> = one.iter().flat_map(|one| two.iter().filter_map(|two| one.intersect(two))).collect();
    all.sort();
    all.dedup();
    let mut kept: Vec<HttpGrant> = Vec::new();
    for grant in all {
        if kept.iter().any(|other| other.covers(&grant)) {
            continue;
        }
        kept.retain(|other| !grant.covers(other));
        kept.push(grant);
    }
    kept
}

/// Whether every call that `narrow` allows is allowed by one of `wide`.
pub(super) fn covers(wide: &[HttpGrant], narrow: &[HttpGrant]) -> bool {
    narrow.iter().flat_map(HttpGrant::atoms).all(|atom| wide.iter().any(|wide| wide.covers(&atom)))
}

/// The budgets of both lines, each once.
fn both(mut one: Vec<LineBudget>, two: Vec<LineBudget>) -> Vec<LineBudget> {
    one.extend(two);
    one.sort();
    one.dedup();
    one
}

fn shared_actions(one: &[ActionPattern], two: &[ActionPattern]) -> Vec<ActionPattern> {
    let both = |one: &ActionPattern, two: &ActionPattern| {
        if one.covers(two) { Some(two.clone()) } else { two.covers(one).then(|| one.clone()) }
    };
    let mut shared: Vec<ActionPattern> =
        one.iter().flat_map(|one| two.iter().filter_map(|two| both(one, two))).collect();
    shared.sort();
    shared.dedup();
    let redundant = |action: &ActionPattern| shared.iter().any(|other| other != action && other.covers(action));
    shared.iter().filter(|action| !redundant(action)).cloned().collect()
}

/// The claim that lets less through: a call whose class is higher needs a higher ceiling.
/// No claim leaves it to the method, which is between `read` and `write`.
fn stricter(one: Option<Effect>, two: Option<Effect>) -> Option<Effect> {
    let rank = |claim: Option<Effect>| match claim {
        Some(Effect::Read) => 0,
        None => 1,
        Some(Effect::Write) => 2,
        Some(Effect::Destructive) => 3,
    };
    if rank(one) >= rank(two) { one } else { two }
}
