//! Texts in which `*` stands for any text.

/// Whether a text fits a pattern, all of it. The time that it takes grows with both lengths and no faster.
pub fn matches(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        let Some(found) = rest.find(piece) else { return false };
        rest = rest.get(found + piece.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text_and_everything_else_for_itself() {
        let fits = [("*/*", "a/b"), ("billing/*", "billing/invoice"), ("a*b*c", "a1b2b3c"), ("", ""), ("*", "")];
        assert!(fits.iter().all(|(pattern, text)| matches(pattern, text)));
        let misses = [("a", "ab"), ("a*b", "a"), ("ab*ba", "aba"), ("billing/*", "other/billing/x"), ("", "a")];
        assert!(misses.iter().all(|(pattern, text)| !matches(pattern, text)));
    }
}
