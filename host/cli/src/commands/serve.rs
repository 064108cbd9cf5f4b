//! `troupe serve`: a host of what was published.

use std::process::ExitCode;

use serde_json::json;
use troupe_core::{Code, Error, Result, limits};
use troupe_runtime::{BusAddress, Drain, GrantPolicy, SignaturePolicy};
use troupe_store::PostgresAddress;

use crate::args::{Args, Serve};
use crate::host::{Host, Manner, asked_to_stop, stopping};
use crate::output::tell;

pub(crate) async fn run(args: &Args, command: &Serve) -> Result<ExitCode> {
    let manner = Manner {
        grants: GrantPolicy::Approved,
        drain: Drain::Wait,
        signatures: SignaturePolicy::Required,
        registry: command.registry.clone(),
        database: database(command.database.as_deref())?,
        bus: bus(command.bus.as_deref())?,
        peer_address: command.peer_address.clone(),
        cgroup: command.cgroup.clone(),
    };
    let host = Host::start(&args.data_dir, &command.listen, &command.acts_with, &command.kept, manner).await?;
    let stop = asked_to_stop()?;
    let url = host.url();
    tell(args.json, &json!({ "event": "serving", "url": url }), &format!("serving on {url}"));
    let runtime = host.runtime.clone();
    let open = host.open()?;
    tokio::select! {
        () = stop => {}
        () = runtime.lost() => {
            // Nothing that runs here can be kept any more.
            open.close(std::time::Duration::ZERO).await;
            let message = "another host has taken over from this one, which was not heard of in time; start it again";
            return Err(Error::new(Code::UnavailableStore, message));
        }
    }
    stopping(args.json);
    open.close(limits::SHUTDOWN_TIME_MAX).await;
    Ok(ExitCode::SUCCESS)
}

/// What carries words between hosts. A variable that is empty asks for nothing.
fn bus(url: Option<&str>) -> Result<Option<BusAddress>> {
    let url = url.filter(|url| !url.is_empty());
    url.map(str::parse).transpose().map_err(|error: Error| error.context("`--bus` or `TROUPE_BUS`"))
}

/// The database that was asked for. A variable that is empty asks for none.
pub(super) fn database(url: Option<&str>) -> Result<Option<PostgresAddress>> {
    let url = url.filter(|url| !url.is_empty());
    url.map(str::parse).transpose().map_err(|error: Error| error.context("`--database` or `TROUPE_DATABASE`"))
}
