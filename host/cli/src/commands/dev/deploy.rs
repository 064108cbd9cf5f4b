//! Publishing what was built, and making it serve.

use owo_colors::OwoColorize as _;
use serde_json::{Value, json};
use troupe_core::view::{
    ApproveRequest, PublishQuery, ReleaseStanding, ReleaseView, SwapOutcome, SwapRequest, SwapView,
};
use troupe_core::{AgentName, ChannelName, Code, Digest, Error, Grants, ReleaseRef, Result, limits};
use troupe_package::{Manifest, Profile, write_signed_archive};
use troupe_runtime::Begun;

use super::Dev;
use crate::build::Compiled;
use crate::human::escaped;
use crate::output::tell;

/// Numbers of builds that are tried when those at the end were deleted.
const NUMBERS_TRIED_MAX: u64 = 100;

/// What became of a compiled agent.
pub(super) enum Deployed {
    /// It serves as this release.
    New(ReleaseRef),
    /// It is what served before.
    Unchanged(ReleaseRef),
}

impl Deployed {
    pub(super) fn text(&self) -> String {
        match self {
            Self::New(release) => format!("{} {release}", "deployed".green().bold()),
            Self::Unchanged(release) => format!("{} {release} serves", "unchanged".green()),
        }
    }

    pub(super) fn event(&self, seconds: f64) -> Value {
        let (event, release) = match self {
            Self::New(release) => ("deployed", release),
            Self::Unchanged(release) => ("unchanged", release),
        };
        json!({ "event": event, "release": release.to_string(), "seconds": seconds })
    }
}

impl Dev {
    /// Publishes a compiled agent, unless the same was published last, and makes it serve.
    pub(super) async fn deploy(&self, compiled: Compiled) -> Result<Deployed> {
        let (runtime, owner) = (&self.runtime, &self.owner);
        let name = compiled.manifest.name.clone();
        let versions = match runtime.versions(owner, name.as_str()).await {
            Ok(versions) => versions,
            Err(error) if error.code == Code::AgentNotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let component = Digest::of(&compiled.component);
        let last = last_build(&compiled.manifest, &versions);
        if let Some((last, _)) = last
            && last.component == component
        {
            let reference = ReleaseRef { agent: name.clone(), version: last.version.clone() };
            let (manifest, _) = runtime.release(owner, &reference).await?;
            let same = Manifest { version: last.version.clone(), ..compiled.manifest.clone() } == manifest;
            if same
                && let Ok(deployment) = runtime.deployment(owner, name.as_str()).await
                && deployment.serving == last.version
            {
                return Ok(Deployed::Unchanged(reference));
            }
        }
        let number = last.map_or(1, |(_, number)| number + 1);
        let profile = runtime.describe(owner, compiled.component.clone()).await?;
        let reference = self.publish(compiled, profile, number).await?;
        self.approve(&reference).await?;
        let request = SwapRequest { version: reference.version.clone(), epoch: None, policy: None };
        let grants = match runtime.begin_swap(owner, name.as_str(), request).await? {
            Begun::Done(swapped) => {
                self.tell_expired(&name, swapped.expired);
                swapped.deployment.grants
            }
            Begun::Going(swap) => self.migrated(*swap).await?,
        };
        for grant in grants.lines() {
            let text = format!("  {} {name}: {grant}", "granted".yellow());
            tell(self.json, &json!({ "event": "granted", "agent": name, "grant": grant }), &text);
        }
        Ok(Deployed::New(reference))
    }

    fn tell_expired(&self, agent: &AgentName, calls: usize) {
        if calls > 0 {
            let text = format!("{} {calls} calls of an older release were ended", "expired".yellow().bold());
            tell(self.json, &json!({ "event": "expired", "agent": agent, "calls": calls }), &text);
        }
    }

    /// Waits until a release serves for which state is brought to another form; returns what it is
    /// granted.
    async fn migrated(&self, swap: SwapView) -> Result<Grants> {
        let (runtime, owner, agent) = (&self.runtime, &self.owner, swap.agent.as_str());
        let text = format!("{} state of {agent} for {}", "migrating".yellow().bold(), swap.to);
        tell(self.json, &json!({ "event": "migrating", "agent": agent, "version": swap.to }), &text);
        loop {
            let swap = runtime.wait_for_swap(owner, agent, swap.id, limits::WAIT_MAX).await?;
            match (swap.state.outcome, swap.state.reason) {
                (Some(SwapOutcome::Promoted), _) => return Ok(runtime.deployment(owner, agent).await?.grants),
                (Some(_), Some(reason)) => {
                    let code = Code::parse(&reason.code).unwrap_or(Code::SwapUnhealthy);
                    return Err(Error::new(code, reason.message));
                }
                (Some(outcome), None) => {
                    return Err(Error::new(Code::SwapConflict, format!("the swap has ended: {}", outcome.as_str())));
                }
                (None, _) => {}
            }
        }
    }
}

impl Dev {
    /// Publishes a compiled agent to the channel `dev`, as the build of this number or, if that
    /// was another one before it was deleted, of the next that is free.
    async fn publish(&self, compiled: Compiled, profile: Profile, first: u64) -> Result<ReleaseRef> {
        // The operator is the author: its versions may fall, and its names may be alike.
        let query = PublishQuery { channel: Some(ChannelName::dev()), downgrade: true, allow_similar: true };
        let base = compiled.manifest.version.clone();
        let mut release = compiled.release(profile);
        let mut number = first;
        loop {
            release.manifest.version = numbered(&base, number)?;
            let mut archive = Vec::new();
            let signature = self.key.sign(&release.manifest.release(), &release.image()?.digest())?;
            write_signed_archive(&release, &[signature], &mut archive)?;
            match self.runtime.publish(&self.owner, archive, &query).await {
                Ok(_) => return Ok(release.manifest.release()),
                Err(error) if error.code == Code::ArtifactImmutable && number - first < NUMBERS_TRIED_MAX => {
                    number += 1
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl Dev {
    /// Approves of what a release widens, breaks and says otherwise, as its operator, who is its
    /// author; says each.
    async fn approve(&self, release: &ReleaseRef) -> Result<()> {
        let (runtime, owner, name) = (&self.runtime, &self.owner, release.agent.as_str());
        let diff = runtime.release_diff(owner, name, &release.version, 0).await?;
        if matches!(diff.status, ReleaseStanding::Published | ReleaseStanding::Approved) {
            return Ok(());
        }
        let reason = Some("`dev` approves as its operator".to_owned());
        let request = ApproveRequest { delta: Some(diff.delta), breaking: true, reason };
        runtime.approve_release(owner, name, &release.version, request).await?;
        for line in diff.changes.lines() {
            let text = format!("  {} {name}: {}", "approved".yellow(), escaped(&line));
            tell(self.json, &json!({ "event": "approved", "agent": name, "change": line }), &text);
        }
        Ok(())
    }
}

/// The newest `VERSION-dev.N` of a manifest's version, with its N.
fn last_build<'a>(manifest: &Manifest, versions: &'a [ReleaseView]) -> Option<(&'a ReleaseView, u64)> {
    let base = &manifest.version;
    versions
        .iter()
        .filter(|release| {
            let version = &release.version;
            (version.major, version.minor, version.patch) == (base.major, base.minor, base.patch)
        })
        .filter_map(|release| Some((release, release.version.pre.strip_prefix("dev.")?.parse().ok()?)))
        .max_by_key(|(_, number)| *number)
}

fn numbered(version: &semver::Version, number: u64) -> Result<semver::Version> {
    let pre = semver::Prerelease::new(&format!("dev.{number}")).map_err(Error::internal)?;
    Ok(semver::Version { pre, build: semver::BuildMetadata::EMPTY, ..version.clone() })
}
