//! What a task has left at one host is read at each.

use reqwest::Method;
use serde_json::{Value, json};
use troupe_tests::guests;

use super::Cluster;
use crate::artifacts::text;

#[tokio::test]
async fn what_a_task_has_left_at_one_host_is_fetched_at_another_and_held_against_its_digest() {
    let Some(mut cluster) = Cluster::of(3).await else { return };
    cluster.deploys(0, &guests().scribe, "scribe", &json!({ "artifacts": { "bytes": 1 << 20, "count": 3 } })).await;
    let (one, other) = (cluster.client(0), cluster.client(1));
    let leave = async |name: &str, said: &str| {
        let task = one.run("scribe", "leave", text(name, said)).await.of(200);
        (format!("/api/v1/tasks/{}/artifacts/{name}", task["id"].as_str().unwrap()), task)
    };
    let (fetched, task) = leave("a.txt", "left at the first").await;
    let tag = format!("\"{}\"", task["artifacts"][0]["digest"].as_str().unwrap());
    let here = || {
        let names = std::fs::read_dir(cluster.hosts[1].data_dir().join("artifacts")).unwrap();
        names.filter(|entry| entry.as_ref().unwrap().file_name() != "unfinished").count()
    };
    // Who knows it already, or asks for its head, has nothing brought over.
    assert_eq!(other.get_with(&fetched, "if-none-match", &tag).await.status, 304);
    let head = other.send(other.request(Method::HEAD, &fetched)).await;
    assert_eq!(
        (head.status, head.header("etag"), head.header("content-length")),
        (200, Some(tag.as_str()), Some("17"))
    );
    assert_eq!(here(), 0);
    let (answer, again) = tokio::join!(other.get(&fetched), other.get(&fetched));
    assert_eq!((answer.status, answer.text.as_str()), (200, "left at the first"));
    assert_eq!((again.status, again.text.as_str()), (200, "left at the first"));
    assert_eq!((answer.header("etag"), here()), (Some(tag.as_str()), 1));

    // Bytes that are not what the row says are given to nobody.
    let (path, task) = leave("b.txt", "right").await;
    let hex = task["artifacts"][0]["digest"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
    std::fs::write(cluster.hosts[0].data_dir().join("artifacts").join(&hex), "wrong").unwrap();
    assert_ne!(other.get(&path).await.status, 200);
    assert!(!cluster.hosts[1].data_dir().join("artifacts").join(&hex).exists());

    // A host that is away is named; what was fetched before is still there, and handed on by whoever fetched it.
    let (away, task) = leave("c.txt", "nobody has fetched it").await;
    let address = cluster.client(0).url;
    cluster.hosts[0].stop().await;
    assert_eq!(other.get(&fetched).await.text, "left at the first");
    assert_eq!(cluster.client(2).get(&fetched).await.text, "left at the first");
    let problem = other.get(&away).await.problem(503, "unavailable.host");
    assert!(problem["detail"].as_str().unwrap().contains(&address), "{problem:#}");
    assert_eq!(problem["retryable"], true, "{problem:#}");
    let first = format!("/api/v1/tasks/{}/artifacts", task["id"].as_str().unwrap());
    assert_eq!(other.get(&first).await.of(200)["artifacts"], task["artifacts"]);
    cluster.hosts[0].start().await;
    assert_eq!(other.get(&away).await.text, "nobody has fetched it");
    let absent: Value = json!("task.artifact_not_found");
    assert_eq!(other.get(&format!("{first}/d.txt")).await.json()["code"], absent);
}
