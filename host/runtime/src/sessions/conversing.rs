//! Agents that answer in their own words: what they are told, and what becomes of their answer.
//!
//! *The attack:* an agent, or words that somebody put before it, has itself changed something on behalf of
//! whoever speaks to it; or a caller makes the agent believe that another one speaks. *The rule:* what is
//! told is made by the host of the session's own rows, and a task of this kind is made for a message alone.
//! What the conversation itself does is bounded by the effect class that its profile says, by the grants and
//! by the gate, as in a skill. A skill that it proposes must be one of its own, with an input that it takes,
//! and is run once somebody confirms exactly that. *The default:* a conversation reads.

use serde::Deserialize as _;
use serde_json::{Map, Value, json};
use troupe_core::view::{About, NewTask, OwnWords, Reply, TaskFailure, TaskStatus, Told};
use troupe_core::{Code, Effect, Error, ProposalId, Result, SkillName, limits};
use troupe_store::{MessageRow, NewMessageRow, Said, SessionRow, TaskRow};

use super::talk;
use crate::Runtime;
use crate::route::{Route, Skill};

/// The conversation of a release: its calls, with what they answer.
pub(crate) struct Conversing {
    converse: Skill,
    suggest: Skill,
}

impl Conversing {
    /// One of this effect class.
    pub(crate) fn of(effect: Effect) -> Result<Self> {
        let words = json!({
            "type": "object",
            "required": ["text"],
            "properties": {
                "text": { "type": "string" },
                "questions": { "type": "array", "maxItems": limits::ANSWER_ITEMS_MAX, "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {
                        "name": { "type": "string", "maxLength": 128 },
                        "description": { "type": "string", "maxLength": limits::SKILL_DESCRIPTION_CHARS_MAX },
                        "type": { "type": "string", "maxLength": 32 },
                        "values": { "type": "array", "maxItems": 100 },
                    },
                } },
                "proposal": { "type": "object", "required": ["skill"], "properties": {
                    "skill": { "type": "string" },
                    "input": { "type": "object" },
                } },
                "suggestions": { "$ref": "#/$defs/suggestions" },
                "context": { "type": "object" },
            },
            "$defs": { "suggestions": suggestions() },
        });
        let hints = json!({ "type": "object", "properties": { "suggestions": suggestions() } });
        let converse = Skill::of_the_host(effect, &words)?;
        Ok(Self { converse, suggest: Skill::of_the_host(Effect::Read, &hints)? })
    }

    /// The call that a task of this name is.
    pub(crate) fn call(&self, name: &str) -> Option<&Skill> {
        match name {
            SkillName::CONVERSE => Some(&self.converse),
            SkillName::SUGGEST => Some(&self.suggest),
            _ => None,
        }
    }
}

fn suggestions() -> Value {
    json!({ "type": "array", "maxItems": limits::ANSWER_ITEMS_MAX, "items": {
        "type": "object",
        "required": ["text"],
        "properties": {
            "text": { "type": "string", "maxLength": 2_000 },
            "why": { "type": ["string", "null"], "maxLength": 2_000 },
        },
    } })
}

/// Checks what an agent answers in its own words, beyond its schema.
///
/// # Errors
/// [`Code::OutputInvalid`], naming what is wrong.
pub(crate) fn check_words(route: &Route, answer: &Value) -> Result<()> {
    let invalid = |message: String| Error::new(Code::OutputInvalid, format!("the agent's answer {message}"));
    let words = words(answer)?;
    if words.text.len() > limits::ANSWER_TEXT_BYTES_MAX {
        let most = limits::bytes(limits::ANSWER_TEXT_BYTES_MAX as u64);
        let message =
            format!("has a `text` of {} bytes; it may have {most}: put the rest into `output`", words.text.len());
        return Err(invalid(message));
    }
    let length =
        |object: &Map<String, Value>| serde_json::to_vec(object).map(|text| text.len()).map_err(Error::internal);
    let patch = length(&words.context)?;
    if patch > limits::SESSION_CONTEXT_BYTES_MAX {
        let most = limits::bytes(limits::SESSION_CONTEXT_BYTES_MAX as u64);
        return Err(invalid(format!("changes the `context` by {patch} bytes; a context may have {most}")));
    }
    let asks = ["questions", "suggestions"].iter().filter_map(|name| answer.get(name));
    let asks: u64 = asks.map(|items| items.to_string().len() as u64).sum();
    if asks > limits::MESSAGE_OUTPUT_BYTES_MAX {
        let most = limits::bytes(limits::MESSAGE_OUTPUT_BYTES_MAX);
        return Err(invalid(format!(
            "has `questions` and `suggestions` of {asks} bytes; together they may have {most}"
        )));
    }
    let Some(proposal) = words.proposal else { return Ok(()) };
    let input = length(&proposal.input)?;
    if input > limits::MESSAGE_INPUT_BYTES_MAX {
        let most = limits::bytes(limits::MESSAGE_INPUT_BYTES_MAX as u64);
        return Err(invalid(format!("proposes an input of {input} bytes; it may have {most}")));
    }
    let fits = route.skill(&proposal.skill).and_then(|skill| skill.check_input(&Value::Object(proposal.input)));
    fits.map_err(|error| invalid(format!("proposes what cannot be run: {}", error.message)))
}

/// The answer without its fields that are null: such a one is one that is absent, also in a question, a suggestion
/// and a proposal.
pub(crate) fn present(mut answer: Value) -> Value {
    let Some(fields) = answer.as_object_mut() else { return answer };
    fields.retain(|_, value| !value.is_null());
    for name in ["questions", "suggestions", "proposal"] {
        let items = match fields.get_mut(name) {
            Some(Value::Array(items)) => items.as_mut_slice(),
            Some(item) => std::slice::from_mut(item),
            None => continue,
        };
        for item in items.iter_mut().filter_map(Value::as_object_mut) {
            item.retain(|_, value| !value.is_null());
        }
    }
    answer
}

fn words(answer: &Value) -> Result<OwnWords> {
    OwnWords::deserialize(answer)
        .map_err(|error| Error::new(Code::OutputInvalid, format!("the agent's answer cannot be read: {error}")))
}

impl Runtime {
    /// The task in which an agent answers a message in its own words.
    ///
    /// # Errors
    /// Those of [`Runtime::submit`].
    pub(super) async fn told(&self, session: &SessionRow, new: &NewMessageRow, before: u64) -> Result<TaskRow> {
        let about = self.about(session, new, before).await?;
        let told = Told { text: new.message.text.clone(), input: new.message.input.clone(), about };
        let task = self.task_told(&speaker(session, new), call(session, new, SkillName::CONVERSE, &told)?).await?;
        Ok(TaskRow { session: Some(session.id), ..task })
    }

    /// What surrounds a message to an agent: of what was said before the number `before` to the same one, the
    /// newest that there is room for.
    pub(super) async fn about(&self, session: &SessionRow, new: &NewMessageRow, before: u64) -> Result<About> {
        let to = (&new.agent, new.instance);
        let said = self.store.history(&session.tenant, session.id, to, before, limits::HISTORY_MESSAGES_MAX).await?;
        let (mut history, mut bytes) = (Vec::new(), 0);
        for row in said {
            let turn = turn(row)?;
            // What was said last is told in any case: an answer to it is nothing without it.
            let turn = if history.is_empty() { shortened(turn) } else { turn };
            bytes += turn.to_string().len();
            if bytes > limits::HISTORY_BYTES_MAX {
                break;
            }
            history.push(turn);
        }
        history.reverse();
        Ok(About { user: session.user.clone(), context: session.context.clone(), history })
    }

    /// What an agent's own words are to a session, once its task has come to this end; nothing of a task for
    /// anything else.
    pub(crate) fn own_words(&self, route: &Route, task: &TaskRow, status: TaskStatus, answer: &Value) -> Option<Said> {
        if status != TaskStatus::Completed || task.skill.as_str() != SkillName::CONVERSE {
            return None;
        }
        let (mut reply, context) = match words(answer) {
            Ok(words) => words.reply(),
            // It was checked already.
            Err(error) => (Reply::failed(TaskFailure::from(&error)), Map::new()),
        };
        if let Some(skill) = reply.skill.as_deref().and_then(|skill| route.skill(skill).ok()) {
            reply.effect = Some(skill.effect);
            reply.proposal = Some(ProposalId::generate(&*self.clock, &*self.entropy));
        }
        let bytes = reply.output.as_ref().map_or(0, |output| output.to_string().len() as u64);
        if bytes > limits::MESSAGE_OUTPUT_BYTES_MAX {
            (reply.output, reply.output_bytes) = (None, Some(bytes));
        }
        reply.release = Some(route.ran_on());
        Some(Said { reply, context })
    }
}

/// A request for a call of an agent's conversation.
pub(super) fn call(
    session: &SessionRow,
    new: &NewMessageRow,
    name: &str,
    document: &impl serde::Serialize,
) -> Result<NewTask> {
    let document = serde_json::to_value(document).map_err(Error::internal)?;
    Ok(NewTask {
        instance: new.instance.map(|instance| instance.to_string()),
        affinity: Some(session.id.to_string()),
        ..NewTask::new(new.agent.as_str(), name, document)
    })
}

/// Who speaks.
pub(super) fn speaker(session: &SessionRow, new: &NewMessageRow) -> troupe_core::Caller {
    troupe_core::Caller::absent(&session.tenant, &new.principal)
}

/// A message and its reply, as an agent is told of them later.
fn turn(row: MessageRow) -> Result<Value> {
    let message = talk::view(row);
    let mut turn = json!({ "number": message.number, "text": message.message.text });
    if let (Some(turn), Some(input)) = (turn.as_object_mut(), message.message.input) {
        turn.insert("input".to_owned(), Value::Object(input));
    }
    if let (Some(turn), Some(reply)) = (turn.as_object_mut(), message.reply) {
        turn.insert("reply".to_owned(), serde_json::to_value(reply).map_err(Error::internal)?);
    }
    Ok(turn)
}

/// A turn without as much of its documents as there is no room for: of these, its words say the most.
fn shortened(mut turn: Value) -> Value {
    for (place, name) in
        [("/reply", "output"), ("", "input"), ("/reply", "input"), ("/reply", "suggestions"), ("/reply", "missing")]
    {
        if turn.to_string().len() <= limits::HISTORY_BYTES_MAX {
            break;
        }
        let Some(fields) = turn.pointer_mut(place).and_then(Value::as_object_mut) else { continue };
        if let Some(output) = fields.remove(name).filter(|_| name == "output") {
            fields.insert("output_bytes".to_owned(), Value::from(output.to_string().len()));
        }
    }
    turn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_is_null_is_one_that_is_absent() {
        let answer = json!({
            "text": "Which?", "output": null, "context": { "gone": null }, "suggestions": null,
            "questions": [{ "name": "a", "type": null, "values": null }],
            "proposal": { "skill": "stop", "input": { "why": null } },
        });
        let present = present(answer);
        let expected = json!({
            "text": "Which?", "context": { "gone": null }, "questions": [{ "name": "a" }],
            "proposal": { "skill": "stop", "input": { "why": null } },
        });
        assert_eq!(present, expected);
        Conversing::of(Effect::Read).unwrap().converse.check_output(&present).unwrap();
        assert_eq!(words(&present).unwrap().questions[0].kind, "any");
    }

    #[test]
    fn what_was_said_last_is_told_without_the_documents_that_there_is_no_room_for() {
        let long = "x".repeat(50_000);
        let turn =
            json!({ "number": 1, "text": "it", "input": { "a": long }, "reply": { "text": "so", "output": long } });
        let told = shortened(turn.clone());
        assert_eq!((&told["input"], &told["reply"]["output_bytes"]), (&turn["input"], &json!(50_002)));
        assert_eq!(told["reply"]["output"], Value::Null);
        let mut longer = turn;
        longer["input"] = json!({ "a": "x".repeat(70_000) });
        let told = shortened(longer);
        assert_eq!(told, json!({ "number": 1, "text": "it", "reply": { "text": "so", "output_bytes": 50_002 } }));
    }
}
