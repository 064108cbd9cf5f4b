//! Journals: what was written is read back as it was, and what somebody has damaged or made up is an error.
//!
//! The first byte of an input says what the rest is: a call, an answer, a row as it lies in the database with the body
//! that it names, or bytes to be packed.

use troupe_core::Digest;
use troupe_sandbox::{Answer, Call, redacted_call};
use troupe_store::stored;

pub(super) fn journal(data: &[u8]) -> bool {
    let Some((kind, rest)) = data.split_first() else { return false };
    match kind % 4 {
        0 => call(rest),
        1 => answer(rest),
        2 => row(rest),
        _ => packed(rest),
    }
}

fn call(bytes: &[u8]) -> bool {
    let redacted = redacted_call(bytes);
    assert_eq!(redacted_call(&redacted), redacted, "there is nothing more to take");
    Call::decode(&redacted).expect("what is left of a call is one");
    let Ok(call) = Call::decode(bytes) else { return false };
    let _ = (call.name(), call.describe());
    let written = rmp_serde::to_vec_named(&call).expect("a call that is written");
    assert_eq!(Call::decode(&written).expect("a call that reads back"), call);
    packed(&written);
    true
}

fn answer(bytes: &[u8]) -> bool {
    let Ok(answer) = Answer::decode(bytes) else { return false };
    let _ = answer.describe();
    assert_eq!(Answer::decode(&answer.encode()).expect("an answer that reads back"), answer);
    packed(&answer.encode());
    true
}

/// A row that was not written by us: one byte says how much of the rest is a body kept apart, which is named by its
/// own digest or by another.
fn row(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first() else { return false };
    let (row, body) = rest.split_at(rest.len() - usize::from(*length).min(rest.len()));
    let unpacked = stored::unpack(row.to_vec(), None);
    let own = stored::unpack(row.to_vec(), Some((Digest::of(body), body.to_vec())));
    let other = stored::unpack(row.to_vec(), Some((Digest::of(b"other"), body.to_vec())));
    for bytes in [&unpacked, &own, &other].into_iter().flatten() {
        assert!(bytes.len() <= stored::UNPACKED_BYTES_MAX + rest.len());
    }
    assert!(other.is_err() || unpacked.is_ok(), "a body that is not what its digest names was taken");
    unpacked.is_ok() || own.is_ok()
}

fn packed(bytes: &[u8]) -> bool {
    let (row, body) = stored::pack(bytes.to_vec());
    assert!(row.len() <= bytes.len() + 2, "packing makes it no longer");
    let unpacked = stored::unpack(row.clone(), body.clone()).expect("what was packed unpacks");
    assert_eq!(unpacked, bytes);
    if let Some((digest, body)) = body {
        assert!(stored::unpack(row.clone(), None).is_err(), "a row without its body");
        assert!(stored::unpack(row, Some((digest, body[1..].to_vec()))).is_err(), "a body without its first byte");
    }
    true
}
