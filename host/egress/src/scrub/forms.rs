//! The spellings in which a server may give a secret back.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// What `encodeURIComponent` leaves as it is; form encoding leaves less.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'!')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*');
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Returns the secret and its other spellings. Each begins and ends with characters that
/// the secret alone decides, so it is found inside a longer text.
pub(super) fn of(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![secret.to_vec(), hex::encode(secret).into_bytes(), hex::encode_upper(secret).into_bytes()];
    for offset in 0..3 {
        forms.push(base64_inside(secret, offset, |bytes| STANDARD_NO_PAD.encode(bytes)));
        forms.push(base64_inside(secret, offset, |bytes| URL_SAFE_NO_PAD.encode(bytes)));
    }
    for set in [COMPONENT, FORM, UNRESERVED, NON_ALPHANUMERIC] {
        let escaped = percent_encode(secret, set).to_string();
        forms.push(lower_escapes(&escaped).into_bytes());
        forms.push(escaped.replace("%20", "+").into_bytes());
        forms.push(escaped.into_bytes());
    }
    if let Ok(text) = std::str::from_utf8(secret) {
        forms.extend(in_documents(text).into_iter().map(String::into_bytes));
    }
    forms.retain(|form| form.len() >= secret.len());
    forms
}

/// How JSON and XML writers spell a text: with as few escapes as there must be, with the
/// slash escaped, with what HTML cares about escaped in either case, and as XML.
fn in_documents(text: &str) -> Vec<String> {
    let quoted = serde_json::Value::from(text).to_string();
    let plain = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    let mut forms = vec![plain.to_owned(), plain.replace('/', "\\/")];
    let (mut upper, mut lower, mut xml) = (plain.replace("\\\"", "\\u0022"), String::new(), text.to_owned());
    for mark in ['&', '<', '>', '\'', '+'] {
        upper = upper.replace(mark, &format!("\\u{:04X}", u32::from(mark)));
    }
    for (at, part) in upper.split("\\u").enumerate() {
        let (digits, rest) = part.split_at_checked(if at == 0 { 0 } else { 4 }).unwrap_or((part, ""));
        lower.push_str(if at == 0 { "" } else { "\\u" });
        lower.push_str(&digits.to_ascii_lowercase());
        lower.push_str(rest);
    }
    for (mark, entity) in [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&apos;")] {
        xml = xml.replace(mark, entity);
    }
    forms.extend([upper, lower, xml]);
    forms
}

/// The base64 characters that stand for `secret` when `offset` bytes, modulo three,
/// precede it: without those that neighbouring bytes share.
fn base64_inside(secret: &[u8], offset: usize, encode: impl Fn(&[u8]) -> String) -> Vec<u8> {
    let mut padded = vec![0; offset];
    padded.extend_from_slice(secret);
    let encoded = encode(&padded);
    let first = (offset * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    encoded.as_bytes().get(first..last).unwrap_or_default().to_vec()
}

/// `%2F` as `%2f`; the rest as it is.
fn lower_escapes(escaped: &str) -> String {
    let mut parts = escaped.split('%');
    let mut lower = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        lower.push('%');
        lower.push_str(&digits.to_ascii_lowercase());
        lower.push_str(rest);
    }
    lower
}
