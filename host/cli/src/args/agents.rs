//! The grammar of `troupe agents`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::DeleteAgent;

#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Agents {
    #[command(subcommand)]
    pub(crate) verb: Option<AgentsVerb>,

    /// The agent to show.
    pub(crate) agent: Option<String>,

    /// Only those in whose name, summary, goals or skills each of these words occurs, best first.
    #[arg(long, conflicts_with = "agent", value_name = "WORDS")]
    pub(crate) search: Option<String>,

    /// Only those that handle events of this topic.
    #[arg(long, conflicts_with = "agent", value_name = "TOPIC")]
    pub(crate) event: Option<String>,

    /// End the agent's quarantine.
    #[arg(long, requires = "agent")]
    pub(crate) lift: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AgentsVerb {
    /// Make an agent of a template: publish a release of its own over a component that is there.
    #[command(after_help = "Examples:
  troupe agents create eu-explorer --template explorer --set region=eu-west-1
  troupe agents create eu-explorer --template explorer@1.0.0 --version 1.0.1 --set region=eu-central-1
  troupe agents create eu-explorer --file explorer.yaml --dry-run")]
    Create(Box<CreateAgent>),
    /// Delete an agent that is not deployed, with its releases, channels, schedules and subscriptions.
    #[command(after_help = "Examples:
  troupe agents delete aws
  troupe agents delete aws --state remove --yes")]
    Delete(DeleteAgent),
    /// Print the template, without parameters, that an agent is again made of.
    #[command(after_help = "Examples:
  troupe agents export aws > aws.yaml
  troupe --json agents export aws@1.2.0")]
    Export {
        /// The agent, or AGENT@VERSION; without a version the newest.
        agent: String,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CreateAgent {
    /// The agent's name.
    pub(crate) name: String,

    /// The template that is kept: TEMPLATE, its highest version, or TEMPLATE@VERSION.
    #[arg(long, required_unless_present = "file", conflicts_with = "file")]
    pub(crate) template: Option<String>,

    /// A file with a template, in YAML or JSON; `-` is standard input.
    #[arg(long)]
    pub(crate) file: Option<PathBuf>,

    /// What is put in for a parameter; a text, unless the template says it is something else.
    #[arg(long = "set", value_name = "PARAMETER=VALUE", value_parser = parameter)]
    pub(crate) parameters: Vec<(String, String)>,

    /// The version of the release; that of the template when absent.
    #[arg(long)]
    pub(crate) version: Option<semver::Version>,

    /// Only show which release that would be.
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Take it although its name is easily taken for another agent's.
    #[arg(long)]
    pub(crate) allow_similar: bool,

    /// Sign with this private key; with that of the data directory when absent.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,

    /// Do not sign.
    #[arg(long, conflicts_with = "key")]
    pub(crate) no_sign: bool,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write PARAMETER=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
