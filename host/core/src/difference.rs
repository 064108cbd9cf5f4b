//! How two JSON documents differ, place by place.

use serde_json::Value;

use crate::view::Difference;

/// Differences that are told; a document that differs in more places is another document.
const TOLD_MAX: usize = 100;

/// Longest value that is told, in bytes of JSON text.
const VALUE_BYTES_MAX: usize = 1024;

/// Returns the places in which two documents differ, as JSON pointers (RFC 6901), in the order
/// of the first; at most a hundred. Items of arrays are held against each other by their place.
pub fn differences(recorded: Option<&Value>, replayed: Option<&Value>) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("", recorded, replayed, &mut found);
    found
}

fn compare(path: &str, recorded: Option<&Value>, replayed: Option<&Value>, found: &mut Vec<Difference>) {
    if recorded == replayed || found.len() >= TOLD_MAX {
        return;
    }
    match (recorded, replayed) {
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            let names = one.keys().chain(other.keys().filter(|name| !one.contains_key(*name)));
            for name in names {
                let name_escaped = name.replace('~', "~0").replace('/', "~1");
                compare(&format!("{path}/{name_escaped}"), one.get(name), other.get(name), found);
            }
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) => {
            for index in 0..one.len().max(other.len()) {
                compare(&format!("{path}/{index}"), one.get(index), other.get(index), found);
            }
        }
        (recorded, replayed) => found.push(Difference {
            path: path.to_owned(),
            recorded: recorded.map(shown),
            replayed: replayed.map(shown),
        }),
    }
}

/// A value, if it is short; else what it is.
fn shown(value: &Value) -> Value {
    let bytes = value.to_string().len();
    if bytes <= VALUE_BYTES_MAX { value.clone() } else { format!("[{bytes} bytes of JSON]").into() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(one: &Value, other: &Value) -> Vec<String> {
        let text = |value: &Option<Value>| value.as_ref().map_or_else(|| "-".to_owned(), Value::to_string);
        let told = |difference: &Difference| {
            format!("{} {} {}", difference.path, text(&difference.recorded), text(&difference.replayed))
        };
        differences(Some(one), Some(other)).iter().map(told).collect()
    }

    #[test]
    fn each_place_is_told_with_both_values() {
        let one = json!({ "a": 1, "b": [1, 2, { "c": null }], "gone": true, "x/y": { "~": 1 } });
        let other = json!({ "a": "1", "b": [1, 3, { "c": null }, 4], "new": [], "x/y": { "~": 2 } });
        let all = told(&one, &other);
        assert_eq!(all, ["/a 1 \"1\"", "/b/1 2 3", "/b/3 - 4", "/gone true -", "/x~1y/~0 1 2", "/new - []"]);
        assert_eq!(told(&one, &one), [""; 0]);
        assert_eq!(told(&json!(1), &json!([1])), [" 1 [1]"]);
    }

    #[test]
    fn what_is_told_is_bounded() {
        let many: Vec<u32> = (0..1_000).collect();
        assert_eq!(told(&json!(many), &json!([])).len(), TOLD_MAX);
        assert_eq!(told(&json!("x".repeat(5_000)), &json!(1)), [" \"[5002 bytes of JSON]\" 1"]);
    }
}
