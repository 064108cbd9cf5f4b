//! Taking without end.

use std::hint::black_box;
use std::time::{Duration, Instant};

use troupe_sdk::{log, progress};

const MEGABYTE: usize = 1024 * 1024;

pub fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Fills a new piece of memory, so that it is used and not only promised.
fn fill(piece: &mut Vec<u8>) {
    piece.resize(MEGABYTE, 0xA5);
    black_box(piece);
}

pub fn grow() -> ! {
    let mut pieces = Vec::new();
    loop {
        let mut piece = Vec::with_capacity(MEGABYTE);
        fill(&mut piece);
        pieces.push(piece);
    }
}

pub fn grow_gently() -> usize {
    let mut pieces = Vec::new();
    loop {
        let mut piece = Vec::new();
        if piece.try_reserve_exact(MEGABYTE).is_err() || pieces.try_reserve(1).is_err() {
            return pieces.len() * MEGABYTE;
        }
        fill(&mut piece);
        pieces.push(piece);
    }
}

/// The work after the call keeps it from becoming a loop; `black_box` keeps it from being
/// seen through.
#[inline(never)]
#[expect(unconditional_recursion, reason = "that it never ends is the point")]
pub fn recurse(depth: u64) -> u64 {
    let deeper = recurse(black_box(depth + 1));
    black_box(deeper) ^ depth
}

/// Whether a text is one or more of one or more `a`, and then `b`: the number of ways to try
/// doubles with each `a` when there is no `b`.
pub fn backtrack(text: &[u8]) -> bool {
    let run = text.iter().take_while(|byte| **byte == b'a').count();
    (1..=run).rev().any(|length| {
        let rest = &text[length..];
        rest == b"b" || backtrack(black_box(rest))
    })
}

pub fn trap() -> ! {
    #[cfg(target_family = "wasm")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_family = "wasm"))]
    std::process::abort()
}

pub fn flood_progress() -> u32 {
    const ROUNDS: u32 = 25;
    const REPORTS: u32 = 400;
    for round in 0..ROUNDS {
        std::thread::sleep(Duration::from_millis(40));
        for report in 1..=REPORTS {
            let number = round * REPORTS + report;
            progress::report(f64::from(number) / f64::from(ROUNDS * REPORTS), format!("report {number}"));
        }
    }
    ROUNDS * REPORTS
}

pub fn flood_log() -> usize {
    const RECORDS: usize = 100_000;
    let text = "x".repeat(1024);
    for record in 0..RECORDS {
        log::info!("{text}", record = record);
    }
    RECORDS
}

pub fn flood_log_bytes() -> usize {
    const RECORDS: usize = 1_000;
    let text = "y".repeat(8 * 1024);
    let fields: Vec<_> = (0..32).map(|number| (format!("field{number}"), text.clone())).collect();
    for _ in 0..RECORDS {
        log::write(log::Level::Info, &text, &fields);
    }
    RECORDS
}

#[cfg(target_family = "wasm")]
pub fn print_at_once(count: usize) {
    let stdout = wasip2::cli::stdout::get_stdout();
    // A host that takes it answers; one that does not ends the program.
    let _ = stdout.write(&vec![b'\n'; count]);
}

/// Elsewhere nobody allows a write beforehand.
#[cfg(not(target_family = "wasm"))]
pub fn print_at_once(count: usize) {
    println!("{}", "\n".repeat(count));
}

pub fn host_calls() -> ! {
    let start = Instant::now();
    loop {
        black_box(start.elapsed());
    }
}

pub fn handles() -> ! {
    loop {
        handle();
    }
}

/// Takes one handle and forgets it.
#[cfg(target_family = "wasm")]
fn handle() {
    let hour = u64::try_from(Duration::from_secs(3600).as_nanos()).unwrap_or(u64::MAX);
    std::mem::forget(wasip2::clocks::monotonic_clock::subscribe_duration(hour));
}

/// There are no handles elsewhere.
#[cfg(not(target_family = "wasm"))]
fn handle() {
    std::thread::sleep(Duration::from_secs(3600));
}
