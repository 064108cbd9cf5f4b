//! Putting a value where a JSON Pointer (RFC 6901) says.

use serde_json::{Map, Value};
use troupe_sdk::prelude::*;

/// Puts a value at a place of a document. Objects that are not there are made; of an array, an item that is
/// there is replaced, and `-` adds one.
///
/// # Errors
///
/// [`Failure::InvalidInput`] if there can be no such place.
pub fn put(document: &mut Value, pointer: &str, value: Value) -> Result<(), Failure> {
    let wrong = || {
        Failure::invalid_input(format!(
            "there is no place `{pointer}` to put a value; a JSON Pointer is meant, such as `/items/0/id`"
        ))
    };
    if pointer.is_empty() {
        *document = value;
        return Ok(());
    }
    let path = pointer.strip_prefix('/').ok_or_else(wrong)?;
    let mut place = document;
    for name in path.split('/') {
        let name = name.replace("~1", "/").replace("~0", "~");
        if place.is_null() {
            *place = Value::Object(Map::new());
        }
        place = match place {
            Value::Object(object) => object.entry(name).or_insert(Value::Null),
            Value::Array(array) => {
                if name == "-" {
                    array.push(Value::Null);
                }
                let last = array.len().checked_sub(1).filter(|_| name == "-");
                let index = last.or_else(|| name.parse().ok()).ok_or_else(wrong)?;
                array.get_mut(index).ok_or_else(wrong)?
            }
            _ => return Err(wrong()),
        };
    }
    *place = value;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_put_where_the_pointer_says() {
        let mut document = json!({ "items": [1, 2] });
        for (pointer, value) in
            [("/a/b", json!(1)), ("/items/0", json!(9)), ("/items/-", json!(3)), ("/x~1y", json!(4))]
        {
            put(&mut document, pointer, value).unwrap();
        }
        assert_eq!(document, json!({ "items": [9, 2, 3], "a": { "b": 1 }, "x/y": 4 }));
        for pointer in ["a", "/items/7", "/items/x", "/a/b/c"] {
            assert!(matches!(put(&mut document, pointer, json!(0)), Err(Failure::InvalidInput(_))), "{pointer}");
        }
        put(&mut document, "", json!(5)).unwrap();
        assert_eq!(document, json!(5));
    }
}
