//! Whether one value is so.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::{Value, json};
use troupe_estate::{Truth, policy};

use super::condition::{Matcher, Order};
use super::network::{self, Range};
use super::version;
use super::words::covers;
use crate::unknown;

/// Longest text that a regular expression is tried on, in bytes.
const REGEX_TEXT_MAX: usize = 64 * 1024;
/// Longest text and list that is told as evidence.
const SHOWN_LETTERS_MAX: usize = 300;
const SHOWN_BYTES_MAX: usize = 1_200;

/// Reports whether a scalar, or an object taken as one, is so.
pub fn scalar(value: &Value, matcher: &Matcher, now: Timestamp) -> Truth {
    let text = value.as_str();
    match matcher {
        Matcher::Equals(wanted) => Truth::from(equal(value, wanted)),
        Matcher::OneOf(wanted) => Truth::from(wanted.iter().any(|wanted| equal(value, wanted))),
        Matcher::Matches(globs) => Truth::from(text.is_some_and(|text| globs.iter().any(|glob| glob.fits(text)))),
        Matcher::Covers(texts) => {
            Truth::from(text.is_some_and(|pattern| texts.iter().any(|text| covers(pattern, text))))
        }
        Matcher::Regex(regex) => match text {
            Some(text) if text.len() > REGEX_TEXT_MAX => Truth::unknown("a text is too long to be searched"),
            Some(text) => Truth::from(regex.is_match(text)),
            None => Truth::No,
        },
        Matcher::Number(order, bound) => match number(value) {
            Some(number) => Truth::from(match order {
                Order::Less => number < *bound,
                Order::AtMost => number <= *bound,
                Order::More => number > *bound,
                Order::AtLeast => number >= *bound,
            }),
            None if value.is_null() => Truth::No,
            None => Truth::unknown(format!("{} is no number", shown(value, false))),
        },
        Matcher::OlderThanDays(days) => age(value, now, |age| age >= *days),
        Matcher::WithinDays(days) => age(value, now, |age| -age <= *days),
        Matcher::VersionBelow(bound) => {
            let written = text.map(str::to_owned).or_else(|| value.as_number().map(ToString::to_string));
            Truth::from(written.and_then(|text| version(&text)).is_some_and(|version| version < *bound))
        }
        Matcher::Unsupported(support) => {
            let written = text.map(str::to_owned).or_else(|| value.as_number().map(ToString::to_string));
            Truth::from(written.is_some_and(|text| support.is_over(&text, now)))
        }
        Matcher::Open => Truth::from(text.is_some_and(network::is_open)),
        Matcher::Public => Truth::from(text.and_then(network::is_public) == Some(true)),
        Matcher::Inside(range) => Truth::from(text.and_then(Range::parse).is_some_and(|it| range.contains(&it))),
        Matcher::Contains(range) => Truth::from(text.and_then(Range::parse).is_some_and(|it| it.contains(range))),
        Matcher::Port(ports) => {
            let port = value.as_u64().and_then(|port| u16::try_from(port).ok());
            Truth::from(match port {
                Some(port) => ports.contains(&port),
                None => text.and_then(|text| network::has_port(text, ports)) == Some(true),
            })
        }
        Matcher::AdmitsEverybody => policy::admits_everybody(value, unknown::reason),
        // The judge deals with the others.
        _ => Truth::No,
    }
}

/// Reports whether the ports of an element, `from_port` to `to_port` of `protocol`, contain one of these. Without
/// ports it is all of them, if the protocol has ports. `entry` gives the element's entries.
pub fn opens<'v>(entry: impl Fn(&str) -> Option<&'v Value>, ports: &[u16]) -> Truth {
    let get = |key: &str| entry(key).filter(|value| !value.is_null());
    for key in ["protocol", "from_port", "to_port"] {
        if let Some(why) = get(key).and_then(unknown::reason) {
            return Truth::unknown(why);
        }
    }
    let protocol =
        get("protocol").map(|protocol| protocol.as_str().map_or_else(|| protocol.to_string(), str::to_lowercase));
    let is_all = protocol.as_deref().is_none_or(|protocol| ["all", "-1", "*"].contains(&protocol));
    let has_ports = protocol.as_deref().is_some_and(|protocol| ["tcp", "udp", "6", "17", "sctp"].contains(&protocol));
    if is_all {
        return Truth::Yes;
    }
    if !has_ports {
        return Truth::No;
    }
    match (get("from_port").and_then(number), get("to_port").and_then(number)) {
        (None, None) => Truth::Yes,
        (from, to) => {
            let (from, to) = (from.or(to).unwrap_or_default(), to.or(from).unwrap_or_default());
            // -1 to -1 is how some tools write all of them.
            let is_every = from < 0.0;
            Truth::from(is_every || ports.iter().any(|port| from <= f64::from(*port) && f64::from(*port) <= to))
        }
    }
}

/// Reports whether two values are the same; numbers and truth values may be written as text.
pub fn equal(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::String(text), Value::Bool(truth)) | (Value::Bool(truth), Value::String(text)) => {
            text.eq_ignore_ascii_case(if *truth { "true" } else { "false" })
        }
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::String(text), Value::Number(number)) | (Value::Number(number), Value::String(text)) => {
            text.trim().parse::<f64>().ok() == number.as_f64()
        }
        (one, other) => one == other,
    }
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|number| number.is_finite())
}

/// Reports on how many days ago a time was; negative if it comes.
fn age(value: &Value, now: Timestamp, is_so: impl Fn(f64) -> bool) -> Truth {
    let at = match value {
        Value::Null => return Truth::No,
        Value::String(text) => time(text),
        // Seconds since 1970, as Key Vault and others have it.
        value => value.as_i64().and_then(|seconds| Timestamp::from_second(seconds).ok()),
    };
    match at {
        Some(at) => Truth::from(is_so(at.duration_until(now).as_secs_f64() / 86_400.0)),
        None => Truth::unknown(format!("{} is no time", shown(value, false))),
    }
}

fn time(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>()
        .ok()
        .or_else(|| Some(text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp()))
}

/// Reports whether there is nothing, or nothing in it.
pub fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        _ => false,
    }
}

/// How many elements, entries or letters.
pub fn size(value: &Value) -> usize {
    match value {
        Value::Null => 0,
        Value::String(text) => text.chars().count(),
        Value::Array(list) => list.len(),
        Value::Object(entries) => entries.len(),
        _ => 1,
    }
}

/// The elements of a list; something else is its own one, and nothing has none.
pub fn elements(value: &Value) -> &[Value] {
    match value {
        Value::Array(list) => list,
        Value::Null => &[],
        one => std::slice::from_ref(one),
    }
}

/// Gathers the values that a scalar matcher looks at: those of a list, in lists of lists as well.
pub fn scalars<'v>(value: &'v Value, into: &mut Vec<&'v Value>) {
    match value {
        Value::Array(list) => list.iter().for_each(|one| scalars(one, into)),
        one => into.push(one),
    }
}

/// Reports whether a matcher looks for secrets, so that what it looks at is not told.
pub fn is_about_secrets(matcher: &Matcher) -> bool {
    match matcher {
        Matcher::Secret => true,
        Matcher::Not(inner) => is_about_secrets(inner),
        Matcher::All(all) => all.iter().any(is_about_secrets),
        _ => false,
    }
}

/// A value as it is told: cut to what a person reads.
pub fn shown(value: &Value, is_secret: bool) -> Value {
    if is_secret {
        return json!("(not shown)");
    }
    if let Some(why) = unknown::reason(value) {
        return json!(format!("(not known: {why})"));
    }
    let cut = |text: &str| text.chars().take(SHOWN_LETTERS_MAX).chain(['…']).collect::<String>();
    match value {
        Value::String(text) if text.chars().nth(SHOWN_LETTERS_MAX).is_some() => json!(cut(text)),
        Value::Array(_) | Value::Object(_) => {
            let text = value.to_string();
            if text.len() > SHOWN_BYTES_MAX || text.contains("\\u0000unknown") {
                json!(cut(&text).replace("\\u0000", ""))
            } else {
                value.clone()
            }
        }
        value => value.clone(),
    }
}
