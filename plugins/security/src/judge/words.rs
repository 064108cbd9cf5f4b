//! Words and versions compared as people mean them.

/// Longest pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 1000;

/// A pattern in which `*` stands for any text and `?` for one letter; letters match in either case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(Vec<char>);

impl Glob {
    /// Makes one; what is longer than any pattern that a person writes is cut.
    pub fn new(pattern: &str) -> Self {
        Self(pattern.chars().take(PATTERN_BYTES_MAX).map(|c| c.to_ascii_lowercase()).collect())
    }

    /// Reports whether all of a text fits. It takes time in proportion to pattern and text: after a `*` nothing
    /// before it is tried again.
    pub fn fits(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().map(|c| c.to_ascii_lowercase()).collect();
        let (mut p, mut t) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while let Some(&letter) = text.get(t) {
            match self.0.get(p) {
                Some('*') => {
                    star = Some((p + 1, t));
                    p += 1;
                }
                Some('?') => (p, t) = (p + 1, t + 1),
                Some(&wanted) if wanted == letter => (p, t) = (p + 1, t + 1),
                _ => match star {
                    Some((after, from)) => {
                        (p, t) = (after, from + 1);
                        star = Some((after, from + 1));
                    }
                    None => return false,
                },
            }
        }
        self.0.get(p..).unwrap_or_default().iter().all(|c| *c == '*')
    }
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
            ("*a*b*c", "xxaxxbxxc", true),
        ] {
            assert_eq!(Glob::new(pattern).fits(text), fits, "{pattern} {text}");
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
