//! Values that nobody knows yet.
//!
//! A plan has values that the cloud decides when it is applied, and a template has references that only the
//! cloud resolves. They are neither there nor absent, so no test of them may come out true or false. They stand
//! in the place of the value as an object with one key that no document can have, since it begins with a
//! character that neither JSON keys of clouds nor YAML allow.

use serde_json::{Value, json};

const KEY: &str = "\u{0}unknown";

/// A value that nobody knows, and why.
pub fn unknown(reason: &str) -> Value {
    json!({ KEY: reason })
}

/// Why a value is not known, if it is not.
pub fn reason(value: &Value) -> Option<&str> {
    value.as_object().filter(|object| object.len() == 1)?.get(KEY)?.as_str()
}
