use troupe_core::{Code, Digest};
use troupe_store::{ChannelMove, DocumentRow};

use crate::support::{Home, agent, release, tenant};

fn row(number: u64, version: &str) -> DocumentRow {
    DocumentRow {
        channel: "stable".parse().unwrap(),
        number,
        document: Digest::of(format!("document {number} of {version}").as_bytes()),
        release: format!("aws@{version}").parse().unwrap(),
        digest: release(&format!("aws@{version}"), version).digest,
        expires_at: troupe_core::Timestamp::from_millis(1_763_700_000_000),
    }
}

fn to(downgrade: bool) -> ChannelMove {
    ChannelMove { channel: "stable".parse().unwrap(), downgrade, by: "owner".to_owned() }
}

async fn home() -> Home {
    let home = Home::open().await;
    for version in ["1.0.0", "2.0.0"] {
        home.store.publish(&tenant(), release(&format!("aws@{version}"), version), None).await.unwrap();
    }
    home
}

async fn seen(home: &Home) -> (u64, bool) {
    let seen = home.store.document_seen(&tenant(), &agent(), &"stable".parse().unwrap()).await.unwrap().unwrap();
    (seen.row.number, seen.is_followed)
}

#[tokio::test]
async fn h106_the_highest_number_stays_and_another_document_of_it_is_refused() {
    let home = home().await;
    let store = &home.store;
    store.see_document(&tenant(), row(5, "1.0.0")).await.unwrap();
    store.see_document(&tenant(), row(5, "1.0.0")).await.unwrap();
    for old in [row(4, "1.0.0"), row(5, "2.0.0")] {
        let refused = store.see_document(&tenant(), old.clone()).await.unwrap_err();
        assert_eq!(refused.code, Code::RegistryStale, "{refused}");
        let refused = store.follow_document(&tenant(), old, to(true)).await.unwrap_err();
        assert_eq!(refused.code, Code::RegistryStale, "{refused}");
    }
    assert_eq!(store.channel(&tenant(), &agent(), &"stable".parse().unwrap()).await.unwrap(), None);
    assert_eq!(seen(&home).await, (5, false));
    store.follow_document(&tenant(), row(5, "1.0.0"), to(false)).await.unwrap();
    assert_eq!(seen(&home).await, (5, true));
    store.remove_channel(&tenant(), &agent(), &"stable".parse().unwrap(), "owner").await.unwrap();
    assert_eq!(seen(&home).await, (5, true), "a removed channel is no way round");
}

#[tokio::test]
async fn h106_a_document_that_leads_to_nothing_is_remembered() {
    let home = home().await;
    let store = &home.store;
    store.follow_document(&tenant(), row(1, "2.0.0"), to(false)).await.unwrap();
    // Going down was not said; what it was before is old nevertheless.
    store.see_document(&tenant(), row(2, "1.0.0")).await.unwrap();
    let refused = store.follow_document(&tenant(), row(2, "1.0.0"), to(false)).await.unwrap_err();
    assert_eq!(refused.code, Code::ArtifactDowngrade);
    insta::assert_snapshot!(refused, @"channel `stable` of aws names 2.0.0, which is higher than 1.0.0; going down must be said explicitly, as `troupe swap aws@stable --downgrade` does");
    assert_eq!(seen(&home).await, (2, false));
    assert_eq!(store.see_document(&tenant(), row(1, "2.0.0")).await.unwrap_err().code, Code::RegistryStale);
    let other = DocumentRow { digest: Digest::of(b"other bytes"), ..row(3, "1.0.0") };
    assert_eq!(store.follow_document(&tenant(), other, to(true)).await.unwrap_err().code, Code::ArtifactDigest);
    assert_eq!(seen(&home).await, (2, false), "neither or both");
    let down = store.follow_document(&tenant(), row(2, "1.0.0"), to(true)).await.unwrap();
    assert_eq!(down.version.to_string(), "1.0.0");
    assert_eq!(seen(&home).await, (2, true));
}

#[tokio::test]
async fn a_document_that_was_sent_from_here_has_nothing_to_follow_where_the_channel_names_the_same() {
    let home = home().await;
    home.store.issue_document(&tenant(), row(1, "1.0.0")).await.unwrap();
    assert_eq!(seen(&home).await, (1, false));
    home.store.move_channel(&tenant(), &row(1, "2.0.0").release, to(false)).await.unwrap();
    home.store.issue_document(&tenant(), row(2, "2.0.0")).await.unwrap();
    assert_eq!(seen(&home).await, (2, true));
}
