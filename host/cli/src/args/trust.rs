//! The grammar of `troupe keygen`, `sign` and `trust`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

#[derive(Debug, ClapArgs)]
pub(crate) struct Keygen {
    /// Where to write the private key; the public one goes beside it, with `.pub` at the end.
    #[arg(long, default_value = "signing.key", value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Sign {
    /// An archive that `troupe build` wrote, a published release as AGENT@VERSION, or the document
    /// that the registry has of a channel, as AGENT@CHANNEL.
    #[arg(value_name = "FILE|AGENT@VERSION|AGENT@CHANNEL")]
    pub(crate) source: String,

    /// The private key; that of the data directory when absent.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,

    /// Print the document to sign, for a key that is kept elsewhere, and sign nothing.
    #[arg(long, conflicts_with_all = ["key", "signature"])]
    pub(crate) payload: bool,

    /// A signature that was made elsewhere of what `--payload` prints: base64 text in a file.
    #[arg(long, conflicts_with = "key", value_name = "FILE")]
    pub(crate) signature: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Trust {
    /// The tenant that is meant, for the owner of the host; the token's own when absent.
    #[arg(long, global = true, value_name = "TENANT")]
    pub(crate) tenant: Option<String>,

    #[command(subcommand)]
    pub(crate) verb: Option<TrustVerb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TrustVerb {
    /// Show the keys and the rules.
    Show,
    /// Trust a key for names.
    #[command(after_help = "Examples:
  troupe trust add ci.key.pub --name ci --for 'aws*'
  troupe trust add cosign.pub --name release --for '*' --expires 365d")]
    Add {
        /// The public key, as PEM text: of `troupe keygen`, `cosign generate-key-pair` or openssl.
        #[arg(value_name = "FILE")]
        file: PathBuf,

        /// What to call it.
        #[arg(long)]
        name: String,

        /// The names it is trusted for: `aws`, `aws*` or `*`. It joins the keys of that rule.
        #[arg(long = "for", value_name = "NAMES")]
        names: Vec<String>,

        /// How long its signatures count, such as 365d; for ever when absent.
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// Revoke a key for good: what only it has signed is made to serve no more.
    #[command(after_help = "Examples:
  troupe trust revoke ci")]
    Revoke {
        /// The key, by name or id.
        key: String,
    },
    /// Forget a key that no rule names.
    #[command(after_help = "Examples:
  troupe trust remove ci")]
    Remove {
        /// The key, by name or id.
        key: String,
    },
    /// Say whose signatures names need, and how many; or take that back.
    #[command(after_help = "Examples:
  troupe trust rule 'aws*' --keys ci,security --threshold 2
  troupe trust rule 'aws*' --remove

Of the rules that take a name in, the one of the narrowest pattern holds alone.")]
    Rule {
        /// The names: `aws`, `aws*` or `*`.
        names: String,

        /// The keys, by name or id, separated by commas.
        #[arg(long, value_delimiter = ',', required_unless_present = "remove", value_name = "KEYS")]
        keys: Vec<String>,

        /// How many of them must have signed.
        #[arg(long, default_value_t = 1, value_name = "N")]
        threshold: u32,

        /// Take the rule away.
        #[arg(long, conflicts_with_all = ["keys", "threshold"])]
        remove: bool,
    },
}
