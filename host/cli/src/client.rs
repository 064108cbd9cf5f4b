//! The client of the REST API that most commands are.
//!
//! The attack: a name in `--host` or TROUPE_HOST leads a command, and the owner's token
//! with it, to a machine of somebody else. The rule: the token in the data directory is
//! shown to the loopback interface alone.

mod following;

use std::net::IpAddr;
use std::path::Path;

use bytes::Bytes;
use futures::StreamExt as _;
use reqwest::{Method, RequestBuilder, Response, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use troupe_core::view::{Page, Problem};
use troupe_core::{Code, Error, Result, limits};

use crate::args::Args;
use crate::data_dir;
use crate::events::{Event, EventReader};

/// The media type of a stream of events.
const EVENT_STREAM: &str = "text/event-stream";

/// A client of one host.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    host: String,
    token: Option<String>,
}

impl Client {
    /// The client that the arguments ask for. Without a token it takes the one in the
    /// data directory, where there is one.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] if `--host` is no address of a host; [`Code::AuthMissing`]
    /// if it is not on this machine and no token is given.
    pub(crate) fn new(args: &Args) -> Result<Self> {
        // Not one that has been silent for so long that the host may be about to close it.
        let builder = reqwest::Client::builder().no_proxy().pool_idle_timeout(limits::REQUEST_HEAD_TIME_MAX / 2);
        let builder = match &args.ca {
            Some(path) => builder.tls_certs_only(authorities(path)?),
            None => builder,
        };
        let http = builder.build().map_err(Error::internal)?;
        let url = address(&args.host)?;
        let host = url.as_str().trim_end_matches('/').to_owned();
        let token = match &args.token {
            Some(token) => Some(token.clone()),
            None if is_loopback(&url) => data_dir::read_token(&args.data_dir),
            None => {
                let message = format!("{host} is not this machine; give its token with `--token` or TROUPE_TOKEN");
                return Err(Error::new(Code::AuthMissing, message));
            }
        };
        Ok(Self { http, host, token })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.host));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Gets a document.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.document(self.request(Method::GET, path)).await
    }

    /// Gets a document by a query.
    pub(crate) async fn query<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T> {
        self.document(self.request(Method::GET, path).query(query)).await
    }

    /// Gets every item of a list, page by page.
    pub(crate) async fn all<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<Vec<T>> {
        let mut items = Vec::new();
        let mut after = None;
        loop {
            let mut query = query.to_vec();
            query.extend(after.take().map(|after| ("after", after)));
            let page: Page<T> = self.query(path, &query).await?;
            items.extend(page.items);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(items),
            }
        }
    }

    /// Posts a document and gets one.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T> {
        self.document(self.request(Method::POST, path).json(body)).await
    }

    /// Puts a document and gets what there then is.
    pub(crate) async fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T> {
        self.document(self.request(Method::PUT, path).json(body)).await
    }

    /// Deletes what is at a path and gets what it was.
    pub(crate) async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.document(self.request(Method::DELETE, path)).await
    }

    /// Changes what is at a path and gets what it then is.
    pub(crate) async fn patch<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T> {
        self.document(self.request(Method::PATCH, path).json(body)).await
    }

    /// Posts bytes with a query and gets a document.
    pub(crate) async fn post_bytes<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
        kind: &str,
        body: Vec<u8>,
    ) -> Result<T> {
        let request = self.request(Method::POST, path).query(query);
        self.document(request.header(reqwest::header::CONTENT_TYPE, kind).body(body)).await
    }

    /// Gets bytes, piece by piece.
    pub(crate) async fn bytes(&self, path: &str) -> Result<impl futures::Stream<Item = Result<Bytes>> + use<>> {
        let response = self.send(self.request(Method::GET, path)).await?;
        Ok(response.bytes_stream().map(|piece| {
            piece.map_err(|error| {
                let message = "the host broke off; its log may have the cause, then try again";
                Error::new(Code::UnavailableHost, message).with_cause(error)
            })
        }))
    }

    /// Posts a document and reads the events that come of it, as long as the connection lasts.
    pub(crate) async fn post_events<T: Serialize>(
        &self,
        path: &str,
        body: &T,
    ) -> Result<impl futures::Stream<Item = Result<Event>> + use<T>> {
        let request = self.request(Method::POST, path).header(reqwest::header::ACCEPT, EVENT_STREAM);
        let response = self.send(request.json(body)).await?;
        let reader = EventReader::default();
        let pieces = response.bytes_stream();
        Ok(pieces
            .scan(reader, |reader, piece| {
                let events = match piece {
                    Ok(piece) => reader.push(&piece).into_iter().map(Ok).collect(),
                    Err(error) => vec![Err(Error::new(Code::UnavailableHost, "the host broke off").with_cause(error))],
                };
                futures::future::ready(Some(futures::stream::iter(events)))
            })
            .flatten())
    }

    async fn document<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T> {
        let response = self.send(request).await?;
        response.json().await.map_err(|error| {
            let message = format!("{} did not answer as a host does; is it one, and of this version?", self.host);
            Error::new(Code::UnavailableHost, message).with_cause(error)
        })
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response> {
        let response = request.send().await.map_err(|error| {
            let host = &self.host;
            let message = if host.starts_with("https:") {
                format!("no host answers at {host}, or nobody who is trusted here has signed its certificate; name who did with `--ca`")
            } else {
                format!("no host answers at {host}; start one with `troupe dev` or name it with `--host`")
            };
            Error::new(Code::UnavailableHost, message).with_cause(error)
        })?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        match response.json::<Problem>().await {
            Ok(problem) => Err(problem.into()),
            Err(_) => Err(Error::new(Code::UnavailableHost, format!("{} answered {status}", self.host))),
        }
    }
}

/// The address of a host, as `--host` has it.
fn address(text: &str) -> Result<Url> {
    let wrong = |message: &str| Err(Error::new(Code::RequestInvalid, format!("`--host {text}` {message}")));
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none() => {
            Ok(url)
        }
        _ => wrong("is not the address of a host; write it like `http://127.0.0.1:7070`"),
    }
}

/// Those who may sign the certificate of a host, as `--ca` names them.
fn authorities(path: &Path) -> Result<Vec<reqwest::Certificate>> {
    let wrong = |what: &str| Error::new(Code::RequestInvalid, format!("`--ca {}` {what}", path.display()));
    let text = std::fs::read(path).map_err(|cause| wrong("cannot be read; name a PEM file").with_cause(cause))?;
    let certificates = reqwest::Certificate::from_pem_bundle(&text);
    let certificates = certificates.map_err(|cause| wrong("is no PEM file of certificates").with_cause(cause))?;
    if certificates.is_empty() {
        return Err(wrong("holds no certificate; it begins with `-----BEGIN CERTIFICATE-----`"));
    }
    Ok(certificates)
}

/// Whether an address can only be one of this machine.
fn is_loopback(url: &Url) -> bool {
    let name = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A path segment, escaped (RFC 3986, section 2.1).
pub(crate) fn segment(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_loopback_interface_is_this_machine() {
        for near in ["http://localhost:7070", "http://LOCALHOST", "http://127.0.0.2:1", "https://[::1]:7070/"] {
            assert!(is_loopback(&address(near).unwrap()), "{near}");
        }
        for far in
            ["http://localhost.example", "http://127.0.0.1.example", "http://10.0.0.1", "http://127.0.0.1@example"]
        {
            assert!(!is_loopback(&address(far).unwrap()), "{far}");
        }
    }
}
