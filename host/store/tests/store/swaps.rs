use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::view::{SwapOutcome, SwapPhase, SwapPolicy, SwapState};
use troupe_core::{Clock as _, Code, Digest, ReleaseRef, SwapId};
use troupe_store::{CandidateRow, Holder, InUse, Mark, RouteChange, SwapRoute, SwapRow};

use crate::support::{Home, OWNER, agent, id, pending, ran_on, release, tenant, version};

fn swap_id(number: u64) -> SwapId {
    format!("0199a2f0-6c1e-7d3a-9b52-{number:012x}").parse().unwrap()
}

fn state(home: &Home, phase: SwapPhase) -> SwapState {
    SwapState {
        phase,
        outcome: (!phase.is_in_charge()).then_some(SwapOutcome::Promoted),
        reason: None,
        since: home.clock.now(),
        step: 0,
        weight: 0,
        held: false,
        migrates: false,
        draining_since: None,
        approval: None,
        progress: None,
        ahead: None,
        rehearsal: None,
        judgement: None,
    }
}

fn swap(home: &Home, number: u64, phase: SwapPhase) -> SwapRow {
    SwapRow {
        tenant: tenant(),
        id: swap_id(number),
        agent: agent(),
        from: Some((version("1.0.0"), Digest::of(b"one"))),
        to: (version("2.0.0"), Digest::of(b"two")),
        principal: "owner".to_owned(),
        epoch: None,
        number: 0,
        driver: None,
        state: state(home, phase),
        policy: SwapPolicy::default(),
        started_at: home.clock.now(),
        changed_at: home.clock.now(),
        ended_at: None,
    }
}

fn tries(weight: u8, by: u64) -> RouteChange {
    let candidate = CandidateRow { version: version("2.0.0"), digest: Digest::of(b"two"), weight, swap: swap_id(by) };
    RouteChange { candidate: Some(Some(candidate)), ..RouteChange::default() }
}

async fn deployed() -> Home {
    let home = Home::open().await;
    home.deploy().await;
    home.store.publish(&tenant(), release("aws@2.0.0", "two"), None).await.unwrap();
    home
}

#[tokio::test]
async fn a_state_and_its_change_of_the_route_are_there_together_or_not_at_all() {
    let home = deployed().await;
    let (rows, _) = home.store.change_swaps(vec![swap(&home, 1, SwapPhase::Warming)], None, Vec::new()).await.unwrap();
    assert_eq!((rows[0].number, rows[0].epoch), (1, None));
    let mut next = rows[0].clone();
    next.state.phase = SwapPhase::Canary;
    let route = |expected, change| Some(SwapRoute { expected: Some(expected), change, by: None });
    let before = home.kinds().await;
    // The epoch is another, so the state stays as well.
    let stale = home.store.change_swaps(vec![next.clone()], route(7, tries(5, 1)), Vec::new()).await.unwrap_err();
    assert_eq!(stale.code, Code::SwapConflict);
    assert_eq!(home.store.swap(&tenant(), swap_id(1)).await.unwrap().unwrap(), rows[0]);
    // The row has moved on, so the route stays as well.
    let late = SwapRow { number: 5, ..next.clone() };
    let late = home.store.change_swaps(vec![late], route(1, tries(5, 1)), Vec::new()).await.unwrap_err();
    assert_eq!(late.code, Code::SwapConflict);
    assert_eq!(home.store.deployment(&tenant(), &agent()).await.unwrap().unwrap().epoch, 1);
    assert_eq!(home.kinds().await, before);

    let decided = vec![AuditEntry::new(AuditKind::SwapDecided)];
    let (rows, deployment) = home.store.change_swaps(vec![next], route(1, tries(5, 1)), decided).await.unwrap();
    let deployment = deployment.unwrap();
    assert_eq!((deployment.epoch, rows[0].epoch, rows[0].number), (2, Some(2), 2));
    assert_eq!(deployment.candidate.as_ref().map(|tried| (tried.weight, tried.swap)), Some((5, swap_id(1))));
    assert_eq!(home.store.deployment(&tenant(), &agent()).await.unwrap().unwrap(), deployment);
    assert_eq!(home.store.swap(&tenant(), swap_id(1)).await.unwrap().unwrap(), rows[0]);
    assert_eq!(home.kinds().await[before.len()..], ["deployment.tried", "swap.canary"]);
    // What else changes leaves the candidate where it is.
    let configured = RouteChange { configuration: Some("{}".to_owned()), ..RouteChange::default() };
    let configured = home.store.change_route(&tenant(), &agent(), None, configured, None).await.unwrap();
    assert_eq!((configured.epoch, configured.candidate), (3, deployment.candidate));
}

#[tokio::test]
async fn one_swap_of_a_deployment_is_in_charge_and_what_drains_makes_room() {
    let home = deployed().await;
    let begin = |number, phase| home.store.change_swaps(vec![swap(&home, number, phase)], None, Vec::new());
    let (first, _) = begin(1, SwapPhase::Canary).await.unwrap();
    for phase in [SwapPhase::Verifying, SwapPhase::Draining] {
        let error = begin(2, phase).await.unwrap_err();
        assert_eq!(error.code, Code::SwapConflict);
        assert_eq!(error.details["swap"], swap_id(1).to_string());
    }
    let mut drains = first[0].clone();
    drains.state = state(&home, SwapPhase::Draining);
    home.store.change_swaps(vec![drains], None, Vec::new()).await.unwrap();
    begin(2, SwapPhase::Verifying).await.unwrap();
    let going: Vec<_> = home.store.going_swaps().await.unwrap().into_iter().map(|swap| swap.id).collect();
    assert_eq!(going, [swap_id(1), swap_id(2)]);
    let mut ended = home.store.swap(&tenant(), swap_id(1)).await.unwrap().unwrap();
    ended.state.phase = SwapPhase::Ended;
    home.store.change_swaps(vec![ended], None, Vec::new()).await.unwrap();
    assert_eq!(home.store.going_swaps().await.unwrap().len(), 1);
    let newest = home.store.swaps(&tenant(), &agent(), None, 1).await.unwrap();
    assert_eq!(newest[0].id, swap_id(2));
    let older = home.store.swaps(&tenant(), &agent(), Some(swap_id(2)), 10).await.unwrap();
    assert!(older.len() == 1 && older[0].ended_at.is_some());
    let other = "other".parse().unwrap();
    assert_eq!(home.store.swap(&other, swap_id(1)).await.unwrap(), None);
    assert!(home.store.swaps(&other, &agent(), None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn no_swap_begins_to_a_release_that_was_yanked_or_deleted_meanwhile_and_one_that_has_begun_goes_on() {
    let home = deployed().await;
    let two: ReleaseRef = "aws@2.0.0".parse().unwrap();
    let begin = |number| home.store.change_swaps(vec![swap(&home, number, SwapPhase::Verifying)], None, Vec::new());
    let (begun, _) = begin(1).await.unwrap();
    home.store.mark_release(&tenant(), &two, Mark::Yank(None), "owner").await.unwrap();
    let holders = home.store.release_holders(&tenant(), &two).await.unwrap();
    assert_eq!(holders, [Holder::Swap(swap_id(1), "verifying")]);
    let mut next = begun[0].clone();
    next.state.phase = SwapPhase::Warming;
    let (begun, _) = home.store.change_swaps(vec![next], None, Vec::new()).await.unwrap();
    let mut ended = begun[0].clone();
    ended.state = SwapState { outcome: Some(SwapOutcome::Refused), ..state(&home, SwapPhase::Ended) };
    home.store.change_swaps(vec![ended], None, Vec::new()).await.unwrap();
    let before = home.kinds().await;
    assert_eq!(begin(2).await.unwrap_err().code, Code::ReleaseYanked);
    home.store.delete_release(&tenant(), &two, Some("owner"), None).await.unwrap();
    assert_eq!(begin(3).await.unwrap_err().code, Code::ReleaseNotFound);
    assert_eq!(home.kinds().await[before.len()..], ["release.deleted"]);
    assert_eq!(home.store.swap(&tenant(), swap_id(2)).await.unwrap(), None);
}

#[tokio::test]
async fn the_tasks_that_need_a_release_are_counted() {
    let home = deployed().await;
    let in_use = async || home.store.release_in_use(&tenant(), &agent(), &ran_on().version).await;
    home.store.create_task(pending(1)).await.unwrap();
    assert_eq!(in_use().await.unwrap(), InUse::default());
    home.store.claim(&tenant(), id(1), OWNER, &ran_on(), &home.head()).await.unwrap();
    assert_eq!(in_use().await.unwrap(), InUse { going: 1, suspended: 0 });
    let other = home.store.release_in_use(&tenant(), &agent(), &version("2.0.0")).await.unwrap();
    assert_eq!(other, InUse::default());
}
