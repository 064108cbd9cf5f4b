//! Troupe as its users meet it: each test talks to a host of its own, a child process, by
//! the API or the command line. A folder is a resource, a file a concern, a test's name a
//! sentence. One binary, since linking the house once is enough.

mod agents;
mod approval;
mod artifact;
mod artifacts;
mod audit;
mod aws;
mod azure;
mod backup;
mod canary;
mod cases;
mod cli;
mod cluster;
mod conversation;
mod credentials;
mod events;
mod faults;
mod files;
mod fuzz;
mod gcp;
mod grpc;
mod guest_approvals;
mod http;
mod locks;
mod migration;
mod plugins;
mod postgres;
mod readme;
mod registry;
mod rehearsal;
mod releases;
mod replay;
mod rest;
mod sandbox;
mod state;
mod streams;
mod swap;
mod task_approvals;
mod trust;
mod ws;

use serde_json::{Value, json};
use troupe_core::audit::AuditEntry;
use troupe_store::{Gather, JournalRow, Reading};
use troupe_tests::host::CREDENTIAL;
use troupe_tests::server::Server;
use troupe_tests::{Client, Host, guests, plugin};

/// For a store whose journals nobody reads.
const NOTHING_READ: Reading = Reading { name: |_| String::new(), gather: || Box::new(Nothing) };

struct Nothing;

impl Gather for Nothing {
    fn row(&mut self, _: &JournalRow) {}

    fn entries(self: Box<Self>) -> Vec<AuditEntry> {
        Vec::new()
    }
}

/// The program under test, built by the run that tests it.
const PROGRAM: &str = env!("CARGO_BIN_EXE_troupe-under-test");

/// A host that has not been started, on which such an agent serves and is granted what it asks for.
fn plugin_host(name: &str) -> Host {
    plugin::host(PROGRAM, name)
}

/// A host with nothing in it.
async fn empty_host() -> Host {
    Host::empty(PROGRAM).await
}

/// A host with nothing in it, whose agents may act with its canary at one service.
async fn host_acting_at(server: &Server) -> Host {
    let mut host = Host::new(PROGRAM, &["serve", "--listen", "127.0.0.1:0"]).acting_at(server.port());
    host.start().await;
    host
}

/// A host with one agent, `fetch`, which may send requests to one service.
async fn host_that_sends(server: &Server) -> Host {
    let host = host_acting_at(server).await;
    deploy_fetch(&host.client(), &may_send(server)).await;
    host
}

/// Publishes and deploys `fetch`, which is granted what it asks for.
async fn deploy_fetch(client: &Client, capabilities: &Value) {
    client.publish(guests().fetch.asking(capabilities.clone()).archive("1.0.0")).await.of(201);
    client.swap("fetch", "1.0.0").await.of(200);
    client.put("/api/v1/deployments/fetch/grants", &json!({ "grants": capabilities })).await.of(200);
}

/// Leave to send requests to one service, as a manifest asks for it and a grant gives it. They go out with the
/// canary of a host that acts there, for which all that the host tells and leaves is searched.
fn may_send(server: &Server) -> Value {
    let mut leave = may_send_plainly(server);
    leave["http"][0]["credential"] = CREDENTIAL.into();
    leave
}

/// Leave to send requests to one service that go out with nothing of the operator's.
fn may_send_plainly(server: &Server) -> Value {
    json!({ "http": [{
        "id": "service", "scheme": "http", "host": "127.0.0.1", "port": server.port(), "methods": ["GET", "POST"],
    }] })
}

/// A host on which the guests are published and deployed, with nothing granted.
async fn host() -> Host {
    Host::with_agents(PROGRAM).await
}
