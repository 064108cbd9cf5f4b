//! Which secrets a guest may name, and in which requests they may be placed.
//!
//! The attack: a guest reads a secret, or has it sent to a server of its own: it puts the
//! reference into a request to elsewhere, into a URL that is logged, or keeps one for a
//! later invocation that may less. The rule: a guest holds references alone, texts that are
//! made from the invocation's seed and tell nothing; a reference is replaced by its secret
//! only in a request whose scheme, host, port and path a grant of that very secret names,
//! only in a header's value or in the body, and only in the invocation that was given it.
//! The default: a reference on any other way is not sent at all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use http::Uri;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use troupe_core::{Code, Error, Grants, Result, grant, limits};
use troupe_egress::Authority;

use super::deed::Deed;
use super::http::shown;
use super::{Answer, Call, Gate};

/// The longest word before a reference, such as `Bearer` or `Zoho-oauthtoken`.
const SCHEME_LETTERS_MAX: usize = 20;
/// What every reference begins with.
const PREFIX: &str = "troupe-secret-";
/// Hexadecimal digits behind it: 128 bits, which nobody guesses.
const DIGITS: usize = 32;

/// A call of `secrets`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SecretsCall {
    /// `secrets.reference`
    Reference {
        /// The secret's name.
        name: String,
    },
}

impl SecretsCall {
    /// The capability and function.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Reference { .. } => "secrets.reference",
        }
    }

    /// What was called, for a person.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Reference { name } => format!("{} {}", self.name(), shown(name)),
        }
    }
}

/// What a call of `secrets` was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SecretsAnswer {
    /// A reference to a secret.
    Reference(String),
}

impl SecretsAnswer {
    /// What came of the call, in short, for a person.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Reference(_) => "a reference".to_owned(),
        }
    }
}

/// Leave to give out a reference; made by [`authorize`] alone.
#[derive(Debug)]
pub(super) struct Permit(String);

impl Permit {
    /// What performing the permitted call means: nothing but that the reference is given.
    pub(super) fn deed(self, gate: &Gate) -> Deed<'static> {
        let reference = gate.0.references.give(self);
        Deed::Known(Answer::Secrets(SecretsAnswer::Reference(reference)))
    }
}

/// Decides whether `grants` allow a call.
pub(super) fn authorize(grants: &Grants, call: &SecretsCall) -> Result<Permit, Answer> {
    let SecretsCall::Reference { name } = call;
    if !grant::is_secret_name(name) {
        return Err(Answer::Invalid(grant::SECRET_NAME.to_owned()));
    }
    if grants.secrets.iter().any(|grant| grant.name == *name) {
        return Ok(Permit(name.clone()));
    }
    Err(Answer::denied(format!(
        "no grant of `secrets` names `{name}`; the manifest must ask for it and the operator grant it"
    )))
}

/// Leave to place secrets in one request; made by [`authorize_placing`] alone.
#[derive(Debug, Default)]
pub(crate) struct PlacingPermit(Vec<Place>);

/// A secret that a request carries a reference to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) reference: String,
    pub(crate) name: String,
}

impl PlacingPermit {
    /// The secrets, each once.
    pub(crate) fn places(&self) -> &[Place] {
        &self.0
    }
}

/// Decides whether the references in a request may be replaced.
///
/// # Errors
/// [`Code::DeniedSecret`] naming the secret and the place that no grant of it has, or a
/// reference that this invocation was not given; [`Code::LimitTransfer`] if there are too
/// many.
pub(super) fn authorize_placing(
    grants: &Grants,
    references: &References,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<PlacingPermit> {
    if uri.path_and_query().is_some_and(|target| !find(target.as_str().as_bytes()).is_empty()) {
        return Err(denied("a secret is not placed in a URL, which servers log; use a header or the body"));
    }
    let mut found: Vec<String> = headers.values().flat_map(|value| find(value.as_bytes())).collect();
    let given = references.given();
    if !given.is_empty() {
        found.extend(find(body));
    }
    if found.len() > limits::SECRET_REFERENCES_MAX {
        let message = format!(
            "the request carries {} references to secrets; at most {} are placed in one",
            found.len(),
            limits::SECRET_REFERENCES_MAX
        );
        return Err(Error::new(Code::LimitTransfer, message));
    }
    let mut places = Vec::new();
    for reference in found.into_iter().collect::<BTreeSet<_>>() {
        let name = given.get(&reference).cloned();
        let name = name.ok_or_else(|| denied("the request carries a reference that this invocation was not given"))?;
        let authority = Authority::of(uri)?;
        let leads = |grant: &grant::SecretGrant| {
            grant.name == name && grant.leads_to(authority.tls, &authority.host, authority.port, uri.path())
        };
        if !grants.secrets.iter().any(leads) {
            let (scheme, path) = (authority.scheme(), shown(uri.path()));
            return Err(denied(&format!("no grant lets the secret `{name}` go to {scheme}://{authority}{path}")));
        }
        places.push(Place { reference, name });
    }
    Ok(PlacingPermit(places))
}

fn denied(why: &str) -> Error {
    Error::new(Code::DeniedSecret, why)
}

/// Whether a text is one reference, with perhaps a word and a space before it: a value that
/// holds nothing of the guest's own making.
pub(super) fn is_reference(text: &[u8]) -> bool {
    let space = text.iter().position(|byte| *byte == b' ');
    let (word, rest) = match space.map(|at| text.split_at(at)) {
        Some((word, rest)) => (word, rest.get(1..).unwrap_or_default()),
        None => (text.get(..0).unwrap_or_default(), text),
    };
    // Long enough for the name of a scheme, and no place for a token.
    word.len() <= SCHEME_LETTERS_MAX
        && word.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'-')
        && rest.len() == PREFIX.len() + DIGITS
        && find(rest).len() == 1
}

/// Every reference in a text, in order.
fn find(text: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == b't') {
        rest = rest.get(at..).unwrap_or_default();
        let reference = rest.strip_prefix(PREFIX.as_bytes()).and_then(|behind| behind.get(..DIGITS));
        match reference.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            Some(digits) => {
                found.push(format!("{PREFIX}{}", String::from_utf8_lossy(digits)));
                rest = rest.get(PREFIX.len() + DIGITS..).unwrap_or_default();
            }
            None => rest = rest.get(1..).unwrap_or_default(),
        }
    }
    found
}

/// The references that one invocation was given.
#[derive(Debug)]
pub(crate) struct References {
    seed: [u8; 32],
    given: Mutex<BTreeMap<String, String>>,
}

impl References {
    /// None yet; they will be made from this seed.
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self { seed, given: Mutex::default() }
    }

    /// Gives out the reference to a secret: the same for the same name, and in a replay.
    pub(super) fn give(&self, permit: Permit) -> String {
        let Permit(name) = permit;
        let hash = Sha256::new().chain_update(self.seed).chain_update(name.as_bytes()).finalize();
        let digits: String = hex::encode(hash).chars().take(DIGITS).collect();
        let reference = format!("{PREFIX}{digits}");
        self.lock().insert(reference.clone(), name);
        reference
    }

    /// Remembers a reference that the record says was given.
    pub(super) fn given_before(&self, call: &Call, answer: &Answer) {
        if let Call::Secrets(SecretsCall::Reference { name }) = call
            && let Answer::Secrets(SecretsAnswer::Reference(reference)) = answer
        {
            self.lock().insert(reference.clone(), name.clone());
        }
    }

    fn given(&self) -> BTreeMap<String, String> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "secrets_tests.rs"]
mod tests;
