//! JSON Pointers (RFC 6901) that write: what `serde_json` does not have.
//!
//! Reading is [`Value::pointer`]. A write makes the objects on its way that are not there, since
//! whoever names a place means it to be there afterwards; it makes no array longer than by one.

use serde_json::{Map, Value};

use crate::{Code, Error, Result, shown};

/// The names and indexes of a pointer, unescaped.
///
/// # Errors
/// [`Code::GroupInvalid`] for what is no pointer.
pub fn tokens(pointer: &str) -> Result<Vec<String>> {
    if pointer.is_empty() {
        return Ok(Vec::new());
    }
    let wrong = || {
        let shown = shown(pointer);
        let message = format!("`{shown}` is no JSON Pointer; write it like `/regions/0`, or empty for all of it");
        Error::new(Code::GroupInvalid, message)
    };
    let rest = pointer.strip_prefix('/').ok_or_else(wrong)?;
    let token = |token: &str| {
        let is_escaped = token.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
        is_escaped.then(|| token.replace("~1", "/").replace("~0", "~")).ok_or_else(wrong)
    };
    rest.split('/').map(token).collect()
}

/// Puts a value at a place of a document, in place of what is there.
///
/// # Errors
/// [`Code::GroupInvalid`] for what is no pointer; [`Code::GroupWiring`] for a place that the document
/// cannot have: below what is neither object nor array, or beyond the end of an array.
pub fn set(document: &mut Value, pointer: &str, value: Value) -> Result<()> {
    let mut place = document;
    for token in tokens(pointer)? {
        if place.is_null() {
            *place = Value::Object(Map::new());
        }
        let none = || {
            let message = format!("there can be nothing at `{}` of the input as it is", shown(pointer));
            Error::new(Code::GroupWiring, message)
        };
        place = match place {
            Value::Object(fields) => fields.entry(token).or_insert(Value::Null),
            Value::Array(items) => {
                let at = if token == "-" { items.len() } else { index(&token).ok_or_else(none)? };
                if at == items.len() {
                    items.push(Value::Null);
                }
                items.get_mut(at).ok_or_else(none)?
            }
            _ => return Err(none()),
        };
    }
    *place = value;
    Ok(())
}

/// An index of an array: digits without a leading zero (RFC 6901, section 4).
fn index(token: &str) -> Option<usize> {
    let is_plain = token == "0" || (token.starts_with(|c: char| c.is_ascii_digit()) && !token.starts_with('0'));
    token.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_place_is_made_on_the_way_and_what_was_there_is_replaced() {
        let mut document = json!({ "a": [1], "b": 2, "n": null });
        for (pointer, value) in
            [("/a/0", 10), ("/a/-", 11), ("/a/2", 12), ("/b", 20), ("/c/d~1e/f~0", 30), ("/n/x", 40), ("/", 50)]
        {
            set(&mut document, pointer, json!(value)).unwrap();
            let read = pointer.replace("/-", "/1");
            assert_eq!(document.pointer(&read), Some(&json!(value)), "{pointer}");
        }
        assert_eq!(
            document,
            json!({ "a": [10, 11, 12], "b": 20, "c": { "d/e": { "f~": 30 } }, "n": { "x": 40 }, "": 50 })
        );
        set(&mut document, "", json!(7)).unwrap();
        assert_eq!(document, json!(7));
    }

    #[test]
    fn what_cannot_be_there_and_what_is_no_pointer_is_refused() {
        let mut document = json!({ "a": [1], "b": 2 });
        for pointer in ["/b/c", "/a/2", "/a/01", "/a/x", "/a/+1"] {
            assert_eq!(set(&mut document.clone(), pointer, json!(0)).unwrap_err().code, Code::GroupWiring, "{pointer}");
        }
        for pointer in ["a", "/~", "/a~2", " /a", "/a/~x"] {
            assert_eq!(set(&mut document, pointer, json!(0)).unwrap_err().code, Code::GroupInvalid, "{pointer}");
        }
        assert_eq!(document, json!({ "a": [1], "b": 2 }));
    }
}
