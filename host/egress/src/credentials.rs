//! The operator's credentials and secrets: where they are found, how tokens are got by
//! them, and where they may go.
//!
//! | kind | what it takes | what goes out |
//! |---|---|---|
//! | `aws` | keys, a profile, a web identity; perhaps a role | a signature |
//! | `azure` | a client of Entra ID, by secret or federated token | a token |
//! | `gcp` | a service account's key, or the metadata server | a token |
//! | `bearer` | a text | `authorization: Bearer TEXT` |
//! | `header` | a text | a header of its own |
//!
//! A secret is a text that a guest places by reference. Texts stand in the environment, in
//! files, or in Vault (`source.rs`). Everything that was got is kept and renewed in time
//! (`cache.rs`), and bound to where it may go ([`Reach`]).

pub mod aws;
mod azure;
mod book;
mod cache;
mod credential;
mod document;
mod exchange;
mod gcp;
mod jwt;
mod profile;
mod reach;
mod source;
mod sts;
mod vault;

pub use book::{Book, BookConfig};
pub use credential::{Credential, CredentialKind, Secret};
pub use reach::Reach;
