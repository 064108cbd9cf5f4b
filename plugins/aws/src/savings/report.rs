//! The form in which savings are told, and how they are summed up as they come.

use std::collections::BTreeMap;

use troupe_cloud::Kept;
use troupe_estate::collect::Part;
use troupe_estate::{Amount, Finding, Problem, Status};
use troupe_sdk::prelude::*;

use super::input::{Rule, SavingsPlan};
use super::rules::Judged;
use crate::found::Found;
use crate::regions::Heard;
use crate::services::Identity;

/// What an account could save.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Savings {
    /// The account's number; absent if it could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The ARN of the identity that looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// The regions that were looked at.
    pub regions: Vec<String>,
    /// What could be saved altogether, by the prices that are known; one line a currency.
    pub totals: Vec<Total>,
    /// What each rule came to.
    pub rules: BTreeMap<String, Applied>,
    /// What could be saved, the largest amount first, and what nobody could tell; absent if it is too much to be told
    /// here, so that nobody takes it for nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub findings: Option<Vec<Finding>>,
    /// The artefacts of the task that hold the findings, if they are too many: JSON Lines, each artefact sorted by
    /// fingerprint.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// What could not be looked at. What these hide is not in `findings`.
    pub errors: Vec<Problem>,
}

/// What could be saved in a month in one currency: the sum of the savings of the findings.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Total {
    /// The currency.
    pub currency: String,
    /// The amount.
    pub monthly: Amount,
    /// The same by rule.
    pub by_rule: BTreeMap<String, Amount>,
    /// The same by region.
    pub by_region: BTreeMap<String, Amount>,
}

/// What a rule came to.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Applied {
    /// How many resources there is something to save at.
    pub found: u64,
    /// How many of them have no amount: no price is known, or none can be told.
    pub without_amount: u64,
    /// How many resources nobody could tell of.
    pub not_checked: u64,
    /// How many resources there is nothing to save at.
    pub passed: u64,
}

/// What came of the regions until now.
pub struct Tally {
    rules: BTreeMap<String, Applied>,
    totals: BTreeMap<String, Total>,
    findings: Kept<Finding>,
    heard: Heard,
    problems: Found,
}

impl Tally {
    /// Begins with what could not be asked about the account.
    pub fn new(plan: &SavingsPlan, problems: Found) -> Self {
        let rules = plan.rules.iter().map(|rule| (rule.id().to_owned(), Applied::default())).collect();
        let (totals, findings) = (BTreeMap::new(), Kept::new("findings"));
        Self { rules, totals, findings, heard: Heard::default(), problems }
    }

    /// Takes what a region came to.
    pub fn take(&mut self, judged: Vec<(Rule, Judged)>, found: Found) {
        self.heard.take(&found.resources);
        self.problems.problems.extend(found.problems);
        for (rule, judged) in judged {
            let counts = self.rules.entry(rule.id().to_owned()).or_default();
            counts.passed += judged.passed;
            for finding in judged.findings {
                match finding.status {
                    Status::Fail => counts.found += 1,
                    Status::NotChecked => counts.not_checked += 1,
                    Status::Pass => counts.passed += 1,
                }
                counts.without_amount += u64::from(finding.status == Status::Fail && finding.saving.is_none());
                add(&mut self.totals, &finding);
                self.findings.take(finding);
            }
        }
    }

    /// Tells all of it.
    ///
    /// # Errors
    ///
    /// What the host said, if the artefacts could not be written.
    pub fn finish(mut self, plan: &SavingsPlan, identity: Identity) -> Result<Savings, Failure> {
        self.problems.settle(&identity);
        let kept = self.findings.finish()?;
        let mut findings = kept.entries;
        let amount = |finding: &Finding| finding.saving.as_ref().map_or(Amount::ZERO, |money| money.monthly);
        findings.sort_by(|one, other| {
            amount(other)
                .cmp(&amount(one))
                .then(one.status.cmp(&other.status))
                .then(one.fingerprint.cmp(&other.fingerprint))
        });
        Ok(Savings {
            regions: plan.regions.clone(),
            totals: self.totals.into_values().collect(),
            rules: self.rules,
            findings: kept.parts.is_empty().then_some(findings),
            parts: kept.parts,
            errors: self.heard.settle(&identity, &plan.regions, self.problems.problems),
            account: identity.account,
            caller: identity.caller,
        })
    }
}

/// Adds what a finding saves to the sums, a line for each currency.
fn add(totals: &mut BTreeMap<String, Total>, finding: &Finding) {
    let Some(money) = &finding.saving else { return };
    let total = totals.entry(money.currency.clone()).or_insert_with(|| Total {
        currency: money.currency.clone(),
        monthly: Amount::ZERO,
        by_rule: BTreeMap::new(),
        by_region: BTreeMap::new(),
    });
    total.monthly += money.monthly;
    for (sums, key) in [(&mut total.by_rule, &finding.rule), (&mut total.by_region, &finding.resource.region)] {
        *sums.entry(key.clone()).or_default() += money.monthly;
    }
}
