//! What the agent asks to be granted, and what its types are.

use std::collections::BTreeSet;

use serde_json::json;
use troupe_agent_gcp::Service;
use troupe_estate::{Class, class_of, service_of};
use troupe_package::{Capabilities, Manifest, template};

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
fn what_changes_something_is_three_requests_each_a_line_that_may_be_left_out() {
    let manifest = manifest();
    let change: Vec<_> = manifest.capabilities.http.iter().filter(|grant| grant.methods != ["GET"]).collect();
    assert_eq!(
        change.iter().map(|line| line.id.as_str()).collect::<Vec<_>>(),
        ["compute-start", "compute-stop", "compute-resize"]
    );
    assert!(change.iter().all(|line| line.methods == ["POST"] && line.budget.requests_per_minute == Some(60)));
    let admitted = |path: &str| change.iter().filter(|line| line.admits_path(path)).count();
    let machine = "/compute/v1/projects/acme-prod/zones/us-east1-b/instances/web";
    for step in ["start", "stop", "setMachineType"] {
        assert_eq!(admitted(&format!("{machine}/{step}")), 1, "{step}");
    }
    for path in [
        machine.to_owned(),
        format!("{machine}/delete"),
        format!("{machine}/setMetadata"),
        format!("{machine}/attachDisk"),
        format!("{machine}/startWithEncryptionKey"),
        format!("{machine}/a/stop"),
        "/compute/v1/projects/acme-prod/zones/us-east1-b/instances".to_owned(),
        "/compute/v1/projects/acme-prod/zones/us-east1-b/instances/bulkInsert".to_owned(),
        "/compute/v1/projects/acme-prod/zones/us-east1-b/disks/d/stop".to_owned(),
        "/compute/v1/projects/acme-prod/global/firewalls".to_owned(),
    ] {
        assert_eq!(admitted(&path), 0, "{path}");
    }
}

#[test]
fn an_operator_narrows_what_changes_something_by_what_the_grant_and_the_manifest_share() {
    let granted = Capabilities::parse(
        r#"
        [[capabilities.http]]
        id = "zone"
        host = "compute.googleapis.com"
        methods = ["POST"]
        credential = "gcp:default"
        path_prefix = "/compute/v1/projects/acme-prod/zones/us-east1-b/"
        "#,
    );
    let in_force = manifest().capabilities.grants().intersect(&granted.unwrap().grants());
    let mut paths: Vec<&str> = in_force.http.iter().map(|line| line.path_prefix.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(
        paths,
        ["setMachineType", "start", "stop"]
            .map(|step| format!("/compute/v1/projects/acme-prod/zones/us-east1-b/instances/*/{step}"))
    );
}

#[test]
fn each_skill_says_whether_it_changes_something() {
    let profile = troupe_sdk::test::profile::<troupe_agent_gcp::Gcp>();
    let skills = profile["skills"].as_array().unwrap().iter();
    let effects: Vec<(&str, &str)> =
        skills.map(|one| (one["name"].as_str().unwrap(), one["effect"].as_str().unwrap())).collect();
    let changes: Vec<(&str, &str)> = effects.into_iter().filter(|(_, effect)| *effect != "read").collect();
    assert_eq!(changes, [("start", "write"), ("stop", "destructive"), ("resize", "destructive")]);
}

#[test]
fn an_agent_of_one_zone_asks_for_no_more_than_its_machines() {
    let template = serde_saphyr::from_str(include_str!("../../templates/machines.yaml")).unwrap();
    template::check(&template).unwrap();
    let given = json!({ "project": "acme-prod", "zone": "us-east1-b" }).as_object().unwrap().clone();
    let values = template::values(&template, &given).unwrap();
    let (name, version) = ("acme-machines".parse().unwrap(), "0.1.0".parse().unwrap());
    let made = template::manifest(&template, &values, &manifest(), name, version).unwrap();
    assert_eq!(made.skills.len(), 3);
    let admits = |method: &str, path: &str| {
        let mut lines = made.capabilities.http.iter();
        lines.any(|line| line.admits_method(method) && line.admits_path(path))
    };
    let zone = "/compute/v1/projects/acme-prod/zones/us-east1-b";
    for step in ["start", "stop", "setMachineType"] {
        assert!(admits("POST", &format!("{zone}/instances/web/{step}")), "{step}");
    }
    for path in ["instances/web", "machineTypes/e2-standard-8", "operations/operation-1"] {
        assert!(admits("GET", &format!("{zone}/{path}")), "{path}");
    }
    for path in [
        format!("{zone}/instances"),
        format!("{zone}/instances/bulkInsert"),
        format!("{zone}/instances/web"),
        format!("{zone}/instances/web/setMetadata"),
        format!("{zone}/disks/d/createSnapshot"),
        "/compute/v1/projects/acme-prod/global/firewalls".to_owned(),
        "/compute/v1/projects/acme-prod/setCommonInstanceMetadata".to_owned(),
        "/compute/v1/projects/acme-prod/zones/us-east1-c/instances/web/stop".to_owned(),
        "/compute/v1/projects/other/zones/us-east1-b/instances/web/stop".to_owned(),
    ] {
        assert!(!admits("POST", &path), "{path}");
    }
    assert!(!admits("GET", "/compute/v1/projects/acme-prod/global/firewalls"));
    // What it asks for lies within what the agent `gcp` asks for.
    assert!(!made.capabilities.grants().is_wider_than(&manifest().capabilities.grants()));
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
