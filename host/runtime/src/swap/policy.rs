//! Whether a policy can be followed.

use std::time::Duration;

use troupe_core::view::SwapPolicy;
use troupe_core::{Code, Error, Result, limits};

/// Checks a policy that somebody asks for.
///
/// # Errors
/// [`Code::RequestInvalid`] naming the place and what may stand there.
pub(crate) fn check(policy: &SwapPolicy) -> Result<()> {
    if let Some(canary) = &policy.canary {
        let most = limits::SWAP_STEPS_MAX;
        if canary.steps.is_empty() || canary.steps.len() > most {
            return Err(wrong(format!("`canary.steps` has 1 to {most} steps")));
        }
        let mut before = 0;
        for step in &canary.steps {
            if step.weight <= before || step.weight > 100 {
                return Err(wrong("`canary.steps` have weights that rise, from 1 to 100 at most".to_owned()));
            }
            before = step.weight;
            within("canary.steps.min_seconds", step.min_seconds, 0, limits::SWAP_WATCH_TIME_MAX)?;
            if step.min_seconds > canary.max_seconds {
                return Err(wrong("`canary.max_seconds` is at least each step's `min_seconds`".to_owned()));
            }
        }
        within("canary.max_seconds", canary.max_seconds, 1, limits::SWAP_WATCH_TIME_MAX)?;
    }
    if let Some(rehearse) = &policy.rehearse {
        let most = limits::REHEARSAL_LAST_MAX;
        if !(1..=most).contains(&rehearse.last) {
            return Err(wrong(format!("`rehearse.last` is 1 to {most}")));
        }
        within("rehearse.max_seconds", rehearse.max_seconds, 1, limits::REHEARSAL_TIME_MAX)?;
        let may = &rehearse.may;
        if !(0.0..=1.0).contains(&may.different_share_max) {
            return Err(wrong("`rehearse.may.different_share_max` is 0 to 1".to_owned()));
        }
        for (name, factor) in [("memory_factor_max", may.memory_factor_max), ("cost_factor_max", may.cost_factor_max)] {
            if !(1.0..=1_000.0).contains(&factor) {
                return Err(wrong(format!("`rehearse.may.{name}` is 1 to 1000")));
            }
        }
    }
    if let Some(watch) = &policy.watch {
        within("watch.seconds", watch.seconds, 1, limits::SWAP_WATCH_TIME_MAX)?;
    }
    if let Some(drain) = &policy.drain {
        within("drain.seconds", drain.seconds, 0, limits::SWAP_DRAIN_TIME_MAX)?;
    }
    within("keep_previous_seconds", policy.keep_previous_seconds, 0, limits::SWAP_KEEP_TIME_MAX)?;
    let judge = &policy.judge;
    if !(1e-6..=0.5).contains(&judge.alpha) {
        return Err(wrong("`judge.alpha` is 0.000001 to 0.5".to_owned()));
    }
    for (name, factor) in [("latency", judge.latency), ("memory", judge.memory)] {
        if factor.is_some_and(|factor| !(1.0..=1_000.0).contains(&factor)) {
            return Err(wrong(format!("`judge.{name}` is 1 to 1000")));
        }
    }
    Ok(())
}

fn within(name: &str, seconds: u64, least: u64, most: Duration) -> Result<()> {
    let most = most.as_secs();
    if (least..=most).contains(&seconds) {
        return Ok(());
    }
    Err(wrong(format!("`{name}` is {least} to {most} seconds")))
}

fn wrong(message: String) -> Error {
    Error::new(Code::RequestInvalid, format!("the swap's policy: {message}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn checked(policy: Value) -> Result<()> {
        check(&serde_json::from_value(policy).unwrap())
    }

    #[test]
    fn what_no_swap_could_follow_is_refused_with_the_place() {
        let step = |weight: u64| json!({ "weight": weight });
        assert!(checked(json!({})).is_ok());
        assert!(checked(json!({ "canary": { "steps": [step(5), step(100)] }, "watch": { "seconds": 60 } })).is_ok());
        for (policy, place) in [
            (json!({ "canary": { "steps": [] } }), "canary.steps"),
            (json!({ "canary": { "steps": [step(5), step(5)] } }), "canary.steps"),
            (json!({ "canary": { "steps": [step(101)] } }), "canary.steps"),
            (json!({ "canary": { "steps": [step(5)], "max_seconds": 5 } }), "canary.max_seconds"),
            (json!({ "rehearse": { "last": 0 } }), "rehearse.last"),
            (json!({ "rehearse": { "max_seconds": 601 } }), "rehearse.max_seconds"),
            (json!({ "rehearse": { "may": { "different_share_max": 2.0 } } }), "rehearse.may.different_share_max"),
            (json!({ "rehearse": { "may": { "cost_factor_max": 0.5 } } }), "rehearse.may.cost_factor_max"),
            (json!({ "watch": { "seconds": 0 } }), "watch.seconds"),
            (json!({ "drain": { "mode": "wait", "seconds": 100_000 } }), "drain.seconds"),
            (json!({ "judge": { "alpha": 0.0 } }), "judge.alpha"),
            (json!({ "judge": { "latency": 0.5 } }), "judge.latency"),
            (json!({ "keep_previous_seconds": 1_000_000 }), "keep_previous_seconds"),
        ] {
            let error = checked(policy).unwrap_err();
            assert!(error.code == Code::RequestInvalid && error.message.contains(place), "{error}");
        }
    }
}
