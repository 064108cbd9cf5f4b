//! Publishing events, and reading those that the agent takes.
//!
//! What is published reaches whoever of the tenant has subscribed, each by a task of its own; nobody is waited for.
//! It is published once however often a host dies. A task that is tried again publishes again, but for what has an
//! [id](Event::id) of its own.
//!
//! ```
//! use troupe_sdk::prelude::*;
//!
//! # fn stop() -> Result<(), Failure> {
//! events::publish("aws.ec2.stopped").data(["i-17"]).subject("i-17").send()?;
//! events::publish("aws.alert").data("it is hot").priority(events::Priority::High).id("alert-17").send()?;
//! # Ok(())
//! # }
//! # let host = troupe_sdk::test::Host::start();
//! # stop().unwrap();
//! # assert_eq!(host.published()[0].topic, "aws.ec2.stopped");
//! ```
//!
//! The manifest asks for the topics; `*` stands for any one segment, `>` at the end for all that follow:
//!
//! ```toml
//! [[capabilities.events]]
//! publish = "aws.>"
//! ```
//!
//! A skill takes events by a trigger of the manifest, or by a subscription that an operator sets. It is given the
//! whole event, as [`Taken`] has it, or its data alone (`input = "data"`).

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{CapabilityError, Problem, backend};

/// How urgent an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// When nothing else waits.
    Low,
    /// Where nobody says otherwise.
    #[default]
    Normal,
    /// Before what is usual.
    High,
    /// Before all others.
    Critical,
}

/// How an event is published, as the host reads it.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Options {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    pub(crate) priority: Priority,
    pub(crate) delay_ms: u64,
    pub(crate) attributes: Map<String, Value>,
}

/// Begins an event of a topic, such as `aws.ec2.stopped`.
pub fn publish(topic: impl Into<String>) -> Event {
    Event { topic: topic.into(), data: Ok("null".to_owned()), options: Options::default() }
}

/// An event that is about to be published.
#[derive(Debug, Clone)]
#[must_use = "nothing is published before `send`"]
pub struct Event {
    topic: String,
    /// As JSON, or why it is none.
    data: Result<String, String>,
    options: Options,
}

impl Event {
    /// Says what is in it; nothing otherwise.
    pub fn data(mut self, data: impl Serialize) -> Self {
        self.data = serde_json::to_string(&data).map_err(|error| error.to_string());
        self
    }

    /// Gives it an id: under the same id the same event of this agent is published once, in whichever task.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.options.id = Some(id.into());
        self
    }

    /// Says how urgent it is.
    pub const fn priority(mut self, priority: Priority) -> Self {
        self.options.priority = priority;
        self
    }

    /// Says for how long it is put off.
    pub fn delay(mut self, time: Duration) -> Self {
        self.options.delay_ms = crate::time::milliseconds(time);
        self
    }

    /// Says what of its topic it is about.
    pub fn subject(self, subject: impl Into<String>) -> Self {
        self.attribute("subject", Value::String(subject.into()))
    }

    /// Gives it a further attribute of `CloudEvents`; its name is of small letters and digits.
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.options.attributes.insert(name.into(), value.into());
        self
    }

    /// Publishes it, and returns its position: its number among the events of the tenant.
    ///
    /// # Errors
    ///
    /// [`CapabilityError::Denied`] for a topic that the grants do not name, and in a skill that says of itself that it
    /// only reads; [`CapabilityError::Invalid`]; [`CapabilityError::Limit`] where the tenant has no room, and where
    /// what led to this task has led to too many events.
    pub fn send(self) -> Result<u64, CapabilityError> {
        let Self { topic, data, options } = self;
        let invalid = |why: String| CapabilityError::Invalid(Problem::new(why));
        let data = data.map_err(|why| invalid(format!("the data is not JSON: {why}")))?;
        let options = serde_json::to_string(&options).map_err(|error| invalid(error.to_string()))?;
        backend::publish_event(&topic, &data, &options)
    }
}

/// An event that a skill was given whole, with data of a type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Taken<T> {
    /// Tells it apart from others of its source.
    pub id: String,
    /// Where it comes from, as its sender says.
    pub source: String,
    /// Its topic.
    #[serde(rename = "type")]
    pub topic: String,
    /// Who sent it, as the host knows.
    pub sender: String,
    /// Its number among the events of the tenant.
    pub position: u64,
    /// How many tasks and events led to it, one after the other.
    pub hops: u32,
    /// How urgent it is.
    #[serde(default)]
    pub priority: Priority,
    /// What of its topic it is about.
    #[serde(default)]
    pub subject: Option<String>,
    /// When it happened, or was published.
    #[serde(default)]
    pub time: Option<String>,
    /// Its data.
    pub data: T,
}
