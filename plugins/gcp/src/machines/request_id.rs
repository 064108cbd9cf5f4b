//! An id by which Google knows a request again.
//!
//! Google takes a second request of the same id, within an hour, for the first sent again. So the id must be the same
//! where the host sends again what it may have sent before, and another wherever it is meant anew: it is made of the
//! trace, of what is done, and of what the machine was like, which doing it changes.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;
use troupe_sdk::invocation;

use crate::record::path;

/// Makes the id, in the form of a UUID of version 8 (RFC 9562, 5.8), for what is done to a machine.
pub fn of(what: &str, item: &Value) -> String {
    let state = ["/id", "/status", "/machineType", "/lastStartTimestamp", "/lastStopTimestamp", "/fingerprint"];
    let state: Vec<Option<&str>> = state.iter().map(|at| path::text(item, at)).collect();
    let part = |place: u8| {
        let mut hasher = DefaultHasher::new();
        (place, invocation::trace(), what, &state).hash(&mut hasher);
        hasher.finish()
    };
    let (high, low) = (part(0), part(1));
    let version = (high & !0xF000) | 0x8000;
    let variant = (low & !(0b11 << 62)) | (0b10 << 62);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        version >> 32,
        (version >> 16) & 0xFFFF,
        version & 0xFFFF,
        variant >> 48,
        variant & 0xFFFF_FFFF_FFFF
    )
}
