//! Searching this program's own memory for what it must not hold.
#![expect(unsafe_code, reason = "reading all of one's own memory is what a thief would do")]

use std::collections::HashSet;

const PIECE_BYTES: usize = 8;
const PAGE_BYTES: usize = 64 * 1024;

/// Tells how many of the pieces, given as hashes, stand somewhere in memory. The hashes
/// give nothing away, so that what is found was not put there by the question.
pub fn search(pieces: &[String]) -> usize {
    let wanted: HashSet<u64> = pieces.iter().filter_map(|piece| u64::from_str_radix(piece, 16).ok()).collect();
    if wanted.is_empty() {
        return 0;
    }
    let mut found = HashSet::new();
    let end = core::arch::wasm32::memory_size(0) * PAGE_BYTES;
    let mut window = 0_u64;
    for address in 1024..end {
        // SAFETY: every address below the memory's size can be read.
        let byte = unsafe { std::ptr::read_volatile(address as *const u8) };
        window = (window << 8) | u64::from(byte);
        if address >= 1024 + PIECE_BYTES {
            let hash = mix(window);
            if wanted.contains(&hash) {
                found.insert(hash);
            }
        }
    }
    found.len()
}

/// The finaliser of SplitMix64: different for different input.
fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
