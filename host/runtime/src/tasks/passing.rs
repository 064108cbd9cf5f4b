//! What guests say that is watched at other hosts: who asks for it, and the way there.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::Instant;
use troupe_core::TaskId;
use troupe_core::view::Progress;

use super::watchers::{Part, Said};

/// What a guest says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Saying {
    /// How far it is.
    Progress(Said<Progress>),
    /// A part of its output.
    Part(Part),
}

/// What other hosts are told of.
#[derive(Debug, Default)]
pub(crate) struct Passing {
    /// The tasks that they ask for, and until when.
    wanted: Mutex<HashMap<TaskId, Instant>>,
    to_pass: OnceLock<mpsc::Sender<(TaskId, Saying)>>,
}

impl Passing {
    /// Has other hosts be told this way, as far as they ask for it.
    pub(crate) fn goes_by(&self, to_pass: mpsc::Sender<(TaskId, Saying)>) {
        self.to_pass.get_or_init(|| to_pass);
    }

    /// Another host asks for what the guest of a task says from now on.
    pub(crate) fn wanted(&self, task: TaskId, until: Instant) {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        wanted.retain(|_, until| *until > now);
        wanted.insert(task, until);
    }

    /// Passes on what the guest of a task says, if that is asked for.
    pub(super) fn pass(&self, task: TaskId, saying: impl FnOnce() -> Saying) {
        let Some(to_pass) = self.to_pass.get() else { return };
        let until = self.wanted.lock().unwrap_or_else(PoisonError::into_inner).get(&task).copied();
        if until.is_some_and(|until| until > Instant::now()) {
            // What there is no room for shows as missing.
            let _ = to_pass.try_send((task, saying()));
        }
    }
}
