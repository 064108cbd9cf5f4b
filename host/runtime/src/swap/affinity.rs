//! Which calls a candidate gets: a share of *affinity keys*, so that who has seen it goes on to
//! see it while its weight rises.
//!
//! A call's key is the first of these that it has:
//!
//! 1. the affinity that the request names;
//! 2. the instance that it is for;
//! 3. who asks, by the key that was shown, unless the policy says `by: task`;
//! 4. the task.
//!
//! An instance has keys of its own that last from call to call. If its calls went now to the one
//! release and now to the other, both would write to one key space in turn, so they stay together
//! whoever asks and whatever the policy says. Only a request that names an affinity says better.
//!
//! The owner's token is nobody's: whoever holds the data directory shows it, for all that the
//! installation does, and two calls under it have nothing to do with each other. If it counted
//! as somebody, the canary of an installation that knows no other token would be all or
//! nothing. So its calls go by their tasks. An installation in which one key of its own makes
//! all calls for many people is in the same place, and mends it by `affinity` or `by: task`.
//!
//! Key, agent and swap are hashed to one of 10,000 buckets, and the candidate has the lowest:
//! a greater weight adds buckets and takes none away. The swap's id is in the hash, so that it
//! is not always the same people who try what is new.

use troupe_core::view::AffinityBy;
use troupe_core::{Caller, Code, Digest, Error, Result, SwapId, limits};
use troupe_store::TaskRow;

/// Buckets for each percent.
const BUCKETS_PER_PERCENT: u64 = 100;
const BUCKETS: u64 = 100 * BUCKETS_PER_PERCENT;

/// Checks the affinity that a request names.
///
/// # Errors
/// [`Code::RequestInvalid`] if it is empty or too long.
pub(crate) fn check(affinity: Option<&str>) -> Result<()> {
    let most = limits::AFFINITY_BYTES_MAX;
    if affinity.is_none_or(|affinity| (1..=most).contains(&affinity.len())) {
        return Ok(());
    }
    Err(Error::new(Code::RequestInvalid, format!("an affinity is 1 to {most} bytes")))
}

/// Whether a task is among those that a candidate gets at this weight.
pub(crate) fn is_tried(task: &TaskRow, swap: SwapId, by: AffinityBy, weight: u8) -> bool {
    bucket(task, swap, by) < u64::from(weight) * BUCKETS_PER_PERCENT
}

fn bucket(task: &TaskRow, swap: SwapId, by: AffinityBy) -> u64 {
    let (kind, key) = match (&task.affinity, task.instance, by) {
        (Some(affinity), ..) => ("affinity", affinity.clone()),
        (None, Some(instance), _) => ("instance", instance.to_string()),
        (None, None, AffinityBy::Principal) if task.principal != Caller::OWNER => ("principal", task.principal.clone()),
        _ => ("task", task.id.to_string()),
    };
    let hash = Digest::of(format!("{}\0{swap}\0{kind}\0{key}", task.agent).as_bytes()).hex();
    let first = hash.get(..16).and_then(|first| u64::from_str_radix(first, 16).ok());
    first.unwrap_or(u64::MAX) % BUCKETS
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use troupe_core::view::TaskStatus;
    use troupe_core::{TaskId, TenantId, Timestamp};

    use super::*;

    fn task(number: u64, principal: &str, affinity: Option<&str>) -> TaskRow {
        let id: TaskId = format!("0199a2f0-6c1e-7d3a-9b52-{number:012x}").parse().unwrap();
        TaskRow {
            id,
            tenant: TenantId::default(),
            agent: "echo".parse().unwrap(),
            skill: "version".parse().unwrap(),
            instance: None,
            input: json!({}).to_string(),
            status: TaskStatus::Pending,
            priority: 0,
            attempt: 0,
            principal: principal.to_owned(),
            idempotency_key: None,
            affinity: affinity.map(str::to_owned),
            session: None,
            cause: None,
            retry_of: None,
            approval: None,
            group: None,
            timeout_ms: 1,
            lifetime_ms: None,
            retry: None,
            budget: None,
            retries: 0,
            artifacts: Vec::new(),
            usage: Default::default(),
            release: None,
            output: None,
            failure: None,
            lease: None,
            wake_at: None,
            created_at: Timestamp::from_millis(0),
            started_at: None,
            ended_at: None,
        }
    }

    fn swap(number: u64) -> SwapId {
        format!("0199a2f0-6c1e-7d3a-9b52-{number:012x}").parse().unwrap()
    }

    #[test]
    fn shares_are_those_of_the_weight_and_rise_without_sending_anybody_back() {
        for weight in [1, 5, 25, 50, 99, 100] {
            let tried = |task: &TaskRow| is_tried(task, swap(1), AffinityBy::Principal, weight);
            let count = (0..10_000).filter(|number| tried(&task(*number, "owner", None))).count();
            let expected = usize::from(weight) * 100;
            assert!(count.abs_diff(expected) <= 200, "{weight} %: {count} of 10,000");
        }
        for number in 0..500 {
            let key = number.to_string();
            let task = task(1, "key/1", Some(&key));
            let first = (0..=100).find(|weight| is_tried(&task, swap(1), AffinityBy::Task, *weight)).unwrap();
            assert!((first..=100).all(|weight| is_tried(&task, swap(1), AffinityBy::Task, weight)));
        }
    }

    #[test]
    fn calls_for_one_instance_stay_together_whoever_asks_and_whatever_the_policy_says() {
        let of = |number, principal, affinity, instance: u64, by| {
            let instance = Some(format!("0199a2f0-6c1e-7d3a-9b52-{instance:012x}").parse().unwrap());
            bucket(&TaskRow { instance, ..task(number, principal, affinity) }, swap(1), by)
        };
        let first = of(1, "owner", None, 7, AffinityBy::Principal);
        for (number, principal) in [(2, "owner"), (3, "key/a"), (4, "key/b")] {
            for by in [AffinityBy::Principal, AffinityBy::Task] {
                assert_eq!(of(number, principal, None, 7, by), first);
                assert_ne!(of(number, principal, None, 8, by), first);
            }
        }
        let named = bucket(&task(1, "owner", Some("x")), swap(1), AffinityBy::Principal);
        assert_eq!(of(5, "key/a", Some("x"), 7, AffinityBy::Principal), named);
    }

    #[test]
    fn a_call_goes_by_the_first_key_that_it_has() {
        let of = |task: &TaskRow, by| bucket(task, swap(1), by);
        let principal = AffinityBy::Principal;
        assert_eq!(of(&task(1, "key/a", Some("x")), principal), of(&task(2, "key/b", Some("x")), AffinityBy::Task));
        assert_eq!(of(&task(1, "key/a", None), principal), of(&task(2, "key/a", None), principal));
        assert_ne!(of(&task(1, "key/a", None), AffinityBy::Task), of(&task(2, "key/a", None), AffinityBy::Task));
        assert_ne!(of(&task(1, "owner", None), principal), of(&task(2, "owner", None), principal));
        assert_ne!(
            bucket(&task(1, "owner", Some("x")), swap(2), principal),
            of(&task(1, "owner", Some("x")), principal)
        );
    }
}
