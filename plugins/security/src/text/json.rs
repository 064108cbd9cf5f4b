//! JSON (RFC 8259) with lines, and with the comments that ARM templates have.

use std::collections::BTreeSet;

use super::{DEPTH_MAX, Entry, Kind, NODES_MAX, Node, TextError};

/// Reports whether a text begins as JSON does.
pub fn looks_so(text: &str) -> bool {
    let mut reader = Reader::new(text);
    reader.space().is_ok() && matches!(reader.peek(), Some(b'{' | b'['))
}

/// Reads one value, and nothing after it.
pub fn read(text: &str) -> Result<Node, TextError> {
    let mut reader = Reader::new(text);
    let node = reader.value(0)?;
    reader.space()?;
    if reader.peek().is_some() {
        return Err(reader.error("something stands after the end"));
    }
    Ok(node)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    nodes: usize,
}

impl<'a> Reader<'a> {
    const fn new(text: &'a str) -> Self {
        Self { text, at: 0, line: 1, nodes: 0 }
    }

    fn error(&self, why: impl Into<String>) -> TextError {
        TextError::new(self.line, why)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Passes over what is between values.
    fn space(&mut self) -> Result<(), TextError> {
        loop {
            match self.peek() {
                Some(b'\n') => {
                    self.line += 1;
                    self.at += 1;
                }
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b'/') if self.rest().starts_with("//") => {
                    self.at += self.rest().find('\n').unwrap_or(self.rest().len());
                }
                Some(b'/') if self.rest().starts_with("/*") => {
                    let Some(length) = self.rest().find("*/") else { return Err(self.error("a comment has no end")) };
                    let comment = self.rest().get(..length).unwrap_or_default();
                    self.line += lines(comment);
                    self.at += length + 2;
                }
                _ => return Ok(()),
            }
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn value(&mut self, depth: usize) -> Result<Node, TextError> {
        self.space()?;
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(self.error(format!("more than {NODES_MAX} values")));
        }
        if depth > DEPTH_MAX {
            return Err(self.error(format!("more than {DEPTH_MAX} deep")));
        }
        let line = self.line;
        let kind = match self.peek() {
            Some(b'{') => self.map(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'"') => Kind::Text(self.string()?),
            Some(_) => self.word()?,
            None => return Err(self.error("the text ends too early")),
        };
        Ok(Node { line, kind })
    }

    fn map(&mut self, depth: usize) -> Result<Kind, TextError> {
        self.at += 1;
        let mut entries: Vec<Entry> = Vec::new();
        let mut keys: BTreeSet<String> = BTreeSet::new();
        loop {
            self.space()?;
            // A comma before the end is what people forget; editors of ARM templates let it pass.
            if self.take(b'}') {
                return Ok(Kind::Map(entries));
            }
            let line = self.line;
            if self.peek() != Some(b'"') {
                return Err(self.error("a key is missing"));
            }
            let key = self.string()?;
            self.space()?;
            if !self.take(b':') {
                return Err(self.error("`:` is missing after a key"));
            }
            if !keys.insert(key.clone()) {
                return Err(TextError::new(line, format!("`{key}` stands twice")));
            }
            let value = self.value(depth + 1)?;
            entries.push(Entry { key, line, value });
            self.space()?;
            if !self.take(b',') && self.peek() != Some(b'}') {
                return Err(self.error("`,` or `}` is missing"));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Kind, TextError> {
        self.at += 1;
        let mut nodes = Vec::new();
        loop {
            self.space()?;
            if self.take(b']') {
                return Ok(Kind::List(nodes));
            }
            nodes.push(self.value(depth + 1)?);
            self.space()?;
            if !self.take(b',') && self.peek() != Some(b']') {
                return Err(self.error("`,` or `]` is missing"));
            }
        }
    }

    /// Finds the end of a string and leaves its escapes to `serde_json`. Line breaks, which ARM allows within
    /// strings, are escaped for that.
    fn string(&mut self) -> Result<String, TextError> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut at = start + 1;
        let mut breaks = 0;
        loop {
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => at += 2,
                Some(b'\n') => {
                    breaks += 1;
                    at += 1;
                }
                Some(_) => at += 1,
                None => return Err(self.error("a string has no end")),
            }
        }
        let quoted = self.text.get(start..=at).unwrap_or_default();
        let read = if breaks > 0 {
            serde_json::from_str(&quoted.replace('\r', "\\r").replace('\n', "\\n"))
        } else {
            serde_json::from_str(quoted)
        };
        let text = read.map_err(|error: serde_json::Error| self.error(format!("a string cannot be read: {error}")))?;
        self.at = at + 1;
        self.line += breaks;
        Ok(text)
    }

    fn word(&mut self) -> Result<Kind, TextError> {
        let is_end = |c: char| c.is_whitespace() || matches!(c, ',' | ']' | '}' | ':' | '/');
        let length = self.rest().find(is_end).unwrap_or(self.rest().len());
        let word = self.rest().get(..length).unwrap_or_default();
        let kind = match word {
            "null" => Kind::Null,
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            _ => match serde_json::from_str(word) {
                Ok(number) => Kind::Number(number),
                Err(_) => {
                    let word: String = word.chars().take(40).collect();
                    return Err(self.error(format!("`{word}` is no value")));
                }
            },
        };
        self.at += length;
        Ok(kind)
    }
}

fn lines(text: &str) -> u32 {
    u32::try_from(text.matches('\n').count()).unwrap_or(u32::MAX)
}
