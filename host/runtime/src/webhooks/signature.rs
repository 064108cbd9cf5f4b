//! The secrets by which webhooks sign, and their signatures, as the specification of Standard Webhooks has them.
//!
//! *The attack:* whoever reads the database, or a backup of it, sends what looks as if it came from this host. *The rule:*
//! a secret is no row: it is made of a key that is kept beside the token of the data directory, the webhook's id and
//! the number of the rotation, whenever something is signed. The row has a mark of it, by which a host with another
//! key notices that it cannot sign, and which does not lead back to the secret.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use troupe_core::TenantId;

/// What stands before a secret as people hand it on.
const PREFIX: &str = "whsec_";

/// Bytes that SHA-256 gives.
const HASH: usize = 32;

/// A key of the host, of which the secrets of its webhooks are made.
#[derive(Clone)]
pub struct WebhookKey(pub [u8; HASH]);

impl fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookKey")
    }
}

impl WebhookKey {
    /// By which it is known again. It does not lead back to the key.
    pub(crate) fn mark(&self) -> String {
        mark(&self.0, b"troupe webhook key")
    }
}

/// A secret that sender and receiver share.
pub(crate) struct Secret([u8; HASH]);

impl Secret {
    /// The secret of a webhook with this id, after so many rotations.
    pub(crate) fn of(key: &WebhookKey, tenant: &TenantId, id: &str, generation: u32) -> Self {
        let generation = generation.to_be_bytes();
        let parts: [&[u8]; 6] =
            [b"troupe webhook v1\0", tenant.as_str().as_bytes(), b"\0", id.as_bytes(), b"\0", generation.as_slice()];
        Self(hmac(&key.0, &parts))
    }

    /// As people hand it on.
    pub(crate) fn text(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(self.0))
    }

    /// By which it is known again.
    pub(crate) fn mark(&self) -> String {
        mark(&self.0, b"troupe webhook mark")
    }

    /// Signs a message that is sent at a time, in seconds since the Unix epoch.
    pub(super) fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        let mac = hmac(&self.0, &[id.as_bytes(), b".", seconds.to_string().as_bytes(), b".", body]);
        format!("v1,{}", STANDARD.encode(mac))
    }
}

/// The id of a message: the same however often it is sent, and that of no other message of any host.
pub(super) fn message_id(id: &str, position: u64) -> String {
    let hash: [u8; HASH] = Sha256::digest(format!("{id}/{position}")).into();
    format!("evt_{}", hex::encode(hash).chars().take(32).collect::<String>())
}

/// By which a key is known again, which does not lead back to it.
fn mark(key: &[u8], label: &[u8]) -> String {
    hex::encode(hmac(key, &[label])).chars().take(16).collect()
}

/// HMAC-SHA256 (RFC 2104) of parts that stand one after the other.
pub(crate) fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; HASH] {
    // Of a key of any length there is one.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; HASH] };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_standard_webhooks() {
        // The example of the specification's reference implementations.
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        let mac = hmac(&secret, &[b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.", body]);
        assert_eq!(STANDARD.encode(mac), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn each_webhook_and_each_rotation_has_a_secret_of_its_own() {
        let (key, other) = (WebhookKey([1; HASH]), WebhookKey([2; HASH]));
        let (tenant, foreign) = (TenantId::default(), "acme".parse().unwrap());
        let all = [
            Secret::of(&key, &tenant, "a", 1),
            Secret::of(&key, &tenant, "a", 2),
            Secret::of(&key, &tenant, "b", 1),
            Secret::of(&key, &foreign, "a", 1),
            Secret::of(&other, &tenant, "a", 1),
        ];
        let texts: std::collections::BTreeSet<String> = all.iter().map(Secret::text).collect();
        let marks: std::collections::BTreeSet<String> = all.iter().map(Secret::mark).collect();
        assert_eq!((texts.len(), marks.len()), (5, 5));
        assert_eq!(Secret::of(&key, &tenant, "a", 1).text(), all[0].text());
        assert!(all[0].text().starts_with("whsec_") && all[0].mark().len() == 16);
        assert!(message_id("a", 1) != message_id("a", 2) && message_id("a", 1) != message_id("b", 1));
        assert_eq!(format!("{key:?}"), "WebhookKey");
    }
}
