//! The grammar of `troupe grant`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

#[derive(Debug, ClapArgs)]
pub(crate) struct Grant {
    #[command(subcommand)]
    pub(crate) verb: GrantVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GrantVerb {
    /// Show what the manifest asks for, what is granted, and what is in force.
    #[command(after_help = "Examples:
  troupe grant show aws")]
    Show(Shown),
    /// Grant lines that the manifest asks for, or lines of a file.
    #[command(after_help = "Examples:
  troupe grant add aws http/ec2 http/s3
  troupe grant add aws --all
  troupe grant add aws --file grants.toml

The file has lines as agent.toml has them, such as
  [[capabilities.http]]
  id = \"ec2\"
  …
or, with the name *.json, the document that `troupe --json grant show` calls `granted`.")]
    Add(Added),
    /// Take lines away; what runs is denied them at its next call.
    #[command(after_help = "Examples:
  troupe grant remove aws http/s3
  troupe grant remove aws --all")]
    Remove(Removed),
    /// Tell what a release or a file would allow that is denied now, and the other way round.
    #[command(after_help = "Examples:
  troupe grant diff aws                      what is asked for and not granted
  troupe grant diff aws --release 1.3.0
  troupe grant diff aws --file grants.toml")]
    Diff(Compared),
    /// Tell what an agent may do, and which line of the manifest and of the grants says so.
    #[command(after_help = "Examples:
  troupe grant explain aws
  troupe grant explain counter state set --skill increment
  troupe grant explain wiki http GET https://wiki.example.com/api/pages
  troupe grant explain aws http POST https://ec2.us-east-1.amazonaws.com/ \\
      --header 'content-type: application/x-www-form-urlencoded' \\
      --body 'Action=DescribeInstances&Version=2016-11-15'

Exit status: 0 allowed, 1 denied.")]
    Explain(Explained),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Shown {
    /// The agent.
    pub(crate) agent: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Added {
    /// The agent.
    pub(crate) agent: String,

    /// Lines that the manifest asks for, by their addresses, such as `state` or `http/ID`.
    #[arg(required_unless_present_any = ["all", "file"], value_name = "LINE")]
    pub(crate) lines: Vec<String>,

    /// All that the manifest asks for.
    #[arg(long, conflicts_with = "lines")]
    pub(crate) all: bool,

    /// A file of lines; each stands in place of what is granted under its address.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// Change nothing if the deployment's epoch is another.
    #[arg(long, value_name = "N")]
    pub(crate) epoch: Option<u64>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Removed {
    /// The agent.
    pub(crate) agent: String,

    /// Lines that are granted, by their addresses.
    #[arg(required_unless_present = "all", value_name = "LINE")]
    pub(crate) lines: Vec<String>,

    /// All that is granted.
    #[arg(long, conflicts_with = "lines")]
    pub(crate) all: bool,

    /// Change nothing if the deployment's epoch is another.
    #[arg(long, value_name = "N")]
    pub(crate) epoch: Option<u64>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Compared {
    /// The agent.
    pub(crate) agent: String,

    /// What this version's manifest asks for.
    #[arg(long, value_name = "VERSION")]
    pub(crate) release: Option<semver::Version>,

    /// What would be in force if only the lines of this file were granted.
    #[arg(long, conflicts_with = "release", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Explained {
    /// The agent.
    pub(crate) agent: String,

    /// The call, such as `state set` or `http GET URL`; everything when absent.
    #[arg(value_name = "QUESTION")]
    pub(crate) question: Vec<String>,

    /// The skill that makes the call.
    #[arg(long, requires = "question", value_name = "SKILL")]
    pub(crate) skill: Option<String>,

    /// A header of the request, as `NAME: VALUE`.
    #[arg(long, requires = "question", value_name = "HEADER")]
    pub(crate) header: Vec<String>,

    /// The body of the request.
    #[arg(long, requires = "question", value_name = "TEXT")]
    pub(crate) body: Option<String>,

    /// The credential that the request names.
    #[arg(long, requires = "question", value_name = "NAME")]
    pub(crate) credential: Option<String>,
}
