//! What is asked on the command line.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::tools::Peer;

/// What `--help` says.
pub const HELP: &str = "\
Compares the agents `aws` and `security` with Prowler, Checkov and Cloud Custodian on an emulated AWS account that is
made from a directory of Terraform.

Usage: peers [OPTIONS] [ESTATE_DIR]

  ESTATE_DIR         The directory of Terraform; tests/peers/estate when absent. A `truth.toml` in it says what is wrong,
                     `\"CLASS\" = [\"ADDRESS\", …]`; without one, the table says in what the tools agree

Options:
  --write            Write the table to docs/peers.md
  --json             Print JSON instead of the table
  --only PEER,…      Ask these peers alone: prowler, checkov, custodian
  --region REGION    Look there; where most of the estate lies, when absent
  --keep DIR         Leave what each tool found, and the resources there are, as JSON in DIR
  --help             Print this

Needed: moto_server (`pip install 'moto[server]'`), terraform with the AWS provider, python3 with venv and pip. The
provider is looked for in TROUPE_TERRAFORM_PLUGINS, then in a folder `tf-plugins` here, in the home directory or in /opt;
without any, terraform fetches it. Each peer is installed into target/peers when it is not there.

Examples:
  peers
  peers --write
  peers ../our-terraform --json > comparison.json
  peers --only checkov --keep /tmp/found tests/peers/estate
";

/// What is asked.
#[derive(Debug, PartialEq, Eq)]
pub struct Asked {
    /// The directory of Terraform.
    pub estate: PathBuf,
    /// Whether docs/peers.md is written.
    pub write: bool,
    /// Whether JSON is printed.
    pub json: bool,
    /// The peers that are asked.
    pub peers: Vec<Peer>,
    /// Where to look, if somebody says so.
    pub region: Option<String>,
    /// Where what was found is left.
    pub keep: Option<PathBuf>,
}

/// Reads the arguments; nothing if help is asked for.
///
/// # Errors
/// What is no argument, named.
pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Option<Asked>> {
    let mut asked = Asked {
        estate: troupe_tests::root().join("tests/peers/estate"),
        write: false,
        json: false,
        peers: Peer::ALL.to_vec(),
        region: None,
        keep: None,
    };
    let mut arguments = arguments;
    let mut named = false;
    while let Some(argument) = arguments.next() {
        let mut value = |name: &str| arguments.next().ok_or_else(|| anyhow::anyhow!("`{name}` needs a value"));
        match argument.as_str() {
            "--help" | "-h" => return Ok(None),
            "--write" => asked.write = true,
            "--json" => asked.json = true,
            "--region" => asked.region = Some(value("--region")?),
            "--keep" => asked.keep = Some(value("--keep")?.into()),
            "--only" => asked.peers = value("--only")?.split(',').map(str::parse).collect::<Result<_>>()?,
            other if other.starts_with('-') => bail!("`{other}` is no option; `peers --help` lists them"),
            _ if named => bail!("`{argument}` is a second directory; one estate is compared at a time"),
            _ => (asked.estate, named) = (argument.into(), true),
        }
    }
    Ok(Some(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Option<Asked>> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_directory_and_options_are_read() {
        let asked = parsed("--json there --only checkov,prowler --region eu-west-1").unwrap().unwrap();
        assert_eq!(asked.estate, PathBuf::from("there"));
        assert_eq!(asked.peers, [Peer::Checkov, Peer::Prowler]);
        assert_eq!((asked.json, asked.write, asked.region.as_deref()), (true, false, Some("eu-west-1")));
    }

    #[test]
    fn help_is_no_comparison_and_what_is_unknown_is_named() {
        assert_eq!(parsed("there --help").unwrap(), None);
        let said = |line| format!("{:#}", parsed(line).unwrap_err());
        assert_eq!(said("--fast"), "`--fast` is no option; `peers --help` lists them");
        assert_eq!(said("a b"), "`b` is a second directory; one estate is compared at a time");
        assert_eq!(said("--only scoutsuite"), "`scoutsuite` is no peer; there are prowler, checkov, custodian");
    }
}
