//! Doing the steps of a plan, wave by wave.
//!
//! *The attack:* a plan is data, perhaps of a model, and would have something destroyed that nobody meant. *The
//! rule:* what may be asked for and how much that changes is the agent's configuration, never the plan's; what
//! changes as much as is configured is shown whole to somebody first, and exactly that is done. *The default:* a
//! plan is told and not done.

use serde_json::Value;
use troupe_sdk::agents;
use troupe_sdk::prelude::*;

use crate::approve::approved;
use crate::fault::code_of;
use crate::ordering::waves;
use crate::outputs::{Outputs, Taken};
use crate::plan::{Plan, Step};
use crate::pointer::put;
use crate::report::{PlanReport, StepReport, StepStatus, report};
use crate::settings::Settings;

/// Says what a plan would do.
///
/// # Errors
///
/// [`Failure::InvalidInput`] for what is no plan, and [`Failure::Denied`] for what may not be asked for.
pub fn dry(plan: &Plan, settings: &Settings) -> Result<PlanReport, Failure> {
    let order = waves(plan)?;
    let mut steps = Vec::new();
    for (wave, places) in order.iter().enumerate() {
        for step in places.iter().filter_map(|place| plan.steps.get(*place)) {
            steps.push(planned(step, wave + 1, settings)?);
        }
    }
    Ok(report(true, steps))
}

/// Does a plan.
///
/// # Errors
///
/// As [`dry`]: then nothing was done.
pub async fn all(plan: &Plan, settings: &Settings) -> Result<PlanReport, Failure> {
    // What is wrong with a later step is found before the first is done.
    let mut steps = dry(plan, settings)?.steps;
    let order = waves(plan)?;
    let (mut outputs, mut is_over, mut done) = (Outputs::default(), false, 0_u32);
    let total = u32::try_from(steps.len()).unwrap_or(u32::MAX);
    let mut rest = steps.as_mut_slice();
    for places in &order {
        let (wave, later) = rest.split_at_mut(places.len().min(rest.len()));
        rest = later;
        let sources: Vec<&Step> = places.iter().filter_map(|place| plan.steps.get(*place)).collect();
        let mut begun = Vec::new();
        for (step, source) in wave.iter_mut().zip(&sources) {
            if is_over || invocation::cancelled() {
                skip(step, "a step before it did not complete");
                continue;
            }
            match ready(step, source, &outputs).await? {
                Some(input) => begun.push((step, source.timeout_ms, input)),
                None => is_over = !plan.keep_going,
            }
        }
        if is_over {
            begun.drain(..).for_each(|(step, ..)| skip(step, "a step of the same wave is not done"));
        }
        let asked = begun.into_iter().map(|(step, timeout_ms, input)| async move {
            let output = ask(step, timeout_ms, &input).await?;
            Some((step.id.clone(), Taken::of(plan, &step.id, &output)))
        });
        wait::all(asked).await.into_iter().flatten().for_each(|(id, taken)| outputs.keep(id, taken));
        done = done.saturating_add(u32::try_from(wave.len()).unwrap_or(u32::MAX));
        progress::report(f64::from(done) / f64::from(total), format!("{done} of {total} steps"));
        let has_failed = wave.iter().any(|step| step.status != StepStatus::Completed);
        is_over = is_over || (has_failed && !plan.keep_going);
    }
    Ok(report(false, steps))
}

fn planned(step: &Step, wave: usize, settings: &Settings) -> Result<StepReport, Failure> {
    let effect = settings.reach(&step.agent, &step.skill)?;
    // Where a value would go is wrong now or never.
    let mut input = step.input.clone();
    for wire in &step.from {
        put(&mut input, &wire.to, Value::Null)?;
    }
    let mut report = StepReport {
        id: step.id.clone(),
        agent: step.agent.clone(),
        skill: step.skill.clone(),
        effect,
        needs_approval: settings.asks_before(effect),
        wave,
        status: StepStatus::Planned,
        input: None,
        input_bytes: None,
        output: None,
        output_bytes: None,
        task: None,
        approved_by: None,
        why: None,
        code: None,
    };
    report.with_input(&step.input);
    Ok(report)
}

/// The input of a step that is to be done now; nothing of one that is not, which says why.
async fn ready(step: &mut StepReport, source: &Step, outputs: &Outputs) -> Result<Option<Value>, Failure> {
    if let Some(missing) = source.needs().find(|need| !outputs.has(need)) {
        skip(step, &format!("it needs `{missing}`, which did not complete"));
        return Ok(None);
    }
    let mut input = source.input.clone();
    for wire in &source.from {
        let why = match outputs.get(wire) {
            None => format!("the output of `{}` has nothing at `{}`", wire.step, wire.pointer),
            Some(value) => match put(&mut input, &wire.to, value.clone()) {
                Ok(()) => continue,
                // What was put before may be no object. What is done by now is told all the same.
                Err(failure) => failure.to_string(),
            },
        };
        step.status = StepStatus::Failed;
        step.why = Some(why);
        return Ok(None);
    }
    step.with_input(&input);
    if !step.needs_approval {
        return Ok(Some(input));
    }
    let approved = approved(step, &input).await?;
    approved.iter().for_each(|input| step.with_input(input));
    Ok(approved)
}

/// Asks the agent of a step, and notes what came of it.
async fn ask(step: &mut StepReport, timeout_ms: Option<u64>, input: &Value) -> Option<Value> {
    let mut ask = agents::ask(step.agent.as_str(), step.skill.as_str()).input(input);
    if let Some(ms) = timeout_ms {
        ask = ask.timeout(std::time::Duration::from_millis(ms));
    }
    let answered = match ask.start() {
        Ok(child) => {
            step.task = Some(child.id());
            child.answer::<Value>().await
        }
        Err(error) => Err(error),
    };
    match answered {
        Ok(output) => {
            step.status = StepStatus::Completed;
            step.with_output(&output);
            Some(output)
        }
        Err(error) => {
            step.status = StepStatus::Failed;
            step.code = code_of(&error);
            step.why = Some(error.to_string());
            None
        }
    }
}

fn skip(step: &mut StepReport, why: &str) {
    step.status = StepStatus::Skipped;
    step.why = Some(why.to_owned());
}
