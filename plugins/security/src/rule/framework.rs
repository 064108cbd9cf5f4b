//! Frameworks of controls, and topics: what a rule is about in the words of all of them.
//!
//! A rule names a topic, such as `encryption-at-rest`, and `data/frameworks.yaml` says which controls of NIST, PCI,
//! SOC 2 and ISO that is. The benchmarks of CIS have a control for each rule or none, so rules name those.
//! `data/controls.yaml` has the numbers of all controls: of what a framework does not have, no report may tell that it
//! holds, and what no rule is about has not been checked.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use troupe_estate::Framework;

/// What a rule may be about.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// Why rules about it matter.
    pub why: String,
    /// Its controls by framework.
    pub controls: BTreeMap<String, Vec<String>>,
}

/// The controls of a framework.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Controls {
    /// Where their numbers are from.
    pub source: String,
    /// The day on which they were read there, such as `2026-11-29`.
    pub day: String,
    /// Their numbers, such as `2.10` or `AC-2(3)`.
    #[serde(deserialize_with = "apart")]
    pub numbers: BTreeSet<String>,
}

/// Numbers that stand in a text, with spaces between them.
fn apart<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<String>, D::Error> {
    Ok(String::deserialize(deserializer)?.split_whitespace().map(str::to_owned).collect())
}

/// The frameworks and topics.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frameworks {
    /// The names of frameworks, with their versions, by the short words that rules use.
    pub names: BTreeMap<String, String>,
    /// The topics by name.
    pub topics: BTreeMap<String, Topic>,
    /// The controls of each framework, by its short word.
    #[serde(skip)]
    pub controls: BTreeMap<String, Controls>,
}

impl Frameworks {
    /// The controls of a topic.
    ///
    /// # Errors
    ///
    /// If there is no such topic, or it names a framework that is none, or a control that the framework does not have.
    pub fn of_topic(&self, topic: &str) -> Result<Vec<Framework>, String> {
        let found = self.topics.get(topic).ok_or_else(|| format!("there is no topic `{topic}`"))?;
        let mut controls = Vec::new();
        for (framework, ids) in &found.controls {
            for id in ids {
                controls.push(self.control(framework, id)?);
            }
        }
        Ok(controls)
    }

    /// The controls that a rule names of one framework: a control or a list of them.
    ///
    /// # Errors
    ///
    /// If there is no such framework, or a control is no text or none of its.
    pub fn of_rule(&self, framework: &str, controls: &Value) -> Result<Vec<Framework>, String> {
        let list = controls.as_array().map_or(std::slice::from_ref(controls), Vec::as_slice);
        let control = |one: &Value| {
            let control = one.as_str().ok_or_else(|| format!("the control {one} is no text; put it in quotes"))?;
            self.control(framework, control)
        };
        list.iter().map(control).collect()
    }

    /// A control of a framework, by its number.
    fn control(&self, framework: &str, number: &str) -> Result<Framework, String> {
        let name = self.name(framework)?;
        if self.numbers(framework).is_some_and(|numbers| numbers.contains(number)) {
            Ok(Framework { framework: name, control: number.to_owned() })
        } else {
            Err(format!("{name} has no control `{number}`; data/controls.yaml has those that there are"))
        }
    }

    /// The short word and the name of a framework, by either.
    fn find(&self, word: &str) -> Option<(&String, &String)> {
        self.names.iter().find(|(short, name)| *short == word || *name == word)
    }

    /// The numbers of a framework's controls, by its name or short word.
    pub fn numbers(&self, name: &str) -> Option<&BTreeSet<String>> {
        let (word, _) = self.find(name)?;
        self.controls.get(word).map(|controls| &controls.numbers)
    }

    /// A framework's name by its short word, or by itself.
    ///
    /// # Errors
    ///
    /// If there is no such framework.
    pub fn name(&self, word: &str) -> Result<String, String> {
        self.find(word).map(|(_, name)| name.clone()).ok_or_else(|| {
            let words: Vec<&str> = self.names.keys().map(String::as_str).collect();
            format!("there is no framework `{word}`; there are {}", words.join(", "))
        })
    }
}
