//! HashiCorp Vault: tokens that end, AppRole logins, and a key-value store of version 2 at
//! `secret/`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::canary::{Canaries, LENGTH_MIN};
use crate::service::{Reply, Request, Service};

/// The role of the AppRole that is set up.
pub const ROLE_ID: &str = "59d6d1ca-47bb-4e7e-a40b-8be3bc5a0ba8";

/// A Vault.
#[derive(Debug)]
pub struct Vault {
    /// The server.
    pub service: Service,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    canaries: Canaries,
    namespace: Option<String>,
    life: Duration,
    /// Renewals that a token may have before Vault makes its life no longer.
    renewals_max: u32,
    tokens: HashMap<String, Token>,
    secret_ids: Vec<String>,
    secrets: BTreeMap<String, (u64, Value)>,
    /// Paths that no policy of any token opens.
    denied: BTreeSet<String>,
    renewable: bool,
    /// The lease that comes with a secret, in seconds; 0 as version 2 has none.
    lease: u64,
    sealed: bool,
    counts: Counts,
}

#[derive(Debug)]
struct Token {
    until: Instant,
    renewals: u32,
}

/// How often each thing was asked for and done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Logins.
    pub logins: u64,
    /// Renewals.
    pub renewals: u64,
    /// Reads that were served.
    pub reads: u64,
    /// Requests with a token that is not good.
    pub refused: u64,
    /// Reads of paths that no policy opens.
    pub denied: u64,
}

impl Vault {
    /// Starts a Vault whose tokens live so long.
    pub async fn start(canaries: &Canaries, life: Duration, renewals_max: u32, namespace: Option<&str>) -> Self {
        let state = Arc::new(Mutex::new(State {
            canaries: canaries.clone(),
            namespace: namespace.map(str::to_owned),
            life,
            renewals_max,
            tokens: HashMap::new(),
            secret_ids: Vec::new(),
            secrets: BTreeMap::new(),
            denied: BTreeSet::new(),
            renewable: true,
            lease: 0,
            sealed: false,
            counts: Counts::default(),
        }));
        let serving = Arc::clone(&state);
        let service = Service::start(move |request| serving.lock().expect("no panic while held").answer(request)).await;
        Self { service, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while held")
    }

    /// Writes a new version of a secret; its fields that are texts of some length are watched for.
    pub fn write(&self, path: &str, data: Value) {
        let mut state = self.state();
        let fields = data.as_object().expect("fields").values().filter_map(Value::as_str);
        fields.filter(|text| text.len() >= LENGTH_MIN).for_each(|text| state.canaries.watch(text));
        let version = state.secrets.get(path).map_or(1, |(version, _)| version + 1);
        state.secrets.insert(path.to_owned(), (version, data));
    }

    /// Sets up a secret id for the AppRole.
    pub fn secret_id(&self, id: &str) {
        let mut state = self.state();
        state.canaries.watch(id);
        state.secret_ids.push(id.to_owned());
    }

    /// Hands out a token, as an operator does by hand.
    pub fn token(&self) -> String {
        self.state().give()
    }

    /// Takes every token back.
    pub fn revoke_all(&self) {
        self.state().tokens.values_mut().for_each(|token| token.until = Instant::now());
    }

    /// Closes a path to every token's policies, or opens it.
    pub fn deny(&self, path: &str, deny: bool) {
        let mut state = self.state();
        if deny {
            state.denied.insert(path.to_owned());
        } else {
            state.denied.remove(path);
        }
    }

    /// Whether tokens can be renewed.
    pub fn renewable(&self, renewable: bool) {
        self.state().renewable = renewable;
    }

    /// Gives a lease of so many seconds with each secret.
    pub fn lease(&self, seconds: u64) {
        self.state().lease = seconds;
    }

    /// Seals it, or unseals it.
    pub fn seal(&self, sealed: bool) {
        self.state().sealed = sealed;
    }

    /// What was asked for so far.
    pub fn counts(&self) -> Counts {
        self.state().counts
    }
}

impl State {
    fn give(&mut self) -> String {
        let token = format!("hvs.{:032x}", rand::random::<u128>());
        self.canaries.watch(&token);
        self.tokens.insert(token.clone(), Token { until: Instant::now() + self.life, renewals: 0 });
        token
    }

    fn answer(&mut self, request: &Request) -> Reply {
        let errors = |status: u16, why: &str| Reply::json(status, &json!({ "errors": [why] }));
        if self.sealed {
            return errors(503, "Vault is sealed");
        }
        if request.header("x-vault-request") != Some("true") {
            return errors(412, "required header 'X-Vault-Request' is missing");
        }
        if request.header("x-vault-namespace") != self.namespace.as_deref() {
            return errors(404, "no handler for route");
        }
        if (request.method.as_str(), request.target.as_str()) == ("POST", "/v1/auth/approle/login") {
            return self.login(&request.body).unwrap_or_else(|| errors(400, "invalid role or secret ID"));
        }
        let token = request.header("x-vault-token").unwrap_or_default().to_owned();
        let good = self.tokens.get(&token).is_some_and(|token| Instant::now() < token.until);
        if !good {
            self.counts.refused += 1;
            return errors(403, "permission denied");
        }
        match (request.method.as_str(), request.target.as_str()) {
            ("GET", "/v1/auth/token/lookup-self") => {
                let left = self.left(&token);
                let data = json!({ "ttl": left, "renewable": self.renewable, "id": token, "orphan": true });
                Reply::json(200, &json!({ "data": data }))
            }
            ("POST", "/v1/auth/token/renew-self") if !self.renewable => errors(400, "lease is not renewable"),
            ("POST", "/v1/auth/token/renew-self") => self.renew(&token),
            ("GET", target) => {
                let Some(path) = target.strip_prefix("/v1/secret/data/") else { return errors(404, "") };
                if self.denied.contains(path) {
                    self.counts.denied += 1;
                    return errors(403, "1 error occurred:\n\t* permission denied\n\n");
                }
                let Some((version, data)) = self.secrets.get(path) else { return errors(404, "") };
                self.counts.reads += 1;
                Reply::json(
                    200,
                    &json!({
                        "request_id": "1", "lease_id": "", "renewable": false, "lease_duration": self.lease,
                        "data": { "data": data, "metadata": { "version": version, "destroyed": false } },
                    }),
                )
            }
            _ => errors(405, "unsupported operation"),
        }
    }

    /// Seconds that a token has left.
    fn left(&self, token: &str) -> u64 {
        let left = self.tokens.get(token).map(|token| token.until.saturating_duration_since(Instant::now()));
        left.map_or(0, |left| left.as_secs().max(1))
    }

    fn login(&mut self, body: &str) -> Option<Reply> {
        let body: Value = serde_json::from_str(body).ok()?;
        let known = self.secret_ids.iter().any(|id| body["secret_id"] == **id) && body["role_id"] == ROLE_ID;
        if !known || body.as_object()?.len() != 2 {
            return None;
        }
        self.counts.logins += 1;
        let token = self.give();
        let life = self.life.as_secs();
        Some(Reply::json(
            200,
            &json!({ "auth": {
            "client_token": token, "accessor": "a", "policies": ["default"], "lease_duration": life,
            "renewable": self.renewable,
        } }),
        ))
    }

    fn renew(&mut self, token: &str) -> Reply {
        self.counts.renewals += 1;
        let (life, most) = (self.life, self.renewals_max);
        if let Some(held) = self.tokens.get_mut(token).filter(|held| held.renewals < most) {
            held.renewals += 1;
            held.until = Instant::now() + life;
        }
        let left = self.left(token);
        Reply::json(200, &json!({ "auth": { "client_token": token, "lease_duration": left, "renewable": true } }))
    }
}
