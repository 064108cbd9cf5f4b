//! Google's token endpoint for service accounts, its metadata server, and a service that
//! takes their tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::entra::guarded;
use super::{PRIVATE_KEY, Tokens, now, verified};
use crate::canary::Canaries;
use crate::service::{Reply, Request, Service};

/// The account.
pub const ACCOUNT: &str = "host@project.iam.gserviceaccount.com";
/// The id of its key.
pub const KEY_ID: &str = "0123456789abcdef0123456789abcdef01234567";
/// What its tokens are for.
pub const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// Clocks may differ by so much.
const SKEW_SECONDS: u64 = 60;

/// A token endpoint and a metadata server.
#[derive(Debug)]
pub struct Google {
    /// The token endpoint, at `/token`.
    pub service: Service,
    /// The metadata server.
    pub metadata: Service,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    tokens: Tokens,
    canaries: Canaries,
    life: Duration,
    exchanges: AtomicU64,
}

impl Google {
    /// Starts both, with tokens that live so long. The account's key is watched for, and so is
    /// each statement that is signed with it.
    pub async fn start(canaries: &Canaries, life: Duration) -> Self {
        canaries.watch_lines(PRIVATE_KEY);
        let tokens = Tokens::watched(canaries);
        let state = State { tokens, canaries: canaries.clone(), life, exchanges: AtomicU64::new(0) };
        let state = Arc::new(state);
        let (exchanging, metadata) = (Arc::clone(&state), Arc::clone(&state));
        Self {
            service: Service::start(move |request| exchanging.exchange(request)).await,
            metadata: Service::start(move |request| metadata.metadata(request)).await,
            state,
        }
    }

    /// How many tokens were asked for.
    pub fn exchanges(&self) -> u64 {
        self.state.exchanges.load(Ordering::SeqCst)
    }

    /// Starts a service that takes these tokens while they are good, and gives back what it
    /// was sent.
    pub async fn api(&self) -> Service {
        self.guarding(|request| Reply::text(200, request.text())).await
    }

    /// Starts a service that answers so whoever has one of these tokens, while it is good.
    pub async fn guarding(&self, answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Service {
        let state = Arc::clone(&self.state);
        Service::start(move |request| guarded(&state.tokens, request, &answer)).await
    }

    /// The account's key, as Google gives it out. Its `token_uri` leads elsewhere, as that
    /// of a key somebody has tampered with.
    pub fn key() -> String {
        json!({
            "type": "service_account", "project_id": "project", "private_key_id": KEY_ID, "private_key": PRIVATE_KEY,
            "client_email": ACCOUNT, "client_id": "1", "token_uri": "http://127.0.0.1:9/stolen",
        })
        .to_string()
    }
}

impl State {
    fn exchange(&self, request: &Request) -> Reply {
        self.exchanges.fetch_add(1, Ordering::SeqCst);
        let refuse = |why: &str| Reply::json(400, &json!({ "error": "invalid_grant", "error_description": why }));
        if (request.method.as_str(), request.target.as_str()) != ("POST", "/token") {
            return Reply::text(404, "no such endpoint");
        }
        let Some(mut form) = request.form() else { return refuse("not a form") };
        let (grant, assertion) = (form.remove("grant_type"), form.remove("assertion"));
        if let Some(statement) = &assertion {
            self.canaries.watch(statement);
        }
        if grant.as_deref() != Some("urn:ietf:params:oauth:grant-type:jwt-bearer") || !form.is_empty() {
            return refuse("another grant");
        }
        let Some((header, claims)) = assertion.as_deref().and_then(verified) else {
            return refuse("Invalid JWT Signature.");
        };
        let own = format!("http://{}/token", request.header("host").unwrap_or_default());
        match fault(&header, &claims, &own) {
            Some(why) => refuse(why),
            None => {
                let token = self.tokens.give("ya29", self.life);
                let life = self.life.as_secs();
                Reply::json(200, &json!({ "access_token": token, "expires_in": life, "token_type": "Bearer" }))
            }
        }
    }

    fn metadata(&self, request: &Request) -> Reply {
        self.exchanges.fetch_add(1, Ordering::SeqCst);
        let path = "/computeMetadata/v1/instance/service-accounts/default/token";
        let (asked, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        if request.header("metadata-flavor") != Some("Google") || request.header("x-forwarded-for").is_some() {
            return Reply::text(403, "Missing Metadata-Flavor:Google header.");
        }
        if request.method != "GET" || asked != path || query != format!("scopes={SCOPE}") {
            return Reply::text(404, "no such value").with("metadata-flavor", "Google");
        }
        let token = self.tokens.give("ya29.c", self.life);
        let body = json!({ "access_token": token, "expires_in": self.life.as_secs(), "token_type": "Bearer" });
        Reply::json(200, &body).with("metadata-flavor", "Google")
    }
}

/// What is wrong with a statement whose signature is good.
fn fault(header: &Value, claims: &Value, audience: &str) -> Option<&'static str> {
    let seconds = |name: &str| claims[name].as_u64().unwrap_or(0);
    let (from, until) = (seconds("iat"), seconds("exp"));
    [
        (header["alg"] != "RS256" || header["typ"] != "JWT" || header["kid"] != KEY_ID, "another header"),
        (claims["iss"] != ACCOUNT, "another issuer"),
        (claims["scope"] != SCOPE, "another scope"),
        (claims["aud"] != audience, "another audience"),
        (from > now() + SKEW_SECONDS || until <= now(), "not of now"),
        (until <= from || until - from > 3600, "longer than an hour"),
    ]
    .into_iter()
    .find_map(|(wrong, why)| wrong.then_some(why))
}
