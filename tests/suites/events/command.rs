//! Events and subscriptions, by the command line.

use insta::assert_snapshot;
use serde_json::json;
use troupe_tests::command::{Said, run_on};
use troupe_tests::{Host, redacted};

use super::{host, settled};
use crate::PROGRAM;

async fn on(host: &Host, arguments: &[&str]) -> Said {
    run_on(PROGRAM, host, arguments).await
}

fn seen(text: &str) -> String {
    redacted(text).replace("troupe-under-test", "troupe")
}

#[tokio::test]
async fn an_event_is_published_shown_and_delivered_again() {
    let host = host().await;
    assert_snapshot!(seen(on(&host, &["events"]).await.good()), @"no such events; `troupe events publish TOPIC --data JSON` publishes one");
    assert_snapshot!(seen(on(&host, &["subscriptions"]).await.good()), @"no subscriptions yet; `troupe subscriptions set NAME TOPIC AGENT SKILL` sets one");
    let set = ["subscriptions", "set", "orders", "shop.>", "echo", "echo", "--input", "data", "--tries", "1"];
    assert_snapshot!(seen(on(&host, &set).await.good()), @r#"
    subscription  orders
    topics        shop.>
    handled by    echo echo
    given         its data
    at once       16
    tries         1
    set by        owner
    state         set
    routed        0
    open          0
    delivered     0
    failed tries  0
    dead          0
    "#);
    let publish =
        ["events", "publish", "shop.order", "--data", "{\"text\":\"17\"}", "--priority", "high", "--id", "o-17"];
    assert_snapshot!(seen(on(&host, &publish).await.good()), @r#"
    event      1
    topic      shop.order
    priority   high
    sender     owner
    state      open
    published  [time]
    data       {"text":"17"}
    "#);
    settled(&host.client(), 1).await;
    assert_snapshot!(seen(on(&host, &["events", "list"]).await.good()), @r#"
    EVENT  TOPIC       PRIORITY  SENDER  STATE    SUBSCRIPTIONS  PUBLISHED
    1      shop.order  high      owner   settled  1              [time]
    "#);
    assert_snapshot!(seen(on(&host, &["events", "show", "1"]).await.good()), @r#"
    event      1
    topic      shop.order
    priority   high
    sender     owner
    state      settled
    published  [time]
    data       {"text":"17"}

    DELIVERY  SUBSCRIPTION  STATE      TRIES  TASK                                  FAILURE
    1         orders        delivered  1      [id]
    "#);
    assert_snapshot!(seen(on(&host, &["events", "types"]).await.good()), @r#"
    TOPIC       PUBLISHED  UNHANDLED  LAST                      TAKEN BY
    shop.order  1          0          [time]  orders
    "#);
    assert_snapshot!(seen(on(&host, &["events", "redeliver", "--from", "1", "--subscription", "orders"]).await.good()), @"1 delivery is made again");
    settled(&host.client(), 1).await;
    on(&host, &["subscriptions", "set", "orders", "shop.>", "echo", "fail", "--input", "data", "--tries", "1"])
        .await
        .good();
    on(&host, &["events", "publish", "shop.order"]).await.good();
    settled(&host.client(), 2).await;
    assert_snapshot!(seen(on(&host, &["events", "dead"]).await.good()), @r#"
    DELIVERY  EVENT  TOPIC       SUBSCRIPTION  TRIES  FAILURE
    3         2      shop.order  orders        1      the input breaks the schema: "kind" is a required property [input.invalid]
    "#);
    assert_snapshot!(seen(on(&host, &["events", "retry", "3"]).await.good()), @"event 2 is delivered to orders again");
    settled(&host.client(), 2).await;
    assert_snapshot!(seen(on(&host, &["events", "discard", "4"]).await.good()), @"nothing comes of event 2 at orders");
    assert_snapshot!(seen(on(&host, &["subscriptions", "list"]).await.good()), @r#"
    SUBSCRIPTION  TOPICS  HANDLED BY  STATE  OPEN  DELIVERED  DEAD
    orders        shop.>  echo fail   set    0     2          2
    "#);
    on(&host, &["subscriptions", "pause", "orders"]).await.good();
    assert_snapshot!(seen(on(&host, &["subscriptions", "remove", "orders"]).await.good()), @"orders is removed");
    let told: serde_json::Value = serde_json::from_str(on(&host, &["events", "stats", "--json"]).await.good()).unwrap();
    assert_eq!((&told["published"], &told["open"]), (&json!(2), &json!(0)));
    assert!(on(&host, &["events", "stats"]).await.good().starts_with("published  2 "));
    assert_snapshot!(seen(on(&host, &["events", "show", "9"]).await.bad()), @"error: there is no event `9`; `troupe events` lists the last ones by their positions [event.not_found]");
}

#[tokio::test]
async fn a_webhook_is_set_rotated_and_removed_and_its_secret_is_shown_once() {
    let host = crate::empty_host().await;
    assert_snapshot!(seen(on(&host, &["events", "webhooks"]).await.good()), @"no webhooks yet; `troupe events webhooks set NAME TOPIC URL` sets one");
    let set =
        ["events", "webhooks", "set", "audit", "shop.>", "https://audit.example/in", "--tries", "3", "--in-any-order"];
    let made = on(&host, &set).await;
    assert!(made.good().contains("its secret, which is not shown again:\nwhsec_"), "{}", made.good());
    assert_snapshot!(seen(on(&host, &["events", "webhooks", "show", "audit"]).await.good()), @r#"
    webhook  audit
    topic    shop.>
    url      https://audit.example/in
    state    on, 4 at once, in any order, each tried 3 times
    secret   generation 1, made [time]
    set by   owner, [time]
    events   0 routed, 0 sent, 0 open, 0 tries failed, 0 dead
    "#);
    let listed = on(&host, &["events", "webhooks", "list"]).await.good().to_owned();
    assert!(
        listed.lines().nth(1).is_some_and(|line| line.starts_with("audit  shop.>  https://audit.example/in  on")),
        "{listed}"
    );
    let rotated = on(&host, &["events", "webhooks", "rotate", "audit", "--overlap", "60"]).await;
    assert!(
        rotated.good().contains("secret   generation 2") && rotated.good().contains("whsec_"),
        "{}",
        rotated.good()
    );
    on(&host, &["events", "webhooks", "pause", "audit"]).await.good();
    assert_snapshot!(seen(on(&host, &["events", "webhooks", "remove", "audit"]).await.good()), @"audit is removed");
}
