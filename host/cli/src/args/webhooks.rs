//! The grammar of `troupe events webhooks`.

use clap::{Args as ClapArgs, Subcommand};

#[derive(Debug, ClapArgs)]
pub(crate) struct Webhooks {
    #[command(subcommand)]
    pub(crate) verb: Option<WebhooksVerb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WebhooksVerb {
    /// List webhooks, and how the last try of each went.
    List,
    /// Show a webhook and what has come of it.
    Show {
        /// Its name.
        webhook: String,
    },
    /// Set a webhook, in place of the one of its name; a new one's secret is shown, once.
    #[command(after_help = "Examples:
  troupe events webhooks set chat 'shop.order.*' https://chat.example.com/hooks/troupe
  troupe events webhooks set audit '>' https://audit.example.com/in --in-any-order --parallel 16")]
    Set(Box<SetWebhook>),
    /// Make a webhook's next secret, which is shown, once; the one before signs as well for a day.
    Rotate {
        /// Its name.
        webhook: String,

        /// For how many seconds the one before signs as well.
        #[arg(long, value_name = "SECONDS")]
        overlap: Option<u64>,
    },
    /// Have what is routed to a webhook wait until it is resumed.
    Pause {
        /// Its name.
        webhook: String,
    },
    /// Have what is routed to a webhook be sent again.
    Resume {
        /// Its name.
        webhook: String,
    },
    /// Remove a webhook; what waits for it is dropped.
    Remove {
        /// Its name.
        webhook: String,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SetWebhook {
    /// Its name.
    pub(crate) webhook: String,

    /// The topics: one, or a pattern with `*` for a segment and `>` for all that follow.
    pub(crate) topic: String,

    /// Where they are sent: an `https` address.
    pub(crate) url: String,

    /// How many are sent at once: 1 to 16.
    #[arg(long, value_name = "N")]
    pub(crate) parallel: Option<u32>,

    /// How often each is tried in all: 1 to 20.
    #[arg(long, value_name = "N")]
    pub(crate) tries: Option<u32>,

    /// Send events of one sender and topic without waiting for the one before.
    #[arg(long)]
    pub(crate) in_any_order: bool,

    /// Set it without having anything sent yet.
    #[arg(long)]
    pub(crate) paused: bool,
}
