//! Inputs that are made of what earlier steps put out.

use serde_json::{Map, Value};
use troupe_core::{Code, Error, Result, pointer, shown};

/// What stands at a place of a document; `whose` names the document in a refusal.
///
/// # Errors
/// [`Code::GroupWiring`] naming the place.
pub(super) fn at<'a>(document: &'a Value, place: &str, whose: &str) -> Result<&'a Value> {
    document.pointer(place).ok_or_else(|| {
        let place = shown(place);
        Error::new(Code::GroupWiring, format!("{whose} has nothing at `{place}`")).with("at", place)
    })
}

/// The items of an array at a place of a step's output. Of one that failed and may there are none.
///
/// # Errors
/// [`Code::GroupWiring`] if there is something else.
pub(super) fn items<'a>(output: &'a Value, place: &str, whose: &str) -> Result<&'a [Value]> {
    if output.is_null() {
        return Ok(&[]);
    }
    at(output, place, whose)?.as_array().map(Vec::as_slice).ok_or_else(|| {
        let place = shown(place);
        let message = format!("{whose} has no array at `{place}` of which tasks could be made");
        Error::new(Code::GroupWiring, message).with("at", place)
    })
}

/// An input with values in their places, in this order.
///
/// # Errors
/// [`Code::GroupWiring`] naming a place that it cannot have.
pub(super) fn filled<'a>(known: &Value, values: impl IntoIterator<Item = (&'a str, Value)>) -> Result<Value> {
    let mut input = if known.is_null() { Value::Object(Map::new()) } else { known.clone() };
    for (place, value) in values {
        pointer::set(&mut input, place, value)?;
    }
    Ok(input)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_input_is_filled_in_order_and_what_is_missing_is_named() {
        let output = json!({ "a": { "b": [1, 2] } });
        assert_eq!(at(&output, "", "x").unwrap(), &output);
        let error = at(&output, "/a/c", "the output of step `one`").unwrap_err();
        assert_eq!(
            (error.code, error.message.as_str()),
            (Code::GroupWiring, "the output of step `one` has nothing at `/a/c`")
        );
        assert_eq!(items(&output, "/a/b", "x").unwrap(), [json!(1), json!(2)]);
        assert_eq!(items(&Value::Null, "/a/b", "x").unwrap(), Vec::<Value>::new());
        assert_eq!(items(&output, "/a", "x").unwrap_err().code, Code::GroupWiring);
        let filled = filled(&Value::Null, [("", json!({ "id": 1 })), ("/more/0", json!(2))]);
        assert_eq!(filled.unwrap(), json!({ "id": 1, "more": { "0": 2 } }));
    }
}
