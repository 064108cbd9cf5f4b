//! Webhooks, by which events leave the host, as clients set and see them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::SubscriptionStats;
use crate::{Code, Error, Result, Timestamp, TopicPattern, limits};

/// A webhook as somebody sets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// The topics: one, or a pattern with `*` for a segment and `>` for all that follow.
    #[schema(value_type = String)]
    pub topic: TopicPattern,
    /// Where they are sent: an `https` address. One in the host's own network, or without TLS, has to be among those
    /// that the host was started with.
    pub url: String,
    /// How many are sent at once, 1 to 16.
    #[serde(default = "parallel")]
    #[schema(minimum = 1, maximum = 16)]
    pub parallel: u32,
    /// How often each is tried in all, 1 to 20: with the pauses between, 16 take about two hours and 20 three.
    #[serde(default = "tries")]
    #[schema(minimum = 1, maximum = 20)]
    pub tries: u32,
    /// Whether events of one sender, topic and priority are sent one after the other, each once the one before was
    /// taken or given up.
    #[serde(default = "yes")]
    pub in_order: bool,
    /// Whether what is routed to it waits for now.
    #[serde(default)]
    pub paused: bool,
}

fn parallel() -> u32 {
    limits::WEBHOOK_PARALLEL_DEFAULT
}

fn tries() -> u32 {
    limits::WEBHOOK_TRIES_DEFAULT
}

fn yes() -> bool {
    true
}

impl NewWebhook {
    /// A webhook that says nothing beside what has to be said.
    pub fn new(topic: TopicPattern, url: String) -> Self {
        Self { topic, url, parallel: parallel(), tries: tries(), in_order: true, paused: false }
    }

    /// Checks the numbers and the length of the address.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] naming the field and its bounds.
    pub fn check(&self) -> Result<()> {
        for (name, value, most) in
            [("parallel", self.parallel, limits::WEBHOOK_PARALLEL_MAX), ("tries", self.tries, limits::EVENT_TRIES_MAX)]
        {
            if !(1..=most).contains(&value) {
                return Err(Error::new(Code::RequestInvalid, format!("`{name}` is 1 to {most}")));
            }
        }
        let most = limits::WEBHOOK_URL_BYTES_MAX;
        if self.url.len() > most {
            return Err(Error::new(Code::RequestInvalid, format!("`url` has at most {most} bytes")));
        }
        Ok(())
    }
}

/// What is known of the secret by which a webhook signs, which is shown when it is made and never again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookSecretView {
    /// Rises by one with each rotation.
    pub generation: u32,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub made_at: Timestamp,
    /// Until when the one before signs as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub before_until: Option<Timestamp>,
}

/// How a try to send an event went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookTry {
    /// The event, by its position.
    pub event: u64,
    /// When it had come to its end.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// The status of the answer, where one came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The stable code of why it failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// A webhook as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WebhookView {
    /// Its name.
    pub name: String,
    /// The name under which its deliveries and dead letters are listed.
    pub subscription: String,
    /// What was set.
    #[serde(flatten)]
    pub webhook: NewWebhook,
    /// Who set it.
    pub principal: String,
    /// When it was set.
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
    /// Its secret.
    pub secret: WebhookSecretView,
    /// What has come of it.
    pub stats: SubscriptionStats,
    /// How the last try went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<WebhookTry>,
}

/// A webhook that was set or whose secret was rotated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WebhookSet {
    /// The webhook.
    #[serde(flatten)]
    pub webhook: WebhookView,
    /// Its secret, if it was made by this: it is not shown again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_secret: Option<String>,
}

/// How a secret is rotated.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateWebhook {
    /// For how long the one before signs as well, in milliseconds: a day when absent, at most 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap_ms: Option<u64>,
}
