//! What the host has put into the requests of one invocation and the guest must not see.
//!
//! The attack: a service that the guest may call gives back what it was sent, at once, in a
//! later answer, or by way of another service, and the guest hands it on by its log or its
//! output. The rule: from the moment that a value goes out, every answer, log record,
//! report and output of the invocation is searched for it, in all the spellings that
//! [`Scrubber`] knows; what is found is replaced by a mark, counted and said. Once a value
//! has gone out as it is, no answer may come compressed or in ranges any more, also one that was on
//! its way, where it would not be found. The default: an invocation whose requests carry nothing of the host's is
//! not searched at all.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use troupe_egress::Scrubber;

/// What one invocation's requests carried. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Injected(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    scrubbers: Mutex<Vec<Arc<Scrubber>>>,
    /// Whether a value itself went out, and not only a signature made with it.
    exposed: AtomicBool,
    echoes: AtomicU64,
}

impl Injected {
    /// Notes that a value is about to go out as it is.
    pub(crate) fn add(&self, scrubber: &Arc<Scrubber>) {
        self.expose();
        self.add_signer(scrubber);
    }

    /// Notes that a value has gone out as it is, or would have if anything did.
    pub(crate) fn expose(&self) {
        self.0.exposed.store(true, Ordering::Relaxed);
    }

    /// Whether a value has gone out as it is.
    pub(crate) fn is_exposed(&self) -> bool {
        self.0.exposed.load(Ordering::Relaxed)
    }

    /// Notes that a request is about to go out signed. A value that was read anew and is the
    /// same as before is known.
    pub(crate) fn add_signer(&self, scrubber: &Arc<Scrubber>) {
        let mut scrubbers = self.lock();
        if !scrubbers.iter().any(|known| known.id() == scrubber.id()) {
            let at = scrubbers.partition_point(|known| known.longest() >= scrubber.longest());
            scrubbers.insert(at, Arc::clone(scrubber));
        }
    }

    /// Everything to search for from now on, the longest first: it may hold a shorter one,
    /// whose mark would hide it.
    pub(crate) fn all(&self) -> Vec<Arc<Scrubber>> {
        self.lock().clone()
    }

    /// What is to be searched for and not among these.
    pub(crate) fn unknown(&self, known: &[Arc<Scrubber>]) -> Vec<Arc<Scrubber>> {
        let is_known = |scrubber: &&Arc<Scrubber>| known.iter().any(|known| known.id() == scrubber.id());
        self.lock().iter().filter(|scrubber| !is_known(scrubber)).cloned().collect()
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

    /// How many bytes beyond its length a text that will be cut must have at least, so that
    /// what begins in it is found whole.
    pub(crate) fn overhang(&self) -> usize {
        self.lock().iter().map(|scrubber| scrubber.longest()).sum()
    }

    /// Takes what was put in out of the first bytes of a text, at least `most` of them where
    /// nothing is found. What would be cut through is left out.
    pub(crate) fn scrub_start(&self, text: String, most: usize) -> String {
        let scrubbers = self.all();
        let room = most.saturating_add(self.overhang());
        let Some(start) = text.as_bytes().get(..room).filter(|start| start.len() < text.len() && !scrubbers.is_empty())
        else {
            return self.scrub(text);
        };
        let clean = scrubbers.iter().fold(start.to_vec(), |clean, scrubber| scrubber.stream().push(&clean));
        if !start.starts_with(&clean) {
            self.echoed();
        }
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
        injected.add(&Arc::new(Scrubber::new([&b"open-sesame"[..]]).unwrap()));
        assert_eq!(injected.all().len(), 1);
        assert_eq!(injected.scrub("the key is open-sesame".to_owned()), "the key is [redacted]");
        assert_eq!(injected.scrub("nothing here".to_owned()), "nothing here");
        assert_eq!(injected.echoes(), 1);
    }

    #[test]
    fn of_a_text_that_is_cut_no_piece_of_a_secret_stays() {
        let injected = Injected::default();
        injected.add(&Arc::new(Scrubber::new([&b"open-sesame"[..]]).unwrap()));
        let most = 40;
        for at in 0..200 {
            let text = format!("{}open-sesame{}open-sesame{}", "x".repeat(at % 50), "y".repeat(at), "z".repeat(200));
            let clean = injected.scrub_start(text, most);
            let rest = clean.replace("[redacted]", "");
            assert!(rest.bytes().all(|byte| b"xyz".contains(&byte)), "{at}: {clean}");
        }
        assert_eq!(injected.scrub_start("z".repeat(200), most)[..most], "z".repeat(most));
    }

    #[test]
    fn a_secret_that_holds_another_is_taken_out_whole() {
        let injected = Injected::default();
        for secret in ["open-sesame", "user:open-sesame:realm", "sesame-seed"] {
            injected.add(&Arc::new(Scrubber::new([secret.as_bytes()]).unwrap()));
        }
        assert_eq!(injected.scrub("<user:open-sesame:realm>".to_owned()), "<[redacted]>");
    }
}
