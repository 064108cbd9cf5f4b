//! Which text an author may show to people.
//!
//! Summaries, goals and descriptions are read by operators in tables and by models in
//! prompts. Characters that nobody sees could make one text look like another or carry
//! an instruction that only a model reads, so they are refused, not removed: the author
//! learns of them.

use std::fmt::Write as _;

use serde::{Deserialize as _, Deserializer, de::Error as _};
use serde_path_to_error::{Path, Segment};
use troupe_core::{is_hidden, limits};

/// The longest message made of foreign text, in characters.
const VISIBLE_CHARS_MAX: usize = 500;

/// Checks one line of 1 to `max` characters.
pub(crate) fn line(text: &str, max: usize) -> Result<(), String> {
    if text.contains(['\n', '\r']) {
        return Err("must be one line".to_owned());
    }
    prose(text, max)
}

/// Checks 1 to `max` characters of text, of one or more lines.
pub(crate) fn prose(text: &str, max: usize) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err("must not be empty".to_owned());
    }
    let length = text.chars().count();
    if length > max {
        return Err(format!("has {length} characters, the limit is {max}"));
    }
    match text.chars().find(|c| is_unseen(*c)) {
        Some(c) => Err(format!("holds U+{:04X}, a character that nobody sees; remove it", u32::from(c))),
        None => Ok(()),
    }
}

/// Reads a summary.
pub(crate) fn summary<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    line(&text, limits::SUMMARY_CHARS_MAX).map_err(D::Error::custom)?;
    Ok(text)
}

/// Reads the goals of an agent.
pub(crate) fn goals<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    troupe_core::list::read(deserializer, limits::GOALS_MAX, |goal: &String| line(goal, limits::SUMMARY_CHARS_MAX))
}

/// Whether `c` is a character that nobody sees, in a text of several lines.
pub(crate) fn is_unseen(c: char) -> bool {
    is_hidden(c) && !matches!(c, '\n' | '\t')
}

/// The whole text with every character that nobody sees escaped.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        push(&mut out, c, is_unseen(c));
    }
    out
}

/// Makes foreign text fit for a message: hidden characters escaped, and not endless.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(VISIBLE_CHARS_MAX));
    for (count, c) in text.chars().enumerate() {
        if count == VISIBLE_CHARS_MAX {
            out.push('…');
            break;
        }
        push(&mut out, c, is_hidden(c));
    }
    out
}

fn push(out: &mut String, c: char, escape: bool) {
    if escape {
        // Writing to a string cannot fail.
        let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
    } else {
        out.push(c);
    }
}

/// Puts the name of the field before `message`, or of its table into it.
pub(crate) fn at(path: &Path, message: &str) -> String {
    // serde closes its own sentences in one of these two ways.
    if let Some(rest) = message.strip_prefix("unknown field ") {
        let (field, expected) = rest.split_once(", ").unwrap_or((rest, ""));
        let path = path.to_string();
        let table = path.rsplit_once('.').map_or(String::new(), |(table, _)| format!(" in [{table}]"));
        return format!("unknown field {field}{table}, {expected}");
    }
    match path.iter().next() {
        None | Some(Segment::Unknown) => message.to_owned(),
        Some(_) => format!("{path}: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_refused_by_name() {
        assert_eq!(line("a\u{202e}b", 200).unwrap_err(), "holds U+202E, a character that nobody sees; remove it");
        for hidden in ["a\u{200b}", "a\0", "a\u{7f}", "a\u{feff}", "a\u{2066}b", "a\u{e0041}", "a\u{2028}b"] {
            assert!(prose(hidden, 200).is_err(), "{hidden:?}");
        }
        assert!(line("Größe, 日本, العربية 🎭", 200).is_ok());
    }

    #[test]
    fn length_is_counted_in_characters_up_to_the_limit() {
        assert!(line(&"ä".repeat(200), 200).is_ok());
        assert!(line(&"ä".repeat(201), 200).is_err());
        assert!(line(" ", 200).is_err());
        assert!(line("a\nb", 200).is_err());
        assert!(prose("a\n\tb", 200).is_ok());
    }

    #[test]
    fn foreign_text_in_a_message_is_escaped_and_cut() {
        assert_eq!(visible("a\u{1b}[2J"), "a\\u{1b}[2J");
        assert_eq!(visible(&"x".repeat(1_000)).chars().count(), VISIBLE_CHARS_MAX + 1);
    }
}
