//! What of a release a model would read: its summary and goals, and the names, descriptions and
//! schemas of its skills, names of properties and values of enumerations included.

use serde_json::{Map, Value, json};
use troupe_core::limits;
use troupe_core::view::TextChange;

use super::Compared;
use crate::text;

/// All of it, as one document.
pub(super) fn document(release: Compared<'_>) -> Value {
    let Compared { manifest, profile } = release;
    let skills: Map<String, Value> = profile
        .skills
        .iter()
        .map(|skill| {
            let about = json!({ "description": skill.description, "input": skill.input, "output": skill.output });
            (skill.name.to_string(), about)
        })
        .collect();
    json!({
        "summary": manifest.summary, "goals": manifest.goals,
        "profile": { "summary": profile.summary, "goals": profile.goals },
        "skills": skills,
    })
}

/// The places in which two such documents differ, each with both values.
pub(super) fn changes(before: &Value, after: &Value) -> Vec<TextChange> {
    let mut found = Vec::new();
    walk("", Some(before), Some(after), &mut found);
    found
}

fn walk(at: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<TextChange>) {
    if before == after {
        return;
    }
    if let (Some(Value::Object(one)), Some(Value::Object(other))) = (before, after) {
        let names = one.keys().chain(other.keys().filter(|name| !one.contains_key(*name)));
        for name in names {
            walk(&below(at, name), one.get(name), other.get(name), found);
        }
        return;
    }
    if let (Some(Value::Array(one)), Some(Value::Array(other))) = (before, after)
        && one.iter().chain(other).any(|item| item.is_object() || item.is_array())
    {
        for index in 0..one.len().max(other.len()) {
            walk(&below(at, &index.to_string()), one.get(index), other.get(index), found);
        }
        return;
    }
    found.push(TextChange { at: at.to_owned(), before: before.map(shown), after: after.map(shown) });
}

/// The place of a name below another, as a JSON pointer (RFC 6901), cut where it is too long.
pub(super) fn below(at: &str, name: &str) -> String {
    if at.len() > limits::RELEASE_PLACE_CHARS_MAX {
        return at.to_owned();
    }
    let name = text::escaped(&name.replace('~', "~0").replace('/', "~1"));
    let most = limits::RELEASE_PLACE_CHARS_MAX;
    let is_long = name.chars().count() > most;
    let cut: String = name.chars().take(most).collect();
    format!("{at}/{cut}{}", if is_long { "…" } else { "" })
}

/// A value as a person reads it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text::escaped(text),
        other => text::escaped(&other.to_string()),
    }
}
