//! `troupe serve`: a host of what was published.

use std::process::ExitCode;

use serde_json::json;
use troupe_core::{Result, limits};
use troupe_runtime::{Drain, GrantPolicy, SignaturePolicy};

use crate::args::{Args, Serve};
use crate::host::{Host, Manner, asked_to_stop, stopping};
use crate::output::tell;

pub(crate) async fn run(args: &Args, command: &Serve) -> Result<ExitCode> {
    let manner = Manner {
        grants: GrantPolicy::Approved,
        drain: Drain::Wait,
        signatures: SignaturePolicy::Required,
        registry: command.registry.clone(),
    };
    let host = Host::start(&args.data_dir, &command.listen, &command.acts_with, &command.kept, manner).await?;
    let stop = asked_to_stop()?;
    let url = host.url();
    tell(args.json, &json!({ "event": "serving", "url": url }), &format!("serving on {url}"));
    let open = host.open();
    stop.await;
    stopping(args.json);
    open.close(limits::SHUTDOWN_TIME_MAX).await;
    Ok(ExitCode::SUCCESS)
}
