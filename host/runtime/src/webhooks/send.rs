//! Sending an event to a webhook, once for each try.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use troupe_core::view::{TaskFailure, WebhookTry};
use troupe_core::{Code, Error, Result, limits};
use troupe_sandbox::{Post, Posted};
use troupe_store::{EventRow, ReadyRow, Sending, Sent, WebhookRow};

use super::signature::message_id;
use crate::Runtime;

/// The status by which a server says that nobody is there any more.
const GONE: u16 = 410;

/// How often what came of a try is handed to a store that takes nothing for now.
const TELLS: u32 = 5;

impl Runtime {
    /// Has an event sent to a webhook, beside whatever else goes on; returns whether it is.
    ///
    /// # Errors
    /// A store that takes nothing for now; then the delivery is still ready.
    pub(crate) async fn send_event(&self, row: &ReadyRow, event: EventRow, webhook: WebhookRow) -> Result<bool> {
        let until = self.clock.now().plus(limits::WEBHOOK_LEASE);
        let Some(sending) = self.store.begin_sending(row, until).await? else { return Ok(false) };
        let runtime = self.clone();
        tokio::spawn(async move { runtime.send_once(sending, event, webhook).await });
        Ok(true)
    }

    async fn send_once(&self, sending: Sending, event: EventRow, webhook: WebhookRow) {
        let began = Instant::now();
        let posted = self.post_event(&event, &webhook).await;
        let took = began.elapsed();
        let (sent, outcome) = match &posted {
            Ok(Posted { status: 200..=299, .. }) => (Sent::Taken, "taken"),
            Ok(Posted { status: GONE, .. }) => (Sent::Gone(answered(GONE)), "gone"),
            Ok(Posted { status, retry_after }) => (Sent::Failed(answered(*status), *retry_after), "refused"),
            Err(error) => (Sent::Failed(TaskFailure::from(error), None), "failed"),
        };
        metrics::counter!("troupe_webhook_tries_total", "outcome" => outcome).increment(1);
        metrics::histogram!("troupe_webhook_seconds").record(took.as_secs_f64());
        let code = match &sent {
            Sent::Taken => None,
            Sent::Failed(failure, _) | Sent::Gone(failure) => Some(failure.code.clone()),
        };
        let last = WebhookTry {
            event: event.position,
            at: self.clock.now(),
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            status: posted.as_ref().ok().map(|posted| posted.status),
            code,
        };
        let (tenant, name) = (&webhook.tenant, &webhook.name);
        if let Err(error) = &posted {
            let cause = error.cause_chain();
            tracing::debug!(%tenant, webhook = name, position = event.position, cause, "an event was not sent: {error}");
        }
        for _ in 0..TELLS {
            match self.store.end_sending(&sending, sent.clone(), last.clone()).await {
                Ok(_) => return,
                Err(error) => {
                    let cause = error.cause_chain();
                    tracing::warn!(%tenant, webhook = name, cause, "what came of an event is not kept yet: {error}");
                    sleep(limits::LEASE_RENEWAL).await;
                }
            }
        }
        // Its lease ends, and it is sent once more, under the same id.
    }

    async fn post_event(&self, event: &EventRow, webhook: &WebhookRow) -> Result<Posted> {
        let Some(egress) = self.sandbox.egress() else {
            return Err(Error::new(Code::DeniedEgress, "this host sends nothing"));
        };
        let (current, before) = self.good_secrets(&webhook.tenant, &webhook.secret);
        if current.mark() != webhook.secret.mark {
            let message = format!(
                "the secret of the webhook is of another host's making, such as that of which this one is a copy; \
                 `troupe events webhooks rotate {}` makes one that this host signs by",
                webhook.name
            );
            return Err(Error::new(Code::CredentialsInvalid, message));
        }
        let body = serde_json::to_vec(&event.document).map_err(Error::internal)?;
        let id = message_id(&webhook.secret.id, event.position);
        let seconds = self.clock.now().as_millis().div_euclid(1_000);
        let mut signatures = current.sign(&id, seconds, &body);
        if let Some(before) = before {
            signatures = format!("{signatures} {}", before.sign(&id, seconds, &body));
        }
        let headers = vec![
            ("content-type", "application/cloudevents+json; charset=utf-8".to_owned()),
            ("user-agent", concat!("troupe/", env!("CARGO_PKG_VERSION")).to_owned()),
            ("webhook-id", id),
            ("webhook-timestamp", seconds.to_string()),
            ("webhook-signature", signatures),
        ];
        let post = Post {
            url: webhook.webhook.url.clone(),
            headers,
            body: body.into(),
            // Beside what the tenant's agents have open.
            partition: Arc::from(format!("webhooks of {}", webhook.tenant)),
            time: limits::WEBHOOK_TIME_MAX,
            answer_bytes: limits::WEBHOOK_ANSWER_BYTES_MAX,
        };
        let posting = egress.post(post, &self.webhooks.named);
        let most = limits::WEBHOOK_TIME_MAX + Duration::from_secs(1);
        let posted = tokio::time::timeout(most, posting).await.unwrap_or_else(|_| {
            Err(Error::new(Code::UnavailableUpstream, format!("the server did not answer within {most:?}")))
        });
        posted.map_err(|error| match error.code {
            Code::DeniedEgress => {
                let message = "the address leads into the host's own network, or is not `https`; the operator can name \
                               it when the host is started (`--webhook-to`)";
                Error::new(Code::DeniedEgress, message).with_cause(error)
            }
            _ => error,
        })
    }
}

/// Why an answer of this status is a try that failed.
fn answered(status: u16) -> TaskFailure {
    let message = format!("the server answered with {status}");
    TaskFailure::from(&Error::new(Code::UnavailableUpstream, message).with("status", status))
}
