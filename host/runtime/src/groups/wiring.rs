//! Inputs that are made of what earlier steps put out.
//!
//! *The danger:* a value is put in as often as there are wires to it, and what a group was given that way is put into
//! the groups within it, so that a small document makes an input as large as memory. *The rule:* what goes into an
//! input is summed up before it is copied, and no input, be it of a task or of a group, is made of more than a task may
//! be asked.

use std::io;

use serde_json::{Map, Value};
use troupe_core::{Code, Error, Result, limits, pointer, shown};

/// How many bytes an input has as JSON that is being made.
#[derive(Debug, Default)]
pub(super) struct Sum(u64);

impl Sum {
    /// An input of which this is known.
    pub(super) fn of(known: &Value) -> Self {
        Self(bytes_of(known))
    }

    /// A copy of a value, for which there is room.
    ///
    /// # Errors
    /// [`Code::LimitGroupSize`].
    pub(super) fn with(&mut self, value: &Value) -> Result<Value> {
        self.0 = self.0.saturating_add(bytes_of(value));
        if self.0 <= limits::INPUT_BYTES_MAX as u64 {
            return Ok(value.clone());
        }
        let most = limits::bytes(limits::INPUT_BYTES_MAX as u64);
        let message = format!(
            "what its wires put into its input has more than {most}, which an input may have; wire it to less, with \
             `at`"
        );
        Err(Error::new(Code::LimitGroupSize, message))
    }

    pub(super) fn bytes(&self) -> u64 {
        self.0
    }
}

/// How many bytes a value has as JSON.
fn bytes_of(value: &Value) -> u64 {
    struct Counted(u64);
    impl io::Write for Counted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counted = Counted(0);
    // What is in memory is written without an error.
    serde_json::to_writer(&mut counted, value).map_or(u64::MAX, |()| counted.0)
}

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
        let mut sum = Sum::of(&json!({ "a": "b" }));
        assert_eq!((sum.with(&output).unwrap(), sum.bytes()), (output, 9 + 17));
        let long = json!("x".repeat(limits::INPUT_BYTES_MAX - 2));
        assert!(sum.with(&long).is_err() && Sum::default().with(&long).is_ok());
        let filled = filled(&Value::Null, [("", json!({ "id": 1 })), ("/more/0", json!(2))]);
        assert_eq!(filled.unwrap(), json!({ "id": 1, "more": { "0": 2 } }));
    }
}
