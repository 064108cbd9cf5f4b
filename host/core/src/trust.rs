//! Whom a tenant trusts to vouch for its agents: which keys for which names, and how many of
//! them.
//!
//! A policy is keys and rules. A rule is of a pattern of names, and of the rules whose pattern
//! takes a name in, that of the narrowest pattern holds alone: a rule for `aws` takes the place of one for
//! `*`, and adds nothing to it. A name that no rule takes in is trusted from nobody.
//!
//! | standing of a key | its signatures |
//! |---|---|
//! | `trusted` | count, where a rule names it |
//! | `expired` | count no more, the earlier ones included: nothing proves when one was made |
//! | `revoked` | the same, for good; the key stays in the policy, so that nobody trusts it anew by mistake |
//!
//! What serves goes on when its key expires or is revoked, since a policy decides about what is
//! made to serve from then on and not about what was.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{AgentName, Code, Digest, Error, KeyName, ReleaseRef, Result, Timestamp};

pub use crate::pattern::NamePattern;

/// The kind of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeyKind {
    /// Ed25519, as `troupe keygen` makes.
    Ed25519,
    /// ECDSA on P-256 with SHA-256, as cosign makes.
    EcdsaP256,
}

impl KeyKind {
    /// The word used in documents and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::EcdsaP256 => "ecdsa-p256",
        }
    }
}

/// Whether signatures of a key count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyStanding {
    /// They do, where a rule names it.
    Trusted,
    /// Its time is over.
    Expired,
    /// Somebody took the trust away.
    Revoked,
}

impl KeyStanding {
    /// The word used in documents and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// A key that a tenant knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrustedKey {
    /// The SHA-256 of its `SubjectPublicKeyInfo`.
    #[schema(value_type = String)]
    pub id: Digest,
    /// What people call it; no two keys of a tenant share a name.
    #[schema(value_type = String)]
    pub name: KeyName,
    /// Its kind.
    pub kind: KeyKind,
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

impl TrustedKey {
    /// Whether its signatures count at a time.
    pub fn standing(&self, now: Timestamp) -> KeyStanding {
        if self.revoked_at.is_some() {
            KeyStanding::Revoked
        } else if self.expires_at.is_some_and(|end| end <= now) {
            KeyStanding::Expired
        } else {
            KeyStanding::Trusted
        }
    }

    /// The name and the beginning of the id, for messages.
    fn called(&self) -> String {
        format!("`{}` ({})", self.name, short(&self.id))
    }
}

/// Whose signatures names need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrustRule {
    /// The names: `aws`, `aws*` or `*`.
    #[schema(value_type = String)]
    pub names: NamePattern,
    /// The keys whose signatures count, by id.
    #[schema(value_type = Vec<String>)]
    pub keys: Vec<Digest>,
    /// How many of them must have signed.
    pub threshold: u32,
}

/// Whom a tenant trusts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrustPolicy {
    /// The keys, in the order in which they were added.
    pub keys: Vec<TrustedKey>,
    /// The rules, by their patterns.
    pub rules: Vec<TrustRule>,
}

impl TrustPolicy {
    /// The policy of a tenant that has said nothing: what the host's own key signed may run.
    pub fn of_host(key: TrustedKey) -> Self {
        let rule = TrustRule { names: NamePattern::every(), keys: vec![key.id], threshold: 1 };
        Self { keys: vec![key], rules: vec![rule] }
    }

    /// The key with an id.
    pub fn key(&self, id: &Digest) -> Option<&TrustedKey> {
        self.keys.iter().find(|key| key.id == *id)
    }

    /// The rule that holds for a name.
    pub fn rule(&self, agent: &AgentName) -> Option<&TrustRule> {
        self.rules.iter().filter(|rule| rule.names.takes(agent)).max_by_key(|rule| rule.names.narrowness())
    }

    /// Judges a release that the keys `signed_by` have signed, as somebody verified, and `others`
    /// that the policy does not know; returns those whose signatures count.
    ///
    /// # Errors
    /// [`Code::ArtifactSignature`] saying how many signatures are missing, why each that is there
    /// does not count, and what to do.
    pub fn judge(
        &self,
        release: &ReleaseRef,
        signed_by: &BTreeSet<Digest>,
        others: usize,
        now: Timestamp,
    ) -> Result<Vec<Digest>> {
        self.judge_of(&release.agent, &release.to_string(), signed_by, others, now)
    }

    /// The same for whatever speaks of an agent; `what` names it in the refusal.
    ///
    /// # Errors
    /// As [`TrustPolicy::judge`].
    pub fn judge_of(
        &self,
        agent: &AgentName,
        what: &str,
        signed_by: &BTreeSet<Digest>,
        others: usize,
        now: Timestamp,
    ) -> Result<Vec<Digest>> {
        let refused = |message: String| {
            let ids: Vec<String> = signed_by.iter().map(Digest::to_string).collect();
            Error::new(Code::ArtifactSignature, message).with("keys", ids)
        };
        let Some(rule) = self.rule(agent) else {
            let message = format!(
                "no rule says whose signatures `{agent}` needs, so nothing of it may serve; `troupe trust rule {agent} \
                 --keys NAME` says it"
            );
            return Err(refused(message));
        };
        let mut counted = Vec::new();
        let mut why = Vec::new();
        for key in self.keys.iter().filter(|key| signed_by.contains(&key.id)) {
            let standing = key.standing(now);
            if standing != KeyStanding::Trusted {
                why.push(format!("key {} is {}", key.called(), standing.as_str()));
            } else if rule.keys.contains(&key.id) {
                counted.push(key.id);
            } else {
                why.push(format!("key {} is not one that `{}` may be signed by", key.called(), rule.names));
            }
        }
        let forgotten = signed_by.iter().filter(|id| self.key(id).is_none());
        why.extend(forgotten.map(|id| format!("key {} is not known here", short(id))));
        match others {
            0 => {}
            1 => why.push("1 signature is of no key that is known here".to_owned()),
            _ => why.push(format!("{others} signatures are of no key that is known here")),
        }
        let wanted = rule.threshold;
        if counted.len() >= usize::try_from(wanted).unwrap_or(usize::MAX) {
            return Ok(counted);
        }
        let found = if signed_by.is_empty() && others == 0 {
            let signatures = if wanted == 1 { "signature" } else { "signatures" };
            format!("{what} is not signed, and the rule for `{}` wants {wanted} {signatures}", rule.names)
        } else {
            let why = if why.is_empty() { String::new() } else { format!(" ({})", why.join("; ")) };
            format!(
                "{what} has {} of the {wanted} signatures that the rule for `{}` wants{why}",
                counted.len(),
                rule.names
            )
        };
        Err(refused(format!("{found}; `troupe trust show` lists the keys, `troupe sign` signs")).with("wanted", wanted))
    }
}

/// The beginning of an id, enough to tell keys apart.
fn short(id: &Digest) -> String {
    format!("sha256:{}…", id.hex().get(..12).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn key(name: &str) -> TrustedKey {
        TrustedKey {
            id: Digest::of(name.as_bytes()),
            name: name.parse().unwrap(),
            kind: KeyKind::Ed25519,
            public_key: String::new(),
            added_at: None,
            expires_at: None,
            revoked_at: None,
        }
    }

    fn rule(names: &str, keys: &[&str], threshold: u32) -> TrustRule {
        let keys = keys.iter().map(|name| Digest::of(name.as_bytes())).collect();
        TrustRule { names: names.parse().unwrap(), keys, threshold }
    }

    fn judged(policy: &TrustPolicy, release: &str, keys: &[&str], now: i64) -> Result<usize> {
        let signed = keys.iter().map(|name| Digest::of(name.as_bytes())).collect();
        policy.judge(&release.parse().unwrap(), &signed, 0, Timestamp::from_millis(now)).map(|counted| counted.len())
    }

    #[test]
    fn the_rule_of_the_narrowest_pattern_holds_alone() {
        let policy = TrustPolicy {
            keys: vec![key("host"), key("ci"), key("sec")],
            rules: vec![rule("*", &["host"], 1), rule("aws*", &["ci"], 1), rule("aws", &["ci", "sec"], 2)],
        };
        assert_eq!(judged(&policy, "azure@1.0.0", &["host"], 0).unwrap(), 1);
        assert!(judged(&policy, "aws-costs@1.0.0", &["host"], 0).is_err());
        assert_eq!(judged(&policy, "aws-costs@1.0.0", &["ci"], 0).unwrap(), 1);
        assert!(judged(&policy, "aws@1.0.0", &["ci"], 0).is_err());
        assert_eq!(judged(&policy, "aws@1.0.0", &["ci", "sec"], 0).unwrap(), 2);
    }

    #[test]
    fn a_refusal_says_why_each_signature_does_not_count() {
        let mut policy = TrustPolicy {
            keys: vec![key("ci"), key("old"), key("lost"), key("web")],
            rules: vec![rule("aws", &["ci", "old", "lost"], 2)],
        };
        policy.keys[1].expires_at = Some(Timestamp::from_millis(0).plus(Duration::from_secs(1)));
        policy.keys[2].revoked_at = Some(Timestamp::from_millis(0));
        let all = ["ci", "old", "lost", "web", "stranger"];
        let signed = all.iter().map(|name| Digest::of(name.as_bytes())).collect();
        let refused =
            policy.judge(&"aws@1.0.0".parse().unwrap(), &signed, 1, Timestamp::from_millis(2_000)).unwrap_err();
        assert_eq!(refused.code, Code::ArtifactSignature);
        for why in ["has 1 of the 2", "`old` (sha256:", "is expired", "`lost`", "is revoked", "`web`", "not known here"]
        {
            assert!(refused.message.contains(why), "{why}: {}", refused.message);
        }
        // Before it expired, two had signed.
        assert_eq!(judged(&policy, "aws@1.0.0", &all, 500).unwrap(), 2);
        insta::assert_snapshot!(judged(&policy, "aws@1.0.0", &[], 0).unwrap_err().message, @"aws@1.0.0 is not signed, and the rule for `aws` wants 2 signatures; `troupe trust show` lists the keys, `troupe sign` signs");
        insta::assert_snapshot!(judged(&policy, "gcp@1.0.0", &["ci"], 0).unwrap_err().message, @"no rule says whose signatures `gcp` needs, so nothing of it may serve; `troupe trust rule gcp --keys NAME` says it");
    }

    #[test]
    fn a_pattern_is_a_name_or_how_names_begin() {
        for good in ["aws", "aws*", "aws-*", "*"] {
            assert_eq!(good.parse::<NamePattern>().unwrap().to_string(), good);
        }
        for bad in ["", "**", "a*b", "Aws", "*aws", "aws--*", "2*"] {
            assert!(bad.parse::<NamePattern>().is_err(), "{bad}");
        }
        let takes = |pattern: &str, name: &str| pattern.parse::<NamePattern>().unwrap().takes(&name.parse().unwrap());
        assert!(takes("aws*", "aws") && takes("aws*", "aws-costs") && takes("*", "gcp") && takes("aws", "aws"));
        assert!(!takes("aws", "aws-costs") && !takes("aws-*", "aws") && !takes("aws*", "gcp"));
    }
}
