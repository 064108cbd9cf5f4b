//! How a message is to be answered: in the agent's own words, if it exports a conversation; else by running
//! a skill, or by the host itself, which asks, proposes, or tells what there is.
//!
//! *The attack:* words that an agent, a document or a stranger put into somebody's mouth have an agent
//! change something. *The rule:* from words alone only skills of effect class `read` are run. Everything
//! else is proposed, with the exact skill and input; the next message to the same agent confirms it by
//! its id, and exactly that is run, once. What was proposed before a release that says more of the skill's
//! effect is proposed anew. So it is where the host reads the words; an agent's own conversation reaches as far
//! as the effect class that its profile says of it (`conversing.rs`). *The default:* nothing is run.

use serde_json::{Map, Value};
use troupe_core::view::{MessageState, NewTask, Reply, ReplyKind, TaskFailure};
use troupe_core::{Caller, Code, Effect, Error, ProposalId, Result};
use troupe_store::{MessageRow, NewMessageRow, Planned, SessionRow, Step, session_not_found};

use super::talk::not_proposed;
use super::understand::{Heard, Meant, understand};
use crate::Runtime;
use crate::blocking::blocking;

impl Runtime {
    /// How a message is to be answered, of those before the number `before`; nothing while one to the
    /// same agent is unanswered.
    ///
    /// # Errors
    /// What keeps the agent from being asked; [`Code::SessionProposal`].
    pub(super) async fn plan(&self, session: &SessionRow, new: &NewMessageRow, before: u64) -> Result<Option<Planned>> {
        let to = (&new.agent, new.instance);
        let last = self.store.last_said(&session.tenant, session.id, to, before).await?;
        if last.as_ref().is_some_and(|last| last.state != MessageState::Answered) {
            return Ok(None);
        }
        let after = last.as_ref().map_or(0, |last| last.number);
        // Read after the reply before: what came with it is in force.
        let session =
            &self.store.session(&session.tenant, session.id).await?.ok_or_else(|| session_not_found(session.id))?;
        let step = match &new.message.confirm {
            Some(id) => self.confirmed(session, new, last, id.parse()?).await?,
            None => self.read(session, new, (last, before)).await?,
        };
        Ok(Some(Planned { after, step }))
    }

    /// What was proposed, once it is confirmed.
    async fn confirmed(
        &self,
        session: &SessionRow,
        new: &NewMessageRow,
        last: Option<MessageRow>,
        id: ProposalId,
    ) -> Result<Step> {
        let proposed = last.and_then(|last| last.reply).filter(|reply| reply.proposal == Some(id));
        let Some(Reply { skill: Some(skill), input: Some(input), effect: Some(effect), .. }) = proposed else {
            return Err(not_proposed(id));
        };
        let route = self.serving(&session.tenant, new.agent.as_str()).await?;
        if route.skill(&skill)?.effect > effect {
            return self.step(session, new, None, (skill, input)).await;
        }
        self.run(session, new, None, (skill, input)).await
    }

    /// What the words of a message lead to.
    async fn read(
        &self,
        session: &SessionRow,
        new: &NewMessageRow,
        (last, before): (Option<MessageRow>, u64),
    ) -> Result<Step> {
        let route = self.serving(&session.tenant, new.agent.as_str()).await?;
        if route.converses() {
            return Ok(Step::Task(None, Box::new(self.told(session, new, before).await?)));
        }
        let release = Some(route.ran_on());
        let (message, context) = (new.message.clone(), session.context.clone());
        let asked = last.and_then(|last| last.reply).filter(|reply| reply.kind == ReplyKind::Asks);
        let (reading, meant) = blocking(move || {
            let asked = asked.as_ref().and_then(|reply| Some((reply.skill.as_deref()?, reply.input.as_ref()?)));
            let heard = Heard { text: &message.text, input: message.input.as_ref(), context: &context, asked };
            Ok(understand(route.vocabulary(), heard))
        })
        .await?;
        let reply = match meant {
            Meant::Ready(skill, input) => return self.step(session, new, Some(reading), (skill, input)).await,
            Meant::Asks(skill, input, missing) => {
                let names: Vec<String> = missing.iter().map(|missing| format!("`{}`", missing.name)).collect();
                let text = format!("`{skill}` needs {}", names.join(", "));
                Reply { skill: Some(skill), input: Some(input), missing, ..Reply::new(ReplyKind::Asks, text) }
            }
            Meant::Several(candidates) => {
                let text = "several skills could be meant; say which, by its name";
                Reply { candidates, ..Reply::new(ReplyKind::Candidates, text) }
            }
            Meant::Nothing(candidates) => {
                let text = format!("no skill of `{}` fits these words; this is what it can do", new.agent);
                Reply { candidates, ..Reply::new(ReplyKind::Abilities, text) }
            }
        };
        Ok(Step::Reply(Some(reading), Box::new(Reply { release, ..reply })))
    }

    /// Runs a skill that only reads, and proposes any other.
    async fn step(
        &self,
        session: &SessionRow,
        new: &NewMessageRow,
        reading: Option<troupe_core::view::Reading>,
        (skill, input): (String, Map<String, Value>),
    ) -> Result<Step> {
        let route = self.serving(&session.tenant, new.agent.as_str()).await?;
        let effect = route.skill(&skill)?.effect;
        if effect == Effect::Read {
            return self.run(session, new, reading, (skill, input)).await;
        }
        if let Err(error) = route.skill(&skill)?.check_input(&Value::Object(input.clone())) {
            return Ok(refused(reading, skill, &error));
        }
        let text =
            format!("`{skill}` is of the effect class `{effect}`, so it is run with this input once you confirm it");
        let reply = Reply {
            skill: Some(skill),
            input: Some(input),
            proposal: Some(ProposalId::generate(&*self.clock, &*self.entropy)),
            effect: Some(effect),
            release: Some(route.ran_on()),
            ..Reply::new(ReplyKind::Proposal, text)
        };
        Ok(Step::Reply(reading, Box::new(reply)))
    }

    /// A task for a skill.
    async fn run(
        &self,
        session: &SessionRow,
        new: &NewMessageRow,
        reading: Option<troupe_core::view::Reading>,
        (skill, input): (String, Map<String, Value>),
    ) -> Result<Step> {
        let speaker = Caller::absent(&session.tenant, &new.principal);
        let request = NewTask {
            instance: new.instance.map(|instance| instance.to_string()),
            affinity: Some(session.id.to_string()),
            ..NewTask::new(new.agent.as_str(), &skill, Value::Object(input))
        };
        match self.task_asked(&speaker, request).await {
            Ok(task) => {
                let task = troupe_store::TaskRow { session: Some(session.id), ..task };
                Ok(Step::Task(reading, Box::new(task)))
            }
            Err(error) if error.code == Code::InputInvalid => Ok(refused(reading, skill, &error)),
            Err(error) => Err(error),
        }
    }
}

/// The reply when inputs do not fit their schema.
fn refused(reading: Option<troupe_core::view::Reading>, skill: String, error: &Error) -> Step {
    let reply = Reply { skill: Some(skill), ..Reply::failed(TaskFailure::from(error)) };
    Step::Reply(reading, Box::new(reply))
}
