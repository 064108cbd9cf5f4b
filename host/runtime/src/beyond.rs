//! What keys that are bound to agents asked for beyond those, as the audit has it.
//!
//! *The attack:* a key that was stolen, or an agent that was taken over, tries what it may not, and nobody sees it; or
//! it tries so often that the audit holds nothing else, and the disk is full. *The rule:* the first refusal at a route
//! is on record at once, further ones within the minute are counted and are one record more when it is over; of one key
//! so many routes are told apart in a minute, and all others are one. *The default:* a key that is bound to nothing is
//! refused without a record, since it is a person's or a program's own, and what it lacks is a scope.
//!
//! ```text
//! refused ── first of its minute ──▸ a record, times 1
//!         └─ further ones ──▸ counted ── the minute is over, or the host stops ──▸ a record, times N
//! ```

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::{Caller, Code, Result, TenantId, limits};

use crate::Runtime;

/// What stands for all routes beyond those that are told apart.
const OTHERS: &str = "others";

/// Refusals of the last minute.
#[derive(Debug, Default)]
pub(crate) struct Beyond(Mutex<HashMap<Party, HashMap<String, Counted>>>);

/// Who asked: the tenant and the name there.
type Party = (TenantId, String);

#[derive(Debug)]
struct Counted {
    since: Instant,
    /// How many are on no record yet.
    times: u64,
}

/// A route at which somebody was refused so often.
type Refused = (Party, String, u64);

impl Beyond {
    /// Counts one more; the route under which it is to be recorded at once, if it is the first of its minute.
    fn count(&self, party: Party, route: &str, now: Instant) -> Option<String> {
        let mut all = self.lock();
        let routes = all.entry(party).or_default();
        let is_known = routes.contains_key(route) || routes.len() < limits::REFUSED_ROUTES_MAX;
        let route = if is_known { route } else { OTHERS };
        if let Some(counted) = routes.get_mut(route) {
            counted.times += 1;
            return None;
        }
        routes.insert(route.to_owned(), Counted { since: now, times: 0 });
        Some(route.to_owned())
    }

    /// Takes those whose minute is over by `now`; with nothing said, all.
    fn over(&self, now: Option<Instant>) -> Vec<Refused> {
        let mut over = Vec::new();
        self.lock().retain(|party, routes| {
            routes.retain(|route, counted| {
                let is_over =
                    now.is_none_or(|now| now.saturating_duration_since(counted.since) >= limits::REFUSED_TOGETHER);
                if is_over && counted.times > 0 {
                    over.push((party.clone(), route.clone(), counted.times));
                }
                !is_over
            });
            !routes.is_empty()
        });
        over
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Party, HashMap<String, Counted>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runtime {
    /// Takes note that somebody was refused for want of a right at a route, which is its method and its path with
    /// the names of what it is about left out.
    pub async fn refused_at(&self, caller: &Caller, route: &str) {
        if caller.agents.is_empty() {
            return;
        }
        let party = (caller.tenant.clone(), caller.principal.clone());
        if let Some(route) = self.beyond.count(party.clone(), route, Instant::now()) {
            self.record_refused(vec![(party, route, 1)]).await;
        }
    }

    /// Records what was counted, each when its minute is over, until the host stops.
    pub(crate) fn keep_beyond(&self) {
        let runtime = self.clone();
        tokio::spawn(async move {
            while !runtime.is_stopping() {
                tokio::time::sleep(limits::LEASE_RENEWAL).await;
                let over = runtime.beyond.over(Some(Instant::now()));
                runtime.record_refused(over).await;
            }
        });
    }

    /// Records what was counted and is on no record yet.
    pub(crate) async fn record_beyond(&self) {
        self.record_refused(self.beyond.over(None)).await;
    }

    /// A refusal stands whether or not it is on record.
    async fn record_refused(&self, refused: Vec<Refused>) {
        for ((tenant, principal), route, times) in refused {
            if let Err(error) = self.try_record(&tenant, &principal, route, times).await {
                let cause = error.cause_chain();
                tracing::warn!(%tenant, principal, times, cause, "refusals are not in the audit: {error}");
            }
        }
    }

    async fn try_record(&self, tenant: &TenantId, principal: &str, route: String, times: u64) -> Result<()> {
        let entry = AuditEntry::new(AuditKind::AccessRefused).by(Some(principal)).with("route", route);
        self.store.audit(tenant, vec![AuditEntry { code: Some(Code::AuthScope), times, ..entry }]).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_at_once_the_others_as_one_and_no_key_fills_the_audit() {
        let (beyond, start) = (Beyond::default(), Instant::now());
        let party = |name: &str| (TenantId::default(), name.to_owned());
        assert_eq!(beyond.count(party("key/1"), "GET /a", start).as_deref(), Some("GET /a"));
        for _ in 0..1_000 {
            assert_eq!(beyond.count(party("key/1"), "GET /a", start), None);
        }
        let told: Vec<String> =
            (0..1_000).filter_map(|n| beyond.count(party("key/1"), &format!("GET /{n}"), start)).collect();
        assert_eq!((told.len(), told.last().map(String::as_str)), (limits::REFUSED_ROUTES_MAX, Some(OTHERS)));
        assert!(beyond.count(party("key/2"), "GET /a", start).is_some(), "each key is counted by itself");
        assert!(beyond.over(Some(start)).is_empty());
        let mut over = beyond.over(Some(start + limits::REFUSED_TOGETHER));
        over.sort();
        let others = 1_000 - limits::REFUSED_ROUTES_MAX as u64;
        assert_eq!(over, [(party("key/1"), "GET /a".to_owned(), 1_000), (party("key/1"), OTHERS.to_owned(), others)]);
        assert!(beyond.lock().is_empty());
        assert!(beyond.count(party("key/1"), "GET /a", start).is_some());
        assert!(beyond.over(None).is_empty(), "what is on record is not told again");
    }
}
