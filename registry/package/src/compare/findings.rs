//! Hints at texts that are new in a release. They save a reader's eyes and prove nothing: what
//! they point at may be harmless, and what is harmful may be said in words that nobody listed.
//! Hidden characters are the exception: no text needs them, so they always want approval.

use std::collections::HashSet;

use serde_json::Value;
use troupe_core::view::{FindingKind, TextFinding};

use super::readable;
use crate::text;

/// Characters of a text that are shown on each side of what was found.
const AROUND: usize = 40;

/// The address that every schema of this host's dialect names.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Words by which texts that were made for models, and not for readers, are known from reports of
/// poisoned tools. In lower case.
const INSTRUCTIONS: &[&str] = &[
    "ignore previous",
    "ignore all previous",
    "ignore the previous",
    "ignore the above",
    "ignore any",
    "ignore your",
    "disregard previous",
    "disregard all",
    "disregard the",
    "forget previous",
    "forget your",
    "override your",
    "do not tell",
    "don't tell",
    "do not mention",
    "don't mention",
    "do not inform",
    "do not show the user",
    "without telling",
    "without informing",
    "without asking",
    "keep this secret",
    "system prompt",
    "you are now",
    "you must always",
    "before using this tool",
    "before calling this",
    "instead of this tool",
    "instead of any other",
    "always call this",
    "always use this",
    "<important>",
    "<system>",
    "secretly",
    "exfiltrate",
];

/// What deserves a look in `after`, of texts that `before` does not hold: hidden characters
/// first.
pub(super) fn find(before: Option<&Value>, after: &Value) -> Vec<TextFinding> {
    let mut known = Vec::new();
    if let Some(before) = before {
        texts("", before, &mut known);
    }
    let old: HashSet<&str> = known.iter().map(|(_, text)| *text).collect();
    let old_addresses: HashSet<&str> = old.iter().flat_map(|text| addresses(text)).map(|(_, url)| url).collect();
    let mut new = Vec::new();
    texts("", after, &mut new);
    let mut found = Vec::new();
    for (at, text) in new.iter().filter(|(_, text)| !old.contains(text)) {
        let mut hint = |kind, from: usize, to: usize| {
            found.push(TextFinding { kind, at: at.clone(), text: excerpt(text, from, to) });
        };
        if let Some((from, c)) = text.char_indices().find(|(_, c)| text::is_unseen(*c)) {
            hint(FindingKind::Hidden, from, from + c.len_utf8());
        }
        if let Some((from, word)) = words(text).find(|(_, word)| is_mixed(word)) {
            hint(FindingKind::MixedScript, from, from + word.len());
        }
        if let Some((from, to)) = instruction(text) {
            hint(FindingKind::Instruction, from, to);
        }
        let is_new = |url: &str| url != DIALECT && !old_addresses.contains(url);
        for (from, url) in addresses(text).filter(|(_, url)| is_new(url)) {
            hint(FindingKind::Url, from, from + url.len());
        }
    }
    found.sort_by_key(|finding| finding.kind);
    found
}

/// Every text of a document with its place, names included.
fn texts<'a>(at: &str, value: &'a Value, all: &mut Vec<(String, &'a str)>) {
    match value {
        Value::String(text) => all.push((at.to_owned(), text)),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                texts(&readable::below(at, &index.to_string()), item, all);
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                let at = readable::below(at, name);
                texts(&at, value, all);
                all.push((at, name));
            }
        }
        _ => {}
    }
}

/// A part of a text with what stands around it, hidden characters escaped.
fn excerpt(text: &str, from: usize, to: usize) -> String {
    let (before, rest) = text.split_at_checked(from).unwrap_or((text, ""));
    let (part, after) = rest.split_at_checked(to.saturating_sub(from)).unwrap_or((rest, ""));
    let mut before: Vec<char> = before.chars().rev().take(AROUND).collect();
    before.reverse();
    let shown: String = before.into_iter().chain(part.chars()).chain(after.chars().take(AROUND)).collect();
    text::escaped(&shown.replace(['\n', '\t'], " "))
}

/// The first instruction in a text, whatever its case and white space.
fn instruction(text: &str) -> Option<(usize, usize)> {
    // One character of white space for any, and places as in the text: those that change
    // their length with their case are left as they are.
    let plain: String = text
        .chars()
        .map(|c| if c.is_whitespace() && c.len_utf8() == 1 { ' ' } else { c.to_ascii_lowercase() })
        .collect();
    let found = INSTRUCTIONS.iter().filter_map(|words| plain.find(words).map(|from| (from, from + words.len())));
    found.min()
}

/// The addresses in a text.
fn addresses(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let starts = text.match_indices("://").filter_map(move |(at, _)| {
        let scheme = text.get(..at)?.bytes().rev().take_while(u8::is_ascii_alphabetic).count();
        (scheme > 0).then_some(at - scheme)
    });
    starts.filter_map(move |from| {
        let rest = text.get(from..)?;
        let to = rest.find(|c: char| c.is_whitespace() || "\"'`<>()[]{}".contains(c)).unwrap_or(rest.len());
        rest.get(..to).map(|url| (from, url.trim_end_matches(['.', ',', ';', ':', '!', '?'])))
    })
}

fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| (word.as_ptr() as usize - text.as_ptr() as usize, word))
}

/// Whether a word has Latin letters beside Greek or Cyrillic ones, of which many look alike.
fn is_mixed(word: &str) -> bool {
    let latin = word.chars().any(|c| c.is_ascii_alphabetic());
    latin && word.chars().any(|c| matches!(c, '\u{370}'..='\u{3ff}' | '\u{400}'..='\u{52f}'))
}
