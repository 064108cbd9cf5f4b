//! Publishing: a release enters the host, whole or not at all.
//!
//! ```text
//! archive ─ read ─ same version? ─ name ─ signed? ─ admission ─ profile equal? ─ compiled code kept
//!                                                                                       │
//!           index.json (derived) ◂─ one row, and its channel: THE publish ◂─ blobs fsynced
//! ```
//!
//! Whether it may serve at once beside what serves is said with the answer (`approvals.rs`).
//!
//! Nothing is visible before the row is committed, and a failure or a crash before it
//! leaves at most unreferenced blobs, which are swept away (`releases/collect.rs`).

use std::sync::Arc;

use serde_json::Value;
use troupe_core::audit::AuditKind;
use troupe_core::view::{PublishQuery, PublishedView, ReleaseStanding};
use troupe_core::{Caller, Code, Digest, Error, ReleaseRef, Result, Scope, TenantId};
use troupe_package::{Archived, Manifest, Profile, Release, read_archive};
use troupe_registry::ImageName;
use troupe_store::{ChannelMove, NewRelease, Published, ReleaseRow};

use crate::admission::Admitted;
use crate::blocking::blocking;
use crate::components::Loaded;
use crate::refused::{self, Named};
use crate::{Runtime, agents, health, releases, route};

impl Runtime {
    /// Checks that the caller may publish now, before an archive is read. Of which agent it is, the
    /// archive says.
    ///
    /// # Errors
    /// [`Code::AuthScope`], those of [`Runtime::require_ready`], and [`Code::LimitHost`].
    pub fn may_publish(&self, caller: &Caller) -> Result<()> {
        caller.require_for_some(Scope::Operate)?;
        self.require_room()
    }

    /// Publishes the release in an archive, and has a channel name it if one is wanted; says
    /// where it stands, and whether it is new.
    ///
    /// # Errors
    /// The codes `artifact.*`, `manifest.invalid` and `profile.invalid`, each naming what
    /// is wrong, [`Code::ArtifactSignature`] among them; [`Code::ArtifactImmutable`] if the version
    /// exists with other bytes; [`Code::ArtifactName`] and [`Code::ArtifactDowngrade`], unless the
    /// query allows that. On every error nothing has changed.
    pub async fn publish(
        &self,
        caller: &Caller,
        archive: Vec<u8>,
        query: &PublishQuery,
    ) -> Result<(PublishedView, bool)> {
        self.may_publish(caller)?;
        let (sent, archive) = blocking(move || Ok((Digest::of(&archive), archive))).await?;
        let (bytes, mut named) = (archive.len(), None);
        let published = self.try_publish(caller, archive, None, query, &mut named).await;
        let entry = || {
            let entry = refused::of(AuditKind::PublishRefused, Some(&caller.principal), named.as_ref());
            entry.with("archive", sent.to_string()).with("bytes", bytes)
        };
        let (row, is_new) = self.refusal_recorded(&caller.tenant, published, entry).await?;
        Ok((self.published_view(&row).await, is_new))
    }

    /// A published release as whoever brought it is told.
    pub(crate) async fn published_view(&self, row: &ReleaseRow) -> PublishedView {
        // What is published is so, whatever becomes of the comparison; a swap tells why.
        let stands = self.stands(&row.tenant, row).await;
        let (status, approval) = stands.unwrap_or_else(|error| {
            tracing::warn!(release = %row.release, cause = error.cause_chain(), "a release was not compared: {error}");
            (ReleaseStanding::PendingApproval, None)
        });
        // Nor does it hang on whether its channels can be told.
        let channels = self.store.channels(&row.tenant, &row.release.agent).await.unwrap_or_default();
        let release = releases::view(&row.into(), &channels);
        PublishedView { release, status, approval }
    }

    /// Publishes a release, which may have come from an image in a registry, and notes which it says
    /// it is as soon as that is known. Of a refusal nothing is recorded yet.
    ///
    /// # Errors
    /// As [`Runtime::publish`].
    pub(crate) async fn try_publish(
        &self,
        caller: &Caller,
        archive: Vec<u8>,
        image: Option<&ImageName>,
        query: &PublishQuery,
        named: &mut Option<Named>,
    ) -> Result<(ReleaseRow, bool)> {
        let read = move || {
            let archived = read_archive(archive.as_slice())?;
            Ok((Digest::of(&archived.release.component), archived))
        };
        let (component, Archived { digest, release, signatures }) = blocking(read).await?;
        let reference = release.manifest.release();
        *named = Some((reference.clone(), digest));
        caller.require_for(Scope::Operate, &reference.agent)?;
        let signatures = match self.store.release(&caller.tenant, &reference).await? {
            Some(row) if row.digest != digest => return Err(immutable(&reference)),
            // Nothing is new but signatures; and what the disk has damaged is mended.
            Some(_) => self.heard(&caller.tenant, &reference, digest, signatures).await?.known,
            None => {
                self.check_name(&caller.tenant, &reference.agent, query).await?;
                let signatures = self.accepted(&caller.tenant, &reference, digest, signatures).await?;
                self.examine(&caller.tenant, component, &release).await?;
                signatures
            }
        };
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(Error::internal);
        let new = NewRelease {
            release: reference.clone(),
            digest,
            component,
            manifest: text(release.manifest.to_json())?,
            profile: text(release.profile.to_json())?,
            signatures,
            image: image.map(ToString::to_string),
        };
        let by = caller.principal.clone();
        let channel = query.channel.clone();
        let channel = channel.map(|channel| ChannelMove { channel, downgrade: query.downgrade, by });
        // From here to the row nobody takes the blobs for rubbish.
        let placing = self.placing.read().await;
        let layout = Arc::clone(&self.layout);
        let stored = blocking(move || layout.put(&release)).await?;
        if stored != digest {
            return Err(Error::new(
                Code::ArtifactDigest,
                "the archive is not in the form this host writes; build it again",
            ));
        }
        let published = self.store.publish_to(&caller.tenant, new, channel, Some(&caller.principal)).await?;
        drop(placing);
        let (row, is_new) = match published {
            Published::New(row) => (row, true),
            Published::Same(row) => (row, false),
        };
        tracing::info!(tenant = %caller.tenant, release = %reference, %digest, is_new, "published");
        self.renew_index().await;
        Ok((row, is_new))
    }

    /// Checks that a release can be run, and is what it says.
    async fn examine(&self, tenant: &TenantId, component: Digest, release: &Release) -> Result<()> {
        troupe_sandbox::check_grants(&release.manifest.capabilities.grants())?;
        route::check_schemas(&release.profile)?;
        release.check_offer()?;
        health::check_release(release)?;
        let described = self.admit(tenant, component, async { Ok(release.component.clone()) }).await?.described;
        same_profile(&described, &release.profile)
    }

    /// Looks inside a component that has not been published: what it says of itself. Its
    /// compiled code is kept, so that publishing it is quick.
    ///
    /// # Errors
    /// As [`Runtime::publish`].
    pub async fn describe(&self, caller: &Caller, component: Vec<u8>) -> Result<Profile> {
        caller.require(Scope::Operate)?;
        let (digest, component) = blocking(move || Ok((Digest::of(&component), component))).await?;
        let described = self.admit(&caller.tenant, digest, async { Ok(component) }).await?.described;
        Profile::parse(&described)
    }

    /// The manifest and the profile of a release.
    ///
    /// # Errors
    /// [`Code::ReleaseNotFound`].
    pub async fn release(&self, caller: &Caller, reference: &ReleaseRef) -> Result<(Manifest, Profile)> {
        caller.require(Scope::Read)?;
        let row = self.release_row(caller, reference).await?;
        agents::offer(&row)
    }

    /// Loads a component and has it describe itself. Code that this host has not made
    /// yet is made by admission, whose child is the first to look inside, once it is the tenant's
    /// turn. The component is asked for no sooner.
    pub(crate) async fn admit(
        &self,
        tenant: &TenantId,
        digest: Digest,
        component: impl Future<Output = Result<Vec<u8>>>,
    ) -> Result<Loaded> {
        if let Some(loaded) = self.loaded(&digest).await? {
            return Ok(loaded);
        }
        let place = self.compiles.place(tenant, digest).await?;
        // Somebody else may have had it made meanwhile.
        if let Some(loaded) = self.loaded(&digest).await? {
            return Ok(loaded);
        }
        let Admitted { code, profile } = self.admission.admit(component.await?).await?;
        let placing = self.placing.read().await;
        let runtime = self.clone();
        blocking(move || runtime.sandbox.keep(&digest, &code)).await?;
        let loaded = self.loaded(&digest).await?;
        drop(placing);
        // Whoever is next may wait for the same code, so it is there before they are asked to look.
        drop(place);
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

    /// Reads a release's component back, held against what was published.
    /// What is damaged or gone is fetched anew if a registry has it.
    pub(crate) async fn stored_component(&self, release: &ReleaseRow) -> Result<Vec<u8>> {
        match self.component_on_disk(release).await {
            Err(error) if matches!(error.code, Code::ArtifactDigest | Code::ReleaseNotFound) => {
                match self.mend(release).await {
                    Ok(true) => self.component_on_disk(release).await,
                    Ok(false) => Err(error),
                    Err(why) => {
                        tracing::warn!(release = %release.release, "it was not fetched anew: {why}");
                        Err(error)
                    }
                }
            }
            read => read,
        }
    }

    async fn component_on_disk(&self, release: &ReleaseRow) -> Result<Vec<u8>> {
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
