//! What is known of the places that are asked: whether they answer, ask for patience, or have used it up.
//!
//! | a place that | costs without this | so |
//! |---|---|---|
//! | takes requests and never answers | the whole time of the agent: each request is tried again and again, and each try holds a turn | after [`SILENCES_MAX`] times it is asked once in [`REST`] alone, until it answers |
//! | was asked so often in vain that a request gave up | as many tries for each of thousands of further requests, which keeps it from coming back | it is asked once for each, until it answers |
//! | asked for patience so often by 503 that the host leaves it alone for a while, as it does of every cloud but AWS | tries that are never sent, and an error that names the host's circuit for the service's word | the tries wait until the host asks again |
//!
//! Many requests are under way at once and fall silent together, so that counts as once: only a try that began after
//! the last silence was noted counts anew. Any answer, an error too, ends a silence.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use troupe_sdk::wait::Turns;

/// So many times in a row a place leaves requests without an answer before it is left in peace: twice, so
/// that a short break of the network costs nothing.
pub const SILENCES_MAX: u32 = 2;

/// How long a place that is silent is left in peace before one request finds out whether it still is: three tries
/// of the longest, so that finding out takes a small part of the time.
const REST: Duration = Duration::from_secs(60);

/// Longest that a request waits in all for a place that the host leaves alone: the host asks it again after five
/// seconds, then ten, twenty and forty.
pub const ALONE_TIME_MAX: Duration = Duration::from_secs(80);

/// Longest and shortest that one try takes, whatever time there is: clouds answer a page within seconds, and the host
/// alone would wait a minute for its first byte.
const TRY_TIME: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(20)];

/// How long one try may take of so much time: a quarter, so that a place that is silent is given up while there is
/// time for the others.
pub fn try_time(time: Duration) -> Duration {
    let [least, most] = TRY_TIME;
    (time / 4).clamp(least, most)
}

/// What is known of places. `F` is how the service words a fault.
#[derive(Debug)]
pub struct Standing<F>(RefCell<BTreeMap<String, Place<F>>>);

#[derive(Debug)]
struct Place<F> {
    silences: u32,
    /// When the last silence was noted.
    silent_at: Option<SystemTime>,
    /// What the service said when it last asked for patience, until it answers something else.
    throttled: Option<F>,
    /// The turn to try while the host leaves it alone.
    alone: Rc<Turns>,
    is_worn: bool,
    /// When it last did what it was asked for, or said that it never will.
    served_at: Option<SystemTime>,
}

impl<F> Default for Place<F> {
    fn default() -> Self {
        let alone = Rc::new(Turns::new(1));
        Self { silences: 0, silent_at: None, throttled: None, alone, is_worn: false, served_at: None }
    }
}

impl<F> Default for Standing<F> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<F: Clone> Standing<F> {
    /// The first of these places that is not to be asked, since it is silent and one that is to find out whether it
    /// still is was let through already.
    pub fn silent<'a>(&self, places: &[&'a str], now: SystemTime) -> Option<&'a str> {
        let mut all = self.0.borrow_mut();
        for place in places {
            let Some(one) = all.get_mut(*place).filter(|one| one.silences >= SILENCES_MAX) else { continue };
            if one.silent_at.is_some_and(|last| now < last + REST) {
                return Some(place);
            }
            one.silent_at = Some(now);
        }
        None
    }

    /// Notes that a try which began then was left without an answer.
    pub fn unheard(&self, places: &[&str], began: SystemTime, now: SystemTime) {
        for place in places {
            self.with(place, |one| {
                if one.silent_at.is_none_or(|last| began >= last) {
                    one.silences += 1;
                    one.silent_at = Some(now);
                }
            });
        }
    }

    /// Notes that a try was answered, by an error of the service perhaps.
    pub fn heard(&self, places: &[&str]) {
        for place in places {
            self.with(place, |one| one.silences = 0);
        }
    }

    /// Notes what the service said that asks for patience, or that it did something else.
    pub fn throttles(&self, place: &str, fault: Option<F>) {
        self.with(place, |one| one.throttled = fault);
    }

    /// What a place said that asks for patience, if it was the last that it said.
    pub fn throttled(&self, place: &str) -> Option<F> {
        self.0.borrow().get(place)?.throttled.clone()
    }

    /// The turn to try a place while the host leaves it alone.
    pub fn alone(&self, place: &str) -> Rc<Turns> {
        self.with(place, |one| Rc::clone(&one.alone))
    }

    /// Notes that a request which began then gave up; one that was served meanwhile says that others may hope.
    pub fn wear(&self, place: &str, began: SystemTime) {
        self.with(place, |one| one.is_worn = one.served_at.is_none_or(|served| served < began));
    }

    /// Notes that a place did what it was asked for, or said that it never will.
    pub fn served(&self, place: &str, now: SystemTime) {
        self.with(place, |one| (one.is_worn, one.served_at) = (false, Some(now)));
    }

    /// Reports whether trying again is of no use for now.
    pub fn is_worn(&self, place: &str) -> bool {
        self.0.borrow().get(place).is_some_and(|one| one.is_worn)
    }

    fn with<T>(&self, place: &str, change: impl FnOnce(&mut Place<F>) -> T) -> T {
        let mut all = self.0.borrow_mut();
        match all.get_mut(place) {
            Some(one) => change(one),
            None => change(all.entry(place.to_owned()).or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "ec2.eu-west-1.amazonaws.com";

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn requests_that_fall_silent_together_count_once_and_an_answer_ends_it() {
        let standing = Standing::<()>::default();
        let places = [HOST, "eu-west-1"];
        for _ in 0..8 {
            standing.unheard(&places, at(0), at(20));
        }
        assert_eq!(standing.silent(&places, at(20)), None);
        standing.heard(&["eu-west-1"]);
        standing.unheard(&places, at(20), at(40));
        assert_eq!(standing.silent(&places, at(40)), Some(HOST));
        assert_eq!(standing.silent(&["eu-west-1"], at(40)), None, "the region has answered in between");
        standing.unheard(&places, at(41), at(61));
        assert_eq!(standing.silent(&["eu-west-1"], at(61)), Some("eu-west-1"));
        standing.heard(&places);
        assert_eq!(standing.silent(&places, at(61)), None);
    }

    #[test]
    fn one_request_finds_out_whether_a_silent_place_still_is() {
        let standing = Standing::<()>::default();
        standing.unheard(&[HOST], at(0), at(20));
        standing.unheard(&[HOST], at(20), at(40));
        assert_eq!(standing.silent(&[HOST], at(99)), Some(HOST));
        assert_eq!(standing.silent(&[HOST], at(100)), None);
        assert_eq!(standing.silent(&[HOST], at(101)), Some(HOST), "the others wait for what it finds");
    }

    #[test]
    fn a_try_takes_a_quarter_of_the_time_within_bounds() {
        for (time, try_takes) in [(8, 5), (40, 10), (595, 20)] {
            assert_eq!(try_time(Duration::from_secs(time)), Duration::from_secs(try_takes));
        }
    }

    #[test]
    fn what_a_place_said_last_is_known() {
        let standing = Standing::default();
        assert_eq!(standing.throttled(HOST), None);
        standing.throttles(HOST, Some("SlowDown"));
        assert_eq!(standing.throttled(HOST), Some("SlowDown"));
        standing.throttles(HOST, None);
        assert_eq!(standing.throttled(HOST), None);
    }

    #[test]
    fn a_place_is_worn_where_a_request_gave_up_and_none_was_served_since_it_began() {
        let standing = Standing::<()>::default();
        standing.served(HOST, at(5));
        standing.wear(HOST, at(4));
        assert!(!standing.is_worn(HOST));
        standing.wear(HOST, at(6));
        assert!(standing.is_worn(HOST));
        standing.served(HOST, at(7));
        assert!(!standing.is_worn(HOST));
    }
}
