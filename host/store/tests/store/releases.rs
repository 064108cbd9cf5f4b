use std::time::Duration;

use troupe_core::{Code, Digest, ReleaseRef, TenantId};
use troupe_store::{Holder, Mark, NewRelease, NewSignatureRow, Published, RouteChange};

use crate::support::{Home, OWNER, agent, id, pending, ran_on, release, tenant, version};

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

/// A signature of `aws@1.0.0` by a key.
fn signature(key: &[u8]) -> NewSignatureRow {
    NewSignatureRow { key: Digest::of(key), payload: b"document".to_vec(), signature: key.to_vec() }
}

#[tokio::test]
async fn signatures_that_come_with_what_is_published_already_are_kept_once_and_told() {
    let home = Home::open().await;
    let by = |keys: &[&[u8]]| NewRelease {
        signatures: keys.iter().map(|key| signature(key)).collect(),
        ..release("aws@1.0.0", "one")
    };
    home.store.publish(&tenant(), by(&[b"ci"]), None).await.unwrap();
    for _ in 0..2 {
        let published = home.store.publish(&tenant(), by(&[b"ci", b"security"]), Some("owner")).await.unwrap();
        assert!(matches!(published, Published::Same(_)));
    }
    let kept = home.store.signatures(&tenant(), &"aws@1.0.0".parse().unwrap()).await.unwrap();
    assert_eq!(kept.iter().map(|row| row.key).collect::<Vec<_>>(), [Digest::of(b"ci"), Digest::of(b"security")]);
    assert_eq!(home.kinds().await, ["release.published", "release.signed"]);
    let other = NewRelease { digest: Digest::of(b"two"), ..by(&[b"third"]) };
    assert_eq!(home.store.publish(&tenant(), other, None).await.unwrap_err().code, Code::ArtifactImmutable);
    assert_eq!(home.store.signatures(&tenant(), &"aws@1.0.0".parse().unwrap()).await.unwrap(), kept);
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

#[tokio::test]
async fn a_deleted_release_is_gone_and_its_version_means_its_bytes_for_ever() {
    let home = Home::open().await;
    let reference: ReleaseRef = "aws@1.0.0".parse().unwrap();
    home.store.publish(&tenant(), release("aws@1.0.0", "one"), None).await.unwrap();
    home.store.mark_release(&tenant(), &reference, Mark::Yank(None), "owner").await.unwrap();
    home.store.delete_release(&tenant(), &reference, Some("owner"), None).await.unwrap();
    assert_eq!(home.store.release(&tenant(), &reference).await.unwrap(), None);
    assert!(home.store.releases(&tenant(), &agent()).await.unwrap().is_empty());
    assert!(home.store.newest_releases(&tenant()).await.unwrap().is_empty());
    assert!(home.store.all_releases().await.unwrap().is_empty());
    assert_eq!(home.store.agent_names(&tenant()).await.unwrap(), [agent()], "nobody else takes its name");
    let gone = home.store.delete_release(&tenant(), &reference, None, None).await.unwrap_err();
    assert_eq!(gone.code, Code::ReleaseNotFound);
    let change = RouteChange { serving: Some((version("1.0.0"), ran_on().digest)), ..RouteChange::default() };
    let refused = home.store.change_route(&tenant(), &agent(), None, change, None).await.unwrap_err();
    assert_eq!(refused.code, Code::ReleaseNotFound);

    let other = home.store.publish(&tenant(), release("aws@1.0.0", "two"), None).await.unwrap_err();
    assert_eq!(other.code, Code::ArtifactImmutable);
    home.clock.advance(Duration::from_secs(1));
    let Published::New(row) = home.store.publish(&tenant(), release("aws@1.0.0", "one"), None).await.unwrap() else {
        panic!("not there again")
    };
    assert!(row.standing.yanked.is_some(), "deleting it takes back nothing that was said of it");
    assert_eq!(home.store.release(&tenant(), &reference).await.unwrap(), Some(row));
    assert_eq!(home.kinds().await, ["release.published", "release.yanked", "release.deleted", "release.published"]);
}

#[tokio::test]
async fn a_task_holds_the_release_it_began_on_until_it_ends_and_no_other() {
    let home = Home::open().await;
    home.deploy().await;
    let (one, two): (ReleaseRef, ReleaseRef) = ("aws@1.0.0".parse().unwrap(), "aws@2.0.0".parse().unwrap());
    let new = release("aws@2.0.0", "two");
    let serving = Some((version("2.0.0"), new.digest));
    home.store.publish(&tenant(), new, None).await.unwrap();
    home.store.create_task(pending(1)).await.unwrap();
    home.store.claim(&tenant(), id(1), OWNER, &ran_on(), &home.head()).await.unwrap();
    let change = RouteChange { serving, ..RouteChange::default() };
    home.store.change_route(&tenant(), &agent(), None, change, None).await.unwrap();
    assert_eq!(home.store.release_holders(&tenant(), &one).await.unwrap(), [Holder::Tasks(1)]);
    assert_eq!(home.store.release_holders(&tenant(), &two).await.unwrap(), [Holder::Serves]);
    let error = home.store.delete_release(&tenant(), &one, Some("owner"), None).await.unwrap_err();
    assert_eq!(error.code, Code::ReleaseInUse);
    insta::assert_snapshot!(error, @"aws@1.0.0 is needed: one task that began on it has not ended; delete it when nothing needs it, or keep others from it with `troupe releases yank aws@1.0.0`");
    assert_eq!(error.details["by"][0]["kind"], "tasks");
    let other: TenantId = "other".parse().unwrap();
    assert!(home.store.release_holders(&other, &one).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_said_twice_is_said_once() {
    let home = Home::open().await;
    let reference: ReleaseRef = "aws@1.0.0".parse().unwrap();
    home.store.publish(&tenant(), release("aws@1.0.0", "one"), None).await.unwrap();
    let say = async |mark: Mark| {
        home.clock.advance(Duration::from_secs(1));
        home.store.mark_release(&tenant(), &reference, mark, "owner").await.unwrap().standing
    };
    let first = say(Mark::Deprecate("use 2".to_owned())).await;
    assert_eq!(say(Mark::Deprecate("use 2".to_owned())).await, first);
    let changed = say(Mark::Deprecate("use 3".to_owned())).await;
    assert!(changed.deprecated.as_ref().unwrap().at > first.deprecated.unwrap().at);
    let both = say(Mark::Yank(None)).await;
    assert_eq!(both.deprecated, changed.deprecated);
    assert_eq!(say(Mark::Undeprecate).await.yanked, both.yanked);
    assert_eq!(say(Mark::Undeprecate).await.deprecated, None);
    let kinds = home.kinds().await;
    let said = ["release.deprecated", "release.deprecated", "release.yanked", "release.undeprecated"];
    assert_eq!(kinds[1..], said);
}
