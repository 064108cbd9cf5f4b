//! What an agent may do, as data, so that "both keys" and "wider than" are computed
//! and never judged by eye.
//!
//! A capability is open only where two keys turn: the manifest asks for it and the
//! operator grants it. The effective grant is the intersection of both. What neither
//! names is denied.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A set of grants: what a manifest asks, what an operator gives, or what is in force.
/// The default grants nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Grants {
    /// Durable keys of the deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StateGrant>,
}

/// A grant of the capability `state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StateGrant {
    /// Bytes of keys and values together, at most.
    pub bytes: u64,
    /// Keys, at most.
    pub keys: u64,
}

impl Grants {
    /// Returns what both `self` and `other` allow.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        let state = self
            .state
            .zip(other.state)
            .map(|(a, b)| StateGrant { bytes: a.bytes.min(b.bytes), keys: a.keys.min(b.keys) });
        Self { state }
    }

    /// Whether `self` allows anything that `other` does not.
    pub fn is_wider_than(&self, other: &Self) -> bool {
        self.intersect(other) != *self
    }

    /// Returns one line for each capability, as an operator reads it.
    pub fn lines(&self) -> Vec<String> {
        let state = self
            .state
            .map(|state| format!("state: up to {} and {} keys", crate::limits::bytes(state.bytes), state.keys));
        state.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grants() -> impl Strategy<Value = Grants> {
        proptest::option::of((0..4u64, 0..4u64))
            .prop_map(|state| Grants { state: state.map(|(bytes, keys)| StateGrant { bytes, keys }) })
    }

    proptest! {
        #[test]
        fn an_intersection_is_never_wider_than_either_key(a in grants(), b in grants()) {
            let both = a.intersect(&b);
            prop_assert!(!both.is_wider_than(&a) && !both.is_wider_than(&b));
            prop_assert_eq!(&both, &b.intersect(&a));
            prop_assert_eq!(&both.intersect(&a), &both);
        }

        #[test]
        fn nothing_is_granted_by_default(a in grants()) {
            prop_assert_eq!(Grants::default().intersect(&a), Grants::default());
        }
    }
}
