//! `troupe hosts`: who works on the same database.

use std::process::ExitCode;

use troupe_core::view::{HostView, HostsView};
use troupe_core::{Result, Timestamp};

use crate::args::Args;
use crate::client::Client;
use crate::human::table;
use crate::output;

pub(crate) async fn run(args: &Args) -> Result<ExitCode> {
    let hosts: HostsView = Client::new(args)?.get("/api/v1/runtime/hosts").await?;
    output::answer(args.json, &hosts, |hosts| {
        let rows: Vec<_> = hosts.hosts.iter().map(row).collect();
        table(&["host", "address", "version", "since", "until", ""], &rows)
    })?;
    Ok(ExitCode::SUCCESS)
}

fn row(host: &HostView) -> Vec<String> {
    let said = match (host.is_this, host.is_live) {
        (true, _) => "this one",
        (false, true) => "",
        (false, false) => "not heard of",
    };
    vec![
        host.id.chars().take(8).collect(),
        host.address.clone(),
        host.version.clone(),
        host.started_at.to_string(),
        host.until.as_ref().map_or_else(|| "-".to_owned(), Timestamp::to_string),
        said.to_owned(),
    ]
}
