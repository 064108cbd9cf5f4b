//! Which of what the agent knows is meant: by the words that a message shares with the ways to ask for it. A word
//! that fewer subjects have counts more.

use std::collections::{BTreeMap, BTreeSet};

use troupe_sdk::prelude::*;

use crate::settings::Settings;
use crate::words::words;

/// Least score, in percent, by which something is meant.
const SCORE_MIN: u32 = 45;
/// What is nearer than this, in percent, may be meant as well.
const NEAR: u32 = 8;
/// Most that are shown where several are meant.
const SEVERAL_MAX: usize = 5;

/// What kind of subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A question with its answer.
    Entry,
    /// A fact.
    Fact,
    /// Something that was said before and is remembered.
    Remembered,
    /// What another agent does.
    Handover,
}

/// A subject, and why it is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Matched {
    /// What kind.
    pub kind: Kind,
    /// Its id, or the name of a fact.
    pub id: String,
    /// The way to ask for it that is nearest.
    pub asked_as: String,
    /// How much of both is shared, in percent.
    pub score: u32,
    /// The words that are.
    pub words: Vec<String>,
}

/// A way to ask for something.
struct Way {
    kind: Kind,
    id: String,
    text: String,
    words: BTreeSet<String>,
}

fn ways(settings: &Settings, remembered: &BTreeMap<String, String>) -> Vec<Way> {
    let way =
        |kind: Kind, id: &str, text: &str| Way { kind, id: id.to_owned(), text: text.to_owned(), words: words(text) };
    let entries =
        settings.entries.iter().flat_map(|entry| entry.ask.iter().map(|ask| way(Kind::Entry, &entry.id, ask)));
    let facts = settings.facts.keys().map(|name| way(Kind::Fact, name, name));
    let before = remembered.keys().map(|name| way(Kind::Remembered, name, name));
    let handovers = settings.handovers.iter().flat_map(|to| to.ask.iter().map(|ask| way(Kind::Handover, &to.id, ask)));
    before.chain(entries).chain(facts).chain(handovers).collect()
}

/// What a text may mean, the nearest first: nothing, one, or several that are as near.
pub fn meant(text: &str, settings: &Settings, remembered: &BTreeMap<String, String>) -> Vec<Matched> {
    let (said, ways) = (words(text), ways(settings, remembered));
    let subjects: BTreeSet<(u8, &str)> = ways.iter().map(|way| (way.kind as u8, way.id.as_str())).collect();
    let weight = |word: &str| {
        let having: BTreeSet<(u8, &str)> =
            ways.iter().filter(|way| way.words.contains(word)).map(|way| (way.kind as u8, way.id.as_str())).collect();
        if having.is_empty() { 1.0 } else { 1.0 + (subjects.len() as f64 / having.len() as f64).ln() }
    };
    let weights: BTreeMap<&str, f64> =
        said.iter().chain(ways.iter().flat_map(|way| &way.words)).map(|word| (word.as_str(), weight(word))).collect();
    let sum =
        |words: &mut dyn Iterator<Item = &String>| -> f64 { words.filter_map(|word| weights.get(word.as_str())).sum() };
    let whole = sum(&mut said.iter());
    let mut best: Vec<Matched> = Vec::new();
    for way in &ways {
        let shared: Vec<String> = way.words.intersection(&said).cloned().collect();
        let all = whole + sum(&mut way.words.iter());
        let score = if all > 0.0 { (200.0 * sum(&mut shared.iter()) / all).round() as u32 } else { 0 };
        let matched = Matched { kind: way.kind, id: way.id.clone(), asked_as: way.text.clone(), score, words: shared };
        match best.iter_mut().find(|other| (other.kind, &other.id) == (way.kind, &way.id)) {
            Some(other) if other.score < score => *other = matched,
            Some(_) => {}
            None => best.push(matched),
        }
    }
    best.retain(|matched| matched.score >= SCORE_MIN);
    // Among those that are as near the order of the configuration stays.
    best.sort_by_key(|matched| std::cmp::Reverse(matched.score));
    let least = best.first().map_or(0, |first| first.score.saturating_sub(NEAR));
    // What is asked for word by word is meant, however near another is.
    let is_exact = best.first().is_some_and(|first| first.score == 100);
    best.retain(|matched| matched.score >= if is_exact { 100 } else { least });
    best.truncate(if is_exact { 1 } else { SEVERAL_MAX });
    best
}
