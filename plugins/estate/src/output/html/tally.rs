//! Findings, counted for the charts of a report.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{Amount, Finding, Severity, Status};

/// Most services that have a bar of their own; the others share one.
const SERVICES_MAX: usize = 12;

/// Findings, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Open ones by severity.
    pub severities: BTreeMap<Severity, u64>,
    /// Open ones by provider and service.
    pub by_service: BTreeMap<String, u64>,
    /// What dealing with the open ones saves in a month, by currency.
    pub savings: BTreeMap<String, Amount>,
    /// How many passed.
    pub passed: u64,
    /// How many could not be checked.
    pub not_checked: u64,
    /// How many failed and are passed over.
    pub suppressed: u64,
}

impl Tally {
    /// Counts one more.
    pub fn add(&mut self, finding: &Finding, now: Timestamp) {
        match finding.status {
            Status::Pass => self.passed += 1,
            Status::NotChecked => self.not_checked += 1,
            Status::Fail if finding.is_suppressed(now) => self.suppressed += 1,
            Status::Fail => {
                *self.severities.entry(finding.severity).or_default() += 1;
                let resource = &finding.resource;
                let service = match resource.service() {
                    service if service == resource.provider.name() => service.to_owned(),
                    service => format!("{} {service}", resource.provider.name()),
                };
                *self.by_service.entry(service).or_default() += 1;
                if let Some(saving) = &finding.saving {
                    *self.savings.entry(saving.currency.clone()).or_default() += saving.monthly;
                }
            }
        }
    }

    /// How many are open.
    pub fn open(&self) -> u64 {
        self.severities.values().sum()
    }

    /// The services with the most open findings, the most first, and what the others have together.
    pub(super) fn services(&self) -> Vec<(String, u64)> {
        let mut all: Vec<(String, u64)> = self.by_service.iter().map(|(name, count)| (name.clone(), *count)).collect();
        all.sort_by(|(one, a), (other, b)| b.cmp(a).then_with(|| one.cmp(other)));
        if all.len() > SERVICES_MAX {
            let others = all.split_off(SERVICES_MAX - 1);
            let count = others.iter().map(|(_, count)| count).sum();
            all.push((format!("{} others", others.len()), count));
        }
        all
    }
}
