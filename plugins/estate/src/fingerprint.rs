//! What makes two findings of two scans the same finding.
//!
//! A fingerprint is made of what a finding is about, and of nothing that may change while it stays: not of
//! its evidence, severity, title or amount, not of when or in how many pieces the scan ran.
//!
//! # Recipe, version 1
//!
//! SHA-256 over the text `troupe-finding-1` and these seven fields in this order: rule, provider, type,
//! account, region, id of the resource, discriminator. Each of the eight is written as its length in bytes
//! of UTF-8 in decimal, a colon, the bytes, and a comma (a *netstring*), so no two lists of fields are
//! written alike. A field that is not known is empty. Type, account, region and id of Azure are in lower
//! case (ASCII letters alone), since Azure takes and gives them in any. The fingerprint is `1:` and the 64
//! lower-case hexadecimal digits.
//!
//! ```python
//! import hashlib
//! def fingerprint(rule, provider, type, account, region, id, discriminator=""):
//!     if provider == "azure":
//!         lower = lambda text: "".join(c.lower() if c.isascii() else c for c in text)
//!         type, account, region, id = map(lower, (type, account, region, id))
//!     fields = ["troupe-finding-1", rule, provider, type, account, region, id, discriminator]
//!     encoded = b"".join(b"%d:%b," % (len(f.encode()), f.encode()) for f in fields)
//!     return "1:" + hashlib.sha256(encoded).hexdigest()
//! ```
//!
//! The type is part of it since ids alone are not unique: a user and a role may have one name, a bucket and
//! a table too. The discriminator tells apart what one rule finds several times at one resource: a port, a
//! statement's id. It must be something that stays, such as `tcp/22 from 0.0.0.0/0`, never a place in a list.
//! A scan that could not learn the account leaves it empty, and its findings are not those of one that did.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Reference;

/// What makes two findings the same: `1:` and 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of what a rule finds at a resource.
    pub fn new(rule: &str, resource: &Reference, discriminator: &str) -> Self {
        let provider = resource.provider;
        let canonical = |text: &str| provider.canonical(text);
        let fields = [
            "troupe-finding-1",
            rule,
            provider.name(),
            &canonical(&resource.kind),
            &canonical(resource.account.as_deref().unwrap_or_default()),
            &canonical(&resource.region),
            &canonical(&resource.id),
            discriminator,
        ];
        let mut hash = Sha256::new();
        for field in fields {
            hash.update(field.len().to_string());
            hash.update(":");
            hash.update(field);
            hash.update(",");
        }
        Self(format!("1:{}", hex::encode(hash.finalize())))
    }

    /// The fingerprint as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits alone, and the version of the recipe: `1`.
    pub(crate) fn parts(&self) -> (&str, &str) {
        let (version, digits) = self.0.split_once(':').unwrap_or(("1", &self.0));
        (digits, version)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Resource;

    fn of(rule: &str, account: &str, region: &str, id: &str, discriminator: &str) -> Fingerprint {
        let group = Resource::new("aws.ec2.security-group", region, id).account(Some(account.to_owned()));
        Fingerprint::new(rule, &group.reference(), discriminator)
    }

    /// Computed by the recipe in Python.
    #[test]
    fn the_recipe_stays_what_it_is() {
        assert_eq!(
            of("network.open-port", "111122223333", "eu-west-1", "sg-0a1b", "tcp/22 from 0.0.0.0/0").as_str(),
            "1:16df7ed16f4f013527a74e9f9670a1c7252189b83604907793229abacfc444b1"
        );
        let disk = Resource::new("azure.Microsoft.Compute/disks", "EastUS", "/Subscriptions/É/Disks/A")
            .account(Some("ABC".to_owned()));
        assert_eq!(
            Fingerprint::new("disk.unattached", &disk.reference(), "").as_str(),
            "1:e8cdfff6c3cef0df9f8b79cc42fb171c6042075d781f6e3d94d756ea6c36127a"
        );
    }

    #[test]
    fn each_field_counts_and_none_runs_into_the_next() {
        let all = [
            of("r", "a", "e", "i", "d"),
            of("r2", "a", "e", "i", "d"),
            of("r", "a2", "e", "i", "d"),
            of("r", "a", "e2", "i", "d"),
            of("r", "a", "e", "i2", "d"),
            of("r", "a", "e", "i", "d2"),
            of("r", "a", "", "ei", "d"),
            of("r", "", "ae", "i", "d"),
            of("r", "a", "e", "i", ""),
        ];
        let different: std::collections::BTreeSet<&Fingerprint> = all.iter().collect();
        assert_eq!(different.len(), all.len());
    }

    #[test]
    fn a_user_and_a_role_of_one_name_are_two() {
        let at = |kind: &'static str| Fingerprint::new("r", &Resource::new(kind, "global", "ann").reference(), "");
        assert_ne!(at("aws.iam.user"), at("aws.iam.role"));
    }
}
