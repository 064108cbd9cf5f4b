//! Requests through `wasi:http`, which the host's gate decides and sends.

use wasip2::http::outgoing_handler::{self, FutureIncomingResponse};
use wasip2::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
    http_error_code,
};
use wasip2::io::streams::{InputStream, StreamError};

use super::reactor::Delivered;
use crate::http::{Head, Headers, HttpError, Request, Url};

/// How much of a body is asked for at once.
const PIECE_BYTES: u64 = 64 * 1024;

/// The body of an answer. The order of the fields is that in which the host must see
/// them dropped.
#[derive(Debug)]
pub struct Body {
    stream: InputStream,
    _body: IncomingBody,
    _response: IncomingResponse,
}

pub async fn http_open(request: Request) -> Result<(Head, Body), HttpError> {
    let outgoing = outgoing(&request)?;
    let body = if request.body.is_empty() { None } else { Some(outgoing.body().map_err(|()| broken())?) };
    let answer = outgoing_handler::handle(outgoing, options(&request)?).map_err(error)?;
    if let Some(body) = body {
        // A host that refuses the request may stop taking its body; the answer says why.
        let _ = write(body, &request.body).await;
    }
    let response = response(answer).await?;
    let head = Head { status: response.status(), headers: headers(&response.headers()) };
    let body = response.consume().map_err(|()| broken())?;
    let stream = body.stream().map_err(|()| broken())?;
    Ok((head, Body { stream, _body: body, _response: response }))
}

impl Body {
    pub async fn chunk(&mut self) -> Result<Option<Vec<u8>>, HttpError> {
        loop {
            match self.stream.read(PIECE_BYTES) {
                Ok(bytes) if bytes.is_empty() => Delivered::new(self.stream.subscribe()).await,
                Ok(bytes) => return Ok(Some(bytes)),
                Err(StreamError::Closed) => return Ok(None),
                Err(StreamError::LastOperationFailed(cause)) => {
                    return Err(match http_error_code(&cause) {
                        Some(code) => error(code),
                        None => HttpError::Unreachable(format!("the answer broke off: {}", cause.to_debug_string())),
                    });
                }
            }
        }
    }
}

fn outgoing(request: &Request) -> Result<OutgoingRequest, HttpError> {
    let url = Url::parse(&request.url)?;
    // The host then says in a sentence why it refused, which the standard codes cannot.
    let explain = ("troupe-explain".to_owned(), b"true".to_vec());
    let pairs = request.headers.iter().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    let headers = Fields::from_list(&pairs.chain([explain]).collect::<Vec<_>>())
        .map_err(|cause| HttpError::Invalid(format!("a header cannot be sent: {cause}")))?;
    let outgoing = OutgoingRequest::new(headers);
    let scheme = if url.tls { Scheme::Https } else { Scheme::Http };
    let set = outgoing
        .set_method(&method(&request.method))
        .and_then(|()| outgoing.set_scheme(Some(&scheme)))
        .and_then(|()| outgoing.set_authority(Some(url.authority)))
        .and_then(|()| outgoing.set_path_with_query(Some(url.path_and_query)));
    match set {
        Ok(()) => Ok(outgoing),
        Err(()) => Err(HttpError::Invalid("the method or the address cannot be sent".to_owned())),
    }
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn options(request: &Request) -> Result<Option<RequestOptions>, HttpError> {
    let Some(time) = request.timeout else { return Ok(None) };
    let options = RequestOptions::new();
    let nanoseconds = Some(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    options
        .set_connect_timeout(nanoseconds)
        .and_then(|()| options.set_first_byte_timeout(nanoseconds))
        .and_then(|()| options.set_between_bytes_timeout(nanoseconds))
        .map_err(|()| HttpError::Invalid("the host takes no timeouts".to_owned()))?;
    Ok(Some(options))
}

async fn write(body: OutgoingBody, mut bytes: &[u8]) -> Result<(), StreamError> {
    let stream = body.write().map_err(|()| StreamError::Closed)?;
    while !bytes.is_empty() {
        let room = usize::try_from(stream.check_write()?).unwrap_or(usize::MAX);
        if room == 0 {
            Delivered::new(stream.subscribe()).await;
            continue;
        }
        let (now, later) = bytes.split_at(room.min(bytes.len()));
        stream.write(now)?;
        bytes = later;
    }
    stream.flush()?;
    drop(stream);
    OutgoingBody::finish(body, None).map_err(|_| StreamError::Closed)
}

async fn response(answer: FutureIncomingResponse) -> Result<IncomingResponse, HttpError> {
    loop {
        match answer.get() {
            Some(Ok(result)) => return result.map_err(error),
            Some(Err(())) => return Err(broken()),
            None => Delivered::new(answer.subscribe()).await,
        }
    }
}

fn headers(fields: &Fields) -> Headers {
    fields.entries().into_iter().map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned())).collect()
}

/// The host did something that `wasi:http` does not allow.
fn broken() -> HttpError {
    HttpError::Failed("the host does not keep to wasi:http".to_owned())
}

fn error(code: ErrorCode) -> HttpError {
    use ErrorCode as E;
    let text = |text: &str| text.to_owned();
    match code {
        E::HttpRequestDenied => HttpError::Denied(text("no grant of this deployment allows the request")),
        E::DestinationIpProhibited => HttpError::Denied(text("no grant allows to reach that address")),
        E::DnsTimeout => HttpError::Timeout(text("the name was not resolved in time")),
        E::ConnectionTimeout => HttpError::Timeout(text("no connection in time")),
        E::ConnectionReadTimeout | E::ConnectionWriteTimeout => HttpError::Timeout(text("the connection fell silent")),
        E::HttpResponseTimeout => HttpError::Timeout(text("no answer in time")),
        E::DnsError(_) => HttpError::Unreachable(text("the name cannot be resolved")),
        E::DestinationNotFound | E::DestinationUnavailable | E::DestinationIpUnroutable => {
            HttpError::Unreachable(text("the address cannot be reached"))
        }
        E::ConnectionRefused => HttpError::Unreachable(text("the connection was refused")),
        E::ConnectionTerminated => HttpError::Unreachable(text("the connection was closed")),
        E::HttpResponseIncomplete => HttpError::Unreachable(text("the answer broke off")),
        E::ConnectionLimitReached => {
            HttpError::Unreachable(text("too many connections are open; ask for less at once"))
        }
        E::TlsProtocolError | E::TlsAlertReceived(_) => {
            HttpError::Unreachable(text("no encrypted connection was made"))
        }
        E::TlsCertificateError => HttpError::Unreachable(text("the server's certificate is not trusted")),
        E::HttpRequestBodySize(most) => HttpError::TooLarge(limit("the request's body", most)),
        E::HttpResponseBodySize(most) => HttpError::TooLarge(limit("the answer's body", most)),
        E::HttpRequestHeaderSectionSize(most) => HttpError::TooLarge(limit("the request's head", most.map(u64::from))),
        E::HttpResponseHeaderSectionSize(most) => HttpError::TooLarge(limit("the answer's head", most.map(u64::from))),
        E::HttpRequestUriTooLong => HttpError::TooLarge(text("the address is too long")),
        E::HttpRequestMethodInvalid => HttpError::Invalid(text("the method cannot be sent")),
        E::HttpRequestUriInvalid => HttpError::Invalid(text("the address cannot be sent")),
        E::InternalError(Some(why)) => HttpError::explained(&why),
        other => HttpError::Failed(other.to_string()),
    }
}

fn limit(what: &str, most: Option<u64>) -> String {
    most.map_or_else(
        || format!("{what} is larger than the host's limit"),
        |most| format!("{what} is larger than the host's limit of {most} bytes"),
    )
}
