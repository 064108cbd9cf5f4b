//! What is signed: the simple signing document, as cosign writes it.
//!
//! | field | says | held against |
//! |---|---|---|
//! | `critical.type` | `cosign container image signature` | that text |
//! | `critical.image.docker-manifest-digest` | the digest of the release's OCI manifest | the release |
//! | `critical.identity.docker-reference` | the repository; the agent's name where we write it | nothing: cosign writes whatever place it was asked for |
//! | `optional.troupe.agent`, `optional.troupe.version` | the release, for whoever reads it | the release, where they are there |
//!
//! A document of cosign's own has no `optional.troupe.*`, and needs none: the digest binds name and
//! version already, since the agent manifest that it covers holds them. Ours says them, so that a
//! person who is asked to sign, or a log of signatures, can tell what was signed. Whatever else is
//! `optional` is passed over; in `critical` nothing else may stand.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use troupe_core::{Digest, ReleaseRef, Result};

use super::bad;
use crate::json;

const TYPE: &str = "cosign container image signature";
const AGENT: &str = "troupe.agent";
const VERSION: &str = "troupe.version";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    critical: Critical,
    #[serde(default)]
    optional: Option<Map<String, Value>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Critical {
    identity: Identity,
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {
    #[serde(rename = "docker-reference")]
    reference: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: Digest,
}

/// The document that whoever vouches for a release signs: the same bytes for the same release.
pub fn payload(release: &ReleaseRef, digest: &Digest) -> Vec<u8> {
    let optional = [(AGENT, release.agent.to_string()), (VERSION, release.version.to_string())];
    json::canonical(&Document {
        critical: Critical {
            identity: Identity { reference: release.agent.to_string() },
            image: Image { digest: *digest },
            kind: TYPE.to_owned(),
        },
        optional: Some(optional.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()),
    })
}

/// Checks that a document speaks of a release.
pub(super) fn check(bytes: &[u8], release: &ReleaseRef, digest: &Digest) -> Result<()> {
    let document: Document = json::read(bytes)
        .map_err(|why| bad(format!("what was signed for {release} is not a document of a signature: {why}")))?;
    if document.critical.kind != TYPE {
        return Err(bad(format!("what was signed for {release} is not a document of the type `{TYPE}`")));
    }
    let signed = document.critical.image.digest;
    if signed != *digest {
        let message = format!(
            "a signature that came with {release} is of {signed} and not of {digest}; sign this release itself"
        );
        return Err(bad(message).with("signed", signed.to_string()));
    }
    let said = document.optional.unwrap_or_default();
    for (name, is) in [(AGENT, release.agent.to_string()), (VERSION, release.version.to_string())] {
        if said.get(name).is_some_and(|said| *said != is) {
            return Err(bad(format!(
                "a signature that came with {release} calls it otherwise (`{name}`); sign it anew"
            )));
        }
    }
    Ok(())
}
