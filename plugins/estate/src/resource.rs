//! The form in which resources of every cloud are told.
//!
//! A resource says two things about what it is: `type` in its provider's own words, of which nothing is
//! lost, and `class` in common words, by which rules and people compare clouds. What it has not is absent or
//! `null`; what nobody could read stands in `unread`, so the two never look alike.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Class, Money, Provider, types};

/// The region of what belongs to an account as a whole.
pub const GLOBAL: &str = "global";

/// A word that an agent's code holds, or that was read.
pub type Word = Cow<'static, str>;

/// One resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Resource {
    /// What its provider knows it by: `i-0123…` or a bucket's name at AWS, the whole
    /// `/subscriptions/…` at Azure, the whole `//compute.googleapis.com/…` at Google Cloud.
    pub id: String,
    /// Its Amazon Resource Name, where it is known. Elsewhere `id` is already unique in the world.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// What it is in its provider's own words: `aws.ec2.instance`,
    /// `azure.microsoft.compute/virtualmachines`, `gcp.compute.googleapis.com/Instance`.
    #[serde(rename = "type")]
    pub kind: Word,
    /// The region, or `global`.
    pub region: String,
    /// What people call it: the tag `Name`, or the name the service knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The tags, or labels.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// When it was made, in UTC by RFC 3339, where the service tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Whose cloud it is in.
    #[serde(default)]
    pub provider: Provider,
    /// What it is in common words: `compute.instance`.
    #[serde(default)]
    pub class: Class,
    /// The account, subscription or project, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// What it costs in a month, where a price is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Money>,
    /// What else is known; the names depend on the type. What the resource does not have is `null` or
    /// absent, what could not be read stands in `unread`.
    #[serde(default)]
    pub attributes: Map<String, Value>,
    /// What it belongs to or uses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relations: Vec<Relation>,
    /// Names of attributes, or `tags`, that could not be read; `errors` says why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Word>,
}

/// A resource that another one belongs to or uses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Relation {
    /// What the other one is: `vpc`, `volume`, `role`, …
    pub kind: Word,
    /// Its `id` or `arn`.
    pub target: String,
}

/// Which resource something is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reference {
    /// Its `id`.
    pub id: String,
    /// Its Amazon Resource Name, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// Whose cloud it is in.
    #[serde(default)]
    pub provider: Provider,
    /// What it is in its provider's own words.
    #[serde(rename = "type")]
    pub kind: Word,
    /// The account, subscription or project, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The region, or `global`.
    pub region: String,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What tells a resource from every other, and their order: type, account, region, id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    kind: String,
    account: String,
    region: String,
    id: String,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, account, region, id } = self;
        write!(f, "{kind} `{id}` in {region} of `{account}`")
    }
}

fn key(provider: Provider, kind: &str, account: Option<&str>, region: &str, id: &str) -> Key {
    Key {
        kind: provider.canonical(kind),
        account: provider.canonical(account.unwrap_or_default()),
        region: provider.canonical(region),
        id: provider.canonical(id),
    }
}

impl Reference {
    /// What tells the resource from every other.
    pub fn key(&self) -> Key {
        key(self.provider, &self.kind, self.account.as_deref(), &self.region, &self.id)
    }

    /// The service it belongs to, as [`crate::Problem::service`] has it.
    pub fn service(&self) -> &str {
        types::service_of(&self.kind)
    }

    /// The name that is unique in the world, if there is one.
    pub fn full_name(&self) -> &str {
        self.arn.as_deref().unwrap_or(&self.id)
    }
}

impl Resource {
    /// Makes a resource of which nothing more is known yet; provider and class follow from its type.
    pub fn new(kind: impl Into<Word>, region: &str, id: impl Into<String>) -> Self {
        let kind = kind.into();
        Self {
            id: id.into(),
            arn: None,
            provider: Provider::of_type(&kind),
            class: types::class_of(&kind),
            kind,
            account: None,
            region: region.to_owned(),
            name: None,
            tags: BTreeMap::new(),
            created: None,
            cost: None,
            attributes: Map::new(),
            relations: Vec::new(),
            unread: Vec::new(),
        }
    }

    /// What tells it from every other.
    pub fn key(&self) -> Key {
        key(self.provider, &self.kind, self.account.as_deref(), &self.region, &self.id)
    }

    /// Which resource it is, for a finding about it.
    pub fn reference(&self) -> Reference {
        Reference {
            id: self.id.clone(),
            arn: self.arn.clone(),
            provider: self.provider,
            kind: self.kind.clone(),
            account: self.account.clone(),
            region: self.region.clone(),
            name: self.name.clone(),
        }
    }

    /// Sets the ARN.
    #[must_use]
    pub fn arn(mut self, arn: Option<String>) -> Self {
        self.arn = arn;
        self
    }

    /// Sets the account, subscription or project.
    #[must_use]
    pub fn account(mut self, account: Option<String>) -> Self {
        self.account = account;
        self
    }

    /// Sets the name that the service knows.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Sets the tags, and the name by the tag `Name` where the service knows none.
    #[must_use]
    pub fn tags(mut self, tags: impl IntoIterator<Item = (String, String)>) -> Self {
        self.tags.extend(tags);
        if self.name.is_none() {
            self.name = self.tags.get("Name").filter(|name| !name.is_empty()).cloned();
        }
        self
    }

    /// Sets when it was made.
    #[must_use]
    pub fn created(mut self, created: Option<String>) -> Self {
        self.created = created;
        self
    }

    /// Sets what it costs in a month.
    #[must_use]
    pub fn cost(mut self, cost: Option<Money>) -> Self {
        self.cost = cost;
        self
    }

    /// Sets an attribute, if it is known.
    #[must_use]
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
    #[must_use]
    pub fn to(mut self, kind: impl Into<Word>, target: Option<impl Into<String>>) -> Self {
        if let Some(target) = target {
            self.relate(kind, target);
        }
        self
    }

    /// Adds what it belongs to or uses.
    pub fn relate(&mut self, kind: impl Into<Word>, target: impl Into<String>) {
        let relation = Relation { kind: kind.into(), target: target.into() };
        if !self.relations.contains(&relation) {
            self.relations.push(relation);
        }
    }

    /// Notes that attributes, or `tags`, could not be read.
    pub fn unread(&mut self, names: &[&'static str]) {
        self.unread.extend(names.iter().map(|name| Word::Borrowed(*name)));
    }

    /// Reports whether an attribute, or `tags`, could not be read.
    pub fn is_unread(&self, name: &str) -> bool {
        self.unread.iter().any(|unread| unread == name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_resource_is_told_in_the_documented_form_and_reads_back() {
        let volume = Resource::new("aws.ec2.volume", "us-east-1", "vol-1")
            .arn(Some("arn:aws:ec2:us-east-1:111122223333:volume/vol-1".to_owned()))
            .account(Some("111122223333".to_owned()))
            .tags([("Name".to_owned(), "data".to_owned())])
            .with("size_gib", Some(20))
            .with("kms_key", None::<&str>)
            .to("instance", Some("i-1"))
            .to("instance", Some("i-1"));
        let told = json!({
            "id": "vol-1", "arn": "arn:aws:ec2:us-east-1:111122223333:volume/vol-1", "provider": "aws",
            "type": "aws.ec2.volume", "class": "compute.disk", "account": "111122223333", "region": "us-east-1",
            "name": "data", "tags": { "Name": "data" }, "attributes": { "size_gib": 20 },
            "relations": [{ "kind": "instance", "target": "i-1" }],
        });
        assert_eq!(serde_json::to_value(&volume).unwrap(), told);
        assert_eq!(serde_json::from_value::<Resource>(told).unwrap(), volume);
    }

    #[test]
    fn what_was_told_without_provider_or_class_is_read_and_what_is_new_is_passed_over() {
        let old = json!({ "id": "a", "type": "aws.s3.bucket", "region": "global", "tags": {}, "attributes": {},
            "class": "compute.unheard_of", "provider": "elsewhere", "more": 1 });
        let resource: Resource = serde_json::from_value(old).unwrap();
        assert_eq!((resource.class, resource.provider), (Class::Other, Provider::Other));
    }

    #[test]
    fn letters_of_azure_are_compared_without_case() {
        let at = |kind: &'static str, id: &str| Resource::new(kind, "eastus", id).key();
        let kind = "azure.microsoft.compute/disks";
        assert_eq!(at(kind, "/subscriptions/A/x"), at(kind, "/Subscriptions/a/X"));
        assert_ne!(at("aws.iam.user", "Ann"), at("aws.iam.user", "ann"));
    }
}
