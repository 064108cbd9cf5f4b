//! Which calls of `state` are allowed, and with which arguments.

use troupe_core::grant::StateGrant;
use troupe_core::{Code, Effect, Grants, limits};

use super::{Answer, Call, above_ceiling};

/// Leave to perform one call; made by [`authorize`] alone.
#[derive(Debug)]
pub(super) struct Permit(StateGrant);

impl Permit {
    /// The quota that it is performed within.
    pub(super) const fn quota(&self) -> StateGrant {
        self.0
    }
}

/// Decides whether `grants` allow `call` to a skill whose class is `ceiling`.
pub(super) fn authorize(grants: &Grants, ceiling: Effect, call: &Call) -> Result<Permit, Answer> {
    let name = call.name();
    let Some(grant) = grants.state else {
        return Err(Answer::Denied(format!(
            "`{name}` was denied: this deployment has no grant of `state`; the manifest must ask for it and the operator grant it"
        )));
    };
    let effect = effect(call);
    if effect > ceiling {
        return Err(Answer::Denied(above_ceiling(&format!("`{name}`"), effect, ceiling)));
    }
    Ok(Permit(grant))
}

const fn effect(call: &Call) -> Effect {
    match call {
        Call::StateGet { .. } | Call::StateList { .. } => Effect::Read,
        _ => Effect::Write,
    }
}

/// Checks the arguments of a call; returns why they are not acceptable.
pub(super) fn unacceptable(call: &Call) -> Option<Answer> {
    let (keys, value): (&[&str], _) = match call {
        Call::StateGet { key } | Call::StateDelete { key } => (&[key], None),
        Call::StateSet { key, value } | Call::StateCompareAndSet { key, value, .. } => (&[key], Some(value)),
        // Both may be empty: then all keys are meant.
        Call::StateList { prefix, after, .. } => {
            let longest = prefix.len().max(after.as_ref().map_or(0, String::len));
            return (longest > limits::STATE_KEY_BYTES_MAX).then(|| key_length(longest));
        }
        Call::Http(_) | Call::HttpBegun | Call::Wait | Call::Refused { .. } => (&[], None),
    };
    if let Some(key) = keys.iter().find(|key| key.is_empty() || key.len() > limits::STATE_KEY_BYTES_MAX) {
        return Some(key_length(key.len()));
    }
    let length = value.map_or(0, Vec::len);
    if length > limits::STATE_VALUE_BYTES_MAX {
        let maximum = limits::STATE_VALUE_BYTES_MAX as u64;
        return Some(Answer::Limit(
            Code::LimitStorage.as_str().to_owned(),
            maximum,
            format!("a state value may have {}; this one has {length} bytes", limits::bytes(maximum)),
        ));
    }
    None
}

fn key_length(length: usize) -> Answer {
    Answer::Invalid(format!("a state key is 1 to {} bytes; this one has {length}", limits::STATE_KEY_BYTES_MAX))
}
