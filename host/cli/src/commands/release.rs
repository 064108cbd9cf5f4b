//! `troupe release`: what of a release waits for approval, and deciding about it.

mod text;

use std::process::ExitCode;

use troupe_core::view::{ApprovalView, ApproveRequest, RejectRequest, ReleaseDiff};
use troupe_core::{Code, Digest, Error, ReleaseRef, Result};

use crate::args::{Approved, Args, Release, ReleaseVerb};
use crate::client::{Client, segment};
use crate::{ask, output};

pub(crate) async fn run(args: &Args, command: &Release) -> Result<ExitCode> {
    let client = Client::new(args)?;
    match &command.verb {
        ReleaseVerb::Diff(command) => {
            let diff = whole(&client, &command.release.parse()?).await?;
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

/// All pages of a difference.
async fn whole(client: &Client, release: &ReleaseRef) -> Result<ReleaseDiff> {
    let path = path(release, "diff");
    let mut diff: ReleaseDiff = client.get(&path).await?;
    while let Some(after) = diff.next {
        let more: ReleaseDiff = client.query(&path, &[("after", after.to_string())]).await?;
        if more.delta != diff.delta {
            let message = format!("what serves has changed while {release} was held against it; look again");
            return Err(Error::new(Code::SwapConflict, message));
        }
        diff.next = more.next;
        diff.changes.texts.extend(more.changes.texts);
        diff.changes.findings.extend(more.changes.findings);
        diff.changes.left_out = more.changes.left_out;
    }
    Ok(diff)
}

/// Approves of the difference that was looked at, and of nothing else.
async fn approve(args: &Args, client: &Client, command: &Approved) -> Result<()> {
    let release: ReleaseRef = command.release.parse()?;
    let delta = match &command.delta {
        Some(delta) => delta.parse()?,
        None => looked_at(client, command, &release).await?,
    };
    let request = ApproveRequest { delta: Some(delta), breaking: command.breaking, reason: command.reason.clone() };
    let diff: ReleaseDiff = client.post(&path(&release, "approve"), &request).await?;
    output::answer(args.json, &diff, text::approved)
}

/// The difference of now, once somebody at the terminal has been shown it and said yes.
async fn looked_at(client: &Client, command: &Approved, release: &ReleaseRef) -> Result<Digest> {
    if command.yes {
        // Each page names the whole difference.
        let diff: ReleaseDiff = client.get(&path(release, "diff")).await?;
        return Ok(diff.delta);
    }
    let Some(term) = ask::terminal() else {
        let message = format!(
            "nobody has said which difference of {release} was looked at, and there is no terminal to show it on; \
             `troupe release diff {release}` prints it and the command that approves of exactly that, and `--yes` \
             approves of whatever it is now"
        );
        return Err(Error::new(Code::RequestInvalid, message));
    };
    let diff = whole(client, release).await?;
    output::note(&text::changes(&diff));
    let asked = term.write_str("Approve of exactly this? [y/N] ").and_then(|()| term.read_line());
    let said = asked.map_err(|error| Error::new(Code::RequestInvalid, "no answer was read").with_cause(error))?;
    if matches!(said.trim(), "y" | "Y" | "yes") {
        return Ok(diff.delta);
    }
    Err(Error::new(Code::RequestInvalid, format!("nothing was approved; {release} waits as before")))
}

fn path(release: &ReleaseRef, verb: &str) -> String {
    let (agent, version) = (segment(release.agent.as_str()), segment(&release.version.to_string()));
    format!("/api/v1/agents/{agent}/releases/{version}/{verb}")
}
