//! What a caller of `cost-report` asks for, and what is made of it.

use jiff::civil::Date;
use troupe_estate::cost::{Bounds, Terms, Thing, Wishes};
use troupe_sdk::prelude::*;

use crate::input::{self, Settings};

/// What Cost Management allows: a query by day is of a year at most, and usage is told up to two days late
/// (learn.microsoft.com, *Understand Cost Management data*, 2025).
const BOUNDS: Bounds = Bounds { days_max: 365, unsettled_days: 3 };

/// Most things that one report is by: each is a question to each subscription, and Cost Management counts months of
/// questions.
const BY_MAX: usize = 10;

/// Longest key of a tag there is at Azure.
const TAG_CHARS_MAX: usize = 512;

/// What to report on.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CostInput {
    /// The ids of the subscriptions; those of the configuration if none are named, else all.
    #[serde(default)]
    pub subscriptions: Vec<String>,
    /// The first day, such as `2026-08-01`; 92 days before the last if it is left out.
    pub from: Option<String>,
    /// The day after the last one; today if it is left out.
    pub to: Option<String>,
    /// By what costs are told; by service and location if neither this nor `tags` is given.
    #[serde(default)]
    pub by: Vec<Dimension>,
    /// Keys of tags by whose values costs are told.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// The service: `Virtual Machines`.
    Service,
    /// The resource group, by its id.
    ResourceGroup,
    /// The location, as the API writes it: `westeurope`.
    Location,
    /// The subscription, by its id.
    Subscription,
}

/// Which costs are counted, before taxes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// What was charged on each day.
    #[default]
    Actual,
    /// What was paid in advance, spread over the days it is for.
    Amortized,
}

impl Metric {
    /// Cost Management's name for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Actual => "ActualCost",
            Self::Amortized => "AmortizedCost",
        }
    }
}

/// What a question groups costs by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Group {
    /// By nothing: the key is the subscription that was asked.
    Subscription,
    /// By a dimension of Cost Management's.
    Dimension(Dimension, &'static str),
    /// By the values of a tag.
    Tag(String),
}

/// One thing that costs are told by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// What the report calls it.
    pub thing: Thing,
    /// How it is asked for.
    pub group: Group,
}

impl By {
    fn dimension(dimension: Dimension) -> Self {
        let (name, group) = match dimension {
            Dimension::Service => ("service", Group::Dimension(dimension, "ServiceName")),
            Dimension::ResourceGroup => ("resource_group", Group::Dimension(dimension, "ResourceGroup")),
            Dimension::Location => ("location", Group::Dimension(dimension, "ResourceLocation")),
            Dimension::Subscription => ("subscription", Group::Subscription),
        };
        Self { thing: Thing { name: name.to_owned(), is_tag: false }, group }
    }

    fn tag(key: String) -> Self {
        Self { thing: Thing { name: format!("tag:{key}"), is_tag: true }, group: Group::Tag(key) }
    }
}

/// What will be asked and told: the input, checked.
#[derive(Debug)]
pub struct CostPlan {
    /// The subscriptions, none twice; all if there are none.
    pub subscriptions: Vec<String>,
    /// The days, and what is told of them.
    pub terms: Terms,
    /// What costs are told by; at least one thing, none twice.
    pub by: Vec<By>,
    /// Which costs.
    pub metric: Metric,
}

impl CostPlan {
    /// Makes a plan as of today.
    ///
    /// # Errors
    ///
    /// What is wrong with the input.
    pub fn new(input: CostInput, settings: Settings, today: Date) -> Result<Self, Failure> {
        let CostInput { subscriptions, from, to, by, tags, metric, compare_days, smallest_anomaly, top } = input;
        let wishes = Wishes { from: from.as_deref(), to: to.as_deref(), compare_days, smallest_anomaly, top };
        let terms = Terms::new(&wishes, BOUNDS, today).map_err(Failure::invalid_input)?;
        if let Some(tag) = tags.iter().find(|tag| tag.is_empty() || tag.chars().count() > TAG_CHARS_MAX) {
            let why = format!("`{tag}` is no key of a tag, which has 1 to {TAG_CHARS_MAX} characters");
            return Err(Failure::invalid_input(why));
        }
        let mut things: Vec<By> = Vec::new();
        let by = if by.is_empty() && tags.is_empty() { vec![Dimension::Service, Dimension::Location] } else { by };
        for thing in by.into_iter().map(By::dimension).chain(tags.into_iter().map(By::tag)) {
            if !things.contains(&thing) {
                things.push(thing);
            }
        }
        if things.len() > BY_MAX {
            let why = format!("a report is by {BY_MAX} things at most; each is asked of each subscription");
            return Err(Failure::invalid_input(why));
        }
        Ok(Self { subscriptions: input::subscriptions(subscriptions, settings)?, terms, by: things, metric })
    }
}
