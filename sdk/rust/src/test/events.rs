//! Events in memory: what the agent published.

use serde_json::{Map, Value};

use crate::{CapabilityError, Problem};

/// An event that the agent published.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// Its topic.
    pub topic: String,
    /// Its data.
    pub data: Value,
    /// The rest that was said of it: `id`, `priority`, `delay_ms` and `attributes`.
    pub options: Map<String, Value>,
}

#[derive(Debug, Default)]
pub struct Events {
    pub published: Vec<Published>,
    pub failure: Option<CapabilityError>,
}

impl Events {
    pub fn publish(&mut self, topic: &str, data: &str, options: &str) -> Result<u64, CapabilityError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let invalid = |error| CapabilityError::Invalid(Problem::new(error));
        let data = serde_json::from_str(data).map_err(invalid)?;
        let options: Map<String, Value> = serde_json::from_str(options).map_err(invalid)?;
        let id = options.get("id");
        let same = |before: &&Published| id.is_some() && before.options.get("id") == id;
        if let Some(before) = self.published.iter().position(|event| same(&event)) {
            return Ok(before as u64 + 1);
        }
        self.published.push(Published { topic: topic.to_owned(), data, options });
        Ok(self.published.len() as u64)
    }
}
