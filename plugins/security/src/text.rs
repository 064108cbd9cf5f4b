//! Documents as they are written: values with the lines on which they stand.
//!
//! *The attack:* a document is somebody else's. A few lines of aliases become gigabytes, brackets nest until the
//! stack is gone, a key stands twice so that two programs read two things. *The rule:* bytes, nodes (aliases
//! followed) and depth are bounded, and the reader says which bound a document broke. *The default:* what cannot
//! be read is a problem beside the findings of the other documents.

mod json;
mod yaml;

use serde_json::{Map, Number, Value};

pub use crate::limits::{DOCUMENT_BYTES_MAX as TEXT_BYTES_MAX, DOCUMENT_NODES_MAX as NODES_MAX};

/// Deepest nesting of lists and mappings.
pub const DEPTH_MAX: usize = 100;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The line, from 1.
    pub line: u32,
    /// What it is.
    pub kind: Kind,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order in which it is written.
    Map(Vec<Entry>),
}

/// An entry of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The line of the key, from 1.
    pub line: u32,
    /// The value.
    pub value: Node,
}

/// Why a document cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct TextError {
    /// The line, from 1.
    pub line: u32,
    /// Why.
    pub why: String,
}

impl TextError {
    fn new(line: u32, why: impl Into<String>) -> Self {
        Self { line, why: why.into() }
    }
}

impl Node {
    /// An entry's value.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The entries, if it is a mapping.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        let entries: &[Entry] = match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        };
        entries.iter()
    }

    /// The elements, if it is a list.
    pub fn elements(&self) -> &[Self] {
        match &self.kind {
            Kind::List(nodes) => nodes,
            _ => &[],
        }
    }

    /// The value without lines.
    pub fn value(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(truth) => Value::Bool(*truth),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::Text(text) => Value::String(text.clone()),
            Kind::List(nodes) => Value::Array(nodes.iter().map(Self::value).collect()),
            Kind::Map(entries) => {
                let entries = entries.iter().map(|entry| (entry.key.clone(), entry.value.value()));
                Value::Object(entries.collect::<Map<String, Value>>())
            }
        }
    }
}

/// Reads the documents of a text: JSON if it begins with a brace or bracket (comments are passed over, as ARM allows
/// them), else YAML.
///
/// # Errors
///
/// If it is neither, or larger than the bounds.
pub fn read(text: &str) -> Result<Vec<Node>, TextError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(TextError::new(1, format!("{} bytes are more than {TEXT_BYTES_MAX}", text.len())));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if json::looks_so(text) {
        match json::read(text) {
            Ok(node) => return Ok(vec![node]),
            // Flow mappings of YAML begin alike; what neither reads is told as JSON, which it most likely is.
            Err(error) => return yaml::read(text).map_err(|_| error),
        }
    }
    yaml::read(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_and_yaml_have_lines() {
        let json =
            read("{\n  // said\n  \"a\": {\n    \"b\": [1, 2.5, \"x\\u0041\\n\", null, true]\n  }\n}\n").unwrap();
        assert_eq!(json[0].value(), json!({ "a": { "b": [1, 2.5, "xA\n", null, true] } }));
        let entry = json[0].entries().next().unwrap();
        assert_eq!((entry.line, entry.value.entries().next().unwrap().line), (3, 4));
        let yaml =
            read("a:\n  b: [1, 2.5, 'on', ~, true]\n---\nc: !Ref Name\nd: !GetAtt A.Arn\ne: !Sub '${X}'\n").unwrap();
        assert_eq!(yaml[0].value(), json!({ "a": { "b": [1, 2.5, "on", null, true] } }));
        assert_eq!(
            yaml[1].value(),
            json!({ "c": { "Ref": "Name" }, "d": { "Fn::GetAtt": ["A", "Arn"] }, "e": { "Fn::Sub": "${X}" } })
        );
        assert_eq!(yaml[1].entries().map(|entry| entry.line).collect::<Vec<_>>(), [4, 5, 6]);
    }

    #[test]
    fn anchors_are_followed_and_merged() {
        let yaml = read("base: &b {x: 1, y: 2}\nmore:\n  <<: *b\n  y: 3\nsame: *b\n").unwrap();
        assert_eq!(
            yaml[0].value(),
            json!({ "base": { "x": 1, "y": 2 }, "more": { "y": 3, "x": 1 }, "same": { "x": 1, "y": 2 } })
        );
    }

    #[test]
    fn what_is_too_much_is_refused() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..12 {
            let before = vec![format!("*a{}", n - 1); 10].join(", ");
            bomb.push_str(&format!("a{n}: &a{n} [{before}]\n"));
        }
        assert!(read(&bomb).unwrap_err().why.contains("values"));
        for deep in
            ["[".repeat(100_000), "{\"a\":".repeat(5_000), "- ".repeat(5_000), format!("a: {}", "[".repeat(5_000))]
        {
            assert!(read(&deep).is_err());
        }
        // An anchor of which aliases make something deeper than may be.
        let mut ladder = "a0: &a0 [x]\n".to_owned();
        for n in 1..200 {
            ladder.push_str(&format!("a{n}: &a{n} [*a{}]\n", n - 1));
        }
        assert!(read(&ladder).unwrap_err().why.contains("deep"));
        // Few values, and each is long.
        let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), vec!["*a"; 100_000].join(", "));
        assert!(read(&long).unwrap_err().why.contains("values"));
        assert!(read("{\"a\": 1, \"a\": 2}").unwrap_err().why.contains("twice"));
        assert!(read("a: 1\na: 2\n").unwrap_err().why.contains("twice"));
        assert_eq!(read("a: 1\nb: [\n").unwrap_err().line, 2);
        assert!(read("a: *nobody\n").is_err());
        for broken in ["{", "{\"a\"", "[1,", "\"\\ud800\"", "{\"a\": tru}", "\u{0}", "a: [", "'"] {
            let _ = read(broken);
        }
    }
}
