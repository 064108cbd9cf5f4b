//! How an attribute is made of raw values: the small language of the mappings.
//!
//! | expression | is |
//! |---|---|
//! | `a.b` | the value there; a list on the way is entered at its first element, by `*` at each; of `[a, b]` the first that is there |
//! | `{ from: [a, b], default: x }` | the first that is there, else the default |
//! | `{ from: a, map: { x: y }, else: z }` | another value for each |
//! | `{ from: a, lower: true }` | also `json` (a text that is a document), `not`, `exists`, `list`, `number` |
//! | `{ from: a, seconds_to_days: true }` | days of `7776000s` |
//! | `{ pairs: a, key: name, of: value }` | an object of a list of names and values |
//! | `{ each: a, as: { k: … } }` | an object for each element; with `json: true`, of a text that is a document; with `computed: true`, none where the list is known after apply as a whole |
//! | `{ object: { k: … } }`, `{ concat: [ … ] }`, `{ value: x }` | what they say |
//! | `{ if: CONDITION, then: …, else: … }` | one or the other, by the conditions of rules over the raw values |

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::judge::{Base, Condition, Estate, Everything, Judge, Path, Truth};
use crate::unknown;

/// An expression.
#[derive(Debug, Clone)]
pub enum Expression {
    /// A value of the raw ones, and what is made of it.
    From { paths: Vec<Path>, change: Box<Change> },
    /// An object for each element of a list.
    Each { list: Path, is_text: bool, is_computed: bool, made: Box<Expression> },
    /// An object.
    Object(BTreeMap<String, Expression>),
    /// An object of a list of names and values.
    Pairs { list: Path, key: Path, of: Path },
    /// Lists as one.
    Concat(Vec<Expression>),
    /// This.
    Value(Value),
    /// One or the other.
    If { condition: Condition, then: Box<Expression>, otherwise: Option<Box<Expression>> },
}

/// What is made of a value.
#[derive(Debug, Clone, Default)]
pub struct Change {
    default: Option<Value>,
    map: BTreeMap<String, Value>,
    otherwise: Option<Value>,
    lower: bool,
    json: bool,
    not: bool,
    exists: bool,
    list: bool,
    number: bool,
    seconds_to_days: bool,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    ///
    /// If it is none, with what is wrong.
    pub fn parse(value: &Value) -> Result<Self, String> {
        let entries = match value {
            Value::String(_) | Value::Array(_) => {
                return Ok(Self::From { paths: paths(value)?, change: Box::default() });
            }
            Value::Object(entries) => entries,
            other => return Err(format!("{other} is no expression")),
        };
        let known = [
            "from",
            "default",
            "map",
            "else",
            "lower",
            "json",
            "not",
            "exists",
            "list",
            "number",
            "each",
            "as",
            "object",
            "concat",
            "value",
            "if",
            "then",
            "pairs",
            "key",
            "of",
            "seconds_to_days",
            "computed",
        ];
        if let Some(key) = entries.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(format!("an expression knows no `{key}`"));
        }
        if let Some(condition) = entries.get("if") {
            let then = entries.get("then").ok_or("`if` needs `then`")?;
            let otherwise = entries.get("else").map(Self::parse).transpose()?.map(Box::new);
            return Ok(Self::If {
                condition: Condition::parse(condition)?,
                then: Box::new(Self::parse(then)?),
                otherwise,
            });
        }
        if let Some(value) = entries.get("value") {
            return Ok(Self::Value(value.clone()));
        }
        if let Some(object) = entries.get("object") {
            return Self::object(object);
        }
        if let Some(list) = entries.get("concat") {
            let list = list.as_array().ok_or("`concat` has a list")?;
            return Ok(Self::Concat(list.iter().map(Self::parse).collect::<Result<_, _>>()?));
        }
        if let Some(list) = entries.get("pairs") {
            let path = |value: Option<&Value>| {
                Path::parse(value.and_then(Value::as_str).ok_or("`pairs`, `key` and `of` are paths")?)
            };
            return Ok(Self::Pairs {
                list: path(Some(list))?,
                key: path(entries.get("key"))?,
                of: path(entries.get("of"))?,
            });
        }
        if let Some(list) = entries.get("each") {
            let list = Path::parse(list.as_str().ok_or("`each` has a path")?)?;
            let made = entries.get("as").ok_or("`each` needs `as`")?;
            let made = if made.is_string() { Self::parse(made)? } else { Self::object(made)? };
            let is_text = entries.get("json") == Some(&Value::Bool(true));
            let is_computed = entries.get("computed") == Some(&Value::Bool(true));
            return Ok(Self::Each { list, is_text, is_computed, made: Box::new(made) });
        }
        let from =
            entries.get("from").ok_or("an expression has none of `from`, `each`, `object`, `concat`, `value`, `if`")?;
        let paths = paths(from)?;
        let flag = |key: &str| entries.get(key) == Some(&Value::Bool(true));
        let map = entries.get("map").and_then(Value::as_object).cloned().unwrap_or_default();
        let change = Change {
            default: entries.get("default").cloned(),
            map: map.into_iter().collect(),
            otherwise: entries.get("else").cloned(),
            lower: flag("lower"),
            json: flag("json"),
            not: flag("not"),
            exists: flag("exists"),
            list: flag("list"),
            number: flag("number"),
            seconds_to_days: flag("seconds_to_days"),
        };
        Ok(Self::From { paths, change: Box::new(change) })
    }

    fn object(value: &Value) -> Result<Self, String> {
        let entries = value.as_object().ok_or("an object of expressions is a mapping")?;
        let parsed = entries
            .iter()
            .map(|(key, one)| Ok((key.clone(), Self::parse(one).map_err(|why| format!("{key}: {why}"))?)));
        Ok(Self::Object(parsed.collect::<Result<_, String>>()?))
    }

    /// Makes the value; null where there is none.
    pub fn evaluate(&self, raw: &Value) -> Value {
        match self {
            Self::From { paths, change } => change.apply(first(raw, paths)),
            Self::Value(value) => value.clone(),
            Self::Object(entries) => {
                entries.iter().map(|(key, one)| (key.clone(), one.evaluate(raw))).collect::<Map<_, _>>().into()
            }
            Self::Concat(list) => {
                let mut all = Vec::new();
                for value in list.iter().map(|one| one.evaluate(raw)) {
                    match value {
                        Value::Array(list) => all.extend(list),
                        Value::Null => {}
                        value => all.push(value),
                    }
                }
                Value::Array(all)
            }
            Self::Each { list, is_text, is_computed, made } => match parsed(get(raw, &list.steps), *is_text) {
                Value::Array(list) => list
                    .iter()
                    .map(|one| if unknown::reason(one).is_some() { one.clone() } else { made.evaluate(one) })
                    .collect(),
                value if value.is_object() && unknown::reason(&value).is_none() => json!([made.evaluate(&value)]),
                Value::Null => json!([]),
                // Nobody wrote a list, so what it becomes is what other resources put into it.
                _ if *is_computed => json!([]),
                value => value,
            },
            Self::Pairs { list, key, of } => match get(raw, &list.steps) {
                Value::Array(list) => {
                    let pair = |one: &Value| Some((get(one, &key.steps).as_str()?.to_owned(), get(one, &of.steps)));
                    Value::Object(list.iter().filter_map(pair).collect())
                }
                value if unknown::reason(&value).is_some() => value,
                _ => json!({}),
            },
            Self::If { condition, then, otherwise } => match holds(condition, raw) {
                Truth::Yes => then.evaluate(raw),
                Truth::No => otherwise.as_ref().map_or(Value::Null, |one| one.evaluate(raw)),
                Truth::Unknown(why) => unknown::unknown(&why),
            },
        }
    }
}

impl Change {
    fn apply(&self, value: Value) -> Value {
        if unknown::reason(&value).is_some() {
            return value;
        }
        if self.exists {
            let is_empty = value.is_null() || value == json!("") || value == json!([]);
            return Value::Bool(is_empty == self.not);
        }
        let mut value = match value {
            Value::Null => match &self.default {
                Some(default) => return default.clone(),
                None => return Value::Null,
            },
            value => value,
        };
        value = parsed(value, self.json);
        if !self.map.is_empty() || self.otherwise.is_some() {
            let key = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            value = self.map.get(&key).or(self.otherwise.as_ref()).cloned().unwrap_or(value);
        }
        if self.lower
            && let Value::String(text) = &value
        {
            value = Value::String(text.to_lowercase());
        }
        if self.number
            && let Some(number) = value.as_str().and_then(|text| text.trim().parse::<f64>().ok())
        {
            value = if number.fract() == 0.0 { json!(number as i64) } else { json!(number) };
        }
        if self.seconds_to_days
            && let Some(seconds) = value.as_str().and_then(|text| text.trim_end_matches('s').parse::<f64>().ok())
        {
            value = json!((seconds / 86_400.0).round());
        }
        if self.not {
            let is_true =
                value == Value::Bool(true) || value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("true"));
            value = Value::Bool(!is_true);
        }
        if self.list && !value.is_array() {
            value = json!([value]);
        }
        value
    }
}

/// Reads a text that is a document; what is none stays a text.
fn parsed(value: Value, is_text: bool) -> Value {
    match value {
        Value::String(text) if is_text => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        value => value,
    }
}

/// Reads a path or a list of them.
pub fn paths(value: &Value) -> Result<Vec<Path>, String> {
    let list = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    list.iter().map(|one| Path::parse(one.as_str().ok_or("a path is a text")?)).collect()
}

/// The first value that is there; what nobody knows counts as there.
pub fn first(raw: &Value, paths: &[Path]) -> Value {
    paths.iter().map(|path| get(raw, &path.steps)).find(|value| !value.is_null()).unwrap_or_default()
}

fn get(value: &Value, steps: &[String]) -> Value {
    if unknown::reason(value).is_some() {
        return value.clone();
    }
    let Some((step, rest)) = steps.split_first() else { return value.clone() };
    match value {
        Value::Array(list) if step == "*" => {
            let mut all = Vec::new();
            for one in list.iter().map(|one| get(one, rest)) {
                match one {
                    Value::Array(list) => all.extend(list),
                    Value::Null => {}
                    one => all.push(one),
                }
            }
            Value::Array(all)
        }
        Value::Array(list) => list.first().map_or(Value::Null, |one| get(one, steps)),
        Value::Object(entries) if step == "*" => Value::Array(entries.values().map(|one| get(one, rest)).collect()),
        Value::Object(entries) => entries.get(step).map_or(Value::Null, |one| get(one, rest)),
        _ => Value::Null,
    }
}

/// Reports whether a condition holds of raw values, as of an element that has them.
fn holds(condition: &Condition, raw: &Value) -> Truth {
    let nobody = Estate::default();
    Judge::new(&nobody, &Everything, &[], Timestamp::UNIX_EPOCH).judge(Base::Element(raw, 0), condition)
}
