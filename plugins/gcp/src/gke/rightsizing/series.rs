//! Asking Cloud Monitoring for a metric of a cluster's nodes, hour by hour, summed up by node pool.
//!
//! A page is read, added to the pools' hours and forgotten, so what is in memory does not grow with the nodes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use troupe_cloud::{Client, Fault, Next, each_page};
use troupe_sdk::http;

use crate::name;
use crate::record::path;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Cores that pods can have.
    CoresThere,
    /// Cores used.
    CoresUsed,
    /// Cores that pods ask for.
    CoresAsked,
    /// Bytes of memory that pods can have.
    MemoryThere,
    /// Bytes of memory used that cannot be taken back.
    MemoryUsed,
    /// Bytes of memory that pods ask for.
    MemoryAsked,
}

/// What a pool's nodes came to together, by the hour (seconds since the Unix epoch, by 3600).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Hours {
    /// The sum over the nodes.
    pub sums: BTreeMap<i64, f64>,
    /// How many nodes told something.
    pub nodes: BTreeMap<i64, u32>,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::CoresThere, Self::CoresUsed, Self::CoresAsked, Self::MemoryThere, Self::MemoryUsed, Self::MemoryAsked];

    /// The metric's type; how an hour is made of its points; whether it is a container's, whose node is told by its
    /// metadata; and what else its filter says.
    const fn asked(self) -> (&'static str, &'static str, bool, &'static str) {
        match self {
            Self::CoresThere => ("kubernetes.io/node/cpu/allocatable_cores", "ALIGN_MEAN", false, ""),
            Self::CoresUsed => ("kubernetes.io/node/cpu/core_usage_time", "ALIGN_RATE", false, ""),
            Self::CoresAsked => ("kubernetes.io/container/cpu/request_cores", "ALIGN_MEAN", true, ""),
            Self::MemoryThere => ("kubernetes.io/node/memory/allocatable_bytes", "ALIGN_MEAN", false, ""),
            Self::MemoryUsed => (
                "kubernetes.io/node/memory/used_bytes",
                "ALIGN_MAX",
                false,
                " AND metric.labels.memory_type=\"non-evictable\"",
            ),
            Self::MemoryAsked => ("kubernetes.io/container/memory/request_bytes", "ALIGN_MEAN", true, ""),
        }
    }
}

/// What the names of a pool's nodes begin with: those of its instance groups without `-grp`.
pub fn stems(pool: &Value) -> Vec<String> {
    let groups = path::all(pool, "/instanceGroupUrls/*").into_iter().filter_map(Value::as_str);
    groups.map(name::last).map(|group| format!("{}-", group.strip_suffix("-grp").unwrap_or(group))).collect()
}

/// Asks for a metric of a cluster (name and location), for each pool by the stems of its nodes' names.
///
/// # Errors
///
/// What Monitoring says; half an answer is none.
pub async fn ask(
    client: &Client,
    project: &str,
    (cluster, location): (&str, &str),
    metric: Metric,
    stems: &[Vec<String>],
    (since, until): (Timestamp, Timestamp),
) -> Result<Vec<Hours>, Fault> {
    let (kind, align, of_container, more) = metric.asked();
    let filter = format!(
        "metric.type=\"{kind}\" AND resource.labels.cluster_name=\"{cluster}\" AND resource.labels.location=\"{location}\"{more}"
    );
    let by = if of_container { "metadata.system_labels.node_name" } else { "resource.labels.node_name" };
    let request = |token: Option<&str>| {
        let request = http::get(format!("https://monitoring.googleapis.com/v3/projects/{project}/timeSeries"))
            .query("filter", &filter)
            .query("interval.startTime", since)
            .query("interval.endTime", until)
            .query("aggregation.alignmentPeriod", "3600s")
            .query("aggregation.perSeriesAligner", align)
            .query("aggregation.crossSeriesReducer", "REDUCE_SUM")
            .query("aggregation.groupByFields", by)
            .query("pageSize", 10_000);
        match token {
            Some(token) => request.query("pageToken", token),
            None => request,
        }
    };
    let mut hours = vec![Hours::default(); stems.len()];
    each_page(client, request(None), async |page: Value| {
        if let Some(why) = missing(&page) {
            return Err(Fault::of_ours("incomplete", format!("Cloud Monitoring does not tell all of {kind}: {why}")));
        }
        for series in path::all(&page, "/timeSeries/*") {
            let node = ["/resource/labels/node_name", "/metadata/systemLabels/node_name"];
            let Some(node) = node.iter().find_map(|at| path::text(series, at)) else { continue };
            // The longest stem wins: a pool `web` and a pool `web-large` begin alike.
            let length = |stems: &Vec<String>| {
                stems.iter().filter(|stem| node.starts_with(stem.as_str())).map(String::len).max()
            };
            let best = stems.iter().enumerate().filter_map(|(place, stems)| Some((length(stems)?, place))).max();
            if let Some(pool) = best.and_then(|(_, place)| hours.get_mut(place)) {
                pool.add(series);
            }
        }
        let token = path::text(&page, "/nextPageToken");
        Ok(token.map(|token| Next { token: token.to_owned(), request: request(Some(token)) }))
    })
    .await?;
    Ok(hours)
}

/// What an answer says is missing from it: a part of the query that went wrong, or what was out of reach.
fn missing(page: &Value) -> Option<&str> {
    let errors = path::all(page, "/executionErrors/*");
    let wrong = errors.first().map(|error| path::text(error, "/message").unwrap_or("a part of it went wrong"));
    wrong.or_else(|| path::text(page, "/unreachable/0"))
}

impl Hours {
    fn add(&mut self, series: &Value) {
        for point in path::all(series, "/points/*") {
            let end = path::text(point, "/interval/endTime").and_then(|time| time.parse::<Timestamp>().ok());
            let value = path::one(point, "/value/doubleValue")
                .and_then(Value::as_f64)
                .or_else(|| path::text(point, "/value/int64Value")?.parse().ok());
            if let Some((end, value)) = end.zip(value) {
                let hour = end.as_second().div_euclid(3_600);
                *self.sums.entry(hour).or_default() += value;
                *self.nodes.entry(hour).or_default() += 1;
            }
        }
    }

    /// The value that so many hundredths of the hours do not pass; none if there are no hours.
    pub fn percentile(&self, hundredths: usize) -> Option<f64> {
        let mut values: Vec<f64> = self.sums.values().copied().collect();
        values.sort_by(f64::total_cmp);
        // The nearest rank, which is a value that was there.
        let rank = (values.len() * hundredths).div_ceil(100).max(1) - 1;
        values.get(rank).copied()
    }

    /// What the newest hour of which there is something came to, and of how many nodes.
    pub fn newest(&self) -> Option<(f64, u32)> {
        let (hour, sum) = self.sums.last_key_value()?;
        Some((*sum, self.nodes.get(hour).copied()?))
    }
}
