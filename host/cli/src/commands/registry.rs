//! `troupe pull` and `troupe push`: releases and channels from OCI registries, and to them.

use std::process::ExitCode;

use troupe_core::view::{PublishedView, PullRequest, PushRequest, PushedView};
use troupe_core::{Code, Error, Result};

use crate::args::{Args, Pull, Push};
use crate::client::Client;
use crate::output;

pub(crate) async fn pull(args: &Args, command: &Pull) -> Result<ExitCode> {
    let request = PullRequest { image: command.image.clone(), downgrade: command.downgrade };
    let published: PublishedView = Client::new(args)?.post("/api/v1/registry/pull", &request).await?;
    output::answer(args.json, &published, super::publish::text)?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn push(args: &Args, command: &Push) -> Result<ExitCode> {
    if let Some((agent, channel)) = super::documents::meant(&command.release) {
        return super::documents::push(args, command, &agent, &channel).await;
    }
    if command.expires.is_some() || !command.keys.is_empty() {
        let message =
            "`--expires` and `--key` are for the document of a channel, AGENT@CHANNEL; `troupe sign` signs a release";
        return Err(Error::new(Code::RequestInvalid, message));
    }
    let request = PushRequest { release: command.release.clone(), image: command.image.clone() };
    let pushed: PushedView = Client::new(args)?.post("/api/v1/registry/push", &request).await?;
    output::answer(args.json, &pushed, |pushed| {
        format!("sent {} to {}\n{}", pushed.release, pushed.image, pushed.digest)
    })?;
    Ok(ExitCode::SUCCESS)
}
