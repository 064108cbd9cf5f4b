//! Whether every document that one JSON Schema takes is taken by another.
//!
//! The question cannot be answered for all schemas, so the answer is "yes" or "not shown": it is
//! *sound*, never "yes" where a document says no, and *bounded* in steps and depth. Schemas are
//! read as the host reads them, by draft 2020-12 without assertions of `format`.
//!
//! What is known of a document of the narrow schema is a conjunction (`facts.rs`): the schema
//! itself, what it refers to, the members of its `allOf`. Each keyword of the wide schema is then
//! proved from it by itself (`rules.rs`, `structure.rs`). Where that does not succeed the document
//! is looked at case by case, once for each alternative of an `anyOf` or `oneOf`, each value of an
//! `enum`, each `type`. A pair of schemas that refers to itself is assumed to hold while it is
//! being proved, if the proof has gone down into the document in between: documents end.
//!
//! | proved | not shown |
//! |---|---|
//! | `type`, `enum`, `const`, bounds, `required`, `properties`, `patternProperties`, `additionalProperties`, `propertyNames`, `prefixItems`, `items`, `uniqueItems`, `allOf`, `anyOf`, `oneOf` of disjoint alternatives, `$ref` within the document | a `pattern`, `not`, `contains`, `if`, `dependentSchemas` that is not there word for word; `unevaluated…` unless the whole schema is; `$id`, `$anchor`, `$dynamicRef`; keywords that nobody knows |

mod disjoint;
mod facts;
mod rules;
mod structure;
mod words;

use serde_json::{Map, Value};
use troupe_core::limits;

use facts::Facts;

/// What is not shown of the wide schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gap {
    /// The place in the wide schema, as a JSON pointer (RFC 6901).
    pub(crate) at: String,
    /// What it demands there, in words.
    pub(crate) constraint: String,
}

/// Shows that every document that `narrow` takes is taken by `wide`. The steps that this takes
/// are added to `steps`, of which a comparison has so many in all.
pub(crate) fn admits(narrow: &Value, wide: &Value, steps: &mut usize) -> Result<(), Gap> {
    // What a reference leads to may be among the words that are left out.
    let is_plain = words::refers_plainly(narrow) && words::refers_plainly(wide);
    if narrow == wide || is_plain && words::stripped(narrow) == words::stripped(wide) {
        return Ok(());
    }
    for schema in [narrow, wide] {
        if let Some(word) = words::beyond_us(schema) {
            return Err(gap(&At::Root, format!("a `{word}` that cannot be compared")));
        }
    }
    let mut prover = Prover { wide, steps: *steps, depth: 0, descents: 0, assumed: Vec::new() };
    let proved = prover.prove(&Facts::of(narrow, narrow), wide, &At::Root);
    *steps = prover.steps;
    proved
}

/// A place in a schema.
enum At<'p> {
    Root,
    Below(&'p At<'p>, &'p str),
}

impl At<'_> {
    fn pointer(&self) -> String {
        match self {
            At::Root => String::new(),
            At::Below(above, name) => super::readable::below(&above.pointer(), name),
        }
    }
}

fn gap(at: &At<'_>, constraint: impl Into<String>) -> Gap {
    Gap { at: at.pointer(), constraint: constraint.into() }
}

/// A pair that is being proved.
struct Assumed {
    facts: Vec<usize>,
    wide: usize,
    /// How often the proof had gone down into the document.
    descents: usize,
}

struct Prover<'a> {
    /// The whole wide schema, for its references.
    wide: &'a Value,
    steps: usize,
    depth: usize,
    descents: usize,
    assumed: Vec<Assumed>,
}

impl<'a> Prover<'a> {
    /// Pays for work, so that two documents cannot be made to take for ever.
    fn pay(&mut self, steps: usize, at: &At<'_>) -> Result<(), Gap> {
        self.steps = self.steps.saturating_add(steps);
        if self.is_spent() { Err(gap(at, "more than can be compared in a bounded time")) } else { Ok(()) }
    }

    /// Whether no more work is done.
    const fn is_spent(&self) -> bool {
        self.steps > limits::SCHEMA_COMPARE_STEPS_MAX
    }

    /// Shows that whatever the facts allow is taken by `schema`.
    fn prove(&mut self, facts: &Facts<'a>, schema: &'a Value, at: &At<'_>) -> Result<(), Gap> {
        if self.depth >= limits::SCHEMA_COMPARE_DEPTH_MAX {
            return Err(gap(at, "something nested deeper than is compared"));
        }
        self.depth += 1;
        let proved = self.prove_here(facts, schema, at);
        self.depth -= 1;
        proved
    }

    fn prove_here(&mut self, facts: &Facts<'a>, schema: &'a Value, at: &At<'_>) -> Result<(), Gap> {
        self.pay(1 + facts.nodes.len(), at)?;
        let known = facts.expanded();
        self.pay(known.nodes.len(), at)?;
        if known.is_never() {
            return Ok(());
        }
        let wanted = match schema {
            Value::Bool(true) => return Ok(()),
            Value::Object(wanted) => wanted,
            _ => return Err(gap(at, "nothing at all")),
        };
        let Err(missed) = self.rules(&known, schema, wanted, at) else { return Ok(()) };
        let Some(cases) = known.cases().filter(|_| !self.is_spent()) else { return Err(missed) };
        self.pay(cases.len(), at)?;
        for case in cases {
            if self.prove(&case, schema, at).is_err() {
                return Err(missed);
            }
        }
        Ok(())
    }

    /// Proves every keyword by itself.
    fn rules(
        &mut self,
        known: &Facts<'a>,
        schema: &'a Value,
        wanted: &'a Map<String, Value>,
        at: &At<'_>,
    ) -> Result<(), Gap> {
        let whole = words::is_whole(wanted) && {
            self.pay(words::size(schema).saturating_mul(1 + known.nodes.len()), at)?;
            let plain = words::stripped(schema);
            !words::refers(schema) && known.nodes.iter().any(|node| words::stripped(node) == plain)
        };
        if whole {
            return Ok(());
        }
        for (word, value) in wanted {
            self.rule(known, wanted, word, value, &At::Below(at, word))?;
        }
        Ok(())
    }

    /// Goes down into the document.
    fn descend(&mut self, facts: &Facts<'a>, schema: &'a Value, at: &At<'_>) -> Result<(), Gap> {
        self.descents += 1;
        let proved = self.prove(facts, schema, at);
        self.descents -= 1;
        proved
    }

    /// Follows a reference of the wide schema.
    fn follow(&mut self, known: &Facts<'a>, reference: &Value, at: &At<'_>) -> Result<(), Gap> {
        let Some(target) = reference.as_str().and_then(|reference| facts::resolved(self.wide, reference)) else {
            return Err(gap(at, format!("a `$ref` that leads out of the schema, {reference}")));
        };
        let (key, wide) = (known.key(), facts::address(target));
        if let Some(before) = self.assumed.iter().find(|before| before.wide == wide && before.facts == key) {
            // Without going down in between it would be proved by itself.
            return if before.descents < self.descents { Ok(()) } else { Err(gap(at, "a `$ref` to itself")) };
        }
        self.assumed.push(Assumed { facts: key, wide, descents: self.descents });
        let proved = self.prove(known, target, at);
        self.assumed.pop();
        proved
    }
}

#[cfg(test)]
mod tests;
