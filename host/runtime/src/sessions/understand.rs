//! What a message to an agent without a conversation of its own means: a pure function of the
//! agent's profile, the message, the session's context and what was asked before.
//!
//! ```text
//!  something was asked ──▸ does it answer that? ─ yes ─▸ that skill, with what was known
//!                                 │ no
//!  words ──▸ skills by score ─────┴──▸ none ─▸ what the agent can do
//!                                      several, too near ─▸ which of these?
//!                                      one ──▸ inputs ──▸ missing? ─ yes ─▸ asks
//!                                                               └─ no ──▸ ready
//! ```

use serde_json::{Map, Value};
use troupe_core::limits;
use troupe_core::view::{Missing, Reading, SkillCandidate};

use super::parameters::missing;
use super::values::{Said, Taken, take};
use super::vocabulary::{Meaning, Scored, Vocabulary};
use super::words::{Given, Part, parts, words};

/// A message, and what surrounds it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard<'a> {
    pub(crate) text: &'a str,
    pub(crate) input: Option<&'a Map<String, Value>>,
    pub(crate) context: &'a Map<String, Value>,
    /// The skill that was asked about last, and the inputs that were known of it.
    pub(crate) asked: Option<(&'a str, &'a Map<String, Value>)>,
}

/// What it means.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Meant {
    /// A skill, with all inputs that it needs.
    Ready(String, Map<String, Value>),
    /// A skill of which inputs are missing.
    Asks(String, Map<String, Value>, Vec<Missing>),
    /// One of several.
    Several(Vec<SkillCandidate>),
    /// Nothing that the agent can do, which is this.
    Nothing(Vec<SkillCandidate>),
}

/// Finds out what a message means, and why.
pub(crate) fn understand(vocabulary: &Vocabulary, heard: Heard<'_>) -> (Reading, Meant) {
    let parts = parts(heard.text);
    let said = Said { text: heard.text, parts: &parts, input: heard.input, context: heard.context };
    let scored = vocabulary.scored(&speaking(vocabulary, &parts));
    let asked = heard.asked.and_then(|(name, known)| Some((vocabulary.skill(name)?, known)));
    if let Some((skill, known)) = asked {
        let another = scored.first().is_some_and(|best| {
            best.is_named && vocabulary.skills.get(best.skill).is_some_and(|meant| meant.name != skill.name)
        });
        let taken = take(&skill.parameters, said, Some(known));
        if !another && taken.is_given() {
            let reading = Reading { goes_on: true, ..explained(vocabulary, &scored, skill, &taken) };
            return (reading, with_inputs(skill, taken));
        }
    }
    match (vocabulary.meant(&scored), asked) {
        ([], Some((skill, known))) => {
            // It is asked again.
            let taken = take(&skill.parameters, said, Some(known));
            let reading = Reading { goes_on: true, ..explained(vocabulary, &scored, skill, &taken) };
            (reading, with_inputs(skill, taken))
        }
        ([], None) => {
            let all = (0..vocabulary.skills.len()).filter_map(|skill| vocabulary.candidate(skill, 0));
            (Reading::default(), Meant::Nothing(all.take(limits::SUGGESTIONS_MAX).collect()))
        }
        ([one], _) => {
            let Some(skill) = vocabulary.skills.get(one.skill) else {
                return (Reading::default(), Meant::Several(Vec::new()));
            };
            let taken = take(&skill.parameters, said, None);
            (explained(vocabulary, &scored, skill, &taken), with_inputs(skill, taken))
        }
        (several, _) => {
            let candidates =
                several.iter().filter_map(|scored| vocabulary.candidate(scored.skill, scored.score)).collect();
            let words = several.first().map(|best| best.words.clone()).unwrap_or_default();
            let score = several.first().map_or(0, |best| best.score);
            (Reading { score, words, ..Reading::default() }, Meant::Several(candidates))
        }
    }
}

/// The words that speak for a skill: all but what is quoted, and the values of parameters.
fn speaking(vocabulary: &Vocabulary, parts: &[Part]) -> Vec<String> {
    let is_parameter = |name: &str| {
        let mut all = vocabulary.skills.iter().flat_map(|skill| &skill.parameters);
        all.any(|parameter| super::parameters::same_name(&parameter.name, name))
    };
    let mut speaking = Vec::new();
    for part in parts {
        match part {
            Part::Token(token) => speaking.extend(words(token)),
            Part::Quoted(_) => {}
            Part::Pair(name, given) => {
                speaking.extend(words(name));
                if let Given::Plain(value) = given
                    && !is_parameter(name)
                {
                    speaking.extend(words(value));
                }
            }
        }
    }
    speaking
}

/// Why a skill is meant, and from where its inputs are.
fn explained(vocabulary: &Vocabulary, scored: &[Scored], skill: &Meaning, taken: &Taken) -> Reading {
    let is_it = |scored: &&Scored| vocabulary.skills.get(scored.skill).is_some_and(|meant| meant.name == skill.name);
    let own = scored.iter().find(is_it);
    let runner_up = scored.iter().find(|scored| !is_it(scored));
    Reading {
        skill: Some(skill.name.clone()),
        score: own.map_or(0, |own| own.score),
        words: own.map(|own| own.words.clone()).unwrap_or_default(),
        runner_up: runner_up.and_then(|other| vocabulary.candidate(other.skill, other.score)),
        values: taken.values.clone(),
        goes_on: false,
    }
}

fn with_inputs(skill: &Meaning, taken: Taken) -> Meant {
    let missing: Vec<Missing> =
        missing(&skill.parameters, &taken.input).into_iter().map(|parameter| parameter.missing()).collect();
    if missing.is_empty() {
        return Meant::Ready(skill.name.clone(), taken.input);
    }
    Meant::Asks(skill.name.clone(), taken.input, missing)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use troupe_package::Profile;

    use super::*;

    fn vocabulary() -> Vocabulary {
        let skill = |name: &str, description: &str, required: &[&str]| {
            let key = json!({ "type": "string", "description": "The key in state." });
            let input = json!({ "type": "object", "required": required, "properties": { "key": key, "delta": { "type": "integer" } } });
            json!({ "name": name, "description": description, "effect": "read", "input": input, "output": {} })
        };
        let profile = json!({ "profile": 1, "summary": "Counts", "skills": [
            skill("increment", "Adds to a number.", &["key", "delta"]),
            skill("get", "Reads a number.", &["key"]),
            skill("version", "Says which release answers.", &[]),
        ] });
        Vocabulary::of(&Profile::parse(&profile.to_string()).unwrap())
    }

    fn heard<'a>(text: &'a str, context: &'a Map<String, Value>) -> Heard<'a> {
        Heard { text, input: None, context, asked: None }
    }

    fn object(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_skill_is_ready_once_its_inputs_are_there() {
        let (vocabulary, none) = (vocabulary(), Map::new());
        let (reading, meant) = understand(&vocabulary, heard("increment \"visits\" by 5", &none));
        assert_eq!(meant, Meant::Ready("increment".into(), object(json!({ "key": "visits", "delta": 5 }))));
        assert_eq!((reading.skill.as_deref(), reading.score, reading.words.len()), (Some("increment"), 60, 1));
        let (_, meant) = understand(&vocabulary, heard("which version answers", &none));
        assert_eq!(meant, Meant::Ready("version".into(), Map::new()));
        let (_, meant) = understand(&vocabulary, heard("get", &object(json!({ "key": "a" }))));
        assert_eq!(meant, Meant::Ready("get".into(), object(json!({ "key": "a" }))));
    }

    #[test]
    fn what_is_missing_is_asked_for_and_the_next_message_gives_it() {
        let (vocabulary, none) = (vocabulary(), Map::new());
        let (_, meant) = understand(&vocabulary, heard("increment it", &none));
        let Meant::Asks(skill, known, missing) = meant else { panic!("{meant:?}") };
        assert_eq!(missing.iter().map(|missing| missing.name.as_str()).collect::<Vec<_>>(), ["key", "delta"]);
        let asked = Some((skill.as_str(), &known));
        let (_, meant) = understand(&vocabulary, Heard { asked, ..heard("7", &none) });
        let Meant::Asks(skill, known, missing) = meant else { panic!("{meant:?}") };
        assert_eq!((missing[0].name.as_str(), &known), ("key", &object(json!({ "delta": 7 }))));
        let asked = Some((skill.as_str(), &known));
        let (reading, meant) = understand(&vocabulary, Heard { asked, ..heard("the visits", &none) });
        assert_eq!(meant, Meant::Ready("increment".into(), object(json!({ "delta": 7, "key": "the visits" }))));
        assert!(reading.goes_on);
        // Another skill by its name is another subject.
        let (_, meant) = understand(&vocabulary, Heard { asked, ..heard("version", &none) });
        assert_eq!(meant, Meant::Ready("version".into(), Map::new()));
        let (_, meant) = understand(&vocabulary, Heard { asked, ..heard("", &none) });
        assert!(matches!(meant, Meant::Asks(..)), "{meant:?}");
    }

    #[test]
    fn what_is_not_clear_is_not_guessed() {
        let (vocabulary, none) = (vocabulary(), Map::new());
        let (reading, meant) = understand(&vocabulary, heard("number", &none));
        let Meant::Several(candidates) = meant else { panic!("{meant:?}") };
        assert_eq!(candidates.iter().map(|one| one.skill.as_str()).collect::<Vec<_>>(), ["increment", "get"]);
        assert_eq!((reading.skill, reading.words.len()), (None, 1));
        let (_, meant) = understand(&vocabulary, heard("sing me a song", &none));
        assert!(matches!(&meant, Meant::Nothing(all) if all.len() == 3), "{meant:?}");
    }

    proptest! {
        #[test]
        fn any_message_is_understood_in_one_way(text in any::<String>(), key in any::<String>(), about in 0..4_usize) {
            let vocabulary = vocabulary();
            let context = object(json!({ "key": key }));
            let asked = ["increment", "get", "gone"].get(about).map(|name| (*name, &context));
            let heard = Heard { text: &text, input: None, context: &context, asked };
            prop_assert_eq!(understand(&vocabulary, heard), understand(&vocabulary, heard));
        }
    }

    #[test]
    fn a_long_message_to_a_large_agent_takes_no_time_to_speak_of() {
        let skill = |number: usize| {
            let words: Vec<String> = (0..300).map(|word| format!("word{}", word * 131 + number)).collect();
            json!({ "name": format!("s{number}"), "description": words.join(" "), "input": {}, "output": {} })
        };
        let skills: Vec<Value> = (0..limits::SKILLS_MAX).map(skill).collect();
        let profile = json!({ "profile": 1, "summary": "Much", "skills": skills });
        let vocabulary = Vocabulary::of(&Profile::parse(&profile.to_string()).unwrap());
        let text: String = (0..2_000).map(|word| format!("word{word} ")).collect();
        let begun = std::time::Instant::now();
        understand(&vocabulary, heard(&text, &Map::new()));
        assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
    }
}
