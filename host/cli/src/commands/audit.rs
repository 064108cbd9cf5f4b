//! `troupe audit`: what was decided, and whether anybody has altered it.

mod verify;

use std::process::ExitCode;

use serde_json::Value;
use troupe_core::Result;
use troupe_core::view::{AuditHead, AuditRecord, Page};

use crate::args::{Args, Audit, AuditOf, AuditVerb};
use crate::client::Client;
use crate::human::table;
use crate::output;

const PATH: &str = "/api/v1/audit";

pub(crate) async fn run(args: &Args, command: &Audit) -> Result<ExitCode> {
    let client = Client::new(args)?;
    match &command.verb {
        None => {
            let page: Page<AuditRecord> = client.query(PATH, &query(command)).await?;
            output::answer(args.json, &page, |page| list(&page.items))?;
        }
        Some(AuditVerb::Head { of }) => {
            let head: AuditHead = client.query(&format!("{PATH}/head"), &whose(of)).await?;
            output::answer(args.json, &head, ToString::to_string)?;
        }
        Some(AuditVerb::Verify { head, of }) => return verify::run(args, &client, head.as_ref(), of).await,
    }
    Ok(ExitCode::SUCCESS)
}

fn whose(of: &AuditOf) -> Vec<(&'static str, String)> {
    of.tenant.iter().map(|tenant| ("tenant", tenant.clone())).collect()
}

fn query(command: &Audit) -> Vec<(&'static str, String)> {
    let mut query = whose(&command.of);
    query.push(("limit", command.limit.to_string()));
    query.push(match command.after {
        Some(after) => ("after", after.to_string()),
        None => ("newest", true.to_string()),
    });
    let Audit { kind, agent, task, by, .. } = command;
    for (name, value) in [("kind", kind), ("agent", agent), ("task", task), ("principal", by)] {
        query.extend(value.clone().map(|value| (name, value)));
    }
    query
}

fn list(records: &[AuditRecord]) -> String {
    if records.is_empty() {
        return "nothing was decided".to_owned();
    }
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let row = |record: &AuditRecord| {
        let what = match &record.code {
            Some(code) => format!("{} [{code}]", record.kind),
            None => record.kind.clone(),
        };
        let about = match (&record.agent, &record.version) {
            (Some(agent), Some(version)) => format!("{agent}@{version}"),
            (agent, _) => text(agent),
        };
        vec![
            record.seq.to_string(),
            record.at.to_string(),
            what,
            record.times.to_string(),
            about,
            text(&record.task),
            record.principal.clone().unwrap_or_else(|| "host".to_owned()),
            facts(record),
        ]
    };
    let rows: Vec<Vec<String>> = records.iter().map(row).collect();
    table(&["seq", "at", "decision", "times", "about", "task", "by", "facts"], &rows)
}

/// The details on a line: `host=https://example.com secret=token`.
fn facts(record: &AuditRecord) -> String {
    let value = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> =
                items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect();
            items.join(",")
        }
        other => other.to_string(),
    };
    record.details.iter().map(|(name, found)| format!("{name}={}", value(found))).collect::<Vec<_>>().join(" ")
}
