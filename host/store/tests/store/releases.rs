use troupe_core::{Code, ReleaseRef, TenantId};
use troupe_store::Published;

use crate::support::{Home, agent, release, tenant};

#[tokio::test]
async fn a_published_version_never_changes() {
    let home = Home::open().await;
    let new = release("aws@1.0.0", "one");
    let Published::New(row) = home.store.publish(&tenant(), new.clone(), None).await.unwrap() else {
        panic!("not new")
    };
    assert_eq!(home.store.publish(&tenant(), new, None).await.unwrap(), Published::Same(row.clone()));

    let error = home.store.publish(&tenant(), release("aws@1.0.0", "two"), None).await.unwrap_err();
    assert_eq!(error.code, Code::ArtifactImmutable);
    insta::assert_snapshot!(error, @"aws@1.0.0 is published with other content, and a published version never changes; publish this under a new version");
    assert_eq!(error.details["digest"], row.digest.to_string());

    let reference: ReleaseRef = "aws@1.0.0".parse().unwrap();
    assert_eq!(home.store.release(&tenant(), &reference).await.unwrap(), Some(row));
    assert_eq!(home.kinds().await, ["release.published"]);
}

#[tokio::test]
async fn of_many_hosts_that_publish_one_version_with_different_bytes_exactly_one_wins() {
    let home = Home::open().await;
    let mut attempts = tokio::task::JoinSet::new();
    for n in 0..16 {
        let store = home.store.clone();
        attempts
            .spawn(async move { store.publish(&tenant(), release("aws@1.0.0", &format!("bytes {n}")), None).await });
    }
    let results = attempts.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert!(results.iter().filter_map(|result| result.as_ref().err()).all(|e| e.code == Code::ArtifactImmutable));
    assert_eq!(home.kinds().await, ["release.published"]);
}

#[tokio::test]
async fn versions_are_ordered_by_precedence_and_not_by_their_text() {
    let home = Home::open().await;
    for name in ["aws@1.9.0", "aws@1.10.0", "aws@1.10.0-dev.9", "aws@1.10.0-dev.10", "k8s@0.1.0"] {
        home.store.publish(&tenant(), release(name, name), None).await.unwrap();
    }
    let releases = home.store.releases(&tenant(), &agent()).await.unwrap();
    let versions: Vec<_> = releases.iter().map(|row| row.release.version.to_string()).collect();
    assert_eq!(versions, ["1.10.0", "1.10.0-dev.10", "1.10.0-dev.9", "1.9.0"]);
    let newest = home.store.newest_releases(&tenant()).await.unwrap();
    let newest: Vec<_> = newest.iter().map(|row| row.release.to_string()).collect();
    assert_eq!(newest, ["aws@1.10.0", "k8s@0.1.0"]);
}

#[tokio::test]
async fn two_tenants_publish_the_same_version_with_different_bytes() {
    let home = Home::open().await;
    let other: TenantId = "other".parse().unwrap();
    home.store.publish(&tenant(), release("aws@1.0.0", "one"), None).await.unwrap();
    home.store.publish(&other, release("aws@1.0.0", "two"), None).await.unwrap();
    let all = home.store.all_releases().await.unwrap();
    let all: Vec<_> = all.iter().map(|row| (row.tenant.as_str(), row.digest)).collect();
    assert_eq!(all, [("acme", release("aws@1.0.0", "one").digest), ("other", release("aws@1.0.0", "two").digest)]);
    assert!(home.store.releases(&"third".parse().unwrap(), &agent()).await.unwrap().is_empty());
}
