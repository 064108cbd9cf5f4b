//! Writing HCL, Terraform's language, with nothing in it that was not meant.
//!
//! *The attack:* a name, a tag or a description that somebody gave a resource ends a string and goes on as code, or is
//! a template (`${file("/etc/passwd")}`) that Terraform evaluates. *The rule:* a value that was read is always a
//! [`Value::Text`], and a text is written with every quote, backslash, line's end and beginning of a template escaped;
//! what is written as it is are names that this crate made, of letters, digits and `_`. *Tested by* a reader of the
//! language that gets back what was written, whatever it was.

use std::fmt::Write as _;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A text, whatever is in it.
    Text(String),
    /// A number.
    Number(f64),
    /// A truth.
    Truth(bool),
    /// A list.
    List(Vec<Value>),
    /// A map by names that may be anything.
    Map(Vec<(String, Value)>),
    /// What another resource or a variable is: `aws_vpc.main.id`. Made of names of this crate.
    Reference(String),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Truth(truth)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(f64::from(number))
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

/// A block with what is in it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Block {
    kind: String,
    labels: Vec<String>,
    /// Lines before it that are for people.
    comments: Vec<String>,
    attributes: Vec<(String, Value)>,
    blocks: Vec<Block>,
}

impl Block {
    /// A block, such as `resource "aws_vpc" "main"`.
    pub fn new(kind: &str, labels: &[&str]) -> Self {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        Self { kind: kind.to_owned(), labels, ..Self::default() }
    }

    /// Adds an attribute.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.attributes.push((name.to_owned(), value.into()));
        self
    }

    /// Adds an attribute, if it is known.
    #[must_use]
    pub fn maybe(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds a block within it.
    #[must_use]
    pub fn within(mut self, block: Self) -> Self {
        self.blocks.push(block);
        self
    }

    /// Adds a line before it.
    #[must_use]
    pub fn note(mut self, line: impl Into<String>) -> Self {
        self.comments.push(line.into());
        self
    }
}

/// Writes blocks, one after another, as `terraform fmt` would.
pub fn write(blocks: &[Block]) -> String {
    let mut text = String::new();
    for (number, block) in blocks.iter().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        put(&mut text, block, 0);
    }
    text
}

fn put(text: &mut String, block: &Block, depth: usize) {
    let indent = "  ".repeat(depth);
    for line in &block.comments {
        // A comment ends with its line.
        let line: String =
            line.chars().map(|c| if c.is_control() || c == '\u{2028}' || c == '\u{2029}' { ' ' } else { c }).collect();
        let _ = writeln!(text, "{indent}# {line}");
    }
    let labels: String = block.labels.iter().map(|label| format!(" {}", quoted(label))).collect();
    if block.attributes.is_empty() && block.blocks.is_empty() {
        let _ = writeln!(text, "{indent}{}{labels} {{}}", block.kind);
        return;
    }
    let _ = writeln!(text, "{indent}{}{labels} {{", block.kind);
    // Names stand under one another, in groups of lines that follow each other.
    let mut group: Vec<(&str, String)> = Vec::new();
    for (name, value) in &block.attributes {
        let value = written(value, depth + 1);
        let is_long = value.contains('\n');
        group.push((name, value));
        if is_long {
            flush(text, &mut group, depth + 1);
        }
    }
    flush(text, &mut group, depth + 1);
    for (number, inner) in block.blocks.iter().enumerate() {
        if number > 0 || !block.attributes.is_empty() {
            text.push('\n');
        }
        put(text, inner, depth + 1);
    }
    let _ = writeln!(text, "{indent}}}");
}

fn flush(text: &mut String, group: &mut Vec<(&str, String)>, depth: usize) {
    let indent = "  ".repeat(depth);
    let alone = group.iter().filter(|(_, value)| !value.contains('\n')).map(|(name, _)| name.len());
    let width = alone.max().unwrap_or(0);
    for (name, value) in group.drain(..) {
        let width = if value.contains('\n') { name.len() } else { width };
        let _ = writeln!(text, "{indent}{name:width$} = {value}");
    }
}

fn written(value: &Value, depth: usize) -> String {
    match value {
        Value::Text(text) => quoted(text),
        Value::Number(number) => number.to_string(),
        Value::Truth(truth) => truth.to_string(),
        Value::Reference(reference) => reference.clone(),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(|item| written(item, depth)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(entries) if entries.is_empty() => "{}".to_owned(),
        Value::Map(entries) => {
            let (indent, end) = ("  ".repeat(depth + 1), "  ".repeat(depth));
            let keys: Vec<String> = entries.iter().map(|(name, _)| quoted(name)).collect();
            let width = keys.iter().map(|key| key.chars().count()).max().unwrap_or(0);
            let lines = keys
                .iter()
                .zip(entries)
                .map(|(key, (_, value))| format!("{indent}{key:width$} = {}\n", written(value, depth + 1)));
            format!("{{\n{}{end}}}", lines.collect::<String>())
        }
    }
}

/// A text as HCL writes it: between quotes, and never a template.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // `$${` is how a template's beginning is written that is none.
            '$' | '%' if rest.peek() == Some(&'{') => {
                out.push(c);
                out.push(c);
            }
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_never_templates_and_never_end_early() {
        for (text, is) in [
            ("a", r#""a""#),
            ("${var.x}", r#""$${var.x}""#),
            ("%{ if true }", r#""%%{ if true }""#),
            ("$${", r#""$$${""#),
            ("$", r#""$""#),
            ("\"\n}", r#""\"\n}""#),
            ("\\", r#""\\""#),
            ("\u{0}\u{7f}", "\"\\u0000\\u007f\""),
        ] {
            assert_eq!(quoted(text), is);
        }
    }

    #[test]
    fn blocks_are_written_as_terraform_formats_them() {
        let block = Block::new("resource", &["aws_vpc", "main"])
            .note("was `vpc-1`\nin eu")
            .with("cidr_block", "10.0.0.0/16")
            .with("x", true)
            .with("tags", Value::Map(vec![("Name".to_owned(), "a".into()), ("longer".to_owned(), 2_u32.into())]))
            .within(Block::new("timeouts", &[]));
        let text = "# was `vpc-1` in eu\nresource \"aws_vpc\" \"main\" {\n  cidr_block = \"10.0.0.0/16\"\n  x          = true\n  tags = {\n    \"Name\"   = \"a\"\n    \"longer\" = 2\n  }\n\n  timeouts {}\n}\n";
        assert_eq!(write(&[block]), text);
    }
}
