//! `troupe locks`: what tasks keep others out of.

use std::process::ExitCode;

use troupe_core::view::{LockView, LockWaitView, Page};
use troupe_core::{Result, Timestamp};

use crate::args::{Args, Locks, LocksVerb};
use crate::client::{Client, segment};
use crate::human::table;
use crate::output;

const PATH: &str = "/api/v1/locks";

pub(crate) async fn run(args: &Args, command: &Locks) -> Result<ExitCode> {
    let client = Client::new(args)?;
    let of = |name: &str| format!("{PATH}/{}", segment(name));
    match command.verb.as_ref().unwrap_or(&LocksVerb::List { pattern: None }) {
        LocksVerb::List { pattern } => {
            let query: Vec<(&str, String)> = pattern.iter().map(|pattern| ("pattern", pattern.clone())).collect();
            let page = Page { items: client.all(PATH, &query).await?, next: None };
            output::answer(args.json, &page, |page| list(&page.items))?;
        }
        LocksVerb::Get { lock } => {
            let lock: LockView = client.get(&of(lock)).await?;
            output::answer(args.json, &lock, show)?;
        }
        LocksVerb::Release { lock, if_token } => {
            let token = if_token.map(|token| format!("?token={token}")).unwrap_or_default();
            let released: LockView = client.post(&format!("{}/release{token}", of(lock)), &()).await?;
            output::answer(args.json, &released, |lock| {
                format!("{} is taken from task {} of {}", lock.name, lock.task, lock.agent)
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(locks: &[LockView]) -> String {
    if locks.is_empty() {
        return "no task holds such a lock".to_owned();
    }
    let row = |lock: &LockView| {
        vec![
            lock.name.to_string(),
            lock.token.to_string(),
            lock.agent.to_string(),
            lock.task.to_string(),
            lock.priority.as_str().to_owned(),
            lock.until.to_string(),
            lock.waiting.to_string(),
        ]
    };
    let rows: Vec<_> = locks.iter().map(row).collect();
    table(&["lock", "token", "agent", "task", "priority", "until", "waiting"], &rows)
}

fn show(lock: &LockView) -> String {
    let mut out = format!(
        "lock      {}\ntoken     {}\nagent     {}\ntask      {}\npriority  {}\nsince     {}\nuntil     {}\nwaiting   {}\n",
        lock.name,
        lock.token,
        lock.agent,
        lock.task,
        lock.priority.as_str(),
        lock.since,
        lock.until,
        lock.waiting,
    );
    if !lock.queue.is_empty() {
        let row = |wait: &LockWaitView| {
            let until = wait.until.as_ref().map_or_else(|| "-".to_owned(), Timestamp::to_string);
            let priority = wait.priority.as_str().to_owned();
            vec![wait.task.to_string(), wait.agent.to_string(), priority, wait.since.to_string(), until]
        };
        let rows: Vec<_> = lock.queue.iter().map(row).collect();
        out.push('\n');
        out.push_str(&table(&["waits", "agent", "priority", "since", "until"], &rows));
    }
    out
}
