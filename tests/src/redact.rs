//! What differs from run to run is replaced, so that answers can be compared whole.

use serde_json::Value;

/// Prints a document with what differs from run to run replaced.
pub fn redacted_json(value: &Value) -> String {
    let mut value = value.clone();
    without_usage(&mut value);
    redacted(&serde_json::to_string_pretty(&value).expect("JSON that prints"))
}

/// Replaces what tasks have used.
fn without_usage(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match name.as_str() {
                    "usage" if value.get("compute_us").is_some() => *value = "[usage]".into(),
                    _ => without_usage(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(without_usage),
        _ => {}
    }
}

/// Replaces digests, ids, times and local addresses in a text.
pub fn redacted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let found = [digest, id, time, address].iter().find_map(|kind| kind(rest));
        match found {
            Some((length, name)) => {
                out.push_str(name);
                rest = &rest[length..];
            }
            None => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    out
}

type Found = Option<(usize, &'static str)>;

fn digest(text: &str) -> Found {
    let hex = text.strip_prefix("sha256:")?.get(..64)?;
    hex.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some((71, "[digest]"))
}

fn id(text: &str) -> Found {
    let shape = text.get(..36)?.bytes().enumerate().all(|(position, byte)| match position {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    shape.then_some((36, "[id]"))
}

/// RFC 3339 in UTC with milliseconds.
fn time(text: &str) -> Found {
    const SHAPE: &[u8; 24] = b"0000-00-00T00:00:00.000Z";
    let shape = text.get(..24)?.bytes().zip(SHAPE).all(|(byte, shape)| match shape {
        b'0' => byte.is_ascii_digit(),
        shape => byte == *shape,
    });
    shape.then_some((24, "[time]"))
}

fn address(text: &str) -> Found {
    const HOST: &str = "127.0.0.1:";
    let port = text.strip_prefix(HOST)?;
    let digits = port.bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0).then_some((HOST.len() + digits, "[address]"))
}

#[cfg(test)]
mod tests {
    use super::redacted;

    #[test]
    fn what_differs_is_replaced_and_the_rest_is_left() {
        let digest = "ab".repeat(32);
        let text = format!(
            "é sha256:{digest} 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b at 2026-01-02T03:04:05.678Z on 127.0.0.1:80!"
        );
        assert_eq!(redacted(&text), "é [digest] [id] at [time] on [address]!");
        assert_eq!(redacted("sha256:ab 2026-01-02"), "sha256:ab 2026-01-02");
    }
}
