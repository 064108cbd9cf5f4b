//! One keyword of the wide schema, proved from what is known of the document.

use std::cmp::Ordering;
use std::collections::HashSet;

use serde_json::{Map, Number, Value};

use super::disjoint::are_disjoint;
use super::facts::{ANY, ARRAY, BOOLEAN, FRACTION, Facts, INTEGER, NULL, NUMBER, OBJECT, STRING, named_types};
use super::{At, Gap, Prover, gap, words};

/// Largest whole number below which every one has a float of its own.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

impl<'a> Prover<'a> {
    /// Proves a keyword, which stands in `wanted`.
    pub(super) fn rule(
        &mut self,
        known: &Facts<'a>,
        wanted: &'a Map<String, Value>,
        word: &str,
        value: &'a Value,
        at: &At<'_>,
    ) -> Result<(), Gap> {
        let holds = match word {
            word if words::SILENT.contains(&word) || word.starts_with("x-") => true,
            "$ref" => return self.follow(known, value, at),
            "allOf" => return self.all_of(known, value, at),
            "anyOf" => return self.any_of(known, value, at),
            "oneOf" => return self.one_of(known, value, at),
            "type" => named_types(value).is_some_and(|types| known.types & !types & ANY == 0),
            "enum" => return self.one_of_values(known, value.as_array().map_or(&[][..], Vec::as_slice), value, at),
            "const" => return self.one_of_values(known, std::slice::from_ref(value), value, at),
            "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum" => {
                !known.may_be(NUMBER) || is_bounded(known, word, value)
            }
            "multipleOf" => !known.may_be(NUMBER) || is_multiple(known, value),
            "minLength" => !known.may_be(STRING) || reaches(length(known).or(known.least("minLength")), value),
            "maxLength" => !known.may_be(STRING) || stays_below(length(known).or(known.most("maxLength")), value),
            "pattern" => !known.may_be(STRING) || known.said("pattern").any(|said| said == value),
            "required" | "minProperties" | "maxProperties" | "dependentRequired" if !known.may_be(OBJECT) => true,
            "required" => return required(known, value, at),
            "minProperties" | "maxProperties" => counts_properties(known, word, value),
            "dependentRequired" => depends(known, value),
            "properties" | "patternProperties" | "additionalProperties" | "propertyNames" => {
                return self.members(known, wanted, word, value, at);
            }
            "prefixItems" | "items" => return self.items(known, wanted, word, value, at),
            "minItems" => !known.may_be(ARRAY) || reaches(items(known).or(known.least("minItems")), value),
            "maxItems" => !known.may_be(ARRAY) || stays_below(items(known).or(most_items(known)), value),
            "uniqueItems" => {
                let is_short = items(known).or(most_items(known)).is_some_and(|most| most <= 1);
                let is_unique = known.said("uniqueItems").any(|said| *said == Value::Bool(true));
                !known.may_be(ARRAY) || *value == Value::Bool(false) || is_short || is_unique
            }
            "not" => {
                same(known, wanted, &["not"]) || are_disjoint(known, &Facts::of(self.wide, value), &mut self.steps)
            }
            "contains" | "minContains" | "maxContains" => {
                !known.may_be(ARRAY) || same(known, wanted, &["contains", "minContains", "maxContains"])
            }
            "if" | "then" | "else" => same(known, wanted, &["if", "then", "else"]),
            "dependentSchemas" => !known.may_be(OBJECT) || same(known, wanted, &["dependentSchemas"]),
            _ => false,
        };
        if holds { Ok(()) } else { Err(gap(at, demanded(word, value))) }
    }

    fn all_of(&mut self, known: &Facts<'a>, list: &'a Value, at: &At<'_>) -> Result<(), Gap> {
        for (index, schema) in list.as_array().into_iter().flatten().enumerate() {
            self.prove(known, schema, &At::Below(at, &index.to_string()))?;
        }
        Ok(())
    }

    fn any_of(&mut self, known: &Facts<'a>, list: &'a Value, at: &At<'_>) -> Result<(), Gap> {
        for schema in list.as_array().into_iter().flatten() {
            if self.prove(known, schema, at).is_ok() {
                return Ok(());
            }
            self.pay(0, at)?;
        }
        Err(gap(at, "one of the alternatives of `anyOf`"))
    }

    /// Exactly one alternative takes the document: one does, and no other can.
    fn one_of(&mut self, known: &Facts<'a>, list: &'a Value, at: &At<'_>) -> Result<(), Gap> {
        let all: Vec<&Value> = list.as_array().into_iter().flatten().collect();
        for (index, schema) in all.iter().enumerate() {
            if self.prove(known, schema, at).is_err() {
                self.pay(0, at)?;
                continue;
            }
            self.pay(all.len().saturating_mul(4 + known.nodes.len()), at)?;
            let (wide, steps) = (self.wide, &mut self.steps);
            let own = Facts::of(wide, schema);
            let mut is_alone = |other: &'a Value| {
                let other = Facts::of(wide, other);
                are_disjoint(known, &other, steps) || are_disjoint(&own, &other, steps)
            };
            if all.iter().enumerate().all(|(place, other)| place == index || is_alone(other)) {
                return Ok(());
            }
        }
        Err(gap(at, "exactly one of the alternatives of `oneOf`"))
    }

    fn one_of_values(&mut self, known: &Facts<'a>, wanted: &[Value], shown: &Value, at: &At<'_>) -> Result<(), Gap> {
        let name = if matches!(at, At::Below(_, "const")) { "const" } else { "enum" };
        let missed = || gap(at, demanded(name, shown));
        let Some(values) = known.values() else {
            // Two types have few enough values to be named.
            let all = known.types & !(NULL | BOOLEAN) == 0;
            let named = |value: Value| wanted.contains(&value);
            let null = !known.may_be(NULL) || named(Value::Null);
            let booleans = !known.may_be(BOOLEAN) || (named(Value::Bool(true)) && named(Value::Bool(false)));
            return if all && null && booleans { Ok(()) } else { Err(missed()) };
        };
        self.pay(values.len() + wanted.len(), at)?;
        let wanted: HashSet<String> = wanted.iter().map(Value::to_string).collect();
        match values.iter().find(|value| !wanted.contains(&value.to_string())) {
            None => Ok(()),
            Some(_) => Err(missed()),
        }
    }
}

/// What a keyword demands, in words; long values are cut.
fn demanded(word: &str, value: &Value) -> String {
    let text = value.to_string();
    let short: String = text.chars().take(80).collect();
    let dots = if short.len() < text.len() { "…" } else { "" };
    crate::text::visible(&format!("`{word}` {short}{dots}"))
}

/// Whether a schema that is known says the same under all of these keywords. What refers to
/// something else may mean something else.
fn same(known: &Facts<'_>, wanted: &Map<String, Value>, words: &[&str]) -> bool {
    let plain = words.iter().all(|word| !wanted.get(*word).is_some_and(words::refers));
    plain && known.nodes.iter().any(|node| words.iter().all(|word| node.get(*word) == wanted.get(*word)))
}

fn required(known: &Facts<'_>, names: &Value, at: &At<'_>) -> Result<(), Gap> {
    let said = known.said("required").filter_map(Value::as_array).flatten().filter_map(Value::as_str);
    let of_value = known.value.and_then(Value::as_object).into_iter().flat_map(Map::keys).map(String::as_str);
    let there: HashSet<&str> = said.chain(of_value).collect();
    for name in names.as_array().into_iter().flatten() {
        if name.as_str().is_none_or(|name| !there.contains(name)) {
            return Err(gap(at, format!("a property {}", crate::text::visible(&name.to_string()))));
        }
    }
    Ok(())
}

fn counts_properties(known: &Facts<'_>, word: &str, wanted: &Value) -> bool {
    let of_value = known.value.and_then(Value::as_object).map(|members| members.len() as u64);
    if word == "minProperties" {
        let mut required: Vec<&Value> = known.said("required").filter_map(Value::as_array).flatten().collect();
        required.sort_by_key(|name| name.as_str());
        required.dedup();
        let least = known.least("minProperties").max(Some(required.len() as u64));
        return reaches(of_value.or(least), wanted);
    }
    let named = known.names();
    let named = named.iter().filter(|name| known.property(name).is_some()).count() as u64;
    let closed = known.other_property().is_none().then_some(named);
    let most = known.most("maxProperties").into_iter().chain(closed).min();
    stays_below(of_value.or(most), wanted)
}

fn depends(known: &Facts<'_>, wanted: &Value) -> bool {
    wanted.as_object().into_iter().flatten().all(|(name, others)| {
        let others: Vec<&str> = others.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let said = known.said("dependentRequired").filter_map(|said| said.get(name)?.as_array());
        let mut said = said.map(|said| others.iter().all(|other| said.iter().any(|said| said == other)));
        known.property(name).is_none() || others.iter().all(|other| known.requires(other)) || said.any(|all| all)
    })
}

fn length(known: &Facts<'_>) -> Option<u64> {
    known.value?.as_str().map(|text| text.chars().count() as u64)
}

fn items(known: &Facts<'_>) -> Option<u64> {
    known.value?.as_array().map(|items| items.len() as u64)
}

fn most_items(known: &Facts<'_>) -> Option<u64> {
    let closed = known.nodes.iter().filter(|node| node.get("items") == Some(&Value::Bool(false)));
    let closed = closed.map(|node| node.get("prefixItems").and_then(Value::as_array).map_or(0, Vec::len) as u64);
    known.most("maxItems").into_iter().chain(closed).min()
}

fn reaches(least: Option<u64>, wanted: &Value) -> bool {
    wanted.as_u64().is_some_and(|wanted| wanted <= least.unwrap_or(0))
}

fn stays_below(most: Option<u64>, wanted: &Value) -> bool {
    most.zip(wanted.as_u64()).is_some_and(|(most, wanted)| most <= wanted)
}

/// Whether the number is known to keep a bound.
fn is_bounded(known: &Facts<'_>, word: &str, wanted: &Value) -> bool {
    let Value::Number(wanted) = wanted else { return false };
    let (inclusive, exclusive, inside) = match word {
        "minimum" | "exclusiveMinimum" => ("minimum", "exclusiveMinimum", Ordering::Greater),
        _ => ("maximum", "exclusiveMaximum", Ordering::Less),
    };
    let wants_strict = word == exclusive;
    let value = known.value.map(|value| (value, false));
    let said =
        known.said(inclusive).map(|bound| (bound, false)).chain(known.said(exclusive).map(|bound| (bound, true)));
    said.chain(value).any(|(bound, is_strict)| {
        let Value::Number(bound) = bound else { return false };
        match compared(bound, wanted) {
            Some(Ordering::Equal) => !wants_strict || is_strict,
            Some(order) => order == inside,
            None => false,
        }
    })
}

fn is_multiple(known: &Facts<'_>, wanted: &Value) -> bool {
    let is_whole = known.types & FRACTION == 0 && known.types & INTEGER != 0;
    let factor = wanted.as_u64().filter(|factor| *factor > 0);
    let divides = |number: &Value| {
        number
            .as_i64()
            .map(i128::from)
            .or(number.as_u64().map(i128::from))
            .zip(factor)
            .is_some_and(|(number, factor)| number % i128::from(factor) == 0)
    };
    (is_whole && factor == Some(1))
        || known.value.is_some_and(divides)
        || known.said("multipleOf").any(|said| said == wanted || divides(said))
}

/// Compares two numbers, if that can be done exactly.
fn compared(one: &Number, other: &Number) -> Option<Ordering> {
    let whole = |number: &Number| number.as_i64().map(i128::from).or(number.as_u64().map(i128::from));
    if let (Some(one), Some(other)) = (whole(one), whole(other)) {
        return Some(one.cmp(&other));
    }
    let exact = |number: &Number| number.as_f64().filter(|number| number.abs() < EXACT_MAX);
    exact(one)?.partial_cmp(&exact(other)?)
}
