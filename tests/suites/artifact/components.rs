//! Archives in good order around a component that is none, or none of ours.

use insta::assert_snapshot;
use troupe_tests::{Guest, guests};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

use super::{host, refused};

/// Packs a component as release 2.0.0 of `echo`.
fn with(component: Vec<u8>) -> Vec<u8> {
    guests().echo.with_component(component).archive("2.0.0")
}

/// Makes a component of a world given as WIT, whose functions trap.
fn of_world(wit: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("test.wit", wit).expect("good WIT");
    let world = resolve.select_world(&[package], Some("test")).expect("a world `test`");
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("metadata");
    ComponentEncoder::default().module(&module).expect("a module").encode().expect("a component")
}

/// The detail of the refusal of a component, whose code must be `code`.
async fn detail(component: Vec<u8>, status: u16, code: &str) -> String {
    let mut host = host().await;
    let problem = refused(&mut host, with(component)).await.problem(status, code);
    problem["detail"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn h95_a_truncated_component_is_refused() {
    let Guest { component, .. } = &guests().echo;
    // Eight bytes are a whole component: one of nothing.
    for length in [0, 3, 7, 9, component.len() / 2, component.len() - 1] {
        detail(component[..length].to_vec(), 422, "artifact.malformed").await;
    }
}

#[tokio::test]
async fn h95_a_core_module_is_refused_and_the_target_is_named() {
    let detail = detail(b"\0asm\x01\0\0\0".to_vec(), 422, "artifact.malformed").await;
    assert_snapshot!(detail, @"this is a core WebAssembly module, not a component; build for `wasm32-wasip2`");
}

#[tokio::test]
async fn h95_bytes_that_are_no_wasm_are_refused() {
    let noise: Vec<u8> = (0..4096_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    detail(noise, 422, "artifact.malformed").await;
    detail(b"(component)".to_vec(), 422, "artifact.malformed").await;
}

#[tokio::test]
async fn h97_a_component_that_exports_nothing_is_not_an_agent() {
    let detail = detail(b"\0asm\x0d\0\x01\0".to_vec(), 422, "artifact.world").await;
    assert_snapshot!(detail, @"the component does not export `troupe:agent/skills@0.1.0`, so it is not an agent; build it against the world `troupe:agent/agent`");
}

#[tokio::test]
async fn h97_a_component_of_another_world_is_refused_by_the_first_name_that_does_not_fit() {
    let wit = "package test:test; world test { import other:place/thing@1.0.0; export run: func(); }
        package other:place@1.0.0 { interface thing { reach: func(); } }";
    let detail = detail(of_world(wit), 422, "artifact.world").await;
    assert_snapshot!(detail, @"the component imports `other:place/thing@1.0.0`, which this host does not offer");
}

#[tokio::test]
async fn h98_a_component_of_another_version_of_the_contract_is_refused_by_both_versions() {
    let wit = "package test:test; world test { export troupe:agent/skills@0.9.0; }
        package troupe:agent@0.9.0 { interface skills { describe: func() -> string; } }";
    let detail = detail(of_world(wit), 422, "artifact.world_version").await;
    assert_snapshot!(detail, @"the component exports `troupe:agent/skills` in version 0.9.0; this host offers 0.1.0");
}

#[tokio::test]
async fn a_component_that_would_migrate_by_another_version_of_the_contract_is_refused_by_both_versions() {
    let wit = "package test:test; world test { export troupe:agent/skills@0.1.0; export troupe:agent/lifecycle@0.9.0; }
        package troupe:agent@0.1.0 { interface skills { describe: func() -> string; } }
        package troupe:agent@0.9.0 { interface lifecycle { migrate: func(); } }";
    let detail = detail(of_world(wit), 422, "artifact.world_version").await;
    assert_snapshot!(detail, @"the component exports `troupe:agent/lifecycle` in version 0.9.0; this host offers 0.1.0");
}

#[tokio::test]
async fn a_component_whose_skills_have_another_shape_is_refused() {
    let wit = "package test:test; world test { export troupe:agent/skills@0.1.0; }
        package troupe:agent@0.1.0 { interface skills { describe: func() -> u32; } }";
    detail(of_world(wit), 422, "artifact.world").await;
}

#[tokio::test]
async fn a_component_that_describes_itself_otherwise_than_its_release_is_refused() {
    let detail = detail(guests().counter.component.clone(), 422, "profile.invalid").await;
    assert_snapshot!(detail, @"the component describes itself otherwise than the release does; build the release again");
}
