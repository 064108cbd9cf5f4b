//! Finds values in an answer by a path: keys and places with `/` before each, as a JSON pointer (RFC 6901), in which
//! `~1` is a `/` within a key; `*` stands for every element of a list and every value of an object.

use serde_json::Value;

/// Every value that a path leads to.
pub fn all<'a>(item: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut found = vec![item];
    for step in path.split('/').skip(1) {
        found = found.into_iter().flat_map(|value| below(value, step)).collect();
    }
    found.retain(|value| !value.is_null());
    found
}

/// The first value that a path leads to.
pub fn one<'a>(item: &'a Value, path: &str) -> Option<&'a Value> {
    all(item, path).into_iter().next()
}

/// The first text that a path leads to; an empty one is none.
pub fn text<'a>(item: &'a Value, path: &str) -> Option<&'a str> {
    one(item, path)?.as_str().filter(|text| !text.is_empty())
}

/// The first number that a path leads to. Google writes 64-bit integers as text.
pub fn integer(item: &Value, path: &str) -> Option<i64> {
    number(one(item, path)?)
}

/// A number, also one that is written as text.
pub fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// An amount in Google's form: whole units, and billionths of one. What is none is left out.
pub fn money(amount: &Value) -> f64 {
    let of = |path: &str| integer(amount, path).unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "an amount is told to a millionth, and has few digits")]
    let value = of("/units") as f64 + of("/nanos") as f64 / 1e9;
    value
}

/// Reports whether a path leads to `true`.
pub fn is_set(item: &Value, path: &str) -> bool {
    one(item, path).and_then(Value::as_bool).unwrap_or_default()
}

fn below<'a>(value: &'a Value, step: &str) -> Vec<&'a Value> {
    match value {
        Value::Array(items) if step == "*" => items.iter().collect(),
        Value::Object(fields) if step == "*" => fields.values().collect(),
        Value::Array(items) => step.parse::<usize>().ok().and_then(|place| items.get(place)).into_iter().collect(),
        Value::Object(fields) if step.contains("~1") => fields.get(&step.replace("~1", "/")).into_iter().collect(),
        Value::Object(fields) => fields.get(step).into_iter().collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_leads_through_objects_and_lists() {
        let item = json!({ "a": [{ "b": 1 }, { "b": null }, { "b": "7" }], "c": { "x": true, "y": false }, "d": "", "e/f": 3 });
        assert_eq!(integer(&item, "/e~1f"), Some(3));
        assert_eq!(all(&item, "/a/*/b"), [&json!(1), &json!("7")]);
        assert_eq!((integer(&item, "/a/2/b"), integer(&item, "/a/9/b"), text(&item, "/d")), (Some(7), None, None));
        assert_eq!((is_set(&item, "/c/x"), is_set(&item, "/c/y"), is_set(&item, "/z")), (true, false, false));
        assert_eq!(all(&item, "/c/*").len(), 2);
    }
}
