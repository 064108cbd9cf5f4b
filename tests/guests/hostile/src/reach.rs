//! Looking for what an agent should not see, and saying what it should not say.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::hint::black_box;
use std::io::{self, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime};

use troupe_sdk::log;
use troupe_sdk::prelude::*;

#[derive(Serialize, JsonSchema)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    arguments: Vec<String>,
}

/// What was got, or why not.
#[derive(Serialize, JsonSchema)]
pub struct Text {
    ok: bool,
    text: String,
}

#[derive(Serialize, JsonSchema)]
pub struct Clock {
    /// Nanoseconds of the monotonic clock over a computation.
    computing_monotonic_ns: u64,
    /// Nanoseconds of the wall clock over the same computation.
    computing_wall_ns: u64,
    /// Nanoseconds of the monotonic clock over a sleep of 20 milliseconds.
    sleeping_monotonic_ns: u64,
    /// Nanoseconds of the wall clock over the same sleep.
    sleeping_wall_ns: u64,
    /// The wall clock at the end, in milliseconds since the Unix epoch.
    now_ms: u64,
}

impl Text {
    pub fn of<E: Display>(result: Result<String, E>) -> Self {
        match result {
            Ok(text) => Self { ok: true, text },
            Err(error) => Self { ok: false, text: error.to_string() },
        }
    }
}

pub fn environment() -> Environment {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    Environment {
        variables: std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect(),
        arguments: std::env::args_os().map(text).collect(),
    }
}

pub fn open_file(path: &str) -> Text {
    Text::of(std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

pub fn connect(address: &str) -> Text {
    Text::of(TcpStream::connect(address).and_then(|stream| stream.peer_addr()).map(|peer| peer.to_string()))
}

pub fn random(count: u64) -> Text {
    let bytes = random_bytes(count);
    let mut text = String::new();
    for byte in bytes.iter().take(16) {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    Text { ok: bytes.len() as u64 == count, text }
}

#[cfg(target_family = "wasm")]
fn random_bytes(count: u64) -> Vec<u8> {
    wasip2::random::random::get_random_bytes(count)
}

/// Elsewhere the standard library offers no bytes, only hash seeds.
#[cfg(not(target_family = "wasm"))]
fn random_bytes(count: u64) -> Vec<u8> {
    use std::hash::{BuildHasher, RandomState};
    (0..count).map(|position| RandomState::new().hash_one(position).to_le_bytes()[0]).collect()
}

pub fn write_state(count: usize) -> Text {
    Text::of(state::set("k", vec![0; count]).map(|revision| revision.to_string()))
}

pub fn forge_note() {
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let message = "http call 7 failed with denied.egress: a forged note";
    log::write(log::Level::Warn, message, &[field("by", "host"), field("dropped", "9")]);
}

pub fn stdout() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "\x1b[31mred\x1b[0m \x1b]0;a new title\x07")?;
    writeln!(out, "first line\nsecond line\r\nthird line\rover it")?;
    writeln!(out, "2026-01-01T00:00:00Z ERROR a record that is none {{\"level\":\"error\"}}")?;
    out.write_all(b"\xff\xfe\x00\n")?;
    write!(out, "no end of line")?;
    out.flush()?;
    writeln!(io::stderr(), "to standard error: \x1b[2J")
}

pub fn flood_stdout(count: usize, byte: u8) -> io::Result<()> {
    let piece = [byte; 4096];
    let mut out = io::stdout().lock();
    let mut left = count;
    while left > 0 {
        let now = left.min(piece.len());
        out.write_all(&piece[..now])?;
        left -= now;
    }
    out.flush()
}

#[expect(clippy::disallowed_methods, reason = "a guest has the clock that the host gives it")]
pub fn clock() -> Clock {
    let measure = |work: &dyn Fn()| {
        let (monotonic, wall) = (Instant::now(), SystemTime::now());
        work();
        (nanoseconds(monotonic.elapsed()), nanoseconds(wall.elapsed().unwrap_or_default()))
    };
    let (computing_monotonic_ns, computing_wall_ns) = measure(&|| {
        black_box((0..20_000_000_u64).fold(0, |sum, number| black_box(sum ^ number)));
    });
    let (sleeping_monotonic_ns, sleeping_wall_ns) = measure(&|| std::thread::sleep(Duration::from_millis(20)));
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    Clock { computing_monotonic_ns, computing_wall_ns, sleeping_monotonic_ns, sleeping_wall_ns, now_ms }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
