//! Reads conditions from the data of rules, and says what is wrong with one.

use regex_lite::RegexBuilder;
use serde_json::{Map, Value};

use super::condition::{Condition, Matcher, Order, Related};
use super::network::Range;
use super::{Glob, Path, Support, version};

/// Deepest nesting of conditions.
const DEPTH_MAX: usize = 24;
/// Most memory that a compiled regular expression may take, in bytes.
const REGEX_BYTES_MAX: usize = 256 * 1024;

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    ///
    /// If it is none, with what is wrong.
    pub fn parse(value: &Value) -> Result<Self, String> {
        condition(value, 0)
    }
}

fn condition(value: &Value, depth: usize) -> Result<Condition, String> {
    if depth > DEPTH_MAX {
        return Err(format!("conditions are more than {DEPTH_MAX} deep"));
    }
    let entries = value.as_object().ok_or_else(|| format!("{value} is no condition, which is a mapping"))?;
    let each = |list: &Value| -> Result<Vec<Condition>, String> {
        let list = list.as_array().ok_or("`all`, `any` and `none` have a list of conditions")?;
        list.iter().map(|one| condition(one, depth + 1)).collect()
    };
    let mut all = Vec::new();
    for (key, value) in entries {
        all.push(match key.as_str() {
            "all" => Condition::All(each(value)?),
            "any" => Condition::Any(each(value)?),
            "none" => Condition::Not(Box::new(Condition::Any(each(value)?))),
            "not" => Condition::Not(Box::new(condition(value, depth + 1)?)),
            "opens" => Condition::Opens(ports(value)?),
            "related" | "referred" => Condition::Related(Box::new(related(key == "referred", value, depth)?)),
            path => Condition::Is(Path::parse(path)?, matcher(value, depth).map_err(|why| format!("{path}: {why}"))?),
        });
    }
    match all.pop() {
        None => Err("a condition is empty".to_owned()),
        Some(one) if all.is_empty() => Ok(one),
        Some(last) => {
            all.push(last);
            Ok(Condition::All(all))
        }
    }
}

fn related(backwards: bool, value: &Value, depth: usize) -> Result<Related, String> {
    let entries = value.as_object().ok_or("`related` has a mapping")?;
    if let Some(key) = entries.keys().find(|key| !["kind", "type", "where"].contains(&key.as_str())) {
        return Err(format!("`related` knows no `{key}`"));
    }
    let glob = |key: &str| entries.get(key).map_or(Ok("*"), |value| value.as_str().ok_or(format!("`{key}` is a text")));
    let (kind, types) = (glob("kind")?, glob("type")?);
    let inner = match entries.get("where") {
        Some(value) => condition(value, depth + 1)?,
        None => Condition::All(Vec::new()),
    };
    let written = if types == "*" { kind } else { types };
    Ok(Related {
        backwards,
        kind: Glob::new(kind),
        types: Glob::new(types),
        is_any: types == "*" && !entries.contains_key("where"),
        written: written.to_owned(),
        condition: inner,
    })
}

fn matcher(value: &Value, depth: usize) -> Result<Matcher, String> {
    if depth > DEPTH_MAX {
        return Err(format!("matchers are more than {DEPTH_MAX} deep"));
    }
    match value {
        Value::Object(entries) => operators(entries, depth),
        Value::Array(values) => Ok(Matcher::OneOf(values.clone())),
        Value::Null => Ok(Matcher::Not(Box::new(Matcher::Exists))),
        scalar => Ok(Matcher::Equals(scalar.clone())),
    }
}

fn operators(entries: &Map<String, Value>, depth: usize) -> Result<Matcher, String> {
    let mut all = Vec::new();
    for (key, value) in entries {
        all.push(operator(key, value, depth).map_err(|why| format!("{key}: {why}"))?);
    }
    match all.pop() {
        None => Err("a matcher is empty".to_owned()),
        Some(one) if all.is_empty() => Ok(one),
        Some(last) => {
            all.push(last);
            Ok(Matcher::All(all))
        }
    }
}

fn operator(key: &str, value: &Value, depth: usize) -> Result<Matcher, String> {
    let number = || value.as_f64().ok_or("needs a number");
    let text = || value.as_str().ok_or("needs a text");
    let inner = || condition(value, depth + 1).map(Box::new);
    let range = || text().and_then(|text| Range::parse(text).ok_or("needs an address or a range of addresses"));
    Ok(match key {
        "equals" => Matcher::Equals(value.clone()),
        "in" => Matcher::OneOf(value.as_array().ok_or("needs a list")?.clone()),
        "exists" => flag(value, Matcher::Exists)?,
        "empty" => flag(value, Matcher::Empty)?,
        "open" => flag(value, Matcher::Open)?,
        "public" => flag(value, Matcher::Public)?,
        "secret" => flag(value, Matcher::Secret)?,
        "admits_everybody" => flag(value, Matcher::AdmitsEverybody)?,
        "matches" => Matcher::Matches(texts(value)?.iter().map(|text| Glob::new(text)).collect()),
        "covers" => Matcher::Covers(texts(value)?),
        "regex" => {
            let regex = RegexBuilder::new(text()?).size_limit(REGEX_BYTES_MAX).build();
            Matcher::Regex(regex.map_err(|error| error.to_string())?)
        }
        "less" => Matcher::Number(Order::Less, number()?),
        "at_most" => Matcher::Number(Order::AtMost, number()?),
        "more" => Matcher::Number(Order::More, number()?),
        "at_least" => Matcher::Number(Order::AtLeast, number()?),
        "older_than_days" => Matcher::OlderThanDays(number()?),
        "within_days" => Matcher::WithinDays(number()?),
        "version_below" => {
            let written = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            Matcher::VersionBelow(version(&written).ok_or("needs a version")?)
        }
        "unsupported" => Matcher::Unsupported(Support::parse(value)?),
        "inside" => Matcher::Inside(range()?),
        "contains" => Matcher::Contains(range()?),
        "port" => Matcher::Port(ports(value)?),
        "size" => Matcher::Size(Box::new(matcher(value, depth + 1)?)),
        "some" => Matcher::Some(inner()?),
        "every" => Matcher::Every(inner()?),
        "no" => Matcher::Not(Box::new(Matcher::Some(inner()?))),
        "not" => Matcher::Not(Box::new(matcher(value, depth + 1)?)),
        _ => return Err("there is no such matcher".to_owned()),
    })
}

fn flag(value: &Value, matcher: Matcher) -> Result<Matcher, String> {
    match value {
        Value::Bool(true) => Ok(matcher),
        Value::Bool(false) => Ok(Matcher::Not(Box::new(matcher))),
        _ => Err("needs true or false".to_owned()),
    }
}

fn texts(value: &Value) -> Result<Vec<String>, String> {
    let list = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    list.iter().map(|one| one.as_str().map(str::to_owned).ok_or_else(|| "needs texts".to_owned())).collect()
}

fn ports(value: &Value) -> Result<Vec<u16>, String> {
    let list = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    let port = |one: &Value| one.as_u64().and_then(|port| u16::try_from(port).ok());
    list.iter().map(|one| port(one).ok_or_else(|| "needs ports".to_owned())).collect()
}
