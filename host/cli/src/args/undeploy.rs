//! The grammar of `troupe undeploy` and `troupe agents delete`.

use clap::{Args as ClapArgs, ValueEnum};
use troupe_core::view::StateAfter;

/// What becomes of an agent's state.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum LeftState {
    /// Whoever deploys the agent again goes on with it.
    #[default]
    Keep,
    /// It is removed.
    Remove,
}

impl From<LeftState> for StateAfter {
    fn from(state: LeftState) -> Self {
        match state {
            LeftState::Keep => Self::Keep,
            LeftState::Remove => Self::Remove,
        }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Undeploy {
    /// The agent.
    pub(crate) agent: String,

    /// What becomes of its state.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) state: LeftState,

    /// How long what runs may go on, in seconds; half a minute when absent.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) drain: Option<u64>,

    /// Only if the deployment is at this epoch.
    #[arg(long)]
    pub(crate) epoch: Option<u64>,

    /// Do not ask.
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DeleteAgent {
    /// The agent.
    pub(crate) agent: String,

    /// What becomes of the state that its last deployment has left.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) state: LeftState,

    /// Do not ask.
    #[arg(long)]
    pub(crate) yes: bool,
}
