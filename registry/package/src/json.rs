//! JSON as releases carry it: one text for one value, so that equal documents have equal
//! digests, and bounded nesting.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use troupe_core::limits;

use crate::text;

/// The canonical text of `document`: no white space, keys in byte order.
///
/// Our documents hold nothing that JSON cannot say. Should one ever do, the text is
/// empty, which no reader of ours accepts.
pub(crate) fn canonical(document: &impl Serialize) -> Vec<u8> {
    let text = serde_json::to_value(document).and_then(|mut value| {
        value.sort_all_objects();
        serde_json::to_vec(&value)
    });
    text.unwrap_or_default()
}

/// Reads a document nested no deeper than allowed; the error names the field.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let value: Value = serde_json::from_slice(bytes).map_err(|why| format!("not JSON, {why}"))?;
    check_depth(&value).map_err(|why| format!("the document {why}"))?;
    serde_path_to_error::deserialize(value)
        .map_err(|fault| text::visible(&text::at(fault.path(), &fault.inner().to_string())))
}

/// Checks that `value` is nested no deeper than documents may be.
pub(crate) fn check_depth(value: &Value) -> Result<(), String> {
    // Level by level, so that the check itself needs no stack.
    let mut level = vec![value];
    for _ in 0..=limits::JSON_DEPTH_MAX {
        let mut next = Vec::new();
        for value in level {
            match value {
                Value::Array(items) => next.extend(items),
                Value::Object(members) => next.extend(members.values()),
                _ => {}
            }
        }
        if next.is_empty() {
            return Ok(());
        }
        level = next;
    }
    Err(format!("is nested deeper than the limit of {} levels", limits::JSON_DEPTH_MAX))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equal_values_have_one_text() {
        let one = json!({ "b": { "y": 1, "x": 2.5 }, "a": [{ "d": 1, "c": 2 }] });
        assert_eq!(canonical(&one), br#"{"a":[{"c":2,"d":1}],"b":{"x":2.5,"y":1}}"#);
    }

    #[test]
    fn nesting_is_accepted_up_to_the_limit() {
        let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        assert!(check_depth(&nested(limits::JSON_DEPTH_MAX)).is_ok());
        assert!(check_depth(&nested(limits::JSON_DEPTH_MAX + 1)).is_err());
    }
}
