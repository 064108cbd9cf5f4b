//! Calls and answers as they lie in the database, for whoever tries what a damaged or forged file does to its readers:
//! no call of [`Store`](crate::Store) writes one.

use troupe_core::{Digest, Result};

use crate::journal::{self, Packed};

/// Longest that is unpacked, in bytes.
pub const UNPACKED_BYTES_MAX: usize = journal::UNPACKED_BYTES_MAX;

/// A body that is kept apart: its digest, and its contents, packed.
pub type Body = (Digest, Vec<u8>);

/// Packs a call or an answer: what its row holds, and what is kept apart.
pub fn pack(bytes: Vec<u8>) -> (Vec<u8>, Option<Body>) {
    let Packed { bytes, body } = journal::pack(bytes);
    (bytes, body.map(|body| (body.digest, body.bytes)))
}

/// Unpacks what a row holds, with the body that it names.
///
/// # Errors
/// [`Code::Internal`](troupe_core::Code::Internal) when the bytes are not what was written.
pub fn unpack(row: Vec<u8>, body: Option<Body>) -> Result<Vec<u8>> {
    Ok(journal::unpack(row, body)?)
}
