//! What a caller of `cost-report` asks for, and what is made of it.

use jiff::civil::Date;
use troupe_estate::cost::{Bounds, Terms, Thing, Wishes};
use troupe_sdk::prelude::*;

/// What Cost Explorer allows: it keeps thirteen months by day, is up to a day behind, and today is not over.
const BOUNDS: Bounds = Bounds { days_max: 400, unsettled_days: 2 };

/// Most things that one report is by: each is paid for.
const BY_MAX: usize = 10;

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
    /// What the report calls it.
    pub thing: Thing,
    /// Cost Explorer's name for it.
    pub key: String,
}

impl By {
    /// `DIMENSION` or `TAG`.
    pub const fn kind(&self) -> &'static str {
        if self.thing.is_tag { "TAG" } else { "DIMENSION" }
    }
}

/// What will be asked and told: the input, checked.
#[derive(Debug)]
pub struct CostPlan {
    /// The days, and what is told of them.
    pub terms: Terms,
    /// What costs are told by; at least one thing, none twice.
    pub by: Vec<By>,
    /// Which costs.
    pub metric: Metric,
}

impl CostPlan {
    /// Makes a plan as of today.
    pub fn new(input: CostInput, today: Date) -> Result<Self, Failure> {
        let CostInput { from, to, by, tags, metric, compare_days, smallest_anomaly, top } = input;
        let wishes = Wishes { from: from.as_deref(), to: to.as_deref(), compare_days, smallest_anomaly, top };
        let terms = Terms::new(&wishes, BOUNDS, today).map_err(Failure::invalid_input)?;
        let mut by = things(by, tags)?;
        if by.is_empty() {
            by = things(vec![Dimension::Service, Dimension::Region], Vec::new())?;
        }
        Ok(Self { terms, by, metric })
    }
}

fn things(dimensions: Vec<Dimension>, tags: Vec<String>) -> Result<Vec<By>, Failure> {
    let mut by: Vec<By> = Vec::new();
    let dimensions = dimensions.into_iter().map(|dimension| {
        let (name, key) = dimension.key();
        By { thing: Thing { name: name.to_owned(), is_tag: false }, key: key.to_owned() }
    });
    let tags = tags.into_iter().map(|tag| By { thing: Thing { name: format!("tag:{tag}"), is_tag: true }, key: tag });
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
