//! A release survives every form it takes, and nothing else passes for one.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what helps a test may fail as loudly as the test")]

use proptest::prelude::*;
use serde_json::json;
use troupe_core::{Code, Digest, limits};
use troupe_package::{Archived, Manifest, Profile, Release, read_archive, write_archive};

mod archives;

fn release(name: &str, summary: &str, number: f64, component: Vec<u8>) -> Release {
    let manifest = json!({
        "name": name, "version": "1.2.0+b.1", "summary": summary, "configuration": { "z": number, "a": [null, true] },
    });
    let profile = json!({
        "profile": 1, "summary": summary,
        "skills": [{ "name": "run", "description": "Runs.", "input": { "maximum": number }, "output": {} }],
    });
    Release {
        manifest: Manifest::from_json(manifest.to_string().as_bytes()).unwrap(),
        profile: Profile::parse(&profile.to_string()).unwrap(),
        component,
    }
}

fn sample() -> Release {
    release("aws", "Looks after accounts", 0.1, b"\0asm component".to_vec())
}

fn archive(release: &Release) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_archive(release, &mut bytes).unwrap();
    bytes
}

fn any_release() -> impl Strategy<Value = Release> {
    let number = prop::num::f64::NORMAL | prop::num::f64::ZERO | prop::num::f64::SUBNORMAL;
    ("[a-z][a-z0-9]{0,8}", "[a-zà-ÿ日本]{1,40}", number, prop::collection::vec(any::<u8>(), 0..2_000))
        .prop_map(|(name, summary, number, component)| release(&name, &summary, number, component))
}

#[test]
fn the_image_of_a_release_is_these_bytes() {
    let image = sample().image().unwrap();
    insta::assert_snapshot!(String::from_utf8_lossy(&image.manifest.bytes), @r#"{"annotations":{"org.opencontainers.image.description":"Looks after accounts","org.opencontainers.image.title":"aws","org.opencontainers.image.version":"1.2.0+b.1"},"config":{"digest":"sha256:265960716f58c59bd2736a7d09cfb247cf6a5b6d11ec47bec6744551e772e9c0","mediaType":"application/vnd.wasm.config.v0+json","size":521},"layers":[{"digest":"sha256:d39ad56a4c032330cab88e5277b39bdad5e1adae6bb74e355543ff2d80960121","mediaType":"application/wasm","size":14}],"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}"#);
    insta::assert_snapshot!(String::from_utf8_lossy(&image.config.bytes), @r#"{"architecture":"wasm","created":"1970-01-01T00:00:00Z","layerDigests":["sha256:d39ad56a4c032330cab88e5277b39bdad5e1adae6bb74e355543ff2d80960121"],"os":"wasip2","troupe":{"manifest":{"capabilities":{},"configuration":{"a":[null,true],"z":0.1},"limits":{},"name":"aws","state":{"reads":"1..=1","version":1},"summary":"Looks after accounts","version":"1.2.0+b.1"},"profile":{"profile":1,"skills":[{"description":"Runs.","effect":"write","input":{"maximum":0.1},"name":"run","output":{}}],"summary":"Looks after accounts"}}}"#);
}

#[test]
fn a_part_that_could_not_be_read_back_is_not_written() {
    let mut wrong = sample();
    wrong.manifest.summary = "two\nlines".to_owned();
    assert_eq!(wrong.image().unwrap_err().code, Code::ManifestInvalid);
    let mut wrong = sample();
    wrong.profile.skills.clear();
    assert_eq!(wrong.image().unwrap_err().code, Code::ProfileInvalid);
    let mut wrong = sample();
    wrong.component = vec![0; usize::try_from(limits::COMPONENT_BYTES_MAX).unwrap() + 1];
    assert_eq!(wrong.image().unwrap_err().code, Code::ArtifactSize);
}

#[test]
fn blobs_are_held_against_digest_size_and_kind() {
    let image = sample().image().unwrap();
    let read = |manifest: &[u8], change: &dyn Fn(Vec<u8>) -> Vec<u8>| {
        Release::from_blobs(manifest, |digest, _| {
            Ok(change(image.blobs().find(|blob| blob.digest == *digest).unwrap().bytes.clone()))
        })
    };
    let same = |bytes| bytes;
    assert_eq!(read(&image.manifest.bytes, &same).unwrap(), sample());
    let other = |mut bytes: Vec<u8>| {
        bytes.push(0);
        bytes
    };
    assert_eq!(read(&image.manifest.bytes, &other).unwrap_err().code, Code::ArtifactDigest);

    let text = String::from_utf8(image.manifest.bytes.clone()).unwrap();
    for (from, to, code) in [
        ("\"size\":14", "\"size\":16", Code::ArtifactMalformed),
        ("\"size\":14", "\"size\":99999999999", Code::ArtifactSize),
        ("application/wasm", "application/wasn", Code::ArtifactMalformed),
        ("\"schemaVersion\":2", "\"schemaVersion\":1", Code::ArtifactMalformed),
        ("sha256:", "sha512:", Code::ArtifactMalformed),
        ("{", "", Code::ArtifactMalformed),
    ] {
        assert!(text.contains(from), "{from}");
        assert_eq!(read(text.replacen(from, to, 1).as_bytes(), &same).unwrap_err().code, code, "{from} → {to}");
    }
}

#[test]
fn the_most_a_fetch_may_return_is_the_size_that_was_named() {
    let image = sample().image().unwrap();
    let read = Release::from_blobs(&image.manifest.bytes, |digest, max| {
        let blob = image.blobs().find(|blob| blob.digest == *digest).unwrap();
        assert_eq!(max, blob.bytes.len() as u64);
        Ok(blob.bytes.clone())
    });
    assert_eq!(read.unwrap(), sample());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_image_round_trips_and_is_the_same_each_time(release in any_release()) {
        let image = release.image().unwrap();
        prop_assert_eq!(&release.clone().image().unwrap(), &image);
        prop_assert_eq!(image.digest(), Digest::of(&image.manifest.bytes));
        let read = Release::from_blobs(&image.manifest.bytes, |digest, _| {
            Ok(image.blobs().find(|blob| blob.digest == *digest).unwrap().bytes.clone())
        }).unwrap();
        prop_assert_eq!(read.image().unwrap().digest(), image.digest());
        prop_assert_eq!(read, release);
    }

    #[test]
    fn an_archive_round_trips_and_is_the_same_each_time(release in any_release()) {
        let bytes = archive(&release);
        prop_assert_eq!(&archive(&release), &bytes);
        let Archived { digest, release: read, signatures } = read_archive(bytes.as_slice()).unwrap();
        prop_assert!(signatures.is_empty());
        prop_assert_eq!(digest, release.image().unwrap().digest());
        prop_assert_eq!(read, release);
    }

    #[test]
    fn a_flipped_byte_is_an_error_or_changes_nothing(at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let mut bytes = archive(&sample());
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(Archived { digest, release: read, .. }) = read_archive(bytes.as_slice()) {
            prop_assert_eq!(digest, sample().image().unwrap().digest());
            prop_assert_eq!(read, sample());
        }
    }

    #[test]
    fn an_archive_that_is_cut_off_anywhere_is_malformed(at in any::<prop::sample::Index>()) {
        let bytes = archive(&sample());
        let cut = &bytes[..at.index(bytes.len())];
        prop_assert_eq!(read_archive(cut).unwrap_err().code, Code::ArtifactMalformed);
    }

    #[test]
    fn random_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..4_000)) {
        prop_assert_eq!(read_archive(bytes.as_slice()).unwrap_err().code, Code::ArtifactMalformed);
        prop_assert!(Release::from_blobs(&bytes, |_, _| unreachable!()).is_err());
        prop_assert!(Manifest::from_json(&bytes).is_err());
        prop_assert!(Manifest::parse(&String::from_utf8_lossy(&bytes)).is_err());
    }
}
