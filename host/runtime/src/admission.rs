//! Admission: the first time anything looks inside a component.
//!
//! The attack: a component made to exhaust or break the compiler. Compile time is the
//! embedder's own risk (wasmtime's security policy says so), so the host does this in a
//! child process that holds no file, no secret and no connection, gets bounded memory
//! and time, and says what it found on its standard output. Few are at work at once
//! (`pool.rs`).

mod child;
mod pool;
mod process;

use async_trait::async_trait;
use troupe_core::Result;

pub use child::{check, child_main};
pub(crate) use pool::Pool;
pub use process::ChildAdmission;

/// What admission found out about a component.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// What its `describe` answered.
    pub profile: String,
    /// The machine code that this host's compiler made of it.
    pub code: Vec<u8>,
}

/// Something that can look inside a component.
#[async_trait]
pub trait Admission: Send + Sync + std::fmt::Debug {
    /// Validates, compiles and describes a component.
    ///
    /// # Errors
    /// The codes `artifact.*`, each naming what is wrong.
    async fn admit(&self, component: Vec<u8>) -> Result<Admitted>;
}
