//! What is remembered: of a conversation, in the keys of its instance; and the questions without an answer, in
//! those of the deployment.

use std::collections::BTreeMap;

use troupe_sdk::conversation::About;
use troupe_sdk::prelude::*;
use troupe_sdk::state::Space;

/// The field of the context, and the key of the instance.
const REMEMBERED: &str = "remembered";
const UNKNOWN: &str = "unknown";
/// Most that is remembered of one conversation.
const REMEMBERED_MAX: usize = 50;
/// Most questions without an answer that are kept.
const UNKNOWN_MAX: usize = 200;
/// Longest of either, in characters.
const CHARS_MAX: usize = 200;

/// A question without an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unknown {
    /// The question as it was asked first.
    pub question: String,
    /// How often it was asked.
    pub asked: u64,
}

/// What is remembered of this conversation: where it is with an instance, there; else in its context. What cannot
/// be read is no reason not to answer.
pub fn remembered(about: &About) -> BTreeMap<String, String> {
    let kept = match invocation::instance() {
        Some(_) => Space::Instance.get_json(REMEMBERED).ok().flatten(),
        None => about.context.get(REMEMBERED).and_then(|kept| serde_json::from_value(kept.clone()).ok()),
    };
    kept.unwrap_or_default()
}

/// Changes one thing that is remembered; what is returned is for the context, if it is kept there.
///
/// # Errors
///
/// [`Failure::InvalidInput`] if there is too much of it; what keeps the state from being written.
pub fn remember(about: &About, name: &str, value: Option<&str>) -> Result<Option<serde_json::Value>, Failure> {
    if invocation::instance().is_none() {
        changed(remembered(about), name, value)?;
        let patch = BTreeMap::from([(name, value.map(cut))]);
        return Ok(Some(serde_json::json!({ REMEMBERED: patch })));
    }
    // What cannot be read is not written over.
    Space::Instance.update_json(REMEMBERED, |kept: Option<BTreeMap<String, String>>| {
        changed(kept.unwrap_or_default(), name, value)
    })?;
    Ok(None)
}

fn changed(
    mut all: BTreeMap<String, String>,
    name: &str,
    value: Option<&str>,
) -> Result<BTreeMap<String, String>, Failure> {
    match value {
        Some(value) => _ = all.insert(cut(name), cut(value)),
        None => _ = all.remove(name),
    }
    if all.len() > REMEMBERED_MAX {
        let message = format!("I remember {REMEMBERED_MAX} things of a conversation already; have me forget one first");
        return Err(Failure::invalid_input(message));
    }
    Ok(all)
}

/// Keeps a question that has no answer. That it cannot be kept is no reason not to say so.
pub fn note_unknown(question: &str) {
    let question = cut(question.trim());
    if question.is_empty() {
        return;
    }
    let kept = state::update_json(UNKNOWN, |known: Option<Vec<Unknown>>| {
        let mut known = known.unwrap_or_default();
        let is_full = known.len() >= UNKNOWN_MAX;
        let same = known.iter_mut().find(|one| one.question.to_lowercase() == question.to_lowercase());
        match same {
            Some(one) => one.asked += 1,
            None if is_full => {}
            None => known.push(Unknown { question: question.clone(), asked: 1 }),
        }
        Ok(known)
    });
    if let Err(error) = kept {
        log::warn!("a question without an answer is not kept", why = error);
    }
}

/// The questions without an answer.
///
/// # Errors
///
/// What keeps the state from being read.
pub fn unknown() -> Result<Vec<Unknown>, Failure> {
    let mut known: Vec<Unknown> = state::get_json(UNKNOWN)?.unwrap_or_default();
    known.sort_by_key(|one| std::cmp::Reverse(one.asked));
    Ok(known)
}

fn cut(text: &str) -> String {
    text.chars().take(CHARS_MAX).collect()
}
