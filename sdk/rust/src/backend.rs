//! The one seam between the SDK and whoever serves its calls.
//!
//! On wasm that is the host, through the imports of `wit/`. Elsewhere it is the test host
//! of this thread ([`crate::test`]), so that an agent's skills run in plain unit tests.
//! Both files offer the same functions with the SDK's own types; nothing else in the
//! crate knows which one is there.

#[cfg(not(target_family = "wasm"))]
#[path = "backend/native.rs"]
mod served;
#[cfg(target_family = "wasm")]
#[path = "backend/wasm.rs"]
mod served;

pub use served::*;
