//! The grammar of `troupe locks`.

use clap::{Args as ClapArgs, Subcommand};

#[derive(Debug, ClapArgs)]
pub(crate) struct Locks {
    #[command(subcommand)]
    pub(crate) verb: Option<LocksVerb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LocksVerb {
    /// List the locks that tasks hold.
    List {
        /// Those of this name, or, with a `*` at its end, those whose name begins so.
        pattern: Option<String>,
    },
    /// Show who holds a lock, and who waits for it.
    Get {
        /// Its name.
        lock: String,
    },
    /// Take a lock from the task that holds it, and give it to the next.
    Release {
        /// Its name.
        lock: String,

        /// Take it only from whoever was given this token of the lock.
        #[arg(long, value_name = "TOKEN")]
        if_token: Option<u64>,
    },
}
