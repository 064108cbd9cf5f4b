//! `troupe release`: what of a release waits for approval, and deciding about it.

mod text;

use std::process::ExitCode;

use troupe_core::view::{ApprovalView, ApproveRequest, RejectRequest, ReleaseDiff};
use troupe_core::{ReleaseRef, Result};

use crate::args::{Approved, Args, Release, ReleaseVerb};
use crate::client::{Client, segment};
use crate::output;

pub(crate) async fn run(args: &Args, command: &Release) -> Result<ExitCode> {
    let client = Client::new(args)?;
    match &command.verb {
        ReleaseVerb::Diff(command) => {
            let diff: ReleaseDiff = client.get(&path(&command.release.parse()?, "diff")).await?;
            output::answer(args.json, &diff, text::diff)?;
        }
        ReleaseVerb::Approve(command) => approve(args, &client, command).await?,
        ReleaseVerb::Reject(command) => {
            let release: ReleaseRef = command.release.parse()?;
            let request = RejectRequest { reason: command.reason.clone() };
            let diff: ReleaseDiff = client.post(&path(&release, "reject"), &request).await?;
            output::answer(args.json, &diff, |_| format!("{release} is rejected; it is refused until it is approved"))?;
        }
        ReleaseVerb::Pending(command) => {
            let mut query = vec![("status", "pending".to_owned())];
            query.extend(command.agent.clone().map(|agent| ("agent", agent)));
            let pending: Vec<ApprovalView> = client.all("/api/v1/approvals", &query).await?;
            output::answer(args.json, &pending, |pending| text::pending(pending))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Approves of what is printed, and of nothing else: of the difference that was looked at.
async fn approve(args: &Args, client: &Client, command: &Approved) -> Result<()> {
    let release: ReleaseRef = command.release.parse()?;
    let delta = match &command.delta {
        Some(delta) => delta.parse()?,
        None => client.get::<ReleaseDiff>(&path(&release, "diff")).await?.delta,
    };
    let request = ApproveRequest { delta: Some(delta), breaking: command.breaking, reason: command.reason.clone() };
    let diff: ReleaseDiff = client.post(&path(&release, "approve"), &request).await?;
    output::answer(args.json, &diff, text::approved)
}

fn path(release: &ReleaseRef, verb: &str) -> String {
    let (agent, version) = (segment(release.agent.as_str()), segment(&release.version.to_string()));
    format!("/api/v1/agents/{agent}/releases/{version}/{verb}")
}
