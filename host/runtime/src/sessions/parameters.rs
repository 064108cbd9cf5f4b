//! The parameters of a skill, as its JSON Schema tells them.

use serde_json::{Map, Value};
use troupe_core::view::Missing;

/// How many references and choices are followed to find out what a parameter is.
const STEPS_MAX: usize = 8;

/// A parameter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) kind: Kind,
    /// What it may be, where that is listed.
    pub(crate) values: Vec<Value>,
    pub(crate) required: bool,
}

/// What a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Integer,
    Number,
    Truth,
    List,
    Object,
    Any,
}

impl Kind {
    fn of(word: &str) -> Self {
        match word {
            "string" => Self::Text,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "boolean" => Self::Truth,
            "array" => Self::List,
            "object" => Self::Object,
            _ => Self::Any,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Truth => "boolean",
            Self::List => "array",
            Self::Object => "object",
            Self::Any => "any",
        }
    }

    pub(crate) const fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Number)
    }
}

impl Parameter {
    /// Whether a value is of its kind, and among those that are listed.
    pub(crate) fn takes(&self, value: &Value) -> bool {
        let fits = match self.kind {
            Kind::Text => value.is_string(),
            Kind::Integer => value.is_i64() || value.is_u64(),
            Kind::Number => value.is_number(),
            Kind::Truth => value.is_boolean(),
            Kind::List => value.is_array(),
            Kind::Object => value.is_object(),
            Kind::Any => !value.is_null(),
        };
        fits && (self.values.is_empty() || self.values.contains(value))
    }

    /// The question for it.
    pub(crate) fn missing(&self) -> Missing {
        let Self { name, description, kind, values, .. } = self.clone();
        Missing { name, description, kind: kind.as_str().to_owned(), values }
    }
}

/// The parameters of a schema of inputs, in its order.
pub(crate) fn parameters(schema: &Value) -> Vec<Parameter> {
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = schema.get("properties").and_then(Value::as_object);
    let parameter = |(name, property): (&String, &Value)| {
        let (what, description) = resolved(schema, property);
        let (kind, values) = kind_of(schema, what);
        Parameter { name: name.clone(), description, kind, values, required: required.contains(&name.as_str()) }
    };
    properties.into_iter().flatten().map(parameter).collect()
}

/// What a property is once references, and the choice of nothing, are followed; and its description.
fn resolved<'a>(schema: &'a Value, mut property: &'a Value) -> (&'a Value, Option<String>) {
    let mut description = None;
    for _ in 0..STEPS_MAX {
        if description.is_none() {
            description = property.get("description").and_then(Value::as_str).map(str::to_owned);
        }
        let reference = property.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#'));
        let next = match reference {
            Some(path) => schema.pointer(path),
            None => only_choice(property),
        };
        let Some(next) = next else { break };
        property = next;
    }
    (property, description)
}

/// The one branch of a choice that is not null.
fn only_choice(property: &Value) -> Option<&Value> {
    let choices = property.get("anyOf").or_else(|| property.get("oneOf"))?.as_array()?;
    let mut some = choices.iter().filter(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
    let only = some.next()?;
    some.next().is_none().then_some(only)
}

fn kind_of(schema: &Value, property: &Value) -> (Kind, Vec<Value>) {
    let mut values = listed(property);
    values.retain(|value| !value.is_null());
    let kind = match property.get("type") {
        Some(Value::String(word)) => Kind::of(word),
        Some(Value::Array(words)) => {
            let mut words = words.iter().filter_map(Value::as_str).filter(|word| *word != "null");
            match (words.next(), words.next()) {
                (Some(word), None) => Kind::of(word),
                _ => Kind::Any,
            }
        }
        _ if !values.is_empty() && values.iter().all(Value::is_string) => Kind::Text,
        _ if property.get("properties").is_some() && property != schema => Kind::Object,
        _ => Kind::Any,
    };
    (kind, values)
}

/// The values that a schema lists.
fn listed(property: &Value) -> Vec<Value> {
    if let Some(values) = property.get("enum").and_then(Value::as_array) {
        return values.clone();
    }
    if let Some(value) = property.get("const") {
        return vec![value.clone()];
    }
    // As a documented enumeration is described.
    let choices = property.get("oneOf").and_then(Value::as_array);
    let each = |choice: &Value| match choice.get("const") {
        Some(value) => Some(vec![value.clone()]),
        None => choice.get("enum").and_then(Value::as_array).cloned(),
    };
    let values = choices.and_then(|choices| choices.iter().map(each).collect::<Option<Vec<_>>>());
    values.unwrap_or_default().into_iter().flatten().collect()
}

/// The names that an object has, as parameters are compared: in lower case, with `_` for `-`.
pub(crate) fn same_name(one: &str, other: &str) -> bool {
    let plain = |name: &str| name.to_lowercase().replace('-', "_");
    plain(one) == plain(other)
}

/// Those that are required and have no value yet.
pub(crate) fn missing<'a>(parameters: &'a [Parameter], input: &Map<String, Value>) -> Vec<&'a Parameter> {
    parameters.iter().filter(|parameter| parameter.required && !input.contains_key(&parameter.name)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_choices_and_lists_of_values_are_followed() {
        let schema = json!({
            "type": "object",
            "required": ["kind", "n"],
            "properties": {
                "kind": { "$ref": "#/$defs/Kind", "description": "Which kind." },
                "maybe": { "anyOf": [{ "$ref": "#/$defs/Kind" }, { "type": "null" }] },
                "n": { "type": ["integer", "null"] },
                "loop": { "$ref": "#/properties/loop" },
                "documented": { "oneOf": [{ "const": "a", "description": "A." }, { "enum": ["b"] }] },
                "both": { "type": ["string", "integer"] },
                "any": true
            },
            "$defs": { "Kind": { "type": "string", "enum": ["small", "large"], "description": "A kind." } }
        });
        let found = parameters(&schema);
        let of = |name: &str| found.iter().find(|parameter| parameter.name == name).unwrap();
        assert_eq!((of("kind").kind, of("kind").required), (Kind::Text, true));
        assert_eq!(of("kind").description.as_deref(), Some("Which kind."));
        assert_eq!(of("maybe").values, [json!("small"), json!("large")]);
        assert_eq!((of("n").kind, of("loop").kind, of("both").kind), (Kind::Integer, Kind::Any, Kind::Any));
        assert_eq!(of("documented").values, [json!("a"), json!("b")]);
        assert_eq!(of("any").kind, Kind::Any);
        assert!(of("kind").takes(&json!("small")) && !of("kind").takes(&json!("huge")) && !of("n").takes(&json!(1.5)));
        assert_eq!(missing(&found, json!({ "n": 1 }).as_object().unwrap()).len(), 1);
        for odd in [json!(null), json!([]), json!({ "properties": 3 }), json!({ "required": {} })] {
            assert!(parameters(&odd).is_empty());
        }
    }
}
