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
