//! Components: whatever is published as one is refused with a code of its own and in words that can be shown, or
//! compiles and fits the contract.
//!
//! What is malformed is refused before anything is compiled, so most inputs cost little; the host compiles in a child
//! process with a bound on time and memory, and here inputs are short.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use troupe_core::{Code, SystemClock};
use troupe_sandbox::{Sandbox, SandboxConfig};

use super::is_visible;

/// Longest that one may take. The longest inputs take milliseconds on a machine that has nothing else to do.
const TIME_MAX: Duration = Duration::from_secs(30);

/// Longest message, in characters.
const MESSAGE_CHARS_MAX: usize = 4_000;

pub(super) fn component(data: &[u8]) -> bool {
    static SANDBOX: OnceLock<Sandbox> = OnceLock::new();
    let sandbox = SANDBOX.get_or_init(|| {
        let config = SandboxConfig { clock: Arc::new(SystemClock), places: 1, cache: None };
        Sandbox::new(config).expect("an engine")
    });
    let started = Instant::now();
    let compiled = sandbox.compile(data);
    assert!(started.elapsed() < TIME_MAX, "{:?} for {} bytes", started.elapsed(), data.len());
    let Err(error) = compiled else { return true };
    let known = [
        Code::ArtifactMalformed,
        Code::ArtifactWorld,
        Code::ArtifactWorldVersion,
        Code::ArtifactLimits,
        Code::ArtifactSize,
    ];
    assert!(known.contains(&error.code), "{error:?}");
    assert!(is_visible(&error.message) && error.message.chars().count() <= MESSAGE_CHARS_MAX, "{:?}", error.message);
    false
}
