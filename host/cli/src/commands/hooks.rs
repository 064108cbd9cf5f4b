//! `troupe events hooks`: where events come into the host.

use std::process::ExitCode;

use troupe_core::view::{HmacEncoding, HookHmac, HookKind, HookSet, HookView, NewHook, Page, RotateWebhook};
use troupe_core::{EventPriority, Result};

use super::webhooks::{secret_line, with_secret};
use crate::args::{Args, HooksVerb, SetHook};
use crate::client::{Client, segment};
use crate::human::table;
use crate::output;

const PATH: &str = "/api/v1/events/hooks";

pub(crate) async fn run(args: &Args, client: &Client, verb: Option<&HooksVerb>) -> Result<ExitCode> {
    let of = |name: &str| format!("{PATH}/{}", segment(name));
    match verb.unwrap_or(&HooksVerb::List) {
        HooksVerb::List => {
            let page = Page { items: client.all(PATH, &[]).await?, next: None };
            output::answer(args.json, &page, |page| list(&page.items))?;
        }
        HooksVerb::Show { hook } => {
            let hook: HookView = client.get(&of(hook)).await?;
            output::answer(args.json, &hook, show)?;
        }
        HooksVerb::Set(set) => {
            let set: HookSet = client.put(&of(&set.hook), &asked(set)?).await?;
            output::answer(args.json, &set, told)?;
        }
        HooksVerb::Rotate { hook, overlap } => {
            let overlap_ms = overlap.map(|seconds| seconds.saturating_mul(1000));
            let path = format!("{}/rotate", of(hook));
            let rotated: HookSet = client.post(&path, &RotateWebhook { overlap_ms }).await?;
            output::answer(args.json, &rotated, told)?;
        }
        HooksVerb::Remove { hook } => {
            let removed: HookView = client.delete(&of(hook)).await?;
            output::answer(args.json, &removed, |removed| format!("{} is removed", removed.name))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn asked(set: &SetHook) -> Result<NewHook> {
    let kind = match set.kind.as_str() {
        "github" => HookKind::Github,
        "hmac" => HookKind::Hmac,
        _ => HookKind::Standard,
    };
    let encoding = if set.encoding.as_deref() == Some("base64") { HmacEncoding::Base64 } else { HmacEncoding::Hex };
    let hmac = set.signature_header.clone().map(|header| HookHmac {
        header,
        encoding,
        prefix: set.prefix.clone().unwrap_or_default(),
        timestamp_header: set.timestamp_header.clone(),
    });
    let priority = set.priority.as_deref().map(str::parse::<EventPriority>).transpose()?.unwrap_or_default();
    let secret_name = set.secret.clone();
    Ok(NewHook { hmac, priority, secret_name, paused: set.paused, ..NewHook::new(set.topic.parse()?, kind) })
}

/// A hook, and its secret where it was made just now.
fn told(set: &HookSet) -> String {
    with_secret(&show(&set.hook), set.signing_secret.as_deref())
}

fn list(hooks: &[HookView]) -> String {
    if hooks.is_empty() {
        return "no hooks yet; `troupe events hooks set NAME TOPIC KIND` sets one".to_owned();
    }
    let row = |row: &HookView| {
        let state = if row.hook.paused { "paused" } else { "on" };
        let (topic, kind) = (row.hook.topic.to_string(), row.hook.kind.as_str().to_owned());
        vec![row.name.clone(), topic, kind, state.to_owned(), row.path.clone()]
    };
    let rows: Vec<_> = hooks.iter().map(row).collect();
    table(&["name", "topic", "kind", "state", "path"], &rows)
}

fn show(row: &HookView) -> String {
    let NewHook { topic, kind, hmac, priority, secret_name, paused } = &row.hook;
    let state = if *paused { "paused" } else { "on" };
    let mut out = format!("hook     {}\ntopic    {topic}, {}\npath     {}\n", row.name, priority.as_str(), row.path);
    out.push_str(&format!("kind     {}\nstate    {state}\nsender   {}\n", kind.as_str(), row.sender));
    if let Some(HookHmac { header, encoding, prefix, timestamp_header }) = hmac {
        let when = timestamp_header.as_ref().map_or_else(
            || "; without a timestamp, so what is sent again later counts again".to_owned(),
            |name| format!("; timestamp in {name}"),
        );
        out.push_str(&format!("signed   {header}: {prefix}<{}>{when}\n", encoding.as_str()));
    }
    if let Some(name) = secret_name {
        out.push_str(&format!("secret   the operator's `{name}`\n"));
    }
    if let Some(secret) = &row.secret {
        out.push_str(&secret_line(secret));
    }
    out.push_str(&format!("set by   {}, {}\n", row.principal, row.changed_at));
    out
}
