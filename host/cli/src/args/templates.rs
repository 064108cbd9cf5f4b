//! The grammar of `troupe templates`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

#[derive(Debug, ClapArgs)]
pub(crate) struct Templates {
    #[command(subcommand)]
    pub(crate) verb: Option<TemplatesVerb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TemplatesVerb {
    /// List templates.
    List,
    /// Show a template: its parameters and what its agents are made of.
    Show {
        /// TEMPLATE, its highest version, or TEMPLATE@VERSION.
        template: String,
    },
    /// Import a version of a template, which never changes.
    Import {
        /// A file in YAML or JSON; `-` is standard input.
        file: PathBuf,
    },
    /// Print a template as YAML, or with `--json` as JSON.
    Export {
        /// TEMPLATE, its highest version, or TEMPLATE@VERSION.
        template: String,
    },
    /// Remove a version of a template; agents that were made of it stay.
    Remove {
        /// TEMPLATE@VERSION.
        template: String,
    },
}
