//! The grammar of `troupe tasks`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
pub(crate) struct Tasks {
    /// The task to show.
    pub(crate) task: Option<String>,

    /// Cancel the task.
    #[arg(long, requires = "task")]
    pub(crate) cancel: bool,

    /// Ask for what it asked for once more, as a new task.
    #[arg(long, requires = "task", conflicts_with_all = ["cancel", "redact"])]
    pub(crate) retry: bool,

    /// Show it with the task that asked for it and all that was asked for below that.
    #[arg(long, requires = "task", conflicts_with_all = ["cancel", "redact", "retry"])]
    pub(crate) tree: bool,

    /// List what it has left beside its output.
    #[arg(long, requires = "task", conflicts_with_all = ["cancel", "redact", "retry", "tree"])]
    pub(crate) artifacts: bool,

    /// Fetch one of those.
    #[arg(
        long,
        requires = "task",
        value_name = "NAME",
        conflicts_with_all = ["cancel", "redact", "retry", "tree", "artifacts"]
    )]
    pub(crate) artifact: Option<String>,

    /// Where to; to a file of its own name in this directory otherwise.
    #[arg(long, short, requires = "artifact", value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Replace the file if it is there.
    #[arg(long, requires = "artifact")]
    pub(crate) force: bool,

    /// Forget what the task's calls and answers hold; it cannot be replayed any more.
    #[arg(long, requires = "task", conflicts_with = "cancel")]
    pub(crate) redact: bool,

    /// Forget its input and output, too.
    #[arg(long, requires = "redact")]
    pub(crate) all: bool,

    /// Only those of this agent.
    #[arg(long, conflicts_with = "task", value_name = "AGENT")]
    pub(crate) agent: Option<String>,

    /// Only those in this status.
    #[arg(long, conflicts_with = "task", value_name = "STATUS")]
    pub(crate) status: Option<String>,

    /// Only those for this instance.
    #[arg(long, conflicts_with = "task", value_name = "ID")]
    pub(crate) instance: Option<String>,

    /// Only those of this session.
    #[arg(long, conflicts_with = "task", value_name = "ID")]
    pub(crate) session: Option<String>,

    /// Only those that the agent of this task asked for.
    #[arg(long, conflicts_with = "task", value_name = "TASK")]
    pub(crate) caused_by: Option<String>,

    /// How many.
    #[arg(long, conflicts_with = "task", default_value_t = 20, value_name = "N")]
    pub(crate) limit: u32,
}
