//! What breaks off on its way to a registry or from one goes on where it did.

use serde_json::json;
use troupe_tests::guests;
use troupe_tests::registry::{Manner, Registry};

use super::{filled, pull, push, second};
use crate::empty_host;

/// Bytes after which a connection breaks off, and how often: more often than something is tried that gets no
/// further.
const BREAKS_OFF: (usize, u32) = (20_000, 6);

#[tokio::test]
async fn a_blob_that_breaks_off_on_its_way_here_goes_on_where_it_did() {
    let (registry, first, _login) = filled().await;
    let (second, _login) = second(&registry, &first).await;
    let component = guests().echo.component.len();
    assert!(component > BREAKS_OFF.0 * (BREAKS_OFF.1 as usize + 1), "{component} bytes are too few");
    registry.behave(Manner { breaks_off: Some(BREAKS_OFF), ..Manner::default() });
    registry.sent();
    pull(&second.client(), &format!("{}/echo:1.0.0", registry.images())).await.of(201);
    let sent = registry.sent();
    assert!(sent < component + 40_000, "{sent} bytes were sent of a component of {component}");
    registry.behave(Manner { is_busy: 2, ..Manner::default() });
    pull(&second.client(), &format!("{}/echo:1.0.0", registry.images())).await.of(200);
}

#[tokio::test]
async fn a_blob_that_breaks_off_on_its_way_there_goes_on_where_it_did() {
    let (registry, host) = (Registry::start().await, empty_host().await);
    let client = host.client();
    client.publish(guests().echo.archive("1.0.0")).await.of(201);
    let component = guests().echo.component.len();
    registry.behave(Manner { breaks_uploads: Some(BREAKS_OFF), ..Manner::default() });
    let image = format!("{}/echo:1.0.0", registry.images());
    push(&client, json!({ "release": "echo@1.0.0", "image": image })).await.of(200);
    let came = registry.came();
    assert!(came < component + 40_000, "{came} bytes came of a component of {component}");
    // One that gets nowhere is given up, and can be sent again.
    client.publish(guests().echo_2.archive("2.0.0")).await.of(201);
    registry.behave(Manner { breaks_uploads: Some((0, 100)), ..Manner::default() });
    let again = json!({ "release": "echo@2.0.0", "image": format!("{}/echo:2.0.0", registry.images()) });
    push(&client, again.clone()).await.problem(503, "registry.unavailable");
    registry.behave(Manner { is_busy: 2, ..Manner::default() });
    push(&client, again).await.of(200);
    pull(&client, &format!("{}/echo:2.0.0", registry.images())).await.of(200);
}
