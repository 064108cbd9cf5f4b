//! An event as somebody hands it in: the attributes of `CloudEvents` 1.0, before the host has said who sent it.
//!
//! *The attack:* an event claims in its envelope to come from somebody else. *The rule:* who sent it,
//! its position and how often it was passed on are the host's to say; attributes of those names are
//! overwritten, whatever they hold. `source` and `id` are the sender's own words and tell its events
//! apart from one another, not from those of others.

use serde_json::{Map, Value};

use super::{EventPriority, Topic};
use crate::{Code, Error, Result, Timestamp, limits, shown};

/// The version of `CloudEvents`.
pub const SPECVERSION: &str = "1.0";

/// The attributes that the host says itself.
const OWN: [&str; 3] = ["sender", "position", "hops"];

/// An event that was read and is not kept yet.
#[derive(Debug, Clone, PartialEq)]
pub struct EventDraft {
    /// Tells it apart from the other events of its source; the host makes one where it is absent.
    pub id: Option<String>,
    /// Where it comes from, as its sender says; the host says it where it is absent.
    pub source: Option<String>,
    /// What it is about: the attribute `type`.
    pub topic: Topic,
    /// How urgent it is: the extension `priority`.
    pub priority: EventPriority,
    /// The other attributes, and the data, as they stand in the envelope.
    pub rest: Map<String, Value>,
}

fn refused<T>(message: impl Into<String>) -> Result<T> {
    Err(Error::new(Code::EventInvalid, message))
}

impl EventDraft {
    /// An event of a topic with data.
    pub fn new(topic: Topic, data: Value) -> Self {
        let mut rest = Map::new();
        if !data.is_null() {
            rest.insert("datacontenttype".to_owned(), "application/json".into());
            rest.insert("data".to_owned(), data);
        }
        Self { id: None, source: None, topic, priority: EventPriority::default(), rest }
    }

    /// Reads the JSON form of an event.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] without a topic; [`Code::EventInvalid`] naming the attribute; [`Code::LimitRequest`]
    /// when it is too large.
    pub fn read(mut event: Map<String, Value>) -> Result<Self> {
        match event.remove("specversion") {
            None => {}
            Some(version) if version == SPECVERSION => {}
            Some(version) => {
                return refused(format!("`specversion` is {}; this host takes 1.0", shown(&version.to_string())));
            }
        }
        let Some(topic) = text(&mut event, "type")? else {
            let message = "`type` is missing: it is the topic, such as `aws.ec2.started`";
            return Err(Error::new(Code::RequestInvalid, message));
        };
        let (id, source) = (text(&mut event, "id")?, text(&mut event, "source")?);
        let priority = text(&mut event, "priority")?.map(|priority| priority.parse()).transpose()?;
        for name in OWN {
            event.remove(name);
        }
        event.retain(|_, value| !value.is_null());
        if let Some(time) = event.get("time").and_then(Value::as_str)
            && serde_json::from_value::<Timestamp>(time.into()).is_err()
        {
            return refused("`time` is not a time such as `2026-11-28T05:30:00Z`");
        }
        if event.contains_key("data") && event.contains_key("data_base64") {
            return refused("an event has `data` or `data_base64`, and not both");
        }
        for (name, value) in &event {
            check(name, value)?;
        }
        if event.len() > limits::EVENT_ATTRIBUTES_MAX {
            return refused(format!("an event has at most {} further attributes", limits::EVENT_ATTRIBUTES_MAX));
        }
        let priority = priority.unwrap_or_default();
        let draft = Self { id, source, topic: topic.parse()?, priority, rest: event };
        draft.check_size()?;
        Ok(draft)
    }

    /// Checks that it is not larger than an event may be.
    ///
    /// # Errors
    /// [`Code::LimitRequest`].
    pub fn check_size(&self) -> Result<()> {
        let bytes = serde_json::to_string(&self.rest).map_or(usize::MAX, |text| text.len());
        if bytes <= limits::EVENT_BYTES_MAX {
            return Ok(());
        }
        let most = limits::bytes(limits::EVENT_BYTES_MAX as u64);
        let message =
            format!("the event has {bytes} bytes; one may have {most}: put what is larger where it can be read");
        Err(Error::new(Code::LimitRequest, message))
    }

    /// The data as a skill takes it: what `data` holds, or an object of `data_base64`; an empty object where
    /// there is neither.
    pub fn data(event: &Map<String, Value>) -> Value {
        match (event.get("data"), event.get("data_base64")) {
            (Some(data), _) => data.clone(),
            (None, Some(bytes)) => serde_json::json!({ "data_base64": bytes }),
            (None, None) => Value::Object(Map::new()),
        }
    }
}

/// Takes an attribute that is text.
fn text(event: &mut Map<String, Value>, name: &str) -> Result<Option<String>> {
    let most = limits::EVENT_ATTRIBUTE_BYTES_MAX;
    match event.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.is_empty() && text.len() <= most && !text.chars().any(char::is_control) => {
            Ok(Some(text))
        }
        Some(_) => refused(format!("`{name}` is a text of 1 to {most} bytes without control characters")),
    }
}

/// Checks an attribute beside those that the host reads itself.
fn check(name: &str, value: &Value) -> Result<()> {
    if name == "data" {
        return Ok(());
    }
    if name == "data_base64" {
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
        return match value.as_str() {
            Some(text) if text.len().is_multiple_of(4) && text.bytes().all(is_base64) => Ok(()),
            _ => refused("`data_base64` is not base64"),
        };
    }
    let is_name = (1..=limits::EVENT_ATTRIBUTE_NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if !is_name {
        let most = limits::EVENT_ATTRIBUTE_NAME_BYTES_MAX;
        let message =
            format!("`{}` is no attribute of an event: 1 to {most} lower-case letters and digits", shown(name));
        return refused(message);
    }
    let most = limits::EVENT_ATTRIBUTE_BYTES_MAX;
    match value {
        Value::Bool(_) => Ok(()),
        Value::Number(number) if number.is_i64() => Ok(()),
        Value::String(text) if text.len() <= most && !text.chars().any(char::is_control) => Ok(()),
        _ => refused(format!("`{name}` is a text of at most {most} bytes, a whole number, or a truth")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(event: Value) -> Result<EventDraft> {
        EventDraft::read(event.as_object().unwrap().clone())
    }

    #[test]
    fn an_event_reads_with_defaults_and_keeps_what_it_brings() {
        let draft = read(json!({ "type": "a.b" })).unwrap();
        assert_eq!((draft.id, draft.source, draft.priority), (None, None, EventPriority::Normal));
        let whole = json!({
            "specversion": "1.0", "type": "a.b", "id": "1", "source": "/s", "subject": "x", "priority": "critical",
            "time": "2026-11-28T05:30:00Z", "datacontenttype": "application/json", "data": [1], "trace": "t", "n": 3
        });
        let draft = read(whole).unwrap();
        assert_eq!((draft.id.as_deref(), draft.source.as_deref()), (Some("1"), Some("/s")));
        assert_eq!(draft.priority, EventPriority::Critical);
        let mut kept: Vec<&String> = draft.rest.keys().collect();
        kept.sort();
        assert_eq!(kept, ["data", "datacontenttype", "n", "subject", "time", "trace"]);
    }

    #[test]
    fn f65_who_sent_it_is_not_for_the_envelope_to_say() {
        let draft = read(json!({ "type": "a", "sender": "owner", "position": 7, "hops": -3 })).unwrap();
        assert!(draft.rest.is_empty());
    }

    #[test]
    fn refusals_name_the_attribute() {
        let refusal = |event: Value| read(event).unwrap_err().message;
        insta::assert_snapshot!(refusal(json!({})), @"`type` is missing: it is the topic, such as `aws.ec2.started`");
        insta::assert_snapshot!(refusal(json!({ "type": "a", "specversion": "0.3" })), @r#"`specversion` is \"0.3\"; this host takes 1.0"#);
        insta::assert_snapshot!(refusal(json!({ "type": "a", "id": "" })), @"`id` is a text of 1 to 1024 bytes without control characters");
        insta::assert_snapshot!(refusal(json!({ "type": "a", "time": "soon" })), @"`time` is not a time such as `2026-11-28T05:30:00Z`");
        insta::assert_snapshot!(refusal(json!({ "type": "a", "data": 1, "data_base64": "" })), @"an event has `data` or `data_base64`, and not both");
        insta::assert_snapshot!(refusal(json!({ "type": "a", "data_base64": "?" })), @"`data_base64` is not base64");
        insta::assert_snapshot!(refusal(json!({ "type": "a", "No": 1 })), @"`No` is no attribute of an event: 1 to 20 lower-case letters and digits");
        insta::assert_snapshot!(refusal(json!({ "type": "a", "more": {} })), @"`more` is a text of at most 1024 bytes, a whole number, or a truth");
        let large = json!({ "type": "a", "data": "x".repeat(limits::EVENT_BYTES_MAX) });
        assert_eq!(read(large).unwrap_err().code, Code::LimitRequest);
    }
}
