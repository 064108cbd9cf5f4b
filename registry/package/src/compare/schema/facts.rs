//! What is known of a document: a conjunction of schemas that take it, the types it may have,
//! and its value, where there is only one.

use std::collections::HashSet;

use serde_json::{Map, Value};

pub(super) const NULL: u8 = 1;
pub(super) const BOOLEAN: u8 = 2;
pub(super) const OBJECT: u8 = 4;
pub(super) const ARRAY: u8 = 8;
pub(super) const STRING: u8 = 16;
pub(super) const INTEGER: u8 = 32;
/// A number that is no integer.
pub(super) const FRACTION: u8 = 64;
pub(super) const NUMBER: u8 = INTEGER | FRACTION;
pub(super) const ANY: u8 = 127;

/// Values of an `enum` that are looked at one by one; more are held against each other as sets.
const VALUES_MAX: usize = 256;

/// Steps from reference to reference; a longer way leads nowhere.
const REFERENCES_MAX: usize = 64;

/// What is known of a document.
#[derive(Debug, Clone)]
pub(super) struct Facts<'a> {
    /// The whole schema that the others are parts of, for their references.
    root: &'a Value,
    pub(super) nodes: Vec<&'a Value>,
    pub(super) types: u8,
    pub(super) value: Option<&'a Value>,
    /// Schemas whose alternatives have been gone through.
    split: Vec<usize>,
}

impl<'a> Facts<'a> {
    /// Nothing, yet, of a document under a part of `root`.
    const fn empty(root: &'a Value) -> Self {
        Self { root, nodes: Vec::new(), types: ANY, value: None, split: Vec::new() }
    }

    /// What a schema says, a part of `root`.
    pub(super) fn of(root: &'a Value, schema: &'a Value) -> Self {
        Self { nodes: vec![schema], ..Self::empty(root) }
    }

    /// The whole schema that references lead into.
    pub(super) const fn root(&self) -> &'a Value {
        self.root
    }

    fn with(&self, schemas: impl IntoIterator<Item = &'a Value>) -> Self {
        Self { nodes: schemas.into_iter().collect(), ..Self::empty(self.root) }
    }

    /// Adds what follows: what is referred to, the members of `allOf`, the types that are left.
    pub(super) fn expanded(&self) -> Self {
        let mut all = Self { nodes: Vec::new(), ..self.clone() };
        let mut seen = HashSet::new();
        let mut left: Vec<(&Value, usize)> = self.nodes.iter().rev().map(|node| (*node, 0)).collect();
        while let Some((node, far)) = left.pop() {
            if !seen.insert(address(node)) {
                continue;
            }
            all.nodes.push(node);
            all.types &= types_of(node);
            if far > REFERENCES_MAX {
                continue;
            }
            let target = node.get("$ref").and_then(Value::as_str).and_then(|to| resolved(self.root, to));
            left.extend(target.map(|target| (target, far + 1)));
            let members = node.get("allOf").and_then(Value::as_array).into_iter().flatten();
            left.extend(members.map(|member| (member, far + 1)));
        }
        if let Some(value) = all.only_value() {
            all.value = Some(value);
        }
        if let Some(value) = all.value {
            all.types &= type_of(value);
        }
        all
    }

    fn only_value(&self) -> Option<&'a Value> {
        self.value.or_else(|| self.nodes.iter().find_map(|node| node.get("const")))
    }

    /// Whether there is no such document.
    pub(super) const fn is_never(&self) -> bool {
        self.types == 0
    }

    /// Whether the document may have one of these types.
    pub(super) const fn may_be(&self, types: u8) -> bool {
        self.types & types != 0
    }

    /// What the schemas say under a keyword.
    pub(super) fn said(&self, word: &'static str) -> impl Iterator<Item = &'a Value> + '_ {
        self.nodes.iter().filter_map(move |node| node.get(word))
    }

    /// The values that the document may have, where they are known.
    pub(super) fn values(&self) -> Option<Vec<&'a Value>> {
        if let Some(value) = self.value {
            return Some(vec![value]);
        }
        let list = self.said("enum").filter_map(Value::as_array).min_by_key(|list| list.len())?;
        Some(list.iter().filter(|value| self.types & type_of(value) != 0).collect())
    }

    /// What is known of a property; `None` if it cannot be there.
    pub(super) fn property(&self, name: &str) -> Option<Self> {
        if let Some(Value::Object(members)) = self.value {
            return members.get(name).map(|value| Self { value: Some(value), ..Self::empty(self.root) });
        }
        let named = self.nodes.iter().filter_map(|node| match member(node, "properties", name) {
            Some(schema) => Some(schema),
            None => other(node),
        });
        let known = self.with(named);
        (!known.nodes.iter().any(|node| **node == Value::Bool(false))).then_some(known)
    }

    /// What is known of a property that no schema names; `None` if there is none.
    pub(super) fn other_property(&self) -> Option<Self> {
        if matches!(self.value, Some(Value::Object(_))) {
            return None;
        }
        let known = self.with(self.nodes.iter().filter_map(|node| other(node)));
        (!known.nodes.iter().any(|node| **node == Value::Bool(false))).then_some(known)
    }

    /// The names that are known of properties.
    pub(super) fn names(&self) -> Vec<&'a str> {
        let of_value = self.value.and_then(Value::as_object);
        let said = self.said("properties").filter_map(Value::as_object);
        let mut names: Vec<&str> = said.chain(of_value).flat_map(Map::keys).map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Whether a property is always there, if the document is an object.
    pub(super) fn requires(&self, name: &str) -> bool {
        let in_value = self.value.is_some_and(|value| value.get(name).is_some());
        let mut required = self.said("required").filter_map(Value::as_array);
        in_value || required.any(|required| required.iter().any(|required| required == name))
    }

    /// What is known of the item at a place; `None` if there is none.
    pub(super) fn item(&self, index: usize) -> Option<Self> {
        if let Some(Value::Array(items)) = self.value {
            return items.get(index).map(|value| Self { value: Some(value), ..Self::empty(self.root) });
        }
        if self.most("maxItems").is_some_and(|most| most <= index as u64) {
            return None;
        }
        let known = self.with(self.nodes.iter().filter_map(|node| {
            let first = node.get("prefixItems").and_then(|first| first.get(index));
            first.or_else(|| node.get("items"))
        }));
        (!known.nodes.iter().any(|node| **node == Value::Bool(false))).then_some(known)
    }

    /// How many items the schemas speak of one by one.
    pub(super) fn first_items(&self) -> usize {
        let of_value = self.value.and_then(Value::as_array);
        let said = self.said("prefixItems").filter_map(Value::as_array);
        said.chain(of_value).map(Vec::len).max().unwrap_or(0)
    }

    /// The least of what the schemas say under a keyword that bounds from above.
    pub(super) fn most(&self, word: &'static str) -> Option<u64> {
        self.said(word).filter_map(Value::as_u64).min()
    }

    /// The most of what the schemas say under a keyword that bounds from below.
    pub(super) fn least(&self, word: &'static str) -> Option<u64> {
        self.said(word).filter_map(Value::as_u64).max()
    }

    /// The cases that there are, once more than those that were gone through.
    pub(super) fn cases(&self) -> Option<Vec<Self>> {
        if self.value.is_none()
            && let Some(values) = self.values().filter(|values| values.len() <= VALUES_MAX)
        {
            return Some(values.into_iter().map(|value| Self { value: Some(value), ..self.clone() }).collect());
        }
        for node in &self.nodes {
            for word in ["anyOf", "oneOf"] {
                let Some(list) = node.get(word).filter(|list| !self.split.contains(&address(list))) else { continue };
                let mut split = self.split.clone();
                split.push(address(list));
                let case = |schema: &'a Value| {
                    let mut case = Self { split: split.clone(), ..self.clone() };
                    case.nodes.push(schema);
                    case
                };
                return Some(list.as_array()?.iter().map(case).collect());
            }
        }
        let kinds = [NULL, BOOLEAN, OBJECT, ARRAY, STRING, NUMBER].map(|kind| self.types & kind);
        let kinds: Vec<u8> = kinds.into_iter().filter(|kind| *kind != 0).collect();
        (kinds.len() > 1).then(|| kinds.into_iter().map(|types| Self { types, ..self.clone() }).collect())
    }

    /// What tells these facts from others while a proof is under way.
    pub(super) fn key(&self) -> Vec<usize> {
        let mut key: Vec<usize> = self.nodes.iter().map(|node| address(node)).collect();
        key.sort_unstable();
        key.push(usize::from(self.types));
        key.push(self.value.map_or(0, address));
        key
    }
}

/// What tells a part of a document from every other.
pub(super) fn address(value: &Value) -> usize {
    std::ptr::from_ref(value).addr()
}

/// The part of a document that a reference within it names.
pub(super) fn resolved<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    let pointer = reference.strip_prefix('#')?;
    // Escapes by percent are for names that no schema of ours has.
    if pointer.contains('%') { None } else { root.pointer(pointer) }
}

/// What a schema names in an object of schemas.
pub(super) fn member<'a>(node: &'a Value, word: &str, name: &str) -> Option<&'a Value> {
    node.get(word)?.as_object()?.get(name)
}

/// What a schema says of properties that it does not name. Where it has patterns one of them may
/// speak of the property, and then this does not.
fn other(node: &Value) -> Option<&Value> {
    let patterns = node.get("patternProperties").and_then(Value::as_object);
    if patterns.is_some_and(|patterns| !patterns.is_empty()) { None } else { node.get("additionalProperties") }
}

/// The types that a schema takes, as far as it says so itself.
fn types_of(schema: &Value) -> u8 {
    let Value::Object(words) = schema else {
        return if *schema == Value::Bool(false) { 0 } else { ANY };
    };
    let mut types = match words.get("type") {
        Some(named) => named_types(named).unwrap_or(ANY),
        None => ANY,
    };
    if let Some(values) = words.get("enum").and_then(Value::as_array) {
        types &= values.iter().map(type_of).fold(0, |all, one| all | one);
    }
    if let Some(value) = words.get("const") {
        types &= type_of(value);
    }
    types
}

/// The types that `type` names; nothing if it names none that there is.
pub(super) fn named_types(named: &Value) -> Option<u8> {
    let one = |name: &Value| {
        Some(match name.as_str()? {
            "null" => NULL,
            "boolean" => BOOLEAN,
            "object" => OBJECT,
            "array" => ARRAY,
            "string" => STRING,
            "integer" => INTEGER,
            "number" => NUMBER,
            _ => return None,
        })
    };
    match named {
        Value::Array(names) => names.iter().try_fold(0, |all, name| Some(all | one(name)?)),
        name => one(name),
    }
}

/// The type of a value. Of one that is written as a fraction and is none, both.
pub(super) fn type_of(value: &Value) -> u8 {
    match value {
        Value::Null => NULL,
        Value::Bool(_) => BOOLEAN,
        Value::Object(_) => OBJECT,
        Value::Array(_) => ARRAY,
        Value::String(_) => STRING,
        Value::Number(number) if number.is_i64() || number.is_u64() => INTEGER,
        Value::Number(number) if number.as_f64().is_some_and(|number| number.fract() != 0.0) => FRACTION,
        Value::Number(_) => NUMBER,
    }
}
