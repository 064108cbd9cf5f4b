use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use serde_json::{Map, json};

use super::*;

fn shown(narrow: &Value, wide: &Value) -> bool {
    admits(narrow, wide, &mut 0).is_ok()
}

/// The validator that the host checks documents with.
fn takes(schema: &Value, document: &Value) -> bool {
    let options = jsonschema::draft202012::options().with_pattern_options(jsonschema::PatternOptions::regex());
    options.build(schema).unwrap().is_valid(document)
}

#[test]
fn what_is_wider_by_meaning_is_shown() {
    let shape = |required: Value| {
        json!({ "oneOf": [
            { "type": "object", "properties": { "kind": { "const": "a" }, "n": { "type": "integer" } }, "required": required },
            { "type": "object", "properties": { "kind": { "const": "b" } }, "required": ["kind"] },
        ] })
    };
    let list = |item: Value| {
        json!({ "$ref": "#/$defs/list", "$defs": { "list": { "type": "object", "properties": {
            "value": item, "next": { "anyOf": [{ "$ref": "#/$defs/list" }, { "type": "null" }] },
        } } } })
    };
    for (narrow, wide) in [
        (json!({}), json!(true)),
        (json!(false), json!({ "type": "string" })),
        (json!({ "type": "string", "title": "old" }), json!({ "type": "string", "title": "new", "description": "d" })),
        (json!({ "type": "integer" }), json!({ "type": "number" })),
        (json!({ "type": "string" }), json!({ "type": ["string", "null"] })),
        (json!({ "type": ["string", "null"] }), json!({ "anyOf": [{ "type": "string" }, { "type": "null" }] })),
        (json!({ "enum": ["a", "b"] }), json!({ "oneOf": [{ "const": "a" }, { "const": "b" }, { "const": "c" }] })),
        (
            json!({ "oneOf": [{ "const": "a" }, { "const": "b" }] }),
            json!({ "type": "string", "enum": ["a", "b", "c"] }),
        ),
        (json!({ "type": "boolean" }), json!({ "enum": [true, false, null] })),
        (json!({ "minimum": 2, "type": "integer" }), json!({ "exclusiveMinimum": 1, "type": "number" })),
        (json!({ "type": "string", "maxLength": 3, "minLength": 1 }), json!({ "type": "string", "maxLength": 5 })),
        (json!({ "const": "abc" }), json!({ "type": "string", "maxLength": 3, "minLength": 3 })),
        (
            json!({ "type": "object", "properties": { "a": { "type": "string" } }, "required": ["a"] }),
            json!({ "type": "object", "properties": { "a": { "type": ["string", "null"] } } }),
        ),
        // A property that could not be there before may be there now.
        (
            json!({ "type": "object", "properties": { "a": {} }, "additionalProperties": false }),
            json!({ "type": "object", "properties": { "a": {}, "b": { "type": "string" } }, "additionalProperties": false }),
        ),
        (
            json!({ "type": "object", "additionalProperties": { "type": "integer" } }),
            json!({ "type": "object", "additionalProperties": { "type": "number" } }),
        ),
        (
            json!({ "type": "array", "items": { "type": "integer" }, "maxItems": 3, "uniqueItems": true }),
            json!({ "type": "array", "items": { "type": "number" }, "maxItems": 4 }),
        ),
        (
            json!({ "prefixItems": [{ "const": 1 }], "items": false, "type": "array" }),
            json!({ "items": { "type": "integer" } }),
        ),
        (
            json!({ "type": "array", "items": { "$ref": "#/$defs/one" }, "$defs": { "one": { "type": "string" } } }),
            json!({ "type": "array", "items": { "type": "string" } }),
        ),
        (shape(json!(["kind", "n"])), shape(json!(["kind"]))),
        (list(json!({ "type": "integer" })), list(json!({ "type": "number" }))),
        (
            json!({ "allOf": [{ "type": "object" }, { "required": ["a"] }] }),
            json!({ "type": "object", "required": ["a"] }),
        ),
        (json!({ "pattern": "^a", "type": "string", "minLength": 2 }), json!({ "pattern": "^a" })),
        (json!({ "const": 3 }), json!({ "not": { "type": "string" } })),
        (
            json!({ "type": "object", "unevaluatedProperties": false, "title": "a" }),
            json!({ "type": "object", "unevaluatedProperties": false, "title": "b" }),
        ),
    ] {
        assert_eq!(admits(&narrow, &wide, &mut 0), Ok(()), "{narrow} {wide}");
    }
}

#[test]
fn what_is_narrower_or_not_understood_is_not_shown_and_the_place_is_named() {
    let object = |more: Value| {
        let mut object = json!({ "type": "object", "properties": { "a": { "type": "string" } } });
        object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        object
    };
    for (narrow, wide, at, constraint) in [
        (json!({}), json!({ "type": "string" }), "/type", "`type` \"string\""),
        (json!({ "type": "number" }), json!({ "type": "integer" }), "/type", "`type` \"integer\""),
        (json!({ "enum": ["a", "b"] }), json!({ "enum": ["a"] }), "/enum", "`enum` [\"a\"]"),
        (object(json!({})), object(json!({ "required": ["a"] })), "/required", "a property \"a\""),
        (
            object(json!({})),
            object(json!({ "additionalProperties": false })),
            "/additionalProperties",
            "no other property",
        ),
        (
            object(json!({ "additionalProperties": false })),
            json!({ "type": "object", "additionalProperties": false }),
            "/additionalProperties",
            "no property `a`",
        ),
        (
            object(json!({})),
            object(json!({ "properties": { "a": { "maxLength": 3 } } })),
            "/properties/a/maxLength",
            "`maxLength` 3",
        ),
        // Whatever was let through before may be there.
        (
            json!({ "type": "object" }),
            json!({ "type": "object", "properties": { "limit": { "type": "integer" } } }),
            "/properties/limit/type",
            "`type` \"integer\"",
        ),
        (json!({ "type": "string" }), json!({ "type": "string", "pattern": "^a" }), "/pattern", "`pattern` \"^a\""),
        (json!({ "maximum": 5 }), json!({ "maximum": 4 }), "/maximum", "`maximum` 4"),
        (json!({ "maximum": 5 }), json!({ "exclusiveMaximum": 5 }), "/exclusiveMaximum", "`exclusiveMaximum` 5"),
        (json!({ "type": "array" }), json!({ "maxItems": 3 }), "/maxItems", "`maxItems` 3"),
        (
            json!({}),
            json!({ "if": { "type": "string" }, "then": { "minLength": 1 } }),
            "/if",
            "`if` {\"type\":\"string\"}",
        ),
        (json!({}), json!({ "novel": 1 }), "/novel", "`novel` 1"),
        (
            json!({}),
            json!({ "$ref": "https://example.com/a" }),
            "/$ref",
            "a `$ref` that leads out of the schema, \"https://example.com/a\"",
        ),
        (json!({}), json!({ "$ref": "#" }), "/$ref/$ref", "a `$ref` to itself"),
        (
            json!({ "type": "object" }),
            json!({ "$schema": "http://json-schema.org/draft-07/schema#" }),
            "",
            "a `$schema` that cannot be compared",
        ),
        // Both alternatives may take it.
        (
            json!({ "const": 3 }),
            json!({ "oneOf": [{ "type": "integer" }, { "type": "number" }] }),
            "/oneOf",
            "exactly one of the alternatives of `oneOf`",
        ),
    ] {
        let gap = admits(&narrow, &wide, &mut 0).unwrap_err();
        assert_eq!((gap.at.as_str(), gap.constraint.as_str()), (at, constraint), "{narrow} {wide}");
    }
}

#[test]
fn two_schemas_made_to_take_for_ever_are_given_up() {
    let started = std::time::Instant::now();
    let nested = |leaf: Value| (0..10).fold(leaf, |inner, _| json!({ "anyOf": [inner.clone(), { "items": inner }] }));
    let _ = admits(&nested(json!({ "type": "string" })), &nested(json!({ "type": "integer" })), &mut 0);
    let many: Vec<Value> = (0..5_000).map(|n| json!({ "properties": { format!("p{n}"): { "minimum": n } } })).collect();
    let others: Vec<Value> =
        (0..5_000).map(|n| json!({ "properties": { format!("q{n}"): { "minimum": n } } })).collect();
    assert!(!shown(&json!({ "allOf": many }), &json!({ "anyOf": others })));
    assert!(!shown(&json!({ "anyOf": many }), &json!({ "oneOf": others })));
    assert!(started.elapsed() < std::time::Duration::from_secs(60), "{:?}", started.elapsed());
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3i64..4).prop_map(Value::from),
        (-3i64..4).prop_map(|n| json!(n as f64 / 2.0)),
        "[ab]{0,3}".prop_map(Value::from),
    ]
}

fn document() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[abc]", inner, 0..4)
                .prop_map(|members| members.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

/// A keyword with a value of its own.
fn plain_word() -> impl Strategy<Value = (String, Value)> {
    let kinds = ["null", "boolean", "object", "array", "string", "integer", "number"];
    let names = || prop::collection::btree_set("[abc]", 0..3).prop_map(|names| json!(names));
    prop_oneof![
        3 => prop::sample::select(kinds.to_vec()).prop_map(|kind| ("type".to_owned(), json!(kind))),
        2 => prop::sample::subsequence(kinds.to_vec(), 1..4).prop_map(|kinds| ("type".to_owned(), json!(kinds))),
        2 => prop::collection::vec(scalar(), 1..4).prop_map(|values| ("enum".to_owned(), json!(values))),
        1 => document().prop_map(|value| ("const".to_owned(), value)),
        2 => (prop::sample::select(vec!["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]), -3i64..4)
            .prop_map(|(word, bound)| (word.to_owned(), json!(bound))),
        1 => (1u64..4).prop_map(|factor| ("multipleOf".to_owned(), json!(factor))),
        2 => (prop::sample::select(vec!["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"]), 0u64..4)
            .prop_map(|(word, bound)| (word.to_owned(), json!(bound))),
        2 => names().prop_map(|names| ("required".to_owned(), names)),
        1 => any::<bool>().prop_map(|unique| ("uniqueItems".to_owned(), json!(unique))),
        1 => prop::sample::select(vec!["^a", "b$"]).prop_map(|pattern| ("pattern".to_owned(), json!(pattern))),
        1 => ("[abc]", names()).prop_map(|(name, names)| ("dependentRequired".to_owned(), json!({ name: names }))),
        1 => Just(("format".to_owned(), json!("email"))),
        1 => Just(("$ref".to_owned(), json!("#/$defs/d"))),
    ]
}

fn schema_over(leaf: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    let words = prop::collection::vec(plain_word(), 0..3);
    let list = || prop::collection::vec(leaf.clone(), 1..4).prop_map(|list| json!(list));
    let named =
        |names: &'static str| prop::collection::btree_map(names, leaf.clone(), 1..4).prop_map(|named| json!(named));
    let deep = prop_oneof![
        3 => named("[abc]").prop_map(|named| ("properties".to_owned(), named)),
        1 => named("\\^[abc]").prop_map(|named| ("patternProperties".to_owned(), named)),
        2 => leaf.clone().prop_map(|schema| ("additionalProperties".to_owned(), schema)),
        1 => leaf.clone().prop_map(|schema| ("propertyNames".to_owned(), schema)),
        2 => leaf.clone().prop_map(|schema| ("items".to_owned(), schema)),
        1 => list().prop_map(|list| ("prefixItems".to_owned(), list)),
        1 => leaf.clone().prop_map(|schema| ("not".to_owned(), schema)),
        1 => leaf.clone().prop_map(|schema| ("contains".to_owned(), schema)),
        1 => leaf.clone().prop_map(|schema| ("if".to_owned(), schema)),
        1 => leaf.clone().prop_map(|schema| ("then".to_owned(), schema)),
        1 => leaf.clone().prop_map(|schema| ("unevaluatedProperties".to_owned(), schema)),
        3 => (prop::sample::select(vec!["anyOf", "oneOf", "allOf"]), list()).prop_map(|(word, list)| (word.to_owned(), list)),
    ];
    (words, prop::collection::vec(deep, 0..3))
        .prop_map(|(words, deep)| words.into_iter().chain(deep).collect::<Map<_, _>>().into())
        .boxed()
}

/// A schema with a definition that its references name.
fn schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        8 => prop::collection::vec(plain_word(), 0..3).prop_map(|words| words.into_iter().collect::<Map<_, _>>().into()),
        1 => any::<bool>().prop_map(Value::from),
    ];
    // The definition does not name itself but below a document.
    let definition = prop_oneof![
        Just(json!({ "type": "string" })),
        Just(json!({ "type": "array", "items": { "$ref": "#/$defs/d" } })),
        Just(json!({ "properties": { "a": { "$ref": "#/$defs/d" } }, "required": ["b"], "type": "object" })),
    ];
    (schema_over(schema_over(leaf.boxed())), definition).prop_map(|(mut schema, definition)| {
        schema["$defs"] = json!({ "d": definition });
        schema
    })
}

/// A schema, and one that was made of it by a small change.
fn pair() -> impl Strategy<Value = (Value, Value)> {
    let changed = (schema(), any::<prop::sample::Index>(), plain_word()).prop_map(|(schema, place, (word, value))| {
        let mut other = schema.clone();
        let words = other.as_object_mut().unwrap();
        let names: Vec<String> = words.keys().filter(|name| *name != "$defs").cloned().collect();
        match names.len() {
            0 => drop(words.insert(word, value)),
            count => match place.index(count * 2) {
                at if at < count => drop(words.remove(&names[at])),
                _ => drop(words.insert(word, value)),
            },
        }
        (schema, other)
    });
    prop_oneof![4 => changed, 1 => (schema(), schema())]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn a_schema_that_is_shown_to_be_wider_takes_all_that_the_other_takes(
        (one, other) in pair(), documents in prop::collection::vec(document(), 40),
    ) {
        for (narrow, wide) in [(&one, &other), (&other, &one)] {
            if shown(narrow, wide) {
                for document in &documents {
                    prop_assert!(!takes(narrow, document) || takes(wide, document), "{narrow}\n{wide}\n{document}");
                }
            }
        }
    }

    #[test]
    fn a_schema_admits_itself_and_itself_with_other_words(schema in schema()) {
        prop_assert!(shown(&schema, &schema));
        let mut other = schema.clone();
        other["description"] = json!("something else");
        prop_assert!(shown(&schema, &other) && shown(&other, &schema));
    }
}

/// So that the property above is of something.
#[test]
fn of_small_changes_many_are_shown() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let is_shown = |(one, other): (Value, Value)| {
        words::stripped(&one) != words::stripped(&other) && (shown(&one, &other) || shown(&other, &one))
    };
    let count = (0..500).filter(|_| is_shown(pair().new_tree(&mut runner).unwrap().current())).count();
    assert!(count >= 100, "{count}");
}
