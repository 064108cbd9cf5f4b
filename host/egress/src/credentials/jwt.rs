//! Signed statements: JSON Web Tokens (RFC 7519) under RS256, as Google's token endpoint
//! takes them. The signature is made by the same code that TLS uses.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::SignatureScheme;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::sign::SigningKey;
use serde_json::{Value, json};
use std::sync::Arc;
use troupe_core::{Code, Error, Result};

/// A private RSA key.
#[derive(Debug, Clone)]
pub(super) struct Key(Arc<dyn SigningKey>);

impl Key {
    /// Reads a key in PEM.
    ///
    /// # Errors
    /// [`Code::CredentialsInvalid`] if it is no RSA key.
    pub(super) fn from_pem(pem: &str) -> Result<Self> {
        // The cause of a key that cannot be read could show a piece of it.
        let invalid = || Error::new(Code::CredentialsInvalid, "the private key is not an RSA key in PEM");
        let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| invalid())?;
        let key = any_supported_type(&der).map_err(|_| invalid())?;
        key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).ok_or_else(invalid)?;
        Ok(Self(key))
    }

    /// Signs claims; `id` tells the reader which key it is.
    ///
    /// # Errors
    /// [`Code::CredentialsInvalid`] if the key cannot sign.
    pub(super) fn sign(&self, id: Option<&str>, claims: &Value) -> Result<String> {
        let mut header = json!({ "alg": "RS256", "typ": "JWT" });
        if let (Some(id), Some(header)) = (id, header.as_object_mut()) {
            header.insert("kid".to_owned(), id.into());
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let cannot = || Error::new(Code::CredentialsInvalid, "the private key cannot sign");
        let signer = self.0.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).ok_or_else(cannot)?;
        let signature = signer.sign(signed.as_bytes()).map_err(|_| cannot())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}
