//! Triggers: what a release takes by itself, and how that follows a swap.

use serde_json::{Value, json};
use troupe_tests::guests;

use super::{event, get, host, path, publish, settled, stands, state, task};

#[tokio::test]
async fn triggers_are_those_of_the_release_that_serves_and_nothing_is_lost_when_another_does() {
    let host = host().await;
    let client = host.client();
    let with = |triggers: Value| guests().echo.called("bell").triggered(triggers);
    let first = json!([
        { "event": "door.*", "skill": "sleep", "input": "data" },
        { "event": "window.opened", "skill": "sleep", "input": "data" },
        { "event": "told.only" },
    ]);
    client.publish(with(first).archive("1.0.0")).await.of(201);
    client.swap("bell", "1.0.0").await.of(200);
    let listed = client.get("/api/v1/events/subscriptions").await.of(200);
    let names: Vec<&Value> = listed["items"].as_array().unwrap().iter().map(|row| &row["name"]).collect();
    assert_eq!(names, ["bell/door.*", "bell/window.opened"]);
    let shown = client.get(&path("bell/door.*")).await.of(200);
    assert_eq!(
        (&shown["origin"], &shown["skill"], &shown["principal"]),
        (&json!("trigger"), &json!("sleep"), &json!("owner"))
    );
    client.delete(&path("bell/door.*")).await.problem(409, "subscription.of_trigger");

    // A line is under way when the next release takes over, which has another skill for one of them.
    let mut line = Vec::new();
    for _ in 0..4 {
        line.push(publish(&client, &event("door.front", json!({ "ms": 200, "text": "knock" }))).await);
    }
    stands(&client, line[0], |event| state(event) == "running").await;
    let second = json!([{ "event": "door.*", "skill": "echo", "input": "data" }]);
    client.publish(with(second).archive("2.0.0")).await.of(201);
    client.approve("bell", "2.0.0").await.of(200);
    client.swap("bell", "2.0.0").await.of(200);
    for position in &line {
        assert_eq!(state(&settled(&client, *position).await), "delivered");
    }
    let last = task(&client, &get(&client, line[3]).await).await;
    assert_eq!((&last["skill"], &last["release"]["version"]), (&json!("echo"), &json!("2.0.0")));
    let gone = publish(&client, &event("window.opened", json!({ "ms": 1 }))).await;
    assert_eq!(get(&client, gone).await["state"], "unhandled");

    // A pause by an operator outlives the release.
    client.post(&format!("{}/pause", path("bell/door.*")), &Value::Null).await.of(200);
    client.approve("bell", "1.0.0").await.of(200);
    client.swap("bell", "1.0.0").await.of(200);
    let shown = client.get(&path("bell/door.*")).await.of(200);
    assert_eq!((&shown["paused"], &shown["skill"]), (&json!(true), &json!("sleep")));
    let agents = client.get("/api/v1/agents?event=window.opened").await.of(200);
    assert_eq!(agents["items"][0]["name"], "bell");
}

#[tokio::test]
async fn a_release_whose_trigger_names_no_skill_of_its_is_refused() {
    let host = host().await;
    let wrong = guests().echo.called("bell").triggered(json!([{ "event": "a.b", "skill": "nothing" }]));
    let problem = host.client().publish(wrong.archive("1.0.0")).await.problem(422, "manifest.invalid");
    assert_eq!(problem["detail"], "the trigger `a.b` names the skill `nothing`, which the agent does not have");
}
