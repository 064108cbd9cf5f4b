//! Secrets on their way into a request: got from the operator's keeping, and put where
//! their references stand.
//!
//! A reference is made of letters, digits and hyphens, so that every library writes it as
//! it is. What takes its place is written as its surroundings want it: as part of a JSON
//! string in JSON, escaped in a form, as it is elsewhere. So a secret with a quotation mark
//! or an ampersand in it is one value still.

use std::borrow::Cow;
use std::sync::Arc;

use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use troupe_core::{Code, Error, Result};
use troupe_egress::credentials::Secret;
use troupe_egress::{Request, headers};

use super::Shared;
use crate::egress::Egress;
use crate::gate::{Place, PlacingPermit, is_reference};

/// Secrets that one request carries.
#[derive(Debug, Default)]
pub(super) struct Placed(Vec<(Place, Arc<Secret>)>);

/// Checks the headers that a guest wants to send. What the host alone sets, the guest may
/// set where it holds nothing but a reference.
///
/// # Errors
/// [`Code::DeniedHeader`].
pub(super) fn check_guest(given: &HeaderMap) -> Result<()> {
    let mut values = given.get_all(AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (Some(only), None) if is_reference(only.as_bytes()) => {
            let mut others = given.clone();
            others.remove(AUTHORIZATION);
            headers::check_guest(&others)
        }
        _ => headers::check_guest(given),
    }
}

impl Placed {
    /// Gets the secrets that a permit names, and holds each against where its keeper lets
    /// it go.
    ///
    /// # Errors
    /// [`Code::CredentialsInvalid`] if the operator has set up no such secret or it cannot
    /// be had; [`Code::DeniedSecret`] if it does not go there.
    pub(super) async fn get(shared: &Shared, egress: &Egress, permit: PlacingPermit, uri: &http::Uri) -> Result<Self> {
        let mut placed = Vec::new();
        for place in permit.places() {
            let found = egress.credentials.secret(&shared.tenant, &place.name).await?;
            let secret = found.ok_or_else(|| {
                let message = format!("the operator has set up no secret `{}`, which the grant names", place.name);
                Error::new(Code::CredentialsInvalid, message)
            })?;
            secret.check(&place.name, uri)?;
            placed.push((place.clone(), secret));
        }
        Ok(Self(placed))
    }

    /// Whether there are none.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The secrets themselves.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &Arc<Secret>> {
        self.0.iter().map(|(_, secret)| secret)
    }

    /// The names of headers that hold a reference.
    pub(super) fn headers(&self, headers: &HeaderMap) -> Vec<HeaderName> {
        let holds = |value: &HeaderValue| {
            let mut places = self.0.iter();
            places.any(|(place, _)| {
                value.as_bytes().windows(place.reference.len()).any(|at| at == place.reference.as_bytes())
            })
        };
        headers.iter().filter(|(_, value)| holds(value)).map(|(name, _)| name.clone()).collect()
    }

    /// Replaces every reference in a request by its secret.
    ///
    /// # Errors
    /// [`Code::CredentialsInvalid`] if no header can carry a secret.
    pub(super) fn put_into(&self, request: &mut Request) -> Result<()> {
        for (Place { reference, name }, secret) in &self.0 {
            for value in request.headers.values_mut() {
                let Some(whole) = replaced(value.as_bytes(), reference, secret.expose()) else { continue };
                *value = HeaderValue::from_bytes(&whole).map_err(|_| {
                    let message = format!("the secret `{name}` holds a character that no header can carry");
                    Error::new(Code::CredentialsInvalid, message)
                })?;
                value.set_sensitive(true);
            }
            let written = written(secret.expose(), &request.headers);
            if let Some(whole) = replaced(&request.body, reference, &written) {
                let right = request.body.len().to_string();
                if request.headers.get(CONTENT_LENGTH).is_some_and(|length| length.as_bytes() == right.as_bytes()) {
                    request.headers.insert(CONTENT_LENGTH, HeaderValue::from(whole.len()));
                }
                request.body = whole.into();
            }
        }
        Ok(())
    }
}

/// A secret as the body's kind wants it written.
fn written<'a>(secret: &'a str, headers: &HeaderMap) -> Cow<'a, str> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind == "application/x-www-form-urlencoded" {
        let escaped = |byte: u8| match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        };
        return Cow::Owned(secret.bytes().map(escaped).collect());
    }
    if kind == "application/json" || kind.ends_with("+json") || kind.starts_with("application/x-amz-json") {
        let quoted = serde_json::Value::from(secret).to_string();
        let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default();
        return Cow::Owned(inner.to_owned());
    }
    Cow::Borrowed(secret)
}

/// The text with every occurrence replaced; none if there is none.
fn replaced(text: &[u8], reference: &str, secret: &str) -> Option<Vec<u8>> {
    let reference = reference.as_bytes();
    let mut whole = Vec::new();
    let (mut rest, mut from, mut found) = (text, 0, false);
    while let Some(at) = rest.get(from..).and_then(|left| left.iter().position(|byte| *byte == b't')) {
        let at = from + at;
        if rest.get(at..).is_some_and(|left| left.starts_with(reference)) {
            whole.extend_from_slice(rest.get(..at).unwrap_or_default());
            whole.extend_from_slice(secret.as_bytes());
            rest = rest.get(at + reference.len()..).unwrap_or_default();
            (from, found) = (0, true);
        } else {
            from = at + 1;
        }
    }
    whole.extend_from_slice(rest);
    found.then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFERENCE: &str = "troupe-secret-0123456789abcdef0123456789abcdef";

    #[test]
    fn every_occurrence_is_replaced_and_nothing_else() {
        let text = format!("t{REFERENCE}, {REFERENCE}t troupe-secret-x");
        assert_eq!(replaced(text.as_bytes(), REFERENCE, "S").unwrap(), b"tS, St troupe-secret-x");
        assert_eq!(replaced(b"nothing to see", REFERENCE, "S"), None);
        assert_eq!(replaced(b"", REFERENCE, "S"), None);
    }

    #[test]
    fn a_secret_is_written_as_its_surroundings_want_it() {
        let written = |kind: &str| {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, kind.parse().unwrap())]);
            written("a\"b&c d", &headers).into_owned()
        };
        assert_eq!(written("application/json; charset=utf-8"), "a\\\"b&c d");
        assert_eq!(written("application/vnd.api+json"), "a\\\"b&c d");
        assert_eq!(written("application/x-www-form-urlencoded"), "a%22b%26c%20d");
        assert_eq!(written("text/plain"), "a\"b&c d");
    }
}
