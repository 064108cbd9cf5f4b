//! The form in which resources of every service are told.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use troupe_sdk::prelude::*;

/// The region of what belongs to the account as a whole.
pub const GLOBAL: &str = "global";

/// What an account holds, and what could not be looked at.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Inventory {
    /// The account's number; absent if it could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The ARN of the identity that looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// The regions that were looked at.
    pub regions: Vec<String>,
    /// How many resources there are of each type.
    pub counts: BTreeMap<String, u64>,
    /// The resources, by type, region and id.
    pub resources: Vec<Resource>,
    /// What could not be looked at. What these hide is not in `resources`.
    pub errors: Vec<Problem>,
}

/// One resource.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Resource {
    /// What the service calls it: `i-0123…`, a bucket's or user's name.
    pub id: String,
    /// Its Amazon Resource Name, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// What it is, such as `aws.ec2.instance`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The region, or `global`.
    pub region: String,
    /// What people call it: the tag `Name`, or the name the service knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The tags.
    pub tags: BTreeMap<String, String>,
    /// When it was made, in UTC by RFC 3339, where the service tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// What else is known; the names depend on the type. What the resource does not have
    /// is `null` or absent, what could not be read stands in `unread`.
    pub attributes: Map<String, Value>,
    /// What it belongs to or uses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub relations: Vec<Relation>,
    /// Names of attributes, or `tags`, that could not be read; `errors` says why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<&'static str>,
}

/// A resource that another one belongs to or uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Relation {
    /// What the other one is: `vpc`, `volume`, `role`, …
    pub kind: &'static str,
    /// Its `id` or `arn`.
    pub target: String,
}

/// Something that could not be looked at.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Problem {
    /// The service, such as `ec2`.
    pub service: &'static str,
    /// The region, or `global`.
    pub region: String,
    /// The operation, such as `DescribeVolumes`.
    pub operation: &'static str,
    /// What the service calls the error.
    pub code: String,
    /// What the service says about it, the first time.
    pub message: String,
    /// What it means for whoever asked.
    pub kind: ProblemKind,
    /// How often it came.
    pub count: u64,
    /// The resource it came with the first time, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
}

/// What a problem means for whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// A grant of the host or a permission of the account is missing.
    Denied,
    /// The endpoint does not offer the service or the operation.
    NotAvailable,
    /// The service asked for patience for longer than the agent had.
    Throttled,
    /// Anything else.
    Failed,
}

impl Resource {
    /// Makes a resource of which nothing more is known yet.
    pub fn new(kind: &'static str, region: &str, id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            arn: None,
            kind,
            region: region.to_owned(),
            name: None,
            tags: BTreeMap::new(),
            created: None,
            attributes: Map::new(),
            relations: Vec::new(),
            unread: Vec::new(),
        }
    }

    /// Sets the ARN.
    pub fn arn(mut self, arn: Option<String>) -> Self {
        self.arn = arn;
        self
    }

    /// Sets the name that the service knows.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Sets the tags, and the name by the tag `Name` where the service knows none.
    pub fn tags(mut self, tags: impl IntoIterator<Item = (String, String)>) -> Self {
        self.tags.extend(tags);
        if self.name.is_none() {
            self.name = self.tags.get("Name").filter(|name| !name.is_empty()).cloned();
        }
        self
    }

    /// Sets when it was made.
    pub fn created(mut self, created: Option<String>) -> Self {
        self.created = created;
        self
    }

    /// Sets an attribute, if it is known.
    pub fn with(mut self, name: &str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.set(name, value);
        }
        self
    }

    /// Sets an attribute.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.attributes.insert(name.to_owned(), value.into());
    }

    /// Adds what it belongs to or uses, if there is such a thing.
    pub fn to(mut self, kind: &'static str, target: Option<impl Into<String>>) -> Self {
        if let Some(target) = target {
            let relation = Relation { kind, target: target.into() };
            if !self.relations.contains(&relation) {
                self.relations.push(relation);
            }
        }
        self
    }
}
