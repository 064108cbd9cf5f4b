//! Words and versions compared as people mean them.

use std::str::Chars;

/// Longest pattern, in letters.
const PATTERN_LETTERS_MAX: usize = 1000;

/// A pattern in which `*` stands for any text and `?` for one letter; letters match in either case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    pattern: String,
    /// Whether it has no `*` and no `?`, so that it is compared as it is.
    is_plain: bool,
}

impl Glob {
    /// Makes one; what is longer than any pattern that a person writes is cut.
    pub fn new(pattern: &str) -> Self {
        let pattern = cut(pattern).to_ascii_lowercase();
        Self { is_plain: !pattern.contains(['*', '?']), pattern }
    }

    /// What all that fits begins with, in lower case.
    pub fn beginning(&self) -> &str {
        self.pattern.split(['*', '?']).next().unwrap_or_default()
    }

    /// How much work it is to compare a text with it, next to others.
    pub const fn weight(&self) -> usize {
        1 + self.pattern.len() / 16
    }

    /// Reports whether all of a text fits.
    pub fn fits(&self, text: &str) -> bool {
        if self.is_plain { self.pattern.eq_ignore_ascii_case(text) } else { fits(&self.pattern, text) }
    }
}

/// Reports whether all of a text fits a pattern that is read once, such as an action of a policy.
pub fn covers(pattern: &str, text: &str) -> bool {
    fits(cut(pattern), text)
}

fn cut(pattern: &str) -> &str {
    let end = pattern.char_indices().nth(PATTERN_LETTERS_MAX).map_or(pattern.len(), |(at, _)| at);
    pattern.get(..end).unwrap_or(pattern)
}

/// It takes time in proportion to pattern and text: after a `*` nothing before it is tried again.
fn fits(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // After the last `*`: the rest of the pattern, and where in the text it was tried.
    let mut star: Option<(Chars<'_>, Chars<'_>)> = None;
    while let Some(letter) = text.clone().next() {
        match pattern.next() {
            Some('*') => star = Some((pattern.clone(), text.clone())),
            Some(wanted) if wanted == '?' || wanted.eq_ignore_ascii_case(&letter) => {
                text.next();
            }
            _ => {
                let Some((after, from)) = &mut star else { return false };
                from.next();
                (pattern, text) = (after.clone(), from.clone());
            }
        }
    }
    pattern.all(|letter| letter == '*')
}

/// The numbers of a version, up to the first part that is none: `1.29.4-gke.1` is 1, 29, 4. None if it begins with none.
pub fn version(text: &str) -> Option<Vec<u64>> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let mut numbers = Vec::new();
    for part in text.get(start..)?.split(['.', '_']) {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        match digits.parse() {
            Ok(number) => numbers.push(number),
            Err(_) => break,
        }
        if digits.len() < part.len() {
            break;
        }
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_fit_all_of_a_text() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abcd", false),
            ("S3:Get*", "s3:getobject", true),
            ("?b", "ab", true),
            ("", "a", false),
            ("Aé?*", "aé\u{1f600}", true),
            ("plain", "PLAIN", true),
            ("plain", "plains", false),
            ("*a*b*c", "xxaxxbxxc", true),
        ] {
            assert_eq!(Glob::new(pattern).fits(text), fits, "{pattern} {text}");
            assert_eq!(covers(pattern, text), fits, "{pattern} {text}");
        }
        // Would take for ever if it went back over what was tried.
        assert!(!Glob::new(&"a*".repeat(200)).fits(&"a".repeat(199)));
    }

    #[test]
    fn versions_are_compared_by_number() {
        assert!(version("1.9") < version("1.10"));
        assert_eq!(version("v1.29.4-gke.1"), Some(vec![1, 29, 4]));
        assert_eq!(version("nodejs18.x"), Some(vec![18]));
        assert_eq!(version("TLS1_2"), Some(vec![1, 2]));
        assert_eq!(version("latest"), None);
    }
}
