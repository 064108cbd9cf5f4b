//! What one seed is made to serve.
//!
//! The attack: a guest is told something that comes from the seed, and computes from it
//! what it should not know. The rule: each use has a seed of its own, a hash of the
//! invocation's under the use's name, so that none tells anything of another.

use sha2::{Digest as _, Sha256};

/// The seed of one use.
pub(crate) fn seed_of(seed: &[u8; 32], purpose: &str) -> [u8; 32] {
    Sha256::new()
        .chain_update(b"troupe-seed ")
        .chain_update(purpose)
        .chain_update([0])
        .chain_update(seed)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_has_a_seed_that_is_always_the_same_and_no_others() {
        assert_eq!(seed_of(&[7; 32], "random"), seed_of(&[7; 32], "random"));
        assert_ne!(seed_of(&[7; 32], "random"), seed_of(&[7; 32], "insecure"));
        assert_ne!(seed_of(&[7; 32], "random"), seed_of(&[8; 32], "random"));
        assert_ne!(seed_of(&[7; 32], "random"), [7; 32]);
    }
}
