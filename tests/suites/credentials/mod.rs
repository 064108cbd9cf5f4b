//! What a host acts with and no guest sees: tokens that it gets from servers which check
//! the wire as the real ones do, and secrets that guests place by reference.

mod aws;
mod azure;
mod document;
mod gcp;
mod secrets;
mod vault;

use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;
use troupe_tests::Host;
use troupe_tests::service::Service;

use crate::{PROGRAM, deploy_fetch};

/// Longest that a change may take to be in force: the rounds of the host, the pauses after
/// failures, and a machine that is busy.
const CHANGE_TIME_MAX: Duration = Duration::from_secs(40);

/// A host with the agent `fetch` and a document of credentials.
struct Bench {
    host: Host,
    /// What the document's sources are read from; apart from all that the host keeps.
    sources: TempDir,
}

/// A host that has not been started, whose canaries the servers take that it is to talk to.
fn unstarted() -> Host {
    Host::new(PROGRAM, &["serve", "--listen", "127.0.0.1:0"])
}

impl Bench {
    /// Starts a host with what `document` makes of the directory of sources, and grants the
    /// agent all that it asks for. The sources are watched for from before the start.
    async fn start(mut host: Host, capabilities: Value, document: impl FnOnce(&Path) -> String) -> Self {
        let sources = TempDir::new().unwrap();
        write_document(&host, &document(sources.path()));
        for source in std::fs::read_dir(sources.path()).unwrap() {
            watch_source(&host, &std::fs::read_to_string(source.unwrap().path()).unwrap());
        }
        host.start().await;
        deploy_fetch(&host.client(), &capabilities).await;
        Self { host, sources }
    }

    /// Writes a source, and watches for it.
    fn write(&self, name: &str, text: &str) {
        watch_source(&self.host, text);
        std::fs::write(self.sources.path().join(name), text).unwrap();
    }

    /// Performs `fetch`; returns its output.
    async fn fetch(&self, input: Value) -> Value {
        self.host.client().run("fetch", "fetch", input).await.of(200)["output"].clone()
    }

    /// Sends one request and returns its answer.
    async fn get(&self, service: &Service, path: &str) -> Value {
        self.fetch(json!({ "requests": [request(service, path)] })).await["answers"][0].clone()
    }

    /// Sends one request again and again until its answer is as wanted.
    async fn until(&self, service: &Service, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        asked_until(|| self.get(service, path), wanted).await
    }

    /// Stops the host; what it says at its end and leaves is searched, too.
    async fn stop(mut self) {
        self.host.stop().await;
    }
}

/// Asks again and again until the answer is as wanted.
async fn asked_until<F: Future<Output = Value>>(ask: impl Fn() -> F, wanted: impl Fn(&Value) -> bool) -> Value {
    let until = Instant::now() + CHANGE_TIME_MAX;
    loop {
        let answer = ask().await;
        if wanted(&answer) {
            return answer;
        }
        assert!(Instant::now() < until, "it stays at {answer:#}");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

/// Watches for what a source holds. Of a document, whoever made it knows what is secret in it.
fn watch_source(host: &Host, text: &str) {
    if !text.starts_with('{') {
        host.canaries().watch(text.trim_end());
    }
}

/// Writes the document of a host's data directory, whether it runs or not.
pub fn write_document(host: &Host, text: &str) {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(host.data_dir()).unwrap();
    let (path, new) = (host.data_dir().join("credentials.toml"), host.data_dir().join("credentials.toml.new"));
    std::fs::write(&new, text).unwrap();
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::rename(new, path).unwrap();
}

/// A request to a service that says in words why it is refused.
fn request(service: &Service, path: &str) -> Value {
    let authority = format!("127.0.0.1:{}", service.port());
    json!({ "scheme": "http", "authority": authority, "path": path, "headers": [["troupe-explain", "true"]] })
}

/// Leave to send requests to a service with a credential.
fn may_send(service: &Service, credential: &str) -> Value {
    json!({ "http": [{
        "id": "service", "scheme": "http", "host": "127.0.0.1", "port": service.port(), "credential": credential,
    }] })
}

/// Where a value may go: to a service, in the clear, as the operator says.
fn to(service: &Service) -> String {
    format!("to = {{ hosts = [\"127.0.0.1\"], scheme = \"http\", port = {} }}", service.port())
}

/// A table of the tenant `default`.
fn credential(name: &str, lines: &str) -> String {
    format!("[tenant.default.credentials.\"{name}\"]\n{lines}\n")
}
