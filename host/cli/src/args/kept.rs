//! What a host keeps, and how long, as `troupe dev` and `troupe serve` are told.

use std::time::Duration;

use clap::Args as ClapArgs;
use troupe_core::limits;
use troupe_runtime::{JournalLimits, ReleaseLimits, StateLimits};

/// What a host keeps, and how long.
#[derive(Debug, ClapArgs)]
pub(crate) struct Kept {
    #[command(flatten)]
    pub(crate) journals: Journals,

    #[command(flatten)]
    pub(crate) state: State,

    /// How many builds of `troupe dev` are kept of each agent.
    #[arg(long, env = "TROUPE_DEV_RELEASES", default_value_t = limits::DEV_RELEASES_KEPT_DEFAULT, value_name = "N")]
    pub(crate) dev_releases: u32,
}

impl Kept {
    /// Which releases are kept, as the runtime takes it.
    pub(crate) const fn releases(&self) -> ReleaseLimits {
        ReleaseLimits { dev_kept: self.dev_releases }
    }
}

/// How long a host keeps journals.
#[derive(Debug, ClapArgs)]
pub(crate) struct Journals {
    /// Days after the end of its task for which a journal is kept.
    #[arg(long, env = "TROUPE_JOURNAL_DAYS", default_value_t = limits::JOURNAL_DAYS_DEFAULT, value_name = "DAYS")]
    pub(crate) journal_days: u32,

    /// What the journals of one tenant may take together, in bytes.
    #[arg(long, env = "TROUPE_JOURNAL_BYTES", default_value_t = limits::JOURNAL_TENANT_BYTES_DEFAULT, value_name = "BYTES")]
    pub(crate) journal_bytes: u64,
}

impl Journals {
    /// The same, as the runtime takes it.
    pub(crate) fn limits(&self) -> JournalLimits {
        let time = Duration::from_secs(u64::from(self.journal_days) * 24 * 60 * 60);
        JournalLimits { time, tenant_bytes: self.journal_bytes }
    }
}

/// What deployments may keep.
#[derive(Debug, ClapArgs)]
pub(crate) struct State {
    /// What the state of one deployment and its instances may take together, in bytes.
    #[arg(long, env = "TROUPE_STATE_BYTES", default_value_t = limits::STATE_DEPLOYMENT_BYTES_DEFAULT, value_name = "BYTES")]
    pub(crate) state_bytes: u64,

    /// How many keys they may have together.
    #[arg(long, env = "TROUPE_STATE_KEYS", default_value_t = limits::STATE_DEPLOYMENT_KEYS_DEFAULT, value_name = "N")]
    pub(crate) state_keys: u64,
}

impl State {
    /// The same, as the runtime takes it.
    pub(crate) const fn limits(&self) -> StateLimits {
        StateLimits { bytes: self.state_bytes, keys: self.state_keys }
    }
}
