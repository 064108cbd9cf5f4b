//! The one way out of the house.
//!
//! *Holds:* which addresses may be dialled, the HTTP/1.1 client, which destinations are
//! left alone for a while, AWS signatures, the name of what an AWS request does, the
//! scrubber of answers, and the operator's credentials and secrets: where they are found
//! and where they may go.
//! *Never holds:* grants (the sandbox's gate decides, this crate carries out), wasmtime,
//! SQL, or a server.
//! *Start at:* [`Client`] for sending, [`address`] for the rule that keeps guests out of
//! the operator's network, [`aws`] for what a request does.
//! *Tested by:* the tests beside each module, against servers on the loopback interface.

pub mod address;
pub mod aws;
mod body;
pub mod circuit;
mod client;
pub mod credentials;
mod dial;
mod endpoint;
pub mod headers;
mod pool;
mod request;
mod resolve;
pub mod scrub;
pub mod sigv4;
mod slots;
mod tls;

pub use address::{AddressPolicy, Exemption};
pub use aws::AwsAction;
pub use body::Body;
pub use circuit::Circuits;
pub use client::{Client, ClientConfig, Limits, Response, SendOptions};
pub use endpoint::{Endpoint, EndpointMap};
pub use request::{Authority, Request};
pub use resolve::{Resolve, SystemResolver};
pub use scrub::Scrubber;
pub use sigv4::AwsCredentials;
pub use tls::{TlsRoots, install_tls};
