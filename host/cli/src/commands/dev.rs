//! `troupe dev`: write, save, and the agent is swapped.
//!
//! Every agent under a directory is built, published as `VERSION-dev.N`, deployed with
//! the grants that its manifest asks for (each is printed: the operator is the author),
//! and swapped again when its files change. A build that fails leaves what serves.

mod deploy;
mod watch;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use owo_colors::OwoColorize as _;
use serde_json::json;
use troupe_core::{Caller, Code, Error, ReleaseRef, Result};
use troupe_package::SigningKey;
use troupe_runtime::{Drain, GrantPolicy, Runtime, SignaturePolicy};

use crate::args::{self, Args};
use crate::build;
use crate::credentials;
use crate::host::{Host, Manner, asked_to_stop, stopping};
use crate::output::{log_cause, note, problem, sentence, tell};
use watch::Watch;

/// How long running calls get when `dev` ends.
const GRACE: Duration = Duration::from_secs(5);

pub(crate) async fn run(args: &Args, command: &args::Dev) -> Result<ExitCode> {
    let agents = find(&command.dir)?;
    let manner = Manner {
        grants: GrantPolicy::AsAsked,
        drain: Drain::Expire,
        signatures: SignaturePolicy::NotAsked,
        registry: None,
        database: None,
        bus: None,
        peer_address: None,
        cgroup: None,
    };
    let host = Host::start(&args.data_dir, &command.listen, &command.acts_with, &command.kept, manner).await?;
    let dev =
        Dev { json: args.json, runtime: host.runtime.clone(), owner: host.owner.clone(), key: Arc::clone(&host.key) };
    let url = host.url();
    let mut stop = std::pin::pin!(asked_to_stop()?);
    // Watching begins before building, so that what is saved meanwhile is built again.
    let mut watch = Watch::new(&command.dir)?;
    // Ctrl-C during the first builds ends them: nothing is published half.
    let good = tokio::select! {
        good = dev.refresh_all(&agents) => good,
        () = &mut stop => {
            dev.runtime.stop(GRACE).await;
            return Ok(ExitCode::SUCCESS);
        }
    };
    let open = host.open()?;
    let all = agents.len();
    tell(
        args.json,
        &json!({ "event": "serving", "url": url, "agents": all, "good": good }),
        &format!("{} {good} of {all} agents on {}", "serving".green().bold(), url.bold()),
    );
    note(&format!("watching {}; Ctrl-C stops", command.dir.display()));
    tokio::select! {
        () = dev.refresh_changed(&mut watch) => {}
        () = &mut stop => {}
    }
    stopping(args.json);
    open.close(GRACE).await;
    Ok(ExitCode::SUCCESS)
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

/// What building and deploying needs.
struct Dev {
    json: bool,
    runtime: Runtime,
    owner: Caller,
    /// Signs what is published, so that `serve` runs it too.
    key: Arc<SigningKey>,
}

impl Dev {
    /// Refreshes every agent once; returns how many were built and serve.
    async fn refresh_all(&self, agents: &[PathBuf]) -> usize {
        let mut good = 0;
        for dir in agents {
            good += usize::from(self.refresh(dir).await);
        }
        good
    }

    /// Refreshes what changes, until the watch ends. Agents are looked for anew each time:
    /// some appear, some go.
    async fn refresh_changed(&self, watch: &mut Watch) {
        while let Some(changes) = watch.next().await {
            for dir in find(watch.dir()).unwrap_or_default() {
                if changes.touch(&dir) {
                    self.refresh(&dir).await;
                }
            }
        }
    }

    /// Builds, publishes and deploys one agent; says what happened. What fails leaves the
    /// old release serving.
    async fn refresh(&self, dir: &Path) -> bool {
        let started = Instant::now();
        let name = dir.file_name().unwrap_or(dir.as_os_str()).to_string_lossy();
        let building = format!("{} {name}", "building".cyan().bold());
        tell(self.json, &json!({ "event": "building", "agent": name }), &building);
        let done = async {
            let mut compiled = build::compile(dir).await?;
            credentials::fill_region(&mut compiled.manifest);
            self.deploy(compiled).await
        };
        match done.await {
            Ok(deployed) => {
                let seconds = started.elapsed().as_secs_f64();
                let text = format!("{} {}", deployed.text(), format!("in {seconds:.1} s").dimmed());
                tell(self.json, &deployed.event(seconds), &text);
                true
            }
            Err(error) => {
                log_cause(&error, true);
                let serving = self.serving(dir, &name).await;
                let still = match &serving {
                    Some(release) => format!("{release} still serves"),
                    None => format!("no release of {name} serves; save a change to build it again"),
                };
                let event = json!({ "event": "failed", "agent": name, "problem": problem(&error), "serving": serving.as_ref().map(ToString::to_string) });
                tell(self.json, &event, &format!("{}\n{still}", sentence(&error)));
                false
            }
        }
    }

    /// What serves of the agent in a directory. A manifest that cannot be read does not say
    /// its name; its directory has the same as a rule.
    async fn serving(&self, dir: &Path, dir_name: &str) -> Option<ReleaseRef> {
        let name = build::manifest(dir).map_or_else(|_| dir_name.to_owned(), |manifest| manifest.name.to_string());
        let deployment = self.runtime.deployment(&self.owner, &name).await.ok()?;
        Some(ReleaseRef { agent: name.parse().ok()?, version: deployment.serving })
    }
}
