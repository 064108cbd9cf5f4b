//! Requests through `wasi:http`, with nothing checked here.

use wasip2::clocks::monotonic_clock;
use wasip2::http::outgoing_handler::{self, FutureIncomingResponse};
use wasip2::http::types::{ErrorCode, Fields, Method, OutgoingBody, OutgoingRequest, Scheme};
use wasip2::io::poll;
use wasip2::io::streams::{InputStream, StreamError};

use super::{Asked, Came};

/// Longest body that is told.
const BODY_BYTES_TOLD: usize = 64 * 1024;

pub type Begun = Result<FutureIncomingResponse, Came>;

/// Begins all requests, then waits for each in the order in which the host delivers.
pub fn all(requests: &[Asked], wait_ms: u64) -> (Vec<Came>, Vec<usize>) {
    let begun = begin(requests);
    wait(wait_ms);
    let mut came: Vec<Option<Came>> = Vec::new();
    let mut waiting = Vec::new();
    for (index, begun) in begun.into_iter().enumerate() {
        match begun {
            Ok(future) => {
                waiting.push((index, future));
                came.push(None);
            }
            Err(error) => came.push(Some(error)),
        }
    }
    let mut order = Vec::new();
    while !waiting.is_empty() {
        let pollables: Vec<_> = waiting.iter().map(|(_, future)| future.subscribe()).collect();
        let ready = poll::poll(&pollables.iter().collect::<Vec<_>>());
        drop(pollables);
        let mut others = waiting.iter().enumerate().filter(|(position, _)| !ready.contains(&(*position as u32)));
        assert!(ready.len() == 1 && others.all(|(_, (_, future))| future.get().is_none()), "one delivery at a time");
        for position in ready {
            let (index, future) = waiting.remove(position as usize);
            order.push(index);
            came[index] = Some(Came::default());
            came[index] = Some(answer(&future));
        }
    }
    (came.into_iter().map(Option::unwrap_or_default).collect(), order)
}

/// Waits for so long, and for nothing else.
pub fn wait(milliseconds: u64) {
    if milliseconds > 0 {
        monotonic_clock::subscribe_duration(milliseconds * 1_000_000).block();
    }
}

pub fn begin(requests: &[Asked]) -> Vec<Begun> {
    requests.iter().map(start).collect()
}

/// Writes bodies and sends none of the requests.
pub fn hoard(requests: &[Asked]) -> usize {
    let mut held = Vec::new();
    for asked in requests {
        let request = OutgoingRequest::new(Fields::new());
        request.set_path_with_query(Some(&asked.path)).expect("a path");
        let body = request.body().expect("a first body");
        let stream = body.write().expect("a first stream");
        let piece = vec![b'x'; 64 * 1024];
        for _ in 0..asked.body_bytes / piece.len() {
            if stream.check_write().unwrap_or(0) < piece.len() as u64 || stream.write(&piece).is_err() {
                break;
            }
        }
        held.push((stream, body, request));
    }
    held.len()
}

fn start(asked: &Asked) -> Begun {
    let odd = |what: &str| Came { error: Some(format!("guest: {what}")), ..Came::default() };
    let headers: Vec<(String, Vec<u8>)> =
        asked.headers.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())).collect();
    let headers = Fields::from_list(&headers).map_err(|error| odd(&format!("headers {error}")))?;
    let request = OutgoingRequest::new(headers);
    let method = match asked.method.as_str() {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        other => Method::Other(other.to_owned()),
    };
    let scheme = match asked.scheme.as_str() {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        other => Scheme::Other(other.to_owned()),
    };
    request.set_method(&method).map_err(|()| odd("method"))?;
    request.set_scheme(Some(&scheme)).map_err(|()| odd("scheme"))?;
    request.set_authority(Some(&asked.authority)).map_err(|()| odd("authority"))?;
    request.set_path_with_query(Some(&asked.path)).map_err(|()| odd("path"))?;
    let bytes = if asked.body_bytes > 0 { vec![b'x'; asked.body_bytes] } else { asked.body.clone().into_bytes() };
    let body = request.body().map_err(|()| odd("body"))?;
    if asked.early_bytes > 0 {
        write(body, &bytes, asked.early_bytes).map_err(|error| odd(&format!("early body {error:?}")))?;
        return outgoing_handler::handle(request, None).map_err(failed);
    }
    let future = outgoing_handler::handle(request, None).map_err(failed)?;
    // A refusal may close the body early; the answer tells.
    let _ = write(body, &bytes, bytes.len());
    Ok(future)
}

fn write(body: OutgoingBody, mut bytes: &[u8], piece: usize) -> Result<(), StreamError> {
    let stream = body.write().map_err(|()| StreamError::Closed)?;
    while !bytes.is_empty() {
        let room = stream.check_write()? as usize;
        if room == 0 {
            stream.subscribe().block();
            continue;
        }
        let (now, later) = bytes.split_at(room.min(piece).min(bytes.len()));
        stream.write(now)?;
        bytes = later;
    }
    stream.flush()?;
    drop(stream);
    OutgoingBody::finish(body, None).map_err(|_| StreamError::Closed)
}

fn answer(future: &FutureIncomingResponse) -> Came {
    let response = match future.get() {
        Some(Ok(Ok(response))) => response,
        Some(Ok(Err(error))) => return failed(error),
        other => return Came { error: Some(format!("guest: get gave {other:?}")), ..Came::default() },
    };
    let headers = response.headers().entries();
    let mut came = Came {
        status: Some(response.status()),
        headers: headers
            .into_iter()
            .map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()))
            .collect(),
        ..Came::default()
    };
    let Ok(body) = response.consume() else { return came };
    let Ok(stream) = body.stream() else { return came };
    let mut bytes = Vec::new();
    if let Err(error) = read(&stream, &mut bytes, &mut came.body_bytes) {
        came.error = Some(format!("guest: body {error:?}"));
    }
    came.body = String::from_utf8_lossy(&bytes).into_owned();
    came
}

fn read(stream: &InputStream, bytes: &mut Vec<u8>, count: &mut usize) -> Result<(), StreamError> {
    loop {
        match stream.blocking_read(64 * 1024) {
            Ok(piece) => {
                *count += piece.len();
                if bytes.len() < BODY_BYTES_TOLD {
                    bytes.extend(piece);
                }
            }
            Err(StreamError::Closed) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

fn failed(error: ErrorCode) -> Came {
    let sentence = match &error {
        ErrorCode::InternalError(sentence) => sentence.clone(),
        _ => None,
    };
    let name = format!("{error:?}").replace("ErrorCode::", "");
    let name = name.split('(').next().unwrap_or_default().to_owned();
    Came { error: Some(name), sentence, ..Came::default() }
}
