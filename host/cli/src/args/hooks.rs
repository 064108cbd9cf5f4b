//! The grammar of `troupe events hooks`.

use clap::{Args as ClapArgs, Subcommand};

#[derive(Debug, ClapArgs)]
pub(crate) struct Hooks {
    #[command(subcommand)]
    pub(crate) verb: Option<HooksVerb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HooksVerb {
    /// List hooks.
    List,
    /// Show a hook and the path at which its sender reaches it.
    Show {
        /// Its name.
        hook: String,
    },
    /// Set a hook, in place of the one of its name; a new one's secret is shown, once.
    #[command(after_help = "Examples:
  troupe events hooks set pushes github.push github
  troupe events hooks set billing shop.paid standard --secret billing
  troupe events hooks set chat chat.said hmac --signature-header X-Signature --prefix sha256= --timestamp-header X-Time")]
    Set(Box<SetHook>),
    /// Make a hook's next secret, which is shown, once; the one before is taken as well for a day.
    Rotate {
        /// Its name.
        hook: String,

        /// For how many seconds the one before is taken as well.
        #[arg(long, value_name = "SECONDS")]
        overlap: Option<u64>,
    },
    /// Remove a hook.
    Remove {
        /// Its name.
        hook: String,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SetHook {
    /// Its name.
    pub(crate) hook: String,

    /// The topic under which all that comes is published.
    pub(crate) topic: String,

    /// How its sender signs.
    #[arg(value_parser = ["standard", "github", "hmac"])]
    pub(crate) kind: String,

    /// Of `hmac`: the header that bears the signature, an HMAC of SHA-256.
    #[arg(long, required_if_eq("kind", "hmac"), value_name = "NAME")]
    pub(crate) signature_header: Option<String>,

    /// Of `hmac`: how the signature is written; hex unless said.
    #[arg(long, requires = "signature_header", value_parser = ["hex", "base64"])]
    pub(crate) encoding: Option<String>,

    /// Of `hmac`: what stands before the signature, such as `sha256=`.
    #[arg(long, requires = "signature_header", value_name = "TEXT")]
    pub(crate) prefix: Option<String>,

    /// Of `hmac`: the header with the seconds since 1970 at which a message was sent, which is signed as TIMESTAMP.BODY.
    #[arg(long, requires = "signature_header", value_name = "NAME")]
    pub(crate) timestamp_header: Option<String>,

    /// How urgent what comes is: critical, high, normal or low.
    #[arg(long, value_name = "PRIORITY")]
    pub(crate) priority: Option<String>,

    /// The operator's secret that its sender signs by, in place of one of the host's making.
    #[arg(long, value_name = "NAME")]
    pub(crate) secret: Option<String>,

    /// Set it without having anything taken yet.
    #[arg(long)]
    pub(crate) paused: bool,
}
