//! Documents of channels: `troupe push AGENT@CHANNEL` and `troupe sign AGENT@CHANNEL`.
//!
//! The host drafts and sends; the key stays here. What is signed is held against what was asked
//! for before a key touches it.

use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use troupe_core::view::{ChannelDocumentView, ChannelPush, DraftRequest, DraftView};
use troupe_core::{AgentName, ChannelName, Code, Error, Result};
use troupe_package::{ChannelDocument, Signature};

use crate::args::{Args, Push, Sign};
use crate::client::{Client, segment};
use crate::time::seconds;
use crate::{output, signing};

/// The agent and the channel, of a text such as `aws@stable`.
pub(super) fn meant(text: &str) -> Option<(AgentName, ChannelName)> {
    let (agent, channel) = text.split_once('@')?;
    Some((agent.parse().ok()?, channel.parse().ok()?))
}

/// Issues the next document of a channel.
pub(super) async fn push(args: &Args, command: &Push, agent: &AgentName, channel: &ChannelName) -> Result<ExitCode> {
    if command.image.is_some() {
        let message = "the document of a channel goes to the host's `--registry`; leave the image out";
        return Err(Error::new(Code::RequestInvalid, message));
    }
    let expires_in_s = command.expires.as_deref().map(|time| seconds("--expires", time)).transpose()?;
    let (client, path) = (Client::new(args)?, path(agent, channel));
    let keys = if command.keys.is_empty() {
        vec![signing::key_or_own(None, &args.data_dir)?.ok_or_else(|| super::sign::no_key(args))?]
    } else {
        command.keys.iter().map(|path| signing::key(path)).collect::<Result<_>>()?
    };
    let draft: DraftView = client.post(&format!("{path}/draft"), &DraftRequest { expires_in_s }).await?;
    let document = read(&draft.document, agent, channel)?;
    let signatures = keys.iter().map(|key| Ok(STANDARD.encode(key.sign_channel(&document)?.bytes)));
    let request = ChannelPush { document: draft.document, signatures: signatures.collect::<Result<_>>()? };
    let sent: ChannelDocumentView = client.put(&path, &request).await?;
    output::answer(args.json, &sent, |sent| text("sent", sent))?;
    Ok(ExitCode::SUCCESS)
}

/// Adds a signature to the document that is in the registry.
pub(super) async fn sign(args: &Args, command: &Sign, agent: &AgentName, channel: &ChannelName) -> Result<ExitCode> {
    let (client, path) = (Client::new(args)?, path(agent, channel));
    let there: ChannelDocumentView = client.get(&path).await?;
    let document = read(&there.document, agent, channel)?;
    let made = super::sign::made(args, command, &document.to_json(), |key| key.sign_channel(&document))?;
    let Some(Signature { bytes, .. }) = made else { return Ok(ExitCode::SUCCESS) };
    let request = ChannelPush { document: there.document, signatures: vec![STANDARD.encode(bytes)] };
    let signed: ChannelDocumentView = client.put(&path, &request).await?;
    output::answer(args.json, &signed, |signed| text("signed", signed))?;
    Ok(ExitCode::SUCCESS)
}

fn path(agent: &AgentName, channel: &ChannelName) -> String {
    format!("/api/v1/agents/{}/channels/{}/document", segment(agent.as_str()), segment(channel.as_str()))
}

/// The document that a host shows, if it is what was asked for.
fn read(text: &str, agent: &AgentName, channel: &ChannelName) -> Result<ChannelDocument> {
    let bytes = STANDARD.decode(text).map_err(Error::internal)?;
    let document = ChannelDocument::from_json(&bytes)?;
    document.check_is_of(agent, channel)?;
    Ok(document)
}

fn text(did: &str, document: &ChannelDocumentView) -> String {
    let ChannelDocumentView { image, agent, channel, number, version, digest, expires_at, why, .. } = document;
    let mut out = format!(
        "{did} document {number} of {agent}@{channel}, good until {expires_at}\n{agent}@{version} {digest}\n{image}"
    );
    if let Some(why) = why {
        out.push_str(&format!("\nno host goes by it yet: {why}"));
    }
    out
}
