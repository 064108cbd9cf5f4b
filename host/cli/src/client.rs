//! The client of the REST API that most commands are.

use futures::StreamExt as _;
use reqwest::{Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use troupe_core::view::Problem;
use troupe_core::{Code, Error, Result};

use crate::args::Args;
use crate::data_dir;
use crate::events::{Event, EventReader};

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
    pub(crate) fn new(args: &Args) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build().map_err(Error::internal)?;
        let token = args.token.clone().or_else(|| data_dir::read_token(&args.data_dir));
        Ok(Self { http, host: args.host.trim_end_matches('/').to_owned(), token })
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

    /// Posts a document and gets one.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T> {
        self.document(self.request(Method::POST, path).json(body)).await
    }

    /// Posts bytes and gets a document.
    pub(crate) async fn post_bytes<T: DeserializeOwned>(&self, path: &str, kind: &str, body: Vec<u8>) -> Result<T> {
        let request = self.request(Method::POST, path).header(reqwest::header::CONTENT_TYPE, kind).body(body);
        self.document(request).await
    }

    /// Follows a stream of events.
    pub(crate) async fn events(&self, path: &str) -> Result<impl futures::Stream<Item = Result<Event>> + use<>> {
        let response = self.send(self.request(Method::GET, path)).await?;
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
            let message =
                format!("no host answers at {}; start one with `troupe dev` or name it with `--host`", self.host);
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
