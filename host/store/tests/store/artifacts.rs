//! What tasks leave: kept with the row of the call, told with the task, bounded for a tenant, and forgotten.

use troupe_core::view::{TaskFailure, TaskUsage};
use troupe_core::{ArtifactOutcome, Clock as _, Code, Digest, Error, limits};
use troupe_store::{ArtifactCommit, ArtifactPlace, Commit, Decided, FailedTry, Pin, Redact, TaskRow};

use crate::support::{Home, OWNER, completed, id, pin as pinned, ran_on, row, rows_only, tenant};

const REDACT: Redact = Redact { call: |_| Vec::new(), answer: Vec::new, documents: true };

fn place() -> ArtifactPlace {
    ArtifactPlace { home: "home".to_owned(), address: "http://127.0.0.1:1".to_owned() }
}

fn encode(outcome: &ArtifactOutcome) -> Vec<u8> {
    match outcome {
        ArtifactOutcome::Kept(kept) => format!("kept {}", kept.name).into_bytes(),
        ArtifactOutcome::Full(most) => format!("full {most}").into_bytes(),
    }
}

async fn leave(home: &Home, pin: &Pin, call: u64, name: &str, content: &str, size: u64) -> ArtifactOutcome {
    let (name, media_type) = (name.parse().unwrap(), "text/plain".parse().unwrap());
    let digest = Digest::of(content.as_bytes());
    let artifact = ArtifactCommit { name, media_type, size, digest, place: place(), encode };
    home.store.commit_artifact(pin, Vec::new(), artifact, row(call, true)).await.unwrap()
}

async fn over(home: &Home, pin: &Pin) {
    home.store.commit(Commit { end: Some(completed()), ..rows_only(pin, Vec::new()) }).await.unwrap();
}

async fn names(home: &Home, number: u64) -> Vec<String> {
    let task: TaskRow = home.store.task(&tenant(), id(number)).await.unwrap().unwrap();
    task.artifacts.iter().map(|artifact| artifact.name.to_string()).collect()
}

async fn named(home: &Home) -> Vec<Digest> {
    let all = home.store.artifacts_named(None).await.unwrap();
    assert!(all.iter().all(|(_, _, at)| *at == place()));
    all.into_iter().map(|(digest, ..)| digest).collect()
}

#[tokio::test]
async fn what_is_left_is_told_with_its_task_and_named_until_it_is_forgotten() {
    let home = Home::open().await;
    let (one, two) = (home.running(1).await, home.running(2).await);
    assert!(matches!(leave(&home, &one, 1, "b", "same", 4).await, ArtifactOutcome::Kept(kept) if kept.size == 4));
    leave(&home, &one, 2, "a", "same", 4).await;
    leave(&home, &two, 1, "a", "same", 4).await;
    leave(&home, &two, 2, "c", "other", 5).await;
    assert_eq!(
        (names(&home, 1).await, names(&home, 2).await),
        (vec!["b".into(), "a".into()], vec!["a".into(), "c".into()])
    );
    let mut digests = [Digest::of(b"same"), Digest::of(b"other")];
    digests.sort();
    assert_eq!(named(&home).await, digests);
    assert_eq!(home.store.artifacts_named(Some(&digests[0])).await.unwrap().len(), 1);
    let at = home.store.artifact_place(&tenant(), id(1), &Digest::of(b"same")).await.unwrap();
    assert_eq!(at, Some(place()));
    assert_eq!(home.store.artifact_place(&tenant(), id(1), &Digest::of(b"other")).await.unwrap(), None);
    let rows = home.store.journal(&tenant(), id(1), 1).await.unwrap().unwrap().1;
    assert!(rows.iter().all(|row| !row.write) && rows[0].answer.as_deref() == Some(b"kept b"));

    let stale = Pin { lease_number: 9, ..two.clone() };
    let (name, media_type, digest) = ("d".parse().unwrap(), "a/b".parse().unwrap(), Digest::of(b"d"));
    let late = ArtifactCommit { name, media_type, size: 1, digest, place: place(), encode };
    let refused = home.store.commit_artifact(&stale, Vec::new(), late, row(3, true)).await.unwrap_err();
    assert_eq!(refused.code, Code::StaleEpoch);

    over(&home, &two).await;
    assert!(home.store.redact(&tenant(), id(2), REDACT, None).await.unwrap().artifacts.is_empty());
    assert_eq!((names(&home, 2).await, named(&home).await), (Vec::new(), vec![Digest::of(b"same")]));
}

#[tokio::test]
async fn a_tenant_has_so_many_bytes_and_gets_them_back() {
    let home = Home::open().await;
    let most = limits::ARTIFACTS_PER_TENANT_BYTES_MAX;
    let pin = home.running(1).await;
    leave(&home, &pin, 1, "a", "a", most - 1).await;
    assert_eq!(leave(&home, &pin, 2, "b", "b", 2).await, ArtifactOutcome::Full(most));
    // What is there already takes no more.
    assert!(matches!(leave(&home, &pin, 3, "b", "a", most - 1).await, ArtifactOutcome::Kept(_)));
    assert_eq!(names(&home, 1).await, ["a", "b"]);
    over(&home, &pin).await;
    home.store.redact(&tenant(), id(1), REDACT, None).await.unwrap();
    let pin = home.running(2).await;
    assert!(matches!(leave(&home, &pin, 1, "b", "b", 2).await, ArtifactOutcome::Kept(_)));
}

#[tokio::test]
async fn an_attempt_begins_without_what_the_one_before_has_left() {
    let home = Home::open().await;
    let pin = home.running(1).await;
    leave(&home, &pin, 1, "a", "first", 5).await;
    let failure = TaskFailure::from(&Error::new(Code::GuestUnavailable, "later"));
    let failed =
        FailedTry { failure, again_at: home.clock.now(), decided: Decided::default(), used: TaskUsage::default() };
    home.store.retry(&pin, Vec::new(), failed).await.unwrap();
    assert_eq!(names(&home, 1).await, ["a"], "it tells what failed");
    home.store.wake(10).await.unwrap();
    let claimed = home.store.claim(&tenant(), id(1), OWNER, &ran_on(), &home.head()).await.unwrap();
    assert!(claimed.artifacts.is_empty());
    assert_eq!((names(&home, 1).await, named(&home).await), (Vec::<String>::new(), Vec::new()));
    let pin = pinned(&claimed);
    leave(&home, &pin, 1, "a", "second", 6).await;
    assert_eq!(named(&home).await, [Digest::of(b"second")]);
}
