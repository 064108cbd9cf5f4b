//! What is expected of an answer.

use serde::Deserializer;
use serde_json::Value;
use troupe_sdk::prelude::*;

use crate::pattern::matches;

/// What is expected of one place of an answer, or of how long it took. All that is said has to hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The place, a JSON Pointer; the whole answer when absent.
    #[serde(default)]
    pub at: String,
    /// It is this.
    #[serde(default, deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    pub equals: Option<Value>,
    /// It is a text of this form, in which `*` stands for any text.
    #[serde(default)]
    pub matches: Option<String>,
    /// It is a number that is no less; of a list or an object, the number of its items; of a text, its characters.
    #[serde(default)]
    pub at_least: Option<f64>,
    /// The same, no more.
    #[serde(default)]
    pub at_most: Option<f64>,
    /// Whether there is something there that is not null.
    #[serde(default)]
    pub present: Option<bool>,
    /// It was answered within so many milliseconds.
    #[serde(default)]
    pub within_ms: Option<u64>,
}

/// A value that is there, and be it null.
fn said<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}

impl Expectation {
    /// What of it does not hold, in one sentence each.
    pub fn faults(&self, answer: &Value, took_ms: u64) -> Vec<String> {
        let found = answer.pointer(&self.at).filter(|found| !found.is_null());
        let place = if self.at.is_empty() { "the answer".to_owned() } else { format!("`{}`", self.at) };
        let shown = found.map_or_else(|| "nothing".to_owned(), short);
        let mut faults = Vec::new();
        if let Some(expected) = &self.equals
            && found.unwrap_or(&Value::Null) != expected
        {
            faults.push(format!("{place} is {shown}, not {}", short(expected)));
        }
        if let Some(pattern) = &self.matches
            && !found.and_then(Value::as_str).is_some_and(|text| matches(pattern, text))
        {
            faults.push(format!("{place} is {shown}, which does not match `{pattern}`"));
        }
        let amount = found.and_then(amount);
        if let Some(least) = self.at_least
            && amount.is_none_or(|amount| amount < least)
        {
            faults.push(format!("{place} is {}, less than {least}", counted(amount, &shown)));
        }
        if let Some(most) = self.at_most
            && amount.is_none_or(|amount| amount > most)
        {
            faults.push(format!("{place} is {}, more than {most}", counted(amount, &shown)));
        }
        match self.present {
            Some(true) if found.is_none() => faults.push(format!("{place} is not there")),
            Some(false) if found.is_some() => {
                faults.push(format!("{place} is {shown}, and nothing was expected there"))
            }
            _ => {}
        }
        if let Some(most) = self.within_ms.filter(|most| took_ms > *most) {
            faults.push(format!("it took {took_ms} ms, more than {most}"));
        }
        faults
    }
}

fn amount(value: &Value) -> Option<f64> {
    let count = |count: usize| u32::try_from(count).ok().map(f64::from);
    match value {
        Value::Array(items) => count(items.len()),
        Value::Object(members) => count(members.len()),
        Value::String(text) => count(text.chars().count()),
        value => value.as_f64(),
    }
}

fn counted(amount: Option<f64>, shown: &str) -> String {
    amount.map_or_else(|| format!("{shown}, which has no number"), |amount| amount.to_string())
}

/// A value for people, no longer than a line.
fn short(value: &Value) -> String {
    let text = value.to_string();
    let cut: String = text.chars().take(80).collect();
    if cut.len() < text.len() { format!("{cut}…") } else { cut }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(expectation: Value, answer: &Value) -> Vec<String> {
        serde_json::from_value::<Expectation>(expectation).unwrap().faults(answer, 70)
    }

    #[test]
    fn each_expectation_holds_or_says_what_does_not() {
        let answer = json!({ "text": "hello", "n": 3, "list": [1, 2], "none": null });
        for holds in [
            json!({ "at": "/text", "equals": "hello", "matches": "h*o" }),
            json!({ "at": "/n", "at_least": 3, "at_most": 3 }),
            json!({ "at": "/list", "at_least": 2, "present": true }),
            json!({ "at": "/none", "present": false, "equals": null }),
            json!({ "at": "/text", "at_most": 5, "within_ms": 70 }),
        ] {
            assert_eq!(faults(holds, &answer), Vec::<String>::new());
        }
        for (breaks, says) in [
            (json!({ "at": "/text", "equals": "bye" }), "`/text` is \"hello\", not \"bye\""),
            (json!({ "at": "/n", "equals": null }), "`/n` is 3, not null"),
            (json!({ "at": "/text", "matches": "b*" }), "`/text` is \"hello\", which does not match `b*`"),
            (json!({ "at": "/n", "at_least": 4 }), "`/n` is 3, less than 4"),
            (json!({ "at": "/gone", "at_most": 4 }), "`/gone` is nothing, which has no number, more than 4"),
            (json!({ "at": "/none", "present": true }), "`/none` is not there"),
            (json!({ "at": "/n", "present": false }), "`/n` is 3, and nothing was expected there"),
            (json!({ "within_ms": 69 }), "it took 70 ms, more than 69"),
        ] {
            assert_eq!(faults(breaks, &answer), [says]);
        }
    }
}
