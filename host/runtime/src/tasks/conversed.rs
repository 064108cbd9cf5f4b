//! Tasks in which an agent's own conversation is called.

use std::time::Duration;

use troupe_core::view::{NewTask, TaskView};
use troupe_core::{Caller, Result};
use troupe_store::TaskRow;

use super::submit::input_of;
use crate::Runtime;

impl Runtime {
    /// The task in which an agent is told a message, or asked what could be said next.
    ///
    /// # Errors
    /// Those of [`Runtime::submit`].
    pub(crate) async fn task_told(&self, caller: &Caller, mut request: NewTask) -> Result<TaskRow> {
        let input = input_of(&mut request)?;
        let instance = request.instance.as_deref().map(str::parse).transpose()?;
        self.asked_or_told(caller, &request, input, instance, &[]).await
    }

    /// Has an agent say what could be said next, of which nothing is kept.
    ///
    /// # Errors
    /// Those of [`Runtime::submit`], and why its instance or the runtime begins nothing now.
    pub(crate) async fn hints(&self, caller: &Caller, request: NewTask, wait: Duration) -> Result<TaskView> {
        let row = self.task_told(caller, request).await?;
        if let Some(held) = self.held_back(&row).await? {
            return Err(held.refusal());
        }
        Ok(self.run_fleeting(row, wait).await?.task)
    }
}
