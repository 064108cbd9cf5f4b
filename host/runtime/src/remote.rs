//! Releases that come from an OCI registry, and go to one.
//!
//! *The attack:* whoever may publish in a tenant has the host connect to what only the host
//! reaches, with the host's credentials. *The rule:* a caller names images under its
//! tenant's place in the registry that the operator of the host has configured, and no others
//! unless it may use the machine. What comes is published like an archive that a person sends, with every
//! check of that. *The default:* no registry is configured, and nothing is fetched by itself.
//!
//! With one, a host fetches what it lacks: a release that a swap names and that is not
//! published here, and blobs that its disk has lost. Which release a channel names is said there,
//! too, by documents that are followed (`follow.rs`) and issued (`issue.rs`).

mod follow;
mod issue;

use std::sync::Arc;

use serde_json::json;
use tokio::sync::SemaphorePermit;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::view::{PublishQuery, PublishedView, PullRequest, PushedView};
use troupe_core::{Caller, Code, Digest, Error, ReleaseRef, Result, Scope, TenantId, limits};
use troupe_package::signature::Signature;
use troupe_package::{Archived, write_signed_archive};
use troupe_registry::ImageName;
use troupe_store::{ReleaseRow, SignatureRow};

use crate::Runtime;
use crate::blocking::blocking;
use crate::refused::{self, Named};

impl Runtime {
    /// Fetches a release from a registry and publishes it; says whether it is new. The image may be
    /// a channel's release, as AGENT@CHANNEL.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] for what names no image, [`Code::AuthScope`] if the caller may not
    /// have the host connect there; [`Code::RegistryNotFound`], [`Code::RegistryDenied`],
    /// [`Code::RegistryUnavailable`]; [`Code::RegistryStale`] and [`Code::ArtifactDowngrade`] for a
    /// channel; those of [`Runtime::publish`].
    pub async fn pull_release(&self, caller: &Caller, request: &PullRequest) -> Result<(PublishedView, bool)> {
        self.may_publish(caller)?;
        // An image's name has a slash, and no name of a channel has.
        if let Some((agent, channel)) = request.image.split_once('@')
            && let (Ok(agent), Ok(channel)) = (agent.parse(), channel.parse())
        {
            caller.require_for(Scope::Operate, &agent)?;
            return self.pull_channel(caller, &agent, &channel, request.downgrade).await;
        }
        if request.downgrade {
            let message = "`downgrade` is said of a channel, as AGENT@CHANNEL";
            return Err(Error::new(Code::RequestInvalid, message));
        }
        let image: ImageName = request.image.parse()?;
        self.may_reach(caller, &image)?;
        self.fetched(caller, &image, None).await
    }

    /// Fetches what an image's name stands for and publishes it, if it is what was expected.
    async fn fetched(
        &self,
        caller: &Caller,
        image: &ImageName,
        expected: Option<&ReleaseRef>,
    ) -> Result<(PublishedView, bool)> {
        let mut named = None;
        let fetched = self.try_fetch(caller, image, expected, &mut named).await;
        let entry = || {
            let entry = refused::of(AuditKind::PullRefused, Some(&caller.principal), named.as_ref());
            let agent = entry.agent.or_else(|| expected.map(|expected| expected.agent.clone()));
            AuditEntry { agent, ..entry }.with("image", image.to_string())
        };
        let (row, is_new) = self.refusal_recorded(&caller.tenant, fetched, entry).await?;
        Ok((self.published_view(&row).await, is_new))
    }

    async fn try_fetch(
        &self,
        caller: &Caller,
        image: &ImageName,
        expected: Option<&ReleaseRef>,
        named: &mut Option<Named>,
    ) -> Result<(ReleaseRow, bool)> {
        let _room = self.room_for_image()?;
        let archived = bounded(image, troupe_registry::pull(image)).await?;
        let (digest, release) = (archived.digest, archived.release.manifest.release());
        *named = Some((release.clone(), digest));
        if let Some(expected) = expected.filter(|expected| **expected != release) {
            let message = format!("{image} is a release of {release}, and not {expected}");
            return Err(Error::new(Code::ArtifactDigest, message));
        }
        let archive = as_archive(archived).await?;
        tracing::info!(tenant = %caller.tenant, %image, %digest, "fetched");
        self.try_publish(caller, archive, Some(image), &PublishQuery::default(), named).await
    }

    /// Room for one release in memory on its way from a registry or to one.
    ///
    /// # Errors
    /// [`Code::LimitConcurrency`] while as many are on their way as there is room for.
    fn room_for_image(&self) -> Result<SemaphorePermit<'_>> {
        self.images.try_acquire().map_err(|_| {
            let message = "as many releases are on their way from and to registries as the host has room for; try again in a moment";
            Error::new(Code::LimitConcurrency, message)
        })
    }

    /// Where a tenant's releases are in the configured registry.
    fn place_of(&self, tenant: &TenantId) -> Option<String> {
        self.registry.as_ref().map(|registry| format!("{}/{tenant}", registry.trim_end_matches('/')))
    }

    /// Sends a published release to a registry, to its place under the configured one unless
    /// `image` names another.
    ///
    /// # Errors
    /// [`Code::ReleaseNotFound`]; [`Code::RequestInvalid`] if no image is named and no registry is
    /// configured; [`Code::ArtifactImmutable`] if the tag names another image; those of
    /// [`Runtime::pull_release`].
    pub async fn push_release(&self, caller: &Caller, release: &ReleaseRef, image: Option<&str>) -> Result<PushedView> {
        caller.require_for(Scope::Operate, &release.agent)?;
        self.require_ready()?;
        let image: ImageName = match (image, self.place_of(&caller.tenant)) {
            (Some(image), _) => image.parse()?,
            (None, Some(place)) => ImageName::of_release(&place, release)?,
            (None, None) => {
                let message = "no registry is configured; name the image, or start the host with `--registry`";
                return Err(Error::new(Code::RequestInvalid, message));
            }
        };
        self.may_reach(caller, &image)?;
        if image.is_of_signatures() {
            let message = format!("{image} is where signatures are kept; name another tag");
            return Err(Error::new(Code::RequestInvalid, message));
        }
        if image.is_of_channel() {
            let message = format!("{image} is where the document of a channel is kept; name another tag");
            return Err(Error::new(Code::RequestInvalid, message));
        }
        let row = self.release_row(caller, release).await?;
        let named = (release.clone(), row.digest);
        let sent = self.send(caller, &row, &image).await;
        let entry = || {
            let entry = refused::of(AuditKind::PushRefused, Some(&caller.principal), Some(&named));
            entry.with("image", image.to_string())
        };
        let digest = self.refusal_recorded(&caller.tenant, sent, entry).await?;
        Ok(PushedView { release: release.to_string(), image: image.to_string(), digest })
    }

    /// Sends a release that is published here, which is on record then; returns its digest.
    async fn send(&self, caller: &Caller, row: &ReleaseRow, image: &ImageName) -> Result<Digest> {
        let ReleaseRow { tenant, release, digest, .. } = row;
        let _room = self.room_for_image()?;
        let signatures = self.store.signatures(tenant, release).await?.into_iter().map(signature).collect();
        let (layout, digest) = (Arc::clone(&self.layout), *digest);
        let stored = blocking(move || layout.get(&digest)).await?;
        let sent = bounded(image, troupe_registry::push(&stored, signatures, image)).await?;
        let ReleaseRef { agent, version } = release;
        let data = json!({
            "agent": agent.as_str(), "version": version.to_string(), "digest": sent.to_string(),
            "image": image.to_string(), "by": caller.principal,
        });
        let entry = AuditEntry::new(AuditKind::Pushed).by(Some(&caller.principal)).of(agent).on(version, sent);
        let entry = entry.with("image", image.to_string());
        self.store.announce(tenant, "release.pushed", &format!("release/{release}"), data, Some(entry)).await?;
        tracing::info!(%tenant, %release, %image, digest = %sent, "sent");
        Ok(sent)
    }

    /// A release that is published here, or in the configured registry.
    ///
    /// # Errors
    /// [`Code::ReleaseNotFound`] if it is in neither; those of [`Runtime::pull_release`].
    pub(crate) async fn release_or_pulled(&self, caller: &Caller, release: &ReleaseRef) -> Result<ReleaseRow> {
        let found = self.release_row(caller, release).await;
        let Some(place) = self.place_of(&caller.tenant) else { return found };
        match found {
            Err(error) if error.code == Code::ReleaseNotFound => {
                let image = ImageName::of_release(&place, release)?;
                let (runtime, by, expected) = (self.clone(), caller.clone(), release.clone());
                // To its end also when the client goes away.
                let fetched =
                    tokio::spawn(async move { runtime.fetched(&by, &image, Some(&expected)).await.map(drop) });
                match fetched.await.map_err(Error::internal)? {
                    Err(missing) if missing.code == Code::RegistryNotFound => Err(error),
                    Err(error) => Err(error),
                    Ok(()) => self.release_row(caller, release).await,
                }
            }
            found => found,
        }
    }

    /// Mends a release whose blobs are damaged or gone, if another host or the configured registry has it.
    ///
    /// # Errors
    /// Those of [`Runtime::pull_release`].
    pub(crate) async fn mend(&self, row: &ReleaseRow) -> Result<bool> {
        if self.handed_over_by_hosts(&row.release, &row.digest).await? {
            return Ok(true);
        }
        let Some(place) = self.place_of(&row.tenant) else { return Ok(false) };
        let image = ImageName::of_release(&place, &row.release)?.at(&row.digest);
        let _room = self.room_for_image()?;
        let pulled = bounded(&image, troupe_registry::pull(&image)).await;
        let named = (row.release.clone(), row.digest);
        let entry = || refused::of(AuditKind::PullRefused, None, Some(&named)).with("image", image.to_string());
        let Archived { release, .. } = self.refusal_recorded(&row.tenant, pulled, entry).await?;
        let layout = Arc::clone(&self.layout);
        blocking(move || layout.put(&release)).await?;
        tracing::info!(release = %row.release, %image, "a damaged release was fetched anew");
        Ok(true)
    }

    /// Whether the caller may have the host connect to an image's registry.
    fn may_reach(&self, caller: &Caller, image: &ImageName) -> Result<()> {
        if self.place_of(&caller.tenant).is_some_and(|place| image.is_under(&place)) {
            return Ok(());
        }
        caller.require_for_some(Scope::Machine)
    }
}

/// Ends what a registry draws out.
async fn bounded<T>(image: &ImageName, what: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(limits::REGISTRY_TIME_MAX, what).await.unwrap_or_else(|_| {
        let message =
            format!("the registry `{}` took longer than {} s", image.registry(), limits::REGISTRY_TIME_MAX.as_secs());
        Err(Error::new(Code::RegistryUnavailable, message))
    })
}

fn signature(row: SignatureRow) -> Signature {
    Signature { payload: row.payload, bytes: row.signature, hint: Some(row.key) }
}

/// A release as an archive, if it is in the form that this host writes: its digest is then the
/// same in every registry.
async fn as_archive(archived: Archived) -> Result<Vec<u8>> {
    blocking(move || {
        let mut archive = Vec::new();
        if write_signed_archive(&archived.release, &archived.signatures, &mut archive)? == archived.digest {
            return Ok(archive);
        }
        let message = "the image is not in the form that Troupe writes; send it with `troupe push`";
        Err(Error::new(Code::ArtifactDigest, message))
    })
    .await
}
