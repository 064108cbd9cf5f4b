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

/// What is passed over, ready to be compared with findings.
#[derive(Debug, Clone, Default)]
pub struct Suppressions(Vec<Ready>);

/// One of them, its patterns read once.
#[derive(Debug, Clone)]
struct Ready {
    rule: Glob,
    resource: Option<Glob>,
    account: Option<Glob>,
    document: Option<Glob>,
    discriminator: Option<Glob>,
    is: Suppression,
}

impl Suppressions {
    /// Makes sure that each says why.
    ///
    /// # Errors
    ///
    /// [`Failure::InvalidInput`] if one does not.
    pub fn new(all: impl Iterator<Item = Suppressing>) -> Result<Self, Failure> {
        let glob = |pattern: Option<String>| pattern.as_deref().map(Glob::new);
        let ready = all.map(|one| {
            if one.reason.trim().is_empty() {
                return Err(Failure::invalid_input(format!("the suppression of `{}` has no reason", one.rule)));
            }
            Ok(Ready {
                rule: Glob::new(&one.rule),
                resource: glob(one.resource),
                account: glob(one.account),
                document: glob(one.document),
                discriminator: glob(one.discriminator),
                is: Suppression { reason: one.reason, until: one.until },
            })
        });
        ready.collect::<Result<_, _>>().map(Self)
    }

    /// Marks a finding that is passed over; of several that fit, the one that is not over yet.
    pub fn mark(&self, finding: &mut Finding, now: Timestamp) {
        let is_over = |one: &Ready| one.is.until.as_deref().is_some_and(|until| time::is_over(until, now));
        let mut fitting = self.0.iter().filter(|one| one.fits(finding));
        let Some(first) = fitting.next() else { return };
        let one = if is_over(first) { fitting.find(|one| !is_over(one)).unwrap_or(first) } else { first };
        finding.suppressed = Some(one.is.clone());
    }
}

impl Ready {
    fn fits(&self, finding: &Finding) -> bool {
        let fits = |glob: &Option<Glob>, texts: &[Option<&str>]| {
            glob.as_ref().is_none_or(|glob| texts.iter().flatten().any(|text| glob.fits(text)))
        };
        let resource = &finding.resource;
        self.rule.fits(&finding.rule)
            && fits(&self.resource, &[Some(&resource.id), resource.arn.as_deref(), resource.name.as_deref()])
            && fits(&self.account, &[resource.account.as_deref()])
            && fits(&self.document, &[finding.place.as_ref().map(|place| place.file.as_str())])
            && fits(&self.discriminator, &[Some(&finding.discriminator)])
    }
}
