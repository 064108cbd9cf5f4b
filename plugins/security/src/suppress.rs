//! What is passed over, why, and until when.
//!
//! *The attack:* a finding is put aside for a week and never seen again. *The rule:* a reason is needed, an end is
//! kept to, and what is put aside is still told, counted and marked; once the end is over the finding is open again.

use jiff::Timestamp;
use troupe_estate::{Finding, Suppression, time};
use troupe_sdk::prelude::*;

use crate::judge::Glob;

/// Findings that are passed over. Patterns have `*` and `?`; one that is left out fits everything.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Suppressing {
    /// The rules, by a pattern of their ids.
    pub rule: String,
    /// The resources, by a pattern of their ids, ARNs or names.
    #[serde(default)]
    pub resource: Option<String>,
    /// The accounts, subscriptions or projects.
    #[serde(default)]
    pub account: Option<String>,
    /// The documents, by a pattern of their names.
    #[serde(default)]
    pub document: Option<String>,
    /// What tells the finding from others at the same resource.
    #[serde(default)]
    pub discriminator: Option<String>,
    /// Why they are passed over.
    pub reason: String,
    /// The last day, `2027-01-31`, or a time; for ever if there is none.
    #[serde(default)]
    pub until: Option<String>,
}

impl Suppressing {
    fn fits(&self, finding: &Finding) -> bool {
        let fits = |pattern: &Option<String>, texts: &[Option<&str>]| {
            pattern.as_ref().is_none_or(|pattern| {
                let glob = Glob::new(pattern);
                texts.iter().flatten().any(|text| glob.fits(text))
            })
        };
        let resource = &finding.resource;
        Glob::new(&self.rule).fits(&finding.rule)
            && fits(&self.resource, &[Some(&resource.id), resource.arn.as_deref(), resource.name.as_deref()])
            && fits(&self.account, &[resource.account.as_deref()])
            && fits(&self.document, &[finding.place.as_ref().map(|place| place.file.as_str())])
            && fits(&self.discriminator, &[Some(&finding.discriminator)])
    }
}

/// Makes sure that each says why.
pub fn verify(suppressing: &[Suppressing]) -> Result<(), Failure> {
    match suppressing.iter().find(|one| one.reason.trim().is_empty()) {
        Some(one) => Err(Failure::invalid_input(format!("the suppression of `{}` has no reason", one.rule))),
        None => Ok(()),
    }
}

/// Marks a finding that is passed over; of several that fit, the one that is not over yet.
pub fn mark(finding: &mut Finding, suppressing: &[Suppressing], now: Timestamp) {
    let is_over = |one: &&Suppressing| one.until.as_deref().is_some_and(|until| time::is_over(until, now));
    let mut fitting = suppressing.iter().filter(|one| one.fits(finding));
    let all: Vec<&Suppressing> = fitting.by_ref().collect();
    let one = all.iter().find(|one| !is_over(one)).or_else(|| all.first());
    finding.suppressed = one.map(|one| Suppression { reason: one.reason.clone(), until: one.until.clone() });
}
