//! What a caller of `cost-report` asks for, and what is made of it.

use jiff::ToSpan;
use jiff::civil::Date;
use troupe_sdk::prelude::*;

use super::period::{Period, days_between};

/// How many days are looked at if the caller does not say: a quarter, so that the month before
/// is whole whatever day it is.
const DAYS: i64 = 92;

/// Most days that are looked at. Cost Explorer keeps thirteen months by day.
const DAYS_MAX: usize = 400;

/// Most things that one report is by: each is paid for.
const BY_MAX: usize = 10;

/// How many rows and changes are told if the caller does not say, and at most.
const TOP: usize = 50;
const TOP_MAX: usize = 1_000;

/// Days of each of the two compared periods, if there are twice as many.
const COMPARED_DAYS: usize = 30;

/// What to report on.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CostInput {
    /// The first day, such as `2026-08-01`; 92 days before the last if it is left out.
    pub from: Option<String>,
    /// The day after the last one; today if it is left out.
    pub to: Option<String>,
    /// By what costs are told; by service and region if neither this nor `tags` is given.
    #[serde(default)]
    pub by: Vec<Dimension>,
    /// Keys of tags by whose values costs are told. They must be activated for billing.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Which costs are counted.
    #[serde(default)]
    pub metric: Metric,
    /// How many of the last settled days are compared with as many before them; 30, or half
    /// of what there is, if it is left out.
    pub compare_days: Option<u16>,
    /// The smallest difference from what is usual that may be an anomaly, in the bill's
    /// currency; 1 if it is left out.
    pub smallest_anomaly: Option<f64>,
    /// How many rows and changes are told of each thing; 50 if it is left out, 1000 at most.
    /// The rest is one sum.
    pub top: Option<usize>,
}

/// What costs are told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// The service: `Amazon Elastic Compute Cloud - Compute`.
    Service,
    /// The region.
    Region,
    /// The account, of an organisation that pays together.
    Account,
    /// The kind of usage: `EUC1-EBS:VolumeUsage.gp3`.
    UsageType,
    /// The type of machine.
    InstanceType,
}

impl Dimension {
    const fn key(self) -> (&'static str, &'static str) {
        match self {
            Self::Service => ("service", "SERVICE"),
            Self::Region => ("region", "REGION"),
            Self::Account => ("account", "LINKED_ACCOUNT"),
            Self::UsageType => ("usage_type", "USAGE_TYPE"),
            Self::InstanceType => ("instance_type", "INSTANCE_TYPE"),
        }
    }
}

/// Which costs are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// What was charged on each day.
    #[default]
    Unblended,
    /// The same after discounts that were agreed with AWS.
    NetUnblended,
    /// What was paid in advance, spread over the days it is for.
    Amortized,
    /// The same after discounts that were agreed with AWS.
    NetAmortized,
}

impl Metric {
    /// Cost Explorer's name for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unblended => "UnblendedCost",
            Self::NetUnblended => "NetUnblendedCost",
            Self::Amortized => "AmortizedCost",
            Self::NetAmortized => "NetAmortizedCost",
        }
    }
}

/// One thing that costs are told by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// Its name in the report: `service`, `tag:team`.
    pub name: String,
    /// `DIMENSION` or `TAG`.
    pub kind: &'static str,
    /// Cost Explorer's name for it.
    pub key: String,
}

/// What will be asked and told: the input, checked.
#[derive(Debug)]
pub struct CostPlan {
    /// The days.
    pub period: Period,
    /// What costs are told by; at least one thing, none twice.
    pub by: Vec<By>,
    /// Which costs.
    pub metric: Metric,
    /// Days of each of the two compared periods; none if there are too few.
    pub compare_days: usize,
    /// The smallest difference that may be an anomaly.
    pub smallest_anomaly: f64,
    /// How many rows are told.
    pub top: usize,
}

impl CostPlan {
    /// Makes a plan as of today.
    pub fn new(input: CostInput, today: Date) -> Result<Self, Failure> {
        let to = day(input.to.as_deref(), "to")?.unwrap_or(today).min(today);
        let from = day(input.from.as_deref(), "from")?.unwrap_or_else(|| to.saturating_sub(DAYS.days()));
        if from >= to {
            return Err(Failure::invalid_input(format!("`from` ({from}) is not before `to` ({to})")));
        }
        if days_between(from, to) > DAYS_MAX {
            return Err(Failure::invalid_input(format!("from {from} to {to} are more than {DAYS_MAX} days")));
        }
        let mut by = things(input.by, input.tags)?;
        if by.is_empty() {
            by = things(vec![Dimension::Service, Dimension::Region], Vec::new())?;
        }
        let smallest_anomaly = input.smallest_anomaly.unwrap_or(1.0);
        if !(smallest_anomaly.is_finite() && smallest_anomaly >= 0.0) {
            return Err(Failure::invalid_input("`smallest_anomaly` is below zero"));
        }
        let top = input.top.unwrap_or(TOP);
        if !(1..=TOP_MAX).contains(&top) {
            return Err(Failure::invalid_input(format!("`top` is not between 1 and {TOP_MAX}")));
        }
        let period = Period::new(from, to, today);
        let half = period.settled_days() / 2;
        let compare_days = match input.compare_days {
            Some(days) if days == 0 || usize::from(days) > half => {
                let why = format!("`compare_days` is not between 1 and half of the {} settled days", half * 2);
                return Err(Failure::invalid_input(why));
            }
            Some(days) => usize::from(days),
            None => half.min(COMPARED_DAYS),
        };
        Ok(Self { period, by, metric: input.metric, compare_days, smallest_anomaly, top })
    }
}

fn day(text: Option<&str>, name: &str) -> Result<Option<Date>, Failure> {
    let parsed = text.map(str::parse::<Date>).transpose();
    parsed.map_err(|_| Failure::invalid_input(format!("`{name}` is not a day such as `2026-08-01`")))
}

fn things(dimensions: Vec<Dimension>, tags: Vec<String>) -> Result<Vec<By>, Failure> {
    let mut by: Vec<By> = Vec::new();
    let dimensions = dimensions.into_iter().map(|dimension| {
        let (name, key) = dimension.key();
        By { name: name.to_owned(), kind: "DIMENSION", key: key.to_owned() }
    });
    let tags = tags.into_iter().map(|tag| By { name: format!("tag:{tag}"), kind: "TAG", key: tag });
    for thing in dimensions.chain(tags) {
        if thing.key.is_empty() {
            return Err(Failure::invalid_input("a tag's key is empty"));
        }
        if !by.contains(&thing) {
            by.push(thing);
        }
    }
    if by.len() > BY_MAX {
        return Err(Failure::invalid_input(format!("a report is by {BY_MAX} things at most; each is paid for")));
    }
    Ok(by)
}
