//! Words as they are compared.

use std::collections::BTreeSet;

/// Words that say nothing of the subject.
const EMPTY: &[&str] = &[
    "a", "about", "all", "am", "an", "and", "any", "are", "at", "be", "by", "can", "could", "do", "does", "for",
    "from", "have", "hello", "hey", "hi", "how", "i", "in", "is", "it", "its", "know", "let", "like", "may", "me",
    "my", "of", "on", "or", "our", "please", "say", "shall", "should", "tell", "thank", "thanks", "that", "the",
    "their", "there", "this", "to", "us", "want", "was", "we", "what", "when", "where", "which", "who", "why", "will",
    "with", "would", "you", "your",
];

/// The words of a text that say something of its subject, each once and in one form. If none does, all of them.
pub fn words(text: &str) -> BTreeSet<String> {
    let all: Vec<String> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    let telling: BTreeSet<String> =
        all.iter().filter(|word| !EMPTY.contains(&word.as_str())).map(|word| stem(word)).collect();
    if telling.is_empty() { all.iter().map(|word| stem(word)).collect() } else { telling }
}

/// A word without the ending of a plural.
fn stem(word: &str) -> String {
    let is_plural = word.len() > 3 && word.ends_with('s') && !word.ends_with("ss") && !word.ends_with("us");
    if !is_plural {
        return word.to_owned();
    }
    match word.strip_suffix("ies") {
        Some(start) if start.len() > 1 => format!("{start}y"),
        _ => word.strip_suffix('s').unwrap_or(word).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_compared_in_one_form_without_those_that_say_nothing() {
        let of = |text: &str| words(text).into_iter().collect::<Vec<_>>();
        assert_eq!(of("How do I reset my PASSWORDS?"), ["password", "reset"]);
        assert_eq!(of("the policies of this class"), ["class", "policy"]);
        assert_eq!(of("who are you"), ["are", "who", "you"]);
        assert_eq!(of("Öffnungszeiten!"), ["öffnungszeiten"]);
        assert_eq!(of("…"), Vec::<String>::new());
    }
}
