//! HashiCorp Vault: reading fields of its key-value store, version 2, over its HTTP API.
//!
//! | what | request |
//! |---|---|
//! | a secret | `GET /v1/MOUNT/data/PATH`, the fields stand in `data.data` |
//! | what a token is worth | `GET /v1/auth/token/lookup-self` |
//! | a longer life for it | `POST /v1/auth/token/renew-self` |
//! | a token for an AppRole | `POST /v1/auth/MOUNT/login` |
//!
//! Every request carries `x-vault-request: true`, all but the login `x-vault-token`, and
//! `x-vault-namespace` where there is one.
//!
//! Vault refuses with 403 both a token that it takes no more and a path that the token's
//! policies do not open. So the token is looked up before another is got: a login for each path
//! that is denied would use up the secret id of an AppRole.
//!
//! A token is renewed when two thirds of its life are over, by whoever looks first: a read,
//! or the host's own round (see [`Vault::tend`]), so that a token nobody uses lives on. When
//! its life cannot be made longer, or Vault takes it no more, another is got: by a login, or
//! from where the operator keeps it. A token that is only handed over stays Vault's: it is
//! never revoked here.
//!
//! Secrets of version 2 have no lease; they are read again after a while, so that a new
//! version is picked up. A lease that comes with one all the same shortens that while.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use troupe_core::{Code, Error, Result, Timestamp};
use zeroize::Zeroizing;

use super::exchange::{Exchanger, Server, Told, wiped};
use super::source::{Origins, Source};

const TOKEN: &str = "x-vault-token";
const NAMESPACE: &str = "x-vault-namespace";
const REQUEST: &str = "x-vault-request";

/// The statuses by which Vault says that it is sealed, a standby or not set up: another
/// answer can be had later.
const NOT_NOW: [u16; 5] = [412, 429, 472, 473, 503];

/// How a host proves to Vault who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Auth {
    /// By a token that the operator keeps.
    Token(Source),
    /// By the role and secret id of an AppRole.
    AppRole { mount: String, role_id: Source, secret_id: Source },
}

/// A Vault server as the operator describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct VaultSettings {
    pub(super) server: Server,
    pub(super) namespace: Option<String>,
    pub(super) mount: String,
    pub(super) auth: Auth,
    /// How often a secret is read again.
    pub(super) every: Duration,
}

/// A Vault server, and the token by which it is asked.
#[derive(Debug)]
pub(super) struct Vault {
    name: String,
    settings: VaultSettings,
    exchanger: Exchanger,
    origins: Arc<Origins>,
    /// Whoever holds it asks alone, so that one login serves all who wait.
    session: tokio::sync::Mutex<Option<Session>>,
}

/// A token and what is known of it.
struct Session {
    token: Zeroizing<String>,
    renewable: bool,
    renew_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("ends_at", &self.ends_at).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Login {
    auth: Granted,
}

#[derive(Deserialize)]
struct Granted {
    #[serde(deserialize_with = "wiped")]
    client_token: Zeroizing<String>,
    lease_duration: u64,
    renewable: bool,
}

#[derive(Deserialize)]
struct Known {
    data: KnownToken,
}

#[derive(Deserialize)]
struct KnownToken {
    ttl: u64,
    renewable: bool,
}

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    lease_duration: u64,
    data: FoundVersion,
}

#[derive(Deserialize)]
struct FoundVersion {
    /// None: the version was deleted.
    data: Option<BTreeMap<String, Value>>,
}

impl Vault {
    pub(super) fn new(name: String, settings: VaultSettings, exchanger: Exchanger, origins: Arc<Origins>) -> Self {
        Self { name, settings, exchanger, origins, session: tokio::sync::Mutex::default() }
    }

    /// Reads one field; returns it, and how long it is good for.
    ///
    /// # Errors
    /// [`Code::CredentialsInvalid`] if Vault has no such field or does not give it out, and
    /// the codes of what cannot be reached.
    pub(super) async fn read(&self, path: &str, field: &str) -> Result<(Zeroizing<String>, Duration)> {
        let read = async {
            let told = self.ask(&format!("/v1/{}/data/{path}", self.settings.mount)).await?;
            if told.status == StatusCode::NOT_FOUND {
                return Err(Error::new(
                    Code::CredentialsInvalid,
                    "there is no such secret, or its version was deleted",
                ));
            }
            let absent = |why: &str| Error::new(Code::CredentialsInvalid, why.to_owned());
            if told.status == StatusCode::FORBIDDEN {
                return Err(absent("the token may not read this secret; a policy of vault must let it"));
            }
            let found: Found = json(&told, &[])?;
            let mut fields = found.data.data.ok_or_else(|| absent("its newest version was deleted"))?;
            let value = match fields.remove(field) {
                Some(Value::String(text)) => Zeroizing::new(text),
                Some(Value::Number(number)) => Zeroizing::new(number.to_string()),
                Some(_) => return Err(absent("the field is neither a text nor a number")),
                None => return Err(absent("it has no such field")),
            };
            let lease = Duration::from_secs(found.lease_duration);
            let every = if lease.is_zero() { self.settings.every } else { self.settings.every.min(lease) };
            Ok((value, every))
        };
        read.await.map_err(|error: Error| {
            // Where the operator keeps what is the operator's business, and the log's.
            let cause = format!("`{path}#{field}`: {}", error.cause_chain().unwrap_or_default());
            error.context(format_args!("vault `{}`", self.name)).with_cause(cause)
        })
    }

    /// Renews the token if it is time; what goes wrong is said, and met again by who reads.
    pub(super) async fn tend(&self) {
        let Ok(mut session) = self.session.try_lock() else { return };
        let now = self.exchanger.clock.now();
        let Some(held) = session.as_mut().filter(|held| held.renew_at.is_some_and(|at| at <= now)) else { return };
        if let Err(error) = self.renew(held).await {
            tracing::warn!(vault = self.name, cause = error.cause_chain(), "the token is not renewed: {error}");
            // Another try before the end, and not at every round.
            held.renew_at = held.ends_at.map(|ends| now.plus(ends.since(now) / 2)).filter(|at| *at > now);
        }
    }

    /// Asks with the token at hand; once more with a new one if Vault takes that no more.
    async fn ask(&self, path: &str) -> Result<Told> {
        let server = self.settings.server.at(path)?;
        let token = self.token(None).await?;
        let told = self.send(&server, Method::GET, Vec::new(), Some(token.as_str())).await?;
        if told.status != StatusCode::FORBIDDEN || self.look_up(&token).await?.status != StatusCode::FORBIDDEN {
            return Ok(told);
        }
        let another = self.token(Some(token.as_str())).await?;
        if another == token {
            Ok(told)
        } else {
            self.send(&server, Method::GET, Vec::new(), Some(another.as_str())).await
        }
    }

    /// The token, which is not `refused`: renewed or got anew where that is due.
    async fn token(&self, refused: Option<&str>) -> Result<Zeroizing<String>> {
        let mut session = self.session.lock().await;
        let now = self.exchanger.clock.now();
        if let Some(held) = session.as_mut().filter(|held| Some(held.token.as_str()) != refused) {
            let ended = held.ends_at.is_some_and(|at| at <= now);
            if !ended && held.renew_at.is_some_and(|at| at <= now) && held.renewable {
                // One that cannot be renewed serves until it ends.
                let _ = self.renew(held).await;
            }
            if !ended {
                return Ok(held.token.clone());
            }
        }
        let got = self.sign_in().await?;
        let token = got.token.clone();
        *session = Some(got);
        Ok(token)
    }

    async fn sign_in(&self) -> Result<Session> {
        match &self.settings.auth {
            Auth::Token(source) => {
                let (token, _) = self.origins.read_own(source).await?;
                let told = self.look_up(&token).await?;
                let known: Known = json(&told, &[token.as_str()])?;
                Ok(self.session(token, known.data.ttl, known.data.renewable))
            }
            Auth::AppRole { mount, role_id, secret_id } => {
                let (role_id, _) = self.origins.read_own(role_id).await?;
                let (secret_id, _) = self.origins.read_own(secret_id).await?;
                let server = self.settings.server.at(&format!("/v1/auth/{mount}/login"))?;
                let body = serde_json::json!({ "role_id": *role_id, "secret_id": *secret_id });
                let told = self.send(&server, Method::POST, body.to_string().into_bytes(), None).await?;
                let login: Login = json(&told, &[role_id.as_str(), secret_id.as_str()])?;
                Ok(self.session(login.auth.client_token, login.auth.lease_duration, login.auth.renewable))
            }
        }
    }

    /// Asks what a token is worth.
    async fn look_up(&self, token: &str) -> Result<Told> {
        let server = self.settings.server.at("/v1/auth/token/lookup-self")?;
        self.send(&server, Method::GET, Vec::new(), Some(token)).await
    }

    async fn renew(&self, held: &mut Session) -> Result<()> {
        let server = self.settings.server.at("/v1/auth/token/renew-self")?;
        let told = self.send(&server, Method::POST, b"{}".to_vec(), Some(held.token.as_str())).await?;
        let login: Login = json(&told, &[held.token.as_str()])?;
        let mut renewed = self.session(login.auth.client_token, login.auth.lease_duration, login.auth.renewable);
        if renewed.ends_at.is_some() && renewed.ends_at <= held.ends_at {
            // It has come to its longest life; asking again gives less each time.
            (renewed.renewable, renewed.renew_at) = (false, None);
        }
        *held = renewed;
        Ok(())
    }

    /// A session of a token with so many seconds to live; 0 is for ever.
    fn session(&self, token: Zeroizing<String>, seconds: u64, renewable: bool) -> Session {
        let now = self.exchanger.clock.now();
        let life = Duration::from_secs(seconds);
        let lives = !life.is_zero();
        let renew_at = (lives && renewable).then(|| now.plus(two_thirds(life)));
        Session { token, renewable, renew_at, ends_at: lives.then(|| now.plus(life)) }
    }

    async fn send(&self, server: &Server, method: Method, body: Vec<u8>, token: Option<&str>) -> Result<Told> {
        let mut request = Exchanger::request(server, method, body);
        let value = |text: &str| {
            let mut value = HeaderValue::from_str(text).map_err(|_| {
                Error::new(Code::CredentialsInvalid, "the token or namespace holds a character that no header carries")
            })?;
            value.set_sensitive(true);
            Ok::<_, Error>(value)
        };
        request.headers.insert(REQUEST, HeaderValue::from_static("true"));
        if let Some(namespace) = &self.settings.namespace {
            request.headers.insert(NAMESPACE, value(namespace)?);
        }
        if let Some(token) = token {
            request.headers.insert(TOKEN, value(token)?);
        }
        self.exchanger.send(server, request).await
    }
}

/// How much of a token's life is over when it is renewed. The life is for Vault to say, and
/// may be as long as a number is.
fn two_thirds(life: Duration) -> Duration {
    life - life / 3
}

/// The answer as JSON; Vault's ways to say "not now" are told apart from a refusal.
fn json<T: serde::de::DeserializeOwned>(told: &Told, sent: &[&str]) -> Result<T> {
    told.json(sent).map_err(|mut error| {
        if NOT_NOW.contains(&told.status.as_u16()) {
            error.code = Code::UnavailableUpstream;
            error.retryable = true;
        }
        error
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_of_any_length_has_two_thirds() {
        assert_eq!(two_thirds(Duration::from_secs(90)), Duration::from_secs(60));
        assert_eq!(two_thirds(Duration::from_secs(u64::MAX)).as_secs(), 12_297_829_382_473_034_410);
    }
}
