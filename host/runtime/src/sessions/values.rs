//! Taking the inputs of a skill from what was said: from `input`, from the words, from what was said
//! before, from the session's context, in this order.

use serde_json::{Map, Value};
use troupe_core::view::{TakenFrom, TakenValue};

use super::parameters::{Kind, Parameter, missing, same_name};
use super::words::{Given, Part};

/// What was said, beside the words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said<'a> {
    pub(crate) text: &'a str,
    pub(crate) parts: &'a [Part],
    pub(crate) input: Option<&'a Map<String, Value>>,
    pub(crate) context: &'a Map<String, Value>,
}

/// The inputs that were found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Taken {
    pub(crate) input: Map<String, Value>,
    pub(crate) values: Vec<TakenValue>,
}

impl Taken {
    /// Whether the message itself gave some of them.
    pub(crate) fn is_given(&self) -> bool {
        self.values.iter().any(|value| matches!(value.from, TakenFrom::Input | TakenFrom::Words))
    }

    fn take(&mut self, name: &str, value: Value, from: TakenFrom) {
        if !self.input.contains_key(name) {
            self.input.insert(name.to_owned(), value);
            self.values.push(TakenValue { name: name.to_owned(), from });
        }
    }

    fn lacks<'a>(&self, parameters: &'a [Parameter]) -> impl Iterator<Item = &'a Parameter> {
        parameters.iter().filter(|parameter| !self.input.contains_key(&parameter.name))
    }
}

/// Takes what there is for the parameters of a skill. With `before`, what was said goes on with what
/// these hold already.
pub(crate) fn take(parameters: &[Parameter], said: Said<'_>, before: Option<&Map<String, Value>>) -> Taken {
    let mut taken = Taken { input: Map::new(), values: Vec::new() };
    for (name, value) in said.input.into_iter().flatten() {
        taken.take(name, value.clone(), TakenFrom::Input);
    }
    let wanted = before.map(|before| missing(parameters, before)).unwrap_or_default();
    pairs(&mut taken, parameters, said.parts);
    listed(&mut taken, parameters, said.parts);
    let before = before.into_iter().flatten();
    // A number or a text that stands alone is meant for what has none yet.
    let known: Map<String, Value> = before.clone().map(|(name, value)| (name.clone(), value.clone())).collect();
    let open = |taken: &Taken| -> Vec<Parameter> {
        taken.lacks(parameters).filter(|parameter| !known.contains_key(&parameter.name)).cloned().collect()
    };
    let free = open(&taken);
    numbers(&mut taken, &free, said.parts);
    let free = open(&taken);
    quoted(&mut taken, &free, said.parts);
    if let [only] = wanted.as_slice()
        && !taken.is_given()
        && let Some(value) = plain(only, said)
    {
        taken.take(&only.name, value, TakenFrom::Words);
    }
    for (name, value) in before {
        taken.take(name, value.clone(), TakenFrom::Before);
    }
    for parameter in parameters {
        if let Some(value) = said.context.get(&parameter.name).filter(|value| parameter.takes(value)) {
            taken.take(&parameter.name, value.clone(), TakenFrom::Context);
        }
    }
    taken
}

/// `name=value` and `name: value`.
fn pairs(taken: &mut Taken, parameters: &[Parameter], parts: &[Part]) {
    for part in parts {
        let Part::Pair(name, given) = part else { continue };
        let Some(parameter) = parameters.iter().find(|parameter| same_name(&parameter.name, name)) else { continue };
        if let Some(value) = meant(parameter, given) {
            taken.take(&parameter.name, value, TakenFrom::Words);
        }
    }
}

/// Words that one parameter alone lists among what it may be, if it is one of them.
fn listed(taken: &mut Taken, parameters: &[Parameter], parts: &[Part]) {
    let said = |value: &Value| {
        let value = value.as_str()?;
        let same = |part: &Part| matches!(part, Part::Token(token) if token.to_lowercase() == value.to_lowercase());
        parts.iter().any(same).then(|| Value::from(value))
    };
    let found: Vec<(String, Value)> = taken
        .lacks(parameters)
        .filter_map(|parameter| {
            let mut values = parameter.values.iter().filter_map(said);
            let only = values.next()?;
            values.next().is_none().then(|| (parameter.name.clone(), only))
        })
        .collect();
    for (name, value) in &found {
        if found.iter().filter(|(_, other)| other == value).count() == 1 {
            taken.take(name, value.clone(), TakenFrom::Words);
        }
    }
}

/// The one number that stands alone, for the one parameter that takes numbers.
fn numbers(taken: &mut Taken, parameters: &[Parameter], parts: &[Part]) {
    let is_number = |part: &&Part| matches!(part, Part::Token(token) if number(token).is_some());
    let mut numbers = parts.iter().filter(is_number);
    let (Some(Part::Token(token)), None) = (numbers.next(), numbers.next()) else { return };
    let Some(parameter) = the_one(parameters, |parameter| parameter.kind.is_number()) else { return };
    if let Some(value) = number(token).filter(|value| parameter.takes(value)) {
        taken.take(&parameter.name, value, TakenFrom::Words);
    }
}

/// The one quoted text, for the one parameter that takes any text.
fn quoted(taken: &mut Taken, parameters: &[Parameter], parts: &[Part]) {
    let mut quoted = parts.iter().filter(|part| matches!(part, Part::Quoted(_)));
    let (Some(Part::Quoted(text)), None) = (quoted.next(), quoted.next()) else { return };
    let takes = |parameter: &Parameter| parameter.kind == Kind::Text && parameter.values.is_empty();
    if let Some(parameter) = the_one(parameters, takes) {
        taken.take(&parameter.name, Value::from(text.as_str()), TakenFrom::Words);
    }
}

/// The only one of a kind among those that are required, or where none is, among all.
fn the_one(parameters: &[Parameter], takes: impl Fn(&Parameter) -> bool) -> Option<&Parameter> {
    let only = |required: bool| {
        let mut some = parameters.iter().filter(|parameter| (parameter.required || !required) && takes(parameter));
        (some.next(), some.next())
    };
    match only(true) {
        (Some(one), None) => Some(one),
        (Some(_), Some(_)) => None,
        (None, _) => match only(false) {
            (one, None) => one,
            _ => None,
        },
    }
}

/// A whole message as the answer to a question.
fn plain(parameter: &Parameter, said: Said<'_>) -> Option<Value> {
    let text = said.text.trim();
    let text = text.strip_suffix(['.', '!', '?']).unwrap_or(text);
    if text.is_empty() {
        return None;
    }
    meant(parameter, &Given::Plain(text.to_owned()))
}

/// What was given, as a parameter takes it.
fn meant(parameter: &Parameter, given: &Given) -> Option<Value> {
    let text = match given {
        Given::Json(value) => return Some(value.clone()).filter(|value| parameter.takes(value)),
        Given::Plain(text) | Given::Quoted(text) => text.as_str(),
    };
    let value = match parameter.kind {
        Kind::Text => {
            let listed = parameter.values.iter().filter_map(Value::as_str);
            let spelled = listed.into_iter().find(|value| value.to_lowercase() == text.to_lowercase());
            Value::from(spelled.unwrap_or(text))
        }
        Kind::Integer | Kind::Number => number(text)?,
        Kind::Truth => match text.to_lowercase().as_str() {
            "true" | "yes" | "on" => Value::from(true),
            "false" | "no" | "off" => Value::from(false),
            _ => return None,
        },
        Kind::List => match serde_json::from_str(text) {
            Ok(value @ Value::Array(_)) => value,
            _ => text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect(),
        },
        Kind::Object => serde_json::from_str(text).ok()?,
        Kind::Any => match given {
            Given::Quoted(text) => Value::from(text.as_str()),
            _ => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)),
        },
    };
    parameter.takes(&value).then_some(value)
}

/// The number that a word is.
fn number(text: &str) -> Option<Value> {
    if !text.starts_with(|char: char| char.is_ascii_digit() || char == '-') {
        return None;
    }
    match serde_json::from_str(text) {
        Ok(value @ Value::Number(_)) => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::parameters::parameters;
    use super::super::words::parts;
    use super::*;

    fn schema() -> Vec<Parameter> {
        parameters(&json!({
            "required": ["key", "delta", "size"],
            "properties": {
                "key": { "type": "string" },
                "delta": { "type": "integer" },
                "size": { "type": "string", "enum": ["small", "Large"] },
                "deep": { "type": "boolean" },
                "regions": { "type": "array" },
                "note": { "type": "string" },
                "limit": { "type": "integer" },
            }
        }))
    }

    fn of(text: &str, context: &Value, before: Option<&Value>) -> Value {
        let parts = parts(text);
        let said = Said { text, parts: &parts, input: None, context: context.as_object().unwrap() };
        let before = before.map(|before| before.as_object().unwrap());
        Value::Object(take(&schema(), said, before).input)
    }

    #[test]
    fn values_are_taken_from_the_words() {
        let none = json!({});
        let text = "add 5 to \"visits\", large";
        assert_eq!(of(text, &none, None), json!({ "key": "visits", "delta": 5, "size": "Large" }));
        let text = "delta: -2, KEY=a.b deep=yes regions=eu,us size=huge";
        assert_eq!(of(text, &none, None), json!({ "key": "a.b", "delta": -2, "deep": true, "regions": ["eu", "us"] }));
        assert_eq!(of("small or large, 1 or 2, \"a\" or \"b\"", &none, None), json!({}));
        assert_eq!(of("delta=1.5 deep=maybe", &none, None), json!({}));
    }

    #[test]
    fn the_context_gives_what_the_words_do_not() {
        let context = json!({ "key": "of-context", "delta": "no number", "size": "small", "other": 1 });
        assert_eq!(of("key=mine", &context, None), json!({ "key": "mine", "size": "small" }));
        let parts = parts("");
        let input = json!({ "size": "odd", "more": 1 });
        let said = Said { text: "", parts: &parts, input: input.as_object(), context: context.as_object().unwrap() };
        let taken = take(&schema(), said, None);
        assert_eq!(Value::Object(taken.input), json!({ "size": "odd", "more": 1, "key": "of-context" }));
        assert_eq!(taken.values[2], TakenValue { name: "key".into(), from: TakenFrom::Context });
    }

    #[test]
    fn an_answer_is_the_value_that_was_asked_for() {
        let none = json!({});
        let before = json!({ "delta": 1, "size": "small" });
        let with = |key: &str| json!({ "delta": 1, "size": "small", "key": key });
        assert_eq!(of("the visits of today.", &none, Some(&before)), with("the visits of today"));
        assert_eq!(of("key=a", &none, Some(&before)), with("a"));
        assert_eq!(of("\"b c\"", &none, Some(&before)), with("b c"));
        let before = json!({ "key": "a", "size": "small" });
        assert_eq!(of("7", &none, Some(&before))["delta"], 7);
        assert_eq!(of("seven", &none, Some(&before)), before);
        let two = json!({ "key": "a" });
        assert_eq!(of("anything", &none, Some(&two)), two);
    }

    proptest! {
        #[test]
        fn what_is_taken_is_of_its_kind(text in any::<String>(), words in "(key|delta|size|deep|[=: 0-9\"a-z,.-]){0,60}") {
            for text in [text, words] {
                let found = of(&text, &json!({}), None);
                for parameter in schema() {
                    if let Some(value) = found.get(&parameter.name) {
                        prop_assert!(parameter.takes(value), "{} {value}", parameter.name);
                    }
                }
            }
        }
    }
}
