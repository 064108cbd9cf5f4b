//! Who may have a place to run in.
//!
//! *The attack:* one agent is slow, or asked for without end, and has every place for as long as its tasks take,
//! an hour each; nothing takes a place away again, so whoever comes then waits for that long. *The rule:* whoever
//! has much may have more only while much is free. So one that is alone has most of the host, two come to share
//! it, and however many there are, something is left for the next:
//!
//! | who asks for a place | has it while |
//! |---|---|
//! | a tenant of which nothing runs | any is free |
//! | an agent of which nothing runs, of a tenant of which something does | more than the reserve is free, and its tenant leaves as much again to others |
//! | an agent of which something runs | it has less than five times, and its tenant less than eight times, what is free beside the reserve |
//!
//! *The default:* whoever gets none stands in line, where tenants take turns (`line.rs`): what one has borrowed goes
//! to the others as it comes back, since it has too much by then to be given more.
//!
//! That is how switches share a buffer between queues without knowing who will send: a threshold that follows
//! what is free (Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet switches",
//! IEEE/ACM Transactions on Networking 6(2), 1998). It needs no list of who waits, and no share is idle because it
//! is somebody's who is not there.

use troupe_core::limits::{INVOCATIONS_MAX, INVOCATIONS_PER_AGENT_MAX, INVOCATIONS_PER_TENANT_MAX};

use super::shares::{Key, Most, Shares};

/// Places that only a tenant takes of which nothing runs, each of them one: a sixteenth of the host.
const RESERVE: usize = INVOCATIONS_MAX / 16;

/// How many times what is free an agent may have: alone it then comes to its most, with ten others running.
const OF_FREE_FOR_AN_AGENT: usize = 5;

/// How many times what is free a tenant may have: two agents that are both asked without end have then more than
/// one.
const OF_FREE_FOR_A_TENANT: usize = 8;

/// What a tenant leaves to others whatever it is asked, beside the reserve.
const LEFT: usize = RESERVE;

/// The places, and who has them.
#[derive(Debug)]
pub(super) struct Places(Shares);

impl Default for Places {
    fn default() -> Self {
        let most = Most { all: INVOCATIONS_MAX, tenant: INVOCATIONS_PER_TENANT_MAX, agent: INVOCATIONS_PER_AGENT_MAX };
        Self(Shares::new(most))
    }
}

impl Places {
    /// Whether `key` may have one more.
    pub(super) fn is_free(&self, key: &Key) -> bool {
        let (all, tenant, agent) = self.0.counts(key);
        let free = INVOCATIONS_MAX.saturating_sub(all);
        if tenant == 0 {
            return free > 0;
        }
        let free = free.saturating_sub(RESERVE);
        if agent == 0 {
            return free > 0 && tenant < INVOCATIONS_MAX - RESERVE - LEFT;
        }
        agent < (OF_FREE_FOR_AN_AGENT * free).min(INVOCATIONS_PER_AGENT_MAX)
            && tenant < (OF_FREE_FOR_A_TENANT * free).min(INVOCATIONS_PER_TENANT_MAX)
    }

    pub(super) fn take(&mut self, key: &Key) {
        self.0.take(key);
    }

    pub(super) fn give(&mut self, key: &Key) {
        self.0.give(key);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(tenant: usize, agent: usize) -> Key {
        (format!("tenant-{tenant}").parse().unwrap(), format!("agent-{agent}").parse().unwrap())
    }

    /// Takes places until there are no more; says how many.
    fn all_there_are(places: &mut Places, key: &Key) -> usize {
        let mut taken = 0;
        while places.is_free(key) {
            places.take(key);
            taken += 1;
        }
        taken
    }

    #[test]
    fn one_that_is_alone_has_most_of_the_host_and_leaves_some_for_those_who_come() {
        let mut places = Places::default();
        assert_eq!(all_there_are(&mut places, &key(0, 0)), INVOCATIONS_PER_AGENT_MAX);
        // Another agent of its tenant, one of another tenant, and a third.
        let next = [key(0, 1), key(1, 0), key(2, 0), key(3, 0)].map(|key| all_there_are(&mut places, &key));
        assert!(next.iter().all(|taken| *taken > 0), "{next:?}");
    }

    #[test]
    fn ten_that_run_beside_it_take_nothing_of_what_one_may_have() {
        let mut places = Places::default();
        for other in 1..=10 {
            places.take(&key(other, 0));
        }
        assert_eq!(all_there_are(&mut places, &key(0, 0)), INVOCATIONS_PER_AGENT_MAX);
    }

    #[test]
    fn two_tenants_that_hold_all_they_may_leave_a_third_its_place_and_more() {
        let mut places = Places::default();
        let held =
            [0, 1].map(|tenant| (0..4).map(|agent| all_there_are(&mut places, &key(tenant, agent))).sum::<usize>());
        assert!(held.iter().all(|held| *held > 1), "{held:?}");
        assert!(all_there_are(&mut places, &key(2, 0)) >= 1);
        // And so many further ones a place each.
        for tenant in 3..RESERVE {
            assert!(places.is_free(&key(tenant, 0)), "{tenant}");
            places.take(&key(tenant, 0));
        }
    }

    #[test]
    fn two_that_ask_without_end_come_to_have_the_same() {
        let mut places = Places::default();
        let keys = [key(0, 0), key(1, 0)];
        let mut held = [all_there_are(&mut places, &keys[0]), all_there_are(&mut places, &keys[1])];
        assert!(held[0] > 4 * held[1], "{held:?}");
        // What has been longest ends first, and whoever may have a place has it, by turns.
        for step in 0..2_000_usize {
            let ends = usize::from(step % (held[0] + held[1]) >= held[0]);
            places.give(&keys[ends]);
            held[ends] -= 1;
            for which in [step % 2, 1 - step % 2] {
                if places.is_free(&keys[which]) {
                    places.take(&keys[which]);
                    held[which] += 1;
                }
            }
        }
        assert!(held[0].abs_diff(held[1]) <= 16, "{held:?}");
        assert!(held[0] + held[1] >= 200, "{held:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever was asked and came to its end: no more run than there are places, nobody has more than its
        /// most, and a tenant of which nothing runs has a place as long as no more tenants run than there is
        /// reserve.
        #[test]
        fn whoever_has_nothing_has_a_place(
            asked in prop::collection::vec((0_usize..24, 0_usize..6, 1_usize..80, prop::bool::weighted(0.7)), 1..300),
        ) {
            let mut places = Places::default();
            let mut held: Vec<Key> = Vec::new();
            for (tenant, agent, count, takes) in asked {
                let key = key(tenant, agent);
                for _ in 0..count {
                    if takes && places.is_free(&key) {
                        places.take(&key);
                        held.push(key.clone());
                    } else if !takes && let Some(at) = held.iter().position(|other| *other == key) {
                        places.give(&held.swap_remove(at));
                    }
                }
                let tenants: std::collections::HashSet<_> = held.iter().map(|(tenant, _)| tenant.clone()).collect();
                prop_assert!(held.len() <= INVOCATIONS_MAX);
                prop_assert!(INVOCATIONS_MAX - held.len() + tenants.len() >= RESERVE);
                prop_assert!(tenants.len() >= RESERVE || places.is_free(&self::key(99, 0)));
                let of_agent = held.iter().filter(|other| **other == key).count();
                prop_assert!(of_agent <= INVOCATIONS_PER_AGENT_MAX);
                let of_tenant = held.iter().filter(|(tenant, _)| *tenant == key.0).count();
                prop_assert!(of_tenant <= INVOCATIONS_MAX - RESERVE - LEFT);
            }
        }
    }
}
