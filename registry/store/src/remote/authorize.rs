//! Telling a registry who asks: what it wants to be told stands in its refusal.
//!
//! `Basic` (RFC 7617) wants name and password. `Bearer` wants a token, which is given elsewhere, to
//! whoever shows a name and a password, a refresh token, or nothing
//! (<https://distribution.github.io/distribution/spec/auth/token/> and `…/auth/oauth/`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_auth::{ChallengeRef, parse_challenges};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Url};
use serde::Deserialize;
use troupe_core::{Code, Error};

use super::fault::Fault;
use super::wire::{document, is_trusted, odd};

/// Longest answer with a token, in bytes. Docker's have 3 KiB, those of clouds up to 8.
const TOKEN_ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Who asks for tokens, as far as OAuth 2.0 wants that named.
const CLIENT: &str = "troupe";

/// The credentials of this machine for a registry.
pub(super) enum Login {
    /// None: it is asked as anybody.
    Anybody,
    /// A name and a password.
    Password(String, String),
    /// A token that tokens are given for.
    Refresh(String),
}

#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
}

/// What is to be told to a registry that refuses with `challenges`; nothing if there is nothing to tell.
pub(super) async fn challenged(
    client: &Client,
    login: &Login,
    challenges: &[HeaderValue],
    is_here: bool,
) -> Result<Option<HeaderValue>, Fault> {
    for challenge in challenges.iter().filter_map(|value| value.to_str().ok()) {
        let Ok(each) = parse_challenges(challenge) else { continue };
        for challenge in each {
            if challenge.scheme.eq_ignore_ascii_case("bearer") {
                return token(client, login, &challenge, is_here).await.map(Some);
            }
            if challenge.scheme.eq_ignore_ascii_case("basic")
                && let Login::Password(user, password) = login
            {
                return secret(&basic(user, password)).map(Some);
            }
        }
    }
    Ok(None)
}

/// Has a token given.
async fn token(
    client: &Client,
    login: &Login,
    challenge: &ChallengeRef<'_>,
    is_here: bool,
) -> Result<HeaderValue, Fault> {
    let said = |wanted: &str| {
        let found = challenge.params.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.to_unescaped())
    };
    let realm = said("realm").and_then(|realm| realm.parse::<Url>().ok());
    let realm = realm.filter(|realm| is_trusted(realm, is_here)).ok_or_else(|| {
        let message = "the registry has its tokens given where there is no TLS; credentials are not sent there";
        Fault::Ours(Error::new(Code::RegistryDenied, message))
    })?;
    let asked: Vec<(&str, String)> =
        ["service", "scope"].into_iter().filter_map(|name| Some((name, said(name)?))).collect();
    let request = match login {
        Login::Refresh(refresh) => {
            let form = [("grant_type", "refresh_token"), ("client_id", CLIENT), ("refresh_token", refresh)];
            let mut form_of = realm.clone();
            form_of.query_pairs_mut().clear().extend_pairs(form).extend_pairs(&asked);
            let body = form_of.query().unwrap_or_default().to_owned();
            client.post(realm).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body)
        }
        Login::Password(user, password) => {
            client.get(with(realm, &asked)).header(AUTHORIZATION, secret(&basic(user, password))?)
        }
        Login::Anybody => client.get(with(realm, &asked)),
    };
    let answer = request.send().await?;
    let status = answer.status();
    if !status.is_success() {
        // Whoever is not let at a token is not let at the registry.
        let status = if status.is_client_error() && status != reqwest::StatusCode::TOO_MANY_REQUESTS {
            reqwest::StatusCode::UNAUTHORIZED
        } else {
            status
        };
        return Err(Fault::Refused { status, said: "no token was given".to_owned(), pause: None });
    }
    let answer = document(answer, TOKEN_ANSWER_BYTES_MAX).await?;
    let answer = answer.and_then(|answer| serde_json::from_slice::<Answer>(&answer).ok());
    match answer.and_then(|Answer { token, access_token }| token.or(access_token)) {
        Some(token) => secret(&format!("Bearer {token}")),
        None => Err(Fault::Ours(odd("has tokens given, and none was"))),
    }
}

fn with(mut url: Url, asked: &[(&str, String)]) -> Url {
    url.query_pairs_mut().extend_pairs(asked);
    url
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// A header that is shown nowhere.
fn secret(text: &str) -> Result<HeaderValue, Fault> {
    let mut value =
        HeaderValue::from_str(text).map_err(|_| Fault::Ours(odd("gave a token that no header can hold")))?;
    value.set_sensitive(true);
    Ok(value)
}
