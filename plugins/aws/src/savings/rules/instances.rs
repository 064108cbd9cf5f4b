//! Instances that have been stopped for long, and those that use little of their machine.

use std::collections::{BTreeMap, BTreeSet};

use troupe_estate::{Amount, Money, Resource, Severity};

use super::{Facts, Judged, difference, finding, saving, text, value};
use crate::metrics::{Measure, Question};
use crate::savings::input::Rule;
use crate::savings::prices::{self, Price};
use troupe_estate::statistics::mean;

const KIND: &str = "aws.ec2.instance";

/// The use of the processor, in percent: the mean and the highest of a day. Services tell the
/// values of each five minutes, so the highest of a day is that of five minutes.
static AVERAGE: Measure = cpu("Average");
static MAXIMUM: Measure = cpu("Maximum");

const fn cpu(statistic: &'static str) -> Measure {
    Measure {
        namespace: "AWS/EC2",
        metric: "CPUUtilization",
        dimension: "InstanceId",
        statistic,
        silence_is_none: false,
    }
}

/// Which measures are needed: those of instances that run.
pub fn questions(resources: &[Resource]) -> Vec<Question> {
    let running = resources.iter().filter(|resource| resource.kind == KIND && is_running(resource));
    let both =
        |instance: &Resource| [&AVERAGE, &MAXIMUM].map(|measure| Question { measure, name: instance.id.clone() });
    running.flat_map(both).collect()
}

fn is_running(instance: &Resource) -> bool {
    text(instance, "state") == Some("running")
}

/// Volumes by their ids.
type Volumes<'a> = BTreeMap<&'a str, &'a Resource>;

/// Instances that have been stopped for long and whose disks are paid for; and the disks that
/// are counted so.
pub fn stopped(facts: &Facts<'_>) -> (Judged, BTreeSet<String>) {
    let (mut judged, mut counted) = (Judged::default(), BTreeSet::new());
    let unlisted = facts.unlisted("DescribeVolumes");
    let volumes: Volumes<'_> = facts.of("aws.ec2.volume").map(|volume| (volume.id.as_str(), volume)).collect();
    for instance in facts.of(KIND) {
        let disks: Vec<&str> = instance
            .relations
            .iter()
            .filter(|relation| relation.kind == "volume")
            .map(|relation| relation.target.as_str())
            .collect();
        let days = text(instance, "stopped_at").and_then(|at| facts.days_since(at));
        let is_recent = days.is_some_and(|days| days < facts.bounds.stopped_days);
        if text(instance, "state") != Some("stopped") || disks.is_empty() || is_recent {
            judged.pass();
            continue;
        }
        let fix = "Take an image of the instance if it may be needed, then terminate it with its disks.";
        let title = "The instance is stopped, and its disks are paid for";
        let found = finding(Rule::InstanceStopped, title, Severity::Low, instance, fix)
            .seen("stopped_at", value(instance, "stopped_at"))
            .seen_moving("stopped_days", days)
            .seen("volumes", disks.clone());
        let found = match (days, &unlisted) {
            (None, _) => found.not_checked("since when it is stopped was not told"),
            (_, Some(why)) => found.not_checked(why),
            (Some(_), None) => {
                counted.extend(disks.iter().map(|id| (*id).to_owned()));
                saving(found, together(&volumes, &disks))
            }
        };
        judged.findings.push(found);
    }
    (judged, counted)
}

/// What some volumes cost together; no price is known if it is not of one of them.
fn together(volumes: &Volumes<'_>, disks: &[&str]) -> Price {
    let mut whole: Option<Money> = None;
    for id in disks {
        let volume = volumes.get(id).ok_or_else(|| format!("no price known: {id} was not found"))?;
        let money = prices::volume_found(volume)?;
        let before = whole.as_ref().map_or(Amount::ZERO, |whole| whole.monthly);
        whole = Some(Money { monthly: before + money.monthly, ..money });
    }
    whole.ok_or_else(|| "no price known: it has no disks".to_owned())
}

/// Instances that half of their machine would do for, by the use of their processor.
pub fn underused(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for instance in facts.of(KIND) {
        if !is_running(instance) {
            judged.pass();
            continue;
        }
        let fix = "Change to the smaller type after a look at its memory, which is not measured here. One of an Auto \
                   Scaling group changes with the group's template.";
        let title = "Half of the machine would do";
        let found = finding(Rule::InstanceUnderused, title, Severity::Low, instance, fix)
            .seen("instance_type", value(instance, "instance_type"))
            .seen("days", facts.bounds.days);
        match use_of(facts, instance) {
            Err(why) => judged.findings.push(found.not_checked(&why)),
            Ok((average, maximum)) if average >= facts.bounds.cpu_average || maximum >= facts.bounds.cpu_maximum => {
                judged.pass();
            }
            Ok((average, maximum)) => {
                let found =
                    found.seen_moving("cpu_average", tenths(average)).seen_moving("cpu_maximum", tenths(maximum));
                match smaller(instance) {
                    Ok(None) => judged.pass(),
                    Ok(Some((kind, price))) => judged.findings.push(saving(found.seen("smaller_type", kind), price)),
                    Err(why) => judged.findings.push(found.not_checked(&why)),
                }
            }
        }
    }
    judged
}

/// The mean and the highest use of the processor, or why nobody can tell.
fn use_of(facts: &Facts<'_>, instance: &Resource) -> Result<(f64, f64), String> {
    if let Some(why) = facts.too_young(instance) {
        return Err(why);
    }
    let (averages, maxima) = (facts.values(&AVERAGE, &instance.id)?, facts.values(&MAXIMUM, &instance.id)?);
    // Measures of half of the days say nothing of the others.
    if averages.len() * 2 <= usize::from(facts.bounds.days) || maxima.is_empty() {
        return Err(format!("CloudWatch has values of {} of the {} days", averages.len(), facts.bounds.days));
    }
    Ok((mean(averages), maxima.iter().copied().fold(0.0, f64::max)))
}

/// The type that is half the machine, and what it saves; none if the family has none. The error says why nobody can
/// tell.
fn smaller(instance: &Resource) -> Result<Option<(String, Price)>, String> {
    let kind = text(instance, "instance_type").unwrap_or_default();
    let half = prices::half_of_instance(&instance.region, kind)?;
    Ok(half.map(|half| {
        let saved = saved_by(instance, kind, &half);
        (half, saved)
    }))
}

/// What is saved by another type.
fn saved_by(instance: &Resource, kind: &str, half: &str) -> Price {
    for (name, listed) in [("platform", "Linux/UNIX"), ("tenancy", "default"), ("lifecycle", "on-demand")] {
        if let Some(is) = text(instance, name).filter(|is| *is != listed) {
            return Err(format!("no price known of {name} {is}"));
        }
    }
    let (whole, half) = (prices::instance(&instance.region, kind)?, prices::instance(&instance.region, half)?);
    Ok(difference(whole, &half))
}

fn tenths(percent: f64) -> f64 {
    (percent * 10.0).round() / 10.0
}
