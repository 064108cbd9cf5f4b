//! What bounds hooks, by which events come into the host.

use std::time::Duration;

/// Hooks of one tenant.
pub const HOOKS_MAX: u64 = 100;
/// How far the time at which a message says that it was sent may be from that of the host, as the specification
/// of Standard Webhooks recommends. What came before is known by its id for far longer.
pub const HOOK_WINDOW: Duration = Duration::from_secs(300);
/// Messages that a hook takes in a burst before anything of them is looked at; those to paths that are no hook's
/// have as much together.
pub const HOOK_BURST: u32 = 100;
/// Messages that it takes in a second after that: far more than one sender commonly has, and a small part of
/// what the host serves.
pub const HOOK_PER_SECOND: u32 = 20;
/// Longest name of a header that bears a signature, and longest text before the signature in it, in characters.
pub const HOOK_HEADER_CHARS_MAX: usize = 64;
