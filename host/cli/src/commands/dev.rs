//! `troupe dev`: write, save, and the agent is swapped.
//!
//! Every agent under a directory is built, published as `VERSION-dev.N`, deployed with
//! the grants that its manifest asks for (each is printed: the operator is the author),
//! and swapped again when its files change. A build that fails leaves what serves.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use notify_debouncer_full::notify::{RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};
use owo_colors::OwoColorize as _;
use tokio::sync::mpsc;
use troupe_core::view::{ReleaseView, SwapRequest};
use troupe_core::{Caller, Code, Digest, Error, ReleaseRef, Result};
use troupe_package::{Manifest, write_archive};
use troupe_runtime::{Drain, GrantPolicy, Runtime};

use crate::args::{Args, Dev};
use crate::build::{self, Compiled};
use crate::host::{Host, Manner, asked_to_stop};
use crate::output::{fail, note};

/// Quiet time after a change before a build begins: editors save in several steps.
const SETTLE: Duration = Duration::from_millis(150);

/// How long running calls get when `dev` ends.
const GRACE: Duration = Duration::from_secs(5);

pub(crate) async fn run(args: &Args, command: &Dev) -> Result<ExitCode> {
    let agents = find(&command.dir)?;
    let manner = Manner { grants: GrantPolicy::AsAsked, drain: Drain::Expire };
    let host = Host::start(&args.data_dir, &command.listen, manner).await?;
    let (url, runtime, owner) = (host.url(), host.runtime.clone(), host.owner.clone());
    let mut stop = std::pin::pin!(asked_to_stop()?);
    // Watching begins before building, so that what is saved meanwhile is built again.
    let watched = Watched::new(&agents)?;
    // Ctrl-C during the first builds ends them: nothing is published half.
    let good = tokio::select! {
        good = refresh_all(&runtime, &owner, &agents) => good,
        () = &mut stop => {
            runtime.stop(GRACE).await;
            return Ok(ExitCode::SUCCESS);
        }
    };
    let open = host.open();
    note(&format!("{} {good} of {} agents on {}", "serving".green().bold(), agents.len(), url.bold()));
    note(&format!("watching {}; Ctrl-C stops", command.dir.display()));
    tokio::select! {
        () = watched.rebuild(&runtime, &owner, &agents) => {}
        () = &mut stop => {}
    }
    note("stopping; a second Ctrl-C stops at once");
    open.close(GRACE).await;
    Ok(ExitCode::SUCCESS)
}

/// Refreshes every agent once; returns how many serve.
async fn refresh_all(runtime: &Runtime, owner: &Caller, agents: &[PathBuf]) -> usize {
    let mut good = 0;
    for dir in agents {
        good += usize::from(refresh(runtime, owner, dir).await);
    }
    good
}

/// The agents' directories: `dir` itself, or those right below it.
fn find(dir: &Path) -> Result<Vec<PathBuf>> {
    if dir.join("agent.toml").is_file() {
        return Ok(vec![dir.to_owned()]);
    }
    let entries = std::fs::read_dir(dir).map_err(|error| {
        let message = format!("`{}` cannot be read ({}); name a directory of agents", dir.display(), error.kind());
        Error::new(Code::BuildFailed, message).with_cause(error)
    })?;
    let found: BTreeSet<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.join("agent.toml").is_file()).collect();
    if found.is_empty() {
        let message = format!("there is no agent in `{}`: no directory in it has an agent.toml", dir.display());
        return Err(Error::new(Code::BuildFailed, message));
    }
    Ok(found.into_iter().collect())
}

/// The agents' directories under watch.
struct Watched {
    /// Each agent's directory as the system names it, in the agents' order.
    roots: Vec<PathBuf>,
    changes: mpsc::UnboundedReceiver<Vec<PathBuf>>,
    /// Watches as long as it lives.
    _watcher: Debouncer<RecommendedWatcher, RecommendedCache>,
}

impl Watched {
    fn new(agents: &[PathBuf]) -> Result<Self> {
        let (changed, changes) = mpsc::unbounded_channel();
        let handler = move |result: DebounceEventResult| {
            if let Ok(events) = result {
                let paths: Vec<PathBuf> = events
                    .into_iter()
                    .filter(|event| !event.kind.is_access())
                    .flat_map(|event| event.event.paths)
                    .collect();
                let _ = changed.send(paths);
            }
        };
        let failed = |error: notify::Error| {
            Error::new(Code::BuildFailed, "the agents' files cannot be watched").with_cause(error)
        };
        let mut watcher = new_debouncer(SETTLE, None, handler).map_err(failed)?;
        let mut roots = Vec::new();
        for dir in agents {
            let dir = dir.canonicalize().map_err(Error::internal)?;
            watcher.watch(&dir, RecursiveMode::Recursive).map_err(failed)?;
            roots.push(dir);
        }
        Ok(Self { roots, changes, _watcher: watcher })
    }

    /// Rebuilds what changes, until the watcher ends.
    async fn rebuild(mut self, runtime: &Runtime, owner: &Caller, agents: &[PathBuf]) {
        while let Some(mut paths) = self.changes.recv().await {
            // What changed while the last build ran belongs to one build.
            while let Ok(more) = self.changes.try_recv() {
                paths.extend(more);
            }
            for (dir, root) in agents.iter().zip(&self.roots) {
                if paths.iter().any(|path| is_source(path, root)) {
                    refresh(runtime, owner, dir).await;
                }
            }
        }
    }
}

/// Whether a changed file is part of an agent's sources: not what builds write, nor what
/// editors keep beside a file.
fn is_source(path: &Path, root: &Path) -> bool {
    let Ok(inside) = path.strip_prefix(root) else { return false };
    let skipped = |name: &str| name == "target" || name.starts_with('.') || name.ends_with('~');
    !inside.iter().any(|part| part.to_str().is_none_or(skipped))
}

/// Builds, publishes and deploys one agent; says what happened. What fails leaves the
/// old release serving.
async fn refresh(runtime: &Runtime, owner: &Caller, dir: &Path) -> bool {
    let started = Instant::now();
    let name = dir.file_name().map_or_else(|| dir.display().to_string(), |name| name.to_string_lossy().into_owned());
    note(&format!("{} {name}", "building".cyan().bold()));
    let done = async {
        let compiled = build::compile(dir).await?;
        deploy(runtime, owner, compiled).await
    };
    match done.await {
        Ok(said) => {
            note(&format!("{said} {}", format!("in {:.1} s", started.elapsed().as_secs_f64()).dimmed()));
            true
        }
        Err(error) => {
            fail(false, &error);
            note(&format!("{name}: what served before still serves"));
            false
        }
    }
}

/// Publishes a compiled agent, unless the same was published last, and makes it serve.
async fn deploy(runtime: &Runtime, owner: &Caller, mut compiled: Compiled) -> Result<String> {
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
            return Ok(format!("{} {reference} serves", "unchanged".green()));
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
        note(&format!("{} {} calls of an older release were ended", "expired".yellow().bold(), swapped.expired));
    }
    for grant in swapped.deployment.grants.lines() {
        note(&format!("  {} {name}: {grant}", "granted".yellow()));
    }
    Ok(format!("{} {reference}", "deployed".green().bold()))
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
