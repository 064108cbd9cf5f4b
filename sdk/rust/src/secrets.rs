//! Secrets that the agent uses and never sees.
//!
//! A [`Reference`] is written where the secret belongs: into the value of a header, or into
//! the body of a request. The host puts the secret in its place when it sends the request,
//! if the grants let it go there.
//!
//! ```
//! use troupe_sdk::prelude::*;
//! # use troupe_sdk::test::{Answer, Host};
//! # let host = Host::start().secret("chat-token").respond("POST", "https://chat.example.com/*", Answer::new(204));
//!
//! let token = secrets::reference("chat-token")?;
//! http::post("https://chat.example.com/messages")
//!     .header("authorization", format!("Bearer {token}"))
//!     .json(&["hello"])
//!     .send()
//!     .wait()?
//!     .success()?;
//! # assert_eq!(host.sent()[0].headers.get("authorization"), Some(format!("Bearer {token}").as_str()));
//! # Ok::<(), Failure>(())
//! ```
//!
//! In a JSON body and in a form the secret is escaped as it must be; a URL takes none. The
//! `authorization` header takes a reference alone, with perhaps one word before it.

use std::fmt;

use crate::{CapabilityError, backend};

/// A reference to a secret. Its text is what is written where the secret belongs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference(String);

impl Reference {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns the reference to a secret that the operator knows by this name. It is the same
/// each time within an invocation, and means nothing in any other.
///
/// # Errors
///
/// [`CapabilityError::Denied`] if no grant names the secret, [`CapabilityError::Invalid`] if
/// the name is not one.
pub fn reference(name: &str) -> Result<Reference, CapabilityError> {
    backend::secret_reference(name).map(Reference)
}
