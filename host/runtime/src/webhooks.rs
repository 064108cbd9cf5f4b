//! Webhooks: events that are sent to somebody outside.
//!
//! *The attack:* whoever may set one has events of a tenant sent to themselves, or has the host talk to what stands in
//! the operator's network; somebody sends what looks as if it came from here; a server that answers slowly, without
//! end or with another address keeps the host busy. *The rule:* setting one takes `operate` and `read` for the whole
//! tenant, and is in the audit with its address; where it may lead is `host/sandbox/src/egress/post.rs`; what is sent
//! is signed by a secret that is shown once (`signature.rs`); a try takes seconds, reads little and follows nothing.
//! *The default:* there is none.
//!
//! An event is sent at least once, each time under the same `webhook-id`: a receiver that remembers the ids of
//! some hours takes it once. What is not taken is sent again with growing pauses, and is a dead letter then.

mod send;
mod signature;

use std::collections::BTreeSet;
use std::time::Duration;

use troupe_core::view::{NewWebhook, Page, RotateWebhook, WebhookSecretView, WebhookSet, WebhookView};
use troupe_core::{
    Caller, Code, Error, Result, Scope, SubscriptionName, TenantId, WebhookSecret, limits, random_hex, shown,
};
use troupe_sandbox::Origin;
use troupe_store::{WebhookRow, webhook_not_found};

use crate::Runtime;
pub use signature::WebhookKey;
pub(crate) use signature::{Secret, hmac};

/// What a host sends its events with.
#[derive(Debug, Clone)]
pub struct WebhookConfig {
    /// Of which secrets are made.
    pub key: WebhookKey,
    /// The origins in the operator's own network, or without TLS, to which events may be sent.
    pub named: BTreeSet<Origin>,
}

impl WebhookConfig {
    /// One by which events are sent to public addresses alone.
    pub const fn of(key: WebhookKey) -> Self {
        Self { key, named: BTreeSet::new() }
    }
}

impl Runtime {
    /// Sets a webhook, in place of the one of its name, which keeps its secret.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::NameInvalid`]; [`Code::RequestInvalid`] for numbers out of bounds and what is no
    /// address; [`Code::DeniedEgress`] for an address that may not be sent to; [`Code::LimitSubscriptions`].
    pub async fn set_webhook(&self, caller: &Caller, name: &str, webhook: NewWebhook) -> Result<WebhookSet> {
        may_send(caller)?;
        self.require_ready()?;
        let name: SubscriptionName = name.parse()?;
        webhook.check()?;
        if let Some(egress) = self.sandbox.egress() {
            egress.check_post(&webhook.url, &self.webhooks.named)?;
        }
        let (fresh, secret) = self.first_secret(&caller.tenant);
        let set = self.store.set_webhook(&caller.tenant, &name, webhook, fresh, &caller.principal);
        let (row, is_new) = set.await?;
        let (tenant, by) = (&caller.tenant, &caller.principal);
        tracing::info!(%tenant, webhook = row.name, by, "a webhook was set");
        Ok(WebhookSet { webhook: view(row), signing_secret: is_new.then(|| secret.text()) })
    }

    /// Makes a webhook's next secret. The one before signs as well for a while.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::WebhookNotFound`]; [`Code::WebhookConflict`]; [`Code::RequestInvalid`].
    pub async fn rotate_webhook(&self, caller: &Caller, name: &str, request: RotateWebhook) -> Result<WebhookSet> {
        may_send(caller)?;
        self.require_ready()?;
        let overlap = overlap(&request)?;
        let before = self.find_webhook(caller, name).await?;
        let (next, secret) = self.next_secret(&caller.tenant, &before.secret, overlap);
        let generation = next.generation;
        let row = self.store.rotate_webhook(&caller.tenant, &before.name, next, &caller.principal).await?;
        let (tenant, by) = (&caller.tenant, &caller.principal);
        tracing::info!(%tenant, webhook = row.name, by, generation, "the secret of a webhook was rotated");
        Ok(WebhookSet { webhook: view(row), signing_secret: Some(secret.text()) })
    }

    /// Has what is routed to a webhook wait, or no longer.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::WebhookNotFound`].
    pub async fn pause_webhook(&self, caller: &Caller, name: &str, paused: bool) -> Result<WebhookView> {
        may_send(caller)?;
        self.require_ready()?;
        let row = self.find_webhook(caller, name).await?;
        Ok(view(self.store.pause_webhook(&caller.tenant, &row.name, paused, &caller.principal).await?))
    }

    /// Removes a webhook, and returns what it was. What was routed to it and is not being sent is dropped.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::WebhookNotFound`].
    pub async fn remove_webhook(&self, caller: &Caller, name: &str) -> Result<WebhookView> {
        may_send(caller)?;
        self.require_ready()?;
        let row = self.find_webhook(caller, name).await?;
        let row = self.store.remove_webhook(&caller.tenant, &row.name, &caller.principal).await?;
        let (tenant, by) = (&caller.tenant, &caller.principal);
        tracing::info!(%tenant, webhook = row.name, by, "a webhook was removed");
        Ok(view(row))
    }

    /// Lists webhooks, by name.
    ///
    /// # Errors
    /// [`Code::AuthScope`].
    pub async fn webhooks(&self, caller: &Caller, after: &str, limit: Option<u32>) -> Result<Page<WebhookView>> {
        caller.require(Scope::Read)?;
        let limit = limits::page(limit);
        let rows = self.store.webhooks(&caller.tenant, after, limit + 1).await?;
        Ok(Page::of(rows, limit, |row| row.name.clone(), view))
    }

    /// One webhook.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::WebhookNotFound`].
    pub async fn webhook(&self, caller: &Caller, name: &str) -> Result<WebhookView> {
        caller.require(Scope::Read)?;
        self.find_webhook(caller, name).await.map(view)
    }

    async fn find_webhook(&self, caller: &Caller, name: &str) -> Result<WebhookRow> {
        self.store.webhook(&caller.tenant, name).await?.ok_or_else(|| webhook_not_found(&shown(name)))
    }
}

impl Runtime {
    /// A secret of somebody new, and what is kept of it.
    pub(crate) fn first_secret(&self, tenant: &TenantId) -> (WebhookSecret, Secret) {
        let id = random_hex::<16>(&*self.entropy);
        let secret = self.secret(tenant, &id, 1);
        let (mark, made_at) = (secret.mark(), self.clock.now());
        (WebhookSecret { id, generation: 1, mark, made_at, before_until: None }, secret)
    }

    /// The secret after one, which is good as well for so long, and what is kept of it.
    pub(crate) fn next_secret(
        &self,
        tenant: &TenantId,
        before: &WebhookSecret,
        overlap: Duration,
    ) -> (WebhookSecret, Secret) {
        let generation = before.generation.saturating_add(1);
        let secret = self.secret(tenant, &before.id, generation);
        let made_at = self.clock.now();
        // One that is not of this host's making signs nothing here.
        let is_own = self.secret(tenant, &before.id, before.generation).mark() == before.mark && !overlap.is_zero();
        let before_until = is_own.then(|| made_at.plus(overlap));
        (WebhookSecret { id: before.id.clone(), generation, mark: secret.mark(), made_at, before_until }, secret)
    }

    /// The secrets that are good now: the one that is kept, then the one before while it is good as well.
    pub(crate) fn good_secrets(&self, tenant: &TenantId, kept: &WebhookSecret) -> (Secret, Option<Secret>) {
        let current = self.secret(tenant, &kept.id, kept.generation);
        let overlaps = kept.before_until.is_some_and(|until| self.clock.now() < until);
        (current, overlaps.then(|| self.secret(tenant, &kept.id, kept.generation.saturating_sub(1))))
    }

    fn secret(&self, tenant: &TenantId, id: &str, generation: u32) -> Secret {
        Secret::of(&self.webhooks.key, tenant, id, generation)
    }
}

/// For how long the secret before is good as well.
pub(crate) fn overlap(request: &RotateWebhook) -> Result<Duration> {
    let most = limits::WEBHOOK_OVERLAP_MAX;
    let overlap = request.overlap_ms.map_or(limits::WEBHOOK_OVERLAP_DEFAULT, Duration::from_millis);
    if overlap > most {
        return Err(Error::new(Code::RequestInvalid, format!("`overlap_ms` is at most {}", most.as_millis())));
    }
    Ok(overlap)
}

/// Whether a caller may have events of its tenant sent somewhere: what it could read, and as a part of operating it.
fn may_send(caller: &Caller) -> Result<()> {
    caller.require(Scope::Read)?;
    caller.require(Scope::Operate)
}

fn view(row: WebhookRow) -> WebhookView {
    let WebhookRow { name, subscription, webhook, secret, principal, changed_at, stats, last, .. } = row;
    let WebhookSecret { generation, made_at, before_until, .. } = secret;
    let secret = WebhookSecretView { generation, made_at, before_until };
    WebhookView { name, subscription, webhook, principal, changed_at, secret, stats, last }
}
