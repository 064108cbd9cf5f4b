//! What one seed is made to serve.
//!
//! The attack: a guest is told something that comes from the seed, and computes from it
//! what it should not know. The rule: each use has a seed of its own, a hash of the
//! invocation's under the use's name, so that none tells anything of another.

use std::convert::Infallible;

use rand::{SeedableRng, TryRng};
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

/// Random numbers of one use. The seed is made when the first is drawn, since most invocations
/// draw none.
pub(crate) struct Drawn<R> {
    seed: [u8; 32],
    purpose: &'static str,
    numbers: Option<R>,
}

impl<R: SeedableRng<Seed = [u8; 32]>> Drawn<R> {
    pub(crate) const fn new(seed: [u8; 32], purpose: &'static str) -> Self {
        Self { seed, purpose, numbers: None }
    }

    fn numbers(&mut self) -> &mut R {
        self.numbers.get_or_insert_with(|| R::from_seed(seed_of(&self.seed, self.purpose)))
    }
}

impl<R: SeedableRng<Seed = [u8; 32]> + TryRng<Error = Infallible>> TryRng for Drawn<R> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.numbers().try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.numbers().try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.numbers().try_fill_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng as _;
    use rand::rngs::ChaCha20Rng;

    use super::*;

    #[test]
    fn numbers_that_are_seeded_late_are_those_that_were_seeded_at_once() {
        let mut late = Drawn::<ChaCha20Rng>::new([7; 32], "random");
        let mut at_once = ChaCha20Rng::from_seed(seed_of(&[7; 32], "random"));
        let (mut some, mut same) = ([0; 70], [0; 70]);
        late.fill_bytes(&mut some);
        at_once.fill_bytes(&mut same);
        assert_eq!((some, late.next_u64(), late.next_u32()), (same, at_once.next_u64(), at_once.next_u32()));
    }

    #[test]
    fn a_use_has_a_seed_that_is_always_the_same_and_no_others() {
        assert_eq!(seed_of(&[7; 32], "random"), seed_of(&[7; 32], "random"));
        assert_ne!(seed_of(&[7; 32], "random"), seed_of(&[7; 32], "insecure"));
        assert_ne!(seed_of(&[7; 32], "random"), seed_of(&[8; 32], "random"));
        assert_ne!(seed_of(&[7; 32], "random"), [7; 32]);
    }
}
