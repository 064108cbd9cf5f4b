//! The one place with `unsafe`: turning compiled bytes into a component.
//!
//! Compiled bytes are machine code. They are trusted only when this host's own key says
//! that this host's own compiler made them: see `cache.rs`, the only caller.
#![expect(unsafe_code, reason = "wasmtime trusts compiled bytes; the caller has checked their MAC")]

use wasmtime::component::Component;
use wasmtime::{Engine, Result};

/// Proof that bytes carry this host's MAC; made by [`crate::cache`] alone.
pub(crate) struct Authentic<'a>(pub(super) &'a [u8]);

/// Loads compiled bytes.
pub(crate) fn load(engine: &Engine, compiled: &Authentic<'_>) -> Result<Component> {
    // SAFETY: `Authentic` is made only for bytes whose HMAC-SHA-256, under a key that
    // never leaves the data directory, matches; only our compiler's output is given one.
    unsafe { Component::deserialize(engine, compiled.0) }
}
