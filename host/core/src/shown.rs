//! Text of others in our messages.

/// Characters of it that are shown: more than any name has.
const SHOWN_CHARS_MAX: usize = 100;

/// Returns what somebody else wrote, such as the name of a thing that is not there, in a form
/// that a message may hold: cut, and escaped, so that it forges no line of a log.
pub fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).flat_map(char::escape_default).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_cut_and_escaped() {
        assert_eq!(shown("echo\n\u{1b}[31m"), "echo\\n\\u{1b}[31m");
        assert_eq!(shown(&"x".repeat(1_000)).len(), SHOWN_CHARS_MAX);
    }
}
