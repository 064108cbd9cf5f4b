//! YAML (1.2.2, core schema) with lines, aliases followed, and CloudFormation's short tags as what they stand for:
//! `!Ref x` is `{Ref: x}`, `!GetAtt a.b` is `{Fn::GetAtt: [a, b]}`, `!Sub x` is `{Fn::Sub: x}`.

use std::collections::{BTreeMap, BTreeSet};

use granit_parser::{Event, Options, Parser, ScalarStyle, Tag};
use serde_json::Number;

use super::{DEPTH_MAX, Entry, Kind, NODES_MAX, Node, TextError};

/// Bytes of text that count as a value: an alias of a long text is a long text.
const TEXT_BYTES: usize = 64;

/// An anchored value: how many nodes it has, and how deep it is.
struct Anchored {
    node: Node,
    size: usize,
    height: usize,
}

/// A list or mapping that is not at its end yet.
struct Open {
    line: u32,
    tag: Option<String>,
    anchor: usize,
    size: usize,
    height: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, keys: BTreeSet<String>, key: Option<(String, u32)> },
}

/// What is being read.
#[derive(Default)]
struct Builder {
    documents: Vec<Node>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Anchored>,
    nodes: usize,
}

/// Reads every document of a stream; empty ones are passed over.
pub fn read(text: &str) -> Result<Vec<Node>, TextError> {
    let mut options = Options::default();
    options.flow_nesting_limit = DEPTH_MAX;
    options.block_nesting_limit = DEPTH_MAX;
    let mut builder = Builder::default();
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| {
            let why: String = error.to_string().chars().take(200).collect();
            TextError::new(u32::try_from(error.marker().line()).unwrap_or(u32::MAX), why)
        })?;
        let line = u32::try_from(span.start.line()).unwrap_or(u32::MAX);
        builder.take(event, line)?;
    }
    Ok(builder.documents)
}

impl Builder {
    fn take(&mut self, event: Event<'_>, line: u32) -> Result<(), TextError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let kind = scalar(&text, style, tag.as_deref());
                let node = tagged(Node { line, kind }, short_tag(tag.as_deref()));
                self.put(node, 1 + text.len() / TEXT_BYTES, 0, anchor, line)
            }
            Event::SequenceStart(_, anchor, tag) => self.begin(line, anchor, tag.as_deref(), Content::List(Vec::new())),
            Event::MappingStart(_, anchor, tag) => self.begin(
                line,
                anchor,
                tag.as_deref(),
                Content::Map { entries: Vec::new(), keys: BTreeSet::new(), key: None },
            ),
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => {
                let Some(Anchored { node, size, height }) = self.anchors.get(&anchor) else {
                    return Err(TextError::new(line, "an alias has no anchor before it"));
                };
                let (size, height) = (*size, *height);
                // Looked at before it is copied.
                if self.nodes.saturating_add(size) > NODES_MAX {
                    return Err(TextError::new(line, format!("more than {NODES_MAX} values, aliases followed")));
                }
                let node = Node { line, ..node.clone() };
                self.put(node, size, height, 0, line)
            }
            Event::DocumentEnd => {
                self.anchors.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn count(&mut self, size: usize, line: u32) -> Result<(), TextError> {
        self.nodes = self.nodes.saturating_add(size);
        if self.nodes > NODES_MAX {
            return Err(TextError::new(line, format!("more than {NODES_MAX} values, aliases followed")));
        }
        Ok(())
    }

    fn begin(&mut self, line: u32, anchor: usize, tag: Option<&Tag>, content: Content) -> Result<(), TextError> {
        if self.open.len() >= DEPTH_MAX {
            return Err(TextError::new(line, format!("more than {DEPTH_MAX} deep")));
        }
        self.open.push(Open { line, tag: short_tag(tag), anchor, size: 1, height: 0, content });
        Ok(())
    }

    fn end(&mut self) -> Result<(), TextError> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let kind = match open.content {
            Content::List(nodes) => Kind::List(nodes),
            Content::Map { entries, .. } => Kind::Map(merged(entries)),
        };
        let node = tagged(Node { line: open.line, kind }, open.tag);
        // What is within was counted when it came.
        self.nodes = self.nodes.saturating_sub(open.size - 1);
        self.put(node, open.size, open.height + 1, open.anchor, open.line)
    }

    /// Puts a finished value where it belongs.
    fn put(&mut self, node: Node, size: usize, height: usize, anchor: usize, line: u32) -> Result<(), TextError> {
        self.count(size, line)?;
        if self.open.len() + height > DEPTH_MAX {
            return Err(TextError::new(line, format!("more than {DEPTH_MAX} deep, aliases followed")));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, Anchored { node: node.clone(), size, height });
            // An anchored value is kept a second time.
            self.count(size, line)?;
        }
        let Some(open) = self.open.last_mut() else {
            if node.kind != Kind::Null {
                self.documents.push(node);
            }
            return Ok(());
        };
        open.size += size;
        open.height = open.height.max(height);
        match &mut open.content {
            Content::List(nodes) => nodes.push(node),
            Content::Map { entries, keys, key } => match key.take() {
                Some((key, key_line)) => entries.push(Entry { key, line: key_line, value: node }),
                None => {
                    let name = key_text(&node).ok_or_else(|| TextError::new(line, "a key is no text"))?;
                    if !keys.insert(name.clone()) && name != "<<" {
                        return Err(TextError::new(line, format!("`{name}` stands twice")));
                    }
                    *key = Some((name, line));
                }
            },
        }
        Ok(())
    }
}

fn key_text(node: &Node) -> Option<String> {
    match &node.kind {
        Kind::Text(text) => Some(text.clone()),
        Kind::Number(number) => Some(number.to_string()),
        Kind::Bool(truth) => Some(truth.to_string()),
        Kind::Null => Some("null".to_owned()),
        Kind::List(_) | Kind::Map(_) => None,
    }
}

/// Puts what `<<` brings behind what the mapping has itself.
fn merged(entries: Vec<Entry>) -> Vec<Entry> {
    let (merges, mut own): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(|entry| entry.key == "<<");
    let mut keys: BTreeSet<String> = match merges.is_empty() {
        true => return own,
        false => own.iter().map(|entry| entry.key.clone()).collect(),
    };
    for merge in merges {
        let maps = match merge.value.kind {
            Kind::List(nodes) => nodes,
            kind => vec![Node { line: merge.line, kind }],
        };
        for map in maps {
            if let Kind::Map(entries) = map.kind {
                own.extend(entries.into_iter().filter(|entry| keys.insert(entry.key.clone())));
            }
        }
    }
    own
}

/// The name of a tag of CloudFormation's.
fn short_tag(tag: Option<&Tag>) -> Option<String> {
    tag.filter(|tag| tag.handle() == "!" && !tag.suffix().is_empty()).map(|tag| tag.suffix().to_owned())
}

fn tagged(node: Node, tag: Option<String>) -> Node {
    let Some(tag) = tag else { return node };
    let line = node.line;
    let (key, value) = match (tag.as_str(), &node.kind) {
        ("Ref" | "Condition", _) => (tag, node),
        ("GetAtt", Kind::Text(text)) => {
            let parts = text.splitn(2, '.').map(|part| Node { line, kind: Kind::Text(part.to_owned()) });
            ("Fn::GetAtt".to_owned(), Node { line, kind: Kind::List(parts.collect()) })
        }
        _ => (format!("Fn::{tag}"), node),
    };
    Node { line, kind: Kind::Map(vec![Entry { key, line, value }]) }
}

/// Reads a scalar by the core schema.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Kind {
    let is_text = tag.and_then(Tag::core_suffix) == Some("str");
    if style != ScalarStyle::Plain || is_text {
        return Kind::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "true" | "True" | "TRUE" => return Kind::Bool(true),
        "false" | "False" | "FALSE" => return Kind::Bool(false),
        _ => {}
    }
    // A number of the core schema, but with a leading zero, is what people mean as text: an account, a day.
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'))
        && (digits.len() == 1 || !digits.starts_with('0') || digits.starts_with("0."));
    let number = is_number.then(|| {
        let whole = text.parse::<i64>().ok().map(Number::from);
        whole.or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64))
    });
    number.flatten().map_or_else(|| Kind::Text(text.to_owned()), Kind::Number)
}
