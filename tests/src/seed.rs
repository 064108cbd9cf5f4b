//! Randomness that can be had again: a run prints its seed, and `TROUPE_SEED` repeats it.

use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use troupe_core::{Entropy as _, SystemEntropy};

/// Returns a generator and prints its seed.
pub fn seeded(what: &str) -> StdRng {
    let seed = std::env::var("TROUPE_SEED").ok().map(|seed| seed.parse().expect("TROUPE_SEED is a number"));
    let seed = seed.unwrap_or_else(|| {
        let mut random = [0; 8];
        SystemEntropy.fill(&mut random);
        u64::from_le_bytes(random)
    });
    println!("{what}: TROUPE_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// Returns for how many seconds each fuzz target runs: `TROUPE_FUZZ_SECONDS`, or 3.
pub fn fuzz_seconds() -> u64 {
    std::env::var("TROUPE_FUZZ_SECONDS").map_or(3, |time| time.parse().expect("TROUPE_FUZZ_SECONDS is a number"))
}

/// Returns how many invocations the replay suite records: `TROUPE_REPLAYS`, or 200.
pub fn replays() -> usize {
    std::env::var("TROUPE_REPLAYS").map_or(200, |count| count.parse().expect("TROUPE_REPLAYS is a number"))
}

/// Returns how many times as much as in a quick run comes of what a hostile case does over and over:
/// `TROUPE_FLOODS`, or 1.
pub fn floods() -> usize {
    std::env::var("TROUPE_FLOODS").map_or(1, |floods| floods.parse().expect("TROUPE_FLOODS is a number"))
}

/// Returns how often a host is killed in each fault suite: `TROUPE_KILLS`, or 12.
pub fn kills() -> usize {
    std::env::var("TROUPE_KILLS").map_or(12, |kills| kills.parse().expect("TROUPE_KILLS is a number"))
}

/// Returns how often a host whose database is on PostgreSQL is killed in each: a third of that, for it is the
/// same host, and what differs is what the server still commits of one that is dead.
pub fn kills_on_postgres() -> usize {
    kills().div_ceil(3)
}

/// Returns for how long one of three hosts is killed every five seconds: `TROUPE_KILL_PROOF` seconds, if that is set.
pub fn kill_proof() -> Option<Duration> {
    let time = std::env::var("TROUPE_KILL_PROOF").ok()?;
    Some(Duration::from_secs(time.parse().expect("TROUPE_KILL_PROOF is a number")))
}

/// Returns how many swaps are made under load: `TROUPE_SWAPS`, or 100.
pub fn swaps() -> usize {
    std::env::var("TROUPE_SWAPS").map_or(100, |swaps| swaps.parse().expect("TROUPE_SWAPS is a number"))
}

/// Returns how many resources a large account holds: `TROUPE_RESOURCES`, or 20,000.
pub fn resources() -> usize {
    std::env::var("TROUPE_RESOURCES").map_or(20_000, |count| count.parse().expect("TROUPE_RESOURCES is a number"))
}
