//! The grammar of `troupe tenants` and `troupe keys`.

use clap::{Args as ClapArgs, Subcommand};

#[derive(Debug, ClapArgs)]
pub(crate) struct Tenants {
    #[command(subcommand)]
    pub(crate) command: Option<TenantsCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TenantsCommand {
    /// Make a tenant.
    Create {
        /// Its name, for good.
        name: String,
    },
    /// Disable a tenant: its keys open nothing, what runs of it is cancelled, what waits stays.
    Disable {
        /// Its name.
        name: String,
    },
    /// Enable a disabled tenant again.
    Enable {
        /// Its name.
        name: String,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Keys {
    /// The tenant whose keys are meant, for the owner of the host; the token's own when absent.
    #[arg(long, global = true, value_name = "TENANT")]
    pub(crate) tenant: Option<String>,

    #[command(subcommand)]
    pub(crate) command: Option<KeysCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key and print its token, this once.
    Create {
        /// What people call it.
        #[arg(long)]
        name: String,

        /// What its holder may do, separated by commas: read, run, operate, approve,
        /// audit, admin, metrics, machine.
        #[arg(long, value_delimiter = ',', required = true, value_name = "SCOPES")]
        scopes: Vec<String>,

        /// An agent that it is bound to: `aws`, `aws*` or `*`; once for each. It changes nothing of
        /// others.
        #[arg(long = "for", value_name = "NAMES")]
        agents: Vec<String>,

        /// For how long it is good, such as `30d` or `12h`; for ever when absent.
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// Revoke a key for good.
    Revoke {
        /// Its id.
        key: String,
    },
}
