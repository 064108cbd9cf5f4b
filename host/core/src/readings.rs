//! What a path may mean to servers that unescape it more often than once.
//!
//! A rule that compares paths must hold for every reading: `/a%252fb` is one segment to a
//! server that unescapes once and two to one behind it that unescapes again.

/// How often a path may change when it is unescaped. Nobody means more than two.
const UNESCAPED_TIMES_MAX: usize = 3;

/// Returns a path as it is written and as it is each time it is unescaped, until it stays
/// the same; none if it never does within three times, or if a reading is not UTF-8, as
/// when a `/` is spelt in too many bytes.
pub fn readings(path: &str) -> Option<Vec<String>> {
    let mut readings = vec![path.to_owned()];
    loop {
        let last = readings.last()?;
        let next = String::from_utf8(unescape(last.as_bytes(), |_| true)).ok()?;
        if next == *last {
            return Some(readings);
        }
        if readings.len() > UNESCAPED_TIMES_MAX {
            return None;
        }
        readings.push(next);
    }
}

/// Undoes the escapes of those bytes that `wanted` names and writes the others in upper
/// case.
pub(crate) fn unescape(text: &[u8], wanted: impl Fn(u8) -> bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%'
            && let [high, low, after_escape @ ..] = after
            && let (Some(high_value), Some(low_value)) = (digit(*high), digit(*low))
        {
            let byte = high_value * 16 + low_value;
            if wanted(byte) {
                out.push(byte);
            } else {
                out.extend([b'%', high.to_ascii_uppercase(), low.to_ascii_uppercase()]);
            }
            rest = after_escape;
        } else {
            out.push(*first);
            rest = after;
        }
    }
    out
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_until_it_stays_the_same() {
        assert_eq!(readings("/a").unwrap(), ["/a"]);
        assert_eq!(readings("/a%20b").unwrap(), ["/a%20b", "/a b"]);
        assert_eq!(readings("/100%").unwrap(), ["/100%"]);
        assert_eq!(readings("/%25252e").unwrap(), ["/%25252e", "/%252e", "/%2e", "/."]);
    }

    #[test]
    fn a_path_without_an_end_or_without_meaning_has_no_readings() {
        for path in ["/%2525252e", "/%c0%af", "/%ff", "/%25ff"] {
            assert_eq!(readings(path), None, "{path}");
        }
    }
}
