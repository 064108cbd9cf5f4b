//! Signatures of releases: who has signed what, and whether a tenant's policy lets that serve.
//!
//! *The attack:* a release that nobody whom the tenant trusts vouches for is published, pulled or
//! made to serve; or one whose key was stolen is made to serve after the theft was known. *The
//! rule:* what comes in is judged before anything of it is visible or looked into
//! ([`Runtime::accepted`], the one question of whoever brings releases), and judged again, by the
//! policy of then, before it is compiled, tried or put in force ([`Runtime::may_serve`]). *The
//! default:* refused. Only a host that was told so (`dev`) runs what nobody signed.
//!
//! What serves goes on when a key of it is revoked, expires or is removed: a policy says what may be
//! made to serve, and whoever wants a release gone swaps it. A restart changes nothing about that, so
//! of a release that serves and is loaded it is asked only whether somebody signed it whose key the
//! tenant has ever known ([`Runtime::was_signed`]). What is tried beside it is judged as ever.
//!
//! Kept are signatures by keys that the tenant knew when they came, so each on record was verified
//! once. It is verified again whenever it counts, since a row is no proof.

mod change;

use std::collections::BTreeSet;

use troupe_core::trust::{TrustPolicy, TrustedKey};
use troupe_core::{Code, Digest, Error, KeyName, ReleaseRef, Result, TenantId, Timestamp};
use troupe_package::{PublicKey, Signature};
use troupe_store::{NewSignatureRow, ReleaseRow, SignatureRow};

use crate::Runtime;
use crate::blocking::blocking;

pub(crate) use change::signature;

/// What the host's own key is called.
const OWN: &str = "host";

/// Whether a host runs what lacks the signatures that a policy wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignaturePolicy {
    /// It does: whoever publishes here is its operator, and builds what runs.
    NotAsked,
    /// It does not.
    Required,
}

/// What a host knows of signatures from its start.
#[derive(Debug)]
pub(crate) struct Trust {
    pub(crate) required: bool,
    /// What is in force for a tenant that has said nothing.
    initial: TrustPolicy,
}

impl Trust {
    /// A host that has a key of its own, or none.
    ///
    /// # Errors
    /// None that a caller could cause.
    pub(crate) fn new(policy: SignaturePolicy, own: Option<&PublicKey>) -> Result<Self> {
        let name: KeyName = OWN.parse()?;
        let initial = own.map(|key| {
            TrustPolicy::of_host(TrustedKey {
                id: key.id(),
                name,
                kind: key.kind(),
                public_key: key.to_pem(),
                added_at: None,
                expires_at: None,
                revoked_at: None,
            })
        });
        Ok(Self { required: policy == SignaturePolicy::Required, initial: initial.unwrap_or_default() })
    }
}

/// The policy that is in force for a tenant.
pub(crate) struct InForce {
    pub(crate) revision: u64,
    pub(crate) changed_at: Option<Timestamp>,
    pub(crate) policy: TrustPolicy,
}

/// Who has signed a release.
pub(crate) struct Heard {
    pub(crate) policy: TrustPolicy,
    /// Signatures of keys that the policy knows.
    pub(crate) known: Vec<NewSignatureRow>,
    /// Of the others, the keys that they say they are of.
    pub(crate) others: Vec<Option<Digest>>,
}

impl Runtime {
    /// The policy that is in force for a tenant.
    pub(crate) async fn trust_in_force(&self, tenant: &TenantId) -> Result<InForce> {
        let Some(row) = self.store.trust(tenant).await? else {
            return Ok(InForce { revision: 0, changed_at: None, policy: self.trust.initial.clone() });
        };
        let policy = serde_json::from_str(&row.document).map_err(Error::internal)?;
        Ok(InForce { revision: row.revision, changed_at: Some(row.changed_at), policy })
    }

    /// Judges a release that comes in, by publishing or by a pull, before anything of it is kept,
    /// compiled or run; returns the signatures that are worth keeping.
    ///
    /// # Errors
    /// [`Code::ArtifactSignature`], with the ids of the keys that have signed in its details.
    pub(crate) async fn accepted(
        &self,
        tenant: &TenantId,
        release: &ReleaseRef,
        digest: Digest,
        signatures: Vec<Signature>,
    ) -> Result<Vec<NewSignatureRow>> {
        let Heard { policy, known, others } = self.heard(tenant, release, digest, signatures).await?;
        if self.trust.required {
            let keys = known.iter().map(|row| row.key).collect();
            let judged = policy.judge(release, &keys, others.len(), self.clock.now());
            judged.map_err(|error| told(error, &others))?;
        }
        Ok(known)
    }

    /// Finds out who has signed a release. What does not speak of this release is refused even
    /// where signatures are not asked for: somebody has mixed things up.
    ///
    /// # Errors
    /// [`Code::ArtifactSignature`].
    pub(crate) async fn heard(
        &self,
        tenant: &TenantId,
        release: &ReleaseRef,
        digest: Digest,
        signatures: Vec<Signature>,
    ) -> Result<Heard> {
        for signature in &signatures {
            signature.check_is_of(release, &digest)?;
        }
        let InForce { policy, .. } = self.trust_in_force(tenant).await?;
        blocking(move || {
            let (known, others) = verified(&policy, signatures);
            Ok(Heard { policy, known, others })
        })
        .await
    }

    /// Judges a published release by the policy of now: before it is compiled, tried or put in
    /// force.
    ///
    /// # Errors
    /// [`Code::ArtifactSignature`].
    pub(crate) async fn may_serve(&self, release: &ReleaseRow) -> Result<()> {
        if !self.trust.required {
            return Ok(());
        }
        let InForce { policy, .. } = self.trust_in_force(&release.tenant).await?;
        let rows = self.store.signatures(&release.tenant, &release.release).await?;
        let (release, digest, now) = (release.release.clone(), release.digest, self.clock.now());
        blocking(move || judged(&policy, &release, &digest, &rows, now)).await.map(drop)
    }

    /// Checks that somebody whose key the tenant has known has signed a release that is loaded
    /// because it serves already, whatever has become of the key.
    ///
    /// # Errors
    /// [`Code::ArtifactSignature`].
    pub(crate) async fn was_signed(&self, release: &ReleaseRow) -> Result<()> {
        if !self.trust.required {
            return Ok(());
        }
        let (tenant, reference) = (&release.tenant, &release.release);
        let rows = self.store.signatures(tenant, reference).await?;
        let wrong = |message: String| Err(Error::new(Code::ArtifactSignature, message));
        if rows.is_empty() {
            return wrong(format!(
                "{reference} was deployed under `dev` and nobody has signed it; `troupe sign {reference}` signs it, and \
                 a swap makes it serve"
            ));
        }
        // A key that was removed since stands in an earlier policy.
        let mut policies = vec![self.trust.initial.clone()];
        for document in self.store.trust_documents(tenant).await? {
            policies.push(serde_json::from_str(&document).map_err(Error::internal)?);
        }
        let (of, digest) = (reference.clone(), release.digest);
        let is_signed = blocking(move || {
            let known = |row: &SignatureRow| policies.iter().find_map(|policy| policy.key(&row.key).cloned());
            Ok(rows.iter().any(|row| known(row).is_some_and(|key| holds(row, &key, &of, &digest))))
        });
        if is_signed.await? {
            return Ok(());
        }
        wrong(format!(
            "none of the signatures of {reference} on record is by a key that the tenant has known, so they were not \
             written by this host; `troupe sign {reference}` signs it, and a swap makes it serve"
        ))
    }
}

/// A refusal with the keys that the policy does not know.
pub(crate) fn told(error: Error, others: &[Option<Digest>]) -> Error {
    let named: Vec<String> = others.iter().flatten().map(Digest::to_string).collect();
    if named.is_empty() { error } else { error.with("unknown", named) }
}

/// The signatures that a key of the policy has made, one for each key, and of the others the keys
/// that they say they are of.
pub(crate) fn verified(
    policy: &TrustPolicy,
    signatures: Vec<Signature>,
) -> (Vec<NewSignatureRow>, Vec<Option<Digest>>) {
    let keys: Vec<(Digest, PublicKey)> =
        policy.keys.iter().filter_map(|key| Some((key.id, PublicKey::from_pem(&key.public_key).ok()?))).collect();
    let (mut seen, mut known, mut others) = (BTreeSet::new(), Vec::new(), Vec::new());
    for signature in signatures {
        // The key that is named first; it is most often right.
        let named = keys.iter().filter(|(id, _)| Some(*id) == signature.hint);
        let made = named.chain(&keys).find(|(_, key)| signature.is_by(key));
        match made {
            Some((id, _)) if seen.insert(*id) => {
                known.push(NewSignatureRow { key: *id, payload: signature.payload, signature: signature.bytes });
            }
            Some(_) => {}
            None => others.push(signature.hint),
        }
    }
    (known, others)
}

/// Judges a release by the signatures on record.
fn judged(
    policy: &TrustPolicy,
    release: &ReleaseRef,
    digest: &Digest,
    rows: &[SignatureRow],
    now: Timestamp,
) -> Result<Vec<Digest>> {
    let counts = |row: &&SignatureRow| {
        // By a key that was forgotten since it counts for nothing, and is told of as such.
        policy.key(&row.key).is_none_or(|key| holds(row, key, release, digest))
    };
    let keys: BTreeSet<Digest> = rows.iter().filter(counts).map(|row| row.key).collect();
    policy.judge(release, &keys, 0, now)
}

/// Whether a signature on record is by the key that it names, and of this release.
fn holds(row: &SignatureRow, key: &TrustedKey, release: &ReleaseRef, digest: &Digest) -> bool {
    let signature = Signature { payload: row.payload.clone(), bytes: row.signature.clone(), hint: None };
    let made = PublicKey::from_pem(&key.public_key).is_ok_and(|key| key.id() == row.key && signature.is_by(&key));
    made && signature.check_is_of(release, digest).is_ok()
}
