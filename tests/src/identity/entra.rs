//! Microsoft Entra ID's token endpoint, for the client credentials grant, and a service that
//! takes its tokens.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;

use super::{Tokens, now, verified};
use crate::canary::Canaries;
use crate::service::{Reply, Request, Service};

/// The directory.
pub const TENANT: &str = "contoso.example";
/// The application.
pub const CLIENT: &str = "11111111-2222-3333-4444-555555555555";
/// What its tokens are for.
pub const SCOPE: &str = "https://management.azure.com/.default";

/// A directory with one application.
#[derive(Debug)]
pub struct Entra {
    /// The endpoint.
    pub service: Service,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    secret: Mutex<String>,
    tokens: Tokens,
    life: Duration,
    exchanges: AtomicU64,
}

impl Entra {
    /// Starts an endpoint whose application has this secret and whose tokens live so long.
    pub async fn start(canaries: &Canaries, secret: &str, life: Duration) -> Self {
        let state = Arc::new(State {
            secret: Mutex::new(secret.to_owned()),
            tokens: Tokens::watched(canaries),
            life,
            exchanges: AtomicU64::new(0),
        });
        let serving = Arc::clone(&state);
        Self { service: Service::start(move |request| serving.answer(request)).await, state }
    }

    /// Gives the application another secret.
    pub fn rotate(&self, secret: &str) {
        secret.clone_into(&mut self.state.secret.lock().expect("no panic while held"));
    }

    /// How many requests for a token came.
    pub fn exchanges(&self) -> u64 {
        self.state.exchanges.load(Ordering::SeqCst)
    }

    /// Starts a service that takes this directory's tokens while they are good, and gives
    /// back what it was sent.
    pub async fn api(&self) -> Service {
        self.guarding(|request| Reply::text(200, request.text())).await
    }

    /// Starts a service that answers so whoever has one of this directory's tokens, while it is good.
    pub async fn guarding(&self, answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Service {
        let state = Arc::clone(&self.state);
        Service::start(move |request| guarded(&state.tokens, request, &answer)).await
    }
}

/// The answer of a service that takes tokens: its own, or 401.
pub(super) fn guarded(tokens: &Tokens, request: &Request, answer: impl Fn(&Request) -> Reply) -> Reply {
    match request.header("authorization").and_then(|value| value.strip_prefix("Bearer ")) {
        Some(token) if tokens.is_good(token) => answer(request),
        Some(_) => Reply::text(401, "the token is not good").with("www-authenticate", "Bearer error=\"invalid_token\""),
        None => Reply::text(401, "no token").with("www-authenticate", "Bearer"),
    }
}

impl State {
    fn answer(&self, request: &Request) -> Reply {
        self.exchanges.fetch_add(1, Ordering::SeqCst);
        // Like the real one, it repeats in its description what it was sent.
        let refuse = |status: u16, error: &str, why: &str| {
            let description = format!("AADSTS70000: {why}. Sent: {}", request.body);
            Reply::json(status, &json!({ "error": error, "error_description": description, "error_codes": [70000] }))
        };
        if request.method != "POST" || request.target != format!("/{TENANT}/oauth2/v2.0/token") {
            return refuse(404, "invalid_request", "no such endpoint");
        }
        let Some(mut form) = request.form() else { return refuse(400, "invalid_request", "not a form") };
        let mut take = |name: &str| form.remove(name).unwrap_or_default();
        if take("grant_type") != "client_credentials" {
            return refuse(400, "unsupported_grant_type", "another grant");
        }
        if take("scope") != SCOPE {
            return refuse(400, "invalid_scope", "another scope");
        }
        if take("client_id") != CLIENT {
            return refuse(401, "unauthorized_client", "an unknown application");
        }
        if !self.is_proven(&mut form) {
            return refuse(401, "invalid_client", "neither secret nor assertion proves the application");
        }
        if !form.is_empty() {
            return refuse(400, "invalid_request", "unknown fields");
        }
        let token = self.tokens.give("eyJ0eXAiOiJKV1QifQ", self.life);
        let life = self.life.as_secs();
        Reply::json(
            200,
            &json!({
                "token_type": "Bearer", "expires_in": life, "ext_expires_in": life, "access_token": token,
            }),
        )
    }

    /// Whether a form proves the application, by one way and not both.
    fn is_proven(&self, form: &mut BTreeMap<String, String>) -> bool {
        let kind = form.remove("client_assertion_type");
        match (form.remove("client_secret"), form.remove("client_assertion")) {
            (Some(secret), None) => kind.is_none() && secret == *self.secret.lock().expect("no panic while held"),
            (None, Some(assertion)) => {
                kind.as_deref() == Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
                    && verified(&assertion).is_some_and(|(_, claims)| {
                        claims["aud"] == "api://AzureADTokenExchange"
                            && claims["sub"] == "system:serviceaccount:troupe:host"
                            && claims["exp"].as_u64().is_some_and(|end| now() < end)
                    })
            }
            _ => false,
        }
    }
}
