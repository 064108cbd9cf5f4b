//! Randomness as a seam, beside [`crate::clock`].

use std::fmt;

use rand::rand_core::TryRng as _;
use rand::rngs::SysRng;

/// Where random bytes come from.
pub trait Entropy: Send + Sync + fmt::Debug {
    /// Fills `bytes` with random bytes fit for keys and ids.
    fn fill(&self, bytes: &mut [u8]);
}

/// So many random bytes, in hexadecimal digits.
pub fn random_hex<const BYTES: usize>(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; BYTES];
    entropy.fill(&mut bytes);
    hex::encode(bytes)
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        // The operating system refuses only where it has no generator at all; a host
        // that cannot draw keys must not go on with predictable ones.
        if SysRng.try_fill_bytes(bytes).is_err() {
            std::process::abort();
        }
    }
}
