//! Writing an ARM template.
//!
//! A text that begins with `[` is an expression there, so one that is meant as it is begins with `[[`.

use serde_json::{Map, Value, json};

use super::build::{Built, Object};
use super::refs::Stand;

const SCHEMA: &str = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#";

/// Writes a template.
pub fn write(built: &Built) -> Value {
    let parameter = |description: &str| json!({ "type": "securestring", "metadata": { "description": description } });
    let parameters = built.parameters.iter().map(|one| (one.name.clone(), parameter(&one.description)));
    let resources: Vec<Value> = built.objects.iter().map(|object| resource(object, built)).collect();
    json!({
        "$schema": SCHEMA,
        "contentVersion": "1.0.0.0",
        "parameters": parameters.collect::<Map<String, Value>>(),
        "resources": resources,
    })
}

fn resource(object: &Object, built: &Built) -> Value {
    let mut fields = Map::new();
    fields.insert("type".to_owned(), object.kind.name().into());
    fields.insert("apiVersion".to_owned(), object.kind.api.as_str().into());
    fields.insert("name".to_owned(), text(&object.name).into());
    let after = object.after.iter().filter_map(|index| built.objects.get(*index));
    let after: Vec<String> = after.map(|other| format!("[{}]", id(other.kind.name(), other.name.split('/')))).collect();
    if !after.is_empty() {
        fields.insert("dependsOn".to_owned(), json!(after));
    }
    fields.extend(object.body.iter().map(|(name, value)| (name.clone(), said(value, built))));
    Value::Object(fields)
}

/// A value as the template says it.
fn said(value: &Value, built: &Built) -> Value {
    if let Some(stand) = Stand::of(value) {
        let expression = match stand {
            Stand::Id(index) => built.objects.get(index).map(|other| id(other.kind.name(), other.name.split('/'))),
            Stand::Inside(_, kind, names) => Some(id(&kind, names.iter().map(String::as_str))),
            Stand::Parameter(name) => Some(format!("parameters({})", quoted(&name))),
            Stand::GroupLocation => Some("resourceGroup().location".to_owned()),
        };
        return expression.map_or(Value::Null, |expression| format!("[{expression}]").into());
    }
    match value {
        Value::String(plain) => text(plain).into(),
        Value::Array(items) => items.iter().map(|item| said(item, built)).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), said(value, built))).collect())
        }
        plain => plain.clone(),
    }
}

fn text(plain: &str) -> String {
    if plain.starts_with('[') { format!("[{plain}") } else { plain.to_owned() }
}

fn id<'a>(kind: &'a str, names: impl Iterator<Item = &'a str>) -> String {
    let arguments: Vec<String> = std::iter::once(kind).chain(names).map(quoted).collect();
    format!("resourceId({})", arguments.join(", "))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
