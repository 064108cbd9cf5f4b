//! Bytes that are not a release: each is refused with a code, and nothing is half done.

mod archives;
mod bomb;
mod compiled;
mod components;

use troupe_tests::{Answer, Host, blobs, guests};

/// A host with one good release, whose blobs are looked at after every refusal.
async fn host() -> Host {
    let host = crate::empty_host().await;
    host.client().publish(guests().echo.archive("1.0.0")).await.of(201);
    host
}

/// Publishes bytes that must be refused; checks that nothing has changed, now and after
/// a restart.
async fn refused(host: &mut Host, archive: Vec<u8>) -> Answer {
    let before = host.client().get("/api/v1/agents").await.of(200);
    let answer = host.client().publish(archive).await;
    assert!(answer.status >= 400, "{}", answer.text);
    assert_eq!(host.client().get("/api/v1/agents").await.of(200), before);
    host.kill().await;
    host.start().await;
    assert_eq!(host.client().get("/api/v1/agents").await.of(200), before);
    assert_eq!(blobs::checked_tags(&host.data_dir()).into_iter().collect::<Vec<_>>(), ["default/echo:1.0.0"]);
    answer
}
