//! How one set of grants differs from another, line by line, by what the lines mean.
//!
//! A line adds something where it is wider than *all* of the other set: what another line
//! allowed already is nothing new, whatever it is called.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{GrantKey, Grants};

/// What becomes of what stands at one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It allows the same.
    Same,
    /// It allows more, and all it did.
    Wider,
    /// It allows less, and nothing new.
    Narrower,
    /// It allows something new, and no longer all it did.
    Other,
}

impl Change {
    /// Whether something is allowed that was not before.
    pub const fn widens(self) -> bool {
        matches!(self, Self::Wider | Self::Other)
    }

    /// Whether something was allowed that is no more.
    pub const fn narrows(self) -> bool {
        matches!(self, Self::Narrower | Self::Other)
    }
}

/// Tells for each address of either set what becomes of it from `before` to `after`.
pub fn compare(before: &Grants, after: &Grants) -> Vec<(GrantKey, Change)> {
    let mut keys = before.keys();
    keys.extend(after.keys());
    keys.sort();
    keys.dedup();
    keys.into_iter()
        .map(|key| {
            let widens = after.only(&key).is_wider_than(before);
            let narrows = before.only(&key).is_wider_than(after);
            let change = match (widens, narrows) {
                (false, false) => Change::Same,
                (true, false) => Change::Wider,
                (false, true) => Change::Narrower,
                (true, true) => Change::Other,
            };
            (key, change)
        })
        .collect()
}
