//! Whether a message that came was signed, and which it is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use troupe_core::view::{HmacEncoding, HookHmac, HookKind, NewHook};
use troupe_core::{Code, Digest, Error, Result, Timestamp, limits};

use crate::webhooks::hmac;

/// What is read of the head of a message.
#[derive(Debug, Clone, Default)]
pub struct HookHeaders {
    /// `content-type`.
    pub content_type: Option<String>,
    /// What tells the message apart.
    pub id: Option<String>,
    /// When it was sent.
    pub timestamp: Option<String>,
    /// The signature.
    pub signature: Option<String>,
    /// What the message is about.
    pub event: Option<String>,
}

impl HookHeaders {
    /// Takes what a hook's kind reads out of a head; `text` is what it has under a name, once.
    pub(super) fn of(hook: &NewHook, text: impl Fn(&str) -> Option<String>) -> Self {
        let read = Self { content_type: text("content-type"), ..Self::default() };
        match (hook.kind, &hook.hmac) {
            (HookKind::Standard, _) => Self {
                id: text("webhook-id"),
                timestamp: text("webhook-timestamp"),
                signature: text("webhook-signature"),
                ..read
            },
            (HookKind::Github, _) => Self {
                id: text("x-github-delivery"),
                signature: text("x-hub-signature-256"),
                event: text("x-github-event"),
                ..read
            },
            (HookKind::Hmac, Some(hmac)) => Self {
                timestamp: hmac.timestamp_header.as_deref().and_then(&text),
                signature: text(&hmac.header),
                ..read
            },
            (HookKind::Hmac, None) => read,
        }
    }
}

/// A message that was signed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// Tells it apart from the others of its sender.
    pub(super) id: String,
    /// What it is about, as its sender calls it.
    pub(super) about: Option<String>,
    /// How its sender tells it apart, where that is not signed and so is not its id.
    pub(super) delivery: Option<String>,
    /// Whether its id is the digest of all that is signed: then whatever else comes with the same is the same message.
    pub(super) is_whole: bool,
}

impl Message {
    /// One that its sender tells apart by an id, which is signed.
    const fn named(id: String) -> Self {
        Self { id, about: None, delivery: None, is_whole: false }
    }

    /// One that is told apart by all that is signed.
    fn of(signed: &[&[u8]]) -> Self {
        Self { id: Digest::of(&signed.concat()).hex(), about: None, delivery: None, is_whole: true }
    }
}

/// What stands before a secret of Standard Webhooks as people hand it on.
const PREFIX: &[u8] = b"whsec_";

/// The key that a secret stands for: of Standard Webhooks what its text encodes, of others the text itself.
pub(super) fn key(kind: HookKind, text: Vec<u8>) -> Vec<u8> {
    match kind {
        HookKind::Github | HookKind::Hmac => text,
        HookKind::Standard => {
            let encoded = text.strip_prefix(PREFIX);
            encoded.and_then(|encoded| STANDARD.decode(encoded).ok()).unwrap_or(text)
        }
    }
}

/// Checks a message by the specification of Standard Webhooks.
///
/// # Errors
/// [`Code::AuthInvalid`]; [`Code::AuthReplay`].
pub(super) fn standard(headers: &HookHeaders, body: &[u8], keys: &[Vec<u8>], now: Timestamp) -> Result<Message> {
    let (Some(id), Some(timestamp), Some(signature)) = (&headers.id, &headers.timestamp, &headers.signature) else {
        return Err(refused());
    };
    let macs: Vec<[u8; 32]> =
        keys.iter().map(|key| hmac(key, &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body])).collect();
    let given: Vec<Vec<u8>> = signature
        .split(' ')
        .filter_map(|one| one.strip_prefix("v1,"))
        .take(SIGNATURES_LOOKED_AT)
        .filter_map(|one| STANDARD.decode(one).ok())
        .collect();
    if !is_any(&macs, &given) {
        return Err(refused());
    }
    in_time(timestamp, now)?;
    Ok(Message::named(checked(id)?))
}

/// Checks that a message was sent not long ago, by the seconds that it says.
fn in_time(timestamp: &str, now: Timestamp) -> Result<()> {
    let seconds: i64 = timestamp.parse().map_err(|_| refused())?;
    let apart = seconds.saturating_mul(1_000).abs_diff(now.as_millis());
    if u128::from(apart) > limits::HOOK_WINDOW.as_millis() {
        let most = limits::HOOK_WINDOW.as_secs();
        let message = format!("the message was not sent within {most} seconds of now; send it anew");
        return Err(Error::new(Code::AuthReplay, message));
    }
    Ok(())
}

/// Checks a message as GitHub signs it. That is the body alone, so its id is the digest of that: under the delivery,
/// which nobody signs, whoever has one message could send it as another.
///
/// # Errors
/// [`Code::AuthInvalid`].
pub(super) fn github(headers: &HookHeaders, body: &[u8], keys: &[Vec<u8>]) -> Result<Message> {
    let (Some(id), Some(signature)) = (&headers.id, &headers.signature) else { return Err(refused()) };
    let macs: Vec<[u8; 32]> = keys.iter().map(|key| hmac(key, &[body])).collect();
    let given: Vec<Vec<u8>> =
        signature.strip_prefix("sha256=").and_then(|hex| hex::decode(hex).ok()).into_iter().collect();
    if !is_any(&macs, &given) {
        return Err(refused());
    }
    let (delivery, about) = (Some(checked(id)?), headers.event.as_deref().map(checked).transpose()?);
    Ok(Message { delivery, about, ..Message::of(&[body]) })
}

/// Checks a message by an HMAC in a header. Its id is the digest of what is signed, with a time of its own or without.
///
/// # Errors
/// [`Code::AuthInvalid`]; [`Code::AuthReplay`].
pub(super) fn generic(
    hmac_of: &HookHmac,
    headers: &HookHeaders,
    body: &[u8],
    keys: &[Vec<u8>],
    now: Timestamp,
) -> Result<Message> {
    let signature = headers.signature.as_deref().ok_or_else(refused)?;
    let timestamp = match (&hmac_of.timestamp_header, &headers.timestamp) {
        (None, _) => None,
        (Some(_), Some(timestamp)) => Some(timestamp.as_str()),
        (Some(_), None) => return Err(refused()),
    };
    let signed: Vec<&[u8]> = timestamp.map_or_else(|| vec![body], |at| vec![at.as_bytes(), b".".as_slice(), body]);
    let macs: Vec<[u8; 32]> = keys.iter().map(|key| hmac(key, &signed)).collect();
    let given = signature.strip_prefix(hmac_of.prefix.as_str()).and_then(|text| match hmac_of.encoding {
        HmacEncoding::Hex => hex::decode(text).ok(),
        HmacEncoding::Base64 => STANDARD.decode(text).ok(),
    });
    if !is_any(&macs, given.as_slice()) {
        return Err(refused());
    }
    if let Some(timestamp) = timestamp {
        in_time(timestamp, now)?;
    }
    Ok(Message::of(&signed))
}

/// Checks what a hook says of its sender's signature.
///
/// # Errors
/// [`Code::RequestInvalid`] naming the field.
pub(super) fn check_set(hook: &NewHook) -> Result<()> {
    let wrong = |message: String| Err(Error::new(Code::RequestInvalid, message));
    let hmac = match (hook.kind, &hook.hmac) {
        (HookKind::Hmac, Some(hmac)) => hmac,
        (HookKind::Hmac, None) => {
            return wrong("a hook of the kind `hmac` says in `hmac` which header bears the signature".to_owned());
        }
        (_, Some(_)) => return wrong("`hmac` is for hooks of the kind `hmac`; leave it out".to_owned()),
        (_, None) => return Ok(()),
    };
    let most = limits::HOOK_HEADER_CHARS_MAX;
    let names = [("hmac.header", Some(&hmac.header)), ("hmac.timestamp_header", hmac.timestamp_header.as_ref())];
    for (field, name) in names.into_iter().filter_map(|(field, name)| Some((field, name?))) {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || name.len() > most || !name.chars().all(is_name) {
            return wrong(format!("`{field}` is the name of a header: 1 to {most} letters, digits, `-` and `_`"));
        }
    }
    if hmac.timestamp_header.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(&hmac.header)) {
        return wrong("the signature and the timestamp stand in two headers".to_owned());
    }
    if hmac.prefix.len() > most || !hmac.prefix.chars().all(|c| c.is_ascii_graphic()) {
        return wrong(format!("`hmac.prefix` is at most {most} visible characters of ASCII"));
    }
    Ok(())
}

/// Signatures of a message that are looked at: those of a rotation and one to spare.
const SIGNATURES_LOOKED_AT: usize = 4;

/// Whether one is among the others. How long it takes says nothing of how near one is: what is compared is hashes.
fn is_any(macs: &[[u8; 32]], given: &[Vec<u8>]) -> bool {
    let hash = |bytes: &[u8]| -> [u8; 32] { Sha256::digest(bytes).into() };
    let known: Vec<[u8; 32]> = macs.iter().map(|mac| hash(mac)).collect();
    given.iter().map(|given| hash(given)).any(|given| known.contains(&given))
}

/// A text of the sender's that becomes an attribute of an event.
fn checked(text: &str) -> Result<String> {
    let most = limits::EVENT_ATTRIBUTE_BYTES_MAX;
    if text.is_empty() || text.len() > most || text.chars().any(char::is_control) {
        let message = format!("the id and the kind of a message are texts of 1 to {most} bytes");
        return Err(Error::new(Code::RequestInvalid, message));
    }
    Ok(text.to_owned())
}

fn refused() -> Error {
    Error::new(Code::AuthInvalid, "the message is not signed by the secret of this hook")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_614_265_330_000;

    fn standard_example() -> (HookHeaders, Vec<Vec<u8>>, &'static [u8]) {
        let text = |text: &str| Some(text.to_owned());
        let headers = HookHeaders {
            id: text("msg_p5jXN8AQM9LWM0D4loKWxJek"),
            timestamp: text("1614265330"),
            signature: text("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
            ..HookHeaders::default()
        };
        let key = key(HookKind::Standard, b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_vec());
        (headers, vec![key], br#"{"test": 2432232314}"#)
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn f71_a_message_of_standard_webhooks_is_taken_in_its_time_alone() {
        let (headers, keys, body) = standard_example();
        let message = standard(&headers, body, &keys, at(NOW)).unwrap();
        assert_eq!(message.id, "msg_p5jXN8AQM9LWM0D4loKWxJek");
        for (apart, taken) in [(0, true), (300_000, true), (-300_000, true), (301_000, false), (-301_000, false)] {
            let result = standard(&headers, body, &keys, at(NOW + apart));
            assert_eq!(result.is_ok(), taken, "{apart}");
            assert!(taken || result.unwrap_err().code == Code::AuthReplay);
        }
        let others = HookHeaders {
            signature: Some(format!("v1,AAAA v2,x {}", headers.signature.clone().unwrap())),
            ..headers.clone()
        };
        assert!(standard(&others, body, &keys, at(NOW)).is_ok(), "one of several is enough");
    }

    #[test]
    fn what_is_not_signed_is_refused_in_the_same_words_whatever_is_wrong() {
        let (headers, keys, body) = standard_example();
        let text = |text: &str| Some(text.to_owned());
        let wrong = [
            HookHeaders { id: text("msg_other"), ..headers.clone() },
            HookHeaders { timestamp: text("1614265331"), ..headers.clone() },
            HookHeaders { timestamp: text("x"), ..headers.clone() },
            HookHeaders { signature: text("v1,AAAA"), ..headers.clone() },
            HookHeaders { signature: text("g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="), ..headers.clone() },
            HookHeaders { signature: text(""), ..headers.clone() },
            HookHeaders { signature: None, ..headers.clone() },
            HookHeaders { id: None, ..headers.clone() },
        ];
        for headers in wrong {
            let error = standard(&headers, body, &keys, at(NOW)).unwrap_err();
            assert_eq!((error.code, error.message), (Code::AuthInvalid, refused().message), "{headers:?}");
        }
        assert!(standard(&headers, b"{}", &keys, at(NOW)).is_err());
        assert!(standard(&headers, body, &[b"other".to_vec()], at(NOW)).is_err());
        assert!(standard(&headers, body, &[], at(NOW)).is_err());
    }

    #[test]
    fn a_message_of_github_is_that_of_its_documentation() {
        let keys = [b"It's a Secret to Everybody".to_vec()];
        let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let headers = HookHeaders {
            id: Some("72d3162e-cc78-11e3-81ab-4c9367dc0958".to_owned()),
            signature: Some(signature.to_owned()),
            event: Some("push".to_owned()),
            ..HookHeaders::default()
        };
        let message = github(&headers, b"Hello, World!", &keys).unwrap();
        assert_eq!(message.about.as_deref(), Some("push"));
        let other = HookHeaders { id: Some("another".to_owned()), event: None, ..headers.clone() };
        let other = github(&other, b"Hello, World!", &keys).unwrap();
        assert!(other.id == message.id && other.is_whole, "what is not signed makes no other message of it");
        assert_eq!(other.delivery.as_deref(), Some("another"));
        for wrong in ["", "sha256=", "sha1=757107ea", &signature[7..], &signature.replace('7', "8"), "sha256=é"] {
            let headers = HookHeaders { signature: Some(wrong.to_owned()), ..headers.clone() };
            assert_eq!(github(&headers, b"Hello, World!", &keys).unwrap_err().code, Code::AuthInvalid, "{wrong}");
        }
        assert!(github(&headers, b"Hello, World?", &keys).is_err());
        assert_eq!(hex::encode(hex::decode(&signature[7..]).unwrap()), &signature[7..]);
        let named = HookHeaders { event: Some("a\nb".to_owned()), ..headers };
        assert_eq!(github(&named, b"Hello, World!", &keys).unwrap_err().code, Code::RequestInvalid);
    }

    fn hmac_of(more: serde_json::Value) -> HookHmac {
        let mut hmac = serde_json::json!({ "header": "X-Signature" });
        hmac.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(hmac).unwrap()
    }

    #[test]
    fn a_message_by_a_header_of_the_senders_is_told_apart_by_all_that_is_signed() {
        let keys = [b"It's a Secret to Everybody".to_vec()];
        let hex = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let base64 = STANDARD.encode(hex::decode(hex).unwrap());
        let (none, body) = (serde_json::json!({}), b"Hello, World!".as_slice());
        let sent = |signature: &str| HookHeaders { signature: Some(signature.to_owned()), ..HookHeaders::default() };
        let of = |hmac: &HookHmac, headers: &HookHeaders, millis| generic(hmac, headers, body, &keys, at(millis));
        let first = of(&hmac_of(none.clone()), &sent(hex), NOW).unwrap();
        let later = of(&hmac_of(none.clone()), &sent(hex), NOW + 300_000).unwrap();
        assert_eq!(later, first, "the same body is the same message, whenever it comes");
        let prefixed = hmac_of(serde_json::json!({ "encoding": "base64", "prefix": "v0:" }));
        assert_eq!(of(&prefixed, &sent(&format!("v0:{base64}")), NOW).unwrap(), first);
        for (hmac, wrong) in [
            (&prefixed, base64.as_str()),
            (&prefixed, hex),
            (&hmac_of(none.clone()), base64.as_str()),
            (&hmac_of(none.clone()), ""),
            (&hmac_of(none.clone()), &hex[1..]),
        ] {
            assert_eq!(of(hmac, &sent(wrong), NOW).unwrap_err().code, Code::AuthInvalid, "{wrong}");
        }

        let timed = hmac_of(serde_json::json!({ "timestamp_header": "X-Time" }));
        let seconds = (NOW / 1_000).to_string();
        let mac = hex::encode(hmac(&keys[0], &[seconds.as_bytes(), b".", body]));
        let stamped = HookHeaders { timestamp: Some(seconds), ..sent(&mac) };
        let (one, other) = (of(&timed, &stamped, NOW).unwrap(), of(&timed, &stamped, NOW + 299_000).unwrap());
        assert!(one == other && one.id != first.id, "the time is a part of what is signed");
        assert_eq!(of(&timed, &stamped, NOW + 301_000).unwrap_err().code, Code::AuthReplay);
        assert_eq!(of(&timed, &sent(hex), NOW).unwrap_err().code, Code::AuthInvalid, "what says no time");
        let moved = HookHeaders { timestamp: Some((NOW / 1_000 + 1).to_string()), ..stamped };
        assert_eq!(of(&timed, &moved, NOW).unwrap_err().code, Code::AuthInvalid, "a time that is not signed");
    }

    #[test]
    fn what_a_hook_says_of_its_senders_headers_is_checked() {
        let hook = |kind, hmac| NewHook { hmac, ..NewHook::new("a".parse().unwrap(), kind) };
        assert!(check_set(&hook(HookKind::Hmac, Some(hmac_of(serde_json::json!({}))))).is_ok());
        assert!(check_set(&hook(HookKind::Hmac, None)).is_err());
        assert!(check_set(&hook(HookKind::Github, Some(hmac_of(serde_json::json!({}))))).is_err());
        for wrong in [
            serde_json::json!({ "header": "" }),
            serde_json::json!({ "header": "a b" }),
            serde_json::json!({ "header": "x".repeat(65) }),
            serde_json::json!({ "timestamp_header": "x-signature" }),
            serde_json::json!({ "timestamp_header": "x:y" }),
            serde_json::json!({ "prefix": "sha 256" }),
        ] {
            let found = check_set(&hook(HookKind::Hmac, Some(hmac_of(wrong.clone()))));
            assert_eq!(found.unwrap_err().code, Code::RequestInvalid, "{wrong}");
        }
    }
}
