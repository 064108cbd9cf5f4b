//! Private keys, and signing with them.

use std::fmt;

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use troupe_core::approval::ApprovalLink;
use troupe_core::trust::KeyKind;
use troupe_core::{Code, Digest, Error, ReleaseRef, Result};

use crate::channel::ChannelDocument;

use super::{PublicKey, Signature, encrypted, payload, pem};

/// The block that a private key stands in (PKCS#8, RFC 5958).
const LABEL: &str = "PRIVATE KEY";

/// What stands before the 32 bytes of an Ed25519 seed (RFC 8410, section 7).
const ED25519_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// A private key.
pub struct SigningKey {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    EcdsaP256(EcdsaKeyPair),
}

impl SigningKey {
    /// The text of a new Ed25519 key, made of 256 random bits.
    pub fn pem_of_seed(seed: &[u8; 32]) -> String {
        pem::write(LABEL, &[&ED25519_PREFIX[..], seed].concat())
    }

    /// Reads a key as `troupe keygen` and `openssl genpkey` write it.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] saying what was found in its place, and what to do about it.
    pub fn from_pem(text: &str) -> Result<Self> {
        let wrong = |message: &str| Error::new(Code::RequestInvalid, message);
        match pem::label(text) {
            Some(LABEL) => {}
            Some(_) if encrypted::is_encrypted(text) => {
                return Err(wrong("the private key is under a password, which nobody gave"));
            }
            Some("ENCRYPTED PRIVATE KEY") => {
                return Err(wrong(
                    "the private key is under a password in the form of PKCS#8; `openssl pkcs8 -topk8 -nocrypt` takes \
                     it off, or sign with what made it and hand the signature over with `troupe sign --signature`",
                ));
            }
            Some("EC PRIVATE KEY") => {
                return Err(wrong(
                    "the private key is not in the form of PKCS#8; `openssl pkcs8 -topk8 -nocrypt` brings it there",
                ));
            }
            _ => return Err(wrong("a private key is PEM text that begins with `-----BEGIN PRIVATE KEY-----`")),
        }
        let der = pem::read(LABEL, text).ok_or_else(|| wrong("the private key's PEM text is damaged"))?;
        Self::from_pkcs8(&der)
    }

    /// Whether a text is a key under a password, as `cosign generate-key-pair` writes it.
    pub fn is_under_password(text: &str) -> bool {
        encrypted::is_encrypted(text)
    }

    /// Reads a key under a password; it takes about a tenth of a second of computing, on purpose.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] if the text is damaged, or the password is another.
    pub fn from_pem_under(text: &str, password: &str) -> Result<Self> {
        Self::from_pkcs8(&encrypted::decrypted(text, password)?)
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self> {
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            let public = PublicKey::from_raw(KeyKind::Ed25519, pair.public_key().as_ref());
            return Ok(Self { pair: Pair::Ed25519(pair), public });
        }
        // The random numbers of ring are the system's alone; nobody can hand others in.
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der, &SystemRandom::new()).map_err(|_| {
                Error::new(Code::RequestInvalid, "the private key is of another kind than Ed25519 and ECDSA on P-256")
            })?;
        let public = PublicKey::from_raw(KeyKind::EcdsaP256, pair.public_key().as_ref());
        Ok(Self { pair: Pair::EcdsaP256(pair), public })
    }

    /// The public key of the pair.
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs a release.
    ///
    /// # Errors
    /// When the system has no random numbers, which ECDSA takes.
    pub fn sign(&self, release: &ReleaseRef, digest: &Digest) -> Result<Signature> {
        self.sign_bytes(payload(release, digest))
    }

    /// Signs a channel's document.
    ///
    /// # Errors
    /// As [`SigningKey::sign`].
    pub fn sign_channel(&self, document: &ChannelDocument) -> Result<Signature> {
        self.sign_bytes(document.to_json())
    }

    /// Signs what a link to an approval says.
    ///
    /// # Errors
    /// As [`SigningKey::sign`].
    pub fn sign_link(&self, link: &ApprovalLink) -> Result<Signature> {
        self.sign_bytes(link.to_json()?)
    }

    /// Signs bytes whose form says what they are, as each document of ours does.
    fn sign_bytes(&self, payload: Vec<u8>) -> Result<Signature> {
        let bytes = match &self.pair {
            Pair::Ed25519(pair) => pair.sign(&payload).as_ref().to_vec(),
            Pair::EcdsaP256(pair) => {
                let signed = pair.sign(&SystemRandom::new(), &payload);
                signed.map_err(|_| Error::internal("no random numbers to sign with"))?.as_ref().to_vec()
            }
        };
        Ok(Signature { payload, bytes, hint: Some(self.public.id()) })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "private key of {:?}", self.public)
    }
}
