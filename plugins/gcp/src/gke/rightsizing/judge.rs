//! Judging the size of a node pool.
//!
//! What a pool needs is the larger of what its pods ask for and of what they use in all but one of twenty hours,
//! with a third more for what comes at once. The pool needs as many nodes as have that, of cores and of memory, and
//! not fewer than its own least (the autoscaler's, or one).
//!
//! | the pool has | verdict |
//! |---|---|
//! | a fifth more nodes than it needs, and at least one | `too_large` |
//! | fewer than it needs | `too_small` |
//! | neither | `fits` |
//! | less than a day of measures | `unknown` |

use serde_json::Value;
use troupe_estate::{Finding, Resource, Severity};
use troupe_sdk::prelude::*;

use super::series::{Hours, Metric};
use crate::record::path;

/// Hours of measures without which nothing is said.
const HOURS_MIN: usize = 24;

/// How much of a node's capacity is meant to be used in a busy hour: the rest is for what comes at once, and for a
/// node that is lost or upgraded.
const USED_SHARE: f64 = 0.75;

/// From which share of nodes that are not needed a pool is too large: less is what an autoscaler keeps as well.
const SPARE_SHARE: f64 = 0.2;

/// The size of a node pool.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PoolSize {
    /// Its full name.
    pub pool: String,
    /// The machine type of its nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine_type: Option<String>,
    /// How many nodes it had in the newest hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<u32>,
    /// How many it needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes_needed: Option<u32>,
    /// Cores: what there is, is used and is asked for.
    pub cores: Measure,
    /// Memory in GiB, likewise.
    pub memory_gib: Measure,
    /// Whether it is of the right size.
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub why: String,
}

/// What all nodes of a pool have together.
#[derive(Debug, Clone, Copy, Default, Serialize, JsonSchema)]
pub struct Measure {
    /// What pods can have, in the newest hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub there: Option<f64>,
    /// What is used in all but one of twenty hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_p95: Option<f64>,
    /// The most that was used in an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_most: Option<f64>,
    /// What pods ask for, in all but one of twenty hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_p95: Option<f64>,
}

/// Whether a node pool is of the right size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It has what it needs.
    Fits,
    /// It has more nodes than it needs.
    TooLarge,
    /// It has fewer nodes than it needs.
    TooSmall,
    /// There is too little to judge by.
    Unknown,
}

/// Judges a pool by its measures.
pub fn judge<'a>(
    pool: &Value,
    resource: &Resource,
    of: &impl Fn(Metric) -> Option<&'a Hours>,
) -> (PoolSize, Option<Finding>) {
    let cores = measure(of, [Metric::CoresThere, Metric::CoresUsed, Metric::CoresAsked], 1.0);
    let gib = f64::from(1 << 30);
    let memory = measure(of, [Metric::MemoryThere, Metric::MemoryUsed, Metric::MemoryAsked], gib);
    let nodes = of(Metric::CoresThere).and_then(Hours::newest).map(|(_, nodes)| nodes);
    let mut size = PoolSize {
        pool: resource.id.clone(),
        machine_type: path::text(pool, "/config/machineType").map(str::to_owned),
        nodes,
        nodes_needed: None,
        cores,
        memory_gib: memory,
        verdict: Verdict::Unknown,
        why: String::new(),
    };
    let hours = of(Metric::CoresUsed)
        .map_or(0, |hours| hours.sums.len())
        .min(of(Metric::MemoryUsed).map_or(0, |hours| hours.sums.len()));
    let Some(nodes) = nodes.filter(|nodes| *nodes > 0 && hours >= HOURS_MIN) else {
        size.why = format!("there are measures of {hours} hours, and {HOURS_MIN} are the least to judge by");
        return (size, None);
    };
    let needed = [("cores", cores), ("memory", memory)].map(|(what, measure)| (needs(measure, nodes), what));
    let [Some(by_cores), Some(by_memory)] = needed.map(|(needed, what)| needed.map(|needed| (needed, what))) else {
        size.why = "what its nodes have, or what pods ask for, could not be measured".to_owned();
        return (size, None);
    };
    let (needed, what) = by_cores.max(by_memory);
    let least = path::integer(pool, "/autoscaling/minNodeCount").and_then(|least| u32::try_from(least).ok());
    let zones = u32::try_from(path::all(pool, "/locations/*").len()).unwrap_or(1).max(1);
    // The autoscaler counts by zone.
    let scaled = path::is_set(pool, "/autoscaling/enabled");
    let least = if scaled { least.unwrap_or(0).saturating_mul(zones) } else { 1 };
    let needed = needed.max(least).max(1);
    size.nodes_needed = Some(needed);
    let spare = nodes.saturating_sub(needed);
    size.verdict = if needed > nodes {
        Verdict::TooSmall
    } else if spare > 0 && f64::from(spare) >= f64::from(nodes) * SPARE_SHARE {
        Verdict::TooLarge
    } else {
        Verdict::Fits
    };
    size.why = format!("of {nodes} nodes {needed} are needed, by {what}");
    let finding = finding(&size, resource, scaled);
    (size, finding)
}

/// How many nodes have what is needed; none if it was not measured.
fn needs(measure: Measure, nodes: u32) -> Option<u32> {
    let there = measure.there.filter(|there| *there > 0.0)?;
    let (used, asked) = (measure.used_p95?, measure.asked_p95?);
    let each = there / f64::from(nodes);
    let needed = (used / USED_SHARE).max(asked) / each;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast of a float stops at the ends of the integers"
    )]
    let needed = needed.ceil() as u32;
    Some(needed)
}

fn measure<'a>(of: &impl Fn(Metric) -> Option<&'a Hours>, [there, used, asked]: [Metric; 3], unit: f64) -> Measure {
    // To a thousandth: what is less is noise.
    let told = |value: f64| (value / unit * 1_000.0).round() / 1_000.0;
    let percentile = |metric: Metric, hundredths| of(metric).and_then(|hours| hours.percentile(hundredths)).map(told);
    Measure {
        there: of(there).and_then(Hours::newest).map(|(sum, _)| told(sum)),
        used_p95: percentile(used, 95),
        used_most: percentile(used, 100),
        asked_p95: percentile(asked, 95),
    }
}

fn finding(size: &PoolSize, resource: &Resource, scaled: bool) -> Option<Finding> {
    let (rule, title, severity, fix) = match (size.verdict, scaled) {
        (Verdict::TooLarge, true) => (
            "gke.pool-too-large",
            "A node pool has more nodes than it needs",
            Severity::Low,
            "See what keeps the autoscaler from removing nodes: pods that may not be moved, a profile that keeps spare nodes, requests that are too high.",
        ),
        (Verdict::TooLarge, false) => (
            "gke.pool-too-large",
            "A node pool has more nodes than it needs",
            Severity::Low,
            "Let the autoscaler size the pool, or resize it to `nodes_needed`.",
        ),
        (Verdict::TooSmall, _) => (
            "gke.pool-too-small",
            "A node pool has fewer nodes than it needs",
            Severity::Medium,
            "Let the pool have `nodes_needed` nodes, or raise the most that its autoscaler may make.",
        ),
        _ => return None,
    };
    let mut finding = Finding::new(rule, title, severity, resource.reference(), "")
        .seen_moving("nodes", size.nodes)
        .seen_moving("nodes_needed", size.nodes_needed)
        .seen_moving("why", size.why.as_str());
    fix.clone_into(&mut finding.fix);
    Some(finding)
}
