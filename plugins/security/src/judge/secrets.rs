//! Texts that look like secrets, by the patterns of `data/secrets.yaml`.

use regex_lite::{Regex, RegexBuilder};
use serde::Deserialize;

/// How much of a line is searched at once, in bytes: a plan of Terraform is one line of megabytes, and an expression
/// is tried only where something near a secret stands.
const PIECE_BYTES: usize = 8 * 1024;
/// By how much pieces overlap, in bytes; a secret that is longer may be cut by the end of one.
const OVERLAP_BYTES: usize = 2 * 1024;

/// What a kind of secret looks like.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// The id of the rule that finds it.
    pub id: String,
    /// What it is, for people.
    pub title: String,
    /// Texts of which one is in it; nothing is searched where none is.
    near: Vec<String>,
    regex: Regex,
    /// Least entropy of what is found, in bits a letter.
    entropy: f64,
}

/// A pattern as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    id: String,
    title: String,
    near: Vec<String>,
    regex: String,
    #[serde(default)]
    entropy: f64,
    /// Texts in which it is found.
    pub fails: Vec<String>,
    /// Texts in which it is not.
    pub passes: Vec<String>,
}

/// What is said instead of a secret where people write examples.
const PLACEHOLDERS: [&str; 14] = [
    "example",
    "changeme",
    "placeholder",
    "xxxx",
    "****",
    "your_",
    "your-",
    "<",
    "${",
    "{{",
    "redacted",
    "dummy",
    "sample",
    "test-only",
];

impl Pattern {
    /// Makes a pattern of what is written.
    ///
    /// # Errors
    ///
    /// If the expression is none.
    pub fn new(written: &Written) -> Result<Self, String> {
        let Written { id, title, near, regex, entropy, .. } = written;
        let regex = RegexBuilder::new(regex).size_limit(1 << 20).build().map_err(|error| format!("{id}: {error}"))?;
        let near = near.iter().map(|text| text.to_ascii_lowercase()).collect();
        Ok(Self { id: id.clone(), title: title.clone(), near, regex, entropy: *entropy })
    }

    /// The secrets in a piece of a line: of each the first group, or all that was found. What touches an end of the
    /// piece that is none of the line may be cut there, and is found in the next piece.
    pub fn find<'a>(&self, piece: &Piece<'a>) -> impl Iterator<Item = &'a str> {
        let text = piece.text;
        let is_near = self.near.iter().any(|near| piece.lower.contains(near.as_str()));
        let searched = if is_near { text } else { "" };
        let (is_first, is_last) = (piece.is_first, piece.is_last);
        self.regex.captures_iter(searched).filter_map(move |captures| {
            let all = captures.get(0)?;
            if (all.start() == 0 && !is_first) || (all.end() == text.len() && !is_last) {
                return None;
            }
            let secret = captures.get(1).unwrap_or(all).as_str();
            (entropy(secret) >= self.entropy && !is_placeholder(secret)).then_some(secret)
        })
    }
}

/// A piece of a line.
#[derive(Debug)]
pub struct Piece<'a> {
    text: &'a str,
    /// The same in lower case, made once for all patterns.
    lower: String,
    is_first: bool,
    is_last: bool,
}

/// The pieces of a line; most lines are one.
pub fn pieces(line: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let from = next?;
        let end = line.floor_char_boundary(from + PIECE_BYTES);
        let is_last = end == line.len();
        next = (!is_last).then(|| line.floor_char_boundary(end - OVERLAP_BYTES));
        let text = line.get(from..end)?;
        Some(Piece { text, lower: text.to_ascii_lowercase(), is_first: from == 0, is_last })
    })
}

/// Reports whether one of the patterns finds something in a text.
pub fn looks_secret(text: &str, patterns: &[Pattern]) -> bool {
    let mut all = text.lines().flat_map(pieces);
    all.any(|piece| patterns.iter().any(|pattern| pattern.find(&piece).next().is_some()))
}

fn is_placeholder(secret: &str) -> bool {
    let lower = secret.to_ascii_lowercase();
    PLACEHOLDERS.iter().any(|word| lower.contains(word))
}

/// Shannon's entropy in bits a letter: that of `aaaa` is 0, that of sixteen different letters 4.
fn entropy(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a length of at most sixteen thousand")]
    let length = text.len().max(1) as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / length)
        .map(|share| -share * share.log2())
        .sum()
}
