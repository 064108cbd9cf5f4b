//! What holds for any two scans.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use proptest::prelude::*;
use troupe_estate::diff::{self, Change};
use troupe_estate::{Area, Entry, Finding, Fingerprint, Problem, Provider, Resource, Scan, Severity, Status};

use crate::samples::{problem, rows, volume};

/// A finding about one of a few resources of two services in two regions, in any state.
fn finding() -> impl Strategy<Value = Finding> {
    let kinds = prop_oneof![Just("aws.ec2.volume"), Just("aws.rds.instance")];
    let regions = prop_oneof![Just("us-east-1"), Just("eu-west-1")];
    (kinds, regions, 0..6_u8, 0..3_u8, 0..3_u8).prop_map(|(kind, region, id, status, seen)| {
        let resource = Resource::new(kind, region, format!("r-{id}"));
        let finding = Finding::new("rule", "title", Severity::Low, resource.reference(), "").seen("value", seen);
        match status {
            0 => finding.passed(),
            1 => finding.not_checked("denied"),
            _ => finding,
        }
    })
}

fn list() -> impl Strategy<Value = BTreeMap<Fingerprint, Finding>> {
    prop::collection::vec(finding(), 0..30)
        .prop_map(|list| list.into_iter().map(|finding| (finding.key(), finding)).collect())
}

fn scan() -> impl Strategy<Value = Scan> {
    let area = (prop::collection::vec(prop_oneof![Just("us-east-1"), Just("eu-west-1")], 0..2), any::<bool>());
    let areas = prop::collection::vec(area, 0..3).prop_map(|areas| {
        let area = |(regions, is_ec2): (Vec<&str>, bool)| Area {
            regions: regions.into_iter().map(str::to_owned).collect(),
            services: if is_ec2 { vec!["ec2".to_owned()] } else { Vec::new() },
            ..Area::all(Provider::Aws)
        };
        areas.into_iter().map(area).collect()
    });
    let problems = prop::collection::vec(prop_oneof![Just("ec2"), Just("rds")], 0..2);
    let problems =
        problems.prop_map(|services| services.into_iter().map(|service| problem(service, "Describe", None)).collect());
    (areas, problems).prop_map(|(areas, problems): (Vec<Area>, Vec<Problem>)| Scan { areas, rules: None, problems })
}

fn failed(list: &BTreeMap<Fingerprint, Finding>) -> BTreeSet<&Fingerprint> {
    list.iter().filter(|(_, finding)| finding.status == Status::Fail).map(|(key, _)| key).collect()
}

proptest! {
    #[test]
    fn each_failed_finding_is_told_once_and_nothing_is_fixed_unseen(before in list(), now in list(), scan in scan()) {
        let changes: Vec<Change<Finding>> =
            diff::findings(rows(before.values().cloned().collect()), rows(now.values().cloned().collect()), &scan)
                .map(Result::unwrap)
                .collect();
        let keys: Vec<&Fingerprint> = changes.iter().map(|change| &change.entry().fingerprint).collect();
        prop_assert!(keys.is_sorted_by(|one, other| one < other));
        let told: BTreeSet<&Fingerprint> = keys.into_iter().collect();
        let (was, is) = (failed(&before), failed(&now));
        prop_assert_eq!(&told, &was.union(&is).copied().collect());
        for change in &changes {
            let key = &change.entry().fingerprint;
            prop_assert_eq!(matches!(change, Change::New { .. }), is.contains(key) && !was.contains(key));
            match change {
                Change::New { .. } => {}
                Change::Same { .. } => prop_assert_eq!(&before[key].evidence, &now[key].evidence),
                Change::Changed { .. } => prop_assert_ne!(&before[key].evidence, &now[key].evidence),
                Change::Fixed { .. } => match now.get(key) {
                    Some(finding) => prop_assert_eq!(finding.status, Status::Pass),
                    None => {
                        let resource = &before[key].resource;
                        let looked = scan.areas.iter().any(|area| {
                            (area.regions.is_empty() || area.regions.contains(&resource.region))
                                && (area.services.is_empty() || resource.service() == "ec2")
                        });
                        let hidden = scan.problems.iter().any(|problem| {
                            problem.region == resource.region && problem.service == resource.service()
                        });
                        prop_assert!(looked && !hidden, "{:?} is not fixed", resource);
                    }
                },
                Change::Unknown { .. } => prop_assert!(now.get(key).is_none_or(|f| f.status == Status::NotChecked)),
                Change::Gone { .. } => prop_assert!(false, "findings are fixed, not gone"),
            }
        }
    }

    #[test]
    fn a_scan_differs_from_itself_in_nothing(list in list(), scan in scan()) {
        let rows = || rows(list.values().cloned().collect());
        for change in diff::findings(rows(), rows(), &scan) {
            let change = change.unwrap();
            prop_assert!(matches!(change, Change::Same { .. }), "{:?}", change);
        }
    }

    #[test]
    fn what_is_kept_and_looked_at_in_full_comes_to_what_is_there(before in list(), now in list(), blind in scan()) {
        let all = Scan { areas: vec![Area::all(Provider::Aws)], ..Scan::default() };
        let values = |list: &BTreeMap<Fingerprint, Finding>| rows(list.values().cloned().collect());
        let kept: Vec<Finding> =
            diff::findings(values(&before), values(&now), &blind).filter_map(|change| change.unwrap().kept()).collect();
        // The same present list, now with nothing hidden: nothing is new that was known before.
        for change in diff::findings(rows(kept), values(&now), &all) {
            let change = change.unwrap();
            prop_assert!(!matches!(change, Change::New { .. } | Change::Changed { .. }), "{:?}", change);
        }
    }
}

#[test]
fn no_more_than_two_entries_of_a_list_are_read_ahead() {
    let (read, told) = (Cell::new(0_usize), Cell::new(0_usize));
    let list = || {
        (0..10_000).map(|number| {
            read.set(read.get() + 1);
            assert!(read.get() <= 2 * (told.get() + 2), "{} read, {} told", read.get(), told.get());
            Ok::<Resource, Infallible>(volume(&format!("vol-{number:05}")))
        })
    };
    let scan = Scan::default();
    for change in diff::resources(list(), list(), &scan, |_, _| false) {
        assert!(matches!(change.unwrap(), Change::Same { .. }));
        told.set(told.get() + 1);
    }
    assert_eq!((read.get(), told.get()), (20_000, 10_000));
}

#[test]
fn what_is_listed_twice_counts_once() {
    let now = vec![volume("a"), volume("a"), volume("b")];
    let changes: Vec<&str> = diff::resources(rows(vec![volume("a")]), rows(now), &Scan::default(), |_, _| false)
        .map(|change| change.unwrap().name())
        .collect();
    assert_eq!(changes, ["same", "new"]);
}
