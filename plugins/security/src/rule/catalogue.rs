//! All rules, read from the data that the build put together.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::{Each, Facts, Frameworks, Rule, Written};
use crate::judge::{Condition, Glob, Path, Pattern, WrittenPattern};
use crate::read::Mappings;

const RULES: &str = include_str!(concat!(env!("OUT_DIR"), "/rules.json"));
const DATA: &str = include_str!(concat!(env!("OUT_DIR"), "/data.json"));

/// What is wrong with rules, each with the file and the id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Problems(pub Vec<String>);

/// All rules with what they rest on.
#[derive(Debug, Clone)]
pub struct Catalogue {
    /// The rules in the order of their ids.
    pub rules: Vec<Rule>,
    /// What secrets look like.
    pub patterns: Vec<Pattern>,
    /// The patterns as they are written, with their examples.
    pub written_patterns: Vec<WrittenPattern>,
    /// The frameworks.
    pub frameworks: Frameworks,
    /// Which attributes who tells.
    pub facts: Facts,
    /// How paths of attack go.
    pub paths: Value,
    /// By partition, the regions that each account has.
    pub regions: BTreeMap<String, BTreeSet<String>>,
    /// When a resource of a type is gone, though it is told.
    pub gone: BTreeMap<String, Condition>,
}

/// Until when versions of something are supported.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Support {
    /// The days on which it ends, by version.
    ends: Map<String, Value>,
    /// Where these were read.
    #[expect(dead_code, reason = "for whoever reads or mends the table")]
    source: String,
}

impl Catalogue {
    /// Reads the rules that the agent has, and more that a caller brings, with the parameters that an operator
    /// configured: `{RULE: {PARAMETER: VALUE}}`.
    ///
    /// # Errors
    ///
    /// If something cannot be read. Of the agent's own rules a test holds that it can.
    pub fn load(
        mappings: &Mappings,
        more: &[(String, Value)],
        parameters: &BTreeMap<String, Map<String, Value>>,
    ) -> Result<Self, Problems> {
        let fault = |what: &str, error: &dyn std::fmt::Display| Problems(vec![format!("{what}: {error}")]);
        let mut data: BTreeMap<String, Value> = serde_json::from_str(DATA).map_err(|error| fault("data", &error))?;
        let mut take = |file: &str| data.remove(&format!("data/{file}.yaml")).unwrap_or_default();
        let mut frameworks: Frameworks =
            serde_json::from_value(take("frameworks")).map_err(|error| fault("data/frameworks.yaml", &error))?;
        frameworks.controls =
            serde_json::from_value(take("controls")).map_err(|error| fault("data/controls.yaml", &error))?;
        let inventory: BTreeMap<String, Vec<String>> =
            serde_json::from_value(take("inventory")).map_err(|error| fault("data/inventory.yaml", &error))?;
        let written_patterns: Vec<WrittenPattern> =
            serde_json::from_value(take("secrets")).map_err(|error| fault("data/secrets.yaml", &error))?;
        let paths = take("paths");
        let regions = serde_json::from_value(take("regions")).map_err(|error| fault("data/regions.yaml", &error))?;
        let gone: BTreeMap<String, Value> =
            serde_json::from_value(take("gone")).map_err(|error| fault("data/gone.yaml", &error))?;
        let gone = gone.into_iter().map(|(kind, value)| Ok((kind, Condition::parse(&value)?)));
        let gone = gone.collect::<Result<_, String>>().map_err(|error| fault("data/gone.yaml", &error))?;
        let support: BTreeMap<String, Support> =
            serde_json::from_value(take("support")).map_err(|error| fault("data/support.yaml", &error))?;
        let support = support.into_iter().map(|(name, one)| (format!("support.{name}"), one.ends.into())).collect();
        let patterns = written_patterns.iter().map(Pattern::new).collect::<Result<Vec<Pattern>, String>>();
        let patterns = patterns.map_err(|error| fault("data/secrets.yaml", &error))?;
        let files: BTreeMap<String, Value> = serde_json::from_str(RULES).map_err(|error| fault("rules", &error))?;
        let mut rules = Vec::new();
        let mut problems = Vec::new();
        let more = more.iter().map(|(file, value)| (file, value));
        for (file, value) in files.iter().chain(more) {
            match groups(file, value) {
                Ok(written) => {
                    for (types, one) in written {
                        let id = one.id.clone();
                        match rule(file, types, one, (&frameworks, &support), parameters) {
                            Ok(rule) => rules.push(rule),
                            Err(why) => problems.push(format!("{file}: {id}: {why}")),
                        }
                    }
                }
                Err(why) => problems.push(why),
            }
        }
        rules.sort_by(|one, other| one.id.cmp(&other.id));
        let mut seen = BTreeSet::new();
        problems.extend(
            rules
                .iter()
                .filter(|rule| !seen.insert(&rule.id))
                .map(|rule| format!("{}: {} stands twice", rule.file, rule.id)),
        );
        for id in parameters.keys().filter(|id| !seen.contains(id)) {
            problems.push(format!("parameters are configured for `{id}`, which is no rule"));
        }
        if problems.is_empty() {
            let facts = Facts::new(inventory, mappings);
            Ok(Self { rules, patterns, written_patterns, frameworks, facts, paths, regions, gone })
        } else {
            Err(Problems(problems))
        }
    }
}

/// The rules of a file, each with the types under which it stands.
fn groups(file: &str, value: &Value) -> Result<Vec<(Vec<String>, Written)>, String> {
    let groups = value.as_object().ok_or_else(|| format!("{file}: rules stand under the types they are about"))?;
    let mut written = Vec::new();
    for (types, rules) in groups {
        let types: Vec<String> = types.split(',').map(|kind| kind.trim().to_owned()).collect();
        for rule in rules.as_array().ok_or_else(|| format!("{file}: {types:?} has no list of rules"))? {
            let one = Written::deserialize(rule).map_err(|error| {
                let id = rule.get("id").and_then(Value::as_str).unwrap_or("a rule without an id");
                format!("{file}: {id}: {error}")
            })?;
            written.push((types.clone(), one));
        }
    }
    Ok(written)
}

fn rule(
    file: &str,
    types: Vec<String>,
    written: Written,
    (frameworks, support): (&Frameworks, &Map<String, Value>),
    configured: &BTreeMap<String, Map<String, Value>>,
) -> Result<Rule, String> {
    let support = |(name, value): (&String, &Value)| (name.clone(), expand(value, support));
    let mut parameters: Map<String, Value> = written.parameters.iter().map(support).collect();
    for (name, value) in configured.get(&written.id).into_iter().flatten() {
        if !parameters.contains_key(name) {
            return Err(format!("it has no parameter `{name}`"));
        }
        parameters.insert(name.clone(), value.clone());
    }
    let condition = |value: &Value, what: &str| {
        Condition::parse(&expand(value, &parameters)).map_err(|why| format!("{what}: {why}"))
    };
    let mut controls = Vec::new();
    let mut why = written.why.clone();
    for topic in &written.topics {
        controls.extend(frameworks.of_topic(topic)?);
        why = why.or_else(|| frameworks.topics.get(topic).map(|topic| topic.why.clone()));
    }
    if let Some(cis) = &written.cis {
        let provider = types.first().and_then(|kind| kind.split('.').next()).unwrap_or_default();
        controls.extend(frameworks.of_rule(&format!("cis-{provider}"), cis)?);
    }
    for (framework, ids) in &written.frameworks {
        controls.extend(frameworks.of_rule(framework, ids)?);
    }
    controls.sort();
    controls.dedup();
    let each = match &written.each {
        Some(path) => {
            let discriminator = written.discriminator.clone().ok_or("`each` needs `as`, which tells findings apart")?;
            Some(Each { path: Path::parse(path)?, discriminator })
        }
        None => None,
    };
    let fail = match (written.about, &written.fail, &written.lacks) {
        (None, Some(fail), None) => condition(fail, "fail")?,
        (Some(_), None, Some(lacks)) if each.is_none() && written.when.is_none() => condition(lacks, "lacks")?,
        _ => return Err("it has `fail`, or `about` and `lacks` without `each` and `when`".to_owned()),
    };
    Ok(Rule {
        id: written.id.clone(),
        title: written.title.clone(),
        severity: written.severity,
        globs: types.iter().map(|kind| Glob::new(kind)).collect(),
        types,
        why: why.ok_or("neither it nor a topic says why it matters")?,
        fix: written.fix.clone(),
        frameworks: controls,
        when: written.when.as_ref().map(|value| condition(value, "when")).transpose()?,
        each,
        fail,
        within: written.about,
        shows_everywhere: written.shows_everywhere,
        parameters,
        exposes: written.exposes,
        file: file.to_owned(),
        written,
    })
}

/// Puts parameters in the place of their names: `$max_age_days`.
pub fn expand(value: &Value, parameters: &Map<String, Value>) -> Value {
    match value {
        Value::String(text) => {
            let parameter = text.strip_prefix('$').and_then(|name| parameters.get(name));
            parameter.cloned().unwrap_or_else(|| value.clone())
        }
        Value::Array(list) => list.iter().map(|one| expand(one, parameters)).collect(),
        Value::Object(entries) => {
            entries.iter().map(|(key, one)| (key.clone(), expand(one, parameters))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}
