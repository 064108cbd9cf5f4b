//! Servers that hand out tokens and keep secrets, as strict about the wire as the real ones:
//! Microsoft Entra ID, Google's token endpoint and metadata server, HashiCorp Vault, and the AWS
//! Security Token Service. Each has the canaries of the host that it serves, which watch what it
//! hands out from that moment on.

pub mod entra;
pub mod google;
pub mod sts;
pub mod vault;

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::SignatureScheme;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use tokio::time::Instant;
use troupe_core::{Clock as _, SystemClock};

use crate::canary::Canaries;

/// Seconds since the epoch.
pub fn now() -> u64 {
    u64::try_from(SystemClock.now().as_millis() / 1000).expect("after 1970")
}

/// Tokens that were handed out, and until when each is good.
#[derive(Debug)]
pub struct Tokens {
    given: Mutex<HashMap<String, Instant>>,
    canaries: Canaries,
}

impl Tokens {
    /// None yet; those that come are watched for.
    pub fn watched(canaries: &Canaries) -> Self {
        Self { given: Mutex::default(), canaries: canaries.clone() }
    }

    /// Hands out a token that nobody had before.
    pub fn give(&self, prefix: &str, life: Duration) -> String {
        let mut given = self.given.lock().expect("no panic while held");
        let token = format!("{prefix}.{:032x}", rand::random::<u128>());
        given.insert(token.clone(), Instant::now() + life);
        self.canaries.watch(&token);
        token
    }

    /// Whether a token was handed out and is good still.
    pub fn is_good(&self, token: &str) -> bool {
        let given = self.given.lock().expect("no panic while held");
        given.get(token).is_some_and(|until| Instant::now() < *until)
    }
}

/// Reads a statement signed by the private key of the tests, and returns header and claims;
/// none if the signature is not the key's.
pub fn verified(statement: &str) -> Option<(Value, Value)> {
    let (signed, signature) = statement.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
    let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
    let (_, verifiers) = algorithms.mapping.iter().find(|(scheme, _)| *scheme == SignatureScheme::RSA_PKCS1_SHA256)?;
    let signature = decode(signature)?;
    let good = verifiers.iter().any(|one| one.verify_signature(PUBLIC_KEY, signed.as_bytes(), &signature).is_ok());
    let json = |part: &str| serde_json::from_slice(&decode(part)?).ok();
    if good { Some((json(header)?, json(claims)?)) } else { None }
}

/// Signs claims with the private key of the tests, as a platform does that says who runs on it.
pub fn signed(claims: &Value) -> String {
    let key = PrivateKeyDer::from_pem_slice(PRIVATE_KEY.as_bytes()).expect("a key");
    let key = rustls::crypto::ring::sign::any_supported_type(&key).expect("a key that signs");
    let signer = key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).expect("an RSA key");
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(&json!({ "alg": "RS256", "typ": "JWT" })), part(claims));
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signer.sign(text.as_bytes()).expect("a signature")))
}

/// The private key of the tests, in PEM. It opens nothing.
pub const PRIVATE_KEY: &str = include_str!("identity/key.pem");

/// Its public part, as PKCS #1 has it.
const PUBLIC_KEY: &[u8] = include_bytes!("identity/key.pub.der");
