//! Texts in which `${name}` stands for a value.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use troupe_core::limits::MANIFEST_DOCUMENT_BYTES_MAX;

/// Whether a text names a parameter.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// A piece of a text.
enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

/// The pieces of a text.
fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            pieces.extend([Piece::Text(before), Piece::Text("${")]);
            rest = after;
            continue;
        }
        let named = after.split_once('}').filter(|(name, _)| is_name(name));
        let (name, after) = named.ok_or_else(|| {
            let shown = crate::visible(&after.chars().take(40).collect::<String>());
            format!("`${{{shown}` does not name a parameter; write `${{name}}`, or `$${{` for `${{` itself")
        })?;
        pieces.extend([Piece::Text(before), Piece::Name(name)]);
        rest = after;
    }
    pieces.push(Piece::Text(rest));
    pieces.retain(|piece| !matches!(piece, Piece::Text("")));
    Ok(pieces)
}

/// The parameters that stand in the texts of a document, which is nested no deeper than documents may be.
pub(super) fn placeholders(document: &Value) -> Result<BTreeSet<String>, String> {
    let mut found = BTreeSet::new();
    let mut left = vec![document];
    while let Some(value) = left.pop() {
        match value {
            Value::Array(items) => left.extend(items),
            Value::Object(members) => left.extend(members.values()),
            Value::String(text) => {
                let names = pieces(text)?.into_iter().filter_map(|piece| match piece {
                    Piece::Name(name) => Some(name.to_owned()),
                    Piece::Text(_) => None,
                });
                found.extend(names);
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Writes a document so that nothing in it stands for a parameter.
pub(super) fn escaped(document: Map<String, Value>) -> Map<String, Value> {
    fn value(member: Value) -> Value {
        match member {
            Value::String(text) => Value::String(text.replace("${", "$${")),
            Value::Array(items) => items.into_iter().map(value).collect(),
            Value::Object(members) => Value::Object(escaped(members)),
            other => other,
        }
    }
    document.into_iter().map(|(name, member)| (name, value(member))).collect()
}

/// Puts values into a document, as long as no more comes of it than a manifest may hold.
pub(super) struct Filled<'a> {
    values: &'a Map<String, Value>,
    left: usize,
}

impl<'a> Filled<'a> {
    pub(super) fn new(values: &'a Map<String, Value>) -> Self {
        Self { values, left: MANIFEST_DOCUMENT_BYTES_MAX }
    }

    /// The document with the values in it. It recurses as deep as the document is nested.
    pub(super) fn object(&mut self, document: &Map<String, Value>) -> Result<Map<String, Value>, String> {
        document.iter().map(|(name, value)| Ok((name.clone(), self.value(value)?))).collect()
    }

    fn value(&mut self, value: &Value) -> Result<Value, String> {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(members) => self.object(members).map(Value::Object),
            other => Ok(other.clone()),
        }
    }

    fn text(&mut self, text: &str) -> Result<Value, String> {
        let pieces = pieces(text)?;
        if let [Piece::Name(name)] = pieces[..] {
            let value = self.named(name)?.clone();
            self.spend(value.to_string().len())?;
            return Ok(value);
        }
        let mut out = String::new();
        for piece in pieces {
            let piece = match piece {
                Piece::Text(text) => text.to_owned(),
                Piece::Name(name) => match self.named(name)? {
                    Value::String(text) => text.clone(),
                    value @ (Value::Number(_) | Value::Bool(_)) => value.to_string(),
                    _ => {
                        return Err(format!(
                            "the parameter `{name}` stands within a text, so it is a text, a number or a truth value"
                        ));
                    }
                },
            };
            self.spend(piece.len())?;
            out.push_str(&piece);
        }
        Ok(Value::String(out))
    }

    fn named(&self, name: &str) -> Result<&'a Value, String> {
        self.values.get(name).ok_or_else(|| format!("the parameter `{name}` is needed and was not given"))
    }

    fn spend(&mut self, bytes: usize) -> Result<(), String> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| {
            format!("more than {MANIFEST_DOCUMENT_BYTES_MAX} bytes come of the template with these parameters")
        })?;
        Ok(())
    }
}
