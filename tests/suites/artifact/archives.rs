//! Archives that are not in good order.

use insta::assert_snapshot;
use serde_json::json;
use tar::EntryType;
use troupe_core::limits;
use troupe_tests::archive::{self, Entry, entries, written};
use troupe_tests::guests;

use super::{host, refused};

fn good() -> Vec<u8> {
    guests().counter.archive("1.0.0")
}

/// A good archive with an entry more.
fn with(entry: Entry) -> Vec<u8> {
    let mut entries = entries(&good());
    entries.push(entry);
    written(&entries)
}

#[tokio::test]
async fn h95_what_is_no_archive_is_refused() {
    let mut host = host().await;
    let noise = (0..20_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    refused(&mut host, noise).await.problem(422, "artifact.malformed");
    refused(&mut host, Vec::new()).await.problem(422, "artifact.malformed");
    refused(&mut host, guests().echo.component.clone()).await.problem(422, "artifact.malformed");
}

#[tokio::test]
async fn h95_an_archive_that_is_cut_off_is_refused() {
    let mut host = host().await;
    let archive = good();
    for length in [512, archive.len() / 2, archive.len() - 600] {
        refused(&mut host, archive[..length].to_vec()).await.problem(422, "artifact.malformed");
    }
}

#[tokio::test]
async fn h94_entries_that_reach_elsewhere_are_refused_and_nothing_is_written_there() {
    let mut host = host().await;
    for name in ["../escape", "/escape", "blobs/sha256/../../../escape", "blobs/sha256/x", "escape"] {
        refused(&mut host, with(Entry::file(name, b"x"))).await.problem(422, "artifact.path");
    }
    refused(&mut host, with(Entry::link("blobs/sha256/link"))).await.problem(422, "artifact.path");
    let escaped = walkdir::WalkDir::new(host.dir()).into_iter().filter_map(Result::ok);
    assert_eq!(escaped.filter(|entry| entry.file_name() == "escape").count(), 0);
}

#[tokio::test]
async fn the_refusal_of_an_entry_names_it() {
    let mut host = host().await;
    let problem = refused(&mut host, with(Entry::file("../escape\u{1b}[2J", b"x"))).await.problem(422, "artifact.path");
    assert_snapshot!(problem["detail"].as_str().unwrap(), @r"entry `../escape\u{1b}[2J` of the archive has no place in a release; pack it with `troupe build`");
}

#[tokio::test]
async fn h92_a_component_that_is_too_large_is_refused_by_its_size_alone() {
    let mut host = host().await;
    let name = format!("blobs/sha256/{}", "a".repeat(64));
    let mut archive = archive::header(&name, EntryType::Regular, limits::COMPONENT_BYTES_MAX + 1).as_bytes().to_vec();
    archive.extend([0; 4096]);
    let problem = refused(&mut host, archive).await.problem(413, "artifact.size");
    assert!(problem["detail"].as_str().unwrap().contains("limit"), "{problem:#}");
}

#[tokio::test]
async fn a_blob_that_is_not_what_its_name_says_is_refused() {
    let mut host = host().await;
    let mut entries = entries(&good());
    let blob = entries.iter_mut().find(|entry| entry.name.starts_with("blobs/")).unwrap();
    blob.bytes[0] ^= 1;
    refused(&mut host, written(&entries)).await.problem(422, "artifact.digest");
}

#[tokio::test]
async fn a_manifest_with_an_unknown_field_is_refused_and_the_field_is_named() {
    let mut host = host().await;
    let archive = archive::with_manifest(&good(), |manifest| manifest["colour"] = json!("red"));
    let problem = refused(&mut host, archive).await.problem(422, "manifest.invalid");
    assert_snapshot!(problem["detail"].as_str().unwrap(), @"the manifest is not valid: unknown field `colour`, expected one of `name`, `version`, `summary`, `goals`, `skills`, `triggers`, `configuration`, `health`, `state`, `limits`, `capabilities`");
}

#[tokio::test]
async fn an_image_of_a_component_that_is_no_agent_is_refused_with_the_next_step() {
    let mut host = host().await;
    let bare = archive::with_config(&good(), |config| drop(config.as_object_mut().unwrap().remove("troupe")));
    let problem = refused(&mut host, bare).await.problem(422, "artifact.malformed");
    assert_snapshot!(problem["detail"].as_str().unwrap(), @"the image holds a component and no agent: its configuration has no `troupe`; pack it with `troupe build`");
    let more = archive::with_config(&good(), |config| config["troupe"]["colour"] = json!("red"));
    refused(&mut host, more).await.problem(422, "artifact.malformed");
    let deep = archive::with_config(&good(), |config| {
        config["troupe"]["profile"] = (0..200).fold(json!(1), |inner, _| json!([inner]));
    });
    refused(&mut host, deep).await.problem(422, "profile.invalid");
}

#[tokio::test]
async fn a_release_that_was_made_over_by_hand_in_good_order_is_taken() {
    let host = host().await;
    let archive = archive::with_manifest(&good(), |_| {});
    host.client().publish(archive).await.of(201);
}
