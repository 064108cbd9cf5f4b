//! Plans and states of Terraform.
//!
//! A plan's values lie in `planned_values`, and `after_unknown` of its changes says which of them only the cloud
//! will decide. Where such a value is a reference to another resource, `configuration` says to which, so it stands
//! as that one's address: a bucket policy finds its bucket before either exists. What is neither known nor a
//! reference is not known yet. A state, by `terraform show -json` or the file itself (version 4), knows everything.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::Draft;
use crate::judge::Source;
use crate::text::Node;
use crate::unknown;

/// Reads the resources of a plan or state.
pub fn drafts(node: &Node) -> Result<Vec<Draft>, String> {
    if node.get("lineage").is_some() && node.get("resources").is_some() {
        return Ok(file(node));
    }
    let root = node.get("planned_values").or_else(|| node.get("values")).and_then(|values| values.get("root_module"));
    let Some(root) = root else {
        // A state without resources has no values, which is not the same as none that can be read.
        let is_empty = node.get("terraform_version").is_some();
        return if is_empty {
            Ok(Vec::new())
        } else {
            Err("neither `planned_values` nor `values` are there".to_owned())
        };
    };
    let mut unknowns = BTreeMap::new();
    for change in node.get("resource_changes").map(Node::elements).unwrap_or_default() {
        if let (Some(address), Some(change)) = (change.get("address").and_then(Node::text), change.get("change"))
            && let Some(after) = change.get("after_unknown")
        {
            unknowns.insert(address.to_owned(), after.value());
        }
    }
    let configuration = node.get("configuration").and_then(|node| node.get("root_module")).map(Node::value);
    let mut reader = Reader { unknowns, regions: regions(node), drafts: Vec::new() };
    reader.module(root, configuration.as_ref(), "");
    Ok(reader.drafts)
}

struct Reader {
    unknowns: BTreeMap<String, Value>,
    /// The regions that providers are set to, by their keys: `aws`, `aws.other`, `module.x:aws.other`.
    regions: BTreeMap<String, String>,
    drafts: Vec<Draft>,
}

impl Reader {
    /// Reads a module and those within it; how deep that goes is bounded by the text.
    fn module(&mut self, module: &Node, configuration: Option<&Value>, prefix: &str) {
        let written = written(configuration);
        for resource in module.get("resources").map(Node::elements).unwrap_or_default() {
            let text = |key: &str| resource.get(key).and_then(Node::text).unwrap_or_default().to_owned();
            if text("mode") == "data" {
                continue;
            }
            let address = text("address");
            let mut raw = resource.get("values").map_or(Value::Null, Node::value);
            if let Some(after) = self.unknowns.get(&address) {
                mark(&mut raw, after);
            }
            let (kind, name) = (text("type"), text("name"));
            let written = written.get(&(kind.as_str(), name.as_str())).copied();
            if let Some(expressions) = written.and_then(|written| written.get("expressions")) {
                let index = resource.get("index").map(|index| index.value().to_string());
                refer(&mut raw, expressions, prefix, index.as_deref());
            }
            let region = self.region(&kind, written, &raw);
            self.drafts.push(Draft {
                source: Source::Terraform,
                kind,
                address,
                line: Some(resource.line),
                region,
                raw,
            });
        }
        for child in module.get("child_modules").map(Node::elements).unwrap_or_default() {
            let address = child.get("address").and_then(Node::text).unwrap_or_default();
            let call = address.rsplit("module.").next().unwrap_or_default().split('[').next().unwrap_or_default();
            let inner = configuration.and_then(|module| module.get("module_calls")?.get(call)?.get("module"));
            self.module(child, inner, &format!("{address}."));
        }
    }

    /// Where a resource is made: where it says itself, as AWS's may, else where its provider is set to, which is one
    /// under an alias if it names one.
    fn region(&self, kind: &str, written: Option<&Value>, raw: &Value) -> Option<String> {
        let own = raw.get("region").and_then(Value::as_str).filter(|_| kind.starts_with("aws_"));
        let default = || kind.split('_').next().unwrap_or_default();
        let key = written.and_then(|written| written.get("provider_config_key")?.as_str()).unwrap_or_else(default);
        own.map(str::to_owned).or_else(|| self.regions.get(key).cloned())
    }
}

/// What the resources of a module are written as, by type and name.
fn written(configuration: Option<&Value>) -> BTreeMap<(&str, &str), &Value> {
    let resources = configuration.and_then(|module| module.get("resources")?.as_array());
    let managed = resources.into_iter().flatten().filter(|one| one.get("mode") != Some(&Value::from("data")));
    let entry = |one| -> Option<((&str, &str), &Value)> {
        let text = |key: &str| Value::as_str(Value::get(one, key)?);
        Some(((text("type")?, text("name")?), one))
    };
    managed.filter_map(entry).collect()
}

/// Puts what is not known yet where it stands.
fn mark(value: &mut Value, after: &Value) {
    match after {
        Value::Bool(true) => *value = unknown::unknown("known after apply"),
        Value::Object(entries) => {
            if value.is_null() && entries.values().any(is_marked) {
                *value = Value::Object(Map::new());
            }
            if let Value::Object(there) = value {
                for (key, after) in entries {
                    if is_marked(after) {
                        mark(there.entry(key.clone()).or_insert(Value::Null), after);
                    }
                }
            }
        }
        Value::Array(list) => {
            if value.is_null() && list.iter().any(is_marked) {
                *value = Value::Array(Vec::new());
            }
            if let Value::Array(there) = value {
                for (at, after) in list.iter().enumerate().filter(|(_, after)| is_marked(after)) {
                    while there.len() <= at {
                        there.push(Value::Null);
                    }
                    if let Some(element) = there.get_mut(at) {
                        mark(element, after);
                    }
                }
            }
        }
        _ => {}
    }
}

fn is_marked(after: &Value) -> bool {
    match after {
        Value::Bool(truth) => *truth,
        Value::Array(list) => list.iter().any(is_marked),
        Value::Object(entries) => entries.values().any(is_marked),
        _ => false,
    }
}

/// Puts addresses where a value that is not known yet refers to a resource.
fn refer(value: &mut Value, expressions: &Value, prefix: &str, index: Option<&str>) {
    let (Value::Object(there), Value::Object(expressions)) = (value, expressions) else { return };
    for (key, expression) in expressions {
        let Some(value) = there.get_mut(key) else { continue };
        match expression {
            Value::Array(blocks) => {
                for (at, block) in blocks.iter().enumerate() {
                    let element = if value.is_array() { value.get_mut(at) } else { Some(&mut *value) };
                    if let Some(element) = element {
                        refer(element, block, prefix, index);
                    }
                }
            }
            Value::Object(entries) => match entries.get("references").and_then(Value::as_array) {
                Some(references) => {
                    let addresses = addresses(references, prefix, index);
                    fill(value, &addresses);
                }
                None => refer(value, expression, prefix, index),
            },
            _ => {}
        }
    }
}

fn fill(value: &mut Value, addresses: &[String]) {
    match (&mut *value, addresses) {
        (_, []) => {}
        (Value::Array(list), _) => {
            for (at, element) in list.iter_mut().enumerate() {
                if unknown::reason(element).is_some()
                    && let Some(address) = addresses.get(at).or(addresses.first())
                {
                    *element = Value::from(address.as_str());
                }
            }
        }
        (one, [address]) if unknown::reason(one).is_some() => *value = Value::from(address.as_str()),
        (one, several) if unknown::reason(one).is_some() => *value = Value::from(several.to_vec()),
        _ => {}
    }
}

/// The resources among references: `aws_s3_bucket.logs.id` and `aws_s3_bucket.logs` are one, of the same module.
fn addresses(references: &[Value], prefix: &str, index: Option<&str>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut seen = BTreeSet::new();
    // One of several is referred to by `count.index` or by number; the same index is what is meant most often.
    let counted = references.iter().any(|one| one.as_str() == Some("count.index") || one.as_str() == Some("each.key"));
    for reference in references.iter().filter_map(Value::as_str) {
        let mut parts = reference.split('.');
        let (Some(kind), Some(name)) = (parts.next(), parts.next()) else { continue };
        if ["var", "local", "each", "count", "module", "path", "data", "self", "terraform"].contains(&kind)
            || !kind.contains('_')
        {
            continue;
        }
        let name = match (index, counted, name.contains('[')) {
            (Some(index), true, false) => format!("{name}[{index}]"),
            _ => name.to_owned(),
        };
        let address = format!("{prefix}{kind}.{name}");
        if seen.insert(address.clone()) {
            found.push(address);
        }
    }
    found
}

/// The regions that providers are set to, by their keys: by a constant, or a variable of the plan.
fn regions(node: &Node) -> BTreeMap<String, String> {
    let providers = node.get("configuration").and_then(|node| node.get("provider_config"));
    let variable = |name: &str| node.get("variables")?.get(name)?.get("value")?.text();
    let of = |provider: &Node| {
        let region = provider.get("expressions")?.get("region")?;
        let constant = region.get("constant_value").and_then(Node::text);
        // A module's own variables are not those of the plan.
        let is_root = provider.get("module_address").is_none();
        let named = || {
            let references = region.get("references").map(Node::elements).unwrap_or_default();
            references.iter().filter_map(|one| one.text()?.strip_prefix("var.")).find_map(variable)
        };
        constant.or_else(|| if is_root { named() } else { None }).map(str::to_owned)
    };
    let providers = providers.into_iter().flat_map(Node::entries);
    providers.filter_map(|entry| Some((entry.key.clone(), of(&entry.value)?))).collect()
}

/// Reads a state as Terraform keeps it.
fn file(node: &Node) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for resource in node.get("resources").map(Node::elements).unwrap_or_default() {
        let text = |key: &str| resource.get(key).and_then(Node::text).unwrap_or_default();
        if text("mode") != "managed" {
            continue;
        }
        let module = text("module");
        let base = format!("{module}{}{}.{}", if module.is_empty() { "" } else { "." }, text("type"), text("name"));
        for instance in resource.get("instances").map(Node::elements).unwrap_or_default() {
            let address = match instance.get("index_key") {
                Some(index) => format!("{base}[{}]", index.value()),
                None => base.clone(),
            };
            drafts.push(Draft {
                source: Source::Terraform,
                kind: text("type").to_owned(),
                address,
                line: Some(resource.line),
                region: None,
                raw: instance.get("attributes").map_or(Value::Null, Node::value),
            });
        }
    }
    drafts
}
