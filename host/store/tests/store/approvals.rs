use troupe_core::view::{ApprovalStatus, ApprovalWant};
use troupe_core::{ApprovalId, Digest};
use troupe_store::{ApprovalFilter, ApprovalRow, Decision, ToApprove};

use crate::support::{Home, tenant};

/// What is to be approved of `aws@1.1.0`, with these bytes and this difference.
fn asked(number: u8, bytes: &str, delta: &str) -> ToApprove {
    ToApprove {
        id: format!("0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a{number:02}").parse().unwrap(),
        release: "aws@1.1.0".parse().unwrap(),
        digest: Digest::of(bytes.as_bytes()),
        base: Some(("1.0.0".parse().unwrap(), Digest::of(b"base"))),
        delta: Digest::of(delta.as_bytes()),
        why: "asks for more".to_owned(),
        wants: vec![ApprovalWant::Capabilities],
    }
}

fn decision(approves: bool) -> Decision {
    let reason = Some("read it".to_owned());
    Decision { approves, breaking: false, by: "ann".to_owned(), reason }
}

impl Home {
    async fn ask(&self, asked: ToApprove) -> ApprovalRow {
        self.store.ask_approval(&tenant(), asked).await.unwrap()
    }

    async fn decide(&self, asked: ToApprove, approves: bool) -> ApprovalRow {
        self.store.decide_approval(&tenant(), asked, decision(approves)).await.unwrap()
    }

    /// What is in force of a release over a difference.
    async fn found(&self, bytes: &str, delta: &str) -> Option<(ApprovalId, ApprovalStatus)> {
        let ToApprove { release, digest, delta, .. } = asked(0, bytes, delta);
        let row = self.store.approval_of(&tenant(), &release, &digest, &delta).await.unwrap();
        row.map(|row| (row.id, row.status))
    }

    /// The statuses of all rows, oldest first.
    async fn statuses(&self) -> Vec<ApprovalStatus> {
        let rows = self.store.approvals(&tenant(), &ApprovalFilter::default(), None, 100).await.unwrap();
        rows.iter().rev().map(|row| row.status).collect()
    }
}

use ApprovalStatus::{Approved, Pending, Rejected, Superseded};

#[tokio::test]
async fn what_waits_is_noted_once_and_makes_room_for_another_difference() {
    let home = Home::open().await;
    let first = home.ask(asked(1, "a", "one")).await;
    assert_eq!(home.ask(asked(2, "a", "one")).await, first);
    assert_eq!(home.kinds().await, ["release.pending_approval"]);
    home.ask(asked(3, "a", "two")).await;
    assert_eq!(home.statuses().await, [Superseded, Pending]);
    assert_eq!(home.found("a", "one").await, None);
    let read = home.store.approval(&tenant(), first.id).await.unwrap().unwrap();
    assert_eq!(read, ApprovalRow { status: Superseded, ..first.clone() });
    assert_eq!(home.store.approval(&"other".parse().unwrap(), first.id).await.unwrap(), None);
}

#[tokio::test]
async fn an_approval_holds_over_its_difference_until_the_release_is_rejected() {
    let home = Home::open().await;
    let first = home.ask(asked(1, "a", "one")).await;
    let approved = home.decide(asked(2, "a", "one"), true).await;
    assert_eq!(
        (approved.id, approved.principal.as_deref(), approved.reason.as_deref()),
        (first.id, Some("ann"), Some("read it"))
    );
    assert!(approved.decided_at.is_some());
    home.ask(asked(3, "a", "two")).await;
    assert_eq!(home.found("a", "one").await, Some((first.id, Approved)));
    assert_eq!(home.statuses().await, [Approved, Pending]);
    // Whatever the difference, a rejection is of the release.
    let rejected = home.decide(asked(4, "a", "two"), false).await;
    assert_eq!(home.found("a", "one").await, Some((rejected.id, Rejected)));
    assert_eq!(home.found("a", "three").await, Some((rejected.id, Rejected)));
    assert_eq!(home.statuses().await, [Superseded, Rejected]);
    let again = home.decide(asked(5, "a", "one"), true).await;
    assert_eq!((home.found("a", "one").await, home.found("a", "two").await), (Some((again.id, Approved)), None));
    let kinds = home.kinds().await;
    assert_eq!(kinds.last().unwrap(), "release.approved");
    let audit =
        home.store.audit_records(&tenant(), &troupe_store::AuditFilter::default(), 0, 100, false).await.unwrap();
    let told: Vec<&str> = audit.iter().map(|record| record.kind.as_str()).collect();
    assert_eq!(
        told,
        ["approval_needed", "release_approved", "approval_needed", "release_rejected", "release_approved"]
    );
}

#[tokio::test]
async fn what_was_decided_about_other_bytes_under_the_version_says_nothing() {
    let home = Home::open().await;
    home.decide(asked(1, "a", "one"), false).await;
    assert_eq!(home.found("b", "one").await, None);
    let row = home.ask(asked(2, "b", "one")).await;
    assert_eq!((row.status, home.statuses().await), (Pending, vec![Superseded, Pending]));
}
