//! Public keys, and what they verify.
//!
//! A `SubjectPublicKeyInfo` (RFC 5280, section 4.1.2.7) of a kind that we take differs from another
//! in its last bytes alone, so it is read by comparing its beginning: no parser, and one form
//! for each key, whose digest is the key's id.

use std::fmt;

use ring::signature::{ECDSA_P256_SHA256_ASN1, ED25519, UnparsedPublicKey};
use troupe_core::trust::KeyKind;
use troupe_core::{Code, Digest, Error, Result};

use super::pem;

/// The block that a public key stands in; cosign's `cosign.pub` has it too.
const LABEL: &str = "PUBLIC KEY";

/// What stands before the 32 bytes of an Ed25519 key (RFC 8410, section 4).
const ED25519_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// What stands before the 64 bytes of a point on P-256 that is not compressed (RFC 5480,
/// section 2), the byte 4 that says so included.
const P256_PREFIX: [u8; 27] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];

/// A public key.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    kind: KeyKind,
    /// As signatures are verified with: 32 bytes, or a point of 65.
    raw: Vec<u8>,
}

impl PublicKey {
    /// Reads a key as `troupe keygen`, `cosign generate-key-pair` and `openssl pkey -pubout` write it.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] saying what was found in its place.
    pub fn from_pem(text: &str) -> Result<Self> {
        let wrong = |message: String| Error::new(Code::RequestInvalid, message);
        match pem::label(text) {
            Some(LABEL) => {}
            Some(other) if other.ends_with("PRIVATE KEY") => {
                return Err(wrong("this is a private key, which nobody else may see; name the public one".to_owned()));
            }
            _ => return Err(wrong(format!("a public key is PEM text that begins with `-----BEGIN {LABEL}-----`"))),
        }
        let der = pem::read(LABEL, text).ok_or_else(|| wrong("the public key's PEM text is damaged".to_owned()))?;
        Self::from_der(&der).ok_or_else(|| {
            wrong("the public key is of another kind than Ed25519 and ECDSA on P-256, with its point whole".to_owned())
        })
    }

    fn from_der(der: &[u8]) -> Option<Self> {
        if let Some(raw) = der.strip_prefix(&ED25519_PREFIX) {
            return (raw.len() == 32).then(|| Self { kind: KeyKind::Ed25519, raw: raw.to_vec() });
        }
        let point = der.strip_prefix(&P256_PREFIX)?;
        (point.len() == 64).then(|| Self { kind: KeyKind::EcdsaP256, raw: [&[0x04], point].concat() })
    }

    /// The key whose raw bytes a key pair gives.
    pub(super) fn from_raw(kind: KeyKind, raw: &[u8]) -> Self {
        Self { kind, raw: raw.to_vec() }
    }

    fn to_der(&self) -> Vec<u8> {
        match self.kind {
            KeyKind::Ed25519 => [&ED25519_PREFIX[..], &self.raw].concat(),
            KeyKind::EcdsaP256 => [&P256_PREFIX[..], self.raw.get(1..).unwrap_or_default()].concat(),
        }
    }

    /// The key as text.
    pub fn to_pem(&self) -> String {
        pem::write(LABEL, &self.to_der())
    }

    /// The key's kind.
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The key's id: the SHA-256 of its `SubjectPublicKeyInfo`, as `openssl pkey -pubin -outform DER |
    /// sha256sum` prints it.
    pub fn id(&self) -> Digest {
        Digest::of(&self.to_der())
    }

    /// Whether `signature` is this key's over `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self.kind {
            KeyKind::Ed25519 => UnparsedPublicKey::new(&ED25519, &self.raw).verify(message, signature).is_ok(),
            KeyKind::EcdsaP256 => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.raw).verify(message, signature).is_ok()
            }
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.kind, self.id())
    }
}
