//! The secret of an API key.
//!
//! The attack: a token is guessed, found in the host's files, or pasted where others read.
//! The rule: 256 random bits behind a prefix that scanners for leaked secrets can look for;
//! it is shown once, when it is made, and kept as its SHA-256. A fast hash is enough for
//! what cannot be guessed.

use std::fmt;
use std::str::FromStr;

use crate::{Code, Digest, Entropy, Error};

/// Random bytes of a token.
const RANDOM_BYTES: usize = 32;

/// The secret of an API key: `troupe_` and 64 lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// What every token begins with.
    pub const PREFIX: &str = "troupe_";

    /// Makes a token.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut random = [0; RANDOM_BYTES];
        entropy.fill(&mut random);
        Self(format!("{}{}", Self::PREFIX, hex::encode(random)))
    }

    /// What is kept of it.
    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }

    /// The secret itself, for the one answer that shows it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl FromStr for Token {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let digits = text.strip_prefix(Self::PREFIX).filter(|digits| digits.len() == 2 * RANDOM_BYTES);
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        match digits {
            Some(digits) if digits.bytes().all(is_hex) => Ok(Self(text.to_owned())),
            _ => Err(Error::new(Code::AuthInvalid, "this token is not one of this host's")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemEntropy;

    #[test]
    fn a_token_round_trips_and_shows_itself_only_when_asked() {
        let token = Token::generate(&SystemEntropy);
        assert_eq!(token.reveal().parse::<Token>().unwrap(), token);
        assert_ne!(token, Token::generate(&SystemEntropy));
        assert_eq!(format!("{token:?}"), "Token(..)");
        for wrong in ["", "troupe_", &token.reveal()[1..], &token.reveal().to_uppercase(), "troupe_0g"] {
            assert_eq!(wrong.parse::<Token>().unwrap_err().code, Code::AuthInvalid, "{wrong}");
        }
    }
}
