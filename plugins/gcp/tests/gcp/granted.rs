//! What the agent asks to be granted, and what its types are.

use std::collections::BTreeSet;

use troupe_agent_gcp::Service;
use troupe_estate::{Class, class_of, service_of};
use troupe_package::Manifest;

fn manifest() -> Manifest {
    Manifest::parse(include_str!("../../agent.toml")).unwrap()
}

#[test]
fn an_inventory_needs_grants_to_read_and_nothing_else() {
    let read = manifest().capabilities.http;
    let read: Vec<_> = read.iter().filter(|grant| grant.methods == ["GET"]).collect();
    assert!(read.len() >= 25);
    for grant in read {
        assert_eq!(grant.credential.as_deref(), Some("gcp:default"), "{grant}");
        assert!(!grant.host.to_string().contains('*') && grant.effect.is_none(), "{grant}");
    }
}

#[test]
fn what_changes_something_is_one_line_that_may_be_left_out() {
    let change: Vec<String> = manifest()
        .capabilities
        .http
        .iter()
        .filter(|grant| grant.methods != ["GET"])
        .map(|grant| grant.id.clone())
        .collect();
    assert_eq!(change, ["compute-change"]);
    let profile = troupe_sdk::test::profile::<troupe_agent_gcp::Gcp>();
    let skills = profile["skills"].as_array().unwrap().iter();
    let effects: Vec<(&str, &str)> =
        skills.map(|one| (one["name"].as_str().unwrap(), one["effect"].as_str().unwrap())).collect();
    let changes: Vec<(&str, &str)> = effects.into_iter().filter(|(_, effect)| *effect != "read").collect();
    assert_eq!(changes, [("start", "write"), ("stop", "destructive"), ("resize", "destructive")]);
}

#[test]
fn every_type_is_known_to_the_estate_and_of_one_service() {
    let mut seen = BTreeSet::new();
    for service in Service::ALL {
        for kind in service.records().into_iter().flat_map(troupe_agent_gcp::Record::kinds) {
            assert_ne!(class_of(kind), Class::Other, "{kind}");
            assert_eq!(service_of(kind), service.name(), "{kind}");
            assert!(seen.insert(kind), "{kind} is listed twice");
        }
    }
    assert!(seen.len() >= 80, "{} types", seen.len());
}
