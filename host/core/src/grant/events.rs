//! A grant of the capability `events`: under which topics an agent may publish. The same field stands in
//! a manifest, which asks, and in an operator's grant, which gives.
//!
//! | field | grammar | default |
//! |---|---|---|
//! | `publish` | see [`TopicPattern`] | must be there |
//!
//! Empty means that nothing may be published. Who takes what is published is no grant: that is said by
//! subscriptions and triggers.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::lines::{self, Line};
use crate::{Topic, TopicPattern, limits};

/// Topics under which events may be published.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventGrant {
    /// The topics: one, or a pattern with `*` for any one segment and `>` at its end for all that follow.
    #[schema(value_type = String)]
    pub publish: TopicPattern,
}

impl EventGrant {
    /// Whether the grant is about a topic.
    pub fn admits(&self, topic: &Topic) -> bool {
        self.publish.admits(topic)
    }
}

impl fmt::Display for EventGrant {
    /// One line, as an operator reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "events {}: may be published", self.publish)
    }
}

impl Line for EventGrant {
    fn intersect(&self, other: &Self) -> Option<Self> {
        self.publish.intersect(&other.publish).map(|publish| Self { publish })
    }

    fn covers(&self, other: &Self) -> bool {
        self.publish.covers(&other.publish)
    }
}

/// Reads a bounded list of topics. A pattern may stand in it more than once.
///
/// # Errors
/// Those of the deserialiser, naming the item.
pub fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<EventGrant>, D::Error> {
    lines::read(deserializer, limits::EVENT_GRANTS_MAX)
}
