//! What agents there are, and what they can do.

mod search;

use troupe_core::view::{AgentDetail, AgentSummary, QuarantineView, ReleaseView, SkillView};
use troupe_core::{AgentName, Caller, Code, Error, Result, Scope, limits, shown};
use troupe_package::{Manifest, Profile};
use troupe_store::{ReleaseDigest, ReleaseRow};

use crate::{Runtime, releases};
use search::Search;

/// Which agents to list.
#[derive(Debug, Clone, Default)]
pub struct AgentQuery {
    /// Those in whose name, summary, goals or skills each of these words occurs, best first.
    pub search: Option<String>,
    /// Those that handle events of this topic.
    pub event: Option<String>,
    /// How many of those that are searched for; capped.
    pub limit: Option<u32>,
}

impl Runtime {
    /// Lists the tenant's agents by name, or those that are searched for by how well they fit.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::RequestInvalid`] for a search that is none; a store that
    /// cannot be read.
    pub async fn agents(&self, caller: &Caller, query: AgentQuery) -> Result<Vec<AgentSummary>> {
        caller.require(Scope::Read)?;
        let search = query.search.as_deref().map(Search::parse).transpose()?;
        let deployments = self.store.deployments(&caller.tenant).await?;
        let mut newest = self.store.newest_releases(&caller.tenant).await?;
        if let Some(topic) = &query.event {
            let handling = self.agents_for(caller, topic).await?;
            newest.retain(|row| handling.contains(&row.release.agent));
        }
        let listed = |row: &ReleaseRow| {
            let serving = deployments.iter().find(|deployment| deployment.agent == row.release.agent);
            let quarantine = self.quarantine(&caller.tenant, &row.release.agent);
            let (manifest, profile) = offer(row)?;
            let serving = serving.map(|deployment| deployment.serving.clone());
            Ok((summary(row, manifest, &profile, serving, quarantine), profile))
        };
        let agents = newest.iter().map(listed).collect::<Result<Vec<_>>>()?;
        Ok(match search {
            Some(search) => search.of(agents, limits::page(query.limit)),
            None => agents.into_iter().map(|(summary, _)| summary).collect(),
        })
    }

    /// One agent, with the skills of the release that serves, else of the newest.
    ///
    /// # Errors
    /// [`Code::AgentNotFound`].
    pub async fn agent(&self, caller: &Caller, name: &str) -> Result<AgentDetail> {
        caller.require(Scope::Read)?;
        let (name, releases) = self.releases_of(caller, name).await?;
        let serving = self.store.deployment(&caller.tenant, &name).await?.map(|row| row.serving);
        let shown = releases.iter().find(|row| Some(&row.release.version) == serving.as_ref());
        let (Some(newest), Some(shown)) = (releases.first(), shown.or(releases.first())) else {
            return Err(unknown(name.as_str()));
        };
        let row = self.release_row(caller, &shown.release).await?;
        let (manifest, profile) = offer(&row)?;
        let skill = |skill: troupe_package::Skill| SkillView {
            name: skill.name.to_string(),
            description: skill.description,
            effect: skill.effect,
            input: skill.input,
            output: skill.output,
        };
        let mut about = summary(&row, manifest, &profile, serving, self.quarantine(&caller.tenant, &name));
        about.newest = newest.release.version.clone();
        let channels = self.store.channels(&caller.tenant, &name).await?;
        Ok(AgentDetail {
            summary: about,
            goals: profile.goals,
            release: releases::view(shown, &channels),
            skill_details: profile.skills.into_iter().map(skill).collect(),
        })
    }

    /// An agent's releases, highest version first.
    ///
    /// # Errors
    /// [`Code::AgentNotFound`].
    pub async fn versions(&self, caller: &Caller, name: &str) -> Result<Vec<ReleaseView>> {
        caller.require(Scope::Read)?;
        let (agent, rows) = self.releases_of(caller, name).await?;
        let channels = self.store.channels(&caller.tenant, &agent).await?;
        Ok(rows.iter().map(|row| releases::view(row, &channels)).collect())
    }

    async fn releases_of(&self, caller: &Caller, name: &str) -> Result<(AgentName, Vec<ReleaseDigest>)> {
        // A name that cannot exist is not there; the grammar is no secret, but two
        // answers for one question help nobody.
        let agent: AgentName = name.parse().map_err(|_| unknown(name))?;
        let releases = self.store.releases(&caller.tenant, &agent).await?;
        if releases.is_empty() {
            return Err(unknown(name));
        }
        Ok((agent, releases))
    }
}

/// The agent that a caller names and may act for by a scope, whether it is there or not. Of those that
/// it may not act for it is not told whether they are.
///
/// # Errors
/// [`Code::AuthScope`]; [`Code::AgentNotFound`] for what is no name.
pub(crate) fn permitted(caller: &Caller, scope: Scope, name: &str) -> Result<AgentName> {
    caller.require_for_some(scope)?;
    let agent = name.parse().map_err(|_| unknown(name))?;
    caller.require_for(scope, &agent)?;
    Ok(agent)
}

/// The error for an agent that is not there.
pub(crate) fn unknown(name: &str) -> Error {
    let message = format!("there is no agent `{}`; `troupe agents` lists those there are", shown(name));
    Error::new(Code::AgentNotFound, message)
}

/// What a release offers of what its component says of itself.
pub(crate) fn profile(row: &ReleaseRow) -> Result<Profile> {
    Ok(offer(row)?.1)
}

/// What an author says of a release, and what it offers.
pub(crate) fn offer(row: &ReleaseRow) -> Result<(Manifest, Profile)> {
    let manifest = manifest(row)?;
    let profile = described(row)?.offered(&manifest);
    Ok((manifest, profile))
}

/// What a release's component says of itself.
pub(crate) fn described(row: &ReleaseRow) -> Result<Profile> {
    Profile::parse(&row.profile)
}

pub(crate) fn manifest(row: &ReleaseRow) -> Result<Manifest> {
    Manifest::from_json(row.manifest.as_bytes())
}

fn summary(
    row: &ReleaseRow,
    manifest: Manifest,
    profile: &Profile,
    serving: Option<semver::Version>,
    quarantine: Option<QuarantineView>,
) -> AgentSummary {
    AgentSummary {
        name: row.release.agent.to_string(),
        summary: manifest.summary,
        serving,
        newest: row.release.version.clone(),
        skills: profile.skills.iter().map(|skill| skill.name.to_string()).collect(),
        quarantine,
    }
}
