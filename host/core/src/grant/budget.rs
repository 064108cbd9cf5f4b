//! How much may go through one line of `http`: so many requests a minute, so many at once,
//! so many bytes a minute.
//!
//! The attack: a guest floods a service in its operator's name, or carries data out, by
//! requests each of which is allowed; or a publisher splits one line of its manifest into
//! fifty, so that each has the budget of the one that was granted. The rule: a budget
//! belongs to the line it is written in, of either key, and lasts across invocations. A line
//! that is in force draws on the budget of every line that it was made of, so that whatever
//! a manifest splits, the operator's line is one. The default: a line without a budget is
//! bounded by what bounds every agent.
//!
//! | field | grammar | default |
//! |---|---|---|
//! | `requests_per_minute` | 1 to 1,000,000; each try and each redirect is one | no bound of the line's own |
//! | `concurrent` | 1 to 64, until an answer has been read | the tenant's 64 |
//! | `bytes_per_minute` | 1 KiB to 1 TiB, heads and bodies, sent and received | no bound of the line's own |
//!
//! A minute's worth may be used at once; what was used comes back evenly.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use utoipa::ToSchema;

use crate::limits;

/// What may go through one line of `http`. The default sets no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpBudget {
    /// Requests in a minute; absent = no bound of the line's own.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "requests")]
    pub requests_per_minute: Option<u32>,
    /// Requests under way at once; absent = as many as a tenant may have.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "concurrent")]
    pub concurrent: Option<u32>,
    /// Bytes in a minute, sent and received; absent = no bound of the line's own.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "bytes")]
    pub bytes_per_minute: Option<u64>,
}

impl HttpBudget {
    /// Whether it sets no bound.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns what both allow.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        Self {
            requests_per_minute: smaller(self.requests_per_minute, other.requests_per_minute),
            concurrent: smaller(self.concurrent, other.concurrent),
            bytes_per_minute: smaller(self.bytes_per_minute, other.bytes_per_minute),
        }
    }

    /// Whether `self` allows all that `other` does.
    pub fn covers(&self, other: &Self) -> bool {
        self.intersect(other) == *other
    }
}

impl fmt::Display for HttpBudget {
    /// Its bounds, as an operator reads them; nothing if there is none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let requests = self.requests_per_minute.map(|count| match count {
            1 => "1 request a minute".to_owned(),
            count => format!("{count} requests a minute"),
        });
        let concurrent = self.concurrent.map(|count| format!("{count} at once"));
        let bytes = self.bytes_per_minute.map(|count| format!("{} a minute", limits::bytes(count)));
        let bounds: Vec<String> = [requests, concurrent, bytes].into_iter().flatten().collect();
        f.write_str(&bounds.join(" and "))
    }
}

/// The budget of one line, by the name that people know the line by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineBudget {
    /// The line's id.
    pub line: String,
    /// What may go through it.
    pub budget: HttpBudget,
}

/// The smaller of two bounds; none is larger than any.
fn smaller<T: Ord>(one: Option<T>, two: Option<T>) -> Option<T> {
    match (one, two) {
        (Some(one), Some(two)) => Some(one.min(two)),
        (one, two) => one.or(two),
    }
}

fn requests<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let most = limits::HTTP_BUDGET_REQUESTS_MAX;
    match u32::deserialize(deserializer)? {
        count if (1..=most).contains(&count) => Ok(Some(count)),
        count => Err(D::Error::custom(format_args!("{count} requests a minute are not between 1 and {most}"))),
    }
}

fn concurrent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let most = u32::try_from(limits::HTTP_EXCHANGES_PER_TENANT_MAX).unwrap_or(u32::MAX);
    match u32::deserialize(deserializer)? {
        // One spelling of one meaning.
        count if count == most => Ok(None),
        count if (1..most).contains(&count) => Ok(Some(count)),
        count => Err(D::Error::custom(format_args!("{count} requests at once are not between 1 and {most}"))),
    }
}

fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let (least, most) = (limits::HTTP_BUDGET_BYTES_MIN, limits::HTTP_BUDGET_BYTES_MAX);
    match u64::deserialize(deserializer)? {
        count if (least..=most).contains(&count) => Ok(Some(count)),
        count => Err(D::Error::custom(format_args!("{count} bytes a minute are not between {least} and {most}"))),
    }
}
