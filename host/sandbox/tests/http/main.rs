//! Requests of a guest, against servers on the loopback interface.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking, and so do its helpers"
)]

mod aws;
mod budget;
mod journal;
mod limits;
mod reach;
mod redirect;
mod replay;
mod retry;
mod secrets;
mod server;
mod support;
mod suspend;
