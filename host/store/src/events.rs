//! Events: the outbox that the bus is read from.
//!
//! ```text
//!  publish ─┬─ at once ────────────────┐
//!           └─ later ─▸ its time comes ┴─▸ routed: one delivery for each subscription that takes it
//!
//!             nothing of its line is before it      task and this in one commit
//!  waiting ──────────────────────────────▸ ready ─────────────────────────────▸ running
//!                                            ▲                                     │
//!                                            └─── pause ◂── tries left ◂── failed ─┤
//!                                                                                  ├─▸ delivered
//!                            dead (kept until somebody decides) ◂── no tries left ─┘
//! ```
//!
//! The danger: an event was accepted and reaches nobody, or twice, or before one that was published
//! before it; by a host that dies in between, or a release that is swapped. The rule: accepting an event
//! and routing it is one transaction, together with the commit of the invocation that publishes it; so is
//! making the task of a delivery, and so is the end of that task and what follows from it. There is no
//! second record: what is in memory only says that it is worth looking.
//!
//! *Order* is by line: the events of one sender, topic and priority at one subscription. The next of a
//! line is ready once the one before has ended, in whatever way; lines do not wait for each other.

mod again;
mod deliver;
mod follow;
mod hooks;
mod incoming;
mod outbox;
mod publish;
mod query;
mod redact;
mod row;
mod send;
mod subscriptions;
mod sweep;
mod taker;
mod triggers;
mod webhooks;

use tokio::sync::watch;

use crate::Store;
pub use again::Again;
pub(crate) use deliver::task_over;
pub use deliver::{Dispatched, ReadyRow, ToDeliver};
pub use hooks::{HookRow, not_found as hook_not_found};
pub(crate) use publish::publish;
pub use publish::{DueEvent, NewEventRow, Publication};
pub use query::EventFilter;
pub use row::{DeliveryRow, EventHead, EventRow, TopicRow, dead_letter_not_found, not_found};
pub use send::{Sending, Sent};
pub(crate) use subscriptions::remove_of_instance;
pub use subscriptions::{NewSubscriptionRow, SubscriptionRow, not_found as subscription_not_found};
pub use taker::Taker;
pub(crate) use triggers::{follow, leave, remove_of};
pub use webhooks::{WebhookRow, not_found as webhook_not_found};

impl Store {
    /// Ticks after every commit by which an event may have become due, or a delivery ready.
    pub fn watch_events(&self) -> watch::Receiver<u64> {
        self.listeners().bus()
    }
}
