//! What is wanted: of the inventory, or of a list in YAML.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use troupe_estate::{GLOBAL, Resource};
use troupe_sdk::prelude::*;

use super::LeftOut;
use crate::kinds::{Kind, kind_of};

/// Attributes of the inventory that stand beside an object's properties.
const BESIDE: [&str; 4] = ["sku", "kind", "zones", "identity"];

/// A resource that shall be in the template.
#[derive(Debug)]
pub struct Wanted {
    /// What it is.
    pub kind: &'static Kind,
    /// The id of the one it is like, if there is one.
    pub id: Option<String>,
    /// Its name, with its parents' before it: `db1/app`.
    pub name: String,
    /// Where it shall be; none is where the resource group is.
    pub location: Option<String>,
    /// The tags.
    pub tags: BTreeMap<String, String>,
    /// What stands beside its properties: `sku`, `kind`, `zones`, `identity`.
    pub beside: Map<String, Value>,
    /// Attributes by the names that the catalogue gives them.
    pub settings: Map<String, Value>,
    /// Properties as Azure names them, over what the settings say.
    pub properties: Map<String, Value>,
    /// Names of others that shall be there before.
    pub after: Vec<String>,
}

/// One entry of a list in YAML.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    r#type: String,
    name: String,
    location: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    sku: Option<Value>,
    kind: Option<String>,
    zones: Option<Value>,
    identity: Option<Value>,
    #[serde(default)]
    settings: Map<String, Value>,
    #[serde(default)]
    properties: Map<String, Value>,
    #[serde(default)]
    depends_on: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    resources: Vec<Entry>,
}

/// Reads a list.
pub fn of_yaml(text: &str) -> Result<Vec<Wanted>, Failure> {
    let list: List = serde_saphyr::from_str(text)
        .map_err(|error| Failure::invalid_input(format!("the list of resources cannot be read: {error}")))?;
    list.resources.into_iter().map(of_entry).collect()
}

fn of_entry(entry: Entry) -> Result<Wanted, Failure> {
    let invalid = |why: String| Failure::invalid_input(why).with("resource", &entry.name);
    let Some(kind) = kind_of(&entry.r#type).filter(|kind| kind.has_template()) else {
        return Err(invalid(format!(
            "`{}` is of a type that there is no template for: `{}`",
            entry.name, entry.r#type
        )));
    };
    let parts = kind.name().split('/').count() - 1;
    if entry.name.split('/').filter(|part| !part.is_empty()).count() != parts {
        let form = kind.name().split('/').skip(1).map(|noun| format!("NAME-OF-{noun}")).collect::<Vec<_>>().join("/");
        return Err(invalid(format!("`{}` is no name of a `{}`; write {form}", entry.name, kind.name())));
    }
    for setting in entry.settings.keys() {
        if !kind.settings.get(setting).is_some_and(|spec| spec.can_be_set()) {
            let known: Vec<&str> =
                kind.settings.iter().filter(|(_, spec)| spec.can_be_set()).map(|(name, _)| name.as_str()).collect();
            let why = format!("`{}` has no setting `{setting}`; there are {}", kind.name(), known.join(", "));
            return Err(invalid(why));
        }
    }
    let sku = entry.sku.map(|sku| if sku.is_string() { json!({ "name": sku }) } else { sku });
    let kind_word = entry.kind.map(Value::String);
    let beside = [("sku", sku), ("kind", kind_word), ("zones", entry.zones), ("identity", entry.identity)];
    let beside = beside.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    Ok(Wanted {
        kind,
        id: None,
        name: entry.name,
        location: entry.location,
        tags: entry.tags,
        beside,
        settings: entry.settings,
        properties: entry.properties,
        after: entry.depends_on,
    })
}

/// Takes what the inventory tells. What there is no template for is left out, and told.
pub fn of_inventory(resources: Vec<Resource>, left_out: &mut Vec<LeftOut>) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    for resource in resources {
        let name = resource.kind.strip_prefix("azure.").unwrap_or(&resource.kind);
        let kind = kind_of(name).filter(|kind| kind.has_template());
        let full = kind.and_then(|kind| name_in(&resource.id, kind));
        let (Some(kind), Some(name)) = (kind, full) else {
            let why = "there is no template for its type".to_owned();
            left_out.push(LeftOut { resource: resource.id, kind: resource.kind.into_owned(), why });
            continue;
        };
        wanted.push(of_resource(kind, name, resource));
    }
    wanted
}

fn of_resource(kind: &'static Kind, name: String, mut resource: Resource) -> Wanted {
    let beside = BESIDE.iter().filter_map(|name| Some(((*name).to_owned(), resource.attributes.remove(*name)?)));
    let mut beside: Map<String, Value> = beside.collect();
    let identities = resource.relations.iter().filter(|relation| relation.kind == "identity");
    let identities: Map<String, Value> = identities.map(|identity| (identity.target.clone(), json!({}))).collect();
    if let Some(identity) = beside.get_mut("identity") {
        *identity = json!({ "type": identity.take() });
        if !identities.is_empty() {
            identity["userAssignedIdentities"] = Value::Object(identities);
        }
    }
    let is_set = |name: &String| kind.settings.get(name).is_some_and(|spec| spec.can_be_set());
    resource.attributes.retain(|name, value| is_set(name) && !value.is_null());
    Wanted {
        kind,
        location: (resource.region != GLOBAL).then_some(resource.region),
        id: Some(resource.id),
        name,
        tags: resource.tags,
        beside,
        settings: resource.attributes,
        properties: Map::new(),
        after: Vec::new(),
    }
}

/// The name that a template gives a resource, of its id: `db1/app` of `…/servers/db1/databases/app`.
pub fn name_in(id: &str, kind: &Kind) -> Option<String> {
    let namespace = kind.name().split('/').next()?.to_ascii_lowercase();
    let word = format!("/providers/{namespace}/");
    let start = id.to_ascii_lowercase().rfind(&word)? + word.len();
    let parts: Vec<&str> = id.get(start..)?.split('/').collect();
    let nouns: Vec<&str> = kind.name().split('/').skip(1).collect();
    let is_of_kind = parts.len() == 2 * nouns.len()
        && parts.iter().step_by(2).zip(&nouns).all(|(part, noun)| part.eq_ignore_ascii_case(noun));
    is_of_kind.then(|| parts.iter().skip(1).step_by(2).copied().collect::<Vec<_>>().join("/"))
}
