//! An event that an agent publishes: what it may say of it, and what comes of that.
//!
//! *The attack:* an agent's event claims to come from another sender, or to have led nowhere before, so
//! that a circle of agents goes round for ever. *The rule:* who sent it, its source, the task that published
//! it, the task at the top of all that led to it, and how often it was passed on are the host's to say, from
//! the row of that task; an agent says what it is about, and what is in it. *The default:* an id of the host's
//! making, priority `normal`, and no further attribute.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{EventDraft, EventPriority, Topic};
use crate::{Code, Error, Result, limits};

/// How an agent publishes: a document, so that it can grow.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventOptions {
    /// Tells the event apart: under the same id the same event of this agent is published once, in
    /// whichever task.
    pub id: Option<String>,
    /// How urgent it is.
    pub priority: EventPriority,
    /// For how long it is put off, in milliseconds.
    pub delay_ms: u64,
    /// Further attributes of `CloudEvents`, such as `subject`.
    pub attributes: Map<String, Value>,
}

/// Attributes that are said otherwise, or are the host's to say.
const SAID: [&str; 7] = ["specversion", "id", "source", "type", "priority", "data", "data_base64"];

impl EventOptions {
    /// The event of a topic with this data.
    ///
    /// # Errors
    /// [`Code::EventInvalid`] naming the attribute; [`Code::LimitRequest`] when it is too large.
    pub fn draft(self, topic: &Topic, data: Value) -> Result<EventDraft> {
        let Self { id, priority, delay_ms, attributes } = self;
        let most = limits::TASK_DELAY_MAX;
        if u128::from(delay_ms) > most.as_millis() {
            let message = format!("an event is put off for at most {} milliseconds", most.as_millis());
            return Err(Error::new(Code::EventInvalid, message));
        }
        if let Some(name) = SAID.into_iter().find(|name| attributes.contains_key(*name)) {
            let message = format!("`{name}` is no further attribute: it is said by the call itself, or by the host");
            return Err(Error::new(Code::EventInvalid, message));
        }
        let mut event = attributes;
        event.insert("type".to_owned(), topic.as_str().into());
        event.insert("priority".to_owned(), priority.as_str().into());
        if let Some(id) = id {
            event.insert("id".to_owned(), id.into());
        }
        if !data.is_null() {
            event.entry("datacontenttype").or_insert_with(|| "application/json".into());
            event.insert("data".to_owned(), data);
        }
        EventDraft::read(event)
    }
}

/// What came of publishing, as an agent is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishOutcome {
    /// It is kept, at this position among the tenant's events.
    Published(u64),
    /// Something of it is not acceptable.
    Invalid(String),
    /// The tenant has no room for it.
    Full(String),
    /// As many events as may be were led to by the task at the top.
    Descendants,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn draft(options: Value) -> Result<EventDraft> {
        let options: EventOptions = serde_json::from_value(options).unwrap();
        options.draft(&"a.b".parse().unwrap(), json!({ "n": 1 }))
    }

    #[test]
    fn an_agent_says_what_an_event_is_about_and_not_whose_it_is() {
        let event = draft(json!({ "id": "1", "priority": "high", "attributes": { "subject": "s" } })).unwrap();
        assert_eq!((event.id.as_deref(), event.source, event.priority), (Some("1"), None, EventPriority::High));
        assert_eq!(event.rest["data"], json!({ "n": 1 }));
        // What the host says is taken out, as of any event.
        let lying = json!({ "attributes": { "sender": "owner", "hops": 0, "position": 1 } });
        assert_eq!(draft(lying).unwrap().rest.keys().collect::<Vec<_>>(), ["datacontenttype", "data"]);
        for name in SAID {
            let error = draft(json!({ "attributes": { name: "x" } })).unwrap_err();
            assert_eq!(error.code, Code::EventInvalid, "{name}");
        }
        assert_eq!(draft(json!({ "delay_ms": u64::MAX })).unwrap_err().code, Code::EventInvalid);
        for unknown in [json!({ "source": "/owner" }), json!({ "sender": "owner" }), json!({ "hops": 0 })] {
            assert!(serde_json::from_value::<EventOptions>(unknown).is_err());
        }
    }
}
