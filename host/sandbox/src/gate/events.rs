//! `events` at the gate: its call and answer, which topics may be published under, with which arguments, and
//! what performing the call means.
//!
//! The attack: a guest publishes under the topic of another, and has whoever trusts that topic act; says that
//! its event came from somebody else, or was never passed on; publishes round and round until nothing else
//! runs; or learns from what it is told who listens. The rule: a grant names the topics; sender, source, what
//! led to it and how often it was passed on are the store's to say; events are bounded in size, in how often
//! they are passed on, and in number below one task that nobody's agent led to; and the answer is the same
//! whoever listens. To publish is a write, since others act on it. The default: without a grant, nothing.

use serde::{Deserialize, Serialize};
use troupe_core::{Code, Effect, EventOptions, Grants, PublishOutcome, Topic, limits};

use super::deed::{Change, Deed};
use super::http::shown;
use super::options::read_options;
use super::{Answer, above_ceiling};
use crate::port::Publish;

/// A call of `events`, as the guest made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EventsCall {
    /// `publish`
    Publish {
        /// The topic.
        topic: String,
        /// Its data: JSON.
        data: String,
        /// How it is published: JSON.
        options: String,
    },
}

impl EventsCall {
    /// The capability and function, as messages name them.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Publish { .. } => "events.publish",
        }
    }

    /// What was called, for a person.
    pub(super) fn describe(&self) -> String {
        let Self::Publish { topic, .. } = self;
        format!("{} {}", self.name(), shown(topic))
    }
}

/// What a call of `events` was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EventsAnswer {
    /// It is kept, at this position.
    Published(u64),
}

impl EventsAnswer {
    /// What came of the call, in short, for a person.
    pub(super) fn describe(&self) -> String {
        let Self::Published(position) = self;
        format!("event {position}")
    }
}

impl Answer {
    /// What the guest is told of publishing.
    pub fn of_publish(outcome: &PublishOutcome) -> Self {
        match outcome {
            PublishOutcome::Published(position) => Self::Events(EventsAnswer::Published(*position)),
            PublishOutcome::Invalid(message) => Self::Invalid(message.clone()),
            PublishOutcome::Full(message) => {
                Self::limit(Code::LimitEvents, limits::EVENT_DELIVERIES_OPEN_MAX, message.clone())
            }
            PublishOutcome::Descendants => {
                let most = limits::EVENT_DESCENDANTS_MAX;
                let message = format!(
                    "the event was refused: agents have published {most} events below the task at the top, which is as many as there may be"
                );
                Self::limit(Code::LimitDescendants, most, message)
            }
        }
    }
}

/// Leave to publish; made by [`authorize`] alone.
#[derive(Debug)]
pub(super) struct Permit(Publish);

/// Decides whether `grants` allow `call` to a skill whose class is `ceiling`, and whether its arguments are
/// acceptable.
pub(super) fn authorize(grants: &Grants, ceiling: Effect, call: &EventsCall) -> Result<Permit, Answer> {
    let EventsCall::Publish { topic, data, options } = call;
    let what = format!("`{}` of `{}`", call.name(), shown(topic));
    let topic: Topic = topic.parse().map_err(|error: troupe_core::Error| Answer::Invalid(error.message))?;
    if !grants.events.iter().any(|grant| grant.admits(&topic)) {
        return Err(Answer::denied(format!(
            "{what} was denied: this deployment has no grant of `events` that names this topic; the manifest must ask for it and the operator grant it"
        )));
    }
    if Effect::Write > ceiling {
        return Err(Answer::denied(above_ceiling(&what, Effect::Write, ceiling)));
    }
    let options: EventOptions = read_options(options, limits::EVENT_OPTIONS_BYTES_MAX, "an event")?;
    let most = limits::EVENT_BYTES_MAX;
    if data.len() > most {
        let what = format!("the data has {} bytes; an event may have {most}", data.len());
        return Err(Answer::Invalid(what));
    }
    if troupe_core::json::depth(data.as_bytes()) > limits::JSON_DEPTH_MAX {
        let most = limits::JSON_DEPTH_MAX;
        return Err(Answer::Invalid(format!("the data is nested deeper than {most} levels")));
    }
    let data = serde_json::from_str(data).map_err(|error| Answer::Invalid(format!("the data is not JSON: {error}")))?;
    let delay_ms = options.delay_ms;
    let draft = options.draft(&topic, data).map_err(|error| Answer::Invalid(error.message))?;
    Ok(Permit(Publish { draft, delay_ms }))
}

impl Permit {
    /// What performing the permitted call means.
    pub(super) fn deed<'a>(self) -> Deed<'a> {
        Deed::Own(Change::Publish(Box::new(self.0)))
    }
}

#[cfg(test)]
#[path = "events_tests.rs"]
mod tests;
