//! Channels of an agent, and swapping to the release that one names.

use troupe_core::view::{ChannelRequest, ChannelView, DocumentSeen, SwapRequest, SwapTo};
use troupe_core::{Caller, ChannelName, Code, Error, ReleaseRef, Result, Scope};
use troupe_store::{ChannelMove, ChannelRow, SeenDocument};

use crate::swap::Begun;
use crate::{Runtime, agents};

impl Runtime {
    /// An agent's channels, by name.
    ///
    /// # Errors
    /// [`Code::AgentNotFound`].
    pub async fn channels(&self, caller: &Caller, agent: &str) -> Result<Vec<ChannelView>> {
        caller.require(Scope::Read)?;
        let agent = self.agent_meant(caller, agent).await?;
        let seen = self.store.documents_seen(&caller.tenant, &agent).await?;
        Ok(self.store.channels(&caller.tenant, &agent).await?.into_iter().map(|row| view(row, &seen)).collect())
    }

    /// Moves a channel, which is made if it is not there. Nothing that serves changes.
    ///
    /// # Errors
    /// [`Code::AgentNotFound`]; [`Code::NameInvalid`]; [`Code::ReleaseNotFound`];
    /// [`Code::ReleaseYanked`]; [`Code::ArtifactDowngrade`] for a lower version, unless the
    /// request says so; [`Code::LimitChannels`].
    pub async fn move_channel(
        &self,
        caller: &Caller,
        agent: &str,
        channel: &str,
        request: ChannelRequest,
    ) -> Result<ChannelView> {
        agents::permitted(caller, Scope::Operate, agent)?;
        self.require_ready()?;
        let agent = self.agent_meant(caller, agent).await?;
        let ChannelRequest { version, downgrade } = request;
        let to = ChannelMove { channel: channel.parse()?, downgrade, by: caller.principal.clone() };
        let release = ReleaseRef { agent, version };
        let row = self.store.move_channel(&caller.tenant, &release, to).await?;
        tracing::info!(tenant = %caller.tenant, %release, channel = %row.channel, number = row.number, "a channel was moved");
        let seen = self.store.documents_seen(&caller.tenant, &row.agent).await?;
        Ok(view(row, &seen))
    }

    /// Removes a channel; returns it as it was.
    ///
    /// # Errors
    /// [`Code::AgentNotFound`]; [`Code::ChannelNotFound`].
    pub async fn remove_channel(&self, caller: &Caller, agent: &str, channel: &str) -> Result<ChannelView> {
        agents::permitted(caller, Scope::Operate, agent)?;
        self.require_ready()?;
        let agent = self.agent_meant(caller, agent).await?;
        let channel: ChannelName = channel.parse()?;
        let row = self.store.remove_channel(&caller.tenant, &agent, &channel, &caller.principal).await?;
        tracing::info!(tenant = %caller.tenant, %agent, %channel, "a channel was removed");
        Ok(view(row, &[]))
    }

    /// Begins a swap to a version, or to the release that a channel names at this moment, by the
    /// registry's document where there is one.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] for both or neither; [`Code::AgentNotFound`] and
    /// [`Code::ChannelNotFound`]; [`Code::RegistryStale`], [`Code::ArtifactSignature`] and
    /// [`Code::ArtifactDowngrade`] for the document; those of [`Runtime::begin_swap`].
    pub async fn begin_swap_to(&self, caller: &Caller, agent: &str, to: SwapTo) -> Result<Begun> {
        agents::permitted(caller, Scope::Operate, agent)?;
        let SwapTo { version, channel, downgrade, epoch, policy } = to;
        let version = match (version, channel) {
            (Some(version), None) if !downgrade => version,
            (Some(_), None) => {
                return Err(Error::new(Code::RequestInvalid, "`downgrade` is said of a channel, not of a version"));
            }
            (None, Some(channel)) => {
                self.require_ready()?;
                self.channel_meant(caller, agent, &channel, downgrade).await?.version
            }
            _ => {
                return Err(Error::new(
                    Code::RequestInvalid,
                    "a swap is to a `version` or to a `channel`, one of both",
                ));
            }
        };
        self.begin_swap(caller, agent, SwapRequest { version, epoch, policy }).await
    }
}

/// A channel as clients see it; `seen` are the documents of its agent's channels.
fn view(row: ChannelRow, seen: &[SeenDocument]) -> ChannelView {
    let ChannelRow { agent, channel, version, digest, number, principal, moved_at, .. } = row;
    let document = seen.iter().map(|seen| &seen.row).find(|row| row.channel == channel);
    let document = document.map(|row| DocumentSeen {
        number: row.number,
        version: row.release.version.clone(),
        expires_at: row.expires_at,
    });
    ChannelView { agent: agent.to_string(), channel, version, digest, number, moved_at, by: principal, document }
}
