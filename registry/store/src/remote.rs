//! Releases in an OCI registry: sent there, and fetched from there.
//!
//! *The attack:* a registry, or whoever sits in between, that hands out other bytes than the
//! digest says, never ends, hangs up in the middle, or leads the credentials elsewhere. *The
//! rule:* every answer is read up to a limit, and what comes is held against the digest that names it and
//! against the limits of a release before anybody reads it; only the image manifest behind a tag is taken
//! on the registry's word, and it is then judged like any release that is published. Credentials go
//! to the registry they are for, and to where it says that its tokens are given, over TLS. *The
//! default:* TLS, unless the registry is on this machine; what fails for a moment is tried again,
//! and a blob goes on where it broke off, in both directions.
//!
//! | in a registry | is |
//! |---|---|
//! | `REPOSITORY:VERSION` | the release's image manifest, byte for byte |
//! | `REPOSITORY:sha256-HEX.sig` | the signatures of the release with that digest |
//! | `REPOSITORY:CHANNEL.channel` | the document of a channel, with its signatures |
//! | its blobs | the same as on disk, so `wkg`, `skopeo` and the like can copy them |
//!
//! What is asked of a registry follows the OCI distribution specification 1.1 (`wire.rs`,
//! `upload.rs`), and how it wants to know who asks that of Docker's registry (`authorize.rs`).

mod authorize;
mod channel;
mod credentials;
mod fault;
mod name;
mod peer;
mod pull;
mod push;
mod tries;
mod upload;
mod wire;

pub use channel::{pull_channel, push_channel};
pub use name::ImageName;
pub use peer::{HandedOver, artifact_handed_over, handed_over};
pub use pull::pull;
pub use push::push;

use tries::Tries;
use wire::Remote;
