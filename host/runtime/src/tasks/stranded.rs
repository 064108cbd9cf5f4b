//! Settling tasks that cannot go on since the state of their agent was brought to another form.

use troupe_core::{Result, limits};

use super::decided::READING;
use crate::Runtime;

impl Runtime {
    /// Settles all there are: those that have written nothing begin anew, the others end in
    /// doubt.
    pub(crate) async fn settle_stranded(&self) -> Result<()> {
        loop {
            let settled = self.store.settle_stranded(limits::WOKEN_AT_ONCE, READING).await?;
            if settled.is_empty() {
                return Ok(());
            }
            let (anew, ended) = (settled.pending.len(), settled.ended.len());
            tracing::info!(anew, ended, "tasks of an earlier form of state were settled");
            for task in settled.ended {
                self.queue.remove(task.id);
                self.tell(&task);
            }
            for task in settled.pending {
                self.queue.push(task.priority, task.tenant, task.agent, task.task);
            }
        }
    }
}
