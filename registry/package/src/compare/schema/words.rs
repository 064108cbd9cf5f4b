//! The keywords of JSON Schema 2020-12, as far as they have to be told apart.

use serde_json::{Map, Value};

/// Keywords that say nothing of which documents are taken, as the host checks them.
pub(super) const SILENT: &[&str] = &[
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "format",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "$comment",
    "$schema",
    "$defs",
    "definitions",
    "$id",
];

/// Keywords whose meaning hangs on what stands beside them.
const WHOLE: &[&str] = &["unevaluatedProperties", "unevaluatedItems"];

/// Keywords that change what a reference means, wherever they stand.
const BEYOND: &[&str] =
    &["$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveRef", "$recursiveAnchor", "$vocabulary"];

/// The dialect that the host reads schemas by.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Keywords whose value is a schema.
const ONE: &[&str] = &[
    "additionalProperties",
    "propertyNames",
    "items",
    "contains",
    "not",
    "if",
    "then",
    "else",
    "unevaluatedProperties",
    "unevaluatedItems",
];

/// Keywords whose value is a list of schemas.
const LIST: &[&str] = &["allOf", "anyOf", "oneOf", "prefixItems"];

/// Keywords whose value is an object of schemas.
const NAMED: &[&str] = &["properties", "patternProperties", "dependentSchemas", "$defs", "definitions"];

/// The schema without what people read, so that two that mean the same are equal.
pub(super) fn stripped(schema: &Value) -> Value {
    let Value::Object(words) = schema else { return schema.clone() };
    let plain = words.iter().filter(|(word, _)| word == &"$defs" || word == &"definitions" || !is_silent(word));
    plain.map(|(word, value)| (word.clone(), inner(word, value, stripped))).collect::<Map<_, _>>().into()
}

fn is_silent(word: &str) -> bool {
    // The id is the base of references; the dialect is checked by itself.
    SILENT.contains(&word) && word != "$id" && word != "$schema"
}

fn inner(word: &str, value: &Value, change: fn(&Value) -> Value) -> Value {
    match value {
        value if ONE.contains(&word) => change(value),
        Value::Array(all) if LIST.contains(&word) => all.iter().map(change).collect(),
        Value::Object(all) if NAMED.contains(&word) => {
            all.iter().map(|(name, value)| (name.clone(), change(value))).collect::<Map<_, _>>().into()
        }
        value => value.clone(),
    }
}

/// A keyword because of which a schema cannot be compared at all.
pub(super) fn beyond_us(schema: &Value) -> Option<&'static str> {
    let dialect = schema.get("$schema").map(|dialect| dialect.as_str().map(|text| text.trim_end_matches('#')));
    if dialect.is_some_and(|dialect| dialect != Some(DIALECT)) {
        return Some("$schema");
    }
    let mut left = vec![(schema, true)];
    while let Some((value, is_root)) = left.pop() {
        match value {
            Value::Array(items) => left.extend(items.iter().map(|item| (item, false))),
            Value::Object(members) => {
                let beyond = BEYOND.iter().find(|word| members.contains_key(**word)).copied();
                let based = ["$id", "$schema"].into_iter().find(|word| !is_root && members.contains_key(*word));
                if let Some(word) = beyond.or(based) {
                    return Some(word);
                }
                left.extend(members.values().map(|value| (value, false)));
            }
            _ => {}
        }
    }
    None
}

/// Whether the keywords of a schema can only be compared together.
pub(super) fn is_whole(schema: &Map<String, Value>) -> bool {
    WHOLE.iter().any(|word| schema.contains_key(*word))
}

/// Whether a document holds a reference, so that equal text may mean something else elsewhere.
pub(super) fn refers(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(refers),
        Value::Object(members) => members.contains_key("$ref") || members.values().any(refers),
        _ => false,
    }
}

/// Whether each reference of a document leads to the whole of it or to one of its definitions.
pub(super) fn refers_plainly(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().all(refers_plainly),
        Value::Object(members) => {
            let is_plain = |reference: &str| {
                let definition = ["#/$defs/", "#/definitions/"].iter().find_map(|place| reference.strip_prefix(place));
                reference == "#" || definition.is_some_and(|name| !name.contains('/'))
            };
            members.get("$ref").is_none_or(|reference| reference.as_str().is_some_and(is_plain))
                && members.values().all(refers_plainly)
        }
        _ => true,
    }
}

/// How much a document holds, in values.
pub(super) fn size(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Object(members) => 1 + members.values().map(size).sum::<usize>(),
        _ => 1,
    }
}
