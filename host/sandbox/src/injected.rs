//! What the host has put into the requests of one invocation and the guest must not see.
//!
//! The attack: a service that the guest may call gives back what it was sent, at once, in a
//! later answer, or by way of another service, and the guest hands it on by its log or its
//! output. The rule: from the moment that a value goes out, every answer, log record,
//! report and output of the invocation is searched for it, in all the spellings that
//! [`Scrubber`] knows; what is found is replaced by a mark, counted and said. The default:
//! an invocation whose requests carry nothing of the host's is not searched at all.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use troupe_egress::Scrubber;

/// What one invocation's requests carried. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Injected(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    scrubbers: Mutex<Vec<Arc<Scrubber>>>,
    echoes: AtomicU64,
}

impl Injected {
    /// Notes that a value is about to go out.
    pub(crate) fn add(&self, scrubber: &Arc<Scrubber>) {
        let mut scrubbers = self.lock();
        if !scrubbers.iter().any(|known| Arc::ptr_eq(known, scrubber)) {
            scrubbers.push(Arc::clone(scrubber));
        }
    }

    /// Everything to search for from now on.
    pub(crate) fn all(&self) -> Vec<Arc<Scrubber>> {
        self.lock().clone()
    }

    /// Takes what was put in out of a text of the guest's.
    pub(crate) fn scrub(&self, text: String) -> String {
        let scrubbers = self.all();
        if scrubbers.is_empty() {
            return text;
        }
        let clean = scrub_all(&scrubbers, text.as_bytes());
        if clean == text.as_bytes() {
            return text;
        }
        self.echoed();
        String::from_utf8_lossy(&clean).into_owned()
    }

    /// Notes that something came back that was put in.
    pub(crate) fn echoed(&self) {
        self.0.echoes.fetch_add(1, Ordering::Relaxed);
    }

    /// How often something came back.
    pub(crate) fn echoes(&self) -> u64 {
        self.0.echoes.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Scrubber>>> {
        self.0.scrubbers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Searches a text for everything, one search after the other.
pub(crate) fn scrub_all(scrubbers: &[Arc<Scrubber>], text: &[u8]) -> Vec<u8> {
    scrubbers.iter().fold(text.to_vec(), |clean, scrubber| scrubber.scrub(&clean))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_out_is_taken_out_of_what_comes_after_and_counted() {
        let injected = Injected::default();
        assert_eq!(injected.scrub("the key is open-sesame".to_owned()), "the key is open-sesame");
        let scrubber = Arc::new(Scrubber::new([&b"open-sesame"[..]]).unwrap());
        injected.add(&scrubber);
        injected.add(&scrubber);
        assert_eq!(injected.all().len(), 1);
        assert_eq!(injected.scrub("the key is open-sesame".to_owned()), "the key is [redacted]");
        assert_eq!(injected.scrub("nothing here".to_owned()), "nothing here");
        assert_eq!(injected.echoes(), 1);
    }
}
