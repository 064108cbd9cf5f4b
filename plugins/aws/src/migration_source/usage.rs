//! How much of machines, databases and caches is used, by CloudWatch.
//!
//! Of each hour the busiest five minutes count. `peak` is the busiest hour of all, and in 95 of 100 hours it
//! was no busier than `p95`; both are told in percent, under `utilisation`, as the agent `migration` reads
//! them. Less than a day of values says nothing, and nothing is told then.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::client::Fault;
use crate::found::Found;
use crate::metrics::{self, DAY, HOUR, Measure, Measured, Question, Span};
use crate::model::Resource;
use crate::services::Scope;
use troupe_estate::statistics::percentile;

/// How many days are looked at, as `savings` does where nothing else is said.
const DAYS: i64 = 14;

/// How many hours must have values.
const HOURS_MIN: usize = 24;

const OPERATION: (&str, &str) = ("cloudwatch", "GetMetricData");

static CPU_OF_INSTANCE: Measure = measure("AWS/EC2", "CPUUtilization", "InstanceId", "Maximum");
static CPU_OF_DATABASE: Measure = measure("AWS/RDS", "CPUUtilization", "DBInstanceIdentifier", "Maximum");
static FREE_OF_DATABASE: Measure = measure("AWS/RDS", "FreeableMemory", "DBInstanceIdentifier", "Minimum");
static CPU_OF_CACHE: Measure = measure("AWS/ElastiCache", "CPUUtilization", "CacheClusterId", "Maximum");
static MEMORY_OF_CACHE: Measure =
    measure("AWS/ElastiCache", "DatabaseMemoryUsagePercentage", "CacheClusterId", "Maximum");

const fn measure(
    namespace: &'static str,
    metric: &'static str,
    dimension: &'static str,
    statistic: &'static str,
) -> Measure {
    Measure { namespace, metric, dimension, statistic, silence_is_none: false }
}

/// What is measured of a resource.
struct Measures {
    cpu: &'static Measure,
    memory: Option<&'static Measure>,
}

/// Puts into each machine, database and cache that runs how much of it is used.
pub async fn put(scope: Scope<'_>, found: &mut Found, now: Timestamp) {
    let questions: Vec<Question> = found.resources.iter().flat_map(questions).collect();
    if questions.is_empty() {
        return;
    }
    let to = now.as_second().div_euclid(HOUR) * HOUR;
    let span = Span { from: to - DAYS * DAY, to, period: HOUR };
    let (measured, asked) = metrics::measure(scope, &questions, span).await;
    found.problems.extend(asked.problems);
    let mut resources = std::mem::take(&mut found.resources);
    for resource in &mut resources {
        let Some(measures) = measures(resource) else { continue };
        let cpu = values(&measured, measures.cpu, resource);
        let hours = cpu.as_ref().map(Vec::len).unwrap_or_default();
        let mut told = Map::new();
        found.read(resource, OPERATION, &["utilisation.cpu"], cpu, |_, values| tell(&mut told, "cpu", &values));
        let memory = measures.memory.map_or_else(
            || {
                Err(Fault::not_available(
                    "memory_not_measured",
                    "EC2 does not see how full memory is; an agent on it does",
                ))
            },
            |measure| used_memory(resource, measure, values(&measured, measure, resource)?),
        );
        let put = |_: &mut Resource, values: Vec<f64>| tell(&mut told, "memory", &values);
        found.read(resource, OPERATION, &["utilisation.memory"], memory, put);
        if !told.is_empty() {
            told.insert("days".to_owned(), json!(hours / 24));
            resource.set("utilisation", told);
        }
    }
    found.resources = resources;
}

fn measures(resource: &Resource) -> Option<Measures> {
    let state = resource.attributes.get("state").and_then(Value::as_str);
    match (&*resource.kind, state) {
        ("aws.ec2.instance", Some("running")) => Some(Measures { cpu: &CPU_OF_INSTANCE, memory: None }),
        ("aws.rds.instance", Some("available")) => {
            Some(Measures { cpu: &CPU_OF_DATABASE, memory: Some(&FREE_OF_DATABASE) })
        }
        ("aws.elasticache.cluster", Some("available")) => {
            Some(Measures { cpu: &CPU_OF_CACHE, memory: Some(&MEMORY_OF_CACHE) })
        }
        _ => None,
    }
}

fn questions(resource: &Resource) -> Vec<Question> {
    let measures = measures(resource).into_iter().flat_map(|of| std::iter::once(of.cpu).chain(of.memory));
    measures.map(|measure| Question { measure, name: resource.id.clone() }).collect()
}

/// The values of the hours, or why there are none to go by.
fn values(measured: &Measured, measure: &Measure, resource: &Resource) -> Result<Vec<f64>, Fault> {
    let values =
        metrics::values(measured, measure, &resource.id).map_err(|why| Fault::not_available("not_measured", why))?;
    if values.len() < HOURS_MIN {
        let why = format!("CloudWatch has values of fewer than {HOURS_MIN} hours of the last {DAYS} days");
        return Err(Fault::not_available("not_measured", why));
    }
    Ok(values.to_vec())
}

/// How full memory was, in percent: databases tell what is free of it, in bytes.
fn used_memory(resource: &Resource, measure: &Measure, values: Vec<f64>) -> Result<Vec<f64>, Fault> {
    if measure.metric != FREE_OF_DATABASE.metric {
        return Ok(values);
    }
    let all = resource.attributes.get("memory_gib").and_then(Value::as_f64).filter(|gib| *gib > 0.0);
    let all = all.ok_or_else(|| Fault::not_available("not_measured", "how much memory it has is not known"))?;
    Ok(values.into_iter().map(|free| 100.0 * (1.0 - free / (all * GIB))).map(|used| used.clamp(0.0, 100.0)).collect())
}

/// Bytes of a GiB.
const GIB: f64 = 1_073_741_824.0;

fn tell(told: &mut Map<String, Value>, name: &str, values: &[f64]) {
    for (word, share) in [("p95", 0.95), ("peak", 1.0)] {
        if let Some(value) = percentile(values, share) {
            told.insert(format!("{name}_{word}_percent"), json!((value * 10.0).round() / 10.0));
        }
    }
}
