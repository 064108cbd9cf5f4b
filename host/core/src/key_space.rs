//! The key spaces of an agent's state.

/// Whose keys a call of state means. None of them holds a key of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeySpace {
    /// The deployment's: all invocations of the agent share them.
    Deployment,
    /// Those of the instance that the task is for.
    Instance,
}
