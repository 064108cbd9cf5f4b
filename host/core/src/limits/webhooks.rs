//! What bounds webhooks, by which events leave the host.

use std::time::Duration;

/// Webhooks of one tenant. All that a topic could fit are looked at whenever one is published.
pub const WEBHOOKS_MAX: u64 = 100;
/// Longest address of one, in bytes: what servers commonly take.
pub const WEBHOOK_URL_BYTES_MAX: usize = 2_048;
/// Events that a webhook has sent at once unless it says otherwise.
pub const WEBHOOK_PARALLEL_DEFAULT: u32 = 4;
/// The most that it may say: a quarter of what its tenant has handled at once.
pub const WEBHOOK_PARALLEL_MAX: u32 = 16;
/// How often an event is tried unless a webhook says otherwise; with the pauses below about two hours, which is
/// as long as somebody's deployment or outage lasts.
pub const WEBHOOK_TRIES_DEFAULT: u32 = 16;
/// The pause before the second try. It doubles up to that of any event.
pub const WEBHOOK_PAUSE_FIRST: Duration = Duration::from_secs(5);
/// How long a try may take, from the resolving of the name to the answer: what the specification recommends.
pub const WEBHOOK_TIME_MAX: Duration = Duration::from_secs(15);
/// For how long a host has a delivery to itself: several times as long as a try may take. One whose host died
/// is tried again after that.
pub const WEBHOOK_LEASE: Duration = Duration::from_secs(60);
/// Bytes of an answer that are read, of which nothing is looked at; more is cut off.
pub const WEBHOOK_ANSWER_BYTES_MAX: u64 = 16 * 1024;
/// For how long the secret before signs as well, unless a rotation says otherwise.
pub const WEBHOOK_OVERLAP_DEFAULT: Duration = Duration::from_secs(86_400);
/// The most that it may say.
pub const WEBHOOK_OVERLAP_MAX: Duration = Duration::from_secs(30 * 86_400);
