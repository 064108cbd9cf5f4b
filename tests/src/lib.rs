//! The harness of the suites: guests, hosts as processes, clients.
//!
//! *Holds:* building the guests once a run, starting and killing hosts, a client of the
//! API, running commands, what makes answers comparable, the search for secrets, and the
//! fuzz targets.
//! *Never holds:* a rule of Troupe: the suites say what is right.
//! *Start at:* [`host::Host`] for a host of one's own, [`guests`] for what runs on it.
//! *Tested by:* every suite in `tests/suites/`.

pub mod adverse;
pub mod archive;
pub mod blobs;
pub mod canary;
pub mod client;
pub mod command;
pub mod crowded;
pub mod endless;
pub mod events;
pub mod fuzz;
pub mod grpc;
pub mod guests;
pub mod hook;
pub mod host;
pub mod identity;
pub mod moto;
pub mod nowhere;
pub mod odd;
pub mod oracle;
pub mod plugin;
#[cfg(target_os = "linux")]
pub mod processes;
pub mod redact;
pub mod registry;
pub mod relay;
pub mod seed;
pub mod server;
pub mod service;
pub mod shared;
pub mod socket;
pub mod template;
pub mod tls;

use std::path::PathBuf;

pub use client::{Answer, Client};
pub use guests::{Guest, guests};
pub use host::Host;
pub use nowhere::nowhere_in;
pub use redact::{redacted, redacted_json};

/// Returns the root of the repository.
pub fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Returns the directory that the builds of guests and what is made of them go to.
pub fn guests_dir() -> PathBuf {
    root().join("target").join("guests")
}
