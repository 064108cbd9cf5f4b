//! Templates of CloudFormation.
//!
//! Functions are worked out as far as the template says enough: parameters by their defaults, `Fn::Sub`, `Fn::Join`,
//! `Fn::FindInMap`, `Fn::If` by conditions over parameters. A reference to a resource is its logical id. What only
//! CloudFormation knows is not known yet.

mod function;

use serde_json::Value;

use super::Draft;
use crate::judge::Source;
use crate::text::Node;

/// Reads the resources of a template.
pub fn drafts(node: &Node) -> Result<Vec<Draft>, String> {
    let Some(resources) = node.get("Resources") else { return Err("the template has no `Resources`".to_owned()) };
    let template = function::Template::new(node);
    let mut drafts = Vec::new();
    for entry in resources.entries() {
        // What is no resource yet, such as `Fn::ForEach`, is told as what no mapping knows.
        let kind = entry.value.get("Type").and_then(Node::text).unwrap_or_else(|| match entry.key.split_once("::") {
            Some(("Fn", rest)) if rest.starts_with("ForEach") => "Fn::ForEach",
            _ => "a resource without a type",
        });
        if let Some(condition) = entry.value.get("Condition").and_then(Node::text)
            && template.condition(condition) == Some(false)
        {
            continue;
        }
        let mut raw = entry.value.get("Properties").map_or(Value::Null, |node| template.resolve(&node.value()));
        for key in ["DeletionPolicy", "UpdateReplacePolicy"] {
            if let (Some(object), Some(value)) = (raw.as_object_mut(), entry.value.get(key)) {
                object.insert(key.to_owned(), value.value());
            }
        }
        drafts.push(Draft {
            source: Source::CloudFormation,
            kind: kind.to_owned(),
            address: entry.key.clone(),
            line: Some(entry.line),
            region: None,
            raw,
        });
    }
    Ok(drafts)
}
