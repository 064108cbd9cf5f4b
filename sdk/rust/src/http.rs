//! Outgoing HTTP, within what the deployment's grants allow.
//!
//! ```
//! use troupe_sdk::prelude::*;
//! use troupe_sdk::test::{Answer, Host};
//!
//! #[derive(Deserialize)]
//! struct Release {
//!     tag_name: String,
//! }
//!
//! # let _host = Host::start().respond("GET", "https://api.example.com/*", Answer::text(200, r#"{"tag_name":"v1"}"#));
//! let release: Release = http::get("https://api.example.com/releases/latest").send().wait()?.json()?;
//! assert_eq!(release.tag_name, "v1");
//! # Ok::<(), Failure>(())
//! ```
//!
//! [`Request::send`] gives the whole answer, up to a cap; [`Request::open`] gives its head
//! and the body piece by piece. Both are futures: `.wait()` waits for one, [`crate::wait`]
//! for several at once. An answer of any status is an answer; [`Response::success`] makes
//! an error of one that is not of the 200s. No redirect is followed.
//!
//! Keys and tokens are the host's: [`Request::credential`] names the one to use, and the
//! host signs or adds it, if it was granted for that address.

mod error;
mod head;
mod request;
mod response;
mod retry;
mod url;

pub use error::HttpError;
pub use head::Headers;
pub use request::Request;
pub use response::{Opened, Response};
pub use retry::{Again, Retry};
pub use url::escape;

pub(crate) use head::Head;
pub(crate) use url::Url;

/// Begins a request of any method, written in upper case.
pub fn request(method: &str, url: impl Into<String>) -> Request {
    Request::new(method, url.into())
}

/// Begins a GET request.
pub fn get(url: impl Into<String>) -> Request {
    request("GET", url)
}

/// Begins a HEAD request.
pub fn head(url: impl Into<String>) -> Request {
    request("HEAD", url)
}

/// Begins a POST request.
pub fn post(url: impl Into<String>) -> Request {
    request("POST", url)
}

/// Begins a PUT request.
pub fn put(url: impl Into<String>) -> Request {
    request("PUT", url)
}

/// Begins a PATCH request.
pub fn patch(url: impl Into<String>) -> Request {
    request("PATCH", url)
}

/// Begins a DELETE request.
pub fn delete(url: impl Into<String>) -> Request {
    request("DELETE", url)
}
