//! The log of one invocation: what the guest writes and prints, and the host's notes.
//!
//! The attack: a guest floods the log, by records or by bytes, or writes text that reads as
//! records of its own, as the host's, or steers a terminal. The rule: a bucket that
//! refills, from which a record takes by its size, the number dropped said with the next
//! one; no control or bidirectional character passes; and who wrote a record stands beside
//! its fields, which are the guest's to name. What the host added to requests is taken out
//! (see [`Injected`]). The host's notes have a bucket of their own, so that neither side can
//! silence the other.

use std::sync::{Arc, Mutex, PoisonError};

use troupe_core::{Timestamp, limits};

use crate::clean::clean;
use crate::gate::Gate;
use crate::injected::Injected;
use crate::port::{LogLevel, LogOrigin, LogRecord, Observer};

/// Longest name of a field; the rest is cut with a mark.
const FIELD_NAME_BYTES_MAX: usize = 64;

/// The log of one invocation. Clones are the same log.
#[derive(Clone)]
pub(crate) struct Log(Arc<Inner>);

struct Inner {
    gate: Gate,
    observer: Arc<dyn Observer>,
    injected: Injected,
    guest: Mutex<Bucket>,
    host: Mutex<Bucket>,
}

impl Log {
    pub(crate) fn new(gate: Gate, observer: Arc<dyn Observer>) -> Self {
        let (now, injected) = (gate.now(), Injected::default());
        let guest = Bucket::new(now, limits::LOG_BURST, limits::LOG_PER_SECOND);
        let host = Bucket::new(now, limits::LOG_NOTES_BURST, limits::LOG_NOTES_PER_SECOND);
        Self(Arc::new(Inner { gate, observer, injected, guest: Mutex::new(guest), host: Mutex::new(host) }))
    }

    /// What must not appear in it.
    pub(crate) fn injected(&self) -> &Injected {
        &self.0.injected
    }

    /// Writes what the guest says.
    pub(crate) fn write(&self, level: LogLevel, message: &str, fields: Vec<(String, String)>) {
        // A resumed guest says again what it said.
        if self.0.gate.repeats() {
            return;
        }
        self.record(&self.0.guest, LogOrigin::Guest, level, message, fields);
    }

    /// Writes what the host has to say about the invocation.
    pub(crate) fn note(&self, message: &str) {
        self.record(&self.0.host, LogOrigin::Host, LogLevel::Warn, message, Vec::new());
    }

    /// Says at the end what was dropped since the last record.
    pub(crate) fn finish(&self) {
        for (bucket, whose) in [(&self.0.guest, "the agent's records"), (&self.0.host, "the host's notes")] {
            let dropped = std::mem::take(&mut locked(bucket).dropped);
            if dropped > 0 {
                // The last word of an invocation costs nothing: there is one for each bucket.
                self.0.observer.log(LogRecord {
                    origin: LogOrigin::Host,
                    level: LogLevel::Warn,
                    at: self.0.gate.now(),
                    message: format!("more was logged than is taken; {dropped} of {whose} were dropped at the end"),
                    fields: Vec::new(),
                    dropped,
                });
            }
        }
    }

    fn record(
        &self,
        bucket: &Mutex<Bucket>,
        origin: LogOrigin,
        level: LogLevel,
        message: &str,
        fields: Vec<(String, String)>,
    ) {
        let at = self.0.gate.now();
        // What a flood is dropped of costs nothing to search.
        if !locked(bucket).has_room(at) {
            return;
        }
        // Before it is cut to its length, which could go through the middle of a secret.
        let clean = |text, most| self.0.injected.scrub_start(text, most);
        let fields = fields
            .into_iter()
            .take(limits::LOG_FIELDS_MAX)
            .map(|(name, value)| (clean(name, FIELD_NAME_BYTES_MAX), clean(value, limits::LOG_MESSAGE_BYTES_MAX)))
            .collect();
        let message = clean(message.to_owned(), limits::LOG_MESSAGE_BYTES_MAX);
        let admitted = locked(bucket).admit(at, &message, fields);
        if let Some(Admitted { message, fields, dropped }) = admitted {
            self.0.observer.log(LogRecord { origin, level, at, message, fields, dropped });
        }
    }
}

fn locked(bucket: &Mutex<Bucket>) -> std::sync::MutexGuard<'_, Bucket> {
    bucket.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What of a record passes.
#[derive(Debug)]
struct Admitted {
    message: String,
    fields: Vec<(String, String)>,
    dropped: u64,
}

/// How much may be logged.
#[derive(Debug)]
struct Bucket {
    tokens: u32,
    burst: u32,
    per_second: u32,
    refilled: Timestamp,
    dropped: u64,
}

impl Bucket {
    const fn new(now: Timestamp, burst: u32, per_second: u32) -> Self {
        Self { tokens: burst, burst, per_second, refilled: now, dropped: 0 }
    }

    /// Whether anything passes now; a record that does not is counted.
    fn has_room(&mut self, now: Timestamp) -> bool {
        let seconds = u32::try_from(now.since(self.refilled).as_secs()).unwrap_or(u32::MAX);
        if seconds > 0 {
            self.tokens = self.tokens.saturating_add(seconds.saturating_mul(self.per_second)).min(self.burst);
            self.refilled = now;
        }
        if self.tokens == 0 {
            self.dropped += 1;
        }
        self.tokens > 0
    }

    /// Bounds and cleans a record; `None` if the bucket does not hold enough for it.
    fn admit(&mut self, now: Timestamp, message: &str, fields: Vec<(String, String)>) -> Option<Admitted> {
        if !self.has_room(now) {
            return None;
        }
        let message = clean(message, limits::LOG_MESSAGE_BYTES_MAX);
        let fields: Vec<_> = fields
            .into_iter()
            .take(limits::LOG_FIELDS_MAX)
            .map(|(name, value)| (clean(&name, FIELD_NAME_BYTES_MAX), clean(&value, limits::LOG_MESSAGE_BYTES_MAX)))
            .collect();
        let bytes = message.len() + fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        let tokens = u32::try_from(bytes / 1024).unwrap_or(u32::MAX).saturating_add(1);
        if tokens > self.tokens {
            self.dropped += 1;
            return None;
        }
        self.tokens -= tokens;
        Some(Admitted { message, fields, dropped: std::mem::take(&mut self.dropped) })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const START: Timestamp = Timestamp::from_millis(0);

    fn bucket() -> Bucket {
        Bucket::new(START, limits::LOG_BURST, limits::LOG_PER_SECOND)
    }

    #[test]
    fn a_flood_is_dropped_and_counted_with_the_next_record() {
        let mut bucket = bucket();
        let burst = limits::LOG_BURST as usize;
        let passed = (0..burst + 7).filter(|_| bucket.admit(START, "x", Vec::new()).is_some()).count();
        assert_eq!((passed, bucket.dropped), (burst, 7));
        let forged = vec![("dropped".to_owned(), "0".to_owned())];
        let next = bucket.admit(START.plus(Duration::from_secs(1)), "y", forged.clone()).unwrap();
        assert_eq!((next.dropped, next.fields), (7, forged));
    }

    #[test]
    fn a_flood_by_bytes_is_bounded_as_one_by_records() {
        let mut bucket = bucket();
        let value = "x".repeat(limits::LOG_MESSAGE_BYTES_MAX);
        let fields = vec![("field".to_owned(), value.clone()); limits::LOG_FIELDS_MAX];
        let passed: usize = (0..1000)
            .filter_map(|_| bucket.admit(START, &value, fields.clone()))
            .map(|record| record.message.len() + record.fields.iter().map(|(_, value)| value.len()).sum::<usize>())
            .sum();
        assert!((1..=limits::LOG_BURST as usize * 1024).contains(&passed), "{passed} bytes");
        assert!(bucket.dropped > 990);
    }
}
