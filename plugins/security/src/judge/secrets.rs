//! Texts that look like secrets, by the patterns of `data/secrets.yaml`.

use regex_lite::{Regex, RegexBuilder};
use serde::Deserialize;

/// Longest text that is searched at once, in bytes. A secret is no novel.
const PIECE_BYTES_MAX: usize = 16 * 1024;

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

    /// The secret in a line, if there is one: its first group, or all that was found.
    pub fn find<'a>(&self, line: &'a str) -> Option<&'a str> {
        self.find_near(line, &line.to_ascii_lowercase())
    }

    /// The same, with the line in lower case made once for all patterns.
    pub fn find_near<'a>(&self, line: &'a str, lower: &str) -> Option<&'a str> {
        if line.len() > PIECE_BYTES_MAX || !self.near.iter().any(|near| lower.contains(near.as_str())) {
            return None;
        }
        self.regex.captures_iter(line).take(20).find_map(|captures| {
            let secret = captures.get(1).or_else(|| captures.get(0))?.as_str();
            (entropy(secret) >= self.entropy && !is_placeholder(secret)).then_some(secret)
        })
    }
}

/// Reports whether one of the patterns finds something in a text.
pub fn looks_secret(text: &str, patterns: &[Pattern]) -> bool {
    text.lines().take(2_000).any(|line| {
        let lower = line.to_ascii_lowercase();
        patterns.iter().any(|pattern| pattern.find_near(line, &lower).is_some())
    })
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
