//! In which order the steps of a plan are done: by waves, each of which needs those before alone.

use std::collections::HashMap;

use troupe_sdk::prelude::*;

use crate::plan::{Order, Plan, STEPS_MAX};

/// The places of steps in their plan, wave by wave.
///
/// # Errors
///
/// [`Failure::InvalidInput`], naming the step: two of one id, one that needs what is not there, or itself.
pub fn waves(plan: &Plan) -> Result<Vec<Vec<usize>>, Failure> {
    if plan.steps.is_empty() || plan.steps.len() > STEPS_MAX {
        let message = format!("a plan has 1 to {STEPS_MAX} steps, and this one has {}", plan.steps.len());
        return Err(Failure::invalid_input(message));
    }
    let mut places = HashMap::new();
    for (place, step) in plan.steps.iter().enumerate() {
        if places.insert(step.id.as_str(), place).is_some() {
            return Err(Failure::invalid_input(format!("the plan has two steps `{}`; name each once", step.id)));
        }
    }
    let mut needs: Vec<Vec<usize>> = Vec::new();
    for (place, step) in plan.steps.iter().enumerate() {
        let mut of = Vec::new();
        for need in step.needs() {
            let found = places.get(need).copied().ok_or_else(|| {
                Failure::invalid_input(format!("step `{}` needs `{need}`, which is no step of the plan", step.id))
            })?;
            if plan.order == Order::Listed && found >= place {
                return Err(Failure::invalid_input(format!(
                    "step `{}` needs `{need}`, which is listed after it; list it before, or say `\"order\": \"dependencies\"`",
                    step.id
                )));
            }
            of.push(found);
        }
        needs.push(of);
    }
    if plan.order == Order::Listed {
        return Ok((0..plan.steps.len()).map(|place| vec![place]).collect());
    }
    let mut wave_of: Vec<Option<usize>> = vec![None; plan.steps.len()];
    let mut waves: Vec<Vec<usize>> = Vec::new();
    loop {
        let is_done = |place: &usize| wave_of.get(*place).is_some_and(Option::is_some);
        let ready: Vec<usize> = needs
            .iter()
            .enumerate()
            .filter(|(place, needs)| !is_done(place) && needs.iter().all(is_done))
            .map(|(place, _)| place)
            .collect();
        if ready.is_empty() {
            break;
        }
        for place in &ready {
            if let Some(wave) = wave_of.get_mut(*place) {
                *wave = Some(waves.len());
            }
        }
        waves.push(ready);
    }
    let left: Vec<String> = plan
        .steps
        .iter()
        .zip(&wave_of)
        .filter(|(_, wave)| wave.is_none())
        .map(|(step, _)| format!("`{}`", step.id))
        .collect();
    if left.is_empty() {
        return Ok(waves);
    }
    Err(Failure::invalid_input(format!(
        "the steps {} need each other in a circle, so none can be first",
        left.join(", ")
    )))
}
