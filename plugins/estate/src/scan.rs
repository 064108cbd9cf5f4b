//! What a scan looked at, and what it could not: why something may be absent from it.
//!
//! A comparison asks this of everything that was there before and is not now. It is gone only if the scan
//! looked where it was, with the rule that found it, and nothing that went wrong may hide it. A scan that
//! says nothing about itself looked at nothing.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Finding, Problem, Provider, Reference};

/// What a scan looked at, and what it could not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Scan {
    /// Where it looked: what lies in any of these.
    pub areas: Vec<Area>,
    /// The rules it applied; every one there is, if it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<BTreeSet<String>>,
    /// What it could not look at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
}

/// A part of a provider's cloud. A list that is empty bounds nothing.
///
/// A service whose resources are found wherever they are, whatever regions were asked for, such as S3 or
/// IAM, is an area of its own without regions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Area {
    /// Whose cloud.
    pub provider: Provider,
    /// The accounts, subscriptions or projects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
    /// The regions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<String>,
    /// The services, as problems name them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
}

/// Why something that was there before may still be, though this scan does not tell of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Why {
    /// Of which kind the reason is.
    pub kind: WhyKind,
    /// The reason for people.
    pub reason: String,
}

/// Of which kind a reason is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhyKind {
    /// The scan did not look there.
    NotLookedAt,
    /// The rule was not applied.
    RuleNotApplied,
    /// Something went wrong that may hide it.
    Problem,
    /// The rule was applied and nobody could tell.
    NotChecked,
}

impl Area {
    /// All of a provider's cloud.
    pub fn all(provider: Provider) -> Self {
        Self { provider, ..Self::default() }
    }

    fn contains(&self, resource: &Reference) -> bool {
        let provider = self.provider;
        let bounds = |list: &[String], it: Option<&str>| {
            list.is_empty() || it.is_some_and(|it| list.iter().any(|one| provider.same(one, it)))
        };
        provider == resource.provider
            && bounds(&self.accounts, resource.account.as_deref())
            && bounds(&self.regions, Some(&resource.region))
            && bounds(&self.services, Some(resource.service()))
    }
}

impl Scan {
    /// Why a resource may be there though the scan does not tell of it; none if it is gone.
    pub fn why_absent(&self, resource: &Reference) -> Option<Why> {
        if !self.areas.iter().any(|area| area.contains(resource)) {
            let reason = format!("{} in {} was not looked at", resource.service(), resource.region);
            return Some(Why { kind: WhyKind::NotLookedAt, reason });
        }
        let problem = self.problems.iter().find(|problem| problem.may_hide(resource))?;
        let Problem { service, operation, region, code, .. } = problem;
        let reason = format!("{operation} of {service} in {region}: {code} ({})", problem.kind.name());
        Some(Why { kind: WhyKind::Problem, reason })
    }

    /// Why what a rule found may still be so though the scan does not tell of it; none if it is over.
    pub fn why_untold(&self, finding: &Finding) -> Option<Why> {
        if self.rules.as_ref().is_some_and(|rules| !rules.contains(&finding.rule)) {
            let reason = format!("the rule {} was not applied", finding.rule);
            return Some(Why { kind: WhyKind::RuleNotApplied, reason });
        }
        self.why_absent(&finding.resource)
    }
}
