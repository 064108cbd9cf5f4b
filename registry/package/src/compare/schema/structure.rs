//! What the wide schema says of the members of an object and of the items of an array.

use serde_json::{Map, Value};

use super::facts::{ARRAY, Facts, OBJECT, STRING};
use super::{At, Gap, Prover, gap};

impl<'a> Prover<'a> {
    /// A keyword that speaks of the members of an object.
    pub(super) fn members(
        &mut self,
        known: &Facts<'a>,
        wanted: &'a Map<String, Value>,
        word: &str,
        value: &'a Value,
        at: &At<'_>,
    ) -> Result<(), Gap> {
        if !known.may_be(OBJECT) {
            return Ok(());
        }
        match word {
            "properties" => {
                for (name, schema) in value.as_object().into_iter().flatten() {
                    if let Some(property) = known.property(name) {
                        self.descend(&property, schema, &At::Below(at, name))?;
                    }
                }
                Ok(())
            }
            // A name that is listed may match the pattern or not: it is taken to match.
            "patternProperties" => {
                let names = known.names();
                for (pattern, schema) in value.as_object().into_iter().flatten() {
                    let at = At::Below(at, pattern);
                    for name in &names {
                        if let Some(property) = known.property(name) {
                            self.descend(&property, schema, &at)?;
                        }
                    }
                    if let Some(mut other) = known.other_property() {
                        let said = known.said("patternProperties").filter_map(|said| said.get(pattern));
                        other.nodes.extend(said);
                        self.descend(&other, schema, &at)?;
                    }
                }
                Ok(())
            }
            "additionalProperties" => {
                let named = wanted.get("properties").and_then(Value::as_object);
                let is_named = |name: &str| named.is_some_and(|named| named.contains_key(name));
                for name in known.names().into_iter().filter(|name| !is_named(name)) {
                    if let Some(property) = known.property(name) {
                        self.descend(&property, value, at)
                            .map_err(|missed| told(missed, at, || format!("no property `{name}`")))?;
                    }
                }
                match known.other_property() {
                    Some(other) => self
                        .descend(&other, value, at)
                        .map_err(|missed| told(missed, at, || "no other property".to_owned())),
                    None => Ok(()),
                }
            }
            // Names are texts: what is known of them says `propertyNames`.
            _ => {
                let mut names = Facts::of(known.root(), value);
                names.nodes = known.said("propertyNames").collect();
                names.types = STRING;
                self.descend(&names, value, at)
            }
        }
    }

    /// A keyword that speaks of the items of an array.
    pub(super) fn items(
        &mut self,
        known: &Facts<'a>,
        wanted: &'a Map<String, Value>,
        word: &str,
        value: &'a Value,
        at: &At<'_>,
    ) -> Result<(), Gap> {
        if !known.may_be(ARRAY) {
            return Ok(());
        }
        if word == "prefixItems" {
            for (index, schema) in value.as_array().into_iter().flatten().enumerate() {
                if let Some(item) = known.item(index) {
                    self.descend(&item, schema, &At::Below(at, &index.to_string()))?;
                }
            }
            return Ok(());
        }
        if value.is_array() {
            return Err(gap(at, "a list of schemas under `items`"));
        }
        // Each that is spoken of by itself, then any of those behind them.
        let first = wanted.get("prefixItems").and_then(Value::as_array).map_or(0, Vec::len);
        for index in first..=known.first_items().max(first) {
            if let Some(item) = known.item(index) {
                self.descend(&item, value, at)?;
            }
        }
        Ok(())
    }
}

/// The gap at a place where the schema demands that nothing stands, in words of its own.
fn told(missed: Gap, at: &At<'_>, says: impl FnOnce() -> String) -> Gap {
    if missed.at == at.pointer() { Gap { constraint: crate::text::visible(&says()), ..missed } } else { missed }
}
