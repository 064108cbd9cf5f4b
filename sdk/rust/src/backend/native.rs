//! Calls served by the test host of the calling thread.

use std::time::{Duration, SystemTime};

use crate::CapabilityError;
use crate::files::{Item, Piece, Stat};
use crate::http::{Head, HttpError, Request};
use crate::log::Level;
use crate::state::{Entry, Space};
use crate::test::http::Sent;
use crate::test::state::State;
use crate::test::timers::Timer;
use crate::test::world::{Record, Report, with};

pub(crate) use crate::test::agents::{AskedTask, ask_agent, children, find_child};
pub(crate) use crate::test::approvals::{AskedApproval, ask_approval};
pub use crate::test::artifacts::{ArtifactWriter, create_artifact};
pub use crate::test::http::Body;
pub(crate) use crate::test::locks::{HeldLock, lock_acquire, state_fenced};
pub use crate::test::timers::deliver;

pub fn publish_event(topic: &str, data: &str, options: &str) -> Result<u64, CapabilityError> {
    with(|world| world.events.publish(topic, data, options))
}

pub fn tenant() -> String {
    with(|world| world.tenant.clone())
}

pub fn session() -> Option<String> {
    with(|world| world.session.clone())
}

pub fn instance() -> Option<String> {
    with(|world| world.instance.clone())
}

pub fn user() -> Option<String> {
    with(|world| world.user.clone())
}

pub fn trace() -> String {
    with(|world| world.trace.clone())
}

pub fn attempt() -> u32 {
    with(|world| world.attempt)
}

pub fn cancelled() -> bool {
    with(|world| world.cancelled)
}

pub fn deadline() -> u64 {
    with(|world| world.deadline_ms)
}

pub fn configuration() -> String {
    with(|world| world.configuration.to_string())
}

pub fn write_log(level: Level, message: &str, fields: &[(String, String)]) {
    with(|world| world.records.push(Record { level, message: message.to_owned(), fields: fields.to_vec() }));
}

pub fn report(fraction: Option<f64>, message: &str) {
    with(|world| world.reports.push(Report { fraction, message: message.to_owned() }));
}

pub fn partial(output: &str) {
    // The text was written by serde_json, which reads what it writes.
    with(|world| world.partials.extend(serde_json::from_str(output)));
}

pub fn secret_reference(name: &str) -> Result<String, CapabilityError> {
    with(|world| world.secrets.reference(name))
}

/// Looks at the keys of a space, or changes them, at the time that it is.
fn keys<T>(
    space: Space,
    look: impl FnOnce(&mut State, SystemTime) -> Result<T, CapabilityError>,
) -> Result<T, CapabilityError> {
    with(|world| {
        let now = world.timers.now();
        look(world.keys(space)?, now)
    })
}

pub fn state_get(space: Space, key: &str) -> Result<Option<Entry>, CapabilityError> {
    keys(space, |state, now| state.get(key, now))
}

pub fn state_set(space: Space, key: &str, value: &[u8]) -> Result<u64, CapabilityError> {
    keys(space, |state, now| state.set_with_ttl(key, value, None, now))
}

pub fn state_compare_and_set(
    space: Space,
    key: &str,
    expected: Option<u64>,
    value: &[u8],
) -> Result<u64, CapabilityError> {
    keys(space, |state, now| state.compare_and_set(key, expected, value, None, now))
}

pub fn state_set_with_ttl(space: Space, key: &str, value: &[u8], ttl_ms: u64) -> Result<u64, CapabilityError> {
    keys(space, |state, now| state.set_with_ttl(key, value, Some(ttl_ms), now))
}

pub fn state_compare_and_set_with_ttl(
    space: Space,
    key: &str,
    expected: Option<u64>,
    value: &[u8],
    ttl_ms: u64,
) -> Result<u64, CapabilityError> {
    keys(space, |state, now| state.compare_and_set(key, expected, value, Some(ttl_ms), now))
}

pub fn state_increment(space: Space, key: &str, delta: i64) -> Result<i64, CapabilityError> {
    keys(space, |state, now| state.increment(key, delta, now))
}

pub fn state_expire(space: Space, key: &str, ttl_ms: Option<u64>) -> Result<bool, CapabilityError> {
    keys(space, |state, now| state.expire(key, ttl_ms, now))
}

pub fn state_delete(space: Space, key: &str) -> Result<bool, CapabilityError> {
    keys(space, |state, now| state.delete(key, now))
}

pub fn state_list_keys(
    space: Space,
    prefix: &str,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<String>, CapabilityError> {
    keys(space, |state, now| state.list_keys((prefix, after), limit, now))
}

pub fn files_read(directory: &str, path: &str, offset: u64, length: u32) -> Result<Option<Piece>, CapabilityError> {
    with(|world| world.files.read(directory, path, offset, length))
}

pub fn files_write(directory: &str, path: &str, bytes: &[u8]) -> Result<(), CapabilityError> {
    with(|world| world.files.write(directory, path, bytes, world.timers.now()))
}

pub fn files_stat(directory: &str, path: &str) -> Result<Option<Stat>, CapabilityError> {
    with(|world| world.files.stat(directory, path, world.timers.now()))
}

pub fn files_list(
    directory: &str,
    path: &str,
    after: Option<&str>,
    limit: u32,
) -> Result<Option<Vec<Item>>, CapabilityError> {
    with(|world| world.files.list(directory, path, after, limit))
}

pub fn files_delete(directory: &str, path: &str) -> Result<bool, CapabilityError> {
    with(|world| world.files.delete(directory, path))
}

pub fn now() -> SystemTime {
    with(|world| world.timers.now())
}

pub fn sleep(time: Duration) -> impl Future<Output = ()> {
    Timer::new(time)
}

pub fn random() -> u64 {
    with(|world| world.randomness.next())
}

pub async fn http_open(request: Request) -> Result<(Head, Body), HttpError> {
    let exchange = Sent::of(request)?.exchange();
    exchange.answered().await
}
