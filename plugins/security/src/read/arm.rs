//! Templates of Azure Resource Manager, also those in templates (nested deployments).
//!
//! Expressions are worked out as far as the template says enough ([`expression`]). A resource is called by its type
//! and name, `Microsoft.Sql/servers/databases/SERVER/DATABASE`, which is also what `resourceId()` gives here, so
//! references meet.

mod expression;

use serde_json::{Map, Value, json};

use super::Draft;
use crate::judge::Source;
use crate::text::{Kind, Node};
use expression::Template;

/// Reads the resources of a template.
pub fn drafts(node: &Node) -> Result<Vec<Draft>, String> {
    let mut drafts = Vec::new();
    if node.get("resources").is_none() {
        return Err("the template has no `resources`".to_owned());
    }
    let scope = Template::new(node);
    for one in resources(node) {
        resource(one, &scope, None, &mut drafts);
    }
    Ok(drafts)
}

/// Reads a template in a template. Its expressions are about the outer one, unless it says that they are its own.
fn deployment(properties: &Node, template: &Node, scope: &Template, drafts: &mut Vec<Draft>) {
    let whose = properties.get("expressionEvaluationOptions").and_then(|options| options.get("scope"));
    let is_own = whose.and_then(Node::text).is_some_and(|scope| scope.eq_ignore_ascii_case("inner"));
    let nothing = Node { line: properties.line, kind: Kind::Null };
    let own = is_own.then(|| scope.within(template, properties.get("parameters").unwrap_or(&nothing)));
    for one in resources(template) {
        resource(one, own.as_ref().unwrap_or(scope), None, drafts);
    }
}

/// The resources of a template or of another resource: a list, or by symbolic names a mapping.
fn resources(node: &Node) -> Vec<&Node> {
    let Some(resources) = node.get("resources") else { return Vec::new() };
    resources.elements().iter().chain(resources.entries().map(|entry| &entry.value)).collect()
}

/// Reads a resource and those within it; how deep that goes is bounded by the text.
fn resource(node: &Node, scope: &Template, parent: Option<(&str, &str)>, drafts: &mut Vec<Draft>) {
    let kind = node.get("type").and_then(Node::text).unwrap_or("a resource without a type");
    if node.get("condition").is_some_and(|condition| scope.resolve(&condition.value()) == json!(false)) {
        return;
    }
    // One whose template lies elsewhere is told as what no mapping knows.
    if kind.eq_ignore_ascii_case("Microsoft.Resources/deployments")
        && let Some(properties) = node.get("properties")
        && let Some(template) = properties.get("template")
    {
        return deployment(properties, template, scope, drafts);
    }
    let written = node.get("name").map_or(Value::Null, Node::value);
    let own = match scope.resolve(&written) {
        Value::String(name) => name,
        _ => written.as_str().unwrap_or("unnamed").to_owned(),
    };
    let (kind, name) = match parent {
        Some((above, name)) => (format!("{above}/{kind}"), format!("{name}/{own}")),
        None => (kind.to_owned(), own),
    };
    let mut raw = Map::new();
    for entry in node.entries().filter(|entry| entry.key != "resources") {
        raw.insert(entry.key.clone(), scope.resolve(&entry.value.value()));
    }
    raw.insert("name".to_owned(), json!(name));
    if let (Some((above, _)), Some((of, _))) = (kind.rsplit_once('/'), name.rsplit_once('/')) {
        raw.insert("parent".to_owned(), json!(format!("{above}/{of}")));
    }
    let region = raw.get("location").and_then(Value::as_str).filter(|region| !region.contains('[')).map(str::to_owned);
    drafts.push(Draft {
        source: Source::Arm,
        address: format!("{kind}/{name}"),
        line: Some(node.line),
        region,
        raw: Value::Object(raw),
        kind: kind.clone(),
    });
    for child in resources(node) {
        resource(child, scope, Some((&kind, &name)), drafts);
    }
}
