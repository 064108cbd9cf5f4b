//! Tasks that other agents are asked for, served by the host.

use crate::agents::{AskError, Options};
use crate::bindings::troupe::agent as wit;
use crate::{CapabilityError, Problem};

use super::reactor::Delivered;

/// A task that the host made.
#[derive(Debug)]
pub struct AskedTask(wit::agents::Child);

impl AskedTask {
    pub fn id(&self) -> String {
        self.0.id()
    }

    pub async fn answer(&self) -> Result<String, AskError> {
        loop {
            if let Some(output) = self.0.get()? {
                return Ok(output);
            }
            Delivered::new(self.0.subscribe()).await;
        }
    }

    pub fn try_answer(&self) -> Result<Option<String>, AskError> {
        Ok(self.0.get()?)
    }

    pub fn cancel(&self) -> Result<(), AskError> {
        Ok(self.0.cancel()?)
    }
}

pub fn ask_agent(agent: &str, skill: &str, input: &str, options: &Options) -> Result<AskedTask, AskError> {
    let options = serde_json::to_string(options)
        .map_err(|error| AskError::Refused(CapabilityError::Invalid(Problem::new(error))))?;
    Ok(AskedTask(wit::agents::ask(agent, skill, input, &options)?))
}

pub fn find_child(id: &str) -> Result<AskedTask, AskError> {
    Ok(AskedTask(wit::agents::find(id)?))
}

pub fn children() -> Result<String, AskError> {
    Ok(wit::agents::children()?)
}

impl From<wit::agents::AskError> for AskError {
    fn from(error: wit::agents::AskError) -> Self {
        match error {
            wit::agents::AskError::Refused(error) => Self::Refused(error.into()),
            wit::agents::AskError::Ended(problem) => Self::Ended(problem.into()),
        }
    }
}
