//! The HTTP/1.1 client that every request of a guest leaves by.
//!
//! It follows no redirects: an answer that points elsewhere is data, and going there is
//! a request of its own that is authorised of its own. It speaks HTTP/1.1 alone, decodes
//! no content encoding (so nothing can unfold beyond its cap), keeps no cookies and adds
//! no headers but `host` and `content-length`. Whatever it waits for has a limit.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout, timeout_at};
use troupe_core::{Code, Error, Result, limits};

use crate::body::{Body, Caps, Source, too_long};
use crate::pool::{Connection, Key, Pool};
use crate::slots::Slots;
use crate::tls::{Tls, TlsRoots};
use crate::{AddressPolicy, Request, Resolve, SystemResolver, dial, headers};

#[cfg(test)]
mod tests;

/// What one exchange may take. The default is the most that the host allows, and a
/// larger value counts as the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connecting: name, addresses and TLS together. A request waits as long for its
    /// turn, where as many are open as may be.
    pub connect: Duration,
    /// From the request to the first byte of the answer.
    pub first_byte: Duration,
    /// Silence within the answer's body.
    pub idle: Duration,
    /// The whole exchange.
    pub total: Duration,
    /// Bytes of the request's body.
    pub request_body_bytes: usize,
    /// Bytes of the answer's body.
    pub response_body_bytes: u64,
    /// Bytes of either head.
    pub head_bytes: usize,
    /// Header lines of either head.
    pub headers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: limits::HTTP_CONNECT_TIME_MAX,
            first_byte: limits::HTTP_FIRST_BYTE_TIME_MAX,
            idle: limits::HTTP_IDLE_TIME_MAX,
            total: limits::HTTP_TOTAL_TIME_MAX,
            request_body_bytes: limits::HTTP_REQUEST_BODY_BYTES_MAX,
            response_body_bytes: limits::HTTP_RESPONSE_BODY_BYTES_MAX,
            head_bytes: limits::HTTP_HEAD_BYTES_MAX,
            headers: limits::HTTP_HEADERS_MAX,
        }
    }
}

impl Limits {
    fn capped(self) -> Self {
        let most = Self::default();
        Self {
            connect: self.connect.min(most.connect),
            first_byte: self.first_byte.min(most.first_byte),
            idle: self.idle.min(most.idle),
            total: self.total.min(most.total),
            request_body_bytes: self.request_body_bytes.min(most.request_body_bytes),
            response_body_bytes: self.response_body_bytes.min(most.response_body_bytes),
            head_bytes: self.head_bytes.min(most.head_bytes),
            headers: self.headers.min(most.headers),
        }
    }
}

/// Under which rules one request is sent.
#[derive(Debug, Clone)]
pub struct SendOptions {
    /// Who sends it: the tenant. Connections are shared, and open exchanges counted,
    /// within a partition.
    pub partition: Arc<str>,
    /// Which addresses may be dialled.
    pub policy: AddressPolicy,
    /// What it may take.
    pub limits: Limits,
}

/// The answer to a request: head first, body as it comes.
#[derive(Debug)]
pub struct Response {
    /// The status; a redirect is one like any other.
    pub status: StatusCode,
    /// The headers without those of the connection.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
}

/// Of what a client is made. The default is what a host runs with.
#[derive(Debug)]
pub struct ClientConfig {
    /// Who resolves names.
    pub resolver: Arc<dyn Resolve>,
    /// Whose certificates are trusted.
    pub roots: TlsRoots,
    /// Exchanges open at once, in all.
    pub exchanges_max: usize,
    /// Exchanges open at once in one partition.
    pub exchanges_per_partition_max: usize,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            resolver: Arc::new(SystemResolver::default()),
            roots: TlsRoots::System,
            exchanges_max: limits::HTTP_EXCHANGES_MAX,
            exchanges_per_partition_max: limits::HTTP_EXCHANGES_PER_TENANT_MAX,
        }
    }
}

/// The client. One serves the whole host; clones share connections and limits.
#[derive(Debug, Clone)]
pub struct Client {
    resolver: Arc<dyn Resolve>,
    tls: Arc<Tls>,
    pool: Arc<Pool>,
    slots: Arc<Slots>,
}

impl Client {
    /// Makes a client. Nothing is opened or read yet.
    pub fn new(config: ClientConfig) -> Self {
        Self {
            resolver: config.resolver,
            tls: Arc::new(Tls::new(config.roots)),
            pool: Arc::default(),
            slots: Arc::new(Slots::new(config.exchanges_max, config.exchanges_per_partition_max)),
        }
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// An error's detail `sent` tells whether the server may have seen the request:
    /// `false` means that nothing happened out there, `true` that it is not known.
    ///
    /// # Errors
    /// [`Code::DeniedEgress`] and [`Code::DeniedHeader`] for what is never sent;
    /// [`Code::LimitBody`], [`Code::LimitHeaders`], [`Code::LimitConnections`],
    /// [`Code::LimitIdle`] and [`Code::LimitDeadline`] for what is too much or too slow;
    /// [`Code::UnavailableDns`] and [`Code::UnavailableUpstream`] for what is not there.
    pub async fn send(&self, mut request: Request, options: &SendOptions) -> Result<Response> {
        let unsent = |error: Error| error.with("sent", false);
        let caps = options.limits.capped();
        let authority = request.prepare().map_err(unsent)?;
        check_size(&request, &caps).map_err(unsent)?;
        let slot = self.slots.take(&options.partition, caps.connect).await.ok_or_else(|| unsent(no_place(&caps)))?;
        let deadline = Instant::now() + caps.total;
        let key = Key { partition: Arc::clone(&options.partition), authority };
        let exchange = self.exchange(request, &key, &options.policy, &caps, deadline);
        let (response, connection) = exchange.await?;

        let (mut head, incoming) = response.into_parts();
        let host = key.authority.to_string();
        check_answer(&host, head.status, &head.headers, &caps).map_err(|error| error.with("sent", true))?;
        headers::strip_hop_by_hop(&mut head.headers);
        let source = Source { incoming, connection, key, pool: Arc::clone(&self.pool), slot };
        let caps = Caps { host, idle: caps.idle, total: caps.total, deadline, bytes_max: caps.response_body_bytes };
        let body = Body::new(source, caps).map_err(|error| error.with("sent", true))?;
        Ok(Response { status: head.status, headers: head.headers, body })
    }

    /// Sends on an idle connection or a new one. A request that an idle connection gave
    /// back untouched goes on the next; any other failure is final.
    async fn exchange(
        &self,
        request: Request,
        key: &Key,
        policy: &AddressPolicy,
        caps: &Limits,
        deadline: Instant,
    ) -> Result<(http::Response<Incoming>, Connection)> {
        let host = key.authority.to_string();
        let mut message = into_message(request)?;
        loop {
            let (mut connection, reused) = match self.pool.take(key, policy) {
                Some(connection) => (connection, true),
                None => {
                    let opened = timeout_at(deadline, self.open(key, policy, caps)).await;
                    let opened = opened.unwrap_or_else(|_| Err(too_long(&host, caps.total)));
                    (opened.map_err(|error| error.with("sent", false))?, false)
                }
            };
            let answer = timeout(caps.first_byte, connection.sender.try_send_request(message));
            let answer =
                timeout_at(deadline, answer).await.map_err(|_| too_long(&host, caps.total).with("sent", true))?;
            match answer {
                Ok(Ok(response)) => return Ok((response, connection)),
                Ok(Err(mut failed)) => match failed.take_message() {
                    Some(untouched) if reused => message = untouched,
                    untouched => {
                        return Err(broken(&host, failed.into_error()).with("sent", untouched.is_none()));
                    }
                },
                Err(_) => {
                    return Err(Error::new(
                        Code::LimitIdle,
                        format!("`{host}` did not begin to answer within {:?}", caps.first_byte),
                    )
                    .with("sent", true));
                }
            }
        }
    }

    /// Dials, and starts the task that moves the connection's bytes.
    async fn open(&self, key: &Key, policy: &AddressPolicy, caps: &Limits) -> Result<Connection> {
        let authority = &key.authority;
        let dialled = dial::dial(&*self.resolver, &self.tls, key, policy, caps.connect).await?;
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(limits::HTTP_HEAD_BYTES_MAX)
            .max_header_size(limits::HTTP_HEAD_BYTES_MAX)
            .max_headers(limits::HTTP_HEADERS_MAX)
            .handshake(TokioIo::new(dialled.wire))
            .await
            .map_err(|cause| broken(&authority.to_string(), cause))?;
        // Its errors reach whoever waits for an answer or reads a body.
        tokio::spawn(connection);
        Ok(Connection { sender, local: dialled.local, remote: dialled.remote })
    }
}

/// The request in the form that goes to the server itself: path and query alone.
fn into_message(request: Request) -> Result<http::Request<Full<Bytes>>> {
    let target = request.uri.path_and_query().map_or("/", |target| target.as_str());
    let mut message = http::Request::new(Full::new(request.body));
    *message.method_mut() = request.method;
    *message.uri_mut() = target.parse::<Uri>().map_err(Error::internal)?;
    *message.headers_mut() = request.headers;
    Ok(message)
}

fn no_place(caps: &Limits) -> Error {
    Error::new(
        Code::LimitConnections,
        format!(
            "as many HTTP requests are open as may be at once, and none of them ended within {:?}; finish reading some \
             first",
            caps.connect
        ),
    )
}

fn check_size(request: &Request, caps: &Limits) -> Result<()> {
    if request.body.len() > caps.request_body_bytes {
        return Err(Error::new(
            Code::LimitBody,
            format!(
                "the request's body has {} bytes; at most {} are sent",
                request.body.len(),
                caps.request_body_bytes
            ),
        ));
    }
    let target = request.uri.path_and_query().map_or(1, |target| target.as_str().len());
    check_head("the request", target, &request.headers, caps)
}

fn check_answer(host: &str, status: StatusCode, headers: &HeaderMap, caps: &Limits) -> Result<()> {
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Error::new(
            Code::UnavailableUpstream,
            format!("`{host}` switched to a protocol that was not asked for"),
        ));
    }
    check_head(&format!("the answer of `{host}`"), 0, headers, caps)
}

fn check_head(whose: &str, first_line_bytes: usize, headers: &HeaderMap, caps: &Limits) -> Result<()> {
    let bytes = first_line_bytes.saturating_add(headers::wire_bytes(headers));
    if headers.len() > caps.headers || bytes > caps.head_bytes {
        return Err(Error::new(
            Code::LimitHeaders,
            format!(
                "{whose} has {} headers of {bytes} bytes; at most {} of {} bytes are allowed",
                headers.len(),
                caps.headers,
                caps.head_bytes
            ),
        ));
    }
    Ok(())
}

/// What went wrong between the two servers, in words.
fn broken(host: &str, cause: hyper::Error) -> Error {
    let error = if cause.is_parse_too_large() {
        Error::new(
            Code::LimitHeaders,
            format!(
                "the answer of `{host}` has more than {} headers or {} bytes of them",
                limits::HTTP_HEADERS_MAX,
                limits::HTTP_HEAD_BYTES_MAX
            ),
        )
    } else if cause.is_parse() {
        Error::new(Code::UnavailableUpstream, format!("what `{host}` answered is not HTTP/1.1"))
    } else {
        Error::new(Code::UnavailableUpstream, format!("`{host}` closed the connection without an answer"))
    };
    error.with_cause(cause)
}
