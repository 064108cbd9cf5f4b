//! Issuing documents of channels: the next one is drafted, signed by whoever holds a key, and sent
//! to the configured registry after the release that it names.
//!
//! The host signs nothing: it has no private key. Who publishes holds the draft against what was
//! asked for, signs it, and hands it in; further keys sign the same bytes later, where a policy
//! wants several. Each document has a number one above every authentic one before, a renewal too;
//! the number of one that nobody vouches for is not counted, or whoever can write the registry
//! could use the numbers up.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::view::{ChannelDocumentView, ChannelPush, DocumentSignature, DraftRequest, DraftView};
use troupe_core::{AgentName, Caller, ChannelName, Code, Digest, Error, ReleaseRef, Result, Scope, limits};
use troupe_package::{ChannelDocument, Signature, SignedChannel};
use troupe_registry::ImageName;
use troupe_store::{DocumentRow, NewSignatureRow, channel_not_found};

use super::bounded;
use super::follow::{no_document, refusal, row_of};
use crate::blocking::blocking;
use crate::trust::verified;
use crate::{Runtime, agents};

impl Runtime {
    /// The next document of a channel as it stands here, to be signed.
    ///
    /// # Errors
    /// [`Code::AgentNotFound`]; [`Code::NameInvalid`]; [`Code::ChannelNotFound`];
    /// [`Code::RequestInvalid`] if no registry is configured, or for a time that is none;
    /// [`Code::RegistryDenied`] and [`Code::RegistryUnavailable`].
    pub async fn draft_document(
        &self,
        caller: &Caller,
        agent: &str,
        channel: &str,
        request: DraftRequest,
    ) -> Result<DraftView> {
        agents::permitted(caller, Scope::Operate, agent)?;
        self.require_ready()?;
        let agent = self.agent_meant(caller, agent).await?;
        let channel: ChannelName = channel.parse()?;
        let most = limits::CHANNEL_DOCUMENT_TIME_MAX.as_secs();
        let seconds = request.expires_in_s.unwrap_or(limits::CHANNEL_DOCUMENT_TIME_DEFAULT.as_secs());
        if !(1..=most).contains(&seconds) {
            let message = format!("`expires_in_s` is 1 to {most}: the document of a channel holds for a year at most");
            return Err(Error::new(Code::RequestInvalid, message));
        }
        let image = self.document_image(&caller.tenant, &agent, &channel)?;
        let row = self.store.channel(&caller.tenant, &agent, &channel).await?;
        let row = row.ok_or_else(|| channel_not_found(&agent, &channel))?;
        let seen = self.store.document_seen(&caller.tenant, &agent, &channel).await?;
        let before = seen.map_or(0, |seen| seen.row.number);
        let before = match self.readable(&image).await? {
            Some(there) if self.is_authentic(caller, &there, &agent, &channel).await => {
                before.max(there.document.number)
            }
            _ => before,
        };
        let now = self.clock.now();
        let (release, until) = (ReleaseRef { agent, version: row.version }, now.plus(Duration::from_secs(seconds)));
        let document = ChannelDocument::new(channel, before.saturating_add(1), release, row.digest, now, until)?;
        Ok(DraftView { document: STANDARD.encode(document.to_json()) })
    }

    /// Sends a signed document to the registry, after the release that it names; of one that is
    /// there, the signatures are added to those there.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`]; [`Code::ArtifactMalformed`]; [`Code::ArtifactSignature`] for a
    /// signature of something else or of no key that the tenant knows; [`Code::RegistryStale`] if
    /// the document does not hold, or is older than one that this host has seen or the registry
    /// has; [`Code::ReleaseNotFound`] and [`Code::ArtifactDigest`] if the release here is another
    /// than it names; those of [`Runtime::push_release`].
    pub async fn push_document(
        &self,
        caller: &Caller,
        agent: &str,
        channel: &str,
        request: ChannelPush,
    ) -> Result<ChannelDocumentView> {
        let agent = agents::permitted(caller, Scope::Operate, agent)?;
        self.require_ready()?;
        let channel: ChannelName = channel.parse()?;
        let image = self.document_image(&caller.tenant, &agent, &channel)?;
        let mut found = None;
        let sent = self.try_push_document(caller, (&agent, &channel), &image, &request, &mut found).await;
        let entry = || refusal(caller, &agent, &channel, found.as_ref()).with("image", image.to_string());
        let signed = self.refusal_recorded(&caller.tenant, sent, entry).await?;
        self.document_view(caller, &image, &signed).await
    }

    /// Sends a document, and notes which it is as soon as that is known.
    async fn try_push_document(
        &self,
        caller: &Caller,
        (agent, channel): (&AgentName, &ChannelName),
        image: &ImageName,
        request: &ChannelPush,
        found: &mut Option<DocumentRow>,
    ) -> Result<SignedChannel> {
        let signed = read(request)?;
        let row = row_of(&signed);
        *found = Some(row.clone());
        signed.document.check_is_of(agent, channel)?;
        signed.document.check_holds(self.clock.now())?;
        let (signed, keys) = self.by_known_keys(caller, signed).await?;
        let seen = self.store.document_seen(&caller.tenant, agent, channel).await?;
        seen.map_or(Ok(()), |seen| seen.check_not_older(&row))?;
        let release = self.release_row(caller, &row.release).await?;
        if release.digest != row.digest {
            let message = format!("the document names {} with another digest than it has here", row.release);
            return Err(Error::new(Code::ArtifactDigest, message));
        }
        let there = self.readable(image).await?;
        if let Some(there) = &there
            && there.document.number >= row.number
            && there.document != signed.document
            && self.is_authentic(caller, there, agent, channel).await
        {
            let message = format!("the registry has {} already; push the channel again", there.document.name());
            return Err(Error::new(Code::RegistryStale, message).with("number", there.document.number));
        }
        let signed = joined(there, signed)?;
        let place = self.documents_place(&caller.tenant)?;
        self.send(caller, &release, &ImageName::of_release(&place, &row.release)?).await?;
        {
            let _room = self.room_for_image()?;
            bounded(image, troupe_registry::push_channel(&signed, image)).await?;
        }
        let entry = AuditEntry::new(AuditKind::ChannelIssued).by(Some(&caller.principal)).of(agent);
        let entry = entry.on(&row.release.version, row.digest).with("channel", channel.as_str());
        let entry = entry.with("number", row.number).with("expires_at", row.expires_at.to_string());
        let entry = entry.with("keys", keys.iter().map(Digest::to_string).collect::<Vec<_>>());
        self.store.audit(&caller.tenant, vec![entry]).await?;
        // One that lacks signatures is not yet what hosts go by.
        if self.document_accepted(&caller.tenant, &signed).await.is_ok() {
            self.store.issue_document(&caller.tenant, row).await?;
        }
        tracing::info!(tenant = %caller.tenant, %image, number = signed.document.number, "a channel's document was sent");
        Ok(signed)
    }

    /// The document of a channel in the registry, and what this host thinks of it.
    ///
    /// # Errors
    /// [`Code::AgentNotFound`]; [`Code::NameInvalid`]; [`Code::RegistryNotFound`] if there is
    /// none; [`Code::RequestInvalid`] if no registry is configured; [`Code::ArtifactMalformed`]
    /// and the like if what is there cannot be read.
    pub async fn document(&self, caller: &Caller, agent: &str, channel: &str) -> Result<ChannelDocumentView> {
        let agent = agents::permitted(caller, Scope::Operate, agent)?;
        let channel: ChannelName = channel.parse()?;
        let image = self.document_image(&caller.tenant, &agent, &channel)?;
        let signed = self.document_there(&image).await?;
        let signed = signed.ok_or_else(|| no_document(&image, &agent, &channel))?;
        signed.document.check_is_of(&agent, &channel)?;
        self.document_view(caller, &image, &signed).await
    }

    /// The document in the registry; none if what is there is broken, which is replaced.
    async fn readable(&self, image: &ImageName) -> Result<Option<SignedChannel>> {
        match self.document_there(image).await {
            Err(error) if error.code.as_str().starts_with("artifact.") => Ok(None),
            there => there,
        }
    }

    /// Whether the document in the registry is of this channel and signed as is wanted.
    async fn is_authentic(
        &self,
        caller: &Caller,
        there: &SignedChannel,
        agent: &AgentName,
        channel: &ChannelName,
    ) -> bool {
        there.document.check_is_of(agent, channel).is_ok()
            && self.document_accepted(&caller.tenant, there).await.is_ok()
    }

    /// A document with its signatures, each with the key that made it, and those keys.
    async fn by_known_keys(&self, caller: &Caller, signed: SignedChannel) -> Result<(SignedChannel, Vec<Digest>)> {
        let policy = self.trust_in_force(&caller.tenant).await?.policy;
        blocking(move || {
            let (known, others) = verified(&policy, signed.signatures().to_vec());
            if !others.is_empty() {
                let message = format!(
                    "no key that this tenant knows has made a signature of {}; `troupe trust add` makes a key known",
                    signed.document.name()
                );
                return Err(Error::new(Code::ArtifactSignature, message));
            }
            let keys = known.iter().map(|row| row.key).collect();
            let signature =
                |row: NewSignatureRow| Signature { payload: row.payload, bytes: row.signature, hint: Some(row.key) };
            Ok((SignedChannel::new(known.into_iter().map(signature).collect())?, keys))
        })
        .await
    }

    async fn document_view(
        &self,
        caller: &Caller,
        image: &ImageName,
        signed: &SignedChannel,
    ) -> Result<ChannelDocumentView> {
        let (document, row, now) = (&signed.document, row_of(signed), self.clock.now());
        let seen = self.store.document_seen(&caller.tenant, &document.agent, &document.channel).await?;
        let accepted = self.document_accepted(&caller.tenant, signed).await;
        let holds = accepted.and_then(|()| document.check_holds(now));
        let holds = holds.and_then(|()| seen.as_ref().map_or(Ok(()), |seen| seen.check_not_older(&row)));
        let policy = self.trust_in_force(&caller.tenant).await?.policy;
        let signatures = signed.signatures().to_vec();
        let signatures = blocking(move || {
            let (known, _) = verified(&policy, signatures);
            let view = |row: NewSignatureRow| {
                let key = policy.key(&row.key)?;
                let (name, standing) = (key.name.clone(), key.standing(now));
                Some(DocumentSignature { key: row.key, name, standing, signature: STANDARD.encode(row.signature) })
            };
            Ok(known.into_iter().filter_map(view).collect())
        });
        Ok(ChannelDocumentView {
            image: image.to_string(),
            agent: document.agent.to_string(),
            channel: document.channel.clone(),
            number: document.number,
            version: document.version.clone(),
            digest: document.digest,
            issued_at: document.issued_at,
            expires_at: document.expires_at,
            seen: seen.map(|seen| seen.row.number),
            holds: holds.is_ok(),
            why: holds.err().map(|error| error.message),
            signatures: signatures.await?,
            document: STANDARD.encode(document.to_json()),
        })
    }
}

/// A document with the signatures of it that are in the registry, and the new ones after them.
fn joined(there: Option<SignedChannel>, signed: SignedChannel) -> Result<SignedChannel> {
    let there = there.filter(|there| there.document == signed.document);
    let mut all = there.map_or_else(Vec::new, |there| there.signatures().to_vec());
    for signature in signed.signatures() {
        if all.iter().all(|other| other.bytes != signature.bytes) {
            all.push(signature.clone());
        }
    }
    SignedChannel::new(all)
}

/// The document that somebody sends, with its signatures.
fn read(request: &ChannelPush) -> Result<SignedChannel> {
    let decoded = |field: &str, text: &str| {
        STANDARD.decode(text).map_err(|_| Error::new(Code::RequestInvalid, format!("`{field}` is not base64")))
    };
    let payload = decoded("document", &request.document)?;
    let signature =
        |text: &String| Ok(Signature { payload: payload.clone(), bytes: decoded("signatures", text)?, hint: None });
    SignedChannel::new(
        request.signatures.iter().take(limits::SIGNATURES_MAX + 1).map(signature).collect::<Result<_>>()?,
    )
}
