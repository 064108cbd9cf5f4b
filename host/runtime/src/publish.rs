//! Publishing: a release enters the host, whole or not at all.
//!
//! ```text
//! archive ─ read ─ same version? ─ admission ─ profile equal? ─ compiled code kept
//!                                                                      │
//!            index.json (derived) ◂─ one row: THE publish ◂─ blobs fsynced
//! ```
//!
//! Nothing is visible before the row is committed, and a failure or a crash before it
//! leaves at most unreferenced blobs, which the next start sweeps away.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::view::ReleaseView;
use troupe_core::{Caller, Code, Digest, Error, ReleaseRef, Result, Scope};
use troupe_package::{Manifest, Profile, read_archive};
use troupe_registry::IndexEntry;
use troupe_store::{NewRelease, Published, ReleaseDigest, ReleaseRow};

use crate::admission::Admitted;
use crate::blocking::blocking;
use crate::components::Loaded;
use crate::{Runtime, agents, route};

impl Runtime {
    /// Checks that the caller may publish now, before an archive is read.
    ///
    /// # Errors
    /// [`Code::AuthScope`], and those of [`Runtime::require_ready`].
    pub fn may_publish(&self, caller: &Caller) -> Result<()> {
        caller.require(Scope::Operate)?;
        self.require_ready()
    }

    /// Publishes the release in an archive; says whether it is new.
    ///
    /// # Errors
    /// The codes `artifact.*`, `manifest.invalid` and `profile.invalid`, each naming what
    /// is wrong; [`Code::ArtifactImmutable`] if the version exists with other bytes.
    pub async fn publish(&self, caller: &Caller, archive: Vec<u8>) -> Result<(ReleaseView, bool)> {
        self.may_publish(caller)?;
        let (sent, archive) = blocking(move || Ok((Digest::of(&archive), archive))).await?;
        let (bytes, mut named) = (archive.len(), None);
        let published = self.try_publish(caller, archive, &mut named).await;
        if let Err(error) = &published
            && is_refusal(error.code)
        {
            // Which release it says it is, if it got so far, and what was sent.
            let entry = AuditEntry::new(AuditKind::PublishRefused).by(Some(&caller.principal));
            let entry = match named {
                Some((release, digest)) => entry.of(&release.agent).on(&release.version, digest),
                None => entry,
            };
            let entry = entry.with("archive", sent.to_string()).with("bytes", bytes);
            let entry = AuditEntry { code: Some(error.code), ..entry };
            self.store.audit(&caller.tenant, vec![entry]).await?;
        }
        published
    }

    async fn try_publish(
        &self,
        caller: &Caller,
        archive: Vec<u8>,
        named: &mut Option<(ReleaseRef, Digest)>,
    ) -> Result<(ReleaseView, bool)> {
        let read = move || {
            let (digest, release) = read_archive(archive.as_slice())?;
            Ok((digest, Digest::of(&release.component), release))
        };
        let (digest, component, release) = blocking(read).await?;
        let reference = release.manifest.release();
        *named = Some((reference.clone(), digest));
        if let Some(row) = self.store.release(&caller.tenant, &reference).await? {
            if row.digest != digest {
                return Err(immutable(&reference));
            }
            // Nothing is new, but what the disk has damaged is mended.
            let layout = Arc::clone(&self.layout);
            blocking(move || layout.put(&release)).await?;
            self.renew_index().await;
            return Ok((view(&(&row).into()), false));
        }
        troupe_sandbox::check_grants(&release.manifest.capabilities.grants())?;
        route::check_schemas(&release.profile)?;
        let described = self.admit(component, release.component.clone()).await?.described;
        same_profile(&described, &release.profile)?;
        let (manifest, profile) = (release.manifest.to_json(), release.profile.to_json());
        let layout = Arc::clone(&self.layout);
        let stored = blocking(move || layout.put(&release)).await?;
        if stored != digest {
            return Err(Error::new(
                Code::ArtifactDigest,
                "the archive is not in the form this host writes; build it again",
            ));
        }
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(Error::internal);
        let new = NewRelease {
            release: reference.clone(),
            digest,
            component,
            manifest: text(manifest)?,
            profile: text(profile)?,
        };
        let (row, is_new) = match self.store.publish(&caller.tenant, new, Some(&caller.principal)).await? {
            Published::New(row) => (row, true),
            Published::Same(row) => (row, false),
        };
        tracing::info!(tenant = %caller.tenant, release = %reference, %digest, "published");
        self.renew_index().await;
        Ok((view(&(&row).into()), is_new))
    }

    /// Looks inside a component that has not been published: what it says of itself. Its
    /// compiled code is kept, so that publishing it is quick.
    ///
    /// # Errors
    /// As [`Runtime::publish`].
    pub async fn describe(&self, caller: &Caller, component: Vec<u8>) -> Result<Profile> {
        caller.require(Scope::Operate)?;
        let (digest, component) = blocking(move || Ok((Digest::of(&component), component))).await?;
        let described = self.admit(digest, component).await?.described;
        Profile::parse(&described)
    }

    /// The manifest and the profile of a release.
    ///
    /// # Errors
    /// [`Code::ReleaseNotFound`].
    pub async fn release(&self, caller: &Caller, reference: &ReleaseRef) -> Result<(Manifest, Profile)> {
        caller.require(Scope::Read)?;
        let row = self.release_row(caller, reference).await?;
        Ok((agents::manifest(&row)?, agents::profile(&row)?))
    }

    /// Loads a component and has it describe itself. Code that this host has not made
    /// yet is made by admission, whose child is the first to look inside.
    pub(crate) async fn admit(&self, digest: Digest, component: Vec<u8>) -> Result<Loaded> {
        if let Some(loaded) = self.loaded(&digest).await? {
            return Ok(loaded);
        }
        let Admitted { code, profile } = self.admission.admit(component).await?;
        let runtime = self.clone();
        blocking(move || runtime.sandbox.keep(&digest, &code)).await?;
        let loaded = self.loaded(&digest).await?;
        let loaded = loaded.ok_or_else(|| Error::internal("compiled code did not load"))?;
        if *loaded.described != *profile {
            return Err(Error::new(Code::ArtifactInit, "the agent does not describe itself the same each time"));
        }
        Ok(loaded)
    }

    /// A component whose code this host has made, which has started and said what it is.
    /// Deployments of one component share it.
    pub(crate) async fn loaded(&self, digest: &Digest) -> Result<Option<Loaded>> {
        if let Some(loaded) = self.components.get(digest) {
            return Ok(Some(loaded));
        }
        let (runtime, digest) = (self.clone(), *digest);
        let Some(agent) = blocking(move || Ok(runtime.sandbox.load(&digest))).await? else { return Ok(None) };
        let described = Arc::from(self.sandbox.describe(&agent).await?);
        let loaded = Loaded { agent, described };
        self.components.put(digest, loaded.clone());
        Ok(Some(loaded))
    }

    /// Removes what no release refers to, and writes the index anew. A release whose blobs
    /// are damaged keeps neither the host nor the other releases from serving.
    pub(crate) async fn sweep(&self) -> Result<()> {
        let keep: HashSet<Digest> = self.store.all_releases().await?.into_iter().map(|row| row.digest).collect();
        let layout = Arc::clone(&self.layout);
        match blocking(move || layout.sweep(&keep)).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(files = removed, "removed blobs that no release refers to"),
            Err(error) => tracing::error!(cause = error.cause_chain(), "no blob was removed: {error}"),
        }
        self.renew_index().await;
        Ok(())
    }

    /// Removes compiled code that no release of this host can use.
    pub(crate) async fn sweep_compiled(&self) -> Result<()> {
        let components = self.store.all_releases().await?.into_iter().map(|row| row.component).collect();
        match self.sandbox.sweep(&components) {
            Ok(0) => {}
            Ok(files) => tracing::info!(files, "removed compiled code that no release uses"),
            // What stays is only in the way of disk space.
            Err(error) => tracing::warn!(cause = error.cause_chain(), "compiled code was not swept: {error}"),
        }
        Ok(())
    }

    /// Writes the index anew. It serves other tools; nothing fails because of it.
    async fn renew_index(&self) {
        match self.write_index().await {
            Ok(left_out) => {
                for release in left_out {
                    tracing::error!(%release, "a release is damaged on disk; publish it again to mend it");
                }
            }
            Err(error) => tracing::warn!(cause = error.cause_chain(), "index.json was not written: {error}"),
        }
    }

    async fn write_index(&self) -> Result<Vec<ReleaseRef>> {
        let rows = self.store.all_releases().await?;
        let layout = Arc::clone(&self.layout);
        blocking(move || {
            let entries: Vec<IndexEntry> = rows
                .into_iter()
                .map(|row| IndexEntry { tenant: row.tenant, release: row.release, digest: row.digest })
                .collect();
            layout.write_index(&entries)
        })
        .await
    }

    /// Reads a release's component back, held against what was published.
    pub(crate) async fn stored_component(&self, release: &ReleaseRow) -> Result<Vec<u8>> {
        let (layout, image, expected) = (Arc::clone(&self.layout), release.digest, release.component);
        blocking(move || {
            let component = layout.component(&image)?;
            if Digest::of(&component) == expected {
                return Ok(component);
            }
            let message = "the stored component is not the one that was published; publish the release again";
            Err(Error::new(Code::ArtifactDigest, message))
        })
        .await
    }
}

/// Whether a release was understood and refused; anything else says nothing about it.
fn is_refusal(code: Code) -> bool {
    code.as_str().starts_with("artifact.") || matches!(code, Code::ManifestInvalid | Code::ProfileInvalid)
}

/// Checks that a component says of itself what its release says of it.
pub(crate) fn same_profile(described: &str, published: &Profile) -> Result<()> {
    let described: Value = serde_json::to_value(Profile::parse(described)?).map_err(Error::internal)?;
    let published = serde_json::to_value(published).map_err(Error::internal)?;
    if described == published {
        return Ok(());
    }
    Err(Error::new(
        Code::ProfileInvalid,
        "the component describes itself otherwise than the release does; build the release again",
    ))
}

fn immutable(release: &ReleaseRef) -> Error {
    Error::new(
        Code::ArtifactImmutable,
        format!("{release} is published already with other bytes; a version never changes, so raise it"),
    )
}

pub(crate) fn view(row: &ReleaseDigest) -> ReleaseView {
    ReleaseView {
        agent: row.release.agent.to_string(),
        version: row.release.version.clone(),
        digest: row.digest,
        component: row.component,
        published_at: row.published_at,
    }
}
