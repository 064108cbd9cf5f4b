//! The grammar of `troupe backup` and `troupe restore`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
pub(crate) struct Backup {
    /// The file to write; with `--check`, to read through.
    pub(crate) file: PathBuf,

    /// Read a backup through, and make none.
    #[arg(long)]
    pub(crate) check: bool,

    /// Replace a file that is there.
    #[arg(long, conflicts_with = "check")]
    pub(crate) force: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Restore {
    /// The backup.
    pub(crate) file: PathBuf,

    /// An empty database of PostgreSQL, which the rows go to in place of one in the data directory.
    #[arg(long, env = "TROUPE_DATABASE", hide_env_values = true, value_name = "URL")]
    pub(crate) database: Option<String>,

    /// The key that the old host signed with, `signing.key` of its data directory: without it, or
    /// trust in it, releases that the old host signed by itself do not serve.
    #[arg(long, value_name = "FILE")]
    pub(crate) signing_key: Option<PathBuf>,
}
