//! What a task has left at one host is read at each.

use serde_json::{Value, json};
use troupe_tests::guests;

use super::Cluster;
use crate::artifacts::text;

#[tokio::test]
async fn what_a_task_has_left_at_one_host_is_fetched_at_another_and_held_against_its_digest() {
    let Some(mut cluster) = Cluster::of(2).await else { return };
    cluster.deploys(0, &guests().scribe, "scribe", &json!({ "artifacts": { "bytes": 1 << 20, "count": 3 } })).await;
    let (one, other) = (cluster.client(0), cluster.client(1));
    let leave = async |name: &str, said: &str| {
        let task = one.run("scribe", "leave", text(name, said)).await.of(200);
        (format!("/api/v1/tasks/{}/artifacts/{name}", task["id"].as_str().unwrap()), task)
    };
    let (path, task) = leave("a.txt", "left at the first").await;
    let answer = other.get(&path).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "left at the first"));
    assert_eq!(answer.header("etag").unwrap(), format!("\"{}\"", task["artifacts"][0]["digest"].as_str().unwrap()));

    // Bytes that are not what the row says are given to nobody.
    let (path, task) = leave("b.txt", "right").await;
    let hex = task["artifacts"][0]["digest"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
    std::fs::write(cluster.hosts[0].data_dir().join("artifacts").join(&hex), "wrong").unwrap();
    assert_ne!(other.get(&path).await.status, 200);
    assert!(!cluster.hosts[1].data_dir().join("artifacts").join(&hex).exists());

    // A host that is away is named; what was fetched before is still there.
    let (away, task) = leave("c.txt", "nobody has fetched it").await;
    let address = cluster.client(0).url;
    cluster.hosts[0].stop().await;
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
