//! What becomes of what was asked for when whoever asked ends.

use serde_json::{Value, json};

use super::{children, ends, host, id, output, replays, wanted};
use crate::rest::tasks::cancel;

#[tokio::test]
async fn what_is_asked_for_ends_with_whoever_asked_but_for_what_outlives_it() {
    let host = host().await;
    let client = host.client();
    let ask = [json!({}), json!({ "outlives": true })].map(|more| wanted("nap", json!({ "ms": 2_000 }), more));
    let task = client.submit("asker", "ask", json!({ "ask": ask })).await;
    output(&client, &task).await;
    let [bound, outlives] = &children(&client, &task, 2).await[..] else { panic!() };
    let bound = ends(&client, id(bound)).await;
    assert_eq!((&bound["status"], &bound["failure"]["code"]), (&json!("cancelled"), &json!("cancelled")), "{bound:#}");
    assert_eq!(bound["failure"]["details"]["caused_by"], json!(task));
    assert_eq!(output(&client, id(outlives)).await, json!("owner"));
}

#[tokio::test]
async fn whoever_cancels_a_task_cancels_all_below_it() {
    let host = host().await;
    let client = host.client();
    let nap = wanted("nap", json!({ "ms": 60_000 }), json!({ "outlives": true }));
    let inner = json!({ "ask": [nap.clone(), nap], "then": "wait" });
    let outer = json!({ "ask": [wanted("ask", inner, json!({}))], "then": "wait" });
    let task = client.submit("asker", "ask", outer).await;
    let [middle] = &children(&client, &task, 1).await[..] else { panic!() };
    let naps = children(&client, id(middle), 2).await;
    assert_eq!((&naps[0]["root"], &naps[0]["caused_by"]), (&json!(task), &middle["id"]));
    cancel(&client, &task).await.of(200);
    for below in naps.iter().chain([middle]) {
        let ended = ends(&client, id(below)).await;
        assert_eq!(ended["status"], "cancelled", "{ended:#}");
        assert_eq!(ended["failure"]["details"]["caused_by"], below["caused_by"], "{ended:#}");
    }
    assert_eq!(ends(&client, &task).await["status"], "cancelled");
    let audit = client.get(&format!("/api/v1/audit?kind=ended&task={}", id(middle))).await.of(200);
    let record = &audit["items"][0];
    assert_eq!((&record["principal"], &record["details"]["root"]), (&json!(format!("task:{task}")), &json!(task)));
}

#[tokio::test]
async fn an_agent_cancels_what_it_asked_for_and_hears_that_it_was() {
    let host = host().await;
    let client = host.client();
    let ask = json!({ "ask": [wanted("nap", json!({ "ms": 60_000 }), json!({}))], "then": "cancel" });
    let task = client.submit("asker", "ask", ask).await;
    let answers = output(&client, &task).await;
    let told = &answers["told"][0];
    assert_eq!((&told["code"], &told["details"]["status"]), (&json!("ended"), &json!("cancelled")), "{told:#}");
    replays(&client, &task).await;
}

#[tokio::test]
async fn an_attempt_asks_for_its_own_and_finds_what_has_a_key() {
    let host = host().await;
    let client = host.client();
    let nap = |key: Value| wanted("nap", json!({ "ms": 1_500 }), json!({ "key": key }));
    let input = json!({ "ask": [nap(Value::Null), nap(json!("once"))], "then": "wait", "fail_first": true });
    let task = json!({ "agent": "asker", "skill": "ask", "input": input, "retry": { "tries": 2, "pause_ms": 1 } });
    let task = client.post("/api/v1/tasks", &task).await.of(202);
    let answers = output(&client, id(&task)).await;
    let [first, keyed, second] = &children(&client, id(&task), 3).await[..] else { panic!() };
    assert_eq!(answers["tasks"], json!([second["id"], keyed["id"]]), "{answers:#}");
    let (first, keyed) = (ends(&client, id(first)).await, ends(&client, id(keyed)).await);
    assert_eq!((&first["status"], &keyed["status"]), (&json!("cancelled"), &json!("completed")), "{first:#}");
}
