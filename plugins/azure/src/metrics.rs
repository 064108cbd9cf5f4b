//! The skill `metrics`: what Azure Monitor measured of named resources.
//!
//! Monitor answers a point for each interval with the average, the least, the most and the sum in it. They are told
//! over the whole time: the mean of the averages of the points that have one, the least, the most, and the sum. A
//! metric without any point has `points: 0` and no values: nothing was measured, which is not zero.

use std::time::Duration;

use jiff::{Timestamp, Unit};
use serde_json::Value;
use troupe_cloud::{Asked, Client, Fault};
use troupe_estate::{GLOBAL, Problem, Provider, settle};
use troupe_sdk::prelude::*;

use crate::arm;

/// The version of Monitor's API.
const API: &str = "2018-01-01";

/// Most metrics of one request, by Monitor's own bound.
const METRICS_MAX: usize = 20;

/// Most resources of one call: each is a request of its own.
const RESOURCES_MAX: usize = 500;

/// Monitor keeps metrics of the platform for 93 days.
const HOURS_MAX: u32 = 93 * 24;

/// What to tell of which resources.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricsInput {
    /// The ids of the resources, at most 500: `/subscriptions/…`.
    #[schemars(length(min = 1, max = 500))]
    pub resources: Vec<String>,
    /// The names of the metrics, at most 20, as Monitor writes them: `Percentage CPU`.
    #[schemars(length(min = 1, max = 20))]
    pub metrics: Vec<String>,
    /// How far back, in hours; 93 days at most.
    #[serde(default = "a_day")]
    #[schemars(range(min = 1, max = 2232))]
    pub hours: u32,
    /// How long the time of one point is.
    #[serde(default)]
    pub interval: Interval,
}

const fn a_day() -> u32 {
    24
}

/// How long the time of one point is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Interval {
    /// Five minutes.
    PT5M,
    /// An hour.
    #[default]
    PT1H,
    /// Six hours.
    PT6H,
    /// A day.
    P1D,
}

impl Interval {
    const fn name(self) -> &'static str {
        match self {
            Self::PT5M => "PT5M",
            Self::PT1H => "PT1H",
            Self::PT6H => "PT6H",
            Self::P1D => "P1D",
        }
    }
}

/// What was measured, and what could not be asked for.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Metrics {
    /// From when, in UTC by RFC 3339.
    pub from: String,
    /// Until when.
    pub to: String,
    /// How long the time of one point is.
    pub interval: Interval,
    /// What was measured: each metric of each resource, in the order in which they were named.
    pub measured: Vec<Measured>,
    /// What could not be asked for.
    pub errors: Vec<Problem>,
}

/// One metric of one resource over the whole time.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Measured {
    /// The id of the resource.
    pub resource: String,
    /// The metric, as Monitor names it.
    pub metric: String,
    /// What is counted: `Percent`, `Bytes`, …
    pub unit: String,
    /// How many points have a value.
    pub points: u64,
    /// The mean of the points' averages.
    pub average: Option<f64>,
    /// The least.
    pub minimum: Option<f64>,
    /// The most.
    pub maximum: Option<f64>,
    /// The sum.
    pub total: Option<f64>,
}

/// Asks for all of it.
pub async fn ask(input: MetricsInput) -> Result<Metrics, Failure> {
    check(&input)?;
    let now = Timestamp::try_from(time::now()).and_then(|now| now.round(Unit::Minute)).map_err(Failure::failed)?;
    let from = now.checked_sub(Duration::from_secs(u64::from(input.hours) * 3_600)).map_err(Failure::failed)?;
    let client = arm::client();
    let span = format!("{from}/{now}");
    let asked = input.resources.iter().map(|resource| one(&client, resource, &input, &span));
    let answers = wait::at_most(arm::AT_ONCE, asked).await;
    let (mut measured, mut errors) = (Vec::new(), Vec::new());
    for (resource, answer) in input.resources.iter().zip(answers) {
        let asked = Asked::new(Provider::Azure, "microsoft.insights", GLOBAL, "list metrics");
        let asked = asked.account(arm::subscription_of(resource).map(str::to_owned));
        for metric in answer.unwrap_or_else(|fault| vec![Err(fault)]) {
            match metric {
                Ok(metric) => measured.push(metric),
                Err(fault) => errors.push(asked.problem(Some(resource), fault)),
            }
        }
    }
    Ok(Metrics {
        from: from.to_string(),
        to: now.to_string(),
        interval: input.interval,
        measured,
        errors: settle(errors),
    })
}

fn check(input: &MetricsInput) -> Result<(), Failure> {
    let invalid = |why: String| Err(Failure::invalid_input(why));
    if !(1..=RESOURCES_MAX).contains(&input.resources.len()) {
        return invalid(format!("name 1 to {RESOURCES_MAX} resources; these are {}", input.resources.len()));
    }
    if !(1..=METRICS_MAX).contains(&input.metrics.len()) {
        return invalid(format!("name 1 to {METRICS_MAX} metrics; these are {}", input.metrics.len()));
    }
    if !(1..=HOURS_MAX).contains(&input.hours) {
        return invalid(format!("`hours` is 1 to {HOURS_MAX}; this one is {}", input.hours));
    }
    if let Some(id) = input.resources.iter().find(|id| !is_id(id)) {
        return invalid(format!("`{id}` is no id of a resource; write it as `inventory` tells it, `/subscriptions/…`"));
    }
    if let Some(name) = input.metrics.iter().find(|name| name.is_empty() || name.contains(',')) {
        return invalid(format!("`{name}` is no name of a metric; write each by itself"));
    }
    Ok(())
}

/// Reports whether a text is the id of a resource, and leads nowhere else as a part of an address.
fn is_id(id: &str) -> bool {
    let Some(path) = id.strip_prefix('/') else { return false };
    let words: Vec<&str> = path.split('/').collect();
    words.first().is_some_and(|word| word.eq_ignore_ascii_case("subscriptions"))
        && words.iter().any(|word| word.eq_ignore_ascii_case("providers"))
        && !words.iter().any(|word| matches!(*word, "" | "." | ".."))
}

/// What was measured of each metric, or why it was not: Monitor answers for all of them at once.
async fn one(
    client: &Client,
    resource: &str,
    input: &MetricsInput,
    span: &str,
) -> Result<Vec<Result<Measured, Fault>>, Fault> {
    let path = format!("{}/providers/Microsoft.Insights/metrics", arm::encoded(resource));
    let request = arm::get(&path, API)
        .query("metricnames", input.metrics.join(","))
        .query("timespan", span)
        .query("interval", input.interval.name())
        .query("aggregation", "Average,Minimum,Maximum,Total");
    let answer: Value = client.read(request).await?;
    let Some(metrics) = answer.get("value").and_then(Value::as_array) else {
        return Err(Fault::unreadable("Monitor answers without a list of metrics"));
    };
    Ok(metrics.iter().map(|metric| refused(metric).map_or_else(|| Ok(measured(resource, metric)), Err)).collect())
}

/// Why a metric could not be had, where Monitor says so in an answer that has others.
fn refused(metric: &Value) -> Option<Fault> {
    let text = |place: &str| metric.pointer(place).and_then(Value::as_str).unwrap_or_default();
    let code = Some(text("/errorCode")).filter(|code| !code.is_empty() && *code != "Success")?;
    Some(Fault::of_ours(code, format!("{}: {}", text("/name/value"), text("/errorMessage"))))
}

fn measured(resource: &str, metric: &Value) -> Measured {
    let text = |place: &str| metric.pointer(place).and_then(Value::as_str).unwrap_or_default().to_owned();
    let series = metric.get("timeseries").and_then(Value::as_array).into_iter().flatten();
    let points: Vec<&Value> = series.filter_map(|series| series.get("data")?.as_array()).flatten().collect();
    let values = |name: &'static str| points.iter().filter_map(move |point| point.get(name)?.as_f64());
    let has_value = |point: &&&Value| {
        ["average", "minimum", "maximum", "total"].iter().any(|name| point.get(name).is_some_and(Value::is_number))
    };
    let (count, sum) = values("average").fold((0_u32, 0.0), |(count, sum), value| (count + 1, sum + value));
    Measured {
        resource: resource.to_owned(),
        metric: text("/name/value"),
        unit: text("/unit"),
        points: points.iter().filter(has_value).count() as u64,
        average: (count > 0).then(|| sum / f64::from(count)),
        minimum: values("minimum").reduce(f64::min),
        maximum: values("maximum").reduce(f64::max),
        total: values("total").reduce(|one, other| one + other),
    }
}
