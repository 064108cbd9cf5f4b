//! What bounds agents that ask agents, and the end of a task that is cancelled.

use std::time::Duration;

/// Tasks above one that an agent asks for. A chain of agents that is meant is a few long; what asks
/// itself round and round is stopped here.
pub const TASK_HOPS_MAX: u32 = 16;
/// Tasks below one that nobody's agent asked for, over all that was ever asked for it. They are counted
/// whenever there is one more, which takes a millisecond up to here.
pub const TASK_DESCENDANTS_MAX: u64 = 1_000;
/// Longest document that says how a skill is asked for, in bytes; it has five fields.
pub const ASK_OPTIONS_BYTES_MAX: usize = 4 * 1024;
/// Lines of skills of other agents that one agent may ask for.
pub const ASK_GRANTS_MAX: usize = 64;
/// Tasks that a list of those which a task has asked for has: the newest.
pub const CHILDREN_LISTED_MAX: u32 = 100;

/// How long the agent of a task that is cancelled has to clean up, from when the task is cancelled: time
/// to give back what it holds, not to finish.
pub const CANCEL_TIME_MAX: Duration = Duration::from_secs(5);
/// How long a task that is suspended when it is cancelled waits to be taken up once more, so that its agent
/// is told; then it ends without. A queue that moves takes far less.
pub const CANCEL_WAIT_MAX: Duration = Duration::from_secs(10);
