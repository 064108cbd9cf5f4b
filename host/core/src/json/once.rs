//! Keys that stand twice in an object.
//!
//! *The attack:* of `{"effect":"read","effect":"destroy"}` whoever looks first reads one value and whoever acts
//! reads the other, since the format does not say which counts (RFC 8259, section 4). *The rule:* such a text says
//! nothing, however deep the key stands and whichever of its spellings are escaped.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The place of a key that stands twice in one object, such as `input.items[3].text`; none in a text that has
/// none, or that is not JSON.
pub fn repeated(text: &[u8]) -> Option<String> {
    let mut found = Vec::new();
    let mut reader = serde_json::Deserializer::from_slice(text);
    let read = Once(&mut found).deserialize(&mut reader);
    if read.is_ok() || found.is_empty() {
        return None;
    }
    let mut place = String::new();
    // The innermost was found first.
    for step in found.iter().rev() {
        match step {
            Step::Key(key) if place.is_empty() => place.push_str(key),
            Step::Key(key) => {
                place.push('.');
                place.push_str(key);
            }
            Step::Element(number) => place.push_str(&format!("[{number}]")),
        }
    }
    Some(place)
}

/// A step of the way to a key.
enum Step {
    Key(String),
    Element(usize),
}

/// Reads a value and keeps nothing of it but the way to a key that stands twice, from there outwards.
struct Once<'a>(&'a mut Vec<Step>);

impl Once<'_> {
    /// Notes where it happened, of what was found further inside.
    fn found_in(&mut self, step: impl FnOnce() -> Step) {
        if !self.0.is_empty() {
            self.0.push(step());
        }
    }
}

impl<'de> DeserializeSeed<'de> for Once<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

/// A key, in the text itself where it is not escaped.
#[derive(PartialEq, Eq, Hash, Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Visitor<'de> for Once<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        let mut number = 0;
        loop {
            match elements.next_element_seed(Once(&mut *self.0)) {
                Ok(Some(())) => number += 1,
                Ok(None) => return Ok(()),
                Err(error) => {
                    self.found_in(|| Step::Element(number));
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<(), A::Error> {
        let mut seen: HashSet<Key<'de>> = HashSet::new();
        while let Some(key) = entries.next_key::<Key<'de>>()? {
            if seen.contains(&key) {
                self.0.push(Step::Key(key.0.into_owned()));
                return Err(A::Error::custom("a key stands twice"));
            }
            if let Err(error) = entries.next_value_seed(Once(&mut *self.0)) {
                self.found_in(|| Step::Key(key.0.into_owned()));
                return Err(error);
            }
            seen.insert(key);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::repeated;

    #[test]
    fn a_key_that_stands_twice_is_found_wherever_it_is() {
        for (text, place) in [
            (r#"{"a":1,"a":1}"#, "a"),
            (r#"{"a":1,"b":{"c":[],"d":2,"c":3}}"#, "b.c"),
            (r#"[1,{"a":[{"b":0},{"b":0,"b":0}]}]"#, "[1].a[1].b"),
            (r#"{"a":1,"\u0061":2}"#, "a"),
            (r#"{"":1,"":2}"#, ""),
            (r#"{"a":1,"a":1} and more"#, "a"),
        ] {
            assert_eq!(repeated(text.as_bytes()).as_deref(), Some(place), "{text}");
        }
        for text in [
            r#"{"a":{"a":{"a":[{"a":1},{"a":1}]}},"A":1}"#,
            r#"[null,true,-1,1.5,18446744073709551615,"a","a"]"#,
            r#"{"a":"\"a\":1,\"a\":2"}"#,
            "",
            "{",
        ] {
            assert_eq!(repeated(text.as_bytes()), None, "{text}");
        }
    }
}
