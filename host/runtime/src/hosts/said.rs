//! What guests say while they run, from the host where they do to those where somebody watches.
//!
//! ```text
//!  watched here, runs elsewhere ── +want OWNER TASK TASK ─▸ all ─▸ where one runs: told for 5 s
//!                    ▲                                                     │
//!                    └────────────── +said OWNER TASK {part or report} ◂───┘
//! ```
//!
//! It goes with no commit and is kept nowhere, as at one host. What is lost or too long to be carried shows in the
//! numbers of what comes next, and is told as missing. The task's own states, and its whole output, come by the feed.

use tokio::sync::{broadcast, mpsc};
use tokio::time::Instant;
use troupe_core::{TaskId, limits};
use troupe_store::PASSED;

use crate::Runtime;
use crate::tasks::Saying;

impl Runtime {
    /// Passes on what guests say, both ways, until the host stops.
    pub(crate) fn keep_passing(&self) {
        if !self.is_shared() {
            return;
        }
        let (to_pass, mut said) = mpsc::channel(limits::WORDS_WAITING_MAX);
        self.watchers.passing().goes_by(to_pass);
        let runtime = self.clone();
        tokio::spawn(async move {
            while let Some((task, saying)) = said.recv().await {
                if let Ok(text) = serde_json::to_string(&saying) {
                    runtime.tell_hosts(format!("{PASSED}said {} {task} {text}", runtime.owner)).await;
                }
            }
        });
        let (runtime, mut passed) = (self.clone(), self.store.passed());
        tokio::spawn(async move {
            while !runtime.is_stopping() || runtime.workers.count() > 0 {
                tokio::select! {
                    text = passed.recv() => match text {
                        Ok(text) => runtime.hear_passed(&text),
                        Err(broadcast::error::RecvError::Lagged(_)) => {}
                        Err(broadcast::error::RecvError::Closed) => return,
                    },
                    () = tokio::time::sleep(limits::LEASE_RENEWAL) => {}
                }
            }
        });
    }

    /// Asks for what the guests of tasks say that are watched here and run elsewhere.
    pub(super) async fn ask_for_sayings(&self) {
        if self.hosts.others.load().is_empty() {
            return;
        }
        let mut watched = self.watchers.watched();
        watched.retain(|task| !self.workers.has(*task));
        watched.truncate(limits::WANTED_MAX);
        if !watched.is_empty() {
            let tasks: Vec<String> = watched.iter().map(TaskId::to_string).collect();
            self.tell_hosts(format!("{PASSED}want {} {}", self.owner, tasks.join(" "))).await;
        }
    }

    async fn tell_hosts(&self, text: String) {
        if text.len() > limits::PASSED_BYTES_MAX {
            return;
        }
        if let Some(bus) = self.hosts.bus.get() {
            bus.say(text);
        } else if let Err(error) = self.store.pass(&text).await {
            tracing::debug!(cause = error.cause_chain(), "what a guest says was not passed on: {error}");
        }
    }

    fn hear_passed(&self, text: &str) {
        let mut parts = text.splitn(4, ' ');
        let (Some(kind), Some(from), Some(first)) = (parts.next(), parts.next(), parts.next()) else { return };
        if from == self.owner {
            return;
        }
        let rest = parts.next().unwrap_or_default();
        match kind.trim_start_matches(PASSED) {
            "want" => {
                let tasks =
                    std::iter::once(first).chain(rest.split(' ')).filter_map(|task| task.parse::<TaskId>().ok());
                let until = Instant::now() + limits::WANTED_TIME;
                tasks
                    .filter(|task| self.workers.has(*task))
                    .for_each(|task| self.watchers.passing().wanted(task, until));
            }
            "said" => {
                if let (Ok(task), Ok(saying)) = (first.parse::<TaskId>(), serde_json::from_str::<Saying>(rest)) {
                    self.watchers.heard(task, saying);
                }
            }
            _ => {}
        }
    }
}
