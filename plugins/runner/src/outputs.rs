//! What is kept of outputs while a plan is done: what later steps take of them, and no more.

use std::collections::HashMap;

use serde_json::Value;

use crate::plan::{Plan, Wire};

/// What steps of a plan take of one output, by its place there.
#[derive(Debug)]
pub struct Taken(HashMap<String, Value>);

impl Taken {
    /// That of the output of this step.
    pub fn of(plan: &Plan, step: &str, output: &Value) -> Self {
        let wires = plan.steps.iter().flat_map(|step| &step.from).filter(|wire| wire.step == step);
        Self(wires.filter_map(|wire| Some((wire.pointer.clone(), output.pointer(&wire.pointer)?.clone()))).collect())
    }
}

/// The steps that are completed, with what others take of their outputs.
#[derive(Debug, Default)]
pub struct Outputs {
    of: HashMap<String, Taken>,
}

impl Outputs {
    /// Notes that a step is completed.
    pub fn keep(&mut self, step: String, taken: Taken) {
        self.of.insert(step, taken);
    }

    /// Whether a step is completed.
    pub fn has(&self, step: &str) -> bool {
        self.of.contains_key(step)
    }

    /// What a wire takes, if it is there.
    pub fn get(&self, wire: &Wire) -> Option<&Value> {
        self.of.get(&wire.step)?.0.get(&wire.pointer)
    }
}
