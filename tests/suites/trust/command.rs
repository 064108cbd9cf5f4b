//! Keys, signatures and trust, as a person meets them.

use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use insta::assert_snapshot;
use serde_json::Value;
use troupe_package::{SigningKey, read_archive};
use troupe_tests::command::{Said, command_on, ended, run, run_on};
use troupe_tests::{Host, guests, redacted};

use crate::{PROGRAM, empty_host};

/// A key pair on P-256, as cosign's are under their password.
const COSIGN_KEY: &str = include_str!("../../../registry/package/tests/signatures/p256.key");
/// The same private key as cosign writes it, under the password `wide fen`.
const COSIGN_UNDER_PASSWORD: &str = include_str!("../../../registry/package/tests/signatures/cosign.key");
const COSIGN_PUB: &str = include_str!("../../../registry/package/tests/signatures/p256.pub");

async fn on(host: &Host, arguments: &[&str]) -> Said {
    run_on(PROGRAM, host, arguments).await
}

/// Ids in part, as refusals name keys, differ from run to run.
fn seen(text: &str) -> String {
    let mut pieces = text.split("(sha256:");
    let first = pieces.next().unwrap_or_default().to_owned();
    let short =
        pieces.fold(first, |text, piece| text + "([key]" + piece.split_once('…').map_or(piece, |(_, rest)| rest));
    redacted(&short).replace("troupe-under-test", "troupe")
}

#[tokio::test]
async fn a_key_is_made_once_and_for_its_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let made = run(PROGRAM, dir.path(), &["keygen", "--out", "ci.key"]).await;
    assert_snapshot!(seen(made.good()), @"
    key      [digest]
    private  ci.key
    public   ci.key.pub
    run `troupe trust add ci.key.pub --name NAME --for NAMES` to have a host trust it
    ");
    let mode = std::fs::metadata(dir.path().join("ci.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = std::fs::read(dir.path().join("ci.key")).unwrap();
    let again = run(PROGRAM, dir.path(), &["keygen", "--out", "ci.key"]).await;
    assert_snapshot!(seen(again.bad()), @"error: `ci.key` is there already, and a key is not written over; name another with `--out` [request.invalid]");
    assert_eq!(std::fs::read(dir.path().join("ci.key")).unwrap(), before);
}

#[tokio::test]
async fn a_release_goes_from_key_to_host_with_two_signatures() {
    let host = empty_host().await;
    std::fs::write(host.dir().join("echo.tar"), guests().echo.archive("1.0.0")).unwrap();
    for name in ["ci", "security"] {
        on(&host, &["keygen", "--out", &format!("{name}.key")]).await.good();
        on(&host, &["trust", "add", &format!("{name}.key.pub"), "--name", name, "--for", "ec*"]).await.good();
    }
    let ruled = on(&host, &["trust", "rule", "ec*", "--keys", "ci,security", "--threshold", "2"]).await;
    assert_snapshot!(seen(ruled.good()), @"
    KEY       STANDING  KIND     EXPIRES  ID
    host      trusted   ed25519  -        [digest]
    ci        trusted   ed25519  -        [digest]
    security  trusted   ed25519  -        [digest]

    NAMES  WANTED  OF THE KEYS
    *      1       host
    ec*    2       ci, security
    ");
    // The key of the data directory is not asked, since somebody has signed.
    assert_snapshot!(seen(on(&host, &["sign", "echo.tar", "--key", "ci.key"]).await.good()), @"
    signed echo@1.0.0
    [digest]
    echo.tar holds 1 signature
    ");
    assert_snapshot!(seen(on(&host, &["publish", "echo.tar"]).await.bad()), @"error: echo@1.0.0 has 1 of the 2 signatures that the rule for `ec*` wants; `troupe trust show` lists the keys, `troupe sign` signs [artifact.signature]");
    on(&host, &["publish", "echo.tar", "--key", "security.key"]).await.good();
    // A third vouches for what is published.
    let own = on(&host, &["sign", "echo@1.0.0"]).await;
    assert_snapshot!(seen(own.good()), @"
    signed echo@1.0.0
    [digest]
    it has the signatures that are wanted
    ");
    on(&host, &["trust", "revoke", "ci"]).await.good();
    assert_snapshot!(seen(on(&host, &["swap", "echo@1.0.0"]).await.bad()), @"error: echo@1.0.0 has 1 of the 2 signatures that the rule for `ec*` wants (key `host` ([key]) is not one that `ec*` may be signed by; key `ci` ([key]) is revoked); `troupe trust show` lists the keys, `troupe sign` signs [artifact.signature]");
    let shown: Value = serde_json::from_str(on(&host, &["--json", "trust", "show"]).await.good()).unwrap();
    assert_eq!(shown["keys"][1]["standing"], "revoked");
    on(&host, &["trust", "rule", "ec*", "--remove"]).await.good();
    on(&host, &["swap", "echo@1.0.0"]).await.good();
}

#[tokio::test]
async fn a_key_of_cosign_that_is_kept_elsewhere_signs_what_is_printed() {
    let host = empty_host().await;
    std::fs::write(host.dir().join("echo.tar"), guests().echo.archive("1.0.0")).unwrap();
    std::fs::write(host.dir().join("cosign.pub"), COSIGN_PUB).unwrap();
    on(&host, &["trust", "add", "cosign.pub", "--name", "cosign", "--for", "echo"]).await.good();
    let printed = on(&host, &["sign", "echo.tar", "--payload"]).await;
    // What `cosign sign-blob` does with its key, whose password is nobody else's business.
    let cosign = SigningKey::from_pem(COSIGN_KEY).unwrap();
    let digest = read_archive(guests().echo.archive("1.0.0").as_slice()).unwrap().digest;
    let made = cosign.sign(&"echo@1.0.0".parse().unwrap(), &digest).unwrap();
    assert_eq!(printed.good().as_bytes(), made.payload);
    std::fs::write(host.dir().join("payload.sig"), STANDARD.encode(&made.bytes) + "\n").unwrap();
    on(&host, &["sign", "echo.tar", "--signature", "payload.sig"]).await.good();
    on(&host, &["publish", "echo.tar"]).await.good();
    on(&host, &["swap", "echo@1.0.0"]).await.good();
    // One that is of something else is found out by whoever publishes it.
    std::fs::write(host.dir().join("echo-2.tar"), guests().echo.archive("1.1.0")).unwrap();
    on(&host, &["sign", "echo-2.tar", "--signature", "payload.sig"]).await.good();
    assert_snapshot!(seen(on(&host, &["publish", "echo-2.tar"]).await.bad()), @"error: echo@1.1.0 has 0 of the 1 signatures that the rule for `echo` wants (1 signature is of no key that is known here); `troupe trust show` lists the keys, `troupe sign` signs [artifact.signature]");
}

#[tokio::test]
async fn a_key_of_cosign_signs_with_its_password() {
    let host = empty_host().await;
    std::fs::write(host.dir().join("echo.tar"), guests().echo.archive("1.0.0")).unwrap();
    std::fs::write(host.dir().join("cosign.pub"), COSIGN_PUB).unwrap();
    std::fs::write(host.dir().join("cosign.key"), COSIGN_UNDER_PASSWORD).unwrap();
    on(&host, &["trust", "add", "cosign.pub", "--name", "cosign", "--for", "echo"]).await.good();
    // Nobody is there to be asked.
    let sign = ["sign", "echo.tar", "--key", "cosign.key"];
    assert_snapshot!(seen(on(&host, &sign).await.bad()), @"error: cosign.key: the private key is under a password, and there is no terminal to ask for it; set COSIGN_PASSWORD [request.invalid]");
    let with = async |password: &str| {
        let mut command = command_on(PROGRAM, &host, &sign);
        ended(command.env("COSIGN_PASSWORD", password).spawn().unwrap()).await
    };
    assert_snapshot!(seen(with("wide fem").await.bad()), @"error: cosign.key: the private key does not open with this password [request.invalid]");
    assert_snapshot!(seen(with("wide fen").await.good()), @"
    signed echo@1.0.0
    [digest]
    echo.tar holds 1 signature
    ");
    on(&host, &["publish", "echo.tar"]).await.good();
    on(&host, &["swap", "echo@1.0.0"]).await.good();
}

#[tokio::test]
async fn an_archive_without_a_key_goes_unsigned_and_is_refused() {
    let host = empty_host().await;
    std::fs::write(host.dir().join("echo.tar"), guests().echo.archive("1.0.0")).unwrap();
    assert_snapshot!(seen(on(&host, &["publish", "echo.tar", "--no-sign"]).await.bad()), @"error: echo@1.0.0 is not signed, and the rule for `*` wants 1 signature; `troupe trust show` lists the keys, `troupe sign` signs [artifact.signature]");
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::copy(host.dir().join("echo.tar"), elsewhere.path().join("echo.tar")).unwrap();
    assert_snapshot!(seen(run(PROGRAM, elsewhere.path(), &["sign", "echo.tar"]).await.bad()), @"error: there is no key to sign with in `.troupe`; name one with `--key`, which `troupe keygen` makes [request.invalid]");
}
