//! The gate of a release that is tried on the record of another: its calls are authorised as
//! they would be, and answered by [`Matching`]. None is performed or journalled.

use std::sync::Arc;

use troupe_core::{Effect, Error, Result};

use super::deed::Deed;
use super::matching::Came;
use super::recording::Past;
use super::{Answer, Call, Gate, HttpCall, HttpFailure, HttpPermit, Matching};

impl Gate {
    /// Where this invocation is answered from, if its release is tried on a record.
    pub(super) fn matching(&self) -> Option<&Arc<Matching>> {
        self.0.recording.as_ref()?.matched()
    }

    /// Whether the release is tried on a record.
    pub(crate) fn is_tried(&self) -> bool {
        self.matching().is_some()
    }

    /// Answers a call that was judged. The deed is dropped undone.
    pub(super) fn answer_matched(
        &self,
        matching: &Matching,
        number: u64,
        call: &Call,
        deed: std::result::Result<Deed<'_>, Answer>,
    ) -> Answer {
        let (answer, at) = match deed {
            Ok(Deed::Known(answer)) => {
                let at = matching.known(number, call, &answer);
                (answer, at)
            }
            Ok(deed) => {
                let write = !matches!(deed, Deed::Read(_));
                matching.answer(number, call, write, self.0.guest_clock.now())
            }
            Err(refusal) => {
                matching.denied(number, call.clone(), &refusal, false);
                (refusal, None)
            }
        };
        if let Some(at) = at {
            self.0.guest_clock.deliver(at);
        }
        answer
    }

    /// Answers a request that the tried release may send.
    ///
    /// # Errors
    /// A fault of the host, if no release is tried.
    pub(crate) fn try_http(&self, number: u64, call: HttpCall, permit: &HttpPermit) -> Result<Past> {
        let matching = self.matching().ok_or_else(|| Error::internal("no release is tried"))?;
        let past = matching.answer_http(number, call, permit.effect() > Effect::Read);
        self.waiting().kept_before(number);
        Ok(past)
    }

    /// Notes a request that the tried release may not send.
    pub(crate) fn denied_http(&self, number: u64, call: HttpCall, why: &Error) {
        if let Some(matching) = self.matching() {
            matching.denied(number, Call::Http(call), &Answer::HttpFailed(HttpFailure::new(why)), false);
            self.waiting().kept_before(number);
        }
    }

    /// What is known of the answer of an HTTP call of a release that is tried.
    pub(crate) fn came(&self, number: u64) -> Came {
        self.matching().map_or(Came::NotYet, |matching| matching.came(number))
    }
}

#[cfg(test)]
#[path = "matched_tests.rs"]
mod tests;
