//! Other agents in memory: what the test has them answer, and what they were asked.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use serde_json::{Value, json};

use super::world::with;
use crate::agents::{AskError, Options};
use crate::{CapabilityError, Failure, Problem};

/// What an agent of the test answers.
pub type Answers = Rc<dyn Fn(Value) -> Result<Value, Failure>>;

#[derive(Default)]
pub struct Agents {
    /// The skills that may be asked for, by agent and name.
    pub skills: BTreeMap<(String, String), Answers>,
    /// What was asked for, in order, and how it ended.
    tasks: Vec<Asked>,
}

struct Asked {
    agent: String,
    skill: String,
    input: Value,
    ended: Result<Value, Failure>,
}

impl Agents {
    /// What was asked for: agent, skill and input.
    pub fn asked(&self) -> Vec<(String, String, Value)> {
        self.tasks.iter().map(|task| (task.agent.clone(), task.skill.clone(), task.input.clone())).collect()
    }
}

impl fmt::Debug for Agents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.skills.keys()).finish()
    }
}

/// A task of the test host.
#[derive(Debug)]
pub struct AskedTask(usize);

impl AskedTask {
    pub fn id(&self) -> String {
        format!("task-{}", self.0)
    }

    #[expect(clippy::unused_async, reason = "a host would have it wait")]
    pub async fn answer(&self) -> Result<String, AskError> {
        self.ended()
    }

    pub fn try_answer(&self) -> Result<Option<String>, AskError> {
        self.ended().map(Some)
    }

    #[expect(clippy::unnecessary_wraps, reason = "a host may refuse")]
    pub fn cancel(&self) -> Result<(), AskError> {
        // It has ended.
        Ok(())
    }

    fn ended(&self) -> Result<String, AskError> {
        let ended = with(|world| world.agents.tasks.get(self.0).map(|task| task.ended.clone()));
        match ended {
            Some(Ok(output)) => Ok(output.to_string()),
            Some(Err(failure)) => {
                let mut problem = Problem::new(format_args!("task {} ended as failed: {failure}", self.id()));
                let code =
                    if matches!(failure, Failure::Unavailable(_)) { "guest.unavailable" } else { "guest.failed" };
                let retryable = matches!(failure, Failure::Unavailable(_));
                problem.details =
                    Some(json!({ "task": self.id(), "status": "failed", "code": code, "retryable": retryable }));
                Err(AskError::Ended(problem))
            }
            None => Err(no_child()),
        }
    }
}

pub fn ask_agent(agent: &str, skill: &str, input: &str, _options: &Options) -> Result<AskedTask, AskError> {
    let input: Value = serde_json::from_str(input)
        .map_err(|error| AskError::Refused(CapabilityError::Invalid(Problem::new(error))))?;
    let of = (agent.to_owned(), skill.to_owned());
    let Some(answers) = with(|world| world.agents.skills.get(&of).cloned()) else {
        let problem = Problem::new(format_args!(
            "there is no such agent with such a skill, or it may not be asked: `{agent}/{skill}`; `Host::agent` says what one answers"
        ));
        return Err(AskError::Refused(CapabilityError::Denied(problem)));
    };
    // It may look at the test host itself.
    let ended = answers(input.clone());
    Ok(with(|world| {
        let (agent, skill) = of;
        world.agents.tasks.push(Asked { agent, skill, input, ended });
        AskedTask(world.agents.tasks.len() - 1)
    }))
}

pub fn find_child(id: &str) -> Result<AskedTask, AskError> {
    let number = id.strip_prefix("task-").and_then(|number| number.parse().ok());
    let found = number.filter(|number| with(|world| *number < world.agents.tasks.len()));
    found.map(AskedTask).ok_or_else(no_child)
}

#[expect(clippy::unnecessary_wraps, reason = "a host may refuse")]
pub fn children() -> Result<String, AskError> {
    let list = with(|world| {
        let told = |(number, task): (usize, &Asked)| {
            let status = if task.ended.is_ok() { "completed" } else { "failed" };
            json!({ "task": AskedTask(number).id(), "agent": task.agent, "skill": task.skill, "status": status })
        };
        world.agents.tasks.iter().enumerate().map(told).rev().collect::<Vec<_>>()
    });
    Ok(Value::Array(list).to_string())
}

fn no_child() -> AskError {
    AskError::Refused(CapabilityError::Invalid(Problem::new("this task has asked for no such task")))
}
