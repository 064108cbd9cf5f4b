//! What of releases and channels was refused, as the audit has it.
//!
//! One rule for all that brings them: publishes, pulls, pushes and documents of channels. On record
//! is what was looked at and refused. What could not be reached or may not be asked for was not
//! looked at, and says nothing about it.

use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::{Code, Digest, ReleaseRef, Result, TenantId};

use crate::Runtime;

/// Which release something says it is, and with which digest.
pub(crate) type Named = (ReleaseRef, Digest);

impl Runtime {
    /// Hands on what came of something, and records it if that is a refusal; `entry` says of what.
    pub(crate) async fn refusal_recorded<T>(
        &self,
        tenant: &TenantId,
        came: Result<T>,
        entry: impl FnOnce() -> AuditEntry,
    ) -> Result<T> {
        if let Err(error) = &came
            && is_refusal(error.code)
        {
            let said = told(error.code).iter().filter_map(|name| Some((*name, error.details.get(*name)?.clone())));
            let entry = said.fold(entry(), |entry, (name, value)| entry.with(name, value));
            self.store.audit(tenant, vec![AuditEntry { code: Some(error.code), ..entry }]).await?;
        }
        came
    }
}

/// A refusal of a release, if it got so far that it is known which.
pub(crate) fn of(kind: AuditKind, by: Option<&str>, named: Option<&Named>) -> AuditEntry {
    let entry = AuditEntry::new(kind).by(by);
    match named {
        Some((release, digest)) => entry.of(&release.agent).on(&release.version, *digest),
        None => entry,
    }
}

/// Whether something was understood and refused, or found to be missing where it has to be.
fn is_refusal(code: Code) -> bool {
    is_of_release(code) || code == Code::RegistryStale
}

/// Whether a code says what is wrong with a release itself.
pub(crate) fn is_of_release(code: Code) -> bool {
    code.as_str().starts_with("artifact.") || matches!(code, Code::ManifestInvalid | Code::ProfileInvalid)
}

/// What of a refusal's details is on record: by whom it was signed, and what was seen before.
const fn told(code: Code) -> &'static [&'static str] {
    match code {
        Code::ArtifactSignature => &["keys", "unknown"],
        Code::RegistryStale => &["seen"],
        _ => &[],
    }
}
