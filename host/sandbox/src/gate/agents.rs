//! `agents` at the gate: its calls and answers, which of them are allowed, with which arguments, and
//! what performing one means.
//!
//! The attack: a guest has another agent do what it may not itself, for somebody it is not for; finds out
//! by asking which agents there are; asks itself round and round until nothing else runs; or takes up
//! the tasks of others. The rule: a grant names the skills that may be asked for, and none that reaches
//! further than the skill that asks; who the task is for is the store's to say; how deep and how many they
//! are is bounded; and a task is a child of the one that asked for it alone. What may not be asked for is
//! answered in the same words as what is not there. The default: without a grant, nothing.

use serde::{Deserialize, Serialize};
use troupe_core::view::BudgetSpent;
use troupe_core::{AgentName, AskOptions, AskOutcome, Child, Code, Effect, Grants, SkillName, TaskId, limits};

use super::deed::{Change, Deed};
use super::http::shown;
use super::options::read_options;
use super::{Answer, Gate, above_ceiling};
use crate::port::Ask;

/// A call of `agents`, as the guest made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AgentsCall {
    /// `ask`
    Ask {
        /// The agent.
        agent: String,
        /// The skill.
        skill: String,
        /// Its input: JSON.
        input: String,
        /// How it is asked for: JSON.
        options: String,
    },
    /// `find`
    Find {
        /// The task.
        task: String,
    },
    /// `get` of a child
    Get {
        /// The task.
        task: TaskId,
    },
    /// `cancel` of a child
    Cancel {
        /// The task.
        task: TaskId,
    },
    /// `children`
    Children,
}

impl AgentsCall {
    /// The capability and function, as messages name them.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Ask { .. } => "agents.ask",
            Self::Find { .. } => "agents.find",
            Self::Get { .. } => "agents.get",
            Self::Cancel { .. } => "agents.cancel",
            Self::Children => "agents.children",
        }
    }

    /// What was called, for a person.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Ask { agent, skill, .. } => format!("{} {}/{}", self.name(), shown(agent), shown(skill)),
            Self::Find { task } => format!("{} {}", self.name(), shown(task)),
            Self::Get { task } | Self::Cancel { task } => format!("{} {task}", self.name()),
            Self::Children => self.name().to_owned(),
        }
    }
}

/// What a call of `agents` was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AgentsAnswer {
    /// The task that was asked for, or found.
    Child(TaskId),
    /// It has not ended.
    Pending,
    /// Its output: JSON.
    Completed(String),
    /// It did not complete.
    Ended {
        /// A sentence.
        message: String,
        /// How it ended: JSON.
        details: String,
    },
    /// Its end is asked for.
    Cancelling,
    /// What it has asked for: JSON.
    Children(String),
}

impl AgentsAnswer {
    /// What came of the call, in short, for a person.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Child(task) => format!("task {task}"),
            Self::Pending => "not ended".to_owned(),
            Self::Completed(output) => format!("completed, {} bytes", output.len()),
            Self::Ended { message, .. } => message.clone(),
            Self::Cancelling => "its end is asked for".to_owned(),
            Self::Children(list) => format!("{} bytes", list.len()),
        }
    }
}

impl Answer {
    /// What the guest is told of asking for a skill of an agent.
    pub fn of_ask(outcome: &AskOutcome, agent: &str, skill: &str) -> Self {
        let what = asking(agent, skill);
        match outcome {
            AskOutcome::Made(task) => Self::Agents(AgentsAnswer::Child(*task)),
            AskOutcome::NotThere => not_to_be_asked(&what),
            AskOutcome::Above { effect, ceiling } => Self::denied(above_ceiling(&what, *effect, *ceiling)),
            AskOutcome::Invalid(message) => Self::Invalid(message.clone()),
            AskOutcome::Unavailable(message) => Self::Unavailable(message.clone()),
            AskOutcome::Hops => {
                let most = limits::TASK_HOPS_MAX;
                let message = format!(
                    "{what} was refused: {most} tasks are above this one already, each asked for by an agent, which is as many as there may be"
                );
                Self::limit(Code::LimitHops, most.into(), message)
            }
            AskOutcome::Descendants => {
                let most = limits::TASK_DESCENDANTS_MAX;
                let message = format!(
                    "{what} was refused: agents have asked for {most} tasks below the one at the top, which is as many as there may be"
                );
                Self::limit(Code::LimitDescendants, most, message)
            }
            AskOutcome::Budget(spent) => {
                let BudgetSpent { part, most } = *spent;
                let message = format!(
                    "{what} was refused: the budget of the task at the top is used up, which has {most} as `{part}`"
                );
                Self::limit(Code::LimitBudget, most, message)
            }
        }
    }

    /// What the guest is told of asking for the end of a child.
    pub fn of_child_cancel(is_child: bool) -> Self {
        if is_child { Self::Agents(AgentsAnswer::Cancelling) } else { no_child() }
    }

    fn of_child(child: Option<Child>) -> Self {
        let Some(Child { task, status, output, failure, .. }) = child else { return no_child() };
        if !status.is_final() {
            return Self::Agents(AgentsAnswer::Pending);
        }
        if let (troupe_core::view::TaskStatus::Completed, Some(output)) = (status, &output) {
            return Self::Agents(AgentsAnswer::Completed(output.clone()));
        }
        let status = status.as_str();
        let said = failure.as_ref().map_or_else(String::new, |failure| format!(": {}", failure.message));
        let details = serde_json::json!({
            "task": task,
            "status": status,
            "code": failure.as_ref().map(|failure| &failure.code),
            "retryable": failure.as_ref().is_some_and(|failure| failure.retryable),
            "details": failure.as_ref().map(|failure| &failure.details),
        });
        let message = format!("task {task} ended as {status}{said}");
        Self::Agents(AgentsAnswer::Ended { message, details: details.to_string() })
    }
}

fn asking(agent: &str, skill: &str) -> String {
    format!("`agents.ask` of `{}/{}`", shown(agent), shown(skill))
}

/// The one answer where a grant is missing and where there is nothing to be asked.
fn not_to_be_asked(what: &str) -> Answer {
    Answer::denied(format!(
        "{what} was denied: there is no such agent with such a skill, or this deployment has no grant of `agents` that names it; the manifest must ask for it and the operator grant it"
    ))
}

fn no_child() -> Answer {
    Answer::Invalid("this task has asked for no such task".to_owned())
}

/// Leave to perform one call; made by [`authorize`] alone.
#[derive(Debug)]
pub(super) struct Permit(Wanted);

#[derive(Debug)]
enum Wanted {
    Ask(Ask),
    Find(TaskId),
    Get(TaskId),
    Cancel(TaskId),
    Children,
}

/// Decides whether `grants` allow `call` to a skill whose class is `ceiling`, and whether its arguments
/// are acceptable. What a task has asked for it may look at and cancel whatever is granted by then.
pub(super) fn authorize(grants: &Grants, ceiling: Effect, call: &AgentsCall) -> Result<Permit, Answer> {
    Ok(Permit(match call {
        AgentsCall::Ask { agent, skill, input, options } => {
            let refused = || not_to_be_asked(&asking(agent, skill));
            if !grants.agents.iter().any(|grant| grant.admits(agent, skill)) {
                return Err(refused());
            }
            // What is no name is the name of none.
            let name: AgentName = agent.parse().map_err(|_| refused())?;
            let skill: SkillName = skill.parse().map_err(|_| refused())?;
            let options = options_of(options)?;
            let most = limits::INPUT_BYTES_MAX;
            if input.len() > most {
                let what = format!("the input has {} bytes; a skill's input may have {most}", input.len());
                return Err(Answer::Invalid(what));
            }
            if troupe_core::json::depth(input.as_bytes()) > limits::JSON_DEPTH_MAX {
                let most = limits::JSON_DEPTH_MAX;
                return Err(Answer::Invalid(format!("the input is nested deeper than {most} levels")));
            }
            let input = serde_json::from_str(input)
                .map_err(|error| Answer::Invalid(format!("the input is not JSON: {error}")))?;
            Wanted::Ask(Ask { agent: name, skill, input, options, ceiling })
        }
        AgentsCall::Find { task } => Wanted::Find(task.parse().map_err(|_| no_child())?),
        AgentsCall::Get { task } => Wanted::Get(*task),
        AgentsCall::Cancel { task } => Wanted::Cancel(*task),
        AgentsCall::Children => Wanted::Children,
    }))
}

fn options_of(text: &str) -> Result<AskOptions, Answer> {
    let options: AskOptions = read_options(text, limits::ASK_OPTIONS_BYTES_MAX, "asking an agent")?;
    options.check().map_err(|error| Answer::Invalid(error.message))?;
    Ok(options)
}

impl Permit {
    /// What performing the permitted call means.
    pub(super) fn deed<'a>(self, gate: &'a Gate) -> Deed<'a> {
        match self.0 {
            Wanted::Ask(ask) => Deed::Own(Change::Ask(Box::new(ask))),
            Wanted::Cancel(task) => Deed::Own(Change::CancelChild(task)),
            Wanted::Find(task) => Deed::Read(Box::pin(async move {
                let found = gate.ledger().await?.child(task).await?;
                Ok(found.map_or_else(no_child, |child| Answer::Agents(AgentsAnswer::Child(child.task))))
            })),
            Wanted::Get(task) => {
                Deed::Read(Box::pin(async move { Ok(Answer::of_child(gate.ledger().await?.child(task).await?)) }))
            }
            Wanted::Children => Deed::Read(Box::pin(async move {
                let all = gate.ledger().await?.children(limits::CHILDREN_LISTED_MAX).await?;
                let told = |child: Child| {
                    let Child { task, agent, skill, status, .. } = child;
                    serde_json::json!({ "task": task, "agent": agent, "skill": skill, "status": status })
                };
                let list: Vec<serde_json::Value> = all.into_iter().map(told).collect();
                Ok(Answer::Agents(AgentsAnswer::Children(serde_json::Value::Array(list).to_string())))
            })),
        }
    }
}

#[cfg(test)]
#[path = "agents_tests.rs"]
mod tests;
