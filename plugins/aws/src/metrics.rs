//! Asking CloudWatch what is used.
//!
//! Up to 200 measures are asked for at once, each a value a day or an hour. Each measure costs the
//! account 0.00001 USD.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use troupe_sdk::wait;

use crate::client::{Fault, check_progress};
use crate::endpoint::regional;
use crate::found::Found;
use crate::protocol::json::Api;
use crate::services::Scope;

const OPERATION: (&str, &str) = ("cloudwatch", "GetMetricData");

/// How many measures one question asks for; 500 is the most.
const AT_ONCE: usize = 200;

/// Seconds of an hour.
pub const HOUR: i64 = 60 * 60;

/// Seconds of a day.
pub const DAY: i64 = 24 * HOUR;

/// For which time values are asked.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// The first second of the Unix epoch, at the beginning of a period.
    pub from: i64,
    /// The second after the last.
    pub to: i64,
    /// Seconds that become one value.
    pub period: i64,
}

/// What is measured of a kind of resource.
#[derive(Debug, PartialEq, Eq)]
pub struct Measure {
    /// The service's name for its measures.
    pub namespace: &'static str,
    /// What is measured.
    pub metric: &'static str,
    /// How the resource is named.
    pub dimension: &'static str,
    /// How the values of a period become one: `Sum`, `Average`, `Maximum`.
    pub statistic: &'static str,
    /// Days without a value are days on which nothing happened. Services that always tell
    /// have no such days, and without values nobody knows.
    pub silence_is_none: bool,
}

/// One question: a measure of a resource.
#[derive(Debug, Clone)]
pub struct Question {
    /// What is measured.
    pub measure: &'static Measure,
    /// The resource, as its measures name it.
    pub name: String,
}

/// The values of each measure, one a period, by metric and statistic and the resource's name; why
/// there are none where they could not be asked.
pub type Measured = BTreeMap<(&'static str, &'static str, String), Result<Vec<f64>, String>>;

/// The values of a measure of a resource, or why there are none.
pub fn values<'a>(measured: &'a Measured, measure: &Measure, name: &str) -> Result<&'a [f64], String> {
    match measured.get(&(measure.metric, measure.statistic, name.to_owned())) {
        Some(Ok(values)) => Ok(values),
        Some(Err(why)) => Err(why.clone()),
        None => Err("it was not measured".to_owned()),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    metric_data_results: Vec<Series>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Series {
    id: String,
    status_code: Option<String>,
    #[serde(default)]
    values: Vec<f64>,
}

/// Asks for the values of a time.
pub async fn measure(scope: Scope<'_>, questions: &[Question], span: Span) -> (Measured, Found) {
    let endpoint = regional("monitoring", scope.region);
    let api =
        Api { client: scope.client, endpoint: &endpoint, target: "GraniteServiceVersion20100801", version: "1.0" };
    let parts: Vec<&[Question]> = questions.chunks(AT_ONCE).collect();
    let answers = wait::all(parts.iter().map(|part| ask(api, part, span))).await;
    let (mut measured, mut found) = (Measured::new(), Found::default());
    for (part, answer) in parts.into_iter().zip(answers) {
        let values = match answer {
            Ok(values) => values,
            Err(fault) => {
                let why = format!("its measures could not be read: {}", fault.code);
                found.note(OPERATION, scope.region, None, fault);
                part.iter().map(|_| Err(why.clone())).collect()
            }
        };
        for (question, values) in part.iter().zip(values) {
            let Question { measure, name } = question;
            measured.insert((measure.metric, measure.statistic, name.clone()), values);
        }
    }
    (measured, found)
}

async fn ask(api: Api<'_>, part: &[Question], span: Span) -> Result<Vec<Result<Vec<f64>, String>>, Fault> {
    let queries: Vec<Value> =
        part.iter().enumerate().map(|(number, question)| query(number, question, span.period)).collect();
    let mut values: Vec<Result<Vec<f64>, String>> = part.iter().map(|_| Ok(Vec::new())).collect();
    // For each measure whether all of it is told, as it was said last.
    let mut whole: Vec<Option<bool>> = vec![None; part.len()];
    let mut token: Option<String> = None;
    loop {
        let mut input = json!({ "StartTime": span.from, "EndTime": span.to, "MetricDataQueries": queries });
        if let (Value::Object(input), Some(token)) = (&mut input, &token) {
            input.insert("NextToken".to_owned(), json!(token));
        }
        let page: Page = api.ask(OPERATION.1, input).await?;
        for series in page.metric_data_results {
            let place = series.id.strip_prefix('m').and_then(|number| number.parse::<usize>().ok());
            let Some((slot, whole)) = place.and_then(|place| values.get_mut(place).zip(whole.get_mut(place))) else {
                continue;
            };
            *whole = Some(series.status_code.as_deref() != Some("PartialData"));
            match (series.status_code.as_deref(), slot) {
                // Partial data go on with the next page.
                (None | Some("Complete" | "PartialData"), Ok(values)) => values.extend(series.values),
                (Some(status), slot @ Ok(_)) => *slot = Err(format!("CloudWatch says {status} of its measures")),
                (_, Err(_)) => {}
            }
        }
        let Some(next) = page.next_token.filter(|next| !next.is_empty()) else { break };
        check_progress(token.as_deref(), &next)?;
        token = Some(next);
    }
    let ended = values.into_iter().zip(whole).map(|(values, whole)| match whole {
        Some(true) => values,
        Some(false) => values.and_then(|_| Err("CloudWatch tells a part of its measures alone".to_owned())),
        None => Err("CloudWatch tells nothing of its measures".to_owned()),
    });
    Ok(ended.collect())
}

fn query(number: usize, question: &Question, period: i64) -> Value {
    let Question { measure, name } = question;
    json!({
        "Id": format!("m{number}"),
        "MetricStat": {
            "Metric": {
                "Namespace": measure.namespace,
                "MetricName": measure.metric,
                "Dimensions": [{ "Name": measure.dimension, "Value": name }],
            },
            "Period": period,
            "Stat": measure.statistic,
        },
    })
}
