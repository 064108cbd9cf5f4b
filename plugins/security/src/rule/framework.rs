//! Frameworks of controls, and topics: what a rule is about in the words of all of them.
//!
//! A rule names a topic, such as `encryption-at-rest`, and `data/frameworks.yaml` says which controls of NIST, PCI,
//! SOC 2 and ISO that is. The benchmarks of CIS have a control for each rule or none, so rules name those.

use std::collections::BTreeMap;

use serde::Deserialize;
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

/// The frameworks and topics.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frameworks {
    /// The names of frameworks, with their versions, by the short words that rules use.
    pub names: BTreeMap<String, String>,
    /// The topics by name.
    pub topics: BTreeMap<String, Topic>,
}

impl Frameworks {
    /// The controls of a topic.
    ///
    /// # Errors
    ///
    /// If there is no such topic, or it names a framework that is none.
    pub fn of_topic(&self, topic: &str) -> Result<Vec<Framework>, String> {
        let found = self.topics.get(topic).ok_or_else(|| format!("there is no topic `{topic}`"))?;
        let mut controls = Vec::new();
        for (framework, ids) in &found.controls {
            let framework = self.name(framework)?;
            controls.extend(ids.iter().map(|id| Framework { framework: framework.clone(), control: id.clone() }));
        }
        Ok(controls)
    }

    /// The controls that a rule names of one framework: a control or a list of them.
    ///
    /// # Errors
    ///
    /// If there is no such framework, or a control is no text.
    pub fn of_rule(&self, framework: &str, controls: &Value) -> Result<Vec<Framework>, String> {
        let framework = self.name(framework)?;
        let list = controls.as_array().map_or(std::slice::from_ref(controls), Vec::as_slice);
        let control = |one: &Value| {
            let control = one.as_str().ok_or_else(|| format!("the control {one} is no text; put it in quotes"))?;
            Ok(Framework { framework: framework.clone(), control: control.to_owned() })
        };
        list.iter().map(control).collect()
    }

    /// A framework's name by its short word, or by itself.
    ///
    /// # Errors
    ///
    /// If there is no such framework.
    pub fn name(&self, word: &str) -> Result<String, String> {
        let is_it = |(short, name): &(&String, &String)| *short == word || *name == word;
        let found = self.names.iter().find(is_it).map(|(_, name)| name.clone());
        found.ok_or_else(|| {
            let words: Vec<&str> = self.names.keys().map(String::as_str).collect();
            format!("there is no framework `{word}`; there are {}", words.join(", "))
        })
    }
}
