//! What the simulated world is made of.

use std::collections::{BTreeMap, BTreeSet};

use troupe_core::view::{SwapPolicy, SwapState};

pub(super) type Release = u64;
pub(super) type Id = u64;

/// One row of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) epoch: u64,
    pub(super) serving: Release,
    pub(super) candidate: Option<(Release, u8, Id)>,
    /// The copy of state in use.
    pub(super) generation: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Swap {
    pub(super) from: Release,
    pub(super) to: Release,
    pub(super) policy: SwapPolicy,
    pub(super) state: SwapState,
}

/// What outlives the host.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    pub(super) row: Row,
    pub(super) swaps: BTreeMap<Id, Swap>,
    /// Suspended tasks.
    pub(super) suspended: Vec<Attempt>,
    /// Releases whose retirement is recorded, and which have not served since.
    pub(super) retired: BTreeSet<Release>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    pub(super) release: Release,
    /// Whether it was suspended, so that no drain waits for it.
    pub(super) parked: bool,
    /// The copy of state it works on.
    pub(super) generation: u64,
}

/// What a caller has seen.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    pub(super) epoch: u64,
    /// The last swap whose candidate answered.
    pub(super) candidate_of: Option<Id>,
}

/// What came to pass, to see that the schedules reach everything.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    pub(super) crashes: u64,
    pub(super) outcomes: [u64; 9],
    pub(super) waits: u64,
    pub(super) conflicts: u64,
    pub(super) migrations: u64,
}
