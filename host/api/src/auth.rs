//! From a request to a [`Caller`].
//!
//! A token is a secret of 256 random bits, sent as `Authorization: Bearer` (RFC 6750,
//! section 2.1): the one in the data directory, or that of a key, which the runtime knows.
//! The host keeps its SHA-256; what is compared is digests, so how long a comparison takes
//! says nothing about the token.

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use troupe_core::{Caller, Code, Digest, Error};

use crate::problem::Failed;
use crate::{Doors, beyond};

/// The tokens that open the doors beside those of keys, and whom each stands for.
#[derive(Debug, Default)]
pub struct Tokens(Vec<(Digest, Caller)>);

impl Tokens {
    /// Adds a token.
    #[must_use]
    pub fn with(mut self, token: &str, caller: Caller) -> Self {
        self.0.push((Digest::of(token.as_bytes()), caller));
        self
    }

    fn caller(&self, token: &str) -> Option<&Caller> {
        let digest = Digest::of(token.as_bytes());
        self.0.iter().find(|(known, _)| *known == digest).map(|(_, caller)| caller)
    }
}

/// Whom a token stands for.
///
/// # Errors
/// [`Code::AuthInvalid`] if it is nobody's.
pub(crate) async fn caller(doors: &Doors, token: &str) -> troupe_core::Result<Caller> {
    let caller = match doors.tokens.caller(token) {
        Some(caller) => caller.clone(),
        None => doors.runtime.authenticate(token).await?,
    };
    beyond::asked_by(&caller);
    Ok(caller)
}

/// The caller of this request, as an argument of a handler.
pub(crate) struct Authenticated(pub(crate) Caller);

impl FromRequestParts<Doors> for Authenticated {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, doors: &Doors) -> Result<Self, Failed> {
        of(doors, &parts.headers).await.map(Self).map_err(Failed::from)
    }
}

/// Whom the headers of a request stand for.
///
/// # Errors
/// [`Code::AuthMissing`]; [`Code::AuthInvalid`] for what is no token of this host's; those of a key that is
/// over or whose tenant is disabled.
pub(crate) async fn of(doors: &Doors, headers: &HeaderMap) -> troupe_core::Result<Caller> {
    let mut headers = headers.get_all(AUTHORIZATION).iter();
    let header = headers.next().ok_or_else(|| {
            Error::new(
                Code::AuthMissing,
                "send `Authorization: Bearer TOKEN`; on the host's machine the token is in the file `token` of its data directory",
            )
        })?;
    let token = header.to_str().ok().and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let token = token.filter(|_| headers.next().is_none()).ok_or_else(|| {
        Error::new(Code::AuthInvalid, "send one `Authorization: Bearer TOKEN`, with a token of this host's")
    })?;
    caller(doors, token).await
}
