//! What becomes of what a command asked for and follows, when it is interrupted.

use std::cell::Cell;
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::signal::unix::Signal;
use troupe_core::view::{GroupView, TaskView};
use troupe_core::{Code, Error, Result, limits};

use crate::args::Args;
use crate::client::Client;
use crate::output;

/// How long a host may take to cancel something after Ctrl-C: as long as an agent has to clean up, and a while.
const CANCEL_TIME_MAX: Duration = Duration::from_secs(limits::CANCEL_TIME_MAX.as_secs() + 5);

/// How many seconds of them its end is waited for.
const END_WAIT_SECONDS: u64 = limits::CANCEL_TIME_MAX.as_secs() + 2;

/// Something that a host goes on with until it ends or is cancelled.
pub(super) trait UnderWay: Serialize + DeserializeOwned {
    /// What it is called.
    const NAME: &'static str;
    /// The command that shows one.
    const SEE: &'static str;
    /// Where they are.
    const PATH: &'static str;

    fn id(&self) -> String;

    fn status(&self) -> &'static str;
}

impl UnderWay for TaskView {
    const NAME: &'static str = "task";
    const SEE: &'static str = "troupe tasks";
    const PATH: &'static str = "/api/v1/tasks";

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn status(&self) -> &'static str {
        self.status.as_str()
    }
}

impl UnderWay for GroupView {
    const NAME: &'static str = "group";
    const SEE: &'static str = "troupe groups get";
    const PATH: &'static str = "/api/v1/task-groups";

    fn id(&self) -> String {
        self.summary.id.to_string()
    }

    fn status(&self) -> &'static str {
        self.summary.status.as_str()
    }
}

/// Cancels what was asked for, once its id is known, and says what came of it. A second Ctrl-C ends
/// the waiting.
pub(super) async fn interrupted<T: UnderWay>(
    args: &Args,
    client: &Client,
    asked: impl Future<Output = Result<T>>,
    interrupts: &mut Signal,
) -> Result<ExitCode> {
    let id = Cell::new(None);
    let cancel = async {
        let one = asked.await?.id();
        let path = format!("{}/{one}", T::PATH);
        id.set(Some(one));
        match client.post::<T>(&format!("{path}/cancel"), &()).await {
            Err(error) if !matches!(error.code, Code::TaskEnded | Code::GroupEnded) => return Err(error),
            _ => {}
        }
        client.get::<T>(&format!("{path}?wait={END_WAIT_SECONDS}")).await
    };
    let late =
        || Error::new(Code::UnavailableHost, format!("the host did not answer in {} s", CANCEL_TIME_MAX.as_secs()));
    let cancelled = tokio::select! {
        cancelled = tokio::time::timeout(CANCEL_TIME_MAX, cancel) => cancelled.unwrap_or_else(|_| Err(late())),
        _ = interrupts.recv() => Err(Error::new(Code::Cancelled, "interrupted again")),
    };
    let (name, see) = (T::NAME, T::SEE);
    match (cancelled, id.take()) {
        (Ok(one), _) if args.json => output::answer(true, &one, |_| String::new())?,
        (Ok(one), _) => output::note(&format!("interrupted; {name} {} is {}", one.id(), one.status())),
        (Err(error), Some(id)) => {
            let error = error.context(format!("interrupted; {name} {id} may still run, see `{see} {id}`"));
            output::fail(args.json, &error);
        }
        (Err(error), None) => {
            let list = see.trim_end_matches(" get");
            output::fail(args.json, &error.context(format!("interrupted; a {name} may still run, see `{list}`")));
        }
    }
    Ok(ExitCode::from(output::INTERRUPTED))
}
