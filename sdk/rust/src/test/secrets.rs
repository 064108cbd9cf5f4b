//! The secrets capability in memory: names, and references that say which they stand for.

use std::collections::BTreeSet;

use crate::{CapabilityError, Problem};

#[derive(Default)]
pub struct Secrets {
    /// The names that are granted.
    pub names: BTreeSet<String>,
}

impl Secrets {
    pub fn reference(&self, name: &str) -> Result<String, CapabilityError> {
        match self.names.iter().position(|known| known == name) {
            Some(position) => Ok(format!("troupe-secret-{position:032x}")),
            None => Err(CapabilityError::Denied(Problem {
                message: format!("the test host has no secret `{name}`; give it one by `Host::secret`"),
                details: None,
            })),
        }
    }
}
