//! The order in which a release is admitted: of several faults it is refused for the first, so that
//! what is cheap and safe to find out comes before what looks deeper.

use insta::assert_snapshot;
use serde_json::{Value, json};
use tar::EntryType;
use troupe_core::limits;
use troupe_tests::archive::{Entry, entries, header, written};
use troupe_tests::{Guest, guests, redacted};

use super::{diff, reworded};
use crate::host;

/// What `echo` 1.0.0 does not ask for.
fn asking(guest: &Guest) -> Guest {
    guest.asking(json!({ "http": [{ "id": "api", "host": "api.example.com", "methods": ["GET"] }] }))
}

#[tokio::test]
async fn a_release_with_many_faults_is_refused_for_the_first_of_them() {
    let host = host().await;
    let client = host.client();
    let unsigned = client.signing(None);
    let mut told = Vec::new();
    let mut tell = |step: &str, problem: &Value| {
        let first = problem["detail"].as_str().unwrap().split(';').next().unwrap().to_owned();
        told.push(redacted(&format!("{step}: {}: {first}", problem["code"].as_str().unwrap())));
    };
    // Another agent's skills, a wider grant, other texts; what it says of itself is of yet another
    // component, and before that it is none.
    let worst = asking(&guests().counter.called("echo"));
    let no_component = worst.with_component(b"\0asm\x0d\0\x01\0\x07".to_vec());

    let mut damaged = entries(&no_component.archive("3.0.0"));
    let component = damaged.iter_mut().find(|entry| entry.bytes == no_component.component).unwrap();
    component.bytes[8] ^= 1;
    let mut misshapen = damaged.clone();
    misshapen.insert(0, Entry::link("evil"));
    // And before all that an entry that says that it is larger than any may be.
    let name = format!("blobs/sha256/{}", "a".repeat(64));
    let mut too_large = header(&name, EntryType::Regular, limits::COMPONENT_BYTES_MAX + 1).as_bytes().to_vec();
    too_large.extend(written(&misshapen));
    tell("size", &unsigned.publish(too_large).await.of(413));
    for (step, archive) in [("shape", written(&misshapen)), ("digest", written(&damaged))] {
        tell(step, &unsigned.publish(archive).await.of(422));
    }
    tell("signature", &unsigned.publish(no_component.archive("3.0.0")).await.of(422));
    tell("child", &client.publish(no_component.archive("3.0.0")).await.of(422));
    let of_another = worst.with_component(guests().hostile.component.clone());
    tell("profile", &client.publish(of_another.archive("3.0.0")).await.of(422));
    assert_eq!(client.publish(worst.archive("3.0.0")).await.of(201)["status"], "incompatible");
    tell("contract", &client.swap("echo", "3.0.0").await.of(409));
    assert_eq!(client.publish(asking(&reworded()).archive("3.0.1")).await.of(201)["status"], "pending_approval");
    let both = client.swap("echo", "3.0.1").await.problem(409, "release.pending_approval");
    tell("capabilities", &both);
    client.publish(reworded().archive("3.0.2")).await.of(201);
    let text = client.swap("echo", "3.0.2").await.problem(409, "release.pending_approval");
    tell("text", &text);
    assert_snapshot!(told.join("\n"), @"
    size: artifact.size: blobs/sha256/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa has 41943041 bytes, the limit is 41943040
    shape: artifact.path: entry `evil` of the archive is not a regular file
    digest: artifact.digest: the bytes of blob [digest] have the digest [digest]
    signature: artifact.signature: echo@3.0.0 is not signed, and the rule for `*` wants 1 signature
    child: artifact.malformed: this is not a component the host can run: failed to parse WebAssembly module: unexpected end-of-file (at offset 0x9)
    profile: profile.invalid: the component describes itself otherwise than the release does
    contract: swap.incompatible: echo@3.0.0 does not keep what echo@1.0.0 promises its callers: skill `echo`: it is gone
    capabilities: release.pending_approval: echo@3.0.1 asks for more than echo@1.0.0 (new grant http/api: http api: GET https://api.example.com/*), and tells models something else than echo@1.0.0 (the description of skill `version` changed), and waits for approval
    text: release.pending_approval: echo@3.0.2 tells models something else than echo@1.0.0 (the description of skill `version` changed), and waits for approval
    ");
    let wants = |problem: &Value| problem["details"]["wants"].clone();
    assert_eq!((wants(&both), wants(&text)), (json!(["capabilities", "text"]), json!(["text"])));
    assert_snapshot!(both["detail"].as_str().unwrap().split("; ").last().unwrap(), @"`troupe release diff echo@3.0.1` shows all of it, `troupe release approve echo@3.0.1` lets it serve");
    // The machine is told the same with the event that says that somebody has to look.
    let feed = client.get("/api/v1/feed?limit=500").await.of(200);
    let asked = feed["items"].as_array().unwrap().iter().filter(|event| event["type"] == "release.pending_approval");
    let asked: Vec<&Value> = asked.map(|event| &event["data"]["wants"]).collect();
    assert_eq!(asked, [&json!(["capabilities", "text"]), &json!(["text"])]);
    assert_eq!(diff(&client, "echo", "3.0.2").await["status"], "pending_approval");
}
