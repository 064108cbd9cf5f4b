//! What the recommenders said, each thing once.
//!
//! One recommendation may be told in several places: a disk of a region lies in two zones. It is the same if it is the
//! same finding with the same advice.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use troupe_cloud::{Kept, KeptAll};
use troupe_estate::{Amount, Finding, Money};
use troupe_sdk::Failure;

/// What was said until now.
pub struct Said(RefCell<Inner>);

struct Inner {
    findings: Kept<Finding>,
    savings: BTreeMap<String, Amount>,
    /// The hashes of what was taken.
    taken: BTreeSet<u64>,
}

impl Said {
    /// Nothing yet.
    pub const fn new() -> Self {
        let findings = Kept::new("findings");
        Self(RefCell::new(Inner { findings, savings: BTreeMap::new(), taken: BTreeSet::new() }))
    }

    /// Takes what is recommended, unless it was taken before.
    pub fn take(&self, finding: Finding) {
        let mut inner = self.0.borrow_mut();
        let mut hasher = DefaultHasher::new();
        (&finding.fingerprint, &finding.fix).hash(&mut hasher);
        if !inner.taken.insert(hasher.finish()) {
            return;
        }
        if let Some(Money { monthly, currency, .. }) = &finding.saving {
            *inner.savings.entry(currency.clone()).or_default() += *monthly;
        }
        inner.findings.take(finding);
    }

    /// All of it, and what it saves by currency.
    ///
    /// # Errors
    ///
    /// What the host said, if the findings are too many for an output and could not be written.
    pub fn finish(self) -> Result<(KeptAll<Finding>, BTreeMap<String, Amount>), Failure> {
        let Inner { findings, savings, .. } = self.0.into_inner();
        let mut findings = findings.finish()?;
        // Amounts of two currencies are neither larger nor smaller than each other.
        findings.entries.sort_by_cached_key(|finding| {
            let saving = finding.saving.as_ref();
            let largest = saving.map(|money| (money.currency.clone(), Reverse(money.monthly)));
            (largest.is_none(), largest, finding.fingerprint.clone())
        });
        Ok((findings, savings))
    }
}
