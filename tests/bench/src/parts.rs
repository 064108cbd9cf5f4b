//! The parts of what the gate does about a call, one by one, in the same run as P1 and P10:
//! whether the call may be made (authorise), that it is numbered and held against the limits
//! (meter), and that its row is made and waits for the next commit (journal). The calls are
//! those of P1 and P10: a read of a short key, and a request whose answer has 1 KiB.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::json;
use troupe_core::{Effect, Grants, SystemClock};
use troupe_sandbox::{Call, Entry, Parts, PartsRequest, StateAnswer, StateCall};

use crate::host::Failure;
use crate::p1::micros;
use crate::report::{Row, median};
use crate::server;

/// Calls in one round, and rounds.
const CALLS: u32 = 2_000;
const ROUNDS: usize = 51;

/// Rows that wait before a commit takes them, as many as an invocation of P10 makes.
const ROWS: u32 = 50;

pub async fn run() -> Result<Vec<Row>, Failure> {
    let grants: Grants = serde_json::from_value(json!({
        "state": { "bytes": 1 << 20, "keys": 10 },
        "http": [{ "id": "item", "scheme": "http", "host": "127.0.0.1", "port": 8080, "methods": ["GET", "POST"] }],
    }))?;
    let get = StateCall::Get { key: "a".to_owned() };
    let call = Call::State(get.clone());
    let found = StateAnswer::Entry(Some(Entry { value: b"14".to_vec(), revision: 1 }));
    let uri = "http://127.0.0.1:8080/v1/item".parse()?;
    let request = PartsRequest { method: Method::GET, uri, headers: HeaderMap::new(), body: Bytes::new() };
    let body = Bytes::from(vec![b'x'; server::BODY_BYTES]);
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("text/plain"))]);
    let gate = || Parts::new(grants.clone(), Effect::Destructive, Arc::new(SystemClock));
    if !(gate().authorise_state(&get) && gate().authorise_http(&request)) {
        return Err("the calls whose parts are measured are not allowed".into());
    }

    let mut times: [Vec<f64>; 5] = std::array::from_fn(|_| Vec::new());
    for _ in 0..ROUNDS {
        let gate = gate();
        let start = Instant::now();
        for _ in 0..CALLS {
            black_box(gate.authorise_state(black_box(&get)));
        }
        let authorise_state = start.elapsed();
        let start = Instant::now();
        for _ in 0..CALLS {
            black_box(gate.authorise_http(black_box(&request)));
        }
        let authorise_http = start.elapsed();
        let start = Instant::now();
        for _ in 0..CALLS {
            black_box(gate.meter()?);
        }
        let meter = start.elapsed();
        let start = Instant::now();
        for number in 0..CALLS {
            gate.journal_state(u64::from(number), black_box(&call), found.clone());
            if number % ROWS == 0 {
                gate.forget();
            }
        }
        let journal_state = start.elapsed();
        gate.forget();
        let start = Instant::now();
        for number in 0..CALLS {
            gate.journal_http(black_box(&request), &headers, &body).await?;
            if number % ROWS == 0 {
                gate.forget();
            }
        }
        let journal_http = start.elapsed();
        let all = [authorise_state, authorise_http, meter, journal_state, journal_http];
        for (times, elapsed) in times.iter_mut().zip(all) {
            times.push(micros(elapsed) / f64::from(CALLS));
        }
    }
    let rows = [
        ("P1 a", "authorise one state.get, alone"),
        ("P10a", "authorise one http read, alone: grant, action, secrets"),
        ("P1 m", "meter one call of either, alone: its number, the limits"),
        ("P1 j", "journal one state.get, alone: its row, which waits for the next commit"),
        ("P10j", "journal one http read, alone: its rows, from begun to delivered"),
    ];
    let row = |((id, what), times)| Row { id, what, value: median(times), unit: "us", reference: None, target: None };
    Ok(rows.into_iter().zip(times).map(row).collect())
}
