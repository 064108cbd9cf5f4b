//! Expressions of ARM templates: `[concat(parameters('name'), '-nsg')]`.
//!
//! Parameters count by their defaults, variables by what they are; `concat`, `format`, `resourceId`, `toLower`,
//! `toUpper`, `if`, `equals`, `not`, `and`, `or`, `createArray`, `true`, `false` and `null` are worked out. All
//! else only Azure knows, and what is made of it is not known yet.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Map, Value, json};

use crate::read::budget::Budget;
use crate::text::Node;
use crate::unknown;

/// Deepest nesting of calls and of variables in variables.
const DEPTH_MAX: usize = 40;
/// Longest expression, in bytes, and longest text that is made.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// What a template says beside its resources.
pub struct Template {
    parameters: BTreeMap<String, Value>,
    variables: BTreeMap<String, Value>,
    /// What may be made, in templates within it as well.
    budget: Rc<Budget>,
}

/// A call, a text or a number, as it is written.
#[derive(Debug, Clone, PartialEq)]
enum Term {
    Text(String),
    Number(i64),
    Call { name: String, arguments: Vec<Term>, then: Vec<String> },
}

impl Template {
    /// Takes them out of a template.
    pub fn new(node: &Node) -> Self {
        let part = |key: &str| node.get(key).into_iter().flat_map(Node::entries);
        let parameter = |entry: &crate::text::Entry| {
            let kind = entry.value.get("type").and_then(Node::text).unwrap_or_default().to_ascii_lowercase();
            let default = entry.value.get("defaultValue").map(Node::value).filter(|_| !kind.starts_with("secure"));
            let value =
                default.unwrap_or_else(|| unknown::unknown(&format!("the parameter {} has no default", entry.key)));
            (entry.key.to_ascii_lowercase(), value)
        };
        Self {
            parameters: part("parameters").map(parameter).collect(),
            variables: part("variables").map(|entry| (entry.key.to_ascii_lowercase(), entry.value.value())).collect(),
            budget: Rc::default(),
        }
    }

    /// Takes them out of a template within this one that is worked out by itself: a parameter is what this one gives
    /// to it.
    pub fn within(&self, node: &Node, given: &Node) -> Self {
        let mut inner = Self::new(node);
        inner.budget = Rc::clone(&self.budget);
        for entry in given.entries() {
            let value = match entry.value.get("value") {
                Some(value) => self.resolve(&value.value()),
                None => unknown::unknown(&format!("the parameter {} is fetched by Azure", entry.key)),
            };
            inner.parameters.insert(entry.key.to_ascii_lowercase(), value);
        }
        inner
    }

    /// Works out the expressions in a value.
    pub fn resolve(&self, value: &Value) -> Value {
        self.value(value, 0)
    }

    fn value(&self, value: &Value, depth: usize) -> Value {
        if depth > DEPTH_MAX {
            return unknown::unknown("expressions are nested too deeply");
        }
        match value {
            Value::String(text) => match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                // `[[` begins a text with a bracket.
                Some(inner) if !inner.starts_with('[') => match parse(inner) {
                    Some(term) => self.term(&term, depth + 1),
                    None => unknown::unknown("an expression cannot be read"),
                },
                _ => value.clone(),
            },
            Value::Array(list) => list.iter().map(|one| self.value(one, depth + 1)).collect(),
            Value::Object(entries) => {
                entries.iter().map(|(key, one)| (key.clone(), self.value(one, depth + 1))).collect::<Map<_, _>>().into()
            }
            other => other.clone(),
        }
    }

    fn term(&self, term: &Term, depth: usize) -> Value {
        if depth > DEPTH_MAX {
            return unknown::unknown("expressions are nested too deeply");
        }
        match term {
            Term::Text(text) => json!(text),
            Term::Number(number) => json!(number),
            Term::Call { name, arguments, then } => {
                let value = self.call(&name.to_ascii_lowercase(), arguments, depth);
                then.iter().fold(value, |value, key| match value {
                    value if unknown::reason(&value).is_some() => value,
                    Value::Object(mut entries) => entries.remove(key).unwrap_or_default(),
                    _ => unknown::unknown(&format!("{name}() is worked out by Azure")),
                })
            }
        }
    }

    fn call(&self, name: &str, arguments: &[Term], depth: usize) -> Value {
        let not_known = || unknown::unknown(&format!("{name}() is worked out by Azure"));
        if let ("parameters" | "variables", [Term::Text(of)]) = (name, arguments) {
            let table = if name == "parameters" { &self.parameters } else { &self.variables };
            let found = table.get(&of.to_ascii_lowercase());
            if self.budget.is_spent() {
                return Budget::spent();
            }
            return found.map_or_else(not_known, |value| self.budget.take(self.value(value, depth + 1)));
        }
        let values: Vec<Value> = arguments.iter().map(|one| self.term(one, depth + 1)).collect();
        let is_known = |value: &Value| unknown::reason(value).is_none();
        match (name, values.as_slice()) {
            ("true", []) => json!(true),
            ("false", []) => json!(false),
            ("null", []) => Value::Null,
            ("createarray", _) => Value::Array(values),
            ("if", [condition, then, otherwise]) => match condition {
                Value::Bool(true) => then.clone(),
                Value::Bool(false) => otherwise.clone(),
                _ if then == otherwise => then.clone(),
                _ => not_known(),
            },
            ("equals", [one, other]) if is_known(one) && is_known(other) => json!(one == other),
            ("not", [Value::Bool(truth)]) => json!(!truth),
            ("and", _) if values.iter().all(Value::is_boolean) => json!(values.iter().all(|one| *one == json!(true))),
            ("or", _) if values.iter().all(Value::is_boolean) => json!(values.contains(&json!(true))),
            ("tolower", [Value::String(text)]) => json!(text.to_lowercase()),
            ("toupper", [Value::String(text)]) => json!(text.to_uppercase()),
            ("string", [value]) if is_known(value) => json!(text(value)),
            ("concat", _) if values.iter().all(Value::is_array) && !values.is_empty() => {
                values.iter().filter_map(Value::as_array).flatten().cloned().collect()
            }
            ("concat", _) => bounded(values.iter().map(text).collect()),
            ("format", [Value::String(pattern), rest @ ..]) => {
                let mut out = pattern.clone();
                for (at, value) in rest.iter().take(50).enumerate() {
                    let (name, put) = (format!("{{{at}}}"), text(value));
                    // A short pattern may have a long text in it a thousand times.
                    if put.len().saturating_mul(out.matches(&name).count()) > TEXT_BYTES_MAX {
                        return too_long();
                    }
                    out = out.replace(&name, &put);
                }
                bounded(out)
            }
            ("resourceid" | "extensionresourceid" | "subscriptionresourceid", _) => resource_id(&values),
            _ => not_known(),
        }
    }
}

/// `TYPE/NAME/NAME`: what stands before the type, a subscription or group, is left out.
fn resource_id(values: &[Value]) -> Value {
    let is_type = |value: &Value| value.as_str().is_some_and(|text| text.contains('/') && text.contains('.'));
    let Some(at) = values.iter().position(is_type) else { return unknown::unknown("resourceId() is of no known type") };
    bounded(values.get(at..).unwrap_or_default().iter().map(text).collect::<Vec<_>>().join("/"))
}

fn bounded(text: String) -> Value {
    if text.len() > TEXT_BYTES_MAX { too_long() } else { json!(text) }
}

fn too_long() -> Value {
    unknown::unknown("an expression makes a text that is too long")
}

/// A value within a text; what is not known keeps its place.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value if unknown::reason(value).is_some() => "[?]".to_owned(),
        value => value.to_string(),
    }
}

fn parse(text: &str) -> Option<Term> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let mut rest = text;
    let parsed = term(&mut rest, 0)?;
    rest.trim().is_empty().then_some(parsed)
}

fn term(rest: &mut &str, depth: usize) -> Option<Term> {
    if depth > DEPTH_MAX {
        return None;
    }
    *rest = rest.trim_start();
    if let Some(quoted) = rest.strip_prefix('\'') {
        let mut text = String::new();
        let mut letters = quoted.char_indices().peekable();
        while let Some((at, letter)) = letters.next() {
            if letter != '\'' {
                text.push(letter);
            } else if letters.peek().is_some_and(|(_, next)| *next == '\'') {
                text.push('\'');
                letters.next();
            } else {
                *rest = quoted.get(at + 1..)?;
                return Some(Term::Text(text));
            }
        }
        return None;
    }
    let length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).unwrap_or(rest.len());
    let (word, after) = rest.split_at(length);
    if let Ok(number) = word.parse() {
        *rest = after;
        return Some(Term::Number(number));
    }
    *rest = after.trim_start().strip_prefix('(')?;
    let mut arguments = Vec::new();
    loop {
        *rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix(')') {
            *rest = after;
            break;
        }
        arguments.push(term(rest, depth + 1)?);
        *rest = rest.trim_start();
        *rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    let mut then = Vec::new();
    while let Some(after) = rest.strip_prefix('.') {
        let length = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len());
        let (key, after) = after.split_at(length);
        then.push(key.to_owned());
        *rest = after;
    }
    Some(Term::Call { name: word.to_owned(), arguments, then })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template() -> Template {
        let text = r#"{"parameters": {"name": {"type": "string", "defaultValue": "web"}, "secret": {"type": "securestring"}},
            "variables": {"nsg": "[concat(parameters('name'), '-nsg')]", "open": true, "loop": "[variables('loop')]"}}"#;
        Template::new(&crate::text::read(text).unwrap()[0])
    }

    #[test]
    fn what_the_template_says_is_worked_out() {
        for (expression, value) in [
            ("[variables('nsg')]", json!("web-nsg")),
            ("[toUpper(format('{0}/{1}', 'a', variables('NSG')))]", json!("A/WEB-NSG")),
            (
                "[resourceId('group', 'Microsoft.Network/networkSecurityGroups', variables('nsg'))]",
                json!("Microsoft.Network/networkSecurityGroups/web-nsg"),
            ),
            ("[if(equals(parameters('name'), 'web'), 'it''s', 'no')]", json!("it's")),
            ("[[no expression]", json!("[[no expression]")),
            ("[not(variables('open'))]", json!(false)),
        ] {
            assert_eq!(template().resolve(&json!(expression)), value, "{expression}");
        }
    }

    #[test]
    fn what_only_azure_knows_is_not_known_and_nothing_runs_for_ever() {
        let deep = format!("[{}'a'{}]", "toLower(".repeat(5_000), ")".repeat(5_000));
        for expression in
            ["[parameters('secret')]", "[reference('x').y]", "[variables('loop')]", "[concat('a']", "[(]", &deep]
        {
            assert!(unknown::reason(&template().resolve(&json!(expression))).is_some(), "{expression:.40}");
        }
    }
}
