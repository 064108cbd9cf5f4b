//! `agents`: asking other agents of the tenant. Everything goes through the gate; this file only
//! translates.

use troupe_core::{Awaited, TaskId};
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;

use super::refusal::refusal;
use crate::bindings::troupe::agent::agents::{AskError, Host, HostChild};
use crate::bindings::troupe::agent::types::Problem;
use crate::context::Context;
use crate::gate::{AgentsAnswer, AgentsCall, Answer, Call};

type Answered<T> = Result<std::result::Result<T, AskError>>;

/// A task that the guest's has asked for.
#[derive(Debug)]
pub struct Child {
    task: TaskId,
    /// The call that asked for it, or found it.
    number: u64,
    /// Whether its end was told.
    is_over: bool,
}

impl Host for Context {
    async fn ask(&mut self, agent: String, skill: String, input: String, options: String) -> Answered<Resource<Child>> {
        self.child(AgentsCall::Ask { agent, skill, input, options }).await
    }

    async fn find(&mut self, id: String) -> Answered<Resource<Child>> {
        self.child(AgentsCall::Find { task: id }).await
    }

    async fn children(&mut self) -> Answered<String> {
        Ok(match self.agents(AgentsCall::Children).await? {
            Answer::Agents(AgentsAnswer::Children(list)) => Ok(list),
            other => Err(refused(other)),
        })
    }
}

impl HostChild for Context {
    async fn id(&mut self, child: Resource<Child>) -> Result<String> {
        self.count()?;
        Ok(self.table.get(&child)?.task.to_string())
    }

    async fn subscribe(&mut self, child: Resource<Child>) -> Result<Resource<DynPollable>> {
        self.count()?;
        let Child { task, number, is_over } = *self.table.get(&child)?;
        self.subscribe_to(Awaited::Task(task), number, is_over)
    }

    async fn get(&mut self, child: Resource<Child>) -> Answered<Option<String>> {
        let task = self.table.get(&child)?.task;
        let answer = self.agents(AgentsCall::Get { task }).await?;
        self.table.get_mut(&child)?.is_over |=
            matches!(answer, Answer::Agents(AgentsAnswer::Completed(_) | AgentsAnswer::Ended { .. }));
        Ok(match answer {
            Answer::Agents(AgentsAnswer::Pending) => Ok(None),
            Answer::Agents(AgentsAnswer::Completed(output)) => Ok(Some(output)),
            other => Err(refused(other)),
        })
    }

    async fn cancel(&mut self, child: Resource<Child>) -> Answered<()> {
        let task = self.table.get(&child)?.task;
        Ok(match self.agents(AgentsCall::Cancel { task }).await? {
            Answer::Agents(AgentsAnswer::Cancelling) => Ok(()),
            other => Err(refused(other)),
        })
    }

    async fn drop(&mut self, child: Resource<Child>) -> Result<()> {
        self.table.delete(child)?;
        Ok(())
    }
}

impl Context {
    async fn agents(&mut self, call: AgentsCall) -> Result<Answer> {
        Ok(self.gate.pass(Call::Agents(call)).await?)
    }

    async fn child(&mut self, call: AgentsCall) -> Answered<Resource<Child>> {
        let answer = self.agents(call).await?;
        let number = self.gate.made();
        Ok(match answer {
            Answer::Agents(AgentsAnswer::Child(task)) => Ok(self.table.push(Child { task, number, is_over: false })?),
            other => Err(refused(other)),
        })
    }
}

/// What the guest is told when there is nothing else.
fn refused(answer: Answer) -> AskError {
    match answer {
        Answer::Agents(AgentsAnswer::Ended { message, details }) => {
            AskError::Ended(Problem { message, details: Some(details) })
        }
        other => AskError::Refused(refusal(other)),
    }
}
