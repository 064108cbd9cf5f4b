//! How an attribute is made of what Azure tells.
//!
//! | written | makes |
//! |---|---|
//! | `"/properties/diskSizeGB"` | what stands there; with `*` in it, a list of what stands at each |
//! | `{"each": PLACE, "take": {NAME: PLACE, …}}` | a list of objects, one for each item of the list at the place |
//! | `{"any": [PLACE, …]}` | what stands at the first place where something does: APIs rename |
//! | `{"find": PLACE, "begins": TEXT}` | the first text there that begins so |
//! | `{"pairs": PLACE, "only": [NAME, …]}` | an object of the `name` and `properties.value` of these items of the list |
//! | `{"seconds": PLACE}` | the time of these seconds since 1970 |
//!
//! What is not there, or `null`, makes nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

/// How an attribute is made.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Spec {
    /// What stands at a place.
    At(String),
    /// A list of objects.
    Each {
        /// The place of the list.
        each: String,
        /// What each object has, from each item.
        take: BTreeMap<String, String>,
    },
    /// The first that there is.
    Any {
        /// The places.
        any: Vec<String>,
    },
    /// A text that begins so.
    Find {
        /// The places.
        find: String,
        /// How it begins.
        begins: String,
    },
    /// Names and values.
    Pairs {
        /// The place of the list.
        pairs: String,
        /// Which of them.
        only: Vec<String>,
    },
    /// A time.
    Seconds {
        /// The place.
        seconds: String,
    },
}

impl Spec {
    /// Makes the attribute of what Azure tells, if there is something to tell.
    pub fn make(&self, told: &Value) -> Option<Value> {
        match self {
            Self::At(place) => at(told, place),
            Self::Any { any } => any.iter().find_map(|place| at(told, place)),
            Self::Each { each, take } => {
                let items = told.pointer(each)?.as_array()?;
                let object = |item: &Value| {
                    let fields = take.iter().filter_map(|(name, place)| Some((name.clone(), at(item, place)?)));
                    Value::Object(fields.collect())
                };
                Some(items.iter().map(object).collect())
            }
            Self::Find { find, begins } => {
                let found = texts(told, find).find(|text| text.starts_with(begins.as_str()))?;
                Some(found.into())
            }
            Self::Pairs { pairs, only } => {
                let items = told.pointer(pairs)?.as_array()?;
                let mut named = Map::new();
                for item in items {
                    let (Some(name), Some(value)) = (item.get("name"), item.pointer("/properties/value")) else {
                        continue;
                    };
                    if let Some(name) = name.as_str().filter(|name| only.iter().any(|asked| asked == name)) {
                        named.insert(name.to_owned(), value.clone());
                    }
                }
                Some(Value::Object(named))
            }
            Self::Seconds { seconds } => {
                let seconds = told.pointer(seconds)?.as_i64()?;
                Some(Timestamp::from_second(seconds).ok()?.to_string().into())
            }
        }
    }
}

/// What stands at a place: with a `*` in it, the list of what stands at each.
pub fn at(told: &Value, place: &str) -> Option<Value> {
    if !place.contains('*') {
        return told.pointer(place).filter(|value| !value.is_null()).cloned();
    }
    let mut all = Vec::new();
    each(told, place, &mut |value| all.push(value.clone()));
    (!all.is_empty()).then_some(Value::Array(all))
}

/// The texts that stand at a place, which may have `*` in it; empty ones are none.
pub fn texts<'a>(told: &'a Value, place: &str) -> impl Iterator<Item = &'a str> {
    let mut all = Vec::new();
    each(told, place, &mut |value| all.extend(value.as_str().filter(|text| !text.is_empty())));
    all.into_iter()
}

/// Walks to each value at a place that is not `null`.
fn each<'a>(told: &'a Value, place: &str, take: &mut impl FnMut(&'a Value)) {
    let Some((before, after)) = place.split_once("/*") else {
        if let Some(value) = told.pointer(place).filter(|value| !value.is_null()) {
            take(value);
        }
        return;
    };
    for item in told.pointer(before).and_then(Value::as_array).into_iter().flatten() {
        each(item, after, take);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn made(spec: Value, told: &Value) -> Option<Value> {
        serde_json::from_value::<Spec>(spec).unwrap().make(told)
    }

    #[test]
    fn attributes_are_made_of_what_is_told() {
        let told = json!({
            "a": { "b": 1, "none": null, "list": [{ "id": "x", "in": [{ "id": "y" }, {}] }, { "id": "z", "in": [] }] },
            "pairs": [{ "name": "one", "properties": { "value": "ON" } }, { "name": "two", "properties": {} }],
            "at": 1_700_000_000,
        });
        for (spec, made_of) in [
            (json!("/a/b"), json!(1)),
            (json!("/a/list/*/id"), json!(["x", "z"])),
            (json!("/a/list/*/in/*/id"), json!(["y"])),
            (json!({ "any": ["/a/none", "/a/b"] }), json!(1)),
            (
                json!({ "each": "/a/list", "take": { "name": "/id", "none": "/none" } }),
                json!([{ "name": "x" }, { "name": "z" }]),
            ),
            (json!({ "find": "/a/list/*/id", "begins": "z" }), json!("z")),
            (json!({ "pairs": "/pairs", "only": ["one", "two"] }), json!({ "one": "ON" })),
            (json!({ "seconds": "/at" }), json!("2023-11-14T22:13:20Z")),
        ] {
            assert_eq!(made(spec.clone(), &told), Some(made_of), "{spec}");
        }
        for spec in [
            json!("/a/none"),
            json!("/a/nothing/*/id"),
            json!({ "each": "/a/none", "take": {} }),
            json!({ "find": "/a/list/*/id", "begins": "q" }),
            json!({ "pairs": "/nowhere", "only": [] }),
        ] {
            assert_eq!(made(spec.clone(), &told), None, "{spec}");
        }
    }
}
