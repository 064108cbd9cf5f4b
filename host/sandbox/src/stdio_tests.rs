use troupe_core::clock::ManualClock;
use troupe_core::{Effect, Grants, Timestamp};

use super::*;
use crate::clock::GuestClock;
use crate::gate::{Gate, References};
use crate::port::{LogOrigin, LogRecord, NoLedger, Observer};

#[derive(Default)]
struct Seen(Mutex<Vec<LogRecord>>);

impl Observer for Seen {
    fn log(&self, record: LogRecord) {
        self.0.lock().unwrap().push(record);
    }
    fn progress(&self, _number: u64, _progress: troupe_core::view::Progress) {}
    fn partial(&self, _number: u64, _part: String) {}
}

impl Seen {
    fn messages(&self, origin: LogOrigin) -> Vec<String> {
        let records = self.0.lock().unwrap();
        records.iter().filter(|record| record.origin == origin).map(|record| record.message.clone()).collect()
    }
}

/// A stream whose time stands still.
fn stream() -> (LineStream, Arc<Seen>) {
    let start = Timestamp::from_millis(0);
    let clock = Arc::new(ManualClock::new(start));
    let (guest_clock, references) = (GuestClock::new(start), References::new([0; 32]));
    let gate =
        Gate::new(Grants::default().into(), Effect::Read, Box::new(NoLedger), clock, guest_clock, references, None);
    let seen = Arc::new(Seen::default());
    (LineStream::new(LogLevel::Info, Log::new(gate, seen.clone())), seen)
}

#[test]
fn lines_are_records_whatever_the_pieces() {
    let (mut stream, seen) = stream();
    for piece in ["one\ntw", "", "o\n\nthree"] {
        stream.write(piece.into()).unwrap();
    }
    assert_eq!(seen.messages(LogOrigin::Guest), ["one", "two", ""]);
    stream.finish();
    assert_eq!(seen.messages(LogOrigin::Guest), ["one", "two", "", "three"]);
}

#[test]
fn a_flood_without_an_end_of_line_holds_one_bounded_line() {
    let (mut stream, seen) = stream();
    for _ in 0..200 {
        stream.write(vec![b'x'; WRITE_BYTES_MAX].into()).unwrap();
    }
    assert!(stream.state.lock().unwrap().line.len() <= limits::LOG_MESSAGE_BYTES_MAX + 1);
    assert_eq!(seen.messages(LogOrigin::Guest).len(), 0);
    assert_eq!(seen.messages(LogOrigin::Host), ["the agent has printed 4 MiB; what it prints from here on is dropped"]);
}

#[test]
fn a_secret_that_lies_across_the_end_of_a_long_line_is_not_cut_in_two() {
    let (mut stream, seen) = stream();
    stream.log.injected().add(&Arc::new(troupe_egress::Scrubber::new([&b"open-sesame"[..]]).unwrap()));
    for before in [limits::LOG_MESSAGE_BYTES_MAX - 5, limits::LOG_MESSAGE_BYTES_MAX, 100] {
        let line = format!("{}open-sesame{}\n", "x".repeat(before), "y".repeat(100));
        stream.write(line.into()).unwrap();
    }
    let lines = seen.messages(LogOrigin::Guest);
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|line| !line.contains("open")), "{lines:?}");
    assert!(lines[2].ends_with(&format!("[redacted]{}", "y".repeat(100))));
}

#[test]
fn a_flood_of_lines_is_bounded_and_the_rest_is_counted() {
    let (mut stream, seen) = stream();
    for _ in 0..200 {
        stream.write(vec![b'\n'; WRITE_BYTES_MAX].into()).unwrap();
    }
    stream.finish();
    stream.log.finish();
    assert_eq!(seen.messages(LogOrigin::Guest).len(), limits::LOG_BURST as usize);
    let dropped = seen.0.lock().unwrap().iter().map(|record| record.dropped).sum::<u64>();
    assert_eq!(dropped, (limits::PRINTED_BYTES_MAX - limits::LOG_BURST as usize) as u64);
}

#[test]
fn a_write_beyond_what_was_allowed_traps() {
    let (mut stream, seen) = stream();
    let Err(StreamError::Trap(error)) = stream.write(vec![b'\n'; WRITE_BYTES_MAX + 1].into()) else {
        panic!("it was taken")
    };
    assert_eq!(error.downcast_ref::<Error>().unwrap().code, Code::LimitTransfer);
    assert!(seen.messages(LogOrigin::Guest).is_empty());
}
