//! Going by the documents of channels that the configured registry has.
//!
//! *The attack:* whoever can write the registry, or answers in its place, has a channel name what
//! it should not name any more (`troupe_package::channel`). *The rule:* a channel is a row of this
//! host, and a document is one of those that move it, beside operators and publishes. It does so
//! once, when it is newer than every document that was seen of the channel, is signed as the
//! tenant's policy wants a release of the agent signed, and holds now. Whoever asks for the
//! channel's release asks the registry first, and is refused if what is there is old, expired,
//! forged, or gone after one was seen. *The default:* without a registry, and for a channel of
//! which no document was ever seen there, the row stands as it was moved here.
//!
//! Only beginning to use something asks. What serves goes on, and so do rollbacks and swaps to a
//! version.

use std::collections::BTreeSet;

use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::view::PublishedView;
use troupe_core::{AgentName, Caller, ChannelName, Code, Digest, Error, ReleaseRef, Result, TenantId};
use troupe_package::SignedChannel;
use troupe_registry::ImageName;
use troupe_store::{ChannelMove, ChannelRow, DocumentRow, channel_not_found};

use super::bounded;
use crate::blocking::blocking;
use crate::trust::{told, verified};
use crate::{Runtime, agents};

impl Runtime {
    /// The release that a channel names at this moment: by the registry's document, where there is
    /// one, which is followed if it is newer.
    ///
    /// # Errors
    /// [`Code::AgentNotFound`]; [`Code::ChannelNotFound`]; [`Code::RegistryStale`];
    /// [`Code::ArtifactSignature`] and other codes of `artifact` for what is there;
    /// [`Code::ArtifactDowngrade`] unless `downgrade`; [`Code::RegistryDenied`] and
    /// [`Code::RegistryUnavailable`]; those of publishing the release.
    pub(crate) async fn channel_meant(
        &self,
        caller: &Caller,
        agent: &str,
        channel: &ChannelName,
        downgrade: bool,
    ) -> Result<ChannelRow> {
        let name: AgentName = agent.parse().map_err(|_| agents::unknown(agent))?;
        if let Some(followed) = self.followed(caller, &name, channel, downgrade).await? {
            return Ok(followed.row);
        }
        let agent = self.agent_meant(caller, agent).await?;
        let row = self.store.channel(&caller.tenant, &agent, channel).await?;
        row.ok_or_else(|| channel_not_found(&agent, channel))
    }

    /// Publishes the release that a channel names by the registry's document, and has the channel
    /// name it here, too; says whether it is new here.
    pub(super) async fn pull_channel(
        &self,
        caller: &Caller,
        agent: &AgentName,
        channel: &ChannelName,
        downgrade: bool,
    ) -> Result<(PublishedView, bool)> {
        let image = self.document_image(&caller.tenant, agent, channel)?;
        let Some(Followed { row, is_new }) = self.followed(caller, agent, channel, downgrade).await? else {
            // If it could not be asked it says so again.
            let there = self.document_there(&image).await?;
            return Err(there.map_or_else(|| no_document(&image, agent, channel), |_| moved_on(agent, channel)));
        };
        let release = self.release_row(caller, &ReleaseRef { agent: row.agent, version: row.version }).await?;
        Ok((self.published_view(&release).await, is_new))
    }

    /// Follows a channel's document, if the registry has one; nothing where the channel is this
    /// host's alone.
    async fn followed(
        &self,
        caller: &Caller,
        agent: &AgentName,
        channel: &ChannelName,
        downgrade: bool,
    ) -> Result<Option<Followed>> {
        if self.registry.is_none() {
            return Ok(None);
        }
        let (runtime, caller) = (self.clone(), caller.clone());
        let (agent, channel) = (agent.clone(), channel.clone());
        // To its end also when the client goes away: what is refused is on record.
        let following = tokio::spawn(async move {
            let mut found = None;
            let row = runtime.try_follow(&caller, &agent, &channel, downgrade, &mut found).await;
            let entry = || refusal(&caller, &agent, &channel, found.as_ref());
            runtime.refusal_recorded(&caller.tenant, row, entry).await
        });
        following.await.map_err(Error::internal)?
    }

    async fn try_follow(
        &self,
        caller: &Caller,
        agent: &AgentName,
        channel: &ChannelName,
        downgrade: bool,
        found: &mut Option<DocumentRow>,
    ) -> Result<Option<Followed>> {
        let tenant = &caller.tenant;
        let image = self.document_image(tenant, agent, channel)?;
        let seen = self.store.document_seen(tenant, agent, channel).await?;
        let signed = match (self.document_there(&image).await, &seen) {
            (Ok(Some(signed)), _) => signed,
            (Ok(None), None) => return Ok(None),
            (Ok(None), Some(seen)) => {
                let number = seen.row.number;
                let message = format!(
                    "the registry has no document of {agent}@{channel} any more, and this host has seen document \
                     {number}; `troupe push {agent}@{channel}` sends another"
                );
                return Err(Error::new(Code::RegistryStale, message).with("seen", number));
            }
            // Nobody has ever said here that the registry has a say in it.
            (Err(error), None)
                if matches!(error.code, Code::RegistryDenied | Code::RegistryUnavailable)
                    && self.store.channel(tenant, agent, channel).await?.is_some() =>
            {
                tracing::warn!(%tenant, %image, cause = error.cause_chain(), "a channel goes by its own row: {error}");
                return Ok(None);
            }
            (Err(error), _) => return Err(error),
        };
        let row = row_of(&signed);
        *found = Some(row.clone());
        signed.document.check_is_of(agent, channel)?;
        self.document_accepted(tenant, &signed).await?;
        signed.document.check_holds(self.clock.now())?;
        // Whatever becomes of it, what is older is old from now on.
        let seen = self.store.see_document(tenant, row.clone()).await?;
        if seen.is_followed
            && let Some(own) = self.store.channel(tenant, agent, channel).await?
        {
            return Ok(Some(Followed { row: own, is_new: false }));
        }
        let is_new = self.store.release(tenant, &row.release).await?.is_none();
        self.release_or_pulled(caller, &row.release).await?;
        let to = ChannelMove { channel: channel.clone(), downgrade, by: caller.principal.clone() };
        let moved = self.store.follow_document(tenant, row, to).await?;
        let (version, number) = (&moved.version, signed.document.number);
        tracing::info!(%tenant, %agent, %channel, %version, number, "a channel's document was followed");
        Ok(Some(Followed { row: moved, is_new }))
    }

    /// Where the document of a channel is.
    pub(super) fn document_image(
        &self,
        tenant: &TenantId,
        agent: &AgentName,
        channel: &ChannelName,
    ) -> Result<ImageName> {
        ImageName::of_channel(&self.documents_place(tenant)?, agent, channel)
    }

    /// Where the documents of a tenant's channels are, and the releases that they name.
    pub(super) fn documents_place(&self, tenant: &TenantId) -> Result<String> {
        self.place_of(tenant).ok_or_else(|| {
            let message =
                "no registry is configured, where documents of channels are; start the host with `--registry`";
            Error::new(Code::RequestInvalid, message)
        })
    }

    /// What a registry has as the document of a channel, whoever wrote it.
    pub(super) async fn document_there(&self, image: &ImageName) -> Result<Option<SignedChannel>> {
        let _room = self.room_for_image()?;
        bounded(image, troupe_registry::pull_channel(image)).await
    }

    /// Judges a document by the policy of now, as a release of its agent would be judged.
    ///
    /// # Errors
    /// [`Code::ArtifactSignature`], with the ids of the keys that have signed in its details.
    pub(super) async fn document_accepted(&self, tenant: &TenantId, signed: &SignedChannel) -> Result<()> {
        if !self.trust.required {
            return Ok(());
        }
        let policy = self.trust_in_force(tenant).await?.policy;
        let (signed, now) = (signed.clone(), self.clock.now());
        blocking(move || {
            let document = &signed.document;
            let (known, others) = verified(&policy, signed.signatures().to_vec());
            let keys: BTreeSet<Digest> = known.iter().map(|row| row.key).collect();
            let judged = policy.judge_of(&document.agent, &document.name(), &keys, others.len(), now);
            judged.map(drop).map_err(|error| told(error, &others))
        })
        .await
    }
}

/// A channel as a document has it.
struct Followed {
    row: ChannelRow,
    /// Whether its release was not here before.
    is_new: bool,
}

/// What is remembered of a document.
pub(super) fn row_of(signed: &SignedChannel) -> DocumentRow {
    let document = &signed.document;
    DocumentRow {
        channel: document.channel.clone(),
        number: document.number,
        document: Digest::of(&document.to_json()),
        release: document.release(),
        digest: document.digest,
        expires_at: document.expires_at,
    }
}

pub(super) fn no_document(image: &ImageName, agent: &AgentName, channel: &ChannelName) -> Error {
    let message = format!("the registry has no document {image}; `troupe push {agent}@{channel}` sends one");
    Error::new(Code::RegistryNotFound, message)
}

fn moved_on(agent: &AgentName, channel: &ChannelName) -> Error {
    let message = format!("the document of {agent}@{channel} has come just now; try again");
    Error::new(Code::RegistryUnavailable, message)
}

/// A document of a channel that was refused, as far as it could be read.
pub(super) fn refusal(
    caller: &Caller,
    agent: &AgentName,
    channel: &ChannelName,
    found: Option<&DocumentRow>,
) -> AuditEntry {
    let entry = AuditEntry::new(AuditKind::ChannelRefused).by(Some(&caller.principal)).of(agent);
    let entry = entry.with("channel", channel.as_str());
    match found {
        Some(row) => {
            let named = (row.release.agent == *agent).then_some((row.release.version.clone(), row.digest));
            let entry = AuditEntry { release: named, ..entry };
            let entry = entry.with("number", row.number).with("document", row.document.to_string());
            entry.with("expires_at", row.expires_at.to_string())
        }
        None => entry,
    }
}
