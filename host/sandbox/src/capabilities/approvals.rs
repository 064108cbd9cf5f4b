//! `approvals`: asking people before something is done. Everything goes through the gate; this file only
//! translates.

use troupe_core::{ApprovalId, Awaited, Digest};
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;

use super::refusal::refusal;
use crate::bindings::troupe::agent::approvals::{ApprovalError, Host, HostApproval};
use crate::bindings::troupe::agent::types::Problem;
use crate::context::Context;
use crate::gate::{Answer, ApprovalEnd, ApprovalsAnswer, ApprovalsCall, Call};

type Answered<T> = Result<std::result::Result<T, ApprovalError>>;

/// An approval that the guest has asked for.
#[derive(Debug)]
pub struct Approval {
    id: ApprovalId,
    digest: Digest,
    /// The call that asked for it.
    number: u64,
    /// Whether the decision was told.
    is_over: bool,
}

impl Host for Context {
    async fn ask(&mut self, summary: String, action: String, options: String) -> Answered<Resource<Approval>> {
        let answer = self.approvals(ApprovalsCall::Ask { summary, action, options }).await?;
        let number = self.gate.made();
        Ok(match answer {
            Answer::Approvals(ApprovalsAnswer::Asked { approval: id, digest }) => {
                Ok(self.table.push(Approval { id, digest, number, is_over: false })?)
            }
            other => Err(refused(other)),
        })
    }
}

impl HostApproval for Context {
    async fn id(&mut self, approval: Resource<Approval>) -> Result<String> {
        self.count()?;
        Ok(self.table.get(&approval)?.id.to_string())
    }

    async fn digest(&mut self, approval: Resource<Approval>) -> Result<String> {
        self.count()?;
        Ok(self.table.get(&approval)?.digest.to_string())
    }

    async fn subscribe(&mut self, approval: Resource<Approval>) -> Result<Resource<DynPollable>> {
        self.count()?;
        let Approval { id, number, is_over, .. } = *self.table.get(&approval)?;
        self.subscribe_to(Awaited::Approval(id), number, is_over)
    }

    async fn get(&mut self, approval: Resource<Approval>) -> Answered<Option<String>> {
        let id = self.table.get(&approval)?.id;
        let answer = self.approvals(ApprovalsCall::Get { approval: id }).await?;
        self.table.get_mut(&approval)?.is_over |=
            matches!(answer, Answer::Approvals(ApprovalsAnswer::Granted(_) | ApprovalsAnswer::Ended { .. }));
        Ok(match answer {
            Answer::Approvals(ApprovalsAnswer::Pending) => Ok(None),
            Answer::Approvals(ApprovalsAnswer::Granted(decision)) => Ok(Some(decision)),
            other => Err(refused(other)),
        })
    }

    async fn drop(&mut self, approval: Resource<Approval>) -> Result<()> {
        self.table.delete(approval)?;
        Ok(())
    }
}

impl Context {
    async fn approvals(&mut self, call: ApprovalsCall) -> Result<Answer> {
        Ok(self.gate.pass(Call::Approvals(call)).await?)
    }
}

/// What the guest is told when it has no yes.
fn refused(answer: Answer) -> ApprovalError {
    match answer {
        Answer::Approvals(ApprovalsAnswer::Ended { end, message, details }) => {
            let problem = Problem { message, details: Some(details) };
            match end {
                ApprovalEnd::Rejected => ApprovalError::Rejected(problem),
                ApprovalEnd::Expired => ApprovalError::Expired(problem),
                ApprovalEnd::Void => ApprovalError::Void(problem),
            }
        }
        other => ApprovalError::Refused(refusal(other)),
    }
}
