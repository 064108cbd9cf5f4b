//! The grammar of `troupe events` and `troupe subscriptions`.

use clap::{Args as ClapArgs, Subcommand};

use super::{Hooks, Webhooks};

#[derive(Debug, ClapArgs)]
pub(crate) struct Events {
    /// Print events as they are published, until it is interrupted; with `--json`, each as a line.
    #[arg(long, short)]
    pub(crate) follow: bool,

    /// Those of topics that fit this pattern, such as `shop.>`.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) topic: Option<String>,

    /// Follow from the event after this position; from now on when absent.
    #[arg(long, value_name = "POSITION", requires = "follow")]
    pub(crate) after: Option<u64>,

    #[command(subcommand)]
    pub(crate) verb: Option<EventsVerb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EventsVerb {
    /// List the last events, newest first.
    List(ListEvents),
    /// Show an event and what became of it at each subscription.
    Show {
        /// Its position.
        event: u64,
    },
    /// Publish an event.
    #[command(after_help = "Examples:
  troupe events publish shop.order.placed --data '{\"order\":17}'
  troupe events publish shop.order.placed --data @order.json --id order-17 --priority high
  troupe events publish shop.report.due --delay 3600
  troupe events publish shop.report.due --at 2026-12-01T06:00:00Z")]
    Publish(Box<PublishEvent>),
    /// Call an event off whose time has not come.
    Cancel {
        /// Its position.
        event: u64,
    },
    /// Forget what a settled event said, and what the tasks that handled it did; that it came stays on record.
    Redact {
        /// Its position.
        event: u64,
    },
    /// List the topics under which something was published, and who takes them.
    Types,
    /// Say what has come of events, in all and by subscription.
    Stats,
    /// Have events delivered again that were routed before, from a position or a time on.
    #[command(after_help = "Examples:
  troupe events redeliver --from 4711 --subscription billing
  troupe events redeliver --since 2026-11-28T00:00:00Z --topic 'shop.>'")]
    Redeliver(RedeliverEvents),
    /// List deliveries that were given up.
    Dead {
        /// Those of this subscription.
        #[arg(long, value_name = "NAME")]
        subscription: Option<String>,
    },
    /// Have a delivery that was given up tried again.
    Retry {
        /// Its number.
        delivery: u64,
    },
    /// Decide that nothing comes of a delivery that was given up.
    Discard {
        /// Its number.
        delivery: u64,
    },
    /// Take events from somebody outside, who signs them.
    Hooks(Hooks),
    /// Send events to somebody outside.
    Webhooks(Webhooks),
}

#[derive(Debug, Default, ClapArgs)]
pub(crate) struct ListEvents {
    /// Those of topics that fit this pattern, such as `shop.>`.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) topic: Option<String>,

    /// Those that this principal, agent or instance has published.
    #[arg(long, value_name = "SENDER")]
    pub(crate) sender: Option<String>,

    /// Those in this state: scheduled, unhandled, open or settled.
    #[arg(long, value_name = "STATE")]
    pub(crate) state: Option<String>,

    /// How many: at most 500.
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub(crate) limit: u32,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct PublishEvent {
    /// The topic: segments of letters, digits, `_` and `-` with full stops between them.
    pub(crate) topic: String,

    /// The data: JSON, `@FILE`, or `-` for standard input.
    #[arg(long, short, value_name = "JSON")]
    pub(crate) data: Option<String>,

    /// How urgent it is: critical, high, normal or low.
    #[arg(long, value_name = "PRIORITY")]
    pub(crate) priority: Option<String>,

    /// What it is about.
    #[arg(long, value_name = "TEXT")]
    pub(crate) subject: Option<String>,

    /// Tells it apart from others; the same one is kept once.
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,

    /// When its time is, such as `2026-12-01T06:00:00Z`.
    #[arg(long, value_name = "TIME", conflicts_with = "delay")]
    pub(crate) at: Option<String>,

    /// In how many seconds its time is.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) delay: Option<u64>,
}

#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = true, args = ["from", "since"])]
pub(crate) struct RedeliverEvents {
    /// From this position on.
    #[arg(long, value_name = "POSITION")]
    pub(crate) from: Option<u64>,

    /// From what was published at this time on.
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,

    /// Up to this position; up to the last that there is when absent.
    #[arg(long, value_name = "POSITION")]
    pub(crate) to: Option<u64>,

    /// Those that fit this pattern.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) topic: Option<String>,

    /// To this subscription; to each that takes them now when absent.
    #[arg(long, value_name = "NAME")]
    pub(crate) subscription: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Subscriptions {
    #[command(subcommand)]
    pub(crate) verb: Option<SubscriptionsVerb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SubscriptionsVerb {
    /// List subscriptions, those of agents' triggers among them.
    List,
    /// Show a subscription and what has come of it.
    Show {
        /// Its name.
        subscription: String,
    },
    /// Set a subscription, in place of the one of its name.
    #[command(after_help = "Examples:
  troupe subscriptions set billing 'shop.order.*' billing charge
  troupe subscriptions set watch 'aws.>' incident open --input data --parallel 1")]
    Set(Box<SetSubscription>),
    /// Have what is routed to a subscription wait until it is resumed.
    Pause {
        /// Its name.
        subscription: String,
    },
    /// Have what is routed to a subscription be handled again.
    Resume {
        /// Its name.
        subscription: String,
    },
    /// Remove a subscription; what waits for it is dropped.
    Remove {
        /// Its name.
        subscription: String,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SetSubscription {
    /// Its name.
    pub(crate) subscription: String,

    /// The topics: one, or a pattern with `*` for a segment and `>` for all that follow.
    pub(crate) topic: String,

    /// The agent that handles them.
    pub(crate) agent: String,

    /// Its skill.
    pub(crate) skill: String,

    /// What the skill is given: the whole `event`, or its `data` alone.
    #[arg(long, default_value = "event", value_parser = ["event", "data"], value_name = "WHAT")]
    pub(crate) input: String,

    /// The id of the instance that handles them.
    #[arg(long, value_name = "ID")]
    pub(crate) instance: Option<String>,

    /// How many are handled at once: 1 to 64.
    #[arg(long, value_name = "N")]
    pub(crate) parallel: Option<u32>,

    /// How often each is tried in all: 1 to 20.
    #[arg(long, value_name = "N")]
    pub(crate) tries: Option<u32>,

    /// How long each try may run, in seconds.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,

    /// Set it without having anything handled yet.
    #[arg(long)]
    pub(crate) paused: bool,
}
