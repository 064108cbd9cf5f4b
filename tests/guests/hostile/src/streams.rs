//! Streams that are not read, not finished, or written to without measure; and headers
//! without measure.

use troupe_sdk::prelude::*;

#[derive(Deserialize, JsonSchema)]
pub struct Asked {
    /// The service, as `HOST:PORT`.
    pub authority: String,
    /// What is asked for.
    pub path: String,
    /// How long nothing of the answer may come, in milliseconds.
    #[serde(default)]
    pub idle_ms: u64,
    /// How long to leave the answer unread, in milliseconds.
    #[serde(default)]
    pub hold_ms: u64,
    /// Headers of its own.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
}

/// How an answer ended.
#[derive(Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Read {
    pub bytes: usize,
    /// The largest piece it came in.
    pub largest: usize,
    /// Whether it came to its end.
    pub whole: bool,
    /// Why not.
    pub error: String,
}

#[derive(Deserialize, JsonSchema)]
pub struct Write {
    /// How many zeroes to write.
    pub bytes: u64,
    /// Whether to write them in one call, whatever is allowed.
    pub at_once: bool,
    /// Whether into a request's body, and not to standard output.
    pub body: bool,
}

/// What was written.
#[derive(Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Written {
    pub bytes: u64,
    /// The most that the host allowed in one call.
    pub largest: u64,
}

#[derive(Deserialize, JsonSchema)]
pub struct Headers {
    /// How many.
    pub count: usize,
    /// How long the value of each is.
    pub bytes: usize,
    /// Whether to hand them over one by one.
    pub one_by_one: bool,
}

/// Asks for something, leaves the answer unread for a while, and reads it to its end.
#[cfg(target_family = "wasm")]
pub fn read(asked: &Asked) -> Read {
    use wasip2::clocks::monotonic_clock;
    use wasip2::http::outgoing_handler;
    use wasip2::http::types::{Fields, OutgoingRequest, RequestOptions, Scheme};
    use wasip2::io::streams::StreamError;

    let told = |error: String| Read { error, ..Read::default() };
    let headers = Fields::new();
    let _ = headers.set("troupe-explain", &[b"true".to_vec()]);
    for (name, value) in &asked.headers {
        if headers.append(name, value.as_bytes()).is_err() {
            return told(format!("the header `{name}` is not taken"));
        }
    }
    let request = OutgoingRequest::new(headers);
    let _ = request.set_scheme(Some(&Scheme::Http));
    let _ = request.set_authority(Some(&asked.authority));
    let _ = request.set_path_with_query(Some(&asked.path));
    let options = RequestOptions::new();
    if asked.idle_ms > 0 {
        let _ = options.set_between_bytes_timeout(Some(asked.idle_ms * 1_000_000));
    }
    let answer = match outgoing_handler::handle(request, Some(options)) {
        Ok(answer) => answer,
        Err(error) => return told(format!("{error:?}")),
    };
    answer.subscribe().block();
    let response = match answer.get() {
        Some(Ok(Ok(response))) => response,
        Some(Ok(Err(error))) => return told(format!("{error:?}")),
        _ => return told("no answer".to_owned()),
    };
    let Ok(body) = response.consume() else { return told("no body".to_owned()) };
    let Ok(stream) = body.stream() else { return told("no stream".to_owned()) };
    if asked.hold_ms > 0 {
        monotonic_clock::subscribe_duration(asked.hold_ms * 1_000_000).block();
    }
    let mut read = Read::default();
    loop {
        match stream.blocking_read(1 << 30) {
            Ok(piece) => {
                read.bytes += piece.len();
                read.largest = read.largest.max(piece.len());
            }
            Err(StreamError::Closed) => return Read { whole: true, ..read },
            Err(StreamError::LastOperationFailed(error)) => {
                return Read { error: error.to_debug_string(), ..read };
            }
        }
    }
}

/// Writes zeroes; whoever does not take them ends the program.
#[cfg(target_family = "wasm")]
pub fn write(write: &Write) -> Written {
    use wasip2::cli::stdout;
    use wasip2::http::types::{Fields, OutgoingRequest};

    let request = OutgoingRequest::new(Fields::new());
    let body = request.body();
    let stream = match &body {
        Ok(body) if write.body => body.write(),
        _ => Ok(stdout::get_stdout()),
    };
    let Ok(stream) = stream else { return Written::default() };
    let mut written = Written::default();
    while written.bytes < write.bytes {
        let left = write.bytes - written.bytes;
        let Ok(allowed) = stream.check_write() else { break };
        written.largest = written.largest.max(allowed);
        let now = if write.at_once { left } else { left.min(allowed) };
        if now == 0 {
            stream.subscribe().block();
        }
        if stream.write_zeroes(now).is_err() {
            break;
        }
        written.bytes += now;
    }
    written
}

/// Puts headers together, and tells how many were taken.
#[cfg(target_family = "wasm")]
pub fn headers(wanted: &Headers) -> usize {
    use wasip2::http::types::Fields;

    let header = |number: usize| (format!("x-{number}"), vec![b'v'; wanted.bytes]);
    if wanted.one_by_one {
        let fields = Fields::new();
        return (0..wanted.count).map(header).take_while(|(name, value)| fields.append(name, value).is_ok()).count();
    }
    let all: Vec<_> = (0..wanted.count).map(header).collect();
    Fields::from_list(&all).map_or(0, |fields| fields.entries().len())
}

/// There are no streams elsewhere.
#[cfg(not(target_family = "wasm"))]
pub fn read(asked: &Asked) -> Read {
    let Asked { authority, path, idle_ms, hold_ms, headers } = asked;
    Read { error: format!("{authority}{path} {idle_ms} {hold_ms} {headers:?}"), ..Read::default() }
}

#[cfg(not(target_family = "wasm"))]
pub fn write(write: &Write) -> Written {
    Written { bytes: if write.at_once && write.body { 0 } else { write.bytes }, largest: 0 }
}

#[cfg(not(target_family = "wasm"))]
pub fn headers(wanted: &Headers) -> usize {
    if wanted.one_by_one { wanted.count } else { wanted.bytes }
}
