//! What the streams of tasks, swaps and the feed have in common: how one state that was told is
//! known from another, and what is answered to an id that is none of a stream's.

use serde::Serialize;
use troupe_core::{Code, Digest, Error};

/// Digits by which one state is told from another.
pub(crate) const STATE_DIGITS: usize = 16;

/// What tells one state from another, as ids of events have it.
pub(crate) fn state(view: &impl Serialize) -> String {
    let text = serde_json::to_vec(view).unwrap_or_default();
    Digest::of(&text).hex().chars().take(STATE_DIGITS).collect()
}

/// The error for a `Last-Event-ID` that no event of a stream has.
pub(crate) fn not_of_this_stream() -> Error {
    let message = "`Last-Event-ID` is no id of an event of this stream; leave it out to begin with how things stand";
    Error::new(Code::RequestInvalid, message)
}
