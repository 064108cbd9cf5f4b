//! What a guest tells the host in `troupe-*` headers.

use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};
use troupe_core::{Code, Error, Result};

const PREFIX: &str = "troupe-";
const CREDENTIAL: &str = "troupe-credential";
const IDEMPOTENCY: &str = "troupe-idempotency";
const REPEATABLE: &str = "troupe-repeatable";
const RETRIES: &str = "troupe-retries";
const EXPLAIN: &str = "troupe-explain";

/// What a guest wishes of the host for one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wishes {
    /// The credential to use.
    pub(super) credential: Option<String>,
    /// The header that shall carry the host's token.
    idempotency: Option<HeaderName>,
    /// Whether the guest sends a token of its own.
    repeatable: bool,
    /// How often the host shall try again at most.
    pub(super) retries: Option<u8>,
}

/// Whether failures shall be told in words.
pub(super) fn explain(headers: &HeaderMap) -> bool {
    headers.get(EXPLAIN).is_some_and(|value| value == "true")
}

impl Wishes {
    /// Takes the wishes out of a request's headers. None of them is left.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] naming the header that cannot be understood.
    pub(super) fn take(headers: &mut HeaderMap) -> Result<Self> {
        let mut wishes = Self::default();
        let names: Vec<HeaderName> = headers.keys().filter(|name| name.as_str().starts_with(PREFIX)).cloned().collect();
        for name in names {
            let invalid = |why: &str| Error::new(Code::RequestInvalid, format!("the header `{name}` {why}"));
            let mut values = headers.get_all(&name).iter();
            let (Some(value), None) = (values.next(), values.next()) else {
                return Err(invalid("stands there twice"));
            };
            let value = value.to_str().map_err(|_| invalid("is not text"))?.to_owned();
            let flag = || match value.as_str() {
                "true" => Ok(true),
                "false" => Ok(false),
                _ => Err(invalid("is neither `true` nor `false`")),
            };
            match name.as_str() {
                CREDENTIAL => wishes.credential = Some(value),
                IDEMPOTENCY => {
                    let header = HeaderName::try_from(value).map_err(|_| invalid("does not name a header"))?;
                    wishes.idempotency = Some(header);
                }
                REPEATABLE => wishes.repeatable = flag()?,
                RETRIES => wishes.retries = Some(value.parse().map_err(|_| invalid("is not a number from 0 to 255"))?),
                EXPLAIN => drop(flag()?),
                _ => return Err(invalid("means nothing to this host")),
            }
            headers.remove(&name);
        }
        Ok(wishes)
    }

    /// Adds the token that the guest wished for: the same for the same call of the same
    /// invocation, and no other's.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] if the header is there already.
    pub(super) fn grant(&self, headers: &mut HeaderMap, seed: &[u8; 32], number: u64) -> Result<()> {
        let Some(name) = &self.idempotency else { return Ok(()) };
        if headers.contains_key(name) {
            let message = format!("the header `{name}` is there already, so `{IDEMPOTENCY}` cannot set it");
            return Err(Error::new(Code::RequestInvalid, message));
        }
        let value = HeaderValue::try_from(idempotency_token(seed, number)).map_err(Error::internal)?;
        headers.insert(name.clone(), value);
        Ok(())
    }

    /// Whether the request carries a token of the host's, which is the same at each try.
    pub(super) const fn carries_token(&self) -> bool {
        self.idempotency.is_some()
    }

    /// Whether sending the request again is the same as sending it once.
    pub(super) const fn repeatable(&self) -> bool {
        self.repeatable || self.idempotency.is_some()
    }
}

/// The token of a call, by which a service can tell that it is the same call again.
pub(crate) fn idempotency_token(seed: &[u8; 32], number: u64) -> String {
    let hash = Sha256::new().chain_update(b"troupe-idempotency").chain_update(seed).chain_update(number.to_be_bytes());
    hex::encode(hash.finalize()).chars().take(32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn wishes_end_at_the_host() {
        let mut sent = headers(&[
            ("troupe-credential", "aws:default"),
            ("troupe-repeatable", "true"),
            ("troupe-retries", "2"),
            ("troupe-explain", "true"),
            ("accept", "*/*"),
        ]);
        assert!(explain(&sent));
        let wishes = Wishes::take(&mut sent).unwrap();
        assert_eq!(wishes.credential.as_deref(), Some("aws:default"));
        assert!(wishes.repeatable() && !wishes.carries_token());
        assert_eq!(wishes.retries, Some(2));
        assert_eq!(sent, headers(&[("accept", "*/*")]));
    }

    #[test]
    fn a_wish_that_nobody_knows_is_refused_rather_than_ignored() {
        for (name, value) in [
            ("troupe-credentials", "x"),
            ("troupe-repeatable", "yes"),
            ("troupe-idempotency", "no header"),
            ("troupe-retries", "many"),
        ] {
            let error = Wishes::take(&mut headers(&[(name, value)])).unwrap_err();
            assert_eq!(error.code, Code::RequestInvalid);
            assert!(error.message.contains(name), "{}", error.message);
        }
    }

    #[test]
    fn a_token_is_the_same_for_the_same_call_and_no_other() {
        let wishes = Wishes::take(&mut headers(&[("troupe-idempotency", "Idempotency-Key")])).unwrap();
        let token = |seed: u8, number: u64| {
            let mut sent = HeaderMap::new();
            wishes.grant(&mut sent, &[seed; 32], number).unwrap();
            sent.get("idempotency-key").unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(token(1, 7), token(1, 7));
        assert_ne!(token(1, 7), token(1, 8));
        assert_ne!(token(1, 7), token(2, 7));
        assert_eq!(token(1, 7).len(), 32);
    }
}
