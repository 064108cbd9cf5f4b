//! Swaps: from a published release to one that serves, with proof at each step.
//!
//! `machine.rs` says what follows from what, and draws it; it knows no store and no clock.
//! `driver.rs` does the work of each state (`work.rs`, `observe.rs`) and makes what follows
//! durable together with the route; `room.rs` sees to it that no more than two releases of a
//! deployment live, and three while one is tried. `judge.rs` tells whether a release is worse
//! than another, from what `tally.rs` remembers of their calls. `affinity.rs` shares calls out.
//! `form.rs` says what becomes of state, and `migration.rs` brings it to another form.
//! `start.rs` is where operators come in, `standing.rs` what they said before, `query.rs` where they look, `told.rs` what the audit holds.
//!
//! A swap whose policy asks for nothing goes through the machine in memory, and its only
//! commit before its answer is that of the route.

pub(crate) mod affinity;
mod driver;
mod form;
mod judge;
mod live;
mod machine;
mod migration;
mod observe;
mod policy;
mod query;
mod rehearse;
mod room;
mod route_move;
mod standing;
mod start;
mod tally;
mod told;
mod work;

#[cfg(test)]
mod machine_tests;
#[cfg(test)]
mod seeded;
#[cfg(test)]
mod simulator;

pub use query::{SwapEvent, SwapEvents};
pub use start::Begun;

pub(crate) use form::reads_all;
pub(crate) use judge::Observation;
pub(crate) use live::Swaps;
pub(crate) use start::drain_time;
pub(crate) use tally::Tally;
pub(crate) use work::expire_late;
