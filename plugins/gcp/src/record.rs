//! What of a service's answer is told of a resource: one table a type.
//!
//! Google's services answer in JSON of one style, and Cloud Asset Inventory hands out the same objects. So a type is
//! a [`Record`]: which of its fields is its name, its labels, its place; which fields are told as attributes, under
//! which names; and which lead to other resources. What needs more thought than that is a function, [`Record::more`].
//!
//! Nothing is told that holds secrets: values of instance metadata, environment variables, passwords and keys.

pub mod path;

use serde_json::{Map, Value};
use troupe_estate::{GLOBAL, Resource, time};

use crate::address::fill;
use crate::name;

/// A type of resource, and how it is read.
#[derive(Debug)]
pub struct Record {
    /// The type, such as `gcp.compute.googleapis.com/Disk`.
    pub kind: &'static str,
    /// Another type, for those whose full name has a part such as `/regions/`: Cloud Asset tells a disk of a region
    /// from a disk of a zone.
    pub elsewhere: Option<(&'static str, &'static str)>,
    /// How its full name is found.
    pub id: Id,
    /// Where its location stands; where there is none, it is read from the full name.
    pub place: Option<&'static str>,
    /// Where its name stands; where there is none, it is the last word of the full name.
    pub name: Option<&'static str>,
    /// Where its labels stand.
    pub labels: &'static str,
    /// When it was made.
    pub created: Created,
    /// What is told of it.
    pub attributes: &'static [Attribute],
    /// What it belongs to or uses.
    pub relations: &'static [Link],
    /// What else is told of it.
    pub more: Option<fn(&Value, &mut Resource)>,
}

/// How a full name is found.
#[derive(Debug, Clone, Copy)]
pub enum Id {
    /// By a link or name of a service (first) at a path (second).
    Told(&'static str, &'static str),
    /// By a form such as `//storage.googleapis.com/{/name}`; see [`crate::address`].
    Form(&'static str),
}

/// Where the time stands at which a resource was made.
#[derive(Debug, Clone, Copy)]
pub enum Created {
    /// By RFC 3339.
    At(&'static str),
    /// In milliseconds since the Unix epoch.
    Milliseconds(&'static str),
    /// Nowhere.
    Untold,
}

/// One attribute.
#[derive(Debug, Clone, Copy)]
pub struct Attribute {
    name: &'static str,
    path: &'static str,
    read: Read,
}

#[derive(Debug, Clone, Copy)]
enum Read {
    Same,
    Last,
    Number,
    Count,
    Has,
    Flag,
}

/// A value as it is; a list of all where the path has a `*`.
pub const fn is(name: &'static str, path: &'static str) -> Attribute {
    Attribute { name, path, read: Read::Same }
}

/// The last word of a link.
pub const fn last(name: &'static str, path: &'static str) -> Attribute {
    Attribute { name, path, read: Read::Last }
}

/// A whole number, also one written as text.
pub const fn number(name: &'static str, path: &'static str) -> Attribute {
    Attribute { name, path, read: Read::Number }
}

/// How many values a path leads to.
pub const fn count(name: &'static str, path: &'static str) -> Attribute {
    Attribute { name, path, read: Read::Count }
}

/// Whether a path leads anywhere.
pub const fn has(name: &'static str, path: &'static str) -> Attribute {
    Attribute { name, path, read: Read::Has }
}

/// Whether a path leads to `true`: Google leaves out what is false.
pub const fn flag(name: &'static str, path: &'static str) -> Attribute {
    Attribute { name, path, read: Read::Flag }
}

/// What a resource belongs to or uses.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    kind: &'static str,
    path: &'static str,
    to: To,
}

#[derive(Debug, Clone, Copy)]
enum To {
    Service(&'static str),
    Key,
    Account,
}

/// A resource of Compute.
pub const fn to(kind: &'static str, path: &'static str) -> Link {
    to_of(kind, "compute.googleapis.com", path)
}

/// A resource of a service.
pub const fn to_of(kind: &'static str, service: &'static str, path: &'static str) -> Link {
    Link { kind, path, to: To::Service(service) }
}

/// The key that it is encrypted with.
pub const fn to_key(path: &'static str) -> Link {
    Link { kind: "kms_key", path, to: To::Key }
}

/// The service account that it acts as.
pub const fn to_account(path: &'static str) -> Link {
    Link { kind: "service_account", path, to: To::Account }
}

impl Record {
    /// A type of which nothing is told yet but its name and labels.
    pub const fn new(kind: &'static str, id: Id) -> Self {
        Self {
            kind,
            elsewhere: None,
            id,
            place: None,
            name: None,
            labels: "/labels",
            created: Created::At("/createTime"),
            attributes: &[],
            relations: &[],
            more: None,
        }
    }

    /// A type of Compute, whose resources all say who they are in the same way.
    pub const fn compute(kind: &'static str) -> Self {
        Self {
            name: Some("/name"),
            created: Created::At("/creationTimestamp"),
            ..Self::new(kind, Id::Told("compute.googleapis.com", "/selfLink"))
        }
    }

    /// Every type that its resources may be of.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.kind).chain(self.elsewhere.map(|(_, kind)| kind))
    }

    /// Reads a resource of a project; none if it does not say who it is.
    ///
    /// `parent` is what the item was found in or under, for names that hold the parent's.
    pub fn read(&self, item: &Value, project: &str, parent: &Value) -> Option<Resource> {
        let id = match self.id {
            Id::Told(service, path) => name::full(service, path::text(item, path)?)?,
            Id::Form(form) => fill(form, project, item, parent)?,
        };
        let kind = self.elsewhere.filter(|(part, _)| id.contains(part)).map_or(self.kind, |(_, kind)| kind);
        let told = self.place.and_then(|path| path::text(item, path)).map(name::last);
        let location =
            told.or_else(|| ["zones", "regions", "locations"].iter().find_map(|word| name::behind(&id, word)));
        let region = location.map_or_else(|| GLOBAL.to_owned(), name::region);
        let called = self.name.and_then(|path| path::text(item, path)).unwrap_or_else(|| name::last(&id));
        let called = name::last(called).to_owned();
        let mut resource = Resource::new(kind, &region, id.clone()).name(&called).account(Some(project.to_owned()));
        if let Some(zone) = location.and_then(name::zone) {
            resource.set("zone", zone);
        }
        resource.tags = labels(item, self.labels);
        resource.created = match self.created {
            Created::At(path) => path::text(item, path).and_then(time::at),
            Created::Milliseconds(path) => path::integer(item, path).and_then(time::at_milliseconds),
            Created::Untold => None,
        };
        for attribute in self.attributes {
            if let Some(value) = attribute.value(item) {
                resource.set(attribute.name, value);
            }
        }
        for link in self.relations {
            let told = path::all(item, link.path).into_iter().filter_map(Value::as_str);
            for target in told.filter_map(|told| link.target(told, project)) {
                resource.relate(link.kind, target);
            }
        }
        if let Some(more) = self.more {
            more(item, &mut resource);
        }
        Some(resource)
    }
}

impl Attribute {
    fn value(&self, item: &Value) -> Option<Value> {
        let found = path::all(item, self.path);
        let told = |value: &&Value| match self.read {
            Read::Last => Some(name::last(value.as_str()?).into()),
            Read::Number => path::number(value).map(Value::from),
            _ => Some((*value).clone()),
        };
        match self.read {
            Read::Count => Some(found.len().into()),
            Read::Has => Some((!found.is_empty()).into()),
            Read::Flag => Some(found.iter().any(|value| value.as_bool() == Some(true)).into()),
            _ if self.path.contains('*') => Some(found.iter().filter_map(told).collect()),
            _ => found.first().and_then(told),
        }
    }
}

impl Link {
    fn target(&self, told: &str, project: &str) -> Option<String> {
        match self.to {
            To::Service(service) => name::full(service, told),
            To::Key => name::full("cloudkms.googleapis.com", name::key(told)),
            To::Account => name::account(told.strip_prefix("serviceAccount:").unwrap_or(told), project),
        }
    }
}

fn labels(item: &Value, path: &str) -> std::collections::BTreeMap<String, String> {
    let labels = path::one(item, path).and_then(Value::as_object);
    let pair = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
    labels.into_iter().flatten().filter_map(pair).collect()
}

/// The fields of an object that are there, under other names.
pub fn renamed(item: &Value, fields: &[(&str, &str)]) -> Value {
    let pair = |(name, path): &(&str, &str)| Some(((*name).to_owned(), path::one(item, path)?.clone()));
    Value::Object(fields.iter().filter_map(pair).collect::<Map<String, Value>>())
}

/// An object with a field more.
pub fn with(mut object: Value, name: &str, value: impl Into<Value>) -> Value {
    if let Value::Object(fields) = &mut object {
        fields.insert(name.to_owned(), value.into());
    }
    object
}
