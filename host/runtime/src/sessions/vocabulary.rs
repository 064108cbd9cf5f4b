//! What an agent can be asked for, as words: which skill the words of a message mean.
//!
//! Each word of the message counts for a skill by the best place in which it meets one of the
//! profile's: the skill's name most, then its description, its parameters, their descriptions, and a
//! goal of the agent that shares words with the skill. One of the same stem counts half. A word that
//! speaks for every skill counts half of one that speaks for a single one. So what is meant follows
//! from the words and the profile alone, and can be told word by word.

use std::collections::{BTreeMap, BTreeSet};

use troupe_core::view::{MatchedWord, MetIn, SkillCandidate};
use troupe_core::{Effect, limits};
use troupe_package::Profile;

use super::parameters::{Parameter, parameters};
use super::words::{STEM_CHARS_MIN, common_chars_min, is_small, one_stem, words};

/// What a word counts that is the same.
const fn weight(met_in: MetIn) -> u32 {
    match met_in {
        MetIn::Name => 60,
        MetIn::Description => 30,
        MetIn::Parameter => 20,
        MetIn::ParameterDescription | MetIn::Goal => 10,
    }
}

/// What counts at least for a skill that is meant: as much as one word of its description by its stem,
/// if that speaks for no other.
const MEANT_MIN: u32 = 15;

/// Words of a profile that begin as one of a message does and are held against it. In ours they are a
/// handful; the rest of a thousand is passed over, so that a message takes a bounded time.
const ALIKE_MAX: usize = 64;

/// A skill as a message may mean it.
#[derive(Debug)]
pub(crate) struct Meaning {
    pub(crate) name: String,
    pub(crate) summary: String,
    pub(crate) effect: Effect,
    pub(crate) parameters: Vec<Parameter>,
    /// The words of its name.
    called: Vec<String>,
}

/// All that an agent can be asked for.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    pub(crate) skills: Vec<Meaning>,
    /// Where each word stands: the number of a skill, and the best place in it.
    places: BTreeMap<String, BTreeMap<usize, MetIn>>,
}

/// What the words of a message count for a skill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scored {
    /// The number of the skill.
    pub(crate) skill: usize,
    pub(crate) score: u32,
    pub(crate) words: Vec<MatchedWord>,
    /// Whether the message has every word of its name.
    pub(crate) is_named: bool,
}

impl Vocabulary {
    /// Takes a profile apart.
    pub(crate) fn of(profile: &Profile) -> Self {
        let skills: Vec<Meaning> = profile
            .skills
            .iter()
            .map(|skill| Meaning {
                name: skill.name.to_string(),
                summary: first_sentence(&skill.description),
                effect: skill.effect,
                parameters: parameters(&skill.input),
                called: words(skill.name.as_str()),
            })
            .collect();
        let mut places: BTreeMap<String, BTreeMap<usize, MetIn>> = BTreeMap::new();
        let mut add = |number: usize, met_in: MetIn, text: &str| {
            for word in words(text).into_iter().filter(|word| met_in == MetIn::Name || !is_small(word)) {
                let place = places.entry(word).or_default().entry(number).or_insert(met_in);
                *place = met_in.min(*place);
            }
        };
        for (number, (skill, meaning)) in profile.skills.iter().zip(&skills).enumerate() {
            add(number, MetIn::Name, &meaning.name);
            add(number, MetIn::Description, &skill.description);
            for parameter in &meaning.parameters {
                add(number, MetIn::Parameter, &parameter.name);
                add(number, MetIn::ParameterDescription, parameter.description.as_deref().unwrap_or_default());
            }
        }
        for goal in profile.goals.iter().chain([&profile.summary]) {
            let of_goal: Vec<String> = words(goal).into_iter().filter(|word| !is_small(word)).collect();
            let sharing: BTreeSet<usize> =
                of_goal.iter().filter_map(|word| places.get(word)).flat_map(|skills| skills.keys().copied()).collect();
            for word in of_goal {
                let met = places.entry(word).or_default();
                for skill in &sharing {
                    met.entry(*skill).or_insert(MetIn::Goal);
                }
            }
        }
        Self { skills, places }
    }

    /// The skills for which some of a message's words speak, the most first. Words beyond
    /// [`limits::MESSAGE_WORDS_MAX`] different ones are passed over.
    pub(crate) fn scored(&self, message: &[String]) -> Vec<Scored> {
        let mut seen = BTreeSet::new();
        let mut scores: BTreeMap<usize, Scored> = BTreeMap::new();
        for word in message.iter().filter(|word| seen.insert(word.as_str())).take(limits::MESSAGE_WORDS_MAX) {
            let met = self.met(word);
            let (all, some) = (count(self.skills.len()), count(met.len()));
            for (skill, (met_in, same, place)) in met {
                let weight = if same { weight(met_in) } else { weight(met_in) / 2 };
                // Whole for one skill, half for all of them.
                let points = if all < 2 { weight } else { weight * (2 * all - 1 - some) / (2 * all - 2) };
                let scored = scores.entry(skill).or_insert_with(|| Scored {
                    skill,
                    score: 0,
                    words: Vec::new(),
                    is_named: false,
                });
                scored.score += points;
                scored.words.push(MatchedWord { word: word.clone(), met: place.to_owned(), met_in, points });
            }
        }
        let mut scored: Vec<Scored> = scores.into_values().collect();
        for scored in &mut scored {
            let called = self.skills.get(scored.skill).map(|skill| skill.called.as_slice()).unwrap_or_default();
            scored.is_named = !called.is_empty() && called.iter().all(|word| message.contains(word));
        }
        // What is called by its whole name is meant before what words only speak for.
        scored.sort_by_key(|scored| (std::cmp::Reverse((scored.is_named, scored.score)), scored.skill));
        scored
    }

    /// The skills that a word speaks for: where, whether it is the same word, and which it met.
    fn met(&self, word: &str) -> BTreeMap<usize, (MetIn, bool, &str)> {
        let mut met = BTreeMap::new();
        if let Some((place, skills)) = self.places.get_key_value(word) {
            note(&mut met, place, skills, true);
        }
        let begin: String = word.chars().take(common_chars_min(word)).collect();
        if !is_small(word) && begin.chars().count() >= STEM_CHARS_MIN {
            let alike = self.places.range(begin.clone()..).take_while(|(place, _)| place.starts_with(&begin));
            let alike = alike.take(ALIKE_MAX);
            for (place, skills) in alike.filter(|(place, _)| *place != word && one_stem(place, word)) {
                note(&mut met, place, skills, false);
            }
        }
        met
    }

    /// What the words of a message mean: one skill, or those that are too near to each other. The first
    /// is the best; none if nothing speaks for any.
    pub(crate) fn meant<'a>(&self, scored: &'a [Scored]) -> &'a [Scored] {
        let Some(best) = scored.first().filter(|best| best.is_named || best.score >= MEANT_MIN) else { return &[] };
        let near = |other: &&Scored| {
            if best.is_named && !other.is_named {
                return false;
            }
            // Who says `list all` means that, not `list`.
            let longer = |scored: &Scored| self.skills.get(scored.skill).map_or(0, |skill| skill.called.len());
            if best.is_named && longer(best) > longer(other) {
                return false;
            }
            other.score * 5 >= best.score * 4
        };
        let count = 1 + scored.iter().skip(1).take_while(near).count();
        scored.get(..count.min(limits::CANDIDATES_MAX)).unwrap_or(scored)
    }

    /// A skill as an answer names it.
    pub(crate) fn candidate(&self, skill: usize, score: u32) -> Option<SkillCandidate> {
        let meaning = self.skills.get(skill)?;
        let (skill, summary) = (meaning.name.clone(), meaning.summary.clone());
        Some(SkillCandidate { skill, summary, effect: meaning.effect, score })
    }

    /// Finds a skill by its name.
    pub(crate) fn skill(&self, name: &str) -> Option<&Meaning> {
        self.skills.iter().find(|skill| skill.name == name)
    }
}

/// Notes where a word meets skills, if that counts more than what is noted.
fn note<'a>(
    met: &mut BTreeMap<usize, (MetIn, bool, &'a str)>,
    place: &'a str,
    skills: &BTreeMap<usize, MetIn>,
    same: bool,
) {
    let worth = |met_in: MetIn, same: bool| weight(met_in) * if same { 2 } else { 1 };
    for (skill, met_in) in skills {
        let is_better =
            met.get(skill).is_none_or(|(before, was_same, _)| worth(*met_in, same) > worth(*before, *was_same));
        if is_better {
            met.insert(*skill, (*met_in, same, place));
        }
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// The first sentence of a description, in one line.
fn first_sentence(text: &str) -> String {
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    let line = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    let end = line.find(". ").map_or(line.len(), |end| end + 1);
    let sentence = line.get(..end).unwrap_or(&line);
    sentence.chars().take(limits::SUMMARY_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn vocabulary() -> Vocabulary {
        let skill = |name: &str, description: &str, input: serde_json::Value| json!({ "name": name, "description": description, "effect": "read", "input": input, "output": {} });
        let region = json!({ "type": "object", "properties": { "region": { "type": "string", "description": "Where to look." } } });
        let profile = json!({
            "profile": 1, "summary": "Looks after accounts", "goals": ["Answer what runs where", "Lower spending by costs"],
            "skills": [
                skill("list_instances", "Lists the machines of a region. They may be stopped.", region),
                skill("costs", "Tells what services cost in a month.", json!({})),
                skill("list_buckets", "Lists the buckets of an account.", json!({})),
            ]
        });
        Vocabulary::of(&Profile::parse(&profile.to_string()).unwrap())
    }

    fn meant(text: &str) -> Vec<String> {
        let vocabulary = vocabulary();
        let scored = vocabulary.scored(&words(text));
        vocabulary.meant(&scored).iter().map(|scored| vocabulary.skills[scored.skill].name.clone()).collect()
    }

    #[test]
    fn words_mean_the_skill_that_they_speak_for() {
        assert_eq!(meant("list instances, please"), ["list_instances"]);
        assert_eq!(meant("which machine is there?"), ["list_instances"]);
        assert_eq!(meant("how much is the cost of the services"), ["costs"]);
        assert_eq!(meant("listing of buckets"), ["list_buckets"]);
        assert_eq!(meant("list"), ["list_instances", "list_buckets"]);
        assert_eq!(meant("what about spending"), Vec::<String>::new());
        assert_eq!(meant("lower my spending costs"), ["costs"]);
        assert_eq!(meant("sing a song of the and"), Vec::<String>::new());
        assert_eq!(meant(""), Vec::<String>::new());
    }

    #[test]
    fn a_match_tells_each_word_and_what_it_counts() {
        let scored = vocabulary().scored(&words("list machine"));
        let words: Vec<_> = scored[0]
            .words
            .iter()
            .map(|word| (word.word.as_str(), word.met.as_str(), word.met_in, word.points))
            .collect();
        assert_eq!(words, [("list", "list", MetIn::Name, 45), ("machine", "machines", MetIn::Description, 15)]);
        assert_eq!(scored[0].score, 60);
        assert_eq!((scored[1].skill, scored[1].score), (2, 45));
        assert_eq!(vocabulary().candidate(0, 1).unwrap().summary, "Lists the machines of a region.");
    }

    proptest! {
        #[test]
        fn any_words_are_scored_in_one_order(text in any::<String>()) {
            let vocabulary = vocabulary();
            let words = words(&text);
            let scored = vocabulary.scored(&words);
            prop_assert_eq!(&scored, &vocabulary.scored(&words));
            for scored in &scored {
                prop_assert_eq!(scored.score, scored.words.iter().map(|word| word.points).sum::<u32>());
            }
            prop_assert!(vocabulary.meant(&scored).len() <= limits::CANDIDATES_MAX);
        }
    }
}
