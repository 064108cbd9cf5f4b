//! The steps, on the bare interfaces, so that no library's habits hide a difference.

use troupe_sdk::{log, progress, state};
use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::http::outgoing_handler::{self, FutureIncomingResponse};
use wasip2::http::types::{Fields, Method, OutgoingBody, OutgoingRequest, Scheme};
use wasip2::io::poll::{self, Pollable};
use wasip2::io::streams::StreamError;
use wasip2::random::random::get_random_u64;

use super::{Asked, keeping};

/// Most things waited for at once.
const OPEN_MAX: usize = 8;

/// Something that ends by itself; pollables go before what they belong to.
enum Open {
    Timer(Pollable),
    Answer(Pollable, FutureIncomingResponse),
}

impl Open {
    fn pollable(&self) -> &Pollable {
        match self {
            Self::Timer(pollable) | Self::Answer(pollable, _) => pollable,
        }
    }
}

pub fn below(most: usize) -> usize {
    (get_random_u64() % most as u64) as usize
}

pub fn take(asked: &Asked) -> Vec<String> {
    let mut seen = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let kinds = match (asked.all, asked.instance, asked.locks) {
        (_, _, true) => 36,
        (_, true, _) => 32,
        (true, ..) => 24,
        _ => 12,
    };
    for step in 0..asked.steps {
        let kind = if asked.other && step > asked.steps / 2 { 7 } else { below(kinds) };
        let saw = match kind {
            0..3 if open.len() < OPEN_MAX => request(asked, &mut open, below(4)),
            3..5 if open.len() < OPEN_MAX => timer(&mut open),
            0..7 if !open.is_empty() => wait(&mut open),
            7 => format!("set {:?}", state::set(&format!("k{}", below(4)), format!("v{}", below(100)))),
            8 => format!("get {:?}", state::get(&format!("k{}", below(4)))),
            9 if !open.is_empty() => spin(&mut open),
            10 => {
                log::info!("step {step}");
                progress::report(None, format!("step {step}"));
                "log".to_owned()
            }
            11 if !open.is_empty() && below(3) == 0 => {
                open.swap_remove(below(open.len()));
                "drop".to_owned()
            }
            12..24 => keeping::step(kind - 12),
            24..32 => keeping::of_instance(kind - 24),
            32..36 => keeping::of_locks(kind - 32),
            _ => "nothing".to_owned(),
        };
        let now = wall_clock::now();
        seen.push(format!(
            "{step} {saw} {}.{:03} {}",
            now.seconds,
            now.nanoseconds / 1_000_000,
            monotonic_clock::now()
        ));
    }
    seen
}

fn request(asked: &Asked, open: &mut Vec<Open>, kind: usize) -> String {
    let headers = Fields::new();
    let secret = if asked.all { keeping::secret() } else { None };
    let placed = secret.is_some_and(|secret| headers.append("x-key", secret.as_bytes()).is_ok());
    let request = OutgoingRequest::new(headers);
    let (method, path) = match kind {
        0 => (Method::Post, "/echo".to_owned()),
        1 => (Method::Get, "/nowhere-granted".to_owned()),
        2 => (Method::Get, format!("/v1/bytes/{}", below(100_000))),
        _ => (Method::Get, format!("/v1/slow?{}", below(1000))),
    };
    let path = if kind == 0 { format!("/v1{path}") } else { path };
    let set = request.set_method(&method).is_ok()
        && request.set_scheme(Some(if asked.plain { &Scheme::Http } else { &Scheme::Https })).is_ok()
        && request.set_authority(Some(&asked.authority)).is_ok()
        && request.set_path_with_query(Some(&path)).is_ok();
    let body = request.body();
    match (outgoing_handler::handle(request, None), body) {
        (Ok(future), Ok(body)) => {
            let finished = OutgoingBody::finish(body, None).is_ok();
            open.push(Open::Answer(future.subscribe(), future));
            format!("request {path} {set} {finished}{}", if placed { " placed" } else { "" })
        }
        (other, _) => format!("request {path} {other:?}"),
    }
}

fn timer(open: &mut Vec<Open>) -> String {
    let nanoseconds = below(20_000_000) as u64;
    let pollable = if below(2) == 0 {
        monotonic_clock::subscribe_duration(nanoseconds)
    } else {
        monotonic_clock::subscribe_instant(monotonic_clock::now() + nanoseconds)
    };
    open.push(Open::Timer(pollable));
    format!("timer {nanoseconds}")
}

/// Waits for a random part of what is open.
fn wait(open: &mut Vec<Open>) -> String {
    let first = below(open.len());
    let count = 1 + below(open.len() - first);
    let part: Vec<&Pollable> = open.iter().skip(first).take(count).map(Open::pollable).collect();
    let ready = poll::poll(&part);
    drop(part);
    let mut saw = format!("poll {first}+{count} {ready:?}");
    for index in ready.iter().rev() {
        saw.push(' ');
        saw.push_str(&end(open.remove(first + *index as usize)));
    }
    saw
}

/// Looks without waiting.
fn spin(open: &mut Vec<Open>) -> String {
    let index = below(open.len());
    for turn in 0..below(200) {
        if open[index].pollable().ready() {
            return format!("ready {index} at {turn} {}", end(open.remove(index)));
        }
    }
    let early = match &open[index] {
        Open::Answer(_, future) => future.get().is_some(),
        Open::Timer(_) => false,
    };
    format!("not ready {index} {early}")
}

fn end(open: Open) -> String {
    let Open::Answer(pollable, future) = open else { return "rang".to_owned() };
    drop(pollable);
    let response = match future.get() {
        Some(Ok(Ok(response))) => response,
        other => return format!("{other:?}"),
    };
    let mut told = format!("{} {:?}", response.status(), response.headers().entries().len());
    let Ok(body) = response.consume() else { return told };
    let Ok(stream) = body.stream() else { return told };
    let (mut bytes, mut reads, mut hash) = (0, 0, 0_u64);
    loop {
        reads += 1;
        match stream.read(1 + below(40_000) as u64) {
            Ok(piece) if piece.is_empty() => stream.subscribe().block(),
            Ok(piece) => {
                bytes += piece.len();
                hash = piece.iter().fold(hash, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(*byte)));
            }
            Err(StreamError::Closed) => break,
            Err(error) => return format!("{told} {error:?}"),
        }
    }
    told.push_str(&format!(" {bytes} in {reads} {hash:x}"));
    told
}
