//! `troupe approvals`: what tasks and their agents would do, for somebody to decide before they do.

mod text;

use std::process::ExitCode;

use troupe_core::approval::ApprovalPolicy;
use troupe_core::view::{
    ApprovalPolicyRequest, ApprovalPolicyView, DecideRequest, LendRequest, LinkRequest, LinkView, Page,
    TaskApprovalView,
};
use troupe_core::{Code, Error, Result};

use crate::args::{ApprovalPolicyVerb, Approvals, ApprovalsVerb, Args, Decision};
use crate::client::{Client, segment};
use crate::{ask, output, time};

const PATH: &str = "/api/v1/task-approvals";
const POLICY: &str = "/api/v1/approval-policy";

pub(crate) async fn run(args: &Args, command: &Approvals) -> Result<ExitCode> {
    let client = Client::new(args)?;
    let pending = ApprovalsVerb::List { agent: None, all: false };
    match command.verb.as_ref().unwrap_or(&pending) {
        ApprovalsVerb::List { agent, all } => {
            let mut query: Vec<(&str, String)> = agent.iter().map(|agent| ("agent", agent.clone())).collect();
            if !all {
                query.push(("status", "pending".to_owned()));
            }
            let page = Page { items: client.all(PATH, &query).await?, next: None };
            output::answer(args.json, &page, |page| text::list(&page.items))?;
        }
        ApprovalsVerb::Show { approval } => {
            let approval: TaskApprovalView = client.get(&of(approval)).await?;
            output::answer(args.json, &approval, text::show)?;
        }
        ApprovalsVerb::Approve(decision) => decide(args, &client, decision, "approve").await?,
        ApprovalsVerb::Reject(decision) => decide(args, &client, decision, "reject").await?,
        ApprovalsVerb::Delegate { approval, to, time, level } => {
            let seen: TaskApprovalView = client.get(&of(approval)).await?;
            let for_ms = time::seconds("--for", time)?.saturating_mul(1_000);
            let request = LendRequest { revision: seen.revision, level: *level, to: to.clone(), for_ms };
            let lent: TaskApprovalView = client.post(&format!("{}/delegate", of(approval)), &request).await?;
            output::answer(args.json, &lent, |_| {
                format!("`{to}` may decide on level {level} in your stead for {time}")
            })?;
        }
        ApprovalsVerb::Link { approval, holder, expires } => {
            let seconds = expires.as_deref().map(|time| time::seconds("--expires", time)).transpose()?;
            let expires_after_ms = seconds.map(|seconds| seconds.saturating_mul(1_000));
            let request = LinkRequest { holder: holder.clone(), expires_after_ms };
            let link: LinkView = client.post(&format!("{}/links", of(approval)), &request).await?;
            output::answer(args.json, &link, |link| {
                let url = format!("{}{}", args.host.trim_end_matches('/'), link.path);
                format!("{url}\n\n`{}` decides by it, once, until {}", link.holder, link.expires_at)
            })?;
        }
        ApprovalsVerb::Policy { verb } => policy(args, &client, verb.as_ref()).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Decides about what was looked at, and nothing else.
async fn decide(args: &Args, client: &Client, decision: &Decision, verb: &str) -> Result<()> {
    let Decision { approval, level, reason, .. } = decision;
    if verb == "reject" && reason.is_none() {
        let message = "a rejection says why: whoever asked is told `--reason TEXT`";
        return Err(Error::new(Code::RequestInvalid, message));
    }
    let revision = match decision.revision {
        Some(revision) => revision,
        None => looked_at(client, decision, verb).await?,
    };
    let request = DecideRequest { revision, level: *level, reason: reason.clone() };
    let decided: TaskApprovalView = client.post(&format!("{}/{verb}", of(approval)), &request).await?;
    output::answer(args.json, &decided, text::decided)
}

/// The revision of now, once somebody at the terminal has been shown it and said yes.
async fn looked_at(client: &Client, decision: &Decision, verb: &str) -> Result<u64> {
    let id = &decision.approval;
    let seen: TaskApprovalView = client.get(&of(id)).await?;
    if decision.yes {
        return Ok(seen.revision);
    }
    let Some(term) = ask::terminal() else {
        let message = format!(
            "nobody has said which revision of approval {id} was looked at, and there is no terminal to show it on; \
             `troupe approvals show {id}` prints it, `--revision N` decides about exactly that, and `--yes` about \
             whatever it is now"
        );
        return Err(Error::new(Code::RequestInvalid, message));
    };
    output::note(&text::show(&seen));
    let question = if verb == "approve" { "Approve of exactly this? [y/N] " } else { "Reject this? [y/N] " };
    let asked = term.write_str(question).and_then(|()| term.read_line());
    let said = asked.map_err(|error| Error::new(Code::RequestInvalid, "no answer was read").with_cause(error))?;
    if matches!(said.trim(), "y" | "Y" | "yes") {
        return Ok(seen.revision);
    }
    Err(Error::new(Code::RequestInvalid, format!("nothing was decided; task {} waits as before", seen.task)))
}

async fn policy(args: &Args, client: &Client, verb: Option<&ApprovalPolicyVerb>) -> Result<()> {
    let view: ApprovalPolicyView = match verb {
        None | Some(ApprovalPolicyVerb::Show) => client.get(POLICY).await?,
        Some(ApprovalPolicyVerb::Set { file, if_revision }) => {
            let shown = file.display();
            let text = std::fs::read(file).map_err(|error| {
                let message = format!("the policy `{shown}` cannot be read ({})", error.kind());
                Error::new(Code::RequestInvalid, message).with_cause(error)
            })?;
            let policy: ApprovalPolicy = serde_json::from_slice(&text).map_err(|error| {
                Error::new(Code::RequestInvalid, format!("`{shown}` is no approval policy: {error}"))
            })?;
            client.put(POLICY, &ApprovalPolicyRequest { policy, revision: *if_revision }).await?
        }
    };
    output::answer(args.json, &view, text::policy)
}

fn of(approval: &str) -> String {
    format!("{PATH}/{}", segment(approval))
}
