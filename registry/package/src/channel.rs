//! The document of a channel: which release a channel names, said by whoever vouches for it.
//!
//! *The attack:* somebody who can write a registry, or sits between it and a host, has a channel
//! name a release with a known hole again: by an older document, whose signatures are good, or by
//! holding newer ones back; or shows a document of another channel or agent, or a signature of a
//! release. *The rule:* a document says whose it is, which number it has among the documents of
//! its channel, and when it ceases to hold, and is signed whole. Whoever goes by one remembers
//! the number and takes none that is lower (`troupe_store`), so that an older one is seen; what is
//! held back runs out. *The default:* a document holds for a month and for a year at most.
//!
//! This is what the roles *timestamp* and *snapshot* are in The Update Framework (version 1.0.34,
//! section 5.4 and 5.5), in one document, since it names one thing: each document has a higher
//! number than the one before, also one that only renews the time; the same number is the same
//! bytes.
//!
//! | field | says |
//! |---|---|
//! | `agent`, `channel` | whose it is |
//! | `digest` | the digest of the release's OCI manifest |
//! | `expires_at` | when it ceases to hold, RFC 3339 in UTC with milliseconds |
//! | `format` | `troupe-channel/1` |
//! | `issued_at` | when it was issued |
//! | `number` | 1 to 2⁵³ - 1 |
//! | `version` | the version of the release |
//!
//! It is canonical JSON with exactly these fields: one text for one document. A document that
//! releases are signed by (`signature/payload.rs`) has other fields and no others, so no text is
//! both, and a signature of one is none of the other.

use serde::{Deserialize, Serialize};
use troupe_core::{AgentName, ChannelName, Code, Digest, Error, ReleaseRef, Result, Timestamp, limits};

use crate::image::Image;
use crate::json;
use crate::signature::{Form, Signature};

/// The media type of the document of a channel, and the type of the artifact that it is kept in.
pub const CHANNEL_MEDIA_TYPE: &str = "application/vnd.troupe.channel.v1+json";

const FORM: Form = Form {
    called: "image of a channel's document",
    document: CHANNEL_MEDIA_TYPE,
    artifact: Some(CHANNEL_MEDIA_TYPE),
    code: Code::ArtifactMalformed,
};

/// Which release a channel names, until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelDocument {
    format: Format,
    /// The agent.
    pub agent: AgentName,
    /// The channel.
    pub channel: ChannelName,
    /// Rises with every document of the channel.
    pub number: u64,
    /// The version of the release.
    pub version: semver::Version,
    /// The digest of the release's OCI manifest.
    pub digest: Digest,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it ceases to hold.
    pub expires_at: Timestamp,
}

/// The text that says what the document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Format {
    #[serde(rename = "troupe-channel/1")]
    One,
}

impl ChannelDocument {
    /// The document by which a channel names a release.
    ///
    /// # Errors
    /// [`Code::ArtifactMalformed`] naming the limit that it breaks.
    pub fn new(
        channel: ChannelName,
        number: u64,
        release: ReleaseRef,
        digest: Digest,
        issued_at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Self> {
        let ReleaseRef { agent, version } = release;
        let document = Self { format: Format::One, agent, channel, number, version, digest, issued_at, expires_at };
        document.check()?;
        // What is too long to be read is not written.
        check_size(document.to_json().len())?;
        Ok(document)
    }

    /// Reads a document.
    ///
    /// # Errors
    /// [`Code::ArtifactMalformed`] naming what is wrong.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        check_size(bytes.len())?;
        let document: Self = json::read(bytes).map_err(malformed)?;
        document.check()?;
        if document.to_json() != bytes {
            return Err(malformed(
                "it is not in the one form that it has: no white space, each field once, in the order of their names",
            ));
        }
        Ok(document)
    }

    /// The document's text: the same bytes for the same document.
    pub fn to_json(&self) -> Vec<u8> {
        json::canonical(self)
    }

    /// The release that the channel names.
    pub fn release(&self) -> ReleaseRef {
        ReleaseRef { agent: self.agent.clone(), version: self.version.clone() }
    }

    /// Checks that the document is of a channel of an agent.
    ///
    /// # Errors
    /// [`Code::ArtifactSignature`]: it is signed, and for something else.
    pub fn check_is_of(&self, agent: &AgentName, channel: &ChannelName) -> Result<()> {
        if (&self.agent, &self.channel) == (agent, channel) {
            return Ok(());
        }
        let message = format!(
            "what is in the place of the document of {agent}@{channel} is that of {}@{}; push the channel itself",
            self.agent, self.channel
        );
        Err(Error::new(Code::ArtifactSignature, message))
    }

    /// Checks that the document holds at a time.
    ///
    /// # Errors
    /// [`Code::RegistryStale`].
    pub fn check_holds(&self, now: Timestamp) -> Result<()> {
        let name = self.name();
        let stale = |message: String| Err(Error::new(Code::RegistryStale, message));
        if self.expires_at <= now {
            return stale(format!(
                "{name} expired at {}; whoever publishes the channel renews it with `troupe push {}@{}`",
                self.expires_at, self.agent, self.channel
            ));
        }
        if self.issued_at > now.plus(limits::CHANNEL_DOCUMENT_AHEAD_MAX) {
            let issued = self.issued_at;
            return stale(format!("{name} was issued at {issued}, which is yet to come; compare the clocks"));
        }
        Ok(())
    }

    /// How messages call it.
    pub fn name(&self) -> String {
        format!("document {} of {}@{}", self.number, self.agent, self.channel)
    }

    fn check(&self) -> Result<()> {
        if !(1..=limits::CHANNEL_DOCUMENT_NUMBER_MAX).contains(&self.number) {
            return Err(malformed(format!(
                "number: {} is not 1 to {}",
                self.number,
                limits::CHANNEL_DOCUMENT_NUMBER_MAX
            )));
        }
        if self.expires_at <= self.issued_at {
            return Err(malformed("expires_at: it would cease to hold before it was issued"));
        }
        let most = limits::CHANNEL_DOCUMENT_TIME_MAX;
        if self.expires_at.since(self.issued_at) > most {
            let days = most.as_secs() / (24 * 3_600);
            return Err(malformed(format!("expires_at: a document holds for {days} days at most")));
        }
        Ok(())
    }
}

/// A channel's document with its signatures, of which nobody has said yet that they are good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedChannel {
    /// The document.
    pub document: ChannelDocument,
    /// Its signatures, one at least.
    signatures: Vec<Signature>,
}

impl SignedChannel {
    /// Puts signatures to the document that they are of.
    ///
    /// # Errors
    /// [`Code::ArtifactMalformed`] for what is no document of a channel,
    /// [`Code::ArtifactSignature`] if there are none, too many, or one is of something else.
    pub fn new(signatures: Vec<Signature>) -> Result<Self> {
        let bad = |message: String| Err(Error::new(Code::ArtifactSignature, message));
        let Some(first) = signatures.first() else {
            return bad("the document of the channel is not signed; `troupe push` signs it".to_owned());
        };
        let document = ChannelDocument::from_json(&first.payload)?;
        if signatures.len() > limits::SIGNATURES_MAX {
            let (found, most) = (signatures.len(), limits::SIGNATURES_MAX);
            return bad(format!("{} has {found} signatures; it may have {most}", document.name()));
        }
        if signatures.iter().any(|signature| signature.payload != first.payload) {
            return bad(format!("not every signature that came with {} is of it", document.name()));
        }
        if signatures.iter().any(|signature| signature.bytes.len() > limits::SIGNATURE_BYTES_MAX) {
            let most = limits::SIGNATURE_BYTES_MAX;
            return bad(format!("a signature of {} has more than {most} bytes", document.name()));
        }
        Ok(Self { document, signatures })
    }

    /// The signatures.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Builds the image in which a registry keeps the document: the same bytes for the same
    /// signatures in the same order.
    ///
    /// # Errors
    /// None that a caller could cause.
    pub fn image(&self) -> Result<Image> {
        FORM.build(&self.signatures)
    }

    /// Reads a document from the bytes of an image manifest and the blobs it names; each blob is
    /// verified, whatever `fetch` returns.
    ///
    /// # Errors
    /// [`Code::ArtifactMalformed`] if it is not the image of a channel's document,
    /// [`Code::ArtifactSize`] and [`Code::ArtifactDigest`] for a blob, those of
    /// [`SignedChannel::new`], and whatever `fetch` fails with.
    pub fn from_blobs(manifest: &[u8], fetch: impl FnMut(&Digest, u64) -> Result<Vec<u8>>) -> Result<Self> {
        Self::new(FORM.read(manifest, fetch)?)
    }
}

/// The tag under which the document of a channel is kept, beside the versions of its agent. No
/// version begins with a letter, and no tag that stands for a digest ends so.
pub fn channel_tag(channel: &ChannelName) -> String {
    format!("{channel}{TAG_END}")
}

/// Whether a tag is one under which the document of a channel is kept.
pub fn is_channel_tag(tag: &str) -> bool {
    tag.strip_suffix(TAG_END).is_some_and(|channel| channel.parse::<ChannelName>().is_ok())
}

/// No name of a channel holds a dot, so nobody's tag for a release is taken by accident.
const TAG_END: &str = ".channel";

fn check_size(bytes: usize) -> Result<()> {
    let most = limits::CHANNEL_DOCUMENT_BYTES_MAX;
    if bytes > most {
        return Err(malformed(format!("it has {bytes} bytes, the limit is {most}")));
    }
    Ok(())
}

fn malformed(why: impl std::fmt::Display) -> Error {
    Error::new(Code::ArtifactMalformed, format!("this is not the document of a channel: {why}"))
}
