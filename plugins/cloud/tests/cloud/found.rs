//! What was found and what went wrong are told in one order, however much there is.

use serde_json::json;
use troupe_cloud::{Asked, Fault, Faults, Found, INLINE_BYTES_MAX};
use troupe_estate::collect::{lines, merge};
use troupe_estate::{GLOBAL, Provider, Resource};
use troupe_sdk::test::Host;
use troupe_sdk::{CapabilityError, Failure, Problem};

const DISK: &str = "azure.microsoft.compute/disks";

fn disks() -> Asked {
    Asked::new(Provider::Azure, "microsoft.compute", GLOBAL, "disks/list")
        .account(Some("s".to_owned()))
        .hides_all([DISK])
}

fn disk(number: usize) -> Resource {
    Resource::new(DISK, "eastus", format!("/disk/{number:07}")).with("size_gib", Some(number))
}

#[test]
fn a_few_are_told_in_the_output_in_order() {
    let host = Host::start();
    let found = Found::default();
    for number in [3, 1, 2] {
        found.take(disk(number));
    }
    found.note(&disks(), None, Fault::late());
    assert_eq!(found.to_string(), "3 resources, 1 problem");
    let told = found.finish().unwrap();
    let ids: Vec<&str> = told.resources.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["/disk/0000001", "/disk/0000002", "/disk/0000003"]);
    assert_eq!((told.counts[DISK], told.parts.len(), host.artifacts().len()), (3, 0, 0));
    assert_eq!(
        serde_json::to_value(&told.errors).unwrap(),
        json!([{
            "provider": "azure", "account": "s", "service": "microsoft.compute", "region": "global",
            "operation": "disks/list", "code": "deadline", "kind": "failed", "count": 1, "hides": [DISK],
            "message": "the time was over; ask for less at once, or allow more time",
        }])
    );
}

#[test]
fn many_are_all_told_in_sorted_artefacts() {
    let host = Host::start();
    let found = Found::default();
    let many = 2 * INLINE_BYTES_MAX / 150;
    for number in (0..many).rev() {
        found.take(disk(number));
    }
    let told = found.finish().unwrap();
    assert_eq!((told.counts[DISK], told.resources.len()), (many as u64, 0));
    let left: Vec<Vec<u8>> = host.artifacts().into_iter().map(|left| left.bytes).collect();
    assert_eq!(left.len(), told.parts.len());
    let parts = left.iter().map(|text| lines::<Resource, _>(text.as_slice()));
    let ids: Vec<String> = merge(parts).map(|one| one.unwrap().id).collect();
    assert_eq!((ids.len(), ids.is_sorted()), (many, true));
}

#[test]
fn artefacts_that_cannot_be_written_are_a_failure_and_not_a_short_list() {
    let denied = CapabilityError::Denied(Problem::new("artefacts are not granted"));
    let _host = Host::start().artifacts_fail(denied);
    let found = Found::default();
    for number in 0..2 * INLINE_BYTES_MAX / 150 {
        found.take(disk(number));
    }
    assert!(matches!(found.finish(), Err(Failure::Denied(_))));
}

#[test]
fn what_could_not_be_read_of_a_resource_is_named_in_it_and_hides_nothing_else() {
    let found = Found::default();
    let mut good = disk(1);
    found.read(&mut good, &disks(), &["policy"], Ok("kept"), |disk, policy| disk.set("policy", policy));
    let mut bad = disk(2);
    found.read(&mut bad, &disks(), &["policy"], Err::<&str, _>(Fault::late()), |disk, it| disk.set("policy", it));
    assert_eq!((&good.attributes["policy"], bad.is_unread("policy")), (&json!("kept"), true));
    let told = found.finish().unwrap();
    let [problem] = told.errors.as_slice() else { panic!("{told:?}") };
    assert_eq!(problem.resource.as_deref(), Some("/disk/0000002"));
    assert!(problem.may_hide(&bad.reference()) && !problem.may_hide(&good.reference()));
}

#[test]
fn a_reason_that_comes_with_each_of_many_is_one_row() {
    let found = Found::default();
    for number in 0..50_000 {
        found.note(&disks(), Some(&disk(number).id), Fault::late());
    }
    assert_eq!(found.to_string(), "0 resources, 50000 problems");
    let told = found.finish().unwrap();
    let [problem] = told.errors.as_slice() else { panic!("{} rows", told.errors.len()) };
    assert_eq!((problem.count, problem.every), (50_000, true));
}
