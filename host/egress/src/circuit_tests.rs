use proptest::prelude::*;

use super::*;

fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000).plus(Duration::from_millis(ms))
}

fn authority(host: &str) -> Authority {
    Authority { tls: true, host: host.to_owned(), port: 443 }
}

fn tenant(name: &str) -> Arc<str> {
    Arc::from(name)
}

/// Sends so many requests that end as said.
fn send(circuits: &Circuits, name: &str, host: &str, ending: Ending, times: usize, now: Timestamp) {
    for _ in 0..times {
        circuits.admit(&tenant(name), &authority(host), now).unwrap().ended(ending, now);
    }
}

#[test]
fn a_destination_that_fails_is_left_alone_by_its_tenant_and_no_other() {
    let circuits = Circuits::default();
    send(&circuits, "a", "down.example", Ending::Failed, limits::CIRCUIT_FAILURES, at(0));
    let error = circuits.admit(&tenant("a"), &authority("down.example"), at(1_000)).unwrap_err();
    assert_eq!((error.code, error.retryable), (Code::UnavailableCircuit, true));
    assert_eq!((&error.details["retry_after_ms"], &error.details["sent"]), (&4_000.into(), &false.into()));
    insta::assert_snapshot!(error.message, @"`down.example` failed again and again and is left alone for a while; try again in 4 s");
    send(&circuits, "a", "up.example", Ending::Well, 1, at(1_000));
    send(&circuits, "b", "down.example", Ending::Well, 1, at(1_000));
    let plain = Authority { tls: false, port: 80, ..authority("down.example") };
    drop(circuits.admit(&tenant("a"), &plain, at(1_000)).unwrap());
}

#[test]
fn one_probe_goes_through_and_gives_its_place_back_when_it_is_let_go_of() {
    let circuits = Circuits::default();
    send(&circuits, "a", "down.example", Ending::Failed, limits::CIRCUIT_FAILURES, at(0));
    let admit = |ms: u64| circuits.admit(&tenant("a"), &authority("down.example"), at(ms));
    let probe = admit(5_000).unwrap();
    assert_eq!(admit(5_000).unwrap_err().details["retry_after_ms"], 1_000);
    drop(probe);
    admit(5_000).unwrap().ended(Ending::Failed, at(5_000));
    assert_eq!(admit(6_000).unwrap_err().details["retry_after_ms"], 9_000);
    admit(15_000).unwrap().ended(Ending::Well, at(15_000));
    let both = (admit(15_000).unwrap(), admit(15_000).unwrap());
    drop(both);
    assert_eq!(circuits.0.count.load(Ordering::Relaxed), 0, "what works is not remembered");
}

#[test]
fn what_an_end_says_is_told_by_its_status_or_error() {
    for status in [502, 503, 504] {
        assert_eq!(ending(Ok(StatusCode::from_u16(status).unwrap()), true, false), Ending::Failed);
    }
    let aws = [502, 503, 504].map(|status| ending(Ok(StatusCode::from_u16(status).unwrap()), true, true));
    assert_eq!(aws, [Ending::Failed, Ending::Unknown, Ending::Failed]);
    for status in [200, 302, 404, 429, 500, 501] {
        assert_eq!(ending(Ok(StatusCode::from_u16(status).unwrap()), true, false), Ending::Well, "{status}");
    }
    let of = |code: Code, patient: bool| ending(Err(&Error::new(code, "x")), patient, false);
    for code in [Code::UnavailableUpstream, Code::LimitIdle, Code::LimitDeadline] {
        assert_eq!((of(code, true), of(code, false)), (Ending::Failed, Ending::Unknown));
    }
    assert_eq!(of(Code::UnavailableDns, false), Ending::Failed);
    for code in [Code::DeniedEgress, Code::LimitConnections, Code::LimitBody, Code::DeniedHeader] {
        assert_eq!(of(code, true), Ending::Unknown);
    }
}

#[test]
fn the_table_is_bounded_and_forgets_what_is_closed_first() {
    let circuits = Circuits::default();
    send(&circuits, "a", "down.example", Ending::Failed, limits::CIRCUIT_FAILURES, at(0));
    for number in 0..2 * limits::CIRCUITS_PER_TENANT_MAX {
        send(&circuits, "a", &format!("{number}.example"), Ending::Failed, 1, at(1_000));
    }
    let count = circuits.0.count.load(Ordering::Relaxed);
    assert!(count <= limits::CIRCUITS_PER_TENANT_MAX, "{count}");
    assert!(circuits.admit(&tenant("a"), &authority("down.example"), at(1_000)).is_err());
    // Another tenant has room of its own.
    send(&circuits, "b", "down.example", Ending::Failed, 1, at(1_000));
    assert_eq!(circuits.0.count.load(Ordering::Relaxed), count + 1);
}

proptest! {
    #[test]
    fn at_most_one_probe_is_under_way_and_nothing_stays_shut(
        steps in proptest::collection::vec((0..5_u8, 0..8_000_u64, 0..8_usize), 1..300)
    ) {
        let circuits = Circuits::default();
        let (name, place) = (tenant("a"), authority("down.example"));
        let mut now = 0;
        let mut running: Vec<Pass> = Vec::new();
        for (step, ms, which) in steps {
            now += ms;
            let is_open = !circuits.is_closed(&name, &place, at(now));
            match step {
                0 | 1 => match circuits.admit(&name, &place, at(now)) {
                    Ok(pass) => {
                        prop_assert!(!is_open);
                        running.push(pass);
                    }
                    Err(error) => {
                        prop_assert!(is_open);
                        let wait = error.details["retry_after_ms"].as_u64().unwrap();
                        prop_assert!(wait > 0 && wait <= 60_000);
                    }
                },
                _ if running.is_empty() => {}
                2 => drop(running.swap_remove(which % running.len())),
                3 => running.swap_remove(which % running.len()).ended(Ending::Failed, at(now)),
                _ => running.swap_remove(which % running.len()).ended(Ending::Well, at(now)),
            }
        }
        drop(running);
        prop_assert!(circuits.admit(&name, &place, at(now + 60_000)).is_ok());
    }
}
