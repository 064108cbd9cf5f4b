//! Private keys under a password, as `cosign generate-key-pair` writes them.
//!
//! The block holds JSON: how a key of 32 bytes is made of the password (scrypt, RFC 7914), and what
//! that key encrypts (NaCl's secretbox), which is a private key in PKCS#8. It is the form of
//! `go-securesystemslib/encrypted`, which cosign and the tools of The Update Framework share.
//!
//! The attack: a key file that asks for more memory or time than there is. The rule: the file's own
//! parameters are held against a limit before they are followed. The default: refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_secretbox::aead::Aead as _;
use crypto_secretbox::{Key, KeyInit as _, Nonce, XSalsa20Poly1305};
use serde::Deserialize;
use troupe_core::{Code, Error, Result, limits};
use zeroize::Zeroizing;

use super::pem;

/// The blocks that such a key stands in; cosign 1 wrote the second.
const LABELS: [&str; 2] = ["ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY"];

#[derive(Deserialize)]
struct Envelope {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Deserialize)]
struct Kdf {
    name: String,
    params: Params,
    salt: String,
}

/// The parameters of scrypt (RFC 7914, section 2).
#[derive(Deserialize)]
struct Params {
    #[serde(rename = "N")]
    cost: u64,
    #[serde(rename = "r")]
    block: u32,
    #[serde(rename = "p")]
    parallel: u32,
}

#[derive(Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

/// Whether a text is a private key under a password.
pub(super) fn is_encrypted(text: &str) -> bool {
    pem::label(text).is_some_and(|label| LABELS.contains(&label))
}

/// The private key in PKCS#8 that is under `password`.
///
/// # Errors
/// [`Code::RequestInvalid`] if the text is damaged, asks for too much, or the password is another.
pub(super) fn decrypted(text: &str, password: &str) -> Result<Zeroizing<Vec<u8>>> {
    let label = pem::label(text).unwrap_or_default();
    let damaged = || wrong("the encrypted private key is damaged");
    let json = pem::read(label, text).ok_or_else(damaged)?;
    let Envelope { kdf, cipher, ciphertext } = serde_json::from_slice(&json).map_err(|_| damaged())?;
    if kdf.name != "scrypt" || cipher.name != "nacl/secretbox" {
        return Err(wrong("the private key is encrypted otherwise than by scrypt and nacl/secretbox"));
    }
    let params = kdf.params.checked()?;
    let of = |text: &str| STANDARD.decode(text).map_err(|_| damaged());
    let mut key = Zeroizing::new([0; 32]);
    scrypt::scrypt(password.as_bytes(), &of(&kdf.salt)?, &params, &mut *key).map_err(|_| damaged())?;
    let nonce: [u8; 24] = of(&cipher.nonce)?.try_into().map_err(|_| damaged())?;
    let opened = XSalsa20Poly1305::new(&Key::from(*key))
        .decrypt(&Nonce::from(nonce), of(&ciphertext)?.as_slice())
        .map_err(|_| wrong("the private key does not open with this password"))?;
    Ok(Zeroizing::new(opened))
}

impl Params {
    fn checked(&self) -> Result<scrypt::Params> {
        let bytes = self.cost.saturating_mul(u64::from(self.block)).saturating_mul(128);
        if bytes > limits::KEY_SCRYPT_BYTES_MAX || self.parallel > limits::KEY_SCRYPT_PARALLEL_MAX {
            let message = format!(
                "the private key's password takes {} of memory, {} times, and may take {}, {} times; encrypt it again \
                 with smaller parameters of scrypt",
                limits::bytes(bytes),
                self.parallel,
                limits::bytes(limits::KEY_SCRYPT_BYTES_MAX),
                limits::KEY_SCRYPT_PARALLEL_MAX
            );
            return Err(wrong(&message));
        }
        let wrong = || wrong("the encrypted private key has parameters that scrypt has not");
        if self.cost < 2 || !self.cost.is_power_of_two() {
            return Err(wrong());
        }
        let log = u8::try_from(self.cost.ilog2()).map_err(|_| wrong())?;
        scrypt::Params::new(log, self.block, self.parallel, scrypt::Params::RECOMMENDED_LEN).map_err(|_| wrong())
    }
}

fn wrong(message: &str) -> Error {
    Error::new(Code::RequestInvalid, message)
}
