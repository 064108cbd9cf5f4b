//! `/api/v1/locks`: what operators see, and take away.

use serde_json::{Value, json};

use super::{held_by, hold, host, output, path, waited_for};

#[tokio::test]
async fn an_operator_takes_a_lock_away_on_record_and_the_next_is_given_it() {
    let host = host().await;
    let client = host.client();
    let stuck = hold(&client, "res/a", 8_000, json!({ "then": "renew" })).await;
    let held = held_by(&client, "res/a", &stuck).await;
    let next = hold(&client, "res/a", 12_000, json!({})).await;
    waited_for(&client, "res/a", 1).await;
    let release = format!("{}/release", path("res/a"));
    let wrong = held["token"].as_u64().unwrap() + 7;
    client.post(&format!("{release}?token={wrong}"), &Value::Null).await.problem(409, "lock.conflict");
    client.post(&format!("{release}?tokens=1"), &Value::Null).await.problem(400, "request.invalid");
    let taken = client.post(&format!("{release}?token={}", held["token"]), &Value::Null).await.of(200);
    assert_eq!((&taken["task"], &taken["queue"][0]["task"]), (&json!(stuck), &json!(next)), "{taken:#}");
    held_by(&client, "res/a", &next).await;
    let told = output(&client, &stuck).await;
    assert_eq!((&told["then"]["code"], &told["then"]["details"]["reason"]), (&json!("lost"), &json!("operator")));
    let audit = client.get("/api/v1/audit?kind=lock_released").await.of(200);
    let record = &audit["items"][0];
    assert_eq!((&record["principal"], &record["agent"]), (&json!("owner"), &json!("locker")), "{audit:#}");
    assert_eq!((&record["details"]["lock"], &record["details"]["task"]), (&json!("res/a"), &json!(stuck)));
}

#[tokio::test]
async fn locks_are_listed_by_name_and_pattern_page_by_page() {
    let host = host().await;
    let client = host.client();
    let mut tasks = Vec::new();
    for name in ["res/b/1", "res/a/2", "res/a/1", "res/a", "res/a-1"] {
        tasks.push(hold(&client, name, 60_000, json!({})).await);
        held_by(&client, name, tasks.last().unwrap()).await;
    }
    let names = async |query: &str| {
        let page = client.get(&format!("/api/v1/locks{query}")).await.of(200);
        let names = page["items"].as_array().unwrap().iter().map(|lock| lock["name"].as_str().unwrap().to_owned());
        (names.collect::<Vec<_>>().join(" "), page["next"].as_str().map(str::to_owned))
    };
    assert_eq!(names("").await, ("res/a res/a-1 res/a/1 res/a/2 res/b/1".to_owned(), None));
    assert_eq!(names("?pattern=res/a/*").await.0, "res/a/1 res/a/2");
    assert_eq!(names("?pattern=res/a").await.0, "res/a");
    assert_eq!(names("?limit=2").await, ("res/a res/a-1".to_owned(), Some("res/a-1".to_owned())));
    assert_eq!(names("?after=res/a-1&limit=2&pattern=res/a*").await, ("res/a/1 res/a/2".to_owned(), None));
    client.get("/api/v1/locks?pattern=a*b").await.problem(400, "request.invalid");
    client.get("/api/v1/locks/..%2Fx").await.problem(400, "request.invalid");
    for absent in ["nobody", "res%2Fnone", "%00", "res/a"] {
        let code = if absent == "res/a" { "route.not_found" } else { "lock.not_found" };
        client.get(&format!("/api/v1/locks/{absent}")).await.problem(404, code);
    }
}

#[tokio::test]
async fn nobody_sees_or_takes_what_it_may_not() {
    let host = host().await;
    let owner = host.client();
    let task = hold(&owner, "res/a", 60_000, json!({})).await;
    held_by(&owner, "res/a", &task).await;
    let release = format!("{}/release", path("res/a"));
    let (runs, reads) = (owner.with_key("default", &["run"]).await, owner.with_key("default", &["read"]).await);
    runs.get("/api/v1/locks").await.problem(403, "auth.scope");
    assert_eq!(reads.get(&path("res/a")).await.of(200)["task"], task.as_str());
    reads.post(&release, &Value::Null).await.problem(403, "auth.scope");
    owner.with_token(None).get("/api/v1/locks").await.problem(401, "auth.missing");
    let (bound, _) = owner.with_bound_key(&["read", "operate"], &["counter*"]).await;
    bound.post(&release, &Value::Null).await.problem(403, "auth.scope");
    let (its_own, _) = owner.with_bound_key(&["read", "operate"], &["locker"]).await;
    its_own.post(&release, &Value::Null).await.of(200);
    its_own.post(&release, &Value::Null).await.problem(404, "lock.not_found");
}
