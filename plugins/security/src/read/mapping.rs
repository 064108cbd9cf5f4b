//! Mappings: which raw values become which attributes of which type.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value};
use troupe_estate::{GLOBAL, Place, ProblemKind, Provider, Relation, Resource};

use super::expression::{Expression, first, paths};
use super::{Draft, Read};
use crate::judge::{Path, Source, Subject};
use crate::unknown;

const MAPPINGS: &str = include_str!(concat!(env!("OUT_DIR"), "/mappings.json"));

/// Most parts of a document that are put into resources which have one name: ten thousand of either are a hundred
/// million otherwise.
const PARTS_MAX: usize = 100_000;

/// Types that say nothing about security, and are no gap where nothing maps them.
const IRRELEVANT: [&str; 10] = [
    "random_",
    "null_resource",
    "time_",
    "terraform_data",
    "local_",
    "tls_",
    "AWS::CloudFormation::CustomResource",
    "AWS::CloudFormation::WaitCondition",
    "Custom::",
    "data.",
];

/// A mapping as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    of: Option<Of>,
    #[serde(default)]
    id: Value,
    #[serde(default)]
    name: Value,
    #[serde(default)]
    arn: Value,
    #[serde(default)]
    tags: Value,
    #[serde(default)]
    region: Value,
    #[serde(default)]
    attributes: Map<String, Value>,
    #[serde(default)]
    append: Map<String, Value>,
    #[serde(default)]
    relations: Vec<Related>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Of {
    from: Value,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Related {
    kind: String,
    from: Value,
}

/// How one type is told.
#[derive(Debug, Clone)]
struct Mapping {
    kind: Option<String>,
    /// What it is a part of: its attributes are put there.
    of: Option<(Vec<Path>, String)>,
    id: Vec<Path>,
    name: Vec<Path>,
    arn: Vec<Path>,
    tags: Vec<Path>,
    region: Vec<Path>,
    attributes: BTreeMap<String, Expression>,
    append: BTreeMap<String, Expression>,
    relations: Vec<(String, Vec<Path>)>,
}

/// All mappings.
#[derive(Debug, Clone, Default)]
pub struct Mappings {
    by_source: BTreeMap<Source, BTreeMap<String, Vec<Mapping>>>,
}

impl Mappings {
    /// Reads the mappings that the agent has.
    ///
    /// # Errors
    ///
    /// If one cannot be read, with the file and what is wrong; a test holds that all can.
    pub fn load() -> Result<Self, String> {
        let files: BTreeMap<String, Map<String, Value>> =
            serde_json::from_str(MAPPINGS).map_err(|error| format!("mappings: {error}"))?;
        let mut by_source: BTreeMap<Source, BTreeMap<String, Vec<Mapping>>> = BTreeMap::new();
        for (file, entries) in files {
            let source = match file.split('/').nth(1) {
                Some("terraform") => Source::Terraform,
                Some("cloudformation") => Source::CloudFormation,
                Some("arm") => Source::Arm,
                _ => return Err(format!("{file}: the folder is none of terraform, cloudformation and arm")),
            };
            let kinds = by_source.entry(source).or_default();
            for (names, written) in entries {
                // One type may be told as several resources, each by a mapping of its own.
                let list = match written {
                    Value::Array(list) => list,
                    one => vec![one],
                };
                for written in list {
                    let mapping = mapping(written).map_err(|why| format!("{file}: {names}: {why}"))?;
                    for name in names.split(',').map(str::trim) {
                        kinds.entry(canonical(source, name)).or_default().push(mapping.clone());
                    }
                }
            }
        }
        Ok(Self { by_source })
    }

    /// The attributes that they make: source, type, name.
    pub fn attributes(&self) -> Vec<(Source, String, String)> {
        let mut all = Vec::new();
        for (source, kinds) in &self.by_source {
            for mapping in kinds.values().flatten() {
                let of = mapping.of.as_ref().map(|(_, kind)| kind);
                let kind = mapping.kind.as_ref().or(of).cloned().unwrap_or_default();
                let names = mapping.attributes.keys().chain(mapping.append.keys());
                all.extend(names.map(|name| (*source, kind.clone(), name.clone())));
            }
        }
        all
    }

    fn get(&self, source: Source, kind: &str) -> Option<&[Mapping]> {
        self.by_source.get(&source)?.get(&canonical(source, kind)).map(Vec::as_slice)
    }
}

/// Azure's types are the same in any case.
fn canonical(source: Source, kind: &str) -> String {
    if source == Source::Arm { kind.to_ascii_lowercase() } else { kind.to_owned() }
}

fn mapping(written: Value) -> Result<Mapping, String> {
    let written: Written = serde_json::from_value(written).map_err(|error| error.to_string())?;
    let optional = |value: &Value| if value.is_null() { Ok(Vec::new()) } else { paths(value) };
    let expressions = |entries: &Map<String, Value>| {
        let parsed = entries
            .iter()
            .map(|(name, value)| Ok((name.clone(), Expression::parse(value).map_err(|why| format!("{name}: {why}"))?)));
        parsed.collect::<Result<BTreeMap<_, _>, String>>()
    };
    if written.kind.is_some() == written.of.is_some() {
        return Err("it has `type`, for a resource of its own, or `of`, for a part of another".to_owned());
    }
    Ok(Mapping {
        kind: written.kind,
        of: written.of.map(|of| Ok::<_, String>((paths(&of.from)?, of.kind))).transpose()?,
        id: optional(&written.id)?,
        name: optional(&written.name)?,
        arn: optional(&written.arn)?,
        tags: optional(&written.tags)?,
        region: optional(&written.region)?,
        attributes: expressions(&written.attributes)?,
        append: expressions(&written.append)?,
        relations: written
            .relations
            .iter()
            .map(|one| Ok((one.kind.clone(), paths(&one.from)?)))
            .collect::<Result<_, String>>()?,
    })
}

/// Makes resources of drafts, first those of their own, then what is a part of others.
pub fn apply(mappings: &Mappings, drafts: Vec<Draft>, file: &str, read: &mut Read) {
    let mut made: Vec<Subject> = Vec::new();
    let mut parts: Vec<(&Mapping, &Draft)> = Vec::new();
    for draft in &drafts {
        let Some(found) = mappings.get(draft.source, &draft.kind) else {
            if !IRRELEVANT.iter().any(|prefix| draft.kind.starts_with(prefix)) {
                let why = format!("no mapping tells {} in common words, so no rule looks at it", draft.kind);
                let service = format!("{} {}", draft.source.name(), draft.kind);
                read.note(file, &service, "no_mapping", why, ProblemKind::NotAvailable);
            }
            continue;
        };
        for mapping in found {
            match &mapping.kind {
                Some(kind) => made.push(subject(mapping, kind, draft, file)),
                None => parts.push((mapping, draft)),
            }
        }
    }
    let mut names: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
    for (at, subject) in made.iter().enumerate() {
        let resource = &subject.resource;
        for name in [&resource.id].into_iter().chain(&resource.arn).chain(&subject.aliases) {
            names.entry((resource.kind.to_string(), name.clone())).or_default().push(at);
        }
    }
    // A draft may be a part of several types; it has a place if one of them is there.
    let mut placed: BTreeSet<&str> = BTreeSet::new();
    let mut lost: BTreeMap<&str, (&Draft, Option<String>)> = BTreeMap::new();
    let mut shared_left = PARTS_MAX;
    for (mapping, draft) in parts {
        let entry = lost.entry(&draft.address).or_insert((draft, None));
        let Some((from, kind)) = &mapping.of else { continue };
        let target = first(&draft.raw, from);
        let targets: Vec<String> = texts(&target);
        let mut found: Vec<usize> = Vec::new();
        for name in &targets {
            let named = names.get(&(kind.clone(), name.clone())).into_iter().flatten();
            found.extend(named.take(shared_left + 2));
        }
        found.dedup();
        if found.is_empty() {
            entry.1 = entry.1.take().or_else(|| targets.first().cloned());
            continue;
        }
        placed.insert(&draft.address);
        if found.len() > 1 {
            let Some(left) = shared_left.checked_sub(found.len()) else {
                let why = format!("{PARTS_MAX} parts of resources of one name were put in; {} was not", draft.address);
                let service = format!("{} {}", draft.source.name(), draft.kind);
                read.note(file, &service, "too_many", why, ProblemKind::Failed);
                continue;
            };
            shared_left = left;
        }
        for at in found {
            if let Some(subject) = made.get_mut(at) {
                put(&mut subject.resource, mapping, draft);
            }
        }
    }
    for (address, (draft, name)) in lost.into_iter().filter(|(address, _)| !placed.contains(address)) {
        let name = name.unwrap_or_else(|| "something not known yet".to_owned());
        let why = format!("{address} is about {name}, which is not in this document");
        let service = format!("{} {}", draft.source.name(), draft.kind);
        read.note(file, &service, "elsewhere", why, ProblemKind::NotAvailable);
    }
    read.subjects.extend(made);
}

fn put(resource: &mut Resource, mapping: &Mapping, draft: &Draft) {
    for (name, expression) in &mapping.attributes {
        let value = expression.evaluate(&draft.raw);
        if !value.is_null() || !resource.attributes.contains_key(name) {
            resource.set(name, value);
        }
    }
    for (name, expression) in &mapping.append {
        let more = match expression.evaluate(&draft.raw) {
            Value::Array(list) => list,
            Value::Null => continue,
            value => vec![value],
        };
        match resource.attributes.get_mut(name) {
            Some(Value::Array(list)) => list.extend(more),
            // What is not known stays so whatever is added.
            Some(value) if unknown::reason(value).is_some() => {}
            _ => resource.set(name, more),
        }
    }
    relate(&mut resource.relations, mapping, draft);
}

fn subject(mapping: &Mapping, kind: &str, draft: &Draft, file: &str) -> Subject {
    let known = |paths: &[Path]| texts(&first(&draft.raw, paths)).into_iter().next();
    let region = draft.region.clone().or_else(|| known(&mapping.region)).unwrap_or_else(|| GLOBAL.to_owned());
    let id = known(&mapping.id).unwrap_or_else(|| draft.address.clone());
    let mut resource = Resource::new(kind.to_owned(), &region, id);
    resource.name = known(&mapping.name).or_else(|| Some(draft.address.clone()));
    resource.arn = known(&mapping.arn);
    match first(&draft.raw, &mapping.tags) {
        tags if unknown::reason(&tags).is_some() => resource.unread(&["tags"]),
        tags => resource.tags.extend(read_tags(&tags)),
    }
    if resource.provider == Provider::Azure {
        resource.id = resource.id.replace("//", "/");
    }
    put(&mut resource, mapping, draft);
    let mut aliases = vec![draft.address.clone()];
    aliases.extend(
        ["id", "arn", "self_link", "name"].iter().filter_map(|key| draft.raw.get(key)?.as_str().map(str::to_owned)),
    );
    let place = Some(Place { file: file.to_owned(), line: draft.line });
    Subject { resource, source: draft.source, place, aliases }
}

fn relate(relations: &mut Vec<Relation>, mapping: &Mapping, draft: &Draft) {
    let mut seen: BTreeSet<(&str, String)> = BTreeSet::new();
    for (kind, from) in &mapping.relations {
        for target in from.iter().flat_map(|path| texts(&first(&draft.raw, std::slice::from_ref(path)))) {
            if seen.insert((kind, target.clone())) {
                relations.push(Relation { kind: kind.clone().into(), target });
            }
        }
    }
}

/// The texts of a value: itself, or those in a list.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) if !text.is_empty() => vec![text.clone()],
        Value::Array(list) => list.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// Tags as a mapping, or as a list of `Key` and `Value`.
fn read_tags(value: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let pair = |tag: &Value| Some((tag.get("Key")?.as_str()?.to_owned(), text(tag.get("Value")?)));
    match value {
        Value::Object(entries) => entries.iter().map(|(key, value)| (key.clone(), text(value))).collect(),
        Value::Array(list) => list.iter().filter_map(pair).collect(),
        _ => BTreeMap::new(),
    }
}
