//! `log`: notes for the operator.
//!
//! The attack: a guest floods the log, or writes text that reads as records of its own
//! or steers a terminal. The rule: a bucket of records that refills, the number dropped
//! said in the next record, and no control or bidirectional character passes.

use troupe_core::{Timestamp, limits};
use wasmtime::Result;

use crate::bindings::troupe::agent::log::{Host, Level};
use crate::context::Context;
use crate::port::{LogLevel, LogRecord};

impl Host for Context {
    fn write(&mut self, level: Level, message: String, fields: Vec<(String, String)>) -> Result<()> {
        self.count()?;
        let level = match level {
            Level::Trace => LogLevel::Trace,
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        self.log(level, &message, fields);
        Ok(())
    }
}

/// The bucket of one guest.
#[derive(Debug)]
pub(crate) struct LogMeter {
    tokens: u32,
    refilled: Timestamp,
    dropped: u64,
}

impl LogMeter {
    pub(crate) const fn new(now: Timestamp) -> Self {
        Self { tokens: limits::LOG_BURST, refilled: now, dropped: 0 }
    }

    /// Bounds and cleans a record; `None` if the bucket is empty.
    pub(crate) fn admit(
        &mut self,
        now: Timestamp,
        level: LogLevel,
        message: &str,
        fields: Vec<(String, String)>,
    ) -> Option<LogRecord> {
        let seconds = u32::try_from(now.since(self.refilled).as_secs()).unwrap_or(u32::MAX);
        if seconds > 0 {
            let refill = seconds.saturating_mul(limits::LOG_RECORDS_PER_SECOND);
            self.tokens = self.tokens.saturating_add(refill).min(limits::LOG_BURST);
            self.refilled = now;
        }
        if self.tokens == 0 {
            self.dropped += 1;
            return None;
        }
        self.tokens -= 1;
        let mut fields: Vec<_> = fields
            .into_iter()
            .take(limits::LOG_FIELDS_MAX)
            .map(|(name, value)| (clean(&name, 64), clean(&value, limits::LOG_MESSAGE_BYTES_MAX)))
            .collect();
        if self.dropped > 0 {
            fields.push(("dropped".to_owned(), self.dropped.to_string()));
            self.dropped = 0;
        }
        Some(LogRecord { level, at: now, message: clean(message, limits::LOG_MESSAGE_BYTES_MAX), fields })
    }

    /// How many records were dropped since the last that passed.
    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// Cuts text to a length and escapes what could steer a terminal or fake a record.
pub(crate) fn clean(text: &str, bytes_max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(bytes_max));
    for c in text.chars() {
        if out.len() + c.len_utf8() > bytes_max {
            out.push('…');
            break;
        }
        if c.is_control() || is_invisible(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// Whether a character changes how others look without showing itself: bidirectional
/// controls, zero-width characters, tags and the line separators (Unicode 16, UAX #9
/// and the Default_Ignorable_Code_Point property, the part that is not used in words).
const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}'
        | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_record_cannot_look_like_two_or_steer_a_terminal() {
        assert_eq!(clean("a\nb\u{1b}[31m\u{202E}c", 100), "a\\u{a}b\\u{1b}[31m\\u{202e}c");
        assert_eq!(clean("ééé", 4), "éé…");
    }

    #[test]
    fn a_flood_is_dropped_and_counted_in_the_next_record() {
        let start = Timestamp::from_millis(0);
        let mut meter = LogMeter::new(start);
        let burst = limits::LOG_BURST as usize;
        let passed = (0..burst + 7).filter(|_| meter.admit(start, LogLevel::Info, "x", Vec::new()).is_some()).count();
        assert_eq!((passed, meter.dropped()), (burst, 7));
        let later = start.plus(Duration::from_secs(1));
        let next = meter.admit(later, LogLevel::Info, "y", Vec::new()).unwrap();
        assert_eq!(next.fields, [("dropped".to_owned(), "7".to_owned())]);
    }
}
