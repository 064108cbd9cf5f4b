//! Text that others wrote, made fit to be shown: bounded, and without the characters that
//! steer a terminal or read as something else.

/// Cuts text to a length and escapes what could steer a terminal or fake a record.
pub(crate) fn clean(text: &str, bytes_max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(bytes_max));
    for c in text.chars() {
        if out.len() + c.len_utf8() > bytes_max {
            out.push('…');
            break;
        }
        if c.is_control() || is_invisible(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// Whether a character changes how others look without showing itself: bidirectional
/// controls, zero-width characters, tags and the line separators (Unicode 16, UAX #9
/// and the Default_Ignorable_Code_Point property, the part that is not used in words).
const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}'
        | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_cannot_look_like_two_or_steer_a_terminal() {
        assert_eq!(clean("a\nb\u{1b}[31m\u{202E}c", 100), "a\\u{a}b\\u{1b}[31m\\u{202e}c");
        assert_eq!(clean("ééé", 4), "éé…");
    }

    #[test]
    fn no_control_of_direction_passes() {
        // Every character of the property Bidi_Control.
        for c in
            "\u{061C}\u{200E}\u{200F}\u{202A}\u{202B}\u{202C}\u{202D}\u{202E}\u{2066}\u{2067}\u{2068}\u{2069}".chars()
        {
            assert!(clean(&c.to_string(), 100).is_ascii(), "{c:?}");
        }
    }
}
