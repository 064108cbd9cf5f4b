//! The one place with `unsafe`: turning compiled bytes into a component.
//!
//! The attack: somebody who can write one file of the data directory has the host run
//! machine code of theirs, or that of another component. The rule: bytes are loaded only as
//! [`Authentic`], which are bytes behind an HMAC-SHA-256 (RFC 2104), under a key of this
//! data directory, over the component's digest, the engine's hash and the code. They are
//! read into memory and checked there: a mapped file could change between the two.
#![expect(unsafe_code, reason = "wasmtime trusts compiled bytes; what is loaded here has passed its MAC")]

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use troupe_core::{Digest, Error, Result};
use wasmtime::Engine;
use wasmtime::component::Component;

const MAC_BYTES: usize = 32;

/// The key of a data directory's cache.
#[derive(Clone)]
pub struct CacheKey(pub [u8; 32]);

impl std::fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CacheKey(..)")
    }
}

/// Whose code it is: the component, and the engine that compiled it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) component: &'a Digest,
    pub(crate) engine_hash: u64,
}

/// Compiled bytes that carry this host's MAC; made by [`Authentic::of`] alone.
pub(crate) struct Authentic<'a>(&'a [u8]);

impl<'a> Authentic<'a> {
    /// The code in a file, if this host made it for this component and engine.
    pub(crate) fn of(key: &CacheKey, subject: Subject<'_>, file: &'a [u8]) -> Option<Self> {
        let (tag, code) = file.split_at_checked(MAC_BYTES)?;
        mac(key, subject, code).ok()?.verify_slice(tag).ok()?;
        Some(Self(code))
    }

    /// Loads the code.
    pub(crate) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: an `Authentic` is made only of bytes whose MAC, under a key that never
        // leaves the data directory, matches; only our compiler's output is given one.
        unsafe { Component::deserialize(engine, self.0) }
    }
}

/// What stands before the code in a file.
pub(crate) fn tag(key: &CacheKey, subject: Subject<'_>, code: &[u8]) -> Result<[u8; MAC_BYTES]> {
    Ok(mac(key, subject, code)?.finalize().into_bytes().into())
}

fn mac(key: &CacheKey, subject: Subject<'_>, code: &[u8]) -> Result<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&key.0).map_err(Error::internal)?;
    mac.update(subject.component.as_bytes());
    mac.update(&subject.engine_hash.to_le_bytes());
    mac.update(code);
    Ok(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_authentic_for_one_component_one_engine_and_one_key() {
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        let key = CacheKey([1; 32]);
        let subject = Subject { component: &one, engine_hash: 7 };
        let mut file = tag(&key, subject, b"code").unwrap().to_vec();
        file.extend(b"code");
        assert!(Authentic::of(&key, subject, &file).is_some());
        assert!(Authentic::of(&key, Subject { component: &other, ..subject }, &file).is_none());
        assert!(Authentic::of(&key, Subject { engine_hash: 8, ..subject }, &file).is_none());
        assert!(Authentic::of(&CacheKey([2; 32]), subject, &file).is_none());
        assert!(Authentic::of(&key, subject, &file[..20]).is_none());
        *file.last_mut().unwrap() ^= 1;
        assert!(Authentic::of(&key, subject, &file).is_none());
    }
}
