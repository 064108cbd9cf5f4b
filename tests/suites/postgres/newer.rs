//! A newer host changes the schema while this one works.

use serde_json::{Value, json};
use troupe_tests::Client;

use super::Base;

/// Every column that a step may add, in every table there is, and the step on record, as a newer host does it: under the
/// lock that every commit holds.
const ADDED: &str = "do $$
declare one record;
begin
    perform pg_advisory_xact_lock(8390891605932179457);
    for one in select tablename from pg_tables where schemaname = 'public' and tablename <> '_sqlx_migrations' loop
        execute format('alter table %I add column %I text', one.tablename, 'later_%s');
    end loop;
    insert into _sqlx_migrations (version, description, success, checksum, execution_time)
        select max(version) + 1, 'later', true, ''::bytea, 0 from _sqlx_migrations;
end $$";

/// Has the host do a little of everything: what writes, what runs, and what is read.
async fn everything(client: &Client, round: usize) {
    for number in 0..4 {
        let input = json!({ "key": "n", "nights": 1, "ms": 1 });
        let task = json!({ "agent": "sleeper", "skill": "nights", "input": input });
        let task = client.post("/api/v1/tasks?wait=30", &task).await.of(200);
        assert_eq!(task["status"], "completed", "{task:#}");
        let id = task["id"].as_str().unwrap();
        client.get(&format!("/api/v1/tasks/{id}/journal")).await.of(200);
        let event =
            json!({ "specversion": "1.0", "type": "flood.line", "id": format!("{round}-{number}"), "source": "/f" });
        client.post("/api/v1/events", &event).await.of(202);
        client.start_instance("sleeper").await;
    }
    let key = client.post("/api/v1/keys", &json!({ "name": format!("k{round}"), "scopes": ["read"] })).await.of(201);
    assert!(key["id"].is_string());
    let document = client.get("/api/v1/openapi.json").await.of(200);
    for (path, methods) in document["paths"].as_object().unwrap() {
        let ends = !path.ends_with("/ws") && !path.ends_with("/stream") && !path.ends_with("/backup");
        if methods.get("get").is_none() || path.contains('{') || !ends {
            continue;
        }
        // As many at once as there are connections that read, so that each has planned each.
        let all = (0..8).map(|_| client.get(path));
        for answer in futures::future::join_all(all).await {
            assert!(![500, 503].contains(&answer.status), "{path}: {answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_goes_on_while_a_newer_one_adds_columns_to_every_table() {
    let Some(base) = Base::new() else { return };
    let host = base.host_that_counts().await;
    let client = host.client();
    everything(&client, 0).await;
    for round in 1..3 {
        base.ask(&ADDED.replace("%s", &round.to_string()));
        everything(&client, round).await;
    }
    let said = host.said();
    assert!(!said.contains("cached plan"), "{said}");
    let tasks = client.get("/api/v1/tasks?limit=100").await.of(200);
    let ended: Vec<&Value> = tasks["items"].as_array().unwrap().iter().map(|task| &task["status"]).collect();
    assert!(ended.len() == 12 && ended.iter().all(|status| **status == "completed"), "{ended:?}");
}
