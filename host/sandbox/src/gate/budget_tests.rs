use proptest::prelude::*;

use super::*;

fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000).plus(Duration::from_millis(ms))
}

fn line(id: &str, budget: HttpBudget) -> LineBudget {
    LineBudget { line: id.to_owned(), budget }
}

fn requests_a_minute(count: u32) -> HttpBudget {
    HttpBudget { requests_per_minute: Some(count), ..HttpBudget::default() }
}

#[test]
fn requests_beyond_a_minutes_worth_are_refused_and_told_when_to_come_again() {
    let (budgets, lines) = (Budgets::default(), [line("wiki", requests_a_minute(2))]);
    for _ in 0..2 {
        drop(budgets.draw(&lines, 0, at(0)).unwrap());
    }
    let error = budgets.draw(&lines, 0, at(10_000)).unwrap_err();
    assert_eq!((error.code, error.retryable), (Code::LimitBudget, true));
    assert_eq!((&error.details["retry_after_ms"], &error.details["sent"]), (&20_000.into(), &false.into()));
    assert_eq!(
        error.message,
        "the budget of the grant `http/wiki`, 2 requests a minute, is used up for now; try again in 20000 ms"
    );
    assert!(budgets.draw(&lines, 0, at(29_999)).is_err());
    drop(budgets.draw(&lines, 0, at(30_000)).unwrap());
    // A clock that is set back gives nothing and takes nothing.
    assert!(budgets.draw(&lines, 0, at(0)).is_err());
    assert!(budgets.draw(&lines, 0, at(60_000)).is_ok());
}

#[test]
fn places_are_held_until_they_are_given_back() {
    let budget = HttpBudget { concurrent: Some(2), ..HttpBudget::default() };
    let (budgets, lines) = (Budgets::default(), [line("wiki", budget)]);
    let held = (budgets.draw(&lines, 0, at(0)).unwrap(), budgets.draw(&lines, 0, at(0)).unwrap());
    let error = budgets.draw(&lines, 0, at(500_000)).unwrap_err();
    assert!(error.message.contains("2 requests at once") && error.details["retry_after_ms"] == 1_000, "{error}");
    // Who has a place tries again in it.
    held.0.again(0, at(500_000)).unwrap();
    drop(held.0);
    assert!(budgets.draw(&lines, 0, at(500_000)).is_ok());
}

#[test]
fn bytes_that_came_are_paid_before_more_is_sent() {
    let budget = HttpBudget { bytes_per_minute: Some(6_000), ..HttpBudget::default() };
    let (budgets, lines) = (Budgets::default(), [line("wiki", budget)]);
    let seats = budgets.draw(&lines, 1_000, at(0)).unwrap();
    seats.charge(5_000, at(0)).unwrap();
    let error = seats.charge(6_000, at(0)).unwrap_err();
    assert_eq!((error.code, &error.details["sent"]), (Code::LimitBudget, &true.into()));
    drop(seats);
    // A hundred bytes come back in a second, and six thousand are owed.
    let error = budgets.draw(&lines, 100, at(30_000)).unwrap_err();
    assert_eq!(error.details["retry_after_ms"], 31_000);
    assert!(budgets.draw(&lines, 100, at(61_000)).is_ok());
    let error = budgets.draw(&lines, 6_001, at(900_000)).unwrap_err();
    assert!(!error.retryable && error.message.contains("has 6001 bytes"), "{error}");
}

#[test]
fn a_request_that_one_budget_refuses_costs_the_others_nothing() {
    let wide = line("asked", requests_a_minute(3));
    let narrow = line("granted", requests_a_minute(1));
    let (budgets, both) = (Budgets::default(), [wide.clone(), narrow]);
    drop(budgets.draw(&both, 0, at(0)).unwrap());
    for _ in 0..5 {
        assert!(budgets.draw(&both, 0, at(0)).unwrap_err().message.contains("`http/granted`"));
    }
    assert!(budgets.0.lock().unwrap().values().all(|meter| meter.lock().open == 0));
    let alone = [wide];
    for _ in 0..2 {
        drop(budgets.draw(&alone, 0, at(0)).unwrap());
    }
    assert!(budgets.draw(&alone, 0, at(0)).is_err());
}

#[test]
fn budgets_that_nobody_uses_any_more_are_forgotten() {
    let budgets = Budgets::default();
    for number in 0..3 * limits::HTTP_BUDGETS_MAX {
        let now = at(number as u64 * 100_000);
        drop(budgets.draw(&[line(&format!("line-{number}"), requests_a_minute(1))], 0, now).unwrap());
    }
    assert!(budgets.0.lock().unwrap().len() <= limits::HTTP_BUDGETS_MAX);
}

proptest! {
    #[test]
    fn no_stretch_of_time_sees_more_than_a_minutes_worth_and_what_came_back_in_it(
        count in 1..40_u32, kib in 1..40_u64,
        steps in proptest::collection::vec((0..20_000_u64, 0..50_000_u64), 1..200),
    ) {
        let budget = HttpBudget {
            requests_per_minute: Some(count), bytes_per_minute: Some(kib * 1024), ..HttpBudget::default()
        };
        let mut level = Level::whole(&budget, at(0));
        let (mut now, mut passed) = (0, Vec::new());
        for (ms, bytes) in steps {
            now += ms;
            match level.take(&budget, bytes, at(now), true) {
                Ok(()) => passed.push((now, bytes)),
                Err(Lack::Request(wait) | Lack::Bytes(wait)) => {
                    // It is told the very moment from which on it is let through.
                    let mut then = level.clone();
                    let wait = u64::try_from(wait.as_millis()).unwrap();
                    prop_assert!((1..=60_000).contains(&wait));
                    let lacks = |level: &mut Level, ms: u64| level.take(&budget, bytes, at(now + ms), true).is_err();
                    prop_assert!(lacks(&mut then, wait - 1));
                    let again = level.clone().take(&budget, bytes, at(now + wait), true);
                    prop_assert!(again.is_ok() || matches!(again, Err(Lack::Bytes(_))));
                }
                Err(other) => prop_assert_eq!(other, Lack::EverSoManyBytes(bytes)),
            }
        }
        for (first, (from, _)) in passed.iter().enumerate() {
            let (mut requests, mut bytes) = (0, 0);
            for (until, more) in &passed[first..] {
                requests += 1;
                bytes += more;
                let stretch = 60_000 + until - from;
                prop_assert!(requests * 60_000 <= u64::from(count) * stretch, "{} in {} ms", requests, until - from);
                prop_assert!(bytes * 60_000 <= kib * 1024 * stretch, "{} bytes in {} ms", bytes, until - from);
            }
        }
    }

    #[test]
    fn places_are_never_more_than_there_are_and_all_come_back(
        most in 1..8_u32, steps in proptest::collection::vec(any::<bool>(), 1..200),
    ) {
        let lines = [line("wiki", HttpBudget { concurrent: Some(most), ..HttpBudget::default() })];
        let budgets = Budgets::default();
        let mut held = Vec::new();
        for takes in steps {
            if takes {
                match budgets.draw(&lines, 0, at(0)) {
                    Ok(seats) => held.push(seats),
                    Err(_) => prop_assert_eq!(held.len(), most as usize),
                }
            } else {
                held.pop();
            }
            prop_assert!(held.len() <= most as usize);
        }
        held.clear();
        prop_assert!(budgets.0.lock().unwrap().values().all(|meter| meter.lock().open == 0));
    }
}
