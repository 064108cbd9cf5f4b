//! What becomes of a message.
//!
//! ```text
//!  "remember that x is y", "forget x" ─▸ remembered        an input was asked for ─▸ taken, the handover goes on
//!  words ─▸ what is meant ─┬─ an entry, a fact, something remembered ─▸ said
//!                          ├─ a handover ─▸ asks what is missing ─▸ reads: asked at once │ writes: proposed
//!                          ├─ several ─▸ which of these?
//!                          └─ nothing ─▸ says so, keeps the question
//! ```

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use troupe_sdk::conversation::{About, Answer, Message, Suggestion};
use troupe_sdk::prelude::*;

use crate::handover::{HandoverInput, perform, taken};
use crate::matching::{Kind, Matched, meant};
use crate::memory::{note_unknown, remember, remembered};
use crate::settings::{Handover, Reach, Settings};

/// From which score on it is not said what was understood.
const SURE: u32 = 75;
/// Longest text that the host takes of an answer, in bytes.
const TEXT_BYTES_MAX: usize = 16 * 1024;
/// Most that is suggested.
const SUGGESTIONS_MAX: usize = 5;

/// A question.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Its words.
    pub question: String,
}

/// An answer without a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Answered {
    /// What there is to say.
    pub text: String,
    /// Whether it knows.
    pub known: bool,
    /// What was understood; several where more than one may be meant.
    pub matched: Vec<Matched>,
}

/// Answers a question by itself.
pub fn answered(question: &str, settings: &Settings) -> Answered {
    let none = BTreeMap::new();
    let matched: Vec<Matched> =
        meant(question, settings, &none).into_iter().filter(|matched| matched.kind != Kind::Handover).collect();
    match matched.as_slice() {
        [] => Answered { text: unknown(settings), known: false, matched },
        [only] => Answered { text: text_of(only, settings, &none), known: true, matched },
        several => Answered { text: which(several), known: false, matched },
    }
}

/// Answers a message, with no longer text than the host takes.
///
/// # Errors
///
/// What keeps something from being remembered.
pub async fn said(message: &Message, settings: &Settings) -> Result<Answer, Failure> {
    let mut answer = replied(message, settings).await?;
    if answer.text.len() > TEXT_BYTES_MAX {
        let room = TEXT_BYTES_MAX - '…'.len_utf8();
        answer.text.truncate(answer.text.floor_char_boundary(room));
        answer.text.push('…');
    }
    Ok(answer)
}

async fn replied(message: &Message, settings: &Settings) -> Result<Answer, Failure> {
    let before = remembered(&message.about);
    if let Some(answer) = memorised(message, &before)? {
        return Ok(answer);
    }
    if let Some((handover, known)) = asked_before(message, settings) {
        return handed_over(handover, known, message, &before).await;
    }
    let matched = meant(&message.text, settings, &before);
    let [only] = matched.as_slice() else {
        return if matched.is_empty() { not_known(message, settings) } else { one_of(&matched) };
    };
    if only.kind == Kind::Handover {
        return handed_over(settings.handover(&only.id)?, Map::new(), message, &before).await;
    }
    let text = text_of(only, settings, &before);
    let text = if only.score < SURE { format!("I take it that you ask “{}”. {text}", only.asked_as) } else { text };
    let entry = settings.entries.iter().find(|entry| only.kind == Kind::Entry && entry.id == only.id);
    let next = entry.map(|entry| entry.suggest.clone()).unwrap_or_default();
    let answer = Answer::text(text).with(&json!({ "matched": only }))?;
    Ok(next.into_iter().take(SUGGESTIONS_MAX).fold(answer, Answer::suggesting))
}

/// What could be said next: at first what it knows of, later what its answers suggest.
pub fn suggestions(about: &About, settings: &Settings) -> Vec<Suggestion> {
    if !about.history.is_empty() {
        return Vec::new();
    }
    known(settings).map(|way| Suggestion::new(way).because("I know of that")).take(SUGGESTIONS_MAX).collect()
}

fn known(settings: &Settings) -> impl Iterator<Item = String> {
    let entries = settings.entries.iter().filter_map(|entry| entry.ask.first().cloned());
    let handovers = settings.handovers.iter().filter_map(|handover| handover.ask.first().cloned());
    let facts = settings.facts.keys().map(|name| format!("what is {name}"));
    entries.chain(handovers).chain(facts)
}

/// Does what a message says of the memory, if it says something of it.
fn memorised(message: &Message, before: &BTreeMap<String, String>) -> Result<Option<Answer>, Failure> {
    let text = message.text.trim().trim_end_matches(['.', '!']);
    let lower = text.to_lowercase();
    // Only letters of one byte are taken off, so both are as long there.
    let after = |start: &str| lower.starts_with(start).then(|| text.get(start.len()..)).flatten().map(str::trim);
    if let Some(rest) = after("remember that ").or_else(|| after("remember ")) {
        let Some((name, value)) = rest.split_once(" is ").or_else(|| rest.split_once(": ")) else {
            return Ok(Some(Answer::text("Say it as in: remember that my team is Lions")));
        };
        let name = plain(name);
        let patch = remember(&message.about, &name, Some(value.trim()))?;
        let answer = Answer::text(format!("I remember: {name} is {}", value.trim()));
        return Ok(Some(patched(answer, patch)));
    }
    if let Some(name) = after("forget ").map(plain) {
        if !before.contains_key(&name) {
            return Ok(Some(Answer::text(format!("I do not remember anything of {name}"))));
        }
        let patch = remember(&message.about, &name, None)?;
        return Ok(Some(patched(Answer::text(format!("I forgot {name}")), patch)));
    }
    if lower.trim_end_matches('?') == "what do you remember" {
        let lines: Vec<String> = before.iter().map(|(name, value)| format!("{name} is {value}")).collect();
        let text = if lines.is_empty() { "nothing yet".to_owned() } else { lines.join("; ") };
        return Ok(Some(Answer::text(format!("I remember: {text}")).with(&json!({ "remembered": before }))?));
    }
    Ok(None)
}

fn plain(name: &str) -> String {
    let name = name.trim().to_lowercase();
    name.strip_prefix("my ").unwrap_or(&name).trim().to_owned()
}

fn patched(mut answer: Answer, patch: Option<Value>) -> Answer {
    if let Some(Value::Object(patch)) = patch {
        answer.context.extend(patch);
    }
    answer
}

/// The handover for which an input was asked last, with what is known of it and this message as what was asked.
fn asked_before<'a>(message: &Message, settings: &'a Settings) -> Option<(&'a Handover, Map<String, Value>)> {
    let reply = message.last_reply().filter(|reply| reply.kind == "asks")?;
    let asked = reply.output.as_ref()?;
    let handover = settings.handover(asked.get("handover")?.as_str()?).ok()?;
    let mut known = asked.get("input")?.as_object().cloned().unwrap_or_default();
    let text = message.text.trim();
    if !text.is_empty() {
        known.insert(asked.get("missing")?.as_str()?.to_owned(), Value::from(text));
    }
    Some((handover, known))
}

async fn handed_over(
    handover: &Handover,
    known: Map<String, Value>,
    message: &Message,
    before: &BTreeMap<String, String>,
) -> Result<Answer, Failure> {
    let (input, missing) = taken(handover, known, message, before);
    let (agent, skill) = (&handover.agent, &handover.skill);
    if let Some(missing) = missing {
        let asked = json!({ "handover": handover.id, "input": input, "missing": missing.name });
        let text = format!("For that I need {}.", missing.description);
        return Answer::text(text).asking(missing.name.as_str(), missing.description.as_str()).with(&asked);
    }
    if handover.effect != Reach::Read {
        let text = format!("I would hand over to `{agent}`, which changes something by `{skill}`. Shall I?");
        let input = HandoverInput { handover: handover.id.clone(), input };
        return Answer::text(text).proposing("hand_over", &input);
    }
    progress::report(None, format!("asking {agent}"));
    match perform(handover, &input).await {
        Ok(done) => Answer::text(done.text.as_str()).with(&done),
        Err(failure) => {
            let text = format!("I asked `{agent}` for `{skill}`, and it did not answer: {failure}");
            Answer::text(text).with(&json!({ "agent": agent, "skill": skill, "failed": failure.to_string() }))
        }
    }
}

fn text_of(matched: &Matched, settings: &Settings, before: &BTreeMap<String, String>) -> String {
    let is = |value: Option<&String>| format!("{} is {}", matched.id, value.cloned().unwrap_or_default());
    match matched.kind {
        Kind::Entry => {
            let entry = settings.entries.iter().find(|entry| entry.id == matched.id);
            entry.map(|entry| settings.filled(&entry.answer)).unwrap_or_default()
        }
        Kind::Fact => is(settings.facts.get(&matched.id)),
        Kind::Remembered => is(before.get(&matched.id)),
        Kind::Handover => String::new(),
    }
}

fn which(several: &[Matched]) -> String {
    let ways: Vec<&str> = several.iter().map(|matched| matched.asked_as.as_str()).collect();
    format!("That may mean several things; which is it? {}", ways.join(" / "))
}

fn one_of(several: &[Matched]) -> Result<Answer, Failure> {
    let mut answer = Answer::text(which(several)).asking("question", "what is meant");
    let ways = several.iter().map(|matched| matched.asked_as.clone());
    answer.questions.iter_mut().for_each(|question| question.values = ways.clone().map(Value::from).collect());
    ways.fold(answer, Answer::suggesting).with(&json!({ "several": several }))
}

fn unknown(settings: &Settings) -> String {
    let plain = "I do not know that, and do not guess. I have noted the question.";
    settings.filled(settings.unknown.as_deref().unwrap_or(plain))
}

fn not_known(message: &Message, settings: &Settings) -> Result<Answer, Failure> {
    note_unknown(&message.text);
    let answer = Answer::text(unknown(settings)).with(&json!({ "unknown": message.text }))?;
    Ok(known(settings).take(SUGGESTIONS_MAX).fold(answer, Answer::suggesting))
}
