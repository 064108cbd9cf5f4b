//! Signatures are of one release by one key, in the form of cosign, and of nothing else.
//!
//! The keys were made by `openssl genpkey`; `cosign.key` is that of P-256 in the form of cosign 2.4, under the
//! password `wide fen`, made with libsodium and Python's scrypt. `cosign.json` is a document as cosign 2.4 writes it, and
//! `cosign.sig` what `openssl dgst -sha256 -sign p256.key` made of it, which is what `cosign sign
//! --key` does.

#![expect(clippy::unwrap_used, reason = "what helps a test may fail as loudly as the test")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};
use troupe_core::{Code, Digest, ReleaseRef};
use troupe_package::signature::{payload, read_signature_image, signature_image, signature_tag};
use troupe_package::{
    Archived, Manifest, Profile, PublicKey, Release, Signature, SigningKey, read_archive, sign_archive, write_archive,
    write_signed_archive,
};

const P256_KEY: &str = include_str!("signatures/p256.key");
const P256_PUB: &str = include_str!("signatures/p256.pub");
const ED25519_KEY: &str = include_str!("signatures/ed25519.key");
const ED25519_PUB: &str = include_str!("signatures/ed25519.pub");
const COSIGN_KEY: &str = include_str!("signatures/cosign.key");
const COSIGN_JSON: &[u8] = include_bytes!("signatures/cosign.json");
const COSIGN_SIG: &str = include_str!("signatures/cosign.sig");

fn release(version: &str) -> Release {
    let manifest = json!({ "name": "aws", "version": version, "summary": "Looks after accounts" });
    let profile = json!({
        "profile": 1, "summary": "Looks after accounts",
        "skills": [{ "name": "run", "description": "Runs.", "input": {}, "output": {} }],
    });
    Release {
        manifest: Manifest::from_json(manifest.to_string().as_bytes()).unwrap(),
        profile: Profile::parse(&profile.to_string()).unwrap(),
        component: b"\0asm component".to_vec(),
    }
}

fn reference(text: &str) -> ReleaseRef {
    text.parse().unwrap()
}

/// Both kinds of keys.
fn keys() -> [SigningKey; 2] {
    [SigningKey::from_pem(ED25519_KEY).unwrap(), SigningKey::from_pem(P256_KEY).unwrap()]
}

/// What was signed by openssl.
fn cosign() -> (Signature, Digest) {
    let bytes = STANDARD.decode(COSIGN_SIG).unwrap();
    (Signature { payload: COSIGN_JSON.to_vec(), bytes, hint: None }, Digest::of(b"a release"))
}

#[test]
fn keys_of_openssl_are_read_and_named_as_openssl_names_them() {
    let p256 = PublicKey::from_pem(P256_PUB).unwrap();
    assert_eq!(p256.id().hex(), "c41a0c338a7d9ea8ba02c3615c3d0d32d1d19bf7f0e18939f5a9d86dd8c6522c");
    let ed25519 = PublicKey::from_pem(ED25519_PUB).unwrap();
    assert_eq!(ed25519.id().hex(), "08c8c934b26e868adb8d2e30031ac456a319e99c7293bebaeeb92e65a11f41d4");
    assert_eq!((p256.to_pem().as_str(), ed25519.to_pem().as_str()), (P256_PUB, ED25519_PUB));
    let [one, other] = keys();
    assert_eq!((one.public(), other.public()), (&ed25519, &p256));
}

#[test]
fn a_signature_in_the_form_of_cosign_is_of_the_digest_that_it_names() {
    let (signature, digest) = cosign();
    assert!(signature.is_by(&PublicKey::from_pem(P256_PUB).unwrap()));
    assert!(!signature.is_by(&PublicKey::from_pem(ED25519_PUB).unwrap()));
    signature.check_is_of(&reference("aws@1.0.0"), &digest).unwrap();
    let error = signature.check_is_of(&reference("aws@1.0.0"), &Digest::of(b"another")).unwrap_err();
    assert_eq!(error.code, Code::ArtifactSignature);
    assert_eq!(error.details["signed"], digest.to_string());
}

#[test]
fn what_we_sign_says_which_release_it_is_of_and_is_of_no_other() {
    let digest = Digest::of(b"a release");
    for key in keys() {
        let signature = key.sign(&reference("aws@1.0.0"), &digest).unwrap();
        assert!(signature.is_by(key.public()));
        signature.check_is_of(&reference("aws@1.0.0"), &digest).unwrap();
        // The digest binds name and version; what the document says besides has to fit.
        for other in ["aws@2.0.0", "gcp@1.0.0"] {
            let error = signature.check_is_of(&reference(other), &digest).unwrap_err();
            assert_eq!(error.code, Code::ArtifactSignature, "{other}");
        }
    }
    insta::assert_snapshot!(String::from_utf8(payload(&reference("aws@1.0.0"), &digest)).unwrap(), @r#"{"critical":{"identity":{"docker-reference":"aws"},"image":{"docker-manifest-digest":"sha256:e9edfb8e46f891370bda2772760ae14bc1572a2ce9263368cd5282dac3241eb8"},"type":"cosign container image signature"},"optional":{"troupe.agent":"aws","troupe.version":"1.0.0"}}"#);
}

#[test]
fn a_document_of_anything_else_is_refused() {
    let (_, digest) = cosign();
    let good: Value = serde_json::from_slice(COSIGN_JSON).unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut document = good.clone();
        change(&mut document);
        Signature { payload: document.to_string().into_bytes(), bytes: vec![0; 64], hint: None }
    };
    let bad: [&dyn Fn(&mut Value); 6] = [
        &|document| document["critical"]["type"] = "atomic container signature".into(),
        &|document| document["critical"]["image"]["docker-manifest-digest"] = "sha256:00".into(),
        &|document| document["critical"]["more"] = true.into(),
        &|document| document["more"] = true.into(),
        &|document| document["optional"]["troupe.version"] = "2.0.0".into(),
        &|document| *document = json!([]),
    ];
    for (number, change) in bad.iter().enumerate() {
        let refused = changed(change).check_is_of(&reference("aws@1.0.0"), &digest);
        assert_eq!(refused.unwrap_err().code, Code::ArtifactSignature, "{number}");
    }
    changed(&|document| document["optional"] = Value::Null).check_is_of(&reference("aws@1.0.0"), &digest).unwrap();
    let long = changed(&|document| document["optional"]["note"] = "x".repeat(5_000).into());
    assert!(long.check_is_of(&reference("aws@1.0.0"), &digest).is_err());
}

#[test]
fn keys_that_cannot_be_used_are_refused_with_the_way_out() {
    let wrong = |text: &str| SigningKey::from_pem(text).unwrap_err().message;
    assert!(wrong(COSIGN_KEY).contains("under a password"));
    assert!(wrong("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n").contains("openssl pkcs8"));
    assert!(wrong(&P256_KEY.replace("PRIVATE", "EC PRIVATE")).contains("openssl pkcs8"));
    assert!(wrong(P256_PUB).contains("BEGIN PRIVATE KEY"));
    assert!(wrong(&P256_KEY.replace("MIGH", "MIGI")).contains("another kind"));
    assert!(PublicKey::from_pem(P256_KEY).unwrap_err().message.contains("private key"));
    assert!(PublicKey::from_pem("ssh-ed25519 AAAA").unwrap_err().message.contains("PEM"));
    assert!(PublicKey::from_pem(&P256_PUB.replace("MFkw", "MFkx")).unwrap_err().message.contains("another kind"));
}

/// The key of cosign with something of it changed.
fn encrypted(change: impl FnOnce(&mut Value)) -> String {
    let lines: Vec<&str> = COSIGN_KEY.lines().collect();
    let [first, body @ .., last] = lines.as_slice() else { unreachable!("a block") };
    let mut document = serde_json::from_slice(&STANDARD.decode(body.concat()).unwrap()).unwrap();
    change(&mut document);
    format!("{first}\n{}\n{last}\n", STANDARD.encode(document.to_string()))
}

#[test]
fn a_key_of_cosign_opens_with_its_password_alone() {
    assert!(SigningKey::is_under_password(COSIGN_KEY));
    assert!(!SigningKey::is_under_password(P256_KEY));
    let key = SigningKey::from_pem_under(COSIGN_KEY, "wide fen").unwrap();
    assert_eq!(key.public().id(), PublicKey::from_pem(P256_PUB).unwrap().id());
    let older = COSIGN_KEY.replace("SIGSTORE", "COSIGN");
    assert!(SigningKey::is_under_password(&older));
    assert_eq!(SigningKey::from_pem_under(&older, "wide fen").unwrap().public().id(), key.public().id());
    for password in ["", "wide fem", "wide fen ", "Wide fen"] {
        let refused = SigningKey::from_pem_under(COSIGN_KEY, password).unwrap_err();
        assert_eq!(refused.message, "the private key does not open with this password");
    }
}

#[test]
fn a_key_of_cosign_that_is_damaged_or_asks_for_too_much_is_refused() {
    let refused = |text: &str| {
        let error = SigningKey::from_pem_under(text, "wide fen").unwrap_err();
        assert_eq!(error.code, Code::RequestInvalid);
        error.message
    };
    for (cost, block, parallel) in [(1_u64 << 31, 8, 1), (u64::MAX, 8, 1), (65_536, u64::from(u32::MAX), 1), (2, 1, 5)]
    {
        let asks = encrypted(|key| key["kdf"]["params"] = json!({ "N": cost, "r": block, "p": parallel }));
        assert!(refused(&asks).contains("256 MiB"), "{cost} {block} {parallel}");
    }
    for (cost, block, parallel) in [(0, 8, 1), (1, 8, 1), (65_535, 8, 1), (65_536, 0, 1), (65_536, 8, 0)] {
        let odd = encrypted(|key| key["kdf"]["params"] = json!({ "N": cost, "r": block, "p": parallel }));
        assert!(refused(&odd).contains("parameters that scrypt has not"), "{cost} {block} {parallel}");
    }
    assert!(refused(&encrypted(|key| key["kdf"]["name"] = json!("argon2"))).contains("otherwise than by scrypt"));
    for damage in [
        |key: &mut Value| key["cipher"]["nonce"] = json!("AAAA"),
        |key: &mut Value| key["kdf"]["salt"] = json!("*"),
        |key: &mut Value| key["ciphertext"] = Value::Null,
        |key: &mut Value| *key = json!([]),
    ] {
        assert_eq!(refused(&encrypted(damage)), "the encrypted private key is damaged");
    }
    assert_eq!(refused(&COSIGN_KEY.replace('e', "-")), "the encrypted private key is damaged");
    let short = encrypted(|key| key["ciphertext"] = json!("AAAA"));
    assert_eq!(refused(&short), "the private key does not open with this password");
}

#[test]
fn an_archive_carries_signatures_and_keeps_its_digest() {
    let mut bytes = Vec::new();
    let digest = write_archive(&release("1.0.0"), &mut bytes).unwrap();
    let unsigned = bytes.clone();
    let keys = keys();
    for (count, key) in keys.iter().enumerate() {
        // Twice, since a key signs once.
        bytes = sign_archive(&sign_archive(&bytes, key).unwrap(), key).unwrap();
        let archived = read_archive(bytes.as_slice()).unwrap();
        assert_eq!((archived.digest, &archived.release), (digest, &release("1.0.0")));
        assert_eq!(archived.signatures.len(), count + 1);
        for signature in &archived.signatures {
            signature.check_is_of(&reference("aws@1.0.0"), &digest).unwrap();
        }
        assert!(archived.signatures[count].is_by(key.public()));
    }
    let Archived { release, .. } = read_archive(bytes.as_slice()).unwrap();
    let mut plain = Vec::new();
    write_archive(&release, &mut plain).unwrap();
    assert_eq!(plain, unsigned);
}

#[test]
fn signatures_are_kept_as_cosign_keeps_them() {
    let (signature, digest) = cosign();
    let image = signature_image(std::slice::from_ref(&signature)).unwrap();
    assert_eq!(signature_tag(&digest), format!("sha256-{}.sig", digest.hex()));
    let manifest: Value = serde_json::from_slice(&image.manifest.bytes).unwrap();
    assert_eq!(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    let layer = &manifest["layers"][0];
    assert_eq!(layer["mediaType"], "application/vnd.dev.cosign.simplesigning.v1+json");
    assert_eq!(layer["digest"], Digest::of(COSIGN_JSON).to_string());
    assert_eq!(layer["annotations"]["dev.cosignproject.cosign/signature"], COSIGN_SIG);

    let fetch = |digest: &Digest, _| Ok(image.blobs().find(|blob| blob.digest == *digest).unwrap().bytes.clone());
    assert_eq!(read_signature_image(&image.manifest.bytes, fetch).unwrap(), std::slice::from_ref(&signature));
    let other = |_: &Digest, _| Ok(b"another".to_vec());
    assert_eq!(read_signature_image(&image.manifest.bytes, other).unwrap_err().code, Code::ArtifactDigest);
    let text = String::from_utf8(image.manifest.bytes.clone()).unwrap();
    for (from, to) in
        [("simplesigning", "simplesigninx"), ("cosign/signature", "cosign/signaturx"), ("sha256:", "sha512:")]
    {
        let refused = read_signature_image(text.replacen(from, to, 1).as_bytes(), fetch);
        assert_eq!(refused.unwrap_err().code, Code::ArtifactSignature, "{from}");
    }
    let many = signature_image(&vec![signature; 17]).unwrap();
    assert_eq!(read_signature_image(&many.manifest.bytes, fetch).unwrap_err().code, Code::ArtifactSignature);
}

#[test]
fn h103_signatures_of_another_release_beside_a_release_are_refused() {
    let key = &keys()[0];
    let (mut first, mut second) = (Vec::new(), Vec::new());
    write_archive(&release("1.0.0"), &mut first).unwrap();
    let digest = write_archive(&release("2.0.0"), &mut second).unwrap();
    let other = read_archive(sign_archive(&first, key).unwrap().as_slice()).unwrap().signatures;
    // Under the right tag: a good signature, of something else.
    let mut spliced = Vec::new();
    write_signed_archive(&release("2.0.0"), &other, &mut spliced).unwrap();
    let Archived { signatures, .. } = read_archive(spliced.as_slice()).unwrap();
    assert!(signatures[0].is_by(key.public()));
    let error = signatures[0].check_is_of(&reference("aws@2.0.0"), &digest).unwrap_err();
    assert_eq!(error.code, Code::ArtifactSignature);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_flipped_byte_in_payload_signature_or_key_is_refused(
        which in 0..2_usize, place in 0..3_usize, at in any::<prop::sample::Index>(), bit in 0..8_u32,
    ) {
        let key = &keys()[which];
        let (release, digest) = (reference("aws@1.0.0"), Digest::of(b"a release"));
        let mut signature = key.sign(&release, &digest).unwrap();
        let mut public = key.public().clone();
        let flip = |bytes: &mut [u8]| { let at = at.index(bytes.len()); bytes[at] ^= 1 << bit; };
        match place {
            0 => flip(&mut signature.payload),
            1 => flip(&mut signature.bytes),
            _ => {
                let body: String = public.to_pem().lines().filter(|line| !line.starts_with('-')).collect();
                let mut der = STANDARD.decode(body).unwrap();
                flip(&mut der);
                let text = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der));
                // Most are no key at all; what is one is another, and has another id.
                let Ok(other) = PublicKey::from_pem(&text) else { return Ok(()) };
                prop_assert_ne!(other.id(), public.id());
                public = other;
            }
        }
        prop_assert!(!signature.is_by(&public));
    }

    #[test]
    fn a_flipped_byte_of_a_signed_archive_is_an_error_or_leaves_no_good_signature_of_another(
        at in any::<prop::sample::Index>(), flip in 1..=255_u8,
    ) {
        let key = &keys()[0];
        let mut bytes = Vec::new();
        let digest = write_archive(&release("1.0.0"), &mut bytes).unwrap();
        let mut bytes = sign_archive(&bytes, key).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(archived) = read_archive(bytes.as_slice()) {
            prop_assert_eq!(archived.digest, digest);
            for signature in archived.signatures.iter().filter(|signature| signature.is_by(key.public())) {
                prop_assert!(signature.check_is_of(&reference("aws@1.0.0"), &digest).is_ok());
            }
        }
    }
}
