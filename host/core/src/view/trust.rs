//! Signatures, and whom a tenant trusts, as clients see and change them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::trust::{KeyKind, KeyStanding, NamePattern, TrustRule};
use crate::{Digest, KeyName, Timestamp};

/// Whom a tenant trusts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TrustView {
    /// Rises with every change; 0 while nobody has said anything, when the host's own key is
    /// trusted for every name.
    pub revision: u64,
    /// When it was changed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub changed_at: Option<Timestamp>,
    /// Whether releases without the signatures that a rule wants are refused; under `dev` they are not.
    pub required: bool,
    /// The keys.
    pub keys: Vec<TrustedKeyView>,
    /// The rules; of those that take a name in, the one of the narrowest pattern holds alone.
    pub rules: Vec<TrustRule>,
}

/// A key, and whether its signatures count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrustedKeyView {
    /// The SHA-256 of its `SubjectPublicKeyInfo`.
    #[schema(value_type = String)]
    pub id: Digest,
    /// What people call it.
    #[schema(value_type = String)]
    pub name: KeyName,
    /// Its kind.
    pub kind: KeyKind,
    /// Whether its signatures count now, where a rule names it.
    pub standing: KeyStanding,
    /// The key itself, as PEM text.
    pub public_key: String,
    /// When it was added; absent of the host's own, which was there from the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub added_at: Option<Timestamp>,
    /// When its signatures cease to count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

/// A request to change whom a tenant trusts. It is made whole or not at all, in the order of its
/// fields. Keys are meant by id or by name.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustChange {
    /// The revision the caller looked at; when it is another, nothing is changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Keys to know, and the names for which they are trusted from now on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<NewTrustedKey>,
    /// Keys to revoke, for good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revoke: Vec<String>,
    /// Keys to forget. One that is revoked stays.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
    /// Rules; each stands in place of the one of the same pattern.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set_rules: Vec<NewTrustRule>,
    /// Patterns whose rules are taken away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub remove_rules: Vec<NamePattern>,
}

/// A key to know.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTrustedKey {
    /// What to call it.
    #[schema(value_type = String)]
    pub name: KeyName,
    /// The key, as PEM text: Ed25519, or ECDSA on P-256 as `cosign.pub` has it.
    pub public_key: String,
    /// For how many seconds its signatures count; for ever when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_s: Option<u64>,
    /// The names for which it is trusted: it is added to the rule of each of these patterns, which
    /// is made, with a threshold of 1, where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub names: Vec<NamePattern>,
}

/// A rule to set.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTrustRule {
    /// The names: `aws`, `aws*` or `*`.
    #[schema(value_type = String)]
    pub names: NamePattern,
    /// The keys whose signatures count, by id or by name.
    pub keys: Vec<String>,
    /// How many of them must have signed; 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<u32>,
}

/// A signature to add to a published release.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSignature {
    /// The document that was signed, to the byte, in base64.
    pub payload: String,
    /// The signature, in base64.
    pub signature: String,
}

/// Who has signed a release, and whether that is enough.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SignaturesView {
    /// The agent's name.
    pub agent: String,
    /// The version.
    #[schema(value_type = String)]
    pub version: semver::Version,
    /// The release's digest, which is what was signed.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// Whether it has the signatures that the tenant's policy wants now.
    pub trusted: bool,
    /// Why not, where it has not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The signatures, in the order in which they came.
    pub signatures: Vec<SignatureView>,
}

/// One signature of a release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SignatureView {
    /// The id of the key.
    #[schema(value_type = String)]
    pub key: Digest,
    /// What people call the key, while the tenant knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub name: Option<KeyName>,
    /// Whether signatures of the key count now, while the tenant knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<KeyStanding>,
    /// The document that was signed, in base64.
    pub payload: String,
    /// The signature, in base64.
    pub signature: String,
    /// When it came.
    #[schema(value_type = String, format = DateTime)]
    pub added_at: Timestamp,
}
