//! The longest byte string of a MessagePack document: what is worth keeping apart.
//!
//! Calls and answers are MessagePack, and what makes them long is one byte string in them:
//! a body, a value, a file. Around it stand things that differ each time, such as the date
//! of an answer, so that two documents with the same body are hardly ever the same. Only
//! the heads of values are looked at here; what they mean is nobody's business.

use std::ops::Range;

/// Returns where the longest byte string of a document stands, without its head; nothing if
/// the bytes are not one whole MessagePack document, or there is no byte string in it.
pub(super) fn longest(bytes: &[u8]) -> Option<Range<usize>> {
    let mut longest: Option<Range<usize>> = None;
    let mut at = 0;
    // How many values are still to come.
    let mut left = 1_u64;
    while left > 0 {
        left -= 1;
        let (head, value) = value(bytes.get(at..)?)?;
        let start = at.checked_add(head)?;
        let (end, inner) = match value {
            Value::Bytes(length) => (start.checked_add(length)?, 0),
            Value::Other(length) => (start.checked_add(length)?, 0),
            Value::Inner(count) => (start, count),
        };
        if end > bytes.len() {
            return None;
        }
        if matches!(value, Value::Bytes(_)) && longest.as_ref().is_none_or(|longest| end - start > longest.len()) {
            longest = Some(start..end);
        }
        left = left.checked_add(inner)?;
        at = end;
    }
    (at == bytes.len()).then_some(longest).flatten()
}

/// What a head announces.
enum Value {
    /// A byte string of this length.
    Bytes(usize),
    /// Anything else that is this long.
    Other(usize),
    /// So many further values.
    Inner(u64),
}

/// Reads the head of a value: its length, and what it announces.
fn value(bytes: &[u8]) -> Option<(usize, Value)> {
    let number = |width: usize| {
        let digits = bytes.get(1..=width)?;
        Some(digits.iter().fold(0_u64, |number, digit| (number << 8) | u64::from(*digit)))
    };
    let long = |width: usize, more: usize| usize::try_from(number(width)?).ok()?.checked_add(more);
    let first = *bytes.first()?;
    Some(match first {
        0x80..=0x8f => (1, Value::Inner(2 * u64::from(first & 0x0f))),
        0x90..=0x9f => (1, Value::Inner(u64::from(first & 0x0f))),
        0xa0..=0xbf => (1, Value::Other(usize::from(first & 0x1f))),
        0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => (1, Value::Other(0)),
        0xc4 => (2, Value::Bytes(long(1, 0)?)),
        0xc5 => (3, Value::Bytes(long(2, 0)?)),
        0xc6 => (5, Value::Bytes(long(4, 0)?)),
        0xc7 => (2, Value::Other(long(1, 1)?)),
        0xc8 => (3, Value::Other(long(2, 1)?)),
        0xc9 => (5, Value::Other(long(4, 1)?)),
        0xcc | 0xd0 => (1, Value::Other(1)),
        0xcd | 0xd1 => (1, Value::Other(2)),
        0xca | 0xce | 0xd2 => (1, Value::Other(4)),
        0xcb | 0xcf | 0xd3 => (1, Value::Other(8)),
        0xd4..=0xd8 => (1, Value::Other(1 + (1 << (first - 0xd4)))),
        0xd9 => (2, Value::Other(long(1, 0)?)),
        0xda => (3, Value::Other(long(2, 0)?)),
        0xdb => (5, Value::Other(long(4, 0)?)),
        0xdc => (3, Value::Inner(number(2)?)),
        0xdd => (5, Value::Inner(number(4)?)),
        0xde => (3, Value::Inner(number(2)?.checked_mul(2)?)),
        0xdf => (5, Value::Inner(number(4)?.checked_mul(2)?)),
        // Never used in MessagePack.
        0xc1 => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_longest_byte_string_is_found_among_other_values() {
        // {"http": {"status": 200, "headers": [["a", b"x"]], "body": b"abc"}}
        let mut document = vec![0x81, 0xa4];
        document.extend(b"http");
        document.extend([0x83, 0xa6]);
        document.extend(b"status");
        document.extend([0xcc, 200, 0xa7]);
        document.extend(b"headers");
        document.extend([0x91, 0x92, 0xa1, b'a', 0xc4, 1, b'x', 0xa4]);
        document.extend(b"body");
        document.extend([0xc4, 3]);
        document.extend(b"abc");
        let found = longest(&document).unwrap();
        assert_eq!(&document[found], b"abc");
        // Cut short, or with something after it, it is no document.
        assert_eq!(longest(&document[..document.len() - 1]), None);
        document.push(0);
        assert_eq!(longest(&document), None);
    }

    #[test]
    fn what_is_no_messagepack_has_none() {
        for bytes in [&b""[..], b"answer", &[0xc1], &[0xdf, 0xff, 0xff, 0xff, 0xff], &[0xc6, 0xff, 0xff, 0xff, 0xff]] {
            assert_eq!(longest(bytes), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_looked_at_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(found) = longest(&bytes) {
                prop_assert!(found.end <= bytes.len() && found.start <= found.end);
            }
        }
    }
}
