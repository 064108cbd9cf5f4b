//! Deciding by a link, without logging in.
//!
//! ```text
//!  somebody with `admin`, or the approver itself ──▶ link, for one approver and one approval
//!       │ hands it over                                │ signed by the host's key
//!       ▼                                              ▼
//!  GET: shows the exact action, decides nothing ──▶ POST: one decision, as that approver; then it is used up
//! ```
//!
//! *The attack:* a link is forged or changed; is followed by a scanner of mail, or by a page of somebody else;
//! decides twice; outlives its reason; or is how whoever asked says yes to itself. *The rule:* the host signs
//! what a link says; looking decides nothing; the decision carries the link in its body, names the revision
//! that was shown, and uses the link up in its own transaction; whoever it is for must be somebody who may
//! approve at that moment; and whoever asked makes no link. What is decided by one is decided by the machine as
//! anything else, so it counts once, and for nobody who is not asked. *The default:* a link lasts for a day.
//!
//! Who hands a link on hands the decision on: the audit names who made it, whom it was for, and that the
//! decision came by it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use troupe_core::approval::ApprovalLink;
use troupe_core::view::{DecideRequest, LinkRequest, LinkView, LinkedApproval, TaskApprovalView};
use troupe_core::{AgentName, Caller, Code, Error, KeyId, LinkId, Result, Scope, TenantId, limits};
use troupe_package::Signature;
use troupe_store::{ApprovalLinkRow, TaskApprovalRow};

use super::decide::check_undecided;
use crate::Runtime;

/// What is said of every link that is not this host's: nobody learns more by trying.
const UNKNOWN: &str = "this link is none of this host's; ask whoever sent it for another";

impl Runtime {
    /// Makes a link by which one approver decides about one approval, once.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::ApprovalNotFound`]; [`Code::ApprovalDecided`]; [`Code::ApprovalDenied`] for
    /// whoever asked; [`Code::RequestInvalid`] for a time that cannot be, or somebody who may not approve.
    pub async fn link_approval(&self, caller: &Caller, id: &str, request: LinkRequest) -> Result<LinkView> {
        let LinkRequest { holder, expires_after_ms } = request;
        let is_own = holder == caller.principal;
        if is_own {
            caller.require_for_some(Scope::Approve)?;
        } else {
            caller.require(Scope::Admin)?;
        }
        let row = self.find_task_approval(caller, id).await?;
        if is_own {
            caller.require_for(Scope::Approve, &row.agent)?;
        }
        self.require_ready()?;
        let row = self.in_time(row).await?;
        check_undecided(&row)?;
        if row.approval.asked_by == caller.principal {
            let message = format!("`{}` asked for it, and hands no link to it on", caller.principal);
            return Err(Error::new(Code::ApprovalDenied, message));
        }
        let most = limits::APPROVAL_LINK_TIME_MAX;
        let time = expires_after_ms.map_or(limits::APPROVAL_LINK_TIME_DEFAULT, Duration::from_millis);
        if time.is_zero() || time > most {
            let message = format!("`expires_after_ms` is 1 to {}", most.as_millis());
            return Err(Error::new(Code::RequestInvalid, message));
        }
        self.approver(&caller.tenant, &holder, &row.agent).await.map_err(|error| {
            Error::new(
                Code::RequestInvalid,
                format!("`{}` cannot decide by a link: {error}", troupe_core::shown(&holder)),
            )
        })?;
        let (link, expires_at) = (LinkId::generate(&*self.clock, &*self.entropy), self.clock.now().plus(time));
        let expires_at = row.approval.expires_at.map_or(expires_at, |at| at.min(expires_at));
        let says = ApprovalLink::new(caller.tenant.clone(), row.id, link, holder.clone(), expires_at);
        let token = self.sign_link(&says)?;
        let made_by = caller.principal.clone();
        let kept =
            ApprovalLinkRow { id: link, approval: row.id, holder: holder.clone(), made_by, expires_at, used_at: None };
        self.store.make_approval_link(&caller.tenant, kept).await?;
        let (tenant, approval, by) = (&caller.tenant, row.id, &caller.principal);
        tracing::info!(%tenant, %approval, by, holder, %link, "a link to an approval was made");
        Ok(LinkView { id: link, approval: row.id, holder, expires_at, path: format!("/approve?link={token}") })
    }

    /// What a link shows: the approval it is for, and who would decide. Nothing is decided by looking.
    ///
    /// # Errors
    /// [`Code::ApprovalLink`] for a link that is none of this host's, was used or is over;
    /// [`Code::ApprovalDecided`] if nothing is to be decided any more.
    pub async fn linked_approval(&self, token: &str) -> Result<LinkedApproval> {
        let (link, _, row) = self.open_link(token).await?;
        let row = self.in_time(row).await?;
        check_undecided(&row)?;
        let approval = self.approval_shown(row).await?;
        Ok(LinkedApproval { approval, holder: link.holder, expires_at: link.expires_at })
    }

    /// Decides by a link, which is used up by that.
    ///
    /// # Errors
    /// As [`Runtime::linked_approval`] and [`Runtime::approve_task`].
    pub async fn decide_by_link(&self, token: &str, approve: bool, request: DecideRequest) -> Result<TaskApprovalView> {
        let (link, caller, _) = self.open_link(token).await?;
        let id = link.approval.to_string();
        if approve {
            self.approve_as(&caller, &id, request, Some(link.id)).await
        } else {
            self.reject_as(&caller, &id, request, Some(link.id)).await
        }
    }

    /// Reads a link that was handed in, who decides by it, and the approval it is for. What is forged costs no look into the store.
    async fn open_link(&self, token: &str) -> Result<(ApprovalLink, Caller, TaskApprovalRow)> {
        let unknown = || Error::new(Code::ApprovalLink, UNKNOWN);
        let says = self.verified(token).ok_or_else(unknown)?;
        if says.expires_at <= self.clock.now() {
            let message = format!("this link was good until {}; ask whoever sent it for another", says.expires_at);
            return Err(Error::new(Code::ApprovalLink, message));
        }
        self.disabled.check(&says.tenant)?;
        let row = self.store.approval_link(&says.tenant, says.id).await?.ok_or_else(unknown)?;
        if let Some(at) = row.used_at {
            return Err(Error::new(Code::ApprovalLink, format!("this link has decided at {at}, and decides once")));
        }
        if row.approval != says.approval || row.holder != says.holder {
            return Err(unknown());
        }
        let approval = self.store.task_approval(&says.tenant, says.approval).await?.ok_or_else(unknown)?;
        let caller = self.approver(&says.tenant, &says.holder, &approval.agent).await?;
        Ok((says, caller, approval))
    }

    /// Somebody who may approve of what an agent does, now.
    async fn approver(&self, tenant: &TenantId, holder: &str, agent: &AgentName) -> Result<Caller> {
        let who = match holder.strip_prefix("key/") {
            Some(id) => self.caller_of_key(tenant, id.parse::<KeyId>()?).await?,
            None if holder == Caller::OWNER => Caller::owner(tenant.clone()),
            None => return Err(Error::new(Code::RequestInvalid, "approvers are `owner` or `key/ID`")),
        };
        who.require_for(Scope::Approve, agent)?;
        // A link is for deciding, and for nothing else that its holder may do.
        Ok(Caller { scopes: vec![Scope::Approve], ..who })
    }

    fn sign_link(&self, says: &ApprovalLink) -> Result<String> {
        let key = self
            .own_key
            .as_ref()
            .ok_or_else(|| Error::new(Code::RequestInvalid, "this host has no key of its own to sign links with"))?;
        let Signature { payload, bytes, .. } = key.sign_link(says)?;
        Ok(format!("{}.{}", URL_SAFE_NO_PAD.encode(payload), URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// What a link says, if this host's key has signed it.
    fn verified(&self, token: &str) -> Option<ApprovalLink> {
        if token.len() > limits::APPROVAL_LINK_BYTES_MAX {
            return None;
        }
        let (payload, bytes) = token.split_once('.')?;
        let (payload, bytes) = (URL_SAFE_NO_PAD.decode(payload).ok()?, URL_SAFE_NO_PAD.decode(bytes).ok()?);
        let signature = Signature { payload, bytes, hint: None };
        let is_ours = signature.is_by(self.own_key.as_ref()?.public());
        ApprovalLink::read(&signature.payload).filter(|_| is_ours)
    }
}
