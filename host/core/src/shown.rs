//! Text of others in our messages.

/// Characters of it that are shown: more than any name has.
const SHOWN_CHARS_MAX: usize = 100;

/// Returns what somebody else wrote, such as the name of a thing that is not there, in a form
/// that a message may hold: cut, and escaped, so that it forges no line of a log.
pub fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).flat_map(char::escape_default).collect()
}

/// Whether `c` is a control, a direction mark, a joiner, a filler, a variation selector
/// or a tag: all that has no shape of its own.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
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
