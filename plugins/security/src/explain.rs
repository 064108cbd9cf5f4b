//! Explains rules.

use serde_json::{Map, Value, json};
use troupe_estate::{Framework, Severity};
use troupe_sdk::prelude::*;

use crate::ask::Settings;
use crate::judge::{Glob, Path};
use crate::read::Mappings;
use crate::rule::{Catalogue, Rule};
use crate::secrets;

/// Most rules that are explained whole; of more, only the list is told.
const WHOLE_MAX: usize = 20;

/// Which rules to explain.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainInput {
    /// A rule's id, or a pattern such as `aws.s3.*`; all rules if it is left out.
    #[serde(default)]
    pub rule: Option<String>,
    /// Only rules about controls of this framework, by its name or short word, such as `pci`.
    #[serde(default)]
    pub framework: Option<String>,
}

/// Rules, explained.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Explained {
    /// How many there are.
    pub count: u64,
    /// The list of them.
    pub list: Vec<Listed>,
    /// Each in full, if there are at most twenty.
    pub rules: Vec<RuleText>,
}

/// A rule in a line.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// What is wrong where it fails.
    pub title: String,
    /// How bad that is.
    pub severity: Severity,
}

/// A rule in full.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RuleText {
    /// Its id.
    pub id: String,
    /// What is wrong where it fails.
    pub title: String,
    /// How bad that is.
    pub severity: Severity,
    /// The types of resources it is about.
    pub types: Vec<String>,
    /// Why it matters.
    pub why: String,
    /// What to do.
    pub fix: String,
    /// The controls of frameworks that it is about.
    pub frameworks: Vec<Framework>,
    /// What it can be configured with, as it is configured now.
    pub parameters: Map<String, Value>,
    /// What it looks for, as it is written.
    pub condition: Value,
    /// The attributes it looks at, and who tells them.
    pub attributes: Value,
    /// Examples: `fails`, `passes`, `unknowns`.
    pub examples: Value,
    /// The file it stands in.
    pub file: String,
}

/// Answers `explain`.
pub fn answer(input: &ExplainInput, settings: &Settings) -> Result<Explained, Failure> {
    let mappings = Mappings::load().map_err(Failure::failed)?;
    let catalogue = Catalogue::load(&mappings, &[], &settings.parameters)
        .map_err(|problems| Failure::invalid_input(problems.to_string()))?;
    let glob = Glob::new(input.rule.as_deref().unwrap_or("*"));
    let framework = input.framework.as_deref().map(|word| catalogue.frameworks.name(word));
    let framework = framework.transpose().map_err(Failure::invalid_input)?;
    let is_of = |controls: &[Framework]| {
        framework.as_ref().is_none_or(|name| controls.iter().any(|control| control.framework == *name))
    };
    let mut texts: Vec<RuleText> = catalogue
        .rules
        .iter()
        .filter(|rule| glob.fits(&rule.id) && is_of(&rule.frameworks))
        .map(|rule| of_rule(rule, &catalogue))
        .collect();
    let controls = catalogue.frameworks.of_topic(secrets::TOPIC).map_err(Failure::failed)?;
    let why = catalogue.frameworks.topics.get(secrets::TOPIC).map(|topic| topic.why.clone()).unwrap_or_default();
    for (pattern, written) in catalogue.patterns.iter().zip(&catalogue.written_patterns) {
        if glob.fits(&pattern.id) && is_of(&controls) {
            texts.push(RuleText {
                id: pattern.id.clone(),
                title: format!("{} stands in a document", pattern.title),
                severity: Severity::High,
                types: vec!["document.text".to_owned()],
                why: why.clone(),
                fix: secrets::FIX.to_owned(),
                frameworks: controls.clone(),
                parameters: Map::new(),
                condition: json!("the text of each document, line by line"),
                attributes: json!({}),
                examples: json!({ "fails": written.fails, "passes": written.passes }),
                file: "data/secrets.yaml".to_owned(),
            });
        }
    }
    if texts.is_empty() {
        let asked = input.rule.as_deref().unwrap_or("*");
        return Err(Failure::invalid_input(format!("no rule fits `{asked}`")).with("rule", asked));
    }
    let listed = |text: &RuleText| Listed { id: text.id.clone(), title: text.title.clone(), severity: text.severity };
    let list: Vec<Listed> = texts.iter().map(listed).collect();
    if texts.len() > WHOLE_MAX {
        texts.clear();
    }
    Ok(Explained { count: list.len() as u64, list, rules: texts })
}

fn of_rule(rule: &Rule, catalogue: &Catalogue) -> RuleText {
    let mut attributes = Map::new();
    for name in rule.attributes() {
        let of = |kind: &String| {
            let sources: Vec<&str> = catalogue.facts.sources(kind, &name).iter().map(|source| source.name()).collect();
            (kind.clone(), json!(sources))
        };
        attributes.insert(name.clone(), rule.types.iter().map(of).collect::<Map<_, _>>().into());
    }
    let written = &rule.written;
    let mut condition = Map::new();
    if let Some(within) = rule.within {
        condition.insert("about".to_owned(), within.name().into());
        if rule.shows_everywhere {
            condition.insert("shows_everywhere".to_owned(), true.into());
        }
    }
    for (key, value) in [
        ("when", written.when.clone()),
        ("each", written.each.clone().map(Value::from)),
        ("fail", written.fail.clone()),
        ("lacks", written.lacks.clone()),
    ] {
        if let Some(value) = value {
            condition.insert(key.to_owned(), value);
        }
    }
    RuleText {
        id: rule.id.clone(),
        title: rule.title.clone(),
        severity: rule.severity,
        types: rule.types.clone(),
        why: rule.why.clone(),
        fix: rule.fix.clone(),
        frameworks: rule.frameworks.clone(),
        parameters: rule.parameters.clone(),
        condition: condition.into(),
        attributes: attributes.into(),
        examples: json!({ "fails": written.fails, "passes": written.passes, "unknowns": written.unknowns }),
        file: rule.file.clone(),
    }
}

impl Rule {
    /// The attributes that it looks at, by their first names.
    pub fn attributes(&self) -> Vec<String> {
        let mut paths: Vec<&Path> = Vec::new();
        if let Some(when) = &self.when {
            when.paths(&mut paths);
        }
        let mut names: Vec<String> = Vec::new();
        match &self.each {
            Some(each) => names.extend(each.path.first().map(str::to_owned)),
            None => self.fail.paths(&mut paths),
        }
        names.extend(
            paths.iter().filter_map(|path| path.first()).filter(|name| !name.starts_with('$')).map(str::to_owned),
        );
        names.sort_unstable();
        names.dedup();
        names
    }
}
