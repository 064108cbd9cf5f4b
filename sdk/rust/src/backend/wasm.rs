//! Calls served by the host, through the imports of `wit/`.

#[path = "wasm/agents.rs"]
mod agents;
#[path = "wasm/approvals.rs"]
mod approvals;
#[path = "wasm/artifacts.rs"]
mod artifacts;
#[path = "wasm/http.rs"]
mod http;
#[path = "wasm/locks.rs"]
mod locks;
#[path = "wasm/reactor.rs"]
mod reactor;

use std::time::{Duration, SystemTime};

use crate::bindings::troupe::agent as wit;
use crate::files::{Item, Kind, Piece, Stat};
use crate::log::Level;
use crate::state::{Entry, Space};
use crate::{CapabilityError, Limit, Problem, Unavailable};

pub(crate) use agents::{AskedTask, ask_agent, children, find_child};
pub(crate) use approvals::{AskedApproval, ask_approval};
pub use artifacts::{ArtifactWriter, create_artifact};
pub use http::{Body, http_open};
pub(crate) use locks::{HeldLock, lock_acquire, state_fenced};
pub use reactor::deliver;
pub use wit::invocation::{attempt, cancelled, configuration, deadline, instance, session, tenant, trace, user};
pub use wit::progress::{partial, report};

pub fn write_log(level: Level, message: &str, fields: &[(String, String)]) {
    let level = match level {
        Level::Trace => wit::log::Level::Trace,
        Level::Debug => wit::log::Level::Debug,
        Level::Info => wit::log::Level::Info,
        Level::Warn => wit::log::Level::Warn,
        Level::Error => wit::log::Level::Error,
    };
    wit::log::write(level, message, fields);
}

pub fn secret_reference(name: &str) -> Result<String, CapabilityError> {
    Ok(wit::secrets::reference(name)?)
}

/// Calls a function in the interface of a key space.
macro_rules! at {
    ($space:expr, $function:ident($($argument:expr),*)) => {
        match $space {
            Space::Deployment => wit::state::$function($($argument),*)?,
            Space::Instance => wit::instance_state::$function($($argument),*)?,
        }
    };
}

pub fn state_get(space: Space, key: &str) -> Result<Option<Entry>, CapabilityError> {
    let entry = at!(space, get(key));
    Ok(entry.map(|entry| Entry { value: entry.value, revision: entry.revision }))
}

pub fn state_set(space: Space, key: &str, value: &[u8]) -> Result<u64, CapabilityError> {
    Ok(at!(space, set(key, value)))
}

pub fn state_compare_and_set(
    space: Space,
    key: &str,
    expected: Option<u64>,
    value: &[u8],
) -> Result<u64, CapabilityError> {
    Ok(at!(space, compare_and_set(key, expected, value)))
}

pub fn state_set_with_ttl(space: Space, key: &str, value: &[u8], ttl_ms: u64) -> Result<u64, CapabilityError> {
    Ok(at!(space, set_with_ttl(key, value, ttl_ms)))
}

pub fn state_compare_and_set_with_ttl(
    space: Space,
    key: &str,
    expected: Option<u64>,
    value: &[u8],
    ttl_ms: u64,
) -> Result<u64, CapabilityError> {
    Ok(at!(space, compare_and_set_with_ttl(key, expected, value, ttl_ms)))
}

pub fn state_increment(space: Space, key: &str, delta: i64) -> Result<i64, CapabilityError> {
    Ok(at!(space, increment(key, delta)))
}

pub fn state_expire(space: Space, key: &str, ttl_ms: Option<u64>) -> Result<bool, CapabilityError> {
    Ok(at!(space, expire(key, ttl_ms)))
}

pub fn state_delete(space: Space, key: &str) -> Result<bool, CapabilityError> {
    Ok(at!(space, delete(key)))
}

pub fn state_list_keys(
    space: Space,
    prefix: &str,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<String>, CapabilityError> {
    Ok(at!(space, list_keys(prefix, after, limit)))
}

pub fn files_read(directory: &str, path: &str, offset: u64, length: u32) -> Result<Option<Piece>, CapabilityError> {
    let piece = wit::files::read(directory, path, offset, length)?;
    Ok(piece.map(|piece| Piece { bytes: piece.bytes, size: piece.size, version: piece.version }))
}

pub fn files_write(directory: &str, path: &str, bytes: &[u8]) -> Result<(), CapabilityError> {
    Ok(wit::files::write(directory, path, bytes)?)
}

pub fn files_stat(directory: &str, path: &str) -> Result<Option<Stat>, CapabilityError> {
    let stat = wit::files::stat(directory, path)?;
    Ok(stat.map(|stat| Stat {
        kind: kind(stat.kind),
        size: stat.size,
        modified: at(stat.modified),
        version: stat.version,
    }))
}

pub fn files_list(
    directory: &str,
    path: &str,
    after: Option<&str>,
    limit: u32,
) -> Result<Option<Vec<Item>>, CapabilityError> {
    let items = wit::files::list_directory(directory, path, after, limit)?;
    let item = |item: wit::files::Item| Item { name: item.name, kind: kind(item.kind), size: item.size };
    Ok(items.map(|items| items.into_iter().map(item).collect()))
}

pub fn files_delete(directory: &str, path: &str) -> Result<bool, CapabilityError> {
    Ok(wit::files::delete(directory, path)?)
}

pub fn publish_event(topic: &str, data: &str, options: &str) -> Result<u64, CapabilityError> {
    Ok(wit::events::publish(topic, data, options)?)
}

/// The code of a call that was refused since the task was cancelled.
const CANCELLED: &str = "cancelled";

const fn kind(kind: wit::files::Kind) -> Kind {
    match kind {
        wit::files::Kind::File => Kind::File,
        wit::files::Kind::Directory => Kind::Directory,
    }
}

/// The time of some milliseconds since the epoch; the epoch itself where this machine has no
/// such time.
fn at(ms: i64) -> SystemTime {
    let distance = Duration::from_millis(ms.unsigned_abs());
    let epoch = SystemTime::UNIX_EPOCH;
    let time = if ms < 0 { epoch.checked_sub(distance) } else { epoch.checked_add(distance) };
    time.unwrap_or(epoch)
}

pub fn now() -> SystemTime {
    let now = wasip2::clocks::wall_clock::now();
    SystemTime::UNIX_EPOCH + Duration::new(now.seconds, now.nanoseconds)
}

pub fn sleep(time: Duration) -> impl Future<Output = ()> {
    let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    reactor::Delivered::new(wasip2::clocks::monotonic_clock::subscribe_duration(nanoseconds))
}

pub fn random() -> u64 {
    wasip2::random::random::get_random_u64()
}

impl From<wit::types::CapabilityError> for CapabilityError {
    fn from(error: wit::types::CapabilityError) -> Self {
        use wit::types::CapabilityError as Wit;
        match error {
            Wit::Denied(problem) => {
                let problem = Problem::from(problem);
                if problem.code() == Some(CANCELLED) { Self::Cancelled(problem) } else { Self::Denied(problem) }
            }
            Wit::Limit(limit) => {
                Self::Limit(Limit { code: limit.code, maximum: limit.maximum, message: limit.message })
            }
            Wit::Invalid(problem) => Self::Invalid(problem.into()),
            Wit::Conflict(revision) => Self::Conflict(revision),
            Wit::Unavailable(unavailable) => Self::Unavailable(Unavailable {
                message: unavailable.message,
                retry_after: unavailable.retry_after_ms.map(Duration::from_millis),
            }),
        }
    }
}

impl From<wit::types::Problem> for Problem {
    fn from(problem: wit::types::Problem) -> Self {
        let details = problem.details.and_then(|text| serde_json::from_str(&text).ok());
        Self { message: problem.message, details }
    }
}
