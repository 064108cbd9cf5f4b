//! The Terraform that is being written: blocks by file, variables, and who is meant by whom.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use troupe_estate::Resource;

use super::hcl::{Block, Value};
use super::names::{self, Form};
use super::relations;
use crate::Cloud;
use crate::assess::rules::Decision;
use crate::estate::Estate;
use crate::map::Mapped;
use crate::plan::items::{self, MARK_TAG};

/// Parts of names of tags that are no place for a value, but where people put one all the same.
const SECRET_WORDS: [&str; 8] =
    ["password", "passwd", "secret", "token", "credential", "private_key", "apikey", "api_key"];

/// Tags that a resource may have at most in every cloud, the mark included.
const TAGS_MAX: usize = 50;

/// Something that is not known, and so is asked of whoever applies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Whether it is never shown.
    #[serde(default)]
    pub sensitive: bool,
    /// What it is unless something else is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// A resource, or a part of one, that is written by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ByHand {
    /// Its id.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Why.
    pub why: String,
}

/// A resource that is being written.
pub struct Subject<'a> {
    /// Its place in the estate.
    pub place: usize,
    /// The resource.
    pub resource: &'a Resource,
    /// What it becomes.
    pub row: &'a Mapped,
    /// Which way it goes.
    pub decision: &'a Decision,
}

/// The Terraform that is being written.
pub struct Draft<'a> {
    /// The estate.
    pub estate: &'a Estate,
    /// The target.
    pub cloud: Cloud,
    /// The region where nothing else is said.
    pub region: String,
    /// The type and name of what each resource becomes.
    pub addresses: BTreeMap<usize, (&'static str, String)>,
    /// Blocks by file.
    pub files: BTreeMap<&'static str, Vec<Block>>,
    /// Variables by name.
    pub variables: BTreeMap<String, Variable>,
    /// What is left.
    pub by_hand: Vec<ByHand>,
    /// Regions beside that of the draft.
    pub others: BTreeSet<String>,
    /// The addresses of what is made once for many.
    pub once: BTreeSet<String>,
    /// How many disks are attached to each machine.
    pub attached: BTreeMap<String, u32>,
}

/// The device under which a machine sees a disk, where that is told.
pub fn device(resource: &Resource) -> Option<&str> {
    resource.attributes.get("attached_to")?.get(0)?.get("device")?.as_str()
}

/// Whether a machine starts from a disk.
pub fn starts_machine(estate: &Estate, resource: &Resource) -> bool {
    let is_disk = resource.class == troupe_estate::Class::ComputeDisk;
    let is_boot = |other: &Resource| {
        let root = crate::facts::text(other, &["root_device"]);
        let disks = other.attributes.get("disks").and_then(|disks| disks.as_array());
        let first =
            disks.into_iter().flatten().find(|disk| disk.get("boot").and_then(|boot| boot.as_bool()) == Some(true));
        let first = first.and_then(|disk| disk.get("name")).and_then(|name| name.as_str());
        root.is_some_and(|root| device(resource) == Some(root))
            || first.is_some_and(|name| resource.name.as_deref() == Some(name))
    };
    let mut machines = crate::facts::related(resource, relations::MACHINE);
    // Azure tells a disk's system where it has one.
    is_disk
        && (crate::facts::text(resource, &["os_type"]).is_some()
            || machines.any(|one| {
                estate.find(resource, &one.kind, &one.target).and_then(|place| estate.get(place)).is_some_and(is_boot)
            }))
}

impl<'a> Draft<'a> {
    /// A block for a resource: under its own name, with a line on what it was.
    pub fn block(&self, subject: &Subject<'_>) -> Block {
        let (kind, name) = self.addresses.get(&subject.place).cloned().unwrap_or(("null_resource", self.name(subject)));
        self.block_of(subject, kind, &name)
    }

    /// A block of another type for the same resource.
    pub fn beside(&self, subject: &Subject<'_>, kind: &str) -> Block {
        Block::new("resource", &[kind, &self.name(subject)])
    }

    /// An attribute of the resource's own block.
    pub fn own(&self, subject: &Subject<'_>, attribute: &str) -> Value {
        let (kind, name) = self.addresses.get(&subject.place).cloned().unwrap_or_default();
        Value::Reference(format!("{kind}.{name}.{attribute}"))
    }

    fn block_of(&self, subject: &Subject<'_>, kind: &str, name: &str) -> Block {
        let resource = subject.resource;
        let mut block = Block::new("resource", &[kind, name])
            .note(format!("{} {} in {}", resource.kind, resource.id, resource.region));
        for blocker in &subject.row.blockers {
            block = block.note(format!("{}: {}; {}", blocker.code.name(), blocker.message, blocker.remedy));
        }
        match &subject.decision.note {
            Some(note) => block.note(note),
            None => block,
        }
    }

    /// Terraform's name for a resource.
    pub fn name(&self, subject: &Subject<'_>) -> String {
        names::of(subject.resource, Form::Terraform, 60)
    }

    /// Adds blocks to a file.
    pub fn put(&mut self, file: &'static str, blocks: impl IntoIterator<Item = Block>) {
        self.files.entry(file).or_default().extend(blocks);
    }

    /// A variable for what is not known.
    pub fn variable(&mut self, name: &str, description: impl Into<String>) -> Value {
        self.declare(Variable {
            name: name.to_owned(),
            description: description.into(),
            sensitive: false,
            default: None,
        })
    }

    /// A variable that has a value unless something else is said.
    pub fn variable_or(&mut self, name: &str, description: impl Into<String>, default: impl Into<String>) -> Value {
        let default = Some(default.into());
        self.declare(Variable { name: name.to_owned(), description: description.into(), sensitive: false, default })
    }

    /// A variable for a secret: it has no default, and is never shown.
    pub fn secret(&mut self, name: &str, description: impl Into<String>) -> Value {
        self.declare(Variable {
            name: name.to_owned(),
            description: description.into(),
            sensitive: true,
            default: None,
        })
    }

    fn declare(&mut self, variable: Variable) -> Value {
        let reference = Value::Reference(format!("var.{}", variable.name));
        self.variables.entry(variable.name.clone()).or_insert(variable);
        reference
    }

    /// An attribute of the first related resource that becomes one of these types, if there is one.
    pub fn related(&self, resource: &Resource, kinds: &[&str], types: &[&str], attribute: &str) -> Option<Value> {
        self.all_related(resource, kinds, types, attribute).into_iter().next()
    }

    /// The same of all of them.
    pub fn all_related(&self, resource: &Resource, kinds: &[&str], types: &[&str], attribute: &str) -> Vec<Value> {
        let mut found = self.direct(resource, kinds, types, attribute);
        if found.is_empty() {
            // A machine of Azure's is in a subnet by its interface, a database of AWS's by its group of subnets.
            let between = crate::facts::related(resource, relations::BETWEEN);
            let between =
                between.filter_map(|one| self.estate.get(self.estate.find(resource, &one.kind, &one.target)?));
            found = between.flat_map(|other| self.direct(other, kinds, types, attribute)).collect();
            found.dedup();
        }
        found
    }

    fn direct(&self, resource: &Resource, kinds: &[&str], types: &[&str], attribute: &str) -> Vec<Value> {
        let mut found = Vec::new();
        for one in crate::facts::related(resource, kinds) {
            let address =
                self.estate.find(resource, &one.kind, &one.target).and_then(|place| self.addresses.get(&place));
            if let Some((kind, name)) = address.filter(|(kind, _)| types.contains(kind)) {
                let value = Value::Reference(format!("{kind}.{name}.{attribute}"));
                if !found.contains(&value) {
                    found.push(value);
                }
            }
        }
        found
    }

    /// What has to be written by hand of a resource.
    pub fn leave(&mut self, resource: &Resource, why: impl Into<String>) {
        self.by_hand.push(ByHand { id: resource.id.clone(), kind: resource.kind.to_string(), why: why.into() });
    }

    /// Says how many rules of a group are written by hand.
    pub fn leave_rules(&mut self, resource: &Resource, count: usize) {
        if count > 0 {
            let why = format!(
                "{count} of its rules: whom they are about, or their protocol or ports, cannot be written here"
            );
            self.leave(resource, why);
        }
    }

    /// The tags, or labels, that a resource had, with the mark by which it is known again. Tags whose names say that
    /// their values are secrets are left behind, and so are those that belong to the cloud.
    pub fn tags(&mut self, resource: &Resource) -> Value {
        let mut tags: BTreeMap<String, Value> = BTreeMap::new();
        for (name, value) in &resource.tags {
            let lower = name.to_ascii_lowercase();
            if lower.starts_with("aws:") || lower.starts_with("goog-") || lower.starts_with("hidden-") {
                continue;
            }
            if SECRET_WORDS.iter().any(|word| lower.contains(word)) {
                self.leave(
                    resource,
                    format!("its tag `{name}` is left behind, since its name says that it is a secret"),
                );
                continue;
            }
            // A name and the mark come beside them.
            if tags.len() + 2 >= TAGS_MAX {
                self.leave(resource, format!("its tag `{name}`: a resource has at most {TAGS_MAX}"));
            } else {
                let (name, value) = match self.cloud {
                    Cloud::Gcp => (names::label(name, true), names::label(value, false)),
                    Cloud::Aws => (letters(name, 128), letters(value, 256)),
                    Cloud::Azure => (azure_name(name), letters(value, 256)),
                };
                tags.insert(name, value.into());
            }
        }
        if self.cloud == Cloud::Aws && !tags.contains_key("Name") {
            let name = resource.name.as_deref().unwrap_or(&resource.id);
            tags.insert("Name".to_owned(), letters(name, 256).into());
        }
        tags.insert(MARK_TAG.to_owned(), items::mark(resource).into());
        Value::Map(tags.into_iter().collect())
    }
}

/// The letters that AWS and Azure take in tags.
fn letters(text: &str, most: usize) -> String {
    let letter = |c: char| if c.is_alphanumeric() || " _.:/=+-@".contains(c) { c } else { '_' };
    text.chars().map(letter).take(most).collect()
}

/// Azure takes none of these in a tag's name.
fn azure_name(text: &str) -> String {
    letters(text, 512).replace('/', "_")
}

impl Draft<'_> {
    /// The number of a disk among those of its machine, from 0.
    pub fn attach(&mut self, machine: &Value) -> u32 {
        let Value::Reference(machine) = machine else { return 0 };
        let count = self.attached.entry(machine.clone()).or_default();
        *count += 1;
        *count - 1
    }

    /// The regions beside that of the draft, of what is written.
    pub fn regions(&self) -> Vec<String> {
        self.others.iter().cloned().collect()
    }

    /// Notes a region that something is in; gives it back if it is not that of the draft.
    pub fn other_region(&mut self, row: &Mapped) -> Option<String> {
        let region = row.to.as_ref().and_then(|to| to.region.clone())?;
        let is_other = region != self.region && region != troupe_estate::GLOBAL;
        is_other.then(|| {
            self.others.insert(region.clone());
            region
        })
    }

    /// The region of a resource.
    pub fn region_of(&self, row: &Mapped) -> String {
        let region = row.to.as_ref().and_then(|to| to.region.clone());
        region.filter(|region| region != troupe_estate::GLOBAL).unwrap_or_else(|| self.region.clone())
    }
}
