//! Who takes an event: a skill of an agent, or a webhook.

use troupe_core::{Timestamp, TopicPattern};

use super::subscriptions::SubscriptionRow;
use super::webhooks::WebhookRow;
use crate::fault::Done;
use crate::rows::Columns as _;
use crate::sql::Row;

/// Whom a delivery is for.
#[derive(Debug, Clone, PartialEq)]
pub enum Taker {
    /// A skill, by a subscription or a trigger.
    Skill(SubscriptionRow),
    /// A webhook.
    Webhook(WebhookRow),
}

impl Taker {
    pub(super) fn read(row: &Row) -> Done<Self> {
        if row.get_as::<&str>("origin")? == super::webhooks::ORIGIN {
            return super::webhooks::read(row).map(Self::Webhook);
        }
        super::subscriptions::read(row).map(Self::Skill)
    }

    /// The name under which its deliveries are kept.
    pub fn name(&self) -> &str {
        match self {
            Self::Skill(row) => &row.name,
            Self::Webhook(row) => &row.subscription,
        }
    }

    /// The topics that it takes.
    pub const fn topic(&self) -> &TopicPattern {
        match self {
            Self::Skill(row) => &row.subscription.topic,
            Self::Webhook(row) => &row.webhook.topic,
        }
    }

    /// When it was removed.
    pub const fn removed_at(&self) -> Option<Timestamp> {
        match self {
            Self::Skill(row) => row.removed_at,
            Self::Webhook(row) => row.removed_at,
        }
    }

    /// Whether nobody is left who could be given what is tried again: an instance that was stopped.
    pub(super) const fn is_gone(&self) -> bool {
        match self {
            Self::Skill(row) => row.removed_at.is_some() && row.subscription.instance.is_some(),
            Self::Webhook(_) => false,
        }
    }

    pub(super) const fn is_paused(&self) -> bool {
        match self {
            Self::Skill(row) => row.subscription.paused,
            Self::Webhook(row) => row.webhook.paused,
        }
    }

    pub(super) const fn parallel(&self) -> u32 {
        match self {
            Self::Skill(row) => row.subscription.parallel,
            Self::Webhook(row) => row.webhook.parallel,
        }
    }

    pub(super) const fn tries(&self) -> u32 {
        match self {
            Self::Skill(row) => row.subscription.tries,
            Self::Webhook(row) => row.webhook.tries,
        }
    }

    /// Whether the events of one line wait for each other.
    pub(super) const fn in_order(&self) -> bool {
        match self {
            Self::Skill(_) => true,
            Self::Webhook(row) => row.webhook.in_order,
        }
    }
}
