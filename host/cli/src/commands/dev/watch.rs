//! Watching the agents' files.
//!
//! One directory is watched with all that is below it, so that agents that appear, or that
//! a checkout removes and makes again, are seen. Its parent is watched beside it, alone,
//! for the case that the directory itself goes and comes back.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify_debouncer_full::notify::{self, RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};
use tokio::sync::mpsc;
use troupe_core::{Code, Error, Result};

use crate::output::note;

/// Quiet time after a change before a build begins: editors save in several steps.
const SETTLE: Duration = Duration::from_millis(150);

/// A directory under watch.
pub(super) struct Watch {
    /// The directory as the system names it, as changes do.
    dir: PathBuf,
    changes: mpsc::UnboundedReceiver<Changes>,
    /// Watches as long as it lives.
    watcher: Debouncer<RecommendedWatcher, RecommendedCache>,
}

/// What changed.
#[derive(Debug, Default)]
pub(super) struct Changes {
    paths: Vec<PathBuf>,
    /// More may have changed than is known.
    all: bool,
}

impl Watch {
    /// Begins to watch.
    pub(super) fn new(dir: &Path) -> Result<Self> {
        let (changed, changes) = mpsc::unbounded_channel();
        let handler = move |result| {
            let _ = changed.send(Changes::from(result));
        };
        let failed = |error: notify::Error| {
            let message = format!("`{}` cannot be watched ({error})", dir.display());
            Error::new(Code::BuildFailed, message).with_cause(error)
        };
        let mut watcher = new_debouncer(SETTLE, None, handler).map_err(failed)?;
        let dir = dir.canonicalize().map_err(Error::internal)?;
        if let Some(parent) = dir.parent() {
            watcher.watch(parent, RecursiveMode::NonRecursive).map_err(failed)?;
        }
        watcher.watch(&dir, RecursiveMode::Recursive).map_err(failed)?;
        Ok(Self { dir, changes, watcher })
    }

    /// The directory, under the name that changes use.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Waits for changes; `None` when there will be none. What changed while the last build
    /// ran is told at once.
    pub(super) async fn next(&mut self) -> Option<Changes> {
        let mut changes = self.changes.recv().await?;
        while let Ok(more) = self.changes.try_recv() {
            changes.paths.extend(more.paths);
            changes.all |= more.all;
        }
        if changes.paths.contains(&self.dir) {
            // It may be a new one under the old name, which nobody watches yet.
            let _ = self.watcher.unwatch(&self.dir);
            changes.all |= self.watcher.watch(&self.dir, RecursiveMode::Recursive).is_ok();
        }
        Some(changes)
    }
}

impl From<DebounceEventResult> for Changes {
    fn from(result: DebounceEventResult) -> Self {
        match result {
            Ok(events) => {
                let events = events.into_iter().filter(|event| !event.kind.is_access());
                events.fold(Self::default(), |mut changes, event| {
                    changes.all |= event.need_rescan();
                    changes.paths.extend(event.event.paths);
                    changes
                })
            }
            Err(errors) => {
                for error in errors {
                    note(&format!("changes may have been missed ({error}); every agent is looked at again"));
                }
                Self { paths: Vec::new(), all: true }
            }
        }
    }
}

impl Changes {
    /// Whether the sources of the agent in a directory changed.
    pub(super) fn touch(&self, agent: &Path) -> bool {
        self.all || self.paths.iter().any(|path| is_source(path, agent))
    }
}

/// Whether a changed file is part of an agent's sources: not what builds write, nor what
/// editors keep beside a file.
fn is_source(path: &Path, agent: &Path) -> bool {
    let Ok(inside) = path.strip_prefix(agent) else { return false };
    let is_kept_beside = |name: &str| name.starts_with('.') || name.ends_with('~');
    !inside.starts_with("target") && !inside.iter().any(|part| part.to_str().is_none_or(is_kept_beside))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_what_an_author_writes() {
        let is_source = |path: &str| is_source(Path::new(path), Path::new("/agents/mine"));
        for path in ["/agents/mine", "/agents/mine/agent.toml", "/agents/mine/src/target/mod.rs"] {
            assert!(is_source(path), "{path}");
        }
        for path in
            ["/agents/mine/target", "/agents/mine/target/x", "/agents/mine/src/.lib.rs.swp", "/agents/mine/lib.rs~"]
        {
            assert!(!is_source(path), "{path}");
        }
        assert!(!is_source("/agents/other/src/lib.rs") && !is_source("/agents"));
    }

    #[test]
    fn after_an_overflow_everything_may_have_changed() {
        let event = notify::Event::new(notify::EventKind::Other).set_flag(notify::event::Flag::Rescan);
        let events = vec![notify_debouncer_full::DebouncedEvent::new(event, std::time::Instant::now())];
        assert!(Changes::from(Ok(events)).touch(Path::new("/agents/mine")));
        assert!(Changes::from(Err(vec![notify::Error::generic("x")])).touch(Path::new("/agents/mine")));
        assert!(!Changes::from(Ok(Vec::new())).touch(Path::new("/agents/mine")));
    }
}
