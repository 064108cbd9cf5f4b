//! Keys of instances, apart from each other's and from the deployment's.

use serde_json::{Value, json};
use troupe_tests::{Client, Host, guests};

/// A host whose `counter` keeps keys for its instances, so many in each key space.
async fn host(keys: u64) -> Host {
    let host = crate::host().await;
    let grants = json!({ "grants": { "state": { "bytes": 1000, "keys": keys, "instances": true } } });
    host.client().put("/api/v1/deployments/counter/grants", &grants).await.of(200);
    host
}

/// Raises a number of the instance by one; returns the task.
async fn increment(client: &Client, instance: &str) -> Value {
    client.run_for(instance, "counter", "increment", json!({ "key": "n", "instance": true })).await.of(200)
}

async fn listed(client: &Client, instance: &str) -> Value {
    let input = json!({ "limit": 10, "instance": true });
    client.run_for(instance, "counter", "list", input).await.output()["keys"].clone()
}

async fn replayed(client: &Client, task: &Value, request: Value) -> Value {
    client.post(&format!("/api/v1/tasks/{}/replay", task["id"].as_str().unwrap()), &request).await.of(200)
}

#[tokio::test]
async fn instances_and_their_deployment_see_nothing_of_each_other_also_after_a_kill() {
    let mut host = host(10).await;
    let client = host.client();
    let (one, two) = (client.start_instance("counter").await, client.start_instance("counter").await);
    for count in 1..=3 {
        assert_eq!(increment(&client, &one).await["output"]["count"], count);
    }
    assert_eq!(increment(&client, &two).await["output"]["count"], 1);
    let of_deployment = client.run_for(&one, "counter", "increment", json!({ "key": "n" })).await.output();
    assert_eq!(of_deployment["count"], 1, "a task for an instance reaches the deployment's keys, too");
    let input = json!({ "key": "only two", "value": "x", "instance": true });
    client.run_for(&two, "counter", "put", input).await.output();
    host.kill().await;
    host.start().await;
    let client = host.client();
    assert_eq!((listed(&client, &one).await, listed(&client, &two).await), (json!(["n"]), json!(["n", "only two"])));
    let deployment = client.run("counter", "list", json!({ "limit": 10 })).await.output();
    assert_eq!(deployment["keys"], json!(["n"]));
    assert_eq!(increment(&client, &one).await["output"]["count"], 4);
    // A swap changes nothing about them.
    client.publish(guests().counter.archive("1.1.0")).await.of(201);
    client.swap("counter", "1.1.0").await.of(200);
    assert_eq!(increment(&client, &one).await["output"]["count"], 5);
}

#[tokio::test]
async fn a_task_of_an_instance_goes_on_after_a_kill_and_counts_each_evening_once() {
    let mut host = crate::empty_host().await;
    let client = host.client();
    let state = json!({ "state": { "instances": true } });
    client.publish(guests().sleeper.asking(state).archive("1.0.0")).await.of(201);
    client.swap("sleeper", "1.0.0").await.of(200);
    let grants = json!({ "grants": { "state": { "bytes": 1000, "keys": 10, "instances": true } } });
    client.put("/api/v1/deployments/sleeper/grants", &grants).await.of(200);
    let (one, two) = (client.start_instance("sleeper").await, client.start_instance("sleeper").await);
    let nights = |instance: &str, nights: u64, ms: u64| {
        let input = json!({ "key": "n", "nights": nights, "ms": ms, "instance": true });
        json!({ "agent": "sleeper", "skill": "nights", "input": input, "instance": instance })
    };
    let accepted = client.post("/api/v1/tasks", &nights(&one, 20, 150)).await.of(202);
    let task = accepted["id"].as_str().unwrap();
    client.runs(task).await;
    tokio::time::sleep(std::time::Duration::from_millis(1_000)).await;
    host.kill().await;
    host.start().await;
    let client = host.client();
    assert_eq!(client.get(&format!("/api/v1/runtime/instances/{two}")).await.of(200)["status"], "idle");
    let ended = client.ended(task).await;
    assert_eq!(
        (&ended["status"], &ended["attempt"], &ended["instance"]),
        (&json!("completed"), &json!(1), &json!(one))
    );
    let counts = |ended: &Value| -> Vec<u64> {
        ended["output"].as_array().unwrap().iter().map(|morning| morning["count"].as_u64().unwrap()).collect()
    };
    assert_eq!(counts(&ended), (1..=20).collect::<Vec<_>>());
    assert_eq!(replayed(&client, &ended, Value::Null).await["identical"], true);
    let other = client.post("/api/v1/tasks?wait=30", &nights(&two, 1, 1)).await.of(200);
    assert_eq!(counts(&other), [1]);
}

#[tokio::test]
async fn each_key_space_has_the_whole_quota_and_says_whose_is_full() {
    let host = host(2).await;
    let client = host.client();
    let (one, two) = (client.start_instance("counter").await, client.start_instance("counter").await);
    let put = async |instance: &str, key: &str, of_instance: bool| {
        let input = json!({ "key": key, "value": "v", "instance": of_instance });
        client.run_for(instance, "counter", "put", input).await
    };
    for (instance, of_instance) in [(&one, true), (&two, true), (&one, false)] {
        for key in ["a", "b"] {
            put(instance, key, of_instance).await.output();
        }
        let failure = put(instance, "c", of_instance).await.failure("guest.failed");
        let whose = if of_instance { "instance" } else { "deployment" };
        assert_eq!(
            failure["message"],
            format!("state is full: this {whose} may hold 2 keys; delete some or ask for more")
        );
        assert_eq!(failure["details"]["code"], "limit.storage");
    }
    // Less for each is less for those there are.
    let less = json!({ "grants": { "state": { "bytes": 3, "keys": 9, "instances": true } } });
    client.put("/api/v1/deployments/counter/grants", &less).await.of(200);
    let failure = put(&two, "c", true).await.failure("guest.failed");
    assert_eq!(failure["message"], "state is full: this instance may hold 3 bytes; delete some or ask for more");
}

#[tokio::test]
async fn a_deployment_and_its_instances_keep_so_much_together_and_one_that_is_stopped_gives_its_room_back() {
    let mut host = host(10).await;
    host.stop().await;
    let mut host = host.with_variable("TROUPE_STATE_BYTES", "1024").with_variable("TROUPE_STATE_KEYS", "4");
    host.start().await;
    let client = host.client();
    let mut instances = Vec::new();
    for _ in 0..3 {
        instances.push(client.start_instance("counter").await);
    }
    let [one, two, three] = &instances[..] else { unreachable!() };
    let put = async |instance: &str, key: &str, value: &str, of_instance: bool| {
        let input = json!({ "key": key, "value": value, "instance": of_instance });
        client.run_for(instance, "counter", "put", input).await
    };
    for (instance, of_instance) in [(one, true), (two, true), (two, false)] {
        put(instance, "a", &"v".repeat(300), of_instance).await.output();
    }
    // Of its own quota it has used nothing.
    let failure = put(three, "a", &"v".repeat(300), true).await.failure("guest.failed");
    assert_eq!(
        failure["message"],
        "state is full: this deployment and its instances may hold 1 KiB together; delete some or stop instances that nobody uses"
    );
    assert_eq!(failure["details"]["code"], "limit.storage");
    put(three, "a", "v", true).await.output();
    let refused = put(three, "b", "v", true).await;
    let failure = refused.failure("guest.failed");
    assert!(failure["message"].as_str().unwrap().contains("may hold 4 keys together"), "{failure:#}");
    assert_eq!(replayed(&client, &refused.json(), Value::Null).await["identical"], true);
    // It is on record as what it is, and room for the others once an instance is stopped.
    let records = client.get("/api/v1/audit?kind=limited&limit=500").await.of(200);
    let codes: Vec<&Value> = records["items"].as_array().unwrap().iter().map(|record| &record["code"]).collect();
    assert_eq!(codes, ["limit.storage"; 2]);
    client.post(&format!("/api/v1/runtime/instances/{one}/stop"), &Value::Null).await.of(200);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while put(three, "b", &"v".repeat(300), true).await.json()["status"] != "completed" {
        assert!(std::time::Instant::now() < until, "the room is not given back");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn keys_of_an_instance_want_a_grant_for_them_and_an_instance() {
    let host = host(10).await;
    let client = host.client();
    let instance = client.start_instance("counter").await;
    let input = json!({ "key": "n", "instance": true });
    let failure = client.run("counter", "increment", input.clone()).await.failure("guest.failed");
    assert_eq!(
        failure["message"],
        "`instance-state.get` is about the keys of an instance, and this task is for none; ask for it with `instance`"
    );
    let of_deployment = json!({ "grants": { "state": { "bytes": 1000, "keys": 10 } } });
    client.put("/api/v1/deployments/counter/grants", &of_deployment).await.of(200);
    let failure = client.run_for(&instance, "counter", "increment", input).await.failure("denied.capability");
    assert_eq!(
        failure["message"],
        "`instance-state.get` was denied: this deployment's grant of `state` leaves the keys of instances out; the manifest must ask for them (`instances = true`) and the operator grant them"
    );
    let ask = async |question: &str| {
        let path = "/api/v1/deployments/counter/grants/explain";
        client.post(path, &json!({ "question": question })).await.of(200)
    };
    assert_eq!(ask("state set k").await["allowed"], true);
    let explained = ask("instance-state set k").await;
    assert_eq!((&explained["allowed"], &explained["call"]), (&json!(false), &json!("instance-state.set k")));
    assert_eq!(explained["next"], "`troupe grant add counter state` grants it");
}

#[tokio::test]
async fn a_replay_of_a_task_for_an_instance_does_the_same_and_adds_nothing() {
    let host = host(10).await;
    let client = host.client();
    let (one, two) = (client.start_instance("counter").await, client.start_instance("counter").await);
    increment(&client, &two).await;
    let task = increment(&client, &one).await;
    increment(&client, &one).await;
    let replay = replayed(&client, &task, Value::Null).await;
    assert_eq!(replay["identical"], true, "{replay:#}");
    let calls: Vec<_> = replay["calls"].as_array().unwrap().iter().map(|call| call["call"].clone()).collect();
    assert_eq!(calls, ["instance-state.get n", "instance-state.compare-and-set n"]);
    // Another release of it is answered from the same record, as the same instance, also when that is gone.
    client.publish(guests().counter.marked(7).archive("1.1.0")).await.of(201);
    client.post(&format!("/api/v1/runtime/instances/{one}/stop"), &Value::Null).await.of(200);
    let tried = replayed(&client, &task, json!({ "release": "1.1.0" })).await;
    assert_eq!(tried["identical"], true, "{tried:#}");
    assert_eq!(increment(&client, &two).await["output"]["count"], 2);
}

#[tokio::test]
async fn keys_of_an_instance_end_and_compare_as_those_of_a_deployment() {
    let host = host(10).await;
    let client = host.client();
    let instance = client.start_instance("counter").await;
    let ask = async |skill: &str, mut input: Value| {
        input["instance"] = json!(true);
        client.run_for(&instance, "counter", skill, input).await.output()
    };
    let first = ask("compare_and_set", json!({ "key": "k", "value": "a" })).await["revision"].clone();
    let again = ask("compare_and_set", json!({ "key": "k", "value": "b" })).await;
    assert_eq!(again, json!({ "revision": null, "conflict": true, "found": first }));
    ask("put_for", json!({ "key": "brief", "value": "x", "ms": 200 })).await;
    assert_eq!(ask("add", json!({ "key": "sum", "delta": 5 })).await, json!({ "sum": 5 }));
    assert_eq!(ask("expire", json!({ "key": "sum", "ms": 3_600_000 })).await, json!({ "was_there": true }));
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(listed(&client, &instance).await, json!(["k", "sum"]));
    assert_eq!(ask("delete", json!({ "key": "k" })).await, json!({ "was_there": true }));
    assert_eq!(ask("get", json!({ "key": "k" })).await["value"], Value::Null);
}
