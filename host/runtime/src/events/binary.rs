//! Events in the binary mode of the HTTP binding: attributes in headers, the data as the body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use troupe_core::{Code, Error, EventDraft, Result, json, limits};

/// Reads an event whose attributes came one by one and whose data is a body. JSON is kept as such, other
/// text as a text, and everything else as base64.
///
/// # Errors
/// Those of [`EventDraft::read`]; [`Code::RequestInvalid`] when what says it is JSON is not.
pub fn event_of_parts(
    attributes: Vec<(String, String)>,
    content_type: Option<&str>,
    body: &[u8],
) -> Result<EventDraft> {
    let mut event = Map::new();
    for (name, value) in attributes {
        event.insert(name, decoded(&value).into());
    }
    if body.is_empty() {
        return EventDraft::read(event);
    }
    let kind = content_type.unwrap_or("application/json");
    event.insert("datacontenttype".to_owned(), kind.into());
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = essence.ends_with("/json") || essence.ends_with("+json");
    if is_json {
        if json::depth(body) > limits::JSON_DEPTH_MAX {
            let message = format!("the data is nested deeper than {} levels", limits::JSON_DEPTH_MAX);
            return Err(Error::new(Code::LimitRequest, message));
        }
        let data: Value = serde_json::from_slice(body).map_err(|error| {
            Error::new(Code::RequestInvalid, format!("the data is not the JSON that its content type says: {error}"))
        })?;
        event.insert("data".to_owned(), data);
    } else {
        match std::str::from_utf8(body) {
            Ok(text) if essence.starts_with("text/") => event.insert("data".to_owned(), text.into()),
            _ => event.insert("data_base64".to_owned(), STANDARD.encode(body).into()),
        };
    }
    EventDraft::read(event)
}

/// What a header says: percent signs stand before the hexadecimal digits of bytes of UTF-8.
fn decoded(value: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), value.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(kind: &str, body: &[u8]) -> Value {
        let attributes =
            vec![("type".to_owned(), "a.b".to_owned()), ("subject".to_owned(), "caf%C3%A9 100%".to_owned())];
        Value::Object(event_of_parts(attributes, Some(kind), body).unwrap().rest)
    }

    #[test]
    fn data_is_kept_as_what_it_is() {
        let json = json!({ "subject": "café 100%", "datacontenttype": "application/json; charset=utf-8", "data": [1] });
        assert_eq!(read("application/json; charset=utf-8", b"[1]"), json);
        assert_eq!(read("text/plain", "né".as_bytes())["data"], "né");
        assert_eq!(read("text/plain", &[0xff])["data_base64"], "/w==");
        assert_eq!(read("image/png", b"png")["data_base64"], "cG5n");
        let wrong = event_of_parts(vec![("type".to_owned(), "a".to_owned())], None, b"{").unwrap_err();
        assert_eq!(wrong.code, Code::RequestInvalid);
    }
}
