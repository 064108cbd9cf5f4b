//! A client of the API that hides nothing of an answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use troupe_core::limits;
use troupe_package::{ARCHIVE_MEDIA_TYPE, SigningKey, sign_archive};

use crate::canary::Canaries;

/// Longest that one request may take. A publish compiles, on a machine that is busy.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(120);

/// A client of one host.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    /// Where the host is, without a slash at the end.
    pub url: String,
    /// The token it shows, if any.
    pub token: Option<String>,
    /// What no answer may hold.
    canaries: Canaries,
    /// What it signs releases with, as `troupe publish` does.
    key: Option<Arc<SigningKey>>,
}

/// What a host answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
}

/// What every client of tests is made from: one that goes to this machine, and uses no connection
/// that has been silent so long that the host may be about to close it. What is asked on one that
/// the other end closes at that very moment is lost without an answer (RFC 9112, section 9.3.1).
pub fn builder() -> reqwest::ClientBuilder {
    troupe_egress::install_tls();
    reqwest::Client::builder().no_proxy().pool_idle_timeout(limits::REQUEST_HEAD_TIME_MAX / 2)
}

impl Client {
    /// A client of the host at `url`.
    pub fn new(url: &str, token: Option<&str>) -> Self {
        let http = builder().timeout(REQUEST_TIME_MAX).build().expect("a client");
        Self { http, url: url.to_owned(), token: token.map(str::to_owned), canaries: Canaries::default(), key: None }
    }

    /// The same client, which fails its test at an answer that holds one of these.
    #[must_use]
    pub fn watched(&self, canaries: &Canaries) -> Self {
        Self { canaries: canaries.clone(), ..self.clone() }
    }

    /// The same client, which signs what it publishes with a key, or with none.
    #[must_use]
    pub fn signing(&self, key: Option<Arc<SigningKey>>) -> Self {
        Self { key, ..self.clone() }
    }

    /// The same client with another token, or none.
    #[must_use]
    pub fn with_token(&self, token: Option<&str>) -> Self {
        Self { token: token.map(str::to_owned), ..self.clone() }
    }

    /// The same client over TLS to `localhost`, whose certificate these sign, as PEM.
    #[must_use]
    pub fn trusting(&self, authorities: &str) -> Self {
        let trusted = reqwest::Certificate::from_pem_bundle(authorities.as_bytes()).expect("PEM");
        let builder = builder().timeout(REQUEST_TIME_MAX).tls_certs_only(trusted).pool_max_idle_per_host(0);
        let url = self.url.replace("//127.0.0.1:", "//localhost:");
        Self { http: builder.build().expect("a client"), url, ..self.clone() }
    }

    /// The token that it shows.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The same client with connections of its own, each of which ends with its answer.
    #[must_use]
    pub fn fresh(&self) -> Self {
        let builder = builder().timeout(REQUEST_TIME_MAX).pool_max_idle_per_host(0);
        Self { http: builder.build().expect("a client"), ..self.clone() }
    }

    /// Makes a tenant, as the owner.
    pub async fn make_tenant(&self, name: &str) {
        self.post("/api/v1/tenants", &json!({ "name": name })).await.of(201);
    }

    /// Makes a key in a tenant, as the owner; returns a client that shows it.
    pub async fn with_key(&self, tenant: &str, scopes: &[&str]) -> Self {
        let request = json!({ "name": "test", "scopes": scopes });
        let key = self.post(&format!("/api/v1/keys?tenant={tenant}"), &request).await.of(201);
        self.with_token(key["token"].as_str())
    }

    /// The same with a new key of this client's tenant that is bound to agents, and what was said of it.
    pub async fn with_bound_key(&self, scopes: &[&str], agents: &[&str]) -> (Self, Value) {
        let request = json!({ "name": "bound", "scopes": scopes, "agents": agents });
        let key = self.post("/api/v1/keys", &request).await.of(201);
        (self.with_token(key["token"].as_str()), key)
    }

    /// A request of any kind, with the token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request that must be answered.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        self.try_send(request).await.expect("an answer")
    }

    /// Sends a request.
    ///
    /// # Errors
    /// Whatever keeps the answer from arriving whole.
    pub async fn try_send(&self, request: RequestBuilder) -> reqwest::Result<Answer> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let answer = Answer { status, headers, text: response.text().await? };
        self.canaries.expect_none_in("an answer of the host", answer.text.as_bytes());
        self.canaries.expect_none_in("the headers of an answer", format!("{:?}", answer.headers).as_bytes());
        Ok(answer)
    }

    /// Gets a path.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// Opens a path whose answer arrives in pieces.
    pub async fn open(&self, path: &str) -> Stream {
        let response = self.request(Method::GET, path).send().await.expect("an answer");
        Stream { response, canaries: self.canaries.clone(), came: Vec::new() }
    }

    /// Gets a path with a header of one's own.
    pub async fn get_with(&self, path: &str, name: &'static str, value: &str) -> Answer {
        let header = (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a header value"));
        self.send(self.request(Method::GET, path).header(header.0, header.1)).await
    }

    /// Posts a document.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// Puts a document.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PUT, path).json(body)).await
    }

    /// `DELETE`, without a body.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Posts text as it is, as JSON.
    pub async fn post_text(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.request(Method::POST, path).header(reqwest::header::CONTENT_TYPE, "application/json");
        self.send(request.body(body)).await
    }

    /// The request that publishes an archive, signed if there is a release in it.
    pub fn publishing(&self, archive: Vec<u8>) -> RequestBuilder {
        self.publishing_with("", archive)
    }

    /// The same with a query, as it stands in an address.
    pub fn publishing_with(&self, query: &str, archive: Vec<u8>) -> RequestBuilder {
        let signed = self.key.as_ref().and_then(|key| sign_archive(&archive, key).ok());
        let archive = signed.unwrap_or(archive);
        let request = self.request(Method::POST, &format!("/api/v1/agents/publish?{query}"));
        request.header(reqwest::header::CONTENT_TYPE, ARCHIVE_MEDIA_TYPE).body(archive)
    }

    /// Publishes an archive.
    pub async fn publish(&self, archive: Vec<u8>) -> Answer {
        self.send(self.publishing(archive)).await
    }

    /// Makes a version serve.
    pub async fn swap(&self, agent: &str, version: &str) -> Answer {
        self.post(&format!("/api/v1/deployments/{agent}/swap"), &json!({ "version": version })).await
    }

    /// Approves of a release as its operator does who has seen what it widens.
    pub async fn approve(&self, agent: &str, version: &str) -> Answer {
        self.approve_with(agent, version, json!({})).await
    }

    /// The same with what else is said, over the difference of now.
    pub async fn approve_with(&self, agent: &str, version: &str, mut request: Value) -> Answer {
        let path = format!("/api/v1/agents/{agent}/releases/{version}/approve");
        let asked = self.post(&path, &request).await;
        let problem: Value = serde_json::from_str(&asked.text).unwrap_or_default();
        match problem.pointer("/details/delta") {
            Some(delta) => {
                request["delta"] = delta.clone();
                self.post(&path, &request).await
            }
            None => asked,
        }
    }

    /// Asks for a skill and waits up to half a minute for its end.
    pub async fn run(&self, agent: &str, skill: &str, input: Value) -> Answer {
        self.post("/api/v1/tasks?wait=30", &json!({ "agent": agent, "skill": skill, "input": input })).await
    }

    /// Starts an instance of an agent; returns its id.
    pub async fn start_instance(&self, agent: &str) -> String {
        let started = self.post("/api/v1/runtime/instances", &json!({ "agent": agent })).await.of(201);
        started["id"].as_str().expect("an id").to_owned()
    }

    /// Starts a session; returns its id.
    pub async fn start_session(&self, session: Value) -> String {
        let started = self.post("/api/v1/sessions", &session).await.of(201);
        started["id"].as_str().expect("an id").to_owned()
    }

    /// Says something in a session and waits up to half a minute for the reply.
    pub async fn say(&self, session: &str, message: Value) -> Answer {
        self.post(&format!("/api/v1/sessions/{session}/messages?wait=30"), &message).await
    }

    /// Has an agent join a session; returns the id of the instance.
    pub async fn join_session(&self, session: &str, agent: &str) -> String {
        let path = format!("/api/v1/sessions/{session}/instances");
        let joined = self.post(&path, &json!({ "agent": agent })).await.of(201);
        joined["id"].as_str().expect("an id").to_owned()
    }

    /// Asks an instance of an agent for a skill and waits up to half a minute for its end.
    pub async fn run_for(&self, instance: &str, agent: &str, skill: &str, input: Value) -> Answer {
        let task = json!({ "agent": agent, "skill": skill, "input": input, "instance": instance });
        self.post("/api/v1/tasks?wait=30", &task).await
    }

    /// Asks for a skill without waiting; returns the id of the task.
    pub async fn submit(&self, agent: &str, skill: &str, input: Value) -> String {
        let task = json!({ "agent": agent, "skill": skill, "input": input });
        self.post("/api/v1/tasks", &task).await.of(202)["id"].as_str().expect("an id").to_owned()
    }

    /// Waits until a task has a status, for a minute at most, and returns the task.
    pub async fn becomes(&self, task: &str, status: &str) -> Value {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let found = self.get(&format!("/api/v1/tasks/{task}")).await.of(200);
            if found["status"] == status {
                return found;
            }
            assert!(Instant::now() < until, "never {status}: {found:#}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Makes an agent of a template, signed as `troupe agents create` signs it.
    pub async fn create_agent(&self, asked: &Value) -> Answer {
        let tried = self.post("/api/v1/agents?dry_run=true", asked).await;
        let Some(key) = self.key.as_ref().filter(|_| tried.status == 200) else { return tried };
        let tried = tried.json();
        let text = |field: &str| tried[field].as_str().expect("a text").to_owned();
        let release = format!("{}@{}", text("agent"), text("version")).parse().expect("a release");
        let signature = key.sign(&release, &text("digest").parse().expect("a digest")).expect("a signature");
        let (payload, signature) = (STANDARD.encode(&signature.payload), STANDARD.encode(&signature.bytes));
        let mut asked = asked.clone();
        asked["signatures"] = json!([{ "payload": payload, "signature": signature }]);
        self.post("/api/v1/agents", &asked).await
    }

    /// Waits until a task runs.
    pub async fn runs(&self, task: &str) {
        self.becomes(task, "running").await;
    }

    /// Waits up to half a minute for a task's end and returns the task.
    pub async fn ended(&self, task: &str) -> Value {
        self.get(&format!("/api/v1/tasks/{task}?wait=30")).await.of(200)
    }
}

/// An answer that arrives in pieces.
#[derive(Debug)]
pub struct Stream {
    response: reqwest::Response,
    canaries: Canaries,
    /// What came so far.
    came: Vec<u8>,
}

impl Stream {
    /// The status.
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The next piece; none at the end.
    ///
    /// # Errors
    /// Whatever keeps the answer from arriving whole.
    pub async fn chunk(&mut self) -> reqwest::Result<Option<Vec<u8>>> {
        let Some(piece) = self.response.chunk().await? else { return Ok(None) };
        self.came.extend(&piece);
        self.canaries.expect_none_in("a stream of the host", &self.came);
        Ok(Some(piece.to_vec()))
    }
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("not JSON ({error}): {self:#?}"))
    }

    /// The body as JSON, of an answer that must have this status.
    #[track_caller]
    pub fn of(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    /// The body as JSON, of a problem document that must have this status and code.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        let problem = self.of(status);
        assert_eq!(problem["code"], code, "{problem:#}");
        assert_eq!(problem["status"], status);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        problem
    }

    /// The output of a task that must have completed.
    #[track_caller]
    pub fn output(&self) -> Value {
        let task = self.of(200);
        assert_eq!(task["status"], "completed", "{task:#}");
        task["output"].clone()
    }

    /// The failure of a task that must have failed with this code.
    #[track_caller]
    pub fn failure(&self, code: &str) -> Value {
        let task = self.of(200);
        assert_eq!(task["failure"]["code"], code, "{task:#}");
        task["failure"].clone()
    }

    /// A header, if it is there and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}
