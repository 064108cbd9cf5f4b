//! Searching agents by what they say of themselves.
//!
//! Every word must occur somewhere; where it occurs says how much it counts, and names count
//! most. The documents are those that the list reads anyway, so there is no index to be kept in
//! step with them, and what is found is what is there.

use std::cmp::Reverse;

use troupe_core::view::AgentSummary;
use troupe_core::{Code, Error, Result, limits};
use troupe_package::Profile;

/// What somebody looks for.
#[derive(Debug)]
pub(super) struct Search(Vec<String>);

impl Search {
    /// Reads a text as words.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] for one that is too long or has no or too many words.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
        let (chars, most) = (limits::SEARCH_CHARS_MAX, limits::SEARCH_WORDS_MAX);
        if text.chars().count() > chars || !(1..=most).contains(&words.len()) {
            let message = format!("`search` is 1 to {most} words, together at most {chars} characters");
            return Err(Error::new(Code::RequestInvalid, message));
        }
        Ok(Self(words))
    }

    /// How well an agent fits; nothing if a word does not occur.
    fn rank(&self, summary: &AgentSummary, profile: &Profile) -> Option<u32> {
        let mut places = vec![(40, summary.name.to_lowercase()), (8, summary.summary.to_lowercase())];
        places.extend(profile.goals.iter().map(|goal| (6, goal.to_lowercase())));
        places.push((6, profile.summary.to_lowercase()));
        for skill in &profile.skills {
            places.push((20, skill.name.as_str().to_lowercase()));
            places.push((4, skill.description.to_lowercase()));
        }
        self.0.iter().try_fold(0, |rank, word| {
            let best = places.iter().filter_map(|(worth, text)| fits(text, word).map(|fit| worth * fit)).max()?;
            Some(rank + best)
        })
    }

    /// Those of the agents that fit, best first, then by name.
    pub(super) fn of(&self, agents: Vec<(AgentSummary, Profile)>, limit: u32) -> Vec<AgentSummary> {
        let rank = |(summary, profile): (AgentSummary, Profile)| Some((self.rank(&summary, &profile)?, summary));
        let mut found: Vec<(u32, AgentSummary)> = agents.into_iter().filter_map(rank).collect();
        found.sort_by(|(a, x), (b, y)| (Reverse(a), &x.name).cmp(&(Reverse(b), &y.name)));
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        found.into_iter().map(|(_, summary)| summary).collect()
    }
}

/// How well a word fits a text: whole, at a beginning of one of its words, or within.
fn fits(text: &str, word: &str) -> Option<u32> {
    if text == word {
        return Some(4);
    }
    let mut parts = text.split(|c: char| !c.is_alphanumeric());
    match text.contains(word) {
        true if parts.any(|part| part.starts_with(word)) => Some(2),
        true => Some(1),
        false => None,
    }
}
