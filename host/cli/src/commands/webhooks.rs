//! `troupe events webhooks`: where events are sent that leave the host.

use std::process::ExitCode;

use troupe_core::Result;
use troupe_core::view::{NewWebhook, Page, RotateWebhook, WebhookSecretView, WebhookSet, WebhookTry, WebhookView};

use crate::args::{Args, SetWebhook, WebhooksVerb};
use crate::client::{Client, segment};
use crate::human::table;
use crate::output;

const PATH: &str = "/api/v1/events/webhooks";

pub(crate) async fn run(args: &Args, client: &Client, verb: Option<&WebhooksVerb>) -> Result<ExitCode> {
    let of = |name: &str| format!("{PATH}/{}", segment(name));
    let webhook: WebhookView = match verb.unwrap_or(&WebhooksVerb::List) {
        WebhooksVerb::List => {
            let page = Page { items: client.all(PATH, &[]).await?, next: None };
            output::answer(args.json, &page, |page| list(&page.items))?;
            return Ok(ExitCode::SUCCESS);
        }
        WebhooksVerb::Set(set) => {
            let answer: WebhookSet = client.put(&of(&set.webhook), &asked(set)?).await?;
            return told(args, &answer);
        }
        WebhooksVerb::Rotate { webhook, overlap } => {
            let overlap_ms = overlap.map(|seconds| seconds.saturating_mul(1000));
            let rotated: WebhookSet =
                client.post(&format!("{}/rotate", of(webhook)), &RotateWebhook { overlap_ms }).await?;
            return told(args, &rotated);
        }
        WebhooksVerb::Remove { webhook } => {
            let removed: WebhookView = client.delete(&of(webhook)).await?;
            output::answer(args.json, &removed, |removed| format!("{} is removed", removed.name))?;
            return Ok(ExitCode::SUCCESS);
        }
        WebhooksVerb::Show { webhook } => client.get(&of(webhook)).await?,
        WebhooksVerb::Pause { webhook } => client.post(&format!("{}/pause", of(webhook)), &()).await?,
        WebhooksVerb::Resume { webhook } => client.post(&format!("{}/resume", of(webhook)), &()).await?,
    };
    output::answer(args.json, &webhook, show)?;
    Ok(ExitCode::SUCCESS)
}

fn asked(set: &SetWebhook) -> Result<NewWebhook> {
    let plain = NewWebhook::new(set.topic.parse()?, set.url.clone());
    Ok(NewWebhook {
        parallel: set.parallel.unwrap_or(plain.parallel),
        tries: set.tries.unwrap_or(plain.tries),
        in_order: !set.in_any_order,
        paused: set.paused,
        ..plain
    })
}

/// Shows a webhook, and its secret where it was made just now.
fn told(args: &Args, set: &WebhookSet) -> Result<ExitCode> {
    output::answer(args.json, set, |set| with_secret(&show(&set.webhook), set.signing_secret.as_deref()))?;
    Ok(ExitCode::SUCCESS)
}

/// What is shown of a webhook or a hook, and its secret where it was made just now.
pub(super) fn with_secret(shown: &str, secret: Option<&str>) -> String {
    let secret =
        secret.map_or_else(String::new, |secret| format!("\n\nits secret, which is not shown again:\n{secret}"));
    format!("{}{secret}", shown.trim_end())
}

/// Which secret somebody has.
pub(super) fn secret_line(secret: &WebhookSecretView) -> String {
    let until = secret.before_until.map_or_else(String::new, |until| format!(", the one before until {until}"));
    format!("secret   generation {}, made {}{until}\n", secret.generation, secret.made_at)
}

fn list(webhooks: &[WebhookView]) -> String {
    if webhooks.is_empty() {
        return "no webhooks yet; `troupe events webhooks set NAME TOPIC URL` sets one".to_owned();
    }
    let row = |row: &WebhookView| {
        vec![
            row.name.clone(),
            row.webhook.topic.to_string(),
            row.webhook.url.clone(),
            if row.webhook.paused { "paused" } else { "on" }.to_owned(),
            row.stats.open.to_string(),
            row.stats.delivered.to_string(),
            row.stats.dead.to_string(),
            row.last.as_ref().map_or_else(|| "-".to_owned(), last),
        ]
    };
    let rows: Vec<_> = webhooks.iter().map(row).collect();
    table(&["name", "topic", "url", "state", "open", "sent", "dead", "last"], &rows)
}

fn last(last: &WebhookTry) -> String {
    match (&last.status, &last.code) {
        (Some(status), _) => status.to_string(),
        (None, Some(code)) => code.clone(),
        (None, None) => "-".to_owned(),
    }
}

fn show(row: &WebhookView) -> String {
    let NewWebhook { topic, url, parallel, tries, in_order, paused } = &row.webhook;
    let mut out = format!("webhook  {}\ntopic    {topic}\nurl      {url}\n", row.name);
    let state = if *paused { "paused" } else { "on" };
    let order = if *in_order { "in order" } else { "in any order" };
    out.push_str(&format!("state    {state}, {parallel} at once, {order}, each tried {tries} times\n"));
    out.push_str(&secret_line(&row.secret));
    out.push_str(&format!("set by   {}, {}\n", row.principal, row.changed_at));
    let stats = &row.stats;
    out.push_str(&format!(
        "events   {} routed, {} sent, {} open, {} tries failed, {} dead\n",
        stats.routed, stats.delivered, stats.open, stats.failed, stats.dead
    ));
    if let Some(try_) = &row.last {
        out.push_str(&format!("last     event {}: {}, {} ms, {}\n", try_.event, last(try_), try_.took_ms, try_.at));
    }
    out
}
