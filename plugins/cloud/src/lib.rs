//! What agents have in common that ask clouds whose APIs speak JSON over REST.
//!
//! *Holds:* a [`Client`] that asks in turn and with patience ([`Asking`]), what an error means ([`Fault`]), lists that come in
//! pages ([`each_page`]), what was found beside what could not be looked at ([`Found`]), many entries within bounds
//! of memory ([`Kept`]), how long to look ([`Budget`]) and how far it is ([`Steps`]); and for agents that look at what
//! others found, where that is told ([`source`]).
//! *Never holds:* an address of a cloud, a type of its resources, a credential: those are the agents' and the host's.
//! *Start at:* `README.md` for how it goes together, then [`Client`].
//! *Tested by:* the tests beside the code and `plugins/cloud/tests`, natively.

mod budget;
mod client;
mod found;
mod kept;
mod pages;
pub mod source;
mod steps;
mod vendor;

pub use budget::Budget;
pub use client::{ANSWERS_BYTES_MAX, Asking, Client, Fault, Faults, SILENT, SPENT, silence, transport};
pub use found::{Asked, Found, Told};
pub use kept::{INLINE_BYTES_MAX, Kept, KeptAll, json_bytes};
pub use pages::{Next, each_page};
pub use steps::Steps;
pub use vendor::Cloud;

/// The README's example, compiled and run as a documentation test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Guide;
