//! The document of a channel has one text, is of one channel, and is never taken for what signs a
//! release, nor the other way round.

#![expect(clippy::unwrap_used, reason = "what helps a test may fail as loudly as the test")]

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use troupe_core::{Code, Digest, ReleaseRef, Timestamp, limits};
use troupe_package::channel::{CHANNEL_MEDIA_TYPE, channel_tag, is_channel_tag};
use troupe_package::{ChannelDocument, Signature, SignedChannel, SigningKey};

const P256_KEY: &str = include_str!("signatures/p256.key");
const ED25519_KEY: &str = include_str!("signatures/ed25519.key");
const NOW: i64 = 1_763_600_000_000;

fn keys() -> [SigningKey; 2] {
    [SigningKey::from_pem(ED25519_KEY).unwrap(), SigningKey::from_pem(P256_KEY).unwrap()]
}

fn release() -> ReleaseRef {
    "aws@1.2.0".parse().unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(NOW + seconds * 1_000)
}

fn document(number: u64) -> ChannelDocument {
    let digest = Digest::of(b"a release");
    ChannelDocument::new("stable".parse().unwrap(), number, release(), digest, at(0), at(3_600)).unwrap()
}

fn malformed(text: &[u8]) -> String {
    let error = ChannelDocument::from_json(text).unwrap_err();
    assert_eq!(error.code, Code::ArtifactMalformed, "{error}");
    error.message
}

#[test]
fn a_document_says_whose_it_is_what_it_names_and_how_long_it_holds() {
    let text = document(7).to_json();
    insta::assert_snapshot!(String::from_utf8(text.clone()).unwrap(), @r#"{"agent":"aws","channel":"stable","digest":"sha256:e9edfb8e46f891370bda2772760ae14bc1572a2ce9263368cd5282dac3241eb8","expires_at":"2025-11-20T01:53:20.000Z","format":"troupe-channel/1","issued_at":"2025-11-20T00:53:20.000Z","number":7,"version":"1.2.0"}"#);
    let read = ChannelDocument::from_json(&text).unwrap();
    assert_eq!((&read, read.release()), (&document(7), release()));
    read.check_is_of(&"aws".parse().unwrap(), &"stable".parse().unwrap()).unwrap();
    for (agent, channel) in [("gcp", "stable"), ("aws", "beta")] {
        let error = read.check_is_of(&agent.parse().unwrap(), &channel.parse().unwrap()).unwrap_err();
        assert_eq!(error.code, Code::ArtifactSignature);
    }
    read.check_holds(at(3_599)).unwrap();
    read.check_holds(at(-3_600)).unwrap();
    for stale in [3_600, -3_601] {
        assert_eq!(read.check_holds(at(stale)).unwrap_err().code, Code::RegistryStale, "{stale}");
    }
}

#[test]
fn a_document_in_any_other_form_is_refused_with_the_reason() {
    let good: Value = serde_json::from_slice(&document(7).to_json()).unwrap();
    let with = |field: &str, value: Value| {
        let mut document = good.clone();
        document[field] = value;
        malformed(document.to_string().as_bytes())
    };
    insta::assert_snapshot!(with("number", json!(0)), @"this is not the document of a channel: number: 0 is not 1 to 9007199254740991");
    insta::assert_snapshot!(with("expires_at", json!("2027-11-20T01:53:20.000Z")), @"this is not the document of a channel: expires_at: a document holds for 365 days at most");
    for (field, value) in [
        ("number", json!(1_u64 << 53)),
        ("number", json!(-1)),
        ("number", json!(1.5)),
        ("expires_at", good["issued_at"].clone()),
        ("expires_at", json!("2025-11-20T01:53:20Z")),
        ("expires_at", json!("2025-11-20T02:53:20.000+01:00")),
        ("format", json!("troupe-channel/2")),
        ("agent", json!("../x")),
        ("channel", json!("Stable")),
        ("version", json!("1.2")),
        ("digest", json!("sha256:00")),
        ("critical", json!({})),
        ("version", json!(format!("1.2.0-{}", "a".repeat(limits::CHANNEL_DOCUMENT_BYTES_MAX)))),
    ] {
        with(field, value);
    }
    let text = String::from_utf8(document(7).to_json()).unwrap();
    let twice = text.replacen('{', r#"{"agent":"gcp","#, 1);
    for other in [&twice, &format!("{text}\n"), &text.replace(',', ", "), &text.replacen("\"agent\":\"aws\",", "", 1)] {
        malformed(other.as_bytes());
    }
    let long = ChannelDocument::new(
        "stable".parse().unwrap(),
        1,
        release(),
        Digest::of(b"x"),
        at(0),
        at(0).plus(limits::CHANNEL_DOCUMENT_TIME_MAX + Duration::from_millis(1)),
    );
    assert_eq!(long.unwrap_err().code, Code::ArtifactMalformed);
}

#[test]
fn a_signature_of_a_release_is_none_of_a_channel_and_the_other_way_round() {
    let digest = Digest::of(b"a release");
    for key in keys() {
        let (of_release, of_channel) =
            (key.sign(&release(), &digest).unwrap(), key.sign_channel(&document(7)).unwrap());
        assert!(of_channel.is_by(key.public()) && of_release.is_by(key.public()));
        assert_eq!(of_channel.check_is_of(&release(), &digest).unwrap_err().code, Code::ArtifactSignature);
        malformed(&of_release.payload);
        // The bytes of one under the document of the other are nobody's.
        let moved = Signature { bytes: of_release.bytes.clone(), ..of_channel.clone() };
        assert!(!moved.is_by(key.public()));
        assert_eq!(SignedChannel::new(vec![of_channel, of_release]).unwrap_err().code, Code::ArtifactSignature);
    }
}

#[test]
fn a_registry_keeps_a_document_and_its_signatures_in_one_image() {
    let signatures: Vec<Signature> = keys().iter().map(|key| key.sign_channel(&document(7)).unwrap()).collect();
    let signed = SignedChannel::new(signatures.clone()).unwrap();
    let image = signed.image().unwrap();
    let manifest: Value = serde_json::from_slice(&image.manifest.bytes).unwrap();
    assert_eq!(manifest["artifactType"], CHANNEL_MEDIA_TYPE);
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.oci.empty.v1+json");
    assert_eq!(manifest["layers"][0]["mediaType"], CHANNEL_MEDIA_TYPE);
    let fetch = |digest: &Digest, _| Ok(image.blobs().find(|blob| blob.digest == *digest).unwrap().bytes.clone());
    assert_eq!(SignedChannel::from_blobs(&image.manifest.bytes, fetch).unwrap(), signed);
    let text = String::from_utf8(image.manifest.bytes.clone()).unwrap();
    for (from, to) in
        [("channel.v1", "channel.v2"), ("cosign/signature", "cosign/signaturx"), ("oci.empty", "oci.other")]
    {
        let refused = SignedChannel::from_blobs(text.replace(from, to).as_bytes(), fetch).unwrap_err();
        assert_eq!(refused.code, Code::ArtifactMalformed, "{from}");
    }
    let other = SignedChannel::from_blobs(&image.manifest.bytes, |_, _| Ok(b"another".to_vec()));
    assert_eq!(other.unwrap_err().code, Code::ArtifactDigest);
    assert_eq!(SignedChannel::new(Vec::new()).unwrap_err().code, Code::ArtifactSignature);
    assert_eq!(SignedChannel::new(vec![signatures[0].clone(); 17]).unwrap_err().code, Code::ArtifactSignature);

    assert_eq!(channel_tag(&"stable".parse().unwrap()), "stable.channel");
    assert!(is_channel_tag("stable.channel"));
    for other in ["stable", "1.0.0-x.channel", ".channel", "sha256-00.sig"] {
        assert!(!is_channel_tag(other), "{other}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_flipped_byte_of_a_document_is_no_document_or_one_that_nobody_signed(
        which in 0..2_usize, at in any::<prop::sample::Index>(), bit in 0..8_u32,
    ) {
        let key = &keys()[which];
        let mut signature = key.sign_channel(&document(7)).unwrap();
        let at = at.index(signature.payload.len());
        signature.payload[at] ^= 1 << bit;
        prop_assert!(!signature.is_by(key.public()));
        if let Ok(read) = ChannelDocument::from_json(&signature.payload) {
            prop_assert_ne!(&read, &document(7));
            prop_assert_eq!(read.to_json(), signature.payload);
        }
    }
}
