//! When the host tries a request again, and after which pause.
//!
//! The danger: a retry does a write twice, or many clients that failed together come back
//! together and keep a service down. The rule: only what reads, or carries a token of the
//! host's by which the server can tell a repetition, is tried again, and only where it was
//! not served: no connection came about, or the server said 429, 502, 503 or 504. The pause
//! is anything below a bound that doubles with each try (*full jitter*); a `Retry-After` is
//! waited out before it. The default: no grant, no retry.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use sha2::{Digest as _, Sha256};
use troupe_core::{Code, Error, Result, Timestamp, backoff, limits};

/// How long to wait before the try after `tries`, whose answer or error came; none if it is
/// not tried again. `left` is what is left of the request's time, `chance` is drawn evenly
/// from all numbers.
pub(super) fn pause(
    came: Result<(StatusCode, &HeaderMap), &Error>,
    tries: u32,
    chance: u64,
    left: Duration,
    now: Timestamp,
) -> Option<Duration> {
    let asked = match came {
        Ok((status, headers)) if is_busy(status) => retry_after(headers, now).unwrap_or_default(),
        Err(error) if did_not_connect(error) => Duration::ZERO,
        _ => return None,
    };
    if asked > limits::HTTP_RETRY_AFTER_MAX {
        return None;
    }
    let bound = backoff::bound(limits::HTTP_RETRY_PAUSE_FIRST, tries, limits::HTTP_TOTAL_TIME_MAX);
    let pause = asked.saturating_add(backoff::part(bound, chance));
    (pause < left).then_some(pause)
}

fn is_busy(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

/// Whether nothing of a request can have reached the server, which may be there later.
fn did_not_connect(error: &Error) -> bool {
    let unsent = error.details.get("sent").and_then(serde_json::Value::as_bool) == Some(false);
    unsent && matches!(error.code, Code::UnavailableDns | Code::UnavailableUpstream)
}

/// How long a server asks to wait (RFC 9110, 10.2.3): seconds, or a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Timestamp::from_http_date(text).map(|at| at.since(now)),
    }
}

/// A number for the try after `tries` of a call: as good as drawn by chance, since the seed
/// is, and the same when an invocation is looked at again.
pub(super) fn chance(seed: &[u8; 32], number: u64, tries: u32) -> u64 {
    let hash = Sha256::new().chain_update(b"troupe-retry").chain_update(seed);
    let hash = hash.chain_update(number.to_be_bytes()).chain_update(tries.to_be_bytes()).finalize();
    hash.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_445_412_440_000);
    const LEFT: Duration = Duration::from_secs(300);

    fn answered(status: u16, after: Option<&str>, tries: u32, chance: u64) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        if let Some(after) = after {
            headers.insert(RETRY_AFTER, after.parse().unwrap());
        }
        pause(Ok((StatusCode::from_u16(status).unwrap(), &headers)), tries, chance, LEFT, NOW)
    }

    #[test]
    fn only_what_was_not_served_is_tried_again() {
        for status in [429, 502, 503, 504] {
            assert!(answered(status, None, 1, 0).is_some());
        }
        for status in [200, 301, 400, 404, 408, 409, 425, 500, 501, 505] {
            assert_eq!(answered(status, None, 1, 0), None, "{status}");
        }
        let failed = |code: Code, sent: bool| pause(Err(&Error::new(code, "x").with("sent", sent)), 1, 0, LEFT, NOW);
        assert!(failed(Code::UnavailableUpstream, false).is_some() && failed(Code::UnavailableDns, false).is_some());
        for code in [Code::DeniedEgress, Code::LimitConnections, Code::LimitIdle, Code::LimitBody] {
            assert_eq!(failed(code, false), None, "{code}");
        }
        assert_eq!(failed(Code::UnavailableUpstream, true), None);
    }

    #[test]
    fn what_a_server_asks_for_is_waited_out_where_it_fits() {
        let seconds = |text: &str| answered(503, Some(text), 1, 0).map(|pause| pause.as_secs());
        assert_eq!((seconds("7"), seconds(" 30 "), seconds("31")), (Some(7), Some(30), None));
        assert_eq!(seconds("Wed, 21 Oct 2015 07:27:40 GMT"), Some(20));
        assert_eq!(seconds("Wed, 21 Oct 2015 07:28:40 GMT"), None);
        assert_eq!(seconds("Wed, 21 Oct 2015 07:00:00 GMT"), Some(0));
        // What cannot be read asks for nothing.
        assert_eq!((seconds("soon"), seconds("-1")), (Some(0), Some(0)));
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, "5".parse().unwrap());
        let busy = Ok((StatusCode::SERVICE_UNAVAILABLE, &headers));
        assert_eq!(pause(busy, 1, 0, Duration::from_secs(5), NOW), None);
    }

    #[test]
    fn each_try_draws_a_number_of_its_own() {
        let all: std::collections::BTreeSet<u64> =
            (0..100).flat_map(|number| (1..4).map(move |tries| chance(&[1; 32], number, tries))).collect();
        assert_eq!(all.len(), 300);
        assert_eq!(chance(&[1; 32], 1, 1), chance(&[1; 32], 1, 1));
        assert_ne!(chance(&[1; 32], 1, 1), chance(&[2; 32], 1, 1));
    }

    proptest! {
        #[test]
        fn a_pause_is_anything_below_a_bound_that_doubles(tries in 1..10_u32, chance in any::<u64>()) {
            let bound = limits::HTTP_RETRY_PAUSE_FIRST * (1 << (tries - 1));
            let pause = answered(503, None, tries, chance).unwrap();
            prop_assert!(pause < bound);
            prop_assert!(answered(503, None, tries, u64::MAX).unwrap() > bound / 100 * 99);
            prop_assert!(answered(503, None, tries, chance / 2).unwrap() <= pause);
        }
    }
}
