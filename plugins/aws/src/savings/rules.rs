//! The rules about what could be saved, one file for each kind of resource.
//!
//! A rule says of each resource it is about that there is something to save, that there is
//! not, or that nobody can tell. What one rule counts, no other counts again: disks of an
//! instance that has been stopped for long are saved with it, and are not asked to become gp3.

mod addresses;
mod instances;
mod snapshots;
mod traffic;
mod volumes;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;
use troupe_estate::{Finding, Money, Problem, Resource, Severity};

use super::input::{Bounds, Rule, SavingsPlan};
use super::prices::Price;
use crate::metrics::{self, DAY, Measure, Measured, Question};

/// What is known of one region.
#[derive(Debug)]
pub struct Facts<'a> {
    /// What there is.
    pub resources: &'a [Resource],
    /// What was measured.
    pub measured: &'a Measured,
    /// What could not be looked at.
    pub problems: &'a [Problem],
    /// From when on something is found.
    pub bounds: Bounds,
    /// What time it is.
    pub now: Timestamp,
}

/// What a rule says of its resources.
#[derive(Debug, Default)]
pub struct Judged {
    /// What could be saved, and what nobody can tell.
    pub findings: Vec<Finding>,
    /// How many resources there is nothing to save at.
    pub passed: u64,
}

impl Judged {
    fn pass(&mut self) {
        self.passed += 1;
    }
}

impl Facts<'_> {
    /// The resources of a type.
    fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Resource> {
        self.resources.iter().filter(move |resource| resource.kind == kind)
    }

    /// The values of a measure of a resource, or why there are none.
    fn values(&self, measure: &Measure, name: &str) -> Result<&[f64], String> {
        metrics::values(self.measured, measure, name)
    }

    /// Why a list may not be whole; none if it is.
    fn unlisted(&self, operation: &str) -> Option<String> {
        let problem = self.problems.iter().find(|problem| problem.operation == operation)?;
        Some(format!("{operation} could not be read to its end: {}", problem.code))
    }

    /// How many days ago a time was.
    fn days_since(&self, time: &str) -> Option<i64> {
        let then: Timestamp = time.parse().ok()?;
        Some(self.now.duration_since(then).as_secs() / DAY)
    }

    /// Why a resource cannot be judged by its measures yet: it is younger than they are old.
    fn too_young(&self, resource: &Resource) -> Option<String> {
        let age = resource.created.as_deref().and_then(|created| self.days_since(created))?;
        (age < i64::from(self.bounds.days)).then(|| format!("it is {age} days old, fewer than are looked at"))
    }
}

/// Which measures the rules need of what there is in a region.
pub fn questions(plan: &SavingsPlan, resources: &[Resource]) -> Vec<Question> {
    let mut questions = traffic::questions(plan, resources);
    if plan.applies(Rule::InstanceUnderused) {
        questions.extend(instances::questions(resources));
    }
    questions
}

/// Applies the rules to what is known of a region.
pub fn judge(plan: &SavingsPlan, facts: &Facts<'_>) -> Vec<(Rule, Judged)> {
    let (stopped, counted) = instances::stopped(facts);
    let mut stopped = Some(stopped);
    let counted = if plan.applies(Rule::InstanceStopped) { counted } else { BTreeSet::new() };
    let apply = |rule: &Rule| {
        let judged = match rule {
            Rule::VolumeUnattached => volumes::unattached(facts),
            Rule::VolumeGp2 => volumes::gp2(facts, &counted),
            Rule::AddressUnattached => addresses::unattached(facts),
            Rule::InstanceStopped => stopped.take().unwrap_or_default(),
            Rule::InstanceUnderused => instances::underused(facts),
            Rule::SnapshotOld => snapshots::old(facts),
            Rule::LoadBalancerIdle => traffic::idle_load_balancers(facts),
            Rule::NatGatewayIdle => traffic::idle_nat_gateways(facts),
        };
        (*rule, judged)
    };
    plan.rules.iter().map(apply).collect()
}

/// Begins a finding.
fn finding(rule: Rule, title: &str, severity: Severity, resource: &Resource, fix: &str) -> Finding {
    let mut finding = Finding::new(rule.id(), title, severity, resource.reference(), "");
    finding.fix = fix.to_owned();
    finding
}

/// Says what a finding saves; that no price is known is seen. Nothing is saved by what would
/// cost more.
fn saving(mut finding: Finding, price: Price) -> Finding {
    match price {
        Ok(money) if money.monthly.millionths() > 0 => finding.saving = Some(money),
        Ok(_) => {}
        Err(why) => finding = finding.seen("price", why),
    }
    finding
}

/// What is saved when one price takes the place of another.
fn difference(whole: Money, rest: &Money) -> Money {
    let left = whole.monthly.millionths().saturating_sub(rest.monthly.millionths());
    Money { monthly: troupe_estate::Amount::from_millionths(left), ..whole }
}

fn text<'a>(resource: &'a Resource, name: &str) -> Option<&'a str> {
    resource.attributes.get(name).and_then(Value::as_str)
}

fn number(resource: &Resource, name: &str) -> Option<f64> {
    resource.attributes.get(name).and_then(Value::as_f64)
}

/// The value of an attribute, for what was seen; null if it is not known.
fn value(resource: &Resource, name: &str) -> Value {
    resource.attributes.get(name).cloned().unwrap_or_default()
}
