//! How calls and answers lie in the database.
//!
//! ```text
//!  short                       as they are
//!  long                        compressed, if that takes an eighth less
//!  with a long byte string     that byte string apart, as a body under its digest;
//!                              what is left, as above
//! ```
//!
//! Most rows are short, and nothing is done to them. What is packed begins with a byte that
//! no MessagePack document begins with (`0xc1`), so that what a host without packing wrote
//! reads as it is:
//!
//! ```text
//!  c1 00 BYTES                  as they are, of bytes that begin with c1 themselves
//!  c1 01 LENGTH FRAME           LENGTH bytes (u32, little endian) in a zstd frame
//!  c1 02 AT REST                REST, itself packed, with the body put in at AT (u32)
//! ```
//!
//! Reading checks lengths before it makes room, and the digest of every body.

use troupe_core::Digest;

use super::cut;
use crate::fault::Done;
use crate::rows::broken;

/// Longest that is left as it is. Below it compression saves less than a page of the
/// database, and costs more time than the row's own commit.
const PLAIN_BYTES_MAX: usize = 2 * 1024;

/// Shortest byte string that is kept apart. Each costs an entry in two trees.
const BODY_BYTES_MIN: usize = 16 * 1024;

/// Longest that is unpacked. Calls and answers pass from and to a guest, which takes no
/// more than 32 MiB at once.
pub(crate) const UNPACKED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How hard compression tries: the level that keeps up with a disk.
const LEVEL: i32 = 1;

const MARK: u8 = 0xc1;
const PLAIN: u8 = 0;
const SQUEEZED: u8 = 1;
const CUT: u8 = 2;

/// A call or an answer as the database holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Packed {
    /// What the row holds.
    pub(crate) bytes: Vec<u8>,
    /// What is kept apart.
    pub(crate) body: Option<Body>,
}

/// A byte string that is kept apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Body {
    /// Of the contents.
    pub(crate) digest: Digest,
    /// The contents, packed.
    pub(crate) bytes: Vec<u8>,
}

/// Whether packing does anything to bytes of this length.
pub(super) const fn is_long(length: usize) -> bool {
    length > PLAIN_BYTES_MAX
}

/// Packs a call or an answer.
pub(crate) fn pack(bytes: Vec<u8>) -> Packed {
    let apart = if bytes.len() < BODY_BYTES_MIN { None } else { cut::longest(&bytes) };
    let apart = apart.filter(|range| range.len() >= BODY_BYTES_MIN);
    let parts = apart.and_then(|range| {
        let (before, body, after) = (bytes.get(..range.start)?, bytes.get(range.clone())?, bytes.get(range.end..)?);
        Some((u32::try_from(range.start).ok()?, [before, after].concat(), body.to_vec()))
    });
    let Some((at, rest, body)) = parts else { return Packed { bytes: squeeze(bytes), body: None } };
    let mut cut = vec![MARK, CUT];
    cut.extend(at.to_le_bytes());
    cut.extend(squeeze(rest));
    Packed { bytes: cut, body: Some(Body { digest: Digest::of(&body), bytes: squeeze(body) }) }
}

fn squeeze(bytes: Vec<u8>) -> Vec<u8> {
    if is_long(bytes.len())
        && let Ok(length) = u32::try_from(bytes.len())
        && let Ok(frame) = zstd::bulk::compress(&bytes, LEVEL)
        && frame.len() < bytes.len() - bytes.len() / 8
    {
        let mut squeezed = vec![MARK, SQUEEZED];
        squeezed.extend(length.to_le_bytes());
        squeezed.extend(frame);
        return squeezed;
    }
    if bytes.first() == Some(&MARK) { [[MARK, PLAIN].as_slice(), &bytes].concat() } else { bytes }
}

/// Unpacks what a row holds, with the body that it names.
///
/// # Errors
/// A fault of the host, when the bytes are not what was written.
pub(crate) fn unpack(bytes: Vec<u8>, body: Option<(Digest, Vec<u8>)>) -> Done<Vec<u8>> {
    let damaged = |why: &str| broken("journal", why.to_owned());
    let Some((&[MARK, kind], packed)) = bytes.split_first_chunk() else { return Ok(bytes) };
    if kind == PLAIN {
        return Ok(packed.to_vec());
    }
    let (length, packed) = packed.split_first_chunk().ok_or_else(|| damaged("a row is cut short"))?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|error| broken("journal", error))?;
    match kind {
        SQUEEZED if length <= UNPACKED_BYTES_MAX => {
            let unpacked = zstd::bulk::decompress(packed, length).map_err(|error| broken("journal", error))?;
            if unpacked.len() == length { Ok(unpacked) } else { Err(damaged("a row has another length")) }
        }
        CUT => {
            let (digest, body) = body.ok_or_else(|| damaged("a body is missing"))?;
            let body = unpack(body, None)?;
            if Digest::of(&body) != digest {
                return Err(damaged("a body is not what its digest names"));
            }
            let rest = unpack(packed.to_vec(), None)?;
            let (before, after) = rest.split_at_checked(length).ok_or_else(|| damaged("a row is cut short"))?;
            Ok([before, &body, after].concat())
        }
        _ => Err(damaged("a row is packed in a way that this host does not know")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unpacked(packed: Packed) -> Done<Vec<u8>> {
        unpack(packed.bytes, packed.body.map(|body| (body.digest, body.bytes)))
    }

    /// A document of one byte string, under a name.
    fn document(name: u8, body: &[u8]) -> Vec<u8> {
        let mut document = vec![0x81, 0xa1, name, 0xc6];
        document.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
        document.extend(body);
        document
    }

    #[test]
    fn short_rows_are_left_as_they_are() {
        let row = document(b'a', &[b'x'; 1_000]);
        assert_eq!(pack(row.clone()), Packed { bytes: row, body: None });
    }

    #[test]
    fn a_long_byte_string_is_kept_apart_and_is_the_same_in_other_company() {
        let body: Vec<u8> = (0..100_000_u32).flat_map(|number| (number / 7).to_le_bytes()).collect();
        let (one, other) = (document(b'a', &body), document(b'b', &body));
        let (packed, again) = (pack(one.clone()), pack(other.clone()));
        assert!(packed.bytes.len() < 32, "{}", packed.bytes.len());
        let apart = packed.body.clone().unwrap();
        assert_eq!(apart.digest, Digest::of(&body));
        assert!(apart.bytes.len() < body.len() / 2, "{} of {}", apart.bytes.len(), body.len());
        assert_eq!(packed.body, again.body);
        assert_eq!((unpacked(packed).unwrap(), unpacked(again).unwrap()), (one, other));
    }

    #[test]
    fn what_was_damaged_is_not_taken_for_what_was_written() {
        let packed = pack(document(b'a', &[b'x'; 50_000]));
        let body = packed.body.clone().unwrap();
        assert!(unpack(packed.bytes.clone(), None).is_err());
        assert!(unpack(packed.bytes.clone(), Some((Digest::of(b"other"), body.bytes.clone()))).is_err());
        assert!(unpack(packed.bytes.clone(), Some((body.digest, b"other".to_vec()))).is_err());
        let mut short = body.bytes;
        short.pop();
        assert!(unpack(packed.bytes, Some((body.digest, short))).is_err());
        // A length that nothing was written with makes no room.
        assert!(unpack(vec![MARK, SQUEEZED, 0xff, 0xff, 0xff, 0xff, 0], None).is_err());
        assert!(unpack(vec![MARK, 9, 0, 0, 0, 0], None).is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_packed_unpacks(start in prop::collection::vec(any::<u8>(), 0..40), repeated in 0..3_000_usize) {
            let bytes = start.repeat(repeated.max(1));
            prop_assert_eq!(unpacked(pack(bytes.clone())).unwrap(), bytes.clone());
            let document = document(b'a', &bytes);
            prop_assert_eq!(unpacked(pack(document.clone())).unwrap(), document);
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = unpack(bytes.clone(), None);
            let marked = [&[MARK], bytes.as_slice()].concat();
            let _ = unpack(marked, Some((Digest::of(b""), bytes)));
        }
    }
}
