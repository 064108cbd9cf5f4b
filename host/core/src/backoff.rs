//! How long to wait before something is tried again.
//!
//! The danger: many that failed together come back together and keep down what they ask. The
//! rule: what they wait doubles with each try, up to a bound, and a part of it is left to chance
//! ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015).

use std::time::Duration;

/// The longest pause after so many tries: `first`, doubled for each try after the first one, and
/// never more than `most`.
pub fn bound(first: Duration, tries: u32, most: Duration) -> Duration {
    let doublings = tries.saturating_sub(1).min(31);
    first.saturating_mul(1 << doublings).min(most)
}

/// Any part of `bound`, which it never reaches, as evenly as `chance` is drawn from all numbers.
pub fn part(bound: Duration, chance: u64) -> Duration {
    let part = bound.as_nanos().saturating_mul(u128::from(chance)) >> 64;
    Duration::from_nanos(u64::try_from(part).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_bound_doubles_until_it_is_as_long_as_it_may_be() {
        let of = |tries| bound(SECOND, tries, 10 * SECOND).as_secs();
        assert_eq!([0, 1, 2, 3, 4, 5, 6, u32::MAX].map(of), [1, 1, 2, 4, 8, 10, 10, 10]);
        assert_eq!(bound(Duration::MAX, 2, Duration::MAX), Duration::MAX);
    }

    proptest! {
        #[test]
        fn a_part_is_below_its_bound_and_grows_with_chance(ms in 1..u64::from(u32::MAX), chance in any::<u64>()) {
            let bound = Duration::from_millis(ms);
            prop_assert!(part(bound, chance) < bound);
            prop_assert!(part(bound, u64::MAX) > bound / 100 * 99);
            prop_assert!(part(bound, chance / 2) <= part(bound, chance));
            prop_assert_eq!(part(bound, 0), Duration::ZERO);
        }
    }
}
