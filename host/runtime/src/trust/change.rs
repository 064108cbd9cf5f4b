//! Whom a tenant trusts, and who has signed: seeing it, changing it.
//!
//! A change is computed from the policy that is in force and set in its place, compared by
//! revision; so it is made whole or not at all, and of two at once none undoes the other.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::trust::{KeyStanding, NamePattern, TrustPolicy, TrustRule, TrustedKey};
use troupe_core::view::{
    NewSignature, NewTrustRule, NewTrustedKey, SignatureView, SignaturesView, TrustChange, TrustView, TrustedKeyView,
};
use troupe_core::{Caller, Code, Digest, Error, ReleaseRef, Result, Scope, Timestamp, limits, shown};
use troupe_package::{PublicKey, Signature};
use troupe_store::ReleaseRow;

use super::{InForce, judged, verified};
use crate::deploy::release_not_found;
use crate::{Runtime, agents};

/// How often a change is computed anew when another comes between, unless it named a revision.
const TRIES: usize = 8;

impl Runtime {
    /// Whom the caller's tenant trusts, or, for the owner, another.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::TenantNotFound`].
    pub async fn trust(&self, caller: &Caller, tenant: Option<&str>) -> Result<TrustView> {
        let tenant = self.tenant_meant(caller, tenant, Scope::Read).await?;
        Ok(self.trust_view(self.trust_in_force(&tenant).await?))
    }

    /// Changes whom the caller's tenant trusts, or, for the owner, another.
    ///
    /// # Errors
    /// [`Code::TrustConflict`] if the revision is another, or a key is known already;
    /// [`Code::TrustNotFound`] for a key or rule that is not there; [`Code::RequestInvalid`];
    /// [`Code::LimitKeys`].
    pub async fn change_trust(&self, caller: &Caller, tenant: Option<&str>, change: TrustChange) -> Result<TrustView> {
        let tenant = self.tenant_meant(caller, tenant, Scope::Admin).await?;
        self.require_ready()?;
        for _ in 0..TRIES {
            let InForce { revision, policy, .. } = self.trust_in_force(&tenant).await?;
            let changed = Changed::new(policy, &change, self.clock.now())?;
            let decided = changed.decided.into_iter().map(|entry| entry.by(Some(&caller.principal))).collect();
            let document = serde_json::to_string(&changed.policy).map_err(Error::internal)?;
            let before = change.revision.unwrap_or(revision);
            match self.store.set_trust(&tenant, before, document, decided).await {
                Err(error) if error.code == Code::TrustConflict && change.revision.is_none() => {}
                set => {
                    let row = set?;
                    tracing::info!(%tenant, revision = row.revision, by = caller.principal, "trust was changed");
                    let in_force =
                        InForce { revision: row.revision, changed_at: Some(row.changed_at), policy: changed.policy };
                    return Ok(self.trust_view(in_force));
                }
            }
        }
        Err(Error::new(Code::TrustConflict, "whom the tenant trusts is being changed by others; try again"))
    }

    /// Who has signed a release, and whether that is enough.
    ///
    /// # Errors
    /// [`Code::ReleaseNotFound`].
    pub async fn signatures(&self, caller: &Caller, agent: &str, version: &str) -> Result<SignaturesView> {
        caller.require(Scope::Read)?;
        let release = self.signed_release(caller, agent, version).await?;
        self.signatures_view(&release).await
    }

    /// Adds a signature to a published release.
    ///
    /// # Errors
    /// [`Code::ReleaseNotFound`]; [`Code::ArtifactSignature`] if it is of something else, or of no key
    /// that the tenant knows; [`Code::RequestInvalid`].
    pub async fn add_signature(
        &self,
        caller: &Caller,
        agent: &str,
        version: &str,
        request: NewSignature,
    ) -> Result<SignaturesView> {
        agents::permitted(caller, Scope::Operate, agent)?;
        self.require_ready()?;
        let release = self.signed_release(caller, agent, version).await?;
        let signature = signature(&request)?;
        signature.check_is_of(&release.release, &release.digest)?;
        let policy = self.trust_in_force(&caller.tenant).await?.policy;
        let (known, _) = verified(&policy, vec![signature]);
        if known.is_empty() {
            let message = format!(
                "no key that this tenant knows has made the signature of {}; `troupe trust add` makes a key known",
                release.release
            );
            return Err(Error::new(Code::ArtifactSignature, message));
        }
        let by = Some(caller.principal.as_str());
        self.store.sign(&caller.tenant, &release.release, release.digest, known, by).await?;
        self.signatures_view(&release).await
    }

    async fn signed_release(&self, caller: &Caller, agent: &str, version: &str) -> Result<ReleaseRow> {
        let agent = agent.parse().map_err(|_| agents::unknown(agent))?;
        let Ok(version) = version.parse() else {
            let message =
                format!("there is no release {agent}@{}; `troupe agents {agent}` lists its versions", shown(version));
            return Err(Error::new(Code::ReleaseNotFound, message));
        };
        let reference = ReleaseRef { agent, version };
        let row = self.store.release(&caller.tenant, &reference).await?;
        row.ok_or_else(|| release_not_found(&reference))
    }

    async fn signatures_view(&self, release: &ReleaseRow) -> Result<SignaturesView> {
        let policy = self.trust_in_force(&release.tenant).await?.policy;
        let rows = self.store.signatures(&release.tenant, &release.release).await?;
        let now = self.clock.now();
        let why = judged(&policy, &release.release, &release.digest, &rows, now).err().map(|error| error.message);
        let view = |row: troupe_store::SignatureRow| {
            let key = policy.key(&row.key);
            SignatureView {
                key: row.key,
                name: key.map(|key| key.name.clone()),
                standing: key.map(|key| key.standing(now)),
                payload: STANDARD.encode(row.payload),
                signature: STANDARD.encode(row.signature),
                added_at: row.added_at,
            }
        };
        Ok(SignaturesView {
            agent: release.release.agent.to_string(),
            version: release.release.version.clone(),
            digest: release.digest,
            trusted: why.is_none(),
            why,
            signatures: rows.into_iter().map(view).collect(),
        })
    }

    fn trust_view(&self, in_force: InForce) -> TrustView {
        let now = self.clock.now();
        let InForce { revision, changed_at, policy } = in_force;
        let view = |key: TrustedKey| TrustedKeyView {
            standing: key.standing(now),
            id: key.id,
            name: key.name,
            kind: key.kind,
            public_key: key.public_key,
            added_at: key.added_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
        };
        let keys = policy.keys.into_iter().map(view).collect();
        TrustView { revision, changed_at, required: self.trust.required, keys, rules: policy.rules }
    }
}

/// A signature as a client sends it.
///
/// # Errors
/// [`Code::RequestInvalid`] for what is not base64.
pub(crate) fn signature(sent: &NewSignature) -> Result<Signature> {
    let decoded = |field: &str, text: &str| {
        STANDARD.decode(text).map_err(|_| Error::new(Code::RequestInvalid, format!("`{field}` is not base64")))
    };
    let (payload, bytes) = (decoded("payload", &sent.payload)?, decoded("signature", &sent.signature)?);
    Ok(Signature { payload, bytes, hint: None })
}

/// A policy as it is after a change, and what the audit is told of it.
struct Changed {
    policy: TrustPolicy,
    decided: Vec<AuditEntry>,
    now: Timestamp,
}

impl Changed {
    fn new(policy: TrustPolicy, change: &TrustChange, now: Timestamp) -> Result<Self> {
        let TrustChange { add, revoke, remove, set_rules, remove_rules, .. } = change;
        let said = add.len() + revoke.len() + remove.len() + set_rules.len() + remove_rules.len();
        let most = limits::TRUST_CHANGES_MAX;
        if said > most {
            return Err(invalid(format!(
                "a change may add, revoke, remove and set {most} things, and this one has {said}; make it in several"
            )));
        }
        let mut changed = Self { policy, decided: Vec::new(), now };
        for key in &change.add {
            changed.add(key)?;
        }
        for key in &change.revoke {
            changed.revoke(key)?;
        }
        for key in &change.remove {
            changed.remove(key)?;
        }
        for rule in &change.set_rules {
            changed.set_rule(rule)?;
        }
        for names in &change.remove_rules {
            changed.remove_rule(names)?;
        }
        changed.policy.rules.sort_by(|one, other| one.names.cmp(&other.names));
        if changed.policy.rules.len() > limits::TRUST_RULES_MAX {
            return Err(invalid(format!("there may be {} rules; take one away first", limits::TRUST_RULES_MAX)));
        }
        if changed.decided.is_empty() {
            return Err(invalid("the change says nothing; add, revoke or remove a key, or set or remove a rule"));
        }
        Ok(changed)
    }

    fn note(&mut self, what: &str, facts: impl IntoIterator<Item = (&'static str, Value)>) {
        let entry = AuditEntry::new(AuditKind::Trust).with("change", what);
        self.decided.push(facts.into_iter().fold(entry, |entry, (name, fact)| entry.with(name, fact)));
    }

    fn add(&mut self, new: &NewTrustedKey) -> Result<()> {
        let key = PublicKey::from_pem(&new.public_key)?;
        if let Some(known) = self.policy.keys.iter().find(|known| known.id == key.id() || known.name == new.name) {
            let standing = known.standing(self.now);
            let message = match standing {
                KeyStanding::Revoked => format!("key `{}` is known already, and revoked for good", known.name),
                _ => format!("key `{}` is known already; `troupe trust rule` says for which names", known.name),
            };
            return Err(Error::new(Code::TrustConflict, message).with("key", known.id.to_string()));
        }
        let is_in_use = |known: &&TrustedKey| known.revoked_at.is_none();
        let in_use = self.policy.keys.iter().filter(is_in_use).count();
        if in_use >= limits::TRUSTED_KEYS_MAX || self.policy.keys.len() >= limits::KNOWN_KEYS_MAX {
            let message = format!(
                "there may be {} keys that are not revoked, and {} with the revoked ones, which stay; `troupe trust remove` \
                 forgets one that is not revoked and in no rule",
                limits::TRUSTED_KEYS_MAX,
                limits::KNOWN_KEYS_MAX
            );
            return Err(Error::new(Code::LimitKeys, message));
        }
        let expires_at = match new.expires_in_s {
            None => None,
            Some(seconds @ 1..=limits::TRUST_SECONDS_MAX) => {
                Some(self.now.plus(std::time::Duration::from_secs(seconds)))
            }
            Some(_) => {
                return Err(invalid(format!("`expires_in_s` is 1 to {}", limits::TRUST_SECONDS_MAX)));
            }
        };
        let id = key.id();
        for names in &new.names {
            match self.policy.rules.iter_mut().find(|rule| rule.names == *names) {
                Some(rule) => rule.keys.push(id),
                None => self.policy.rules.push(TrustRule { names: names.clone(), keys: vec![id], threshold: 1 }),
            }
        }
        let mut facts = vec![
            ("key", Value::from(id.to_string())),
            ("name", new.name.as_str().into()),
            ("names", new.names.iter().map(NamePattern::to_string).collect::<Vec<_>>().into()),
        ];
        facts.extend(expires_at.map(|end| ("expires_at", end.to_string().into())));
        self.note("key_added", facts);
        self.policy.keys.push(TrustedKey {
            id,
            name: new.name.clone(),
            kind: key.kind(),
            public_key: key.to_pem(),
            added_at: Some(self.now),
            expires_at,
            revoked_at: None,
        });
        Ok(())
    }

    fn revoke(&mut self, meant: &str) -> Result<()> {
        let (id, now) = (self.meant(meant)?, self.now);
        if let Some(key) = self.policy.keys.iter_mut().find(|key| key.id == id) {
            key.revoked_at = key.revoked_at.or(Some(now));
            let name = key.name.to_string();
            self.note("key_revoked", [("key", id.to_string().into()), ("name", name.into())]);
        }
        Ok(())
    }

    fn remove(&mut self, meant: &str) -> Result<()> {
        let id = self.meant(meant)?;
        let name = self.policy.key(&id).map(|key| key.name.to_string()).unwrap_or_default();
        if self.policy.key(&id).is_some_and(|key| key.revoked_at.is_some()) {
            let message =
                format!("key `{name}` is revoked and stays on record, so that nobody trusts it anew by mistake");
            return Err(Error::new(Code::TrustConflict, message));
        }
        if let Some(rule) = self.policy.rules.iter().find(|rule| rule.keys.contains(&id)) {
            let message = format!("the rule for `{}` names key `{name}`; change the rule first", rule.names);
            return Err(Error::new(Code::TrustConflict, message));
        }
        self.policy.keys.retain(|key| key.id != id);
        self.note("key_removed", [("key", id.to_string().into()), ("name", name.into())]);
        Ok(())
    }

    fn set_rule(&mut self, new: &NewTrustRule) -> Result<()> {
        let mut keys = Vec::new();
        for key in &new.keys {
            let id = self.meant(key)?;
            if keys.contains(&id) {
                return Err(invalid(format!("the rule for `{}` names key `{}` twice", new.names, shown(key))));
            }
            keys.push(id);
        }
        let threshold = new.threshold.unwrap_or(1);
        if threshold == 0 || usize::try_from(threshold).unwrap_or(usize::MAX) > keys.len() {
            let message = format!(
                "the threshold of the rule for `{}` is 1 to {}, as many as there are keys in it",
                new.names,
                keys.len()
            );
            return Err(invalid(message));
        }
        self.policy.rules.retain(|rule| rule.names != new.names);
        self.note(
            "rule_set",
            [
                ("names", new.names.to_string().into()),
                ("keys", keys.iter().map(Digest::to_string).collect::<Vec<_>>().into()),
                ("threshold", threshold.into()),
            ],
        );
        self.policy.rules.push(TrustRule { names: new.names.clone(), keys, threshold });
        Ok(())
    }

    fn remove_rule(&mut self, names: &NamePattern) -> Result<()> {
        let before = self.policy.rules.len();
        self.policy.rules.retain(|rule| rule.names != *names);
        if self.policy.rules.len() == before {
            return Err(Error::new(Code::TrustNotFound, format!("there is no rule for `{names}`")));
        }
        self.note("rule_removed", [("names", names.to_string().into())]);
        Ok(())
    }

    /// The key that is meant, by id or by name.
    fn meant(&self, text: &str) -> Result<Digest> {
        let found = self.policy.keys.iter().find(|key| key.name.as_str() == text || key.id.to_string() == text);
        found.map(|key| key.id).ok_or_else(|| {
            let message = format!("there is no key `{}`; `troupe trust show` lists those there are", shown(text));
            Error::new(Code::TrustNotFound, message)
        })
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(Code::RequestInvalid, message)
}
