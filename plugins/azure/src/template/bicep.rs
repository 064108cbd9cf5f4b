//! Writing Bicep.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::build::{Built, Object};
use super::refs::Stand;

/// Writes a template.
pub fn write(built: &Built) -> String {
    let mut text = String::from("targetScope = 'resourceGroup'\n");
    for parameter in &built.parameters {
        let _ = write!(
            text,
            "\n@secure()\n@description({})\nparam {} string\n",
            quoted(&parameter.description),
            parameter.name
        );
    }
    for object in &built.objects {
        let head = format!("{}@{}", object.kind.name(), object.kind.api);
        let _ = write!(text, "\nresource {} {} = {{\n  name: {}\n", object.symbol, quoted(&head), quoted(&object.name));
        for (name, value) in &object.body {
            let _ = writeln!(text, "  {}: {}", key(name), said(value, built, 1));
        }
        let after = unsaid(object, built);
        if !after.is_empty() {
            let _ = writeln!(text, "  dependsOn: [\n    {}\n  ]", after.join("\n    "));
        }
        text.push_str("}\n");
    }
    text
}

/// What has to be there before, beyond what is clear from a name that is used.
fn unsaid<'a>(object: &Object, built: &'a Built) -> Vec<&'a str> {
    let after = object.after.iter().filter(|index| !object.body.values().any(|value| uses(value, **index)));
    after.filter_map(|index| Some(built.objects.get(*index)?.symbol.as_str())).collect()
}

fn uses(value: &Value, index: usize) -> bool {
    match (Stand::of(value), value) {
        (Some(stand), _) => stand == Stand::Id(index),
        (None, Value::Array(items)) => items.iter().any(|item| uses(item, index)),
        (None, Value::Object(fields)) => fields.values().any(|field| uses(field, index)),
        _ => false,
    }
}

/// A value, `depth` steps in.
fn said(value: &Value, built: &Built, depth: usize) -> String {
    if let Some(stand) = Stand::of(value) {
        return match stand {
            Stand::Id(index) => {
                built.objects.get(index).map_or_else(|| "null".to_owned(), |other| format!("{}.id", other.symbol))
            }
            Stand::Inside(_, kind, names) => {
                let arguments: Vec<String> = std::iter::once(&kind).chain(&names).map(|text| quoted(text)).collect();
                format!("resourceId({})", arguments.join(", "))
            }
            Stand::Parameter(name) => name,
            Stand::GroupLocation => "resourceGroup().location".to_owned(),
        };
    }
    let (inner, outer) = ("  ".repeat(depth + 1), "  ".repeat(depth));
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(plain) => plain.to_string(),
        Value::Number(number) if number.is_f64() => format!("json({})", quoted(&number.to_string())),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(items) if items.is_empty() => "[]".to_owned(),
        Value::Array(items) => {
            let lines: Vec<String> =
                items.iter().map(|item| format!("{inner}{}", said(item, built, depth + 1))).collect();
            format!("[\n{}\n{outer}]", lines.join("\n"))
        }
        Value::Object(fields) => block(fields, built, depth, &inner, &outer),
    }
}

fn block(fields: &Map<String, Value>, built: &Built, depth: usize, inner: &str, outer: &str) -> String {
    if fields.is_empty() {
        return "{}".to_owned();
    }
    let line = |(name, value): (&String, &Value)| format!("{inner}{}: {}", key(name), said(value, built, depth + 1));
    format!("{{\n{}\n{outer}}}", fields.iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// A name of a field: as it is where it is a word, else in quotes.
fn key(name: &str) -> String {
    let is_word = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !["true", "false", "null"].contains(&name);
    if is_word { name.to_owned() } else { quoted(name) }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("'");
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => quoted.push_str("\\\\"),
            '\'' => quoted.push_str("\\'"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '$' if rest.peek() == Some(&'{') => quoted.push_str("\\$"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{{{:x}}}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}
