//! Publishing what was built, and making it serve.

use owo_colors::OwoColorize as _;
use serde_json::{Value, json};
use troupe_core::view::{ReleaseView, SwapRequest};
use troupe_core::{Code, Digest, Error, ReleaseRef, Result};
use troupe_package::{Manifest, write_archive};

use super::Dev;
use crate::build::Compiled;
use crate::output::tell;

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
    pub(super) async fn deploy(&self, mut compiled: Compiled) -> Result<Deployed> {
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
        compiled.manifest.version = numbered(&compiled.manifest.version, number)?;
        let reference = compiled.manifest.release();
        let profile = runtime.describe(owner, compiled.component.clone()).await?;
        let release = compiled.release(profile);
        let mut archive = Vec::new();
        write_archive(&release, &mut archive)?;
        runtime.publish(owner, archive).await?;
        let request = SwapRequest { version: reference.version.clone(), epoch: None };
        let swapped = runtime.swap(owner, name.as_str(), request).await?;
        if swapped.expired > 0 {
            let calls = swapped.expired;
            let text = format!("{} {calls} calls of an older release were ended", "expired".yellow().bold());
            tell(self.json, &json!({ "event": "expired", "agent": name, "calls": calls }), &text);
        }
        for grant in swapped.deployment.grants.lines() {
            let text = format!("  {} {name}: {grant}", "granted".yellow());
            tell(self.json, &json!({ "event": "granted", "agent": name, "grant": grant }), &text);
        }
        Ok(Deployed::New(reference))
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
