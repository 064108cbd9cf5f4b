//! Signatures of releases: who vouches for one, in the form that cosign gives them.
//!
//! *The attack:* somebody who can write a registry, a disk or a network, or who holds the token
//! of a publisher, has a host run a release that nobody whom its operator trusts has made; or
//! shows a good signature of one release beside another. *The rule:* what is signed is a
//! document that names the digest of the release's OCI manifest; the manifest names component,
//! agent manifest and profile by their digests, and the agent manifest names agent and version.
//! So one signature is of one release whole, and of no other. *The default:* a signature whose
//! key nobody has said to trust counts for nothing.
//!
//! ```text
//!  signature ─▸ payload ─▸ digest of the OCI manifest ─▸ component
//!                                                     ├▸ agent manifest ─▸ name, version
//!                                                     └▸ profile
//! ```
//!
//! *Payload* (`payload.rs`): the simple signing document of containers/image
//! (`containers-signature.5`) as cosign writes it, one form for both kinds of keys.
//! *Keys* (`key.rs`, `signing.rs`): Ed25519, which `troupe keygen` makes, and ECDSA on P-256 with
//! SHA-256, which cosign's key pairs are, their private keys under a password too (`encrypted.rs`). A key's id is the SHA-256 of its `SubjectPublicKeyInfo`.
//! *Kept* (`image.rs`): an OCI image with one layer for each payload, the signature in an
//! annotation, tagged `sha256-HEX.sig`, where `cosign verify --key` looks for it.
//!
//! Who is trusted for which names is a tenant's policy and stands in `troupe_core::trust`.

mod encrypted;
mod image;
mod key;
mod payload;
mod pem;
mod signing;

use std::fmt;

use troupe_core::{Code, Digest, Error, ReleaseRef, Result, limits};

pub(crate) use image::Form;
pub use image::{SIGNATURE_MEDIA_TYPE, read_signature_image, signature_image, signature_tag};
pub use key::PublicKey;
pub use payload::payload;
pub use signing::SigningKey;

/// A signature of a release, by a key that is not known before somebody tries it.
#[derive(Clone, PartialEq, Eq)]
pub struct Signature {
    /// What was signed, to the byte.
    pub payload: Vec<u8>,
    /// The signature: 64 bytes of Ed25519, or a DER sequence of ECDSA.
    pub bytes: Vec<u8>,
    /// The id of the key that made it, as whoever sends it says. It tells which key to try first
    /// and how to call one that is not known, and proves nothing.
    pub hint: Option<Digest>,
}

impl Signature {
    /// Checks that the signature speaks of a release, whoever made it.
    ///
    /// # Errors
    /// [`Code::ArtifactSignature`] if it is of another release, or of something else.
    pub fn check_is_of(&self, release: &ReleaseRef, digest: &Digest) -> Result<()> {
        if self.bytes.len() > limits::SIGNATURE_BYTES_MAX || self.payload.len() > limits::SIGNATURE_PAYLOAD_BYTES_MAX {
            return Err(bad(format!(
                "a signature has {} bytes over a payload of {}; the limits are {} and {}",
                self.bytes.len(),
                self.payload.len(),
                limits::SIGNATURE_BYTES_MAX,
                limits::SIGNATURE_PAYLOAD_BYTES_MAX
            )));
        }
        payload::check(&self.payload, release, digest)
    }

    /// Whether `key` made the signature. It says nothing of what was signed: see
    /// [`Signature::check_is_of`].
    pub fn is_by(&self, key: &PublicKey) -> bool {
        key.verifies(&self.payload, &self.bytes)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signature").field("payload", &String::from_utf8_lossy(&self.payload)).finish_non_exhaustive()
    }
}

fn bad(message: impl Into<String>) -> Error {
    Error::new(Code::ArtifactSignature, message)
}
