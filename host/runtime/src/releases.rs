//! Releases after their publish: channels that name them, what is said of them, their end.
//!
//! ```text
//!  published ─┬─▸ deprecated     stays usable, and whoever uses it is told
//!             ├─▸ yanked         nothing begins to use it, what serves goes on; can be taken back
//!             └─▸ deleted        only what nothing needs; its row stays, its blobs are collected
//! ```
//!
//! A deleted release is absent to everybody, but its version means its bytes for ever: published
//! again with the same it is there again, with others it is refused.

mod channels;
mod collect;
mod similar;

use troupe_core::view::{Page, ReleaseView};
use troupe_core::{AgentName, Caller, Code, Error, ReleaseRef, Result, Scope, limits};
use troupe_store::{ChannelRow, Mark, ReleaseDigest, ReleaseRow};

use crate::{Runtime, agents};

pub use collect::ReleaseLimits;

impl Runtime {
    /// An agent's releases, highest version first: those below `after`, at most `limit`.
    ///
    /// # Errors
    /// [`Code::AgentNotFound`]; [`Code::RequestInvalid`] if `after` is no version.
    pub async fn versions_page(
        &self,
        caller: &Caller,
        agent: &str,
        after: Option<&str>,
        limit: Option<u32>,
    ) -> Result<Page<ReleaseView>> {
        let after = after.map(str::parse::<semver::Version>).transpose().map_err(|_| {
            Error::new(Code::RequestInvalid, "`after` is not a version; take it from `next` of the page before")
        })?;
        let mut releases = self.versions(caller, agent).await?;
        releases.retain(|release| after.as_ref().is_none_or(|after| release.version < *after));
        let next = |release: &ReleaseView| release.version.to_string();
        Ok(Page::of(releases, limits::page(limit), next, |release| release))
    }

    /// One release of an agent.
    ///
    /// # Errors
    /// [`Code::AgentNotFound`]; [`Code::ReleaseNotFound`].
    pub async fn version(&self, caller: &Caller, agent: &str, version: &str) -> Result<ReleaseView> {
        caller.require(Scope::Read)?;
        let reference = self.release_meant(caller, agent, version).await?;
        let row = self.release_row(caller, &reference).await?;
        self.viewed(&row).await
    }

    /// Says that a release should not be used any more, and why; it can be.
    ///
    /// # Errors
    /// [`Code::AgentNotFound`]; [`Code::ReleaseNotFound`]; [`Code::RequestInvalid`] for a message
    /// that is none.
    pub async fn deprecate(&self, caller: &Caller, agent: &str, version: &str, message: &str) -> Result<ReleaseView> {
        self.mark(caller, agent, version, Mark::Deprecate(message.to_owned())).await
    }

    /// Takes a deprecation back.
    ///
    /// # Errors
    /// [`Code::AgentNotFound`]; [`Code::ReleaseNotFound`].
    pub async fn undeprecate(&self, caller: &Caller, agent: &str, version: &str) -> Result<ReleaseView> {
        self.mark(caller, agent, version, Mark::Undeprecate).await
    }

    /// Keeps everything from beginning to use a release: swaps to it and moves of channels to it
    /// are refused. What serves goes on, and so does a swap that has begun.
    ///
    /// # Errors
    /// [`Code::AgentNotFound`]; [`Code::ReleaseNotFound`]; [`Code::RequestInvalid`] for a reason
    /// that is none.
    pub async fn yank(
        &self,
        caller: &Caller,
        agent: &str,
        version: &str,
        reason: Option<String>,
    ) -> Result<ReleaseView> {
        self.mark(caller, agent, version, Mark::Yank(reason)).await
    }

    /// Takes a yank back.
    ///
    /// # Errors
    /// [`Code::AgentNotFound`]; [`Code::ReleaseNotFound`].
    pub async fn unyank(&self, caller: &Caller, agent: &str, version: &str) -> Result<ReleaseView> {
        self.mark(caller, agent, version, Mark::Unyank).await
    }

    async fn mark(&self, caller: &Caller, agent: &str, version: &str, mark: Mark) -> Result<ReleaseView> {
        agents::permitted(caller, Scope::Operate, agent)?;
        self.require_ready()?;
        let reference = self.release_meant(caller, agent, version).await?;
        if let Mark::Deprecate(message) | Mark::Yank(Some(message)) = &mark {
            check_notice(message)?;
        }
        let row = self.store.mark_release(&caller.tenant, &reference, mark, &caller.principal).await?;
        tracing::info!(tenant = %caller.tenant, release = %reference, standing = ?row.standing, "a release was marked");
        self.viewed(&row).await
    }

    /// Deletes a release that nothing needs; returns it as it was.
    ///
    /// # Errors
    /// [`Code::AgentNotFound`]; [`Code::ReleaseNotFound`]; [`Code::ReleaseInUse`] naming what
    /// needs it.
    pub async fn delete_release(&self, caller: &Caller, agent: &str, version: &str) -> Result<ReleaseView> {
        agents::permitted(caller, Scope::Operate, agent)?;
        self.require_ready()?;
        let reference = self.release_meant(caller, agent, version).await?;
        let row = self.store.delete_release(&caller.tenant, &reference, Some(&caller.principal), None).await?;
        tracing::info!(tenant = %caller.tenant, release = %reference, "deleted");
        self.renew_index().await;
        Ok(view(&(&row).into(), &[]))
    }

    /// The release that a path names. An agent that is not there is told first.
    pub(crate) async fn release_meant(&self, caller: &Caller, agent: &str, version: &str) -> Result<ReleaseRef> {
        let agent = self.agent_meant(caller, agent).await?;
        let version = version.parse().map_err(|_| {
            let shown = troupe_core::shown(version);
            let message = format!("agent {agent} has no version `{shown}`; `troupe agents {agent}` lists those it has");
            Error::new(Code::ReleaseNotFound, message)
        })?;
        Ok(ReleaseRef { agent, version })
    }

    /// The agent that a path names, if it has releases.
    pub(crate) async fn agent_meant(&self, caller: &Caller, agent: &str) -> Result<AgentName> {
        let name: AgentName = agent.parse().map_err(|_| agents::unknown(agent))?;
        if self.store.releases(&caller.tenant, &name).await?.is_empty() {
            return Err(agents::unknown(agent));
        }
        Ok(name)
    }

    async fn viewed(&self, row: &ReleaseRow) -> Result<ReleaseView> {
        let channels = self.store.channels(&row.tenant, &row.release.agent).await?;
        Ok(view(&row.into(), &channels))
    }
}

/// Checks the words of a notice: they are shown to others in one line.
fn check_notice(message: &str) -> Result<()> {
    let most = limits::RELEASE_NOTICE_CHARS_MAX;
    let is_text = !message.trim().is_empty() && !message.chars().any(char::is_control);
    if is_text && message.chars().count() <= most {
        return Ok(());
    }
    let message = format!("what is said of a release is one line of 1 to {most} characters");
    Err(Error::new(Code::RequestInvalid, message))
}

/// A release as clients see it; `channels` are its agent's.
pub(crate) fn view(row: &ReleaseDigest, channels: &[ChannelRow]) -> ReleaseView {
    let naming = channels.iter().filter(|channel| channel.version == row.release.version);
    ReleaseView {
        agent: row.release.agent.to_string(),
        version: row.release.version.clone(),
        digest: row.digest,
        component: row.component,
        published_at: row.published_at,
        channels: naming.map(|channel| channel.channel.clone()).collect(),
        deprecated: row.standing.deprecated.clone(),
        yanked: row.standing.yanked.clone(),
    }
}
