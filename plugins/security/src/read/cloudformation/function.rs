//! CloudFormation's functions, worked out as far as a template says enough.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::read::budget::Budget;
use crate::text::Node;
use crate::unknown;

/// Deepest nesting of functions and of conditions in conditions.
const DEPTH_MAX: usize = 60;
/// Most references that one `Fn::Sub` has replaced.
const REPLACED_MAX: usize = 500;
/// Longest text that one `Fn::Sub` or `Fn::Join` makes, in bytes.
const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// What a template says beside its resources.
pub struct Template {
    parameters: BTreeMap<String, Value>,
    mappings: Value,
    conditions: BTreeMap<String, Value>,
    /// Conditions that were worked out, and those that are being worked out, which nobody knows.
    known: RefCell<BTreeMap<String, Option<bool>>>,
    budget: Budget,
}

impl Template {
    /// Takes them out of a template.
    pub fn new(node: &Node) -> Self {
        let part = |key: &str| node.get(key).into_iter().flat_map(Node::entries);
        let parameter = |entry: &crate::text::Entry| {
            let default = entry.value.get("Default").map(Node::value);
            let is_list = entry.value.get("Type").and_then(Node::text).is_some_and(|kind| kind.contains("List"));
            let no_echo = entry
                .value
                .get("NoEcho")
                .is_some_and(|node| node.value() == json!(true) || node.value() == json!("true"));
            let value = match default {
                Some(Value::String(text)) if is_list => json!(text.split(',').map(str::trim).collect::<Vec<_>>()),
                // Whoever makes the stack is asked for it; the default is not what counts.
                Some(value) if !no_echo => value,
                _ => unknown::unknown(&format!("the parameter {} has no default", entry.key)),
            };
            (entry.key.clone(), value)
        };
        Self {
            parameters: part("Parameters").map(parameter).collect(),
            mappings: node.get("Mappings").map_or(Value::Null, Node::value),
            conditions: part("Conditions").map(|entry| (entry.key.clone(), entry.value.value())).collect(),
            known: RefCell::default(),
            budget: Budget::default(),
        }
    }

    /// Whether a condition holds; none if nobody knows yet.
    pub fn condition(&self, name: &str) -> Option<bool> {
        self.named_condition(name, 0)
    }

    fn named_condition(&self, name: &str, depth: usize) -> Option<bool> {
        if let Some(known) = self.known.borrow().get(name) {
            return *known;
        }
        // A condition that is about itself is never known; one that others name is worked out once.
        self.known.borrow_mut().insert(name.to_owned(), None);
        let holds = self.conditions.get(name).and_then(|value| self.holds(value, depth + 1));
        self.known.borrow_mut().insert(name.to_owned(), holds);
        holds
    }

    fn holds(&self, value: &Value, depth: usize) -> Option<bool> {
        if depth > DEPTH_MAX {
            return None;
        }
        let (name, inner) = value.as_object()?.iter().next()?;
        let list = inner.as_array().map(Vec::as_slice).unwrap_or_default();
        match name.as_str() {
            "Condition" => self.named_condition(inner.as_str()?, depth),
            "Fn::Not" => self.holds(list.first()?, depth + 1).map(|is| !is),
            "Fn::And" => list.iter().map(|one| self.holds(one, depth + 1)).try_fold(true, |all, one| Some(all && one?)),
            "Fn::Or" => list.iter().map(|one| self.holds(one, depth + 1)).try_fold(false, |any, one| Some(any || one?)),
            "Fn::Equals" => {
                let (one, other) = (self.value(list.first()?, depth + 1), self.value(list.get(1)?, depth + 1));
                let is_known = unknown::reason(&one).is_none() && unknown::reason(&other).is_none();
                let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                is_known.then(|| text(&one) == text(&other))
            }
            _ => None,
        }
    }

    /// Works out the functions in a value.
    pub fn resolve(&self, value: &Value) -> Value {
        self.value(value, 0)
    }

    fn value(&self, value: &Value, depth: usize) -> Value {
        if depth > DEPTH_MAX {
            return unknown::unknown("functions are nested too deeply");
        }
        match value {
            Value::Array(list) => {
                list.iter().map(|one| self.value(one, depth + 1)).filter(|one| !one.is_null()).collect()
            }
            Value::Object(entries) => {
                if entries.len() == 1
                    && let Some((name, inner)) = entries.iter().next()
                    && (name == "Ref" || name.starts_with("Fn::"))
                {
                    if self.budget.is_spent() {
                        return Budget::spent();
                    }
                    return self.budget.take(self.function(name, inner, depth));
                }
                let resolved = entries.iter().map(|(key, one)| (key.clone(), self.value(one, depth + 1)));
                resolved.filter(|(_, one)| !one.is_null()).collect::<Map<_, _>>().into()
            }
            other => other.clone(),
        }
    }

    fn function(&self, name: &str, inner: &Value, depth: usize) -> Value {
        let not_known = || unknown::unknown(&format!("{name} is worked out by CloudFormation"));
        let list = inner.as_array().map(Vec::as_slice).unwrap_or_default();
        match name {
            "Ref" => inner.as_str().map_or_else(not_known, |name| self.reference(name)),
            "Fn::GetAtt" => {
                let id = inner.as_str().map(|text| text.split('.').next().unwrap_or_default());
                id.or_else(|| list.first()?.as_str()).map_or_else(not_known, |id| json!(id))
            }
            "Fn::Sub" => {
                let (text, more) = match list {
                    [text, more, ..] => (text.as_str(), Some(self.value(more, depth + 1))),
                    [text] => (text.as_str(), None),
                    [] => (inner.as_str(), None),
                };
                text.map_or_else(not_known, |text| self.substitute(text, more.as_ref()))
            }
            "Fn::Join" => match (list.first().and_then(Value::as_str), list.get(1)) {
                (Some(between), Some(parts)) => match self.value(parts, depth + 1) {
                    Value::Array(parts) => join(between, &parts),
                    other if unknown::reason(&other).is_some() => other,
                    _ => not_known(),
                },
                _ => not_known(),
            },
            "Fn::If" => match list {
                [condition, then, otherwise] => {
                    match condition.as_str().and_then(|name| self.named_condition(name, depth)) {
                        Some(true) => self.value(then, depth + 1),
                        Some(false) => self.value(otherwise, depth + 1),
                        None => {
                            let (then, otherwise) = (self.value(then, depth + 1), self.value(otherwise, depth + 1));
                            if then == otherwise {
                                then
                            } else {
                                unknown::unknown("it depends on a condition of the stack")
                            }
                        }
                    }
                }
                _ => not_known(),
            },
            "Fn::FindInMap" => {
                let keys: Option<Vec<String>> =
                    list.iter().take(3).map(|key| self.value(key, depth + 1).as_str().map(str::to_owned)).collect();
                let found =
                    keys.and_then(|keys| keys.iter().try_fold(&self.mappings, |map, key| map.get(key)).cloned());
                found.unwrap_or_else(not_known)
            }
            "Fn::Base64" => self.value(inner, depth + 1),
            "Fn::Select" => match (list.first(), list.get(1)) {
                (Some(at), Some(from)) => {
                    let at = at.as_u64().or_else(|| at.as_str()?.parse().ok()).and_then(|at| usize::try_from(at).ok());
                    let from = self.value(from, depth + 1);
                    at.and_then(|at| from.get(at)).cloned().unwrap_or_else(not_known)
                }
                _ => not_known(),
            },
            "Fn::Split" => match (list.first().and_then(Value::as_str), list.get(1)) {
                (Some(at), Some(text)) if !at.is_empty() => match self.value(text, depth + 1) {
                    Value::String(text) => json!(text.split(at).collect::<Vec<_>>()),
                    _ => not_known(),
                },
                _ => not_known(),
            },
            _ => not_known(),
        }
    }

    /// A parameter's value, nothing for `AWS::NoValue`, else the logical id of a resource.
    fn reference(&self, name: &str) -> Value {
        match name {
            "AWS::NoValue" => Value::Null,
            "AWS::Partition" => json!("aws"),
            "AWS::URLSuffix" => json!("amazonaws.com"),
            _ if name.starts_with("AWS::") => json!(format!("${{{name}}}")),
            _ => self.parameters.get(name).cloned().unwrap_or_else(|| json!(name)),
        }
    }

    /// Puts values into a text; what is not known keeps its place, so that the rest can be looked at.
    fn substitute(&self, text: &str, more: Option<&Value>) -> Value {
        let mut out = String::new();
        let mut rest = text;
        let mut replaced = 0;
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                out.push_str("${");
                rest = after;
                break;
            };
            // `${!Name}` is how a text has `${Name}` in it.
            if let Some(literal) = name.strip_prefix('!') {
                out.push_str(&format!("${{{literal}}}"));
                rest = after;
                continue;
            }
            if out.len() > TEXT_BYTES_MAX {
                return unknown::unknown(&format!("Fn::Sub makes more than {TEXT_BYTES_MAX} bytes"));
            }
            replaced += 1;
            let own = more.and_then(|more| more.get(name)).cloned();
            let value = own.unwrap_or_else(|| self.reference(name.split('.').next().unwrap_or_default()));
            match value {
                Value::String(text) if replaced <= REPLACED_MAX => out.push_str(&text),
                Value::Number(number) => out.push_str(&number.to_string()),
                _ => out.push_str(&format!("${{{name}}}")),
            }
            rest = after;
        }
        out.push_str(rest);
        // A text that is nothing but one parameter without a default is not known.
        if let Some(name) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'))
            && let Some(value) = self.parameters.get(name)
            && unknown::reason(value).is_some()
        {
            return value.clone();
        }
        json!(out)
    }
}

/// Joins texts, once it is known that the whole is not too long: what stands between may be long, and stand often.
fn join(between: &str, parts: &[Value]) -> Value {
    let part = |value: &Value| match value {
        Value::String(text) => text.clone(),
        value if unknown::reason(value).is_some() => "${?}".to_owned(),
        value => value.to_string(),
    };
    let parts: Vec<String> = parts.iter().map(part).collect();
    let length = between.len().saturating_mul(parts.len()).saturating_add(parts.iter().map(String::len).sum());
    if length > TEXT_BYTES_MAX {
        return unknown::unknown(&format!("Fn::Join makes more than {TEXT_BYTES_MAX} bytes"));
    }
    json!(parts.join(between))
}
