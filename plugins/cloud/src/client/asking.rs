//! Asking in turn, with patience that has an end.

use std::cell::Cell;
use std::time::{Duration, SystemTime};

use troupe_sdk::http::{Again, HttpError, Request, Response, Retry};
use troupe_sdk::time;
use troupe_sdk::wait::Turns;

use super::standing::{ALONE_TIME_MAX, SILENCES_MAX, Standing, try_time};

/// Eight tries, with 23 s of waiting between them at most, or what the service itself asks for: services that count
/// requests fill their buckets again within seconds.
const PATIENCE: Retry =
    Retry { tries: 8, first: Duration::from_millis(200), most: Duration::from_secs(10), until: None };

/// Most that answers have together, in bytes. The host journals each, and ends an invocation whose journal has more
/// than 1 GiB; so there is room for what else the agent does.
pub const ANSWERS_BYTES_MAX: u64 = 960 * 1024 * 1024;

/// What a request and the head of its answer take in the journal, rounded up.
const HEADS_BYTES: u64 = 4 * 1024;

/// How often a place that the host leaves alone is tried.
const ALONE_PAUSE: Duration = Duration::from_secs(1);

/// Why there is no answer that can be used, as one kind of services words it.
pub trait Faults: Clone {
    /// Returns an answer of the 200s, or the fault it carries.
    ///
    /// # Errors
    ///
    /// The fault.
    fn check(answer: Response) -> Result<Response, Self>;

    /// No answer came.
    fn of_transport(error: &HttpError) -> Self;

    /// The time was over before there was an answer.
    fn late() -> Self;

    /// A place left requests so often in a row without an answer, each for so long, and was not asked for this.
    fn silent(place: &str, times: u32, time: Duration) -> Self;

    /// There is no room for further answers.
    fn spent() -> Self;

    /// Says whether to try again.
    fn again(&self) -> Again;

    /// Reports whether the service asks for patience.
    fn is_throttled(&self) -> bool;
}

/// Asks services with a credential of the host's. Only what looks, or does no harm when it is asked twice, belongs
/// here.
#[derive(Debug)]
pub struct Asking<F> {
    credential: &'static str,
    turns: Turns,
    until: SystemTime,
    try_time: Duration,
    standing: Standing<F>,
    /// Bytes that further answers may have.
    left_bytes: Cell<u64>,
}

impl<F: Faults> Asking<F> {
    /// Begins to ask with a credential such as `azure:default`, with this many requests under way at once at most,
    /// until then; what is asked later is a fault at once.
    pub fn new(credential: &'static str, at_once: usize, until: SystemTime) -> Self {
        let time = until.duration_since(time::now()).unwrap_or_default();
        let (turns, try_time) = (Turns::new(at_once), try_time(time));
        let (standing, left_bytes) = (Standing::default(), Cell::new(ANSWERS_BYTES_MAX));
        Self { credential, turns, until, try_time, standing, left_bytes }
    }

    /// Has further answers have no more than this together, where the agent fills the journal with other things, too.
    pub fn bound_answers(&self, bytes: u64) {
        self.left_bytes.set(bytes);
    }

    /// Asks, again where that may help, and returns an answer of the 200s. `places` are those that the request goes
    /// to, the service's host first, then what falls silent with it, such as a region.
    ///
    /// # Errors
    ///
    /// The fault of the last try.
    pub async fn ask(&self, request: Request, places: &[&str]) -> Result<Response, F> {
        let (request, began) = (request.credential(self.credential), time::now());
        let host = places.first().copied().unwrap_or_default();
        let attempt = async || self.attempt(&request, host, places).await;
        let again = |fault: &F| if self.standing.is_worn(host) { Again::No } else { fault.again() };
        let asked = Retry { until: Some(self.until), ..PATIENCE }.run(attempt, again).await;
        if asked.as_ref().is_err_and(|fault| fault.again() != Again::No) {
            self.standing.wear(host, began);
        }
        asked
    }

    /// Tries once; while the host leaves the place alone that asked for patience, until it does no more.
    async fn attempt(&self, request: &Request, host: &str, places: &[&str]) -> Result<Response, F> {
        let error = match self.send(request, places).await? {
            Ok(answer) => return self.judge(host, answer),
            Err(error) => error,
        };
        if self.left_alone(host, &error).is_none() {
            return Err(F::of_transport(&error));
        }
        let (began, alone) = (time::now(), self.standing.alone(host));
        // One of them tries, and the others wait for it.
        let _turn = alone.take().await;
        loop {
            let error = match self.send(request, places).await? {
                Ok(answer) => return self.judge(host, answer),
                Err(error) => error,
            };
            let Some(throttled) = self.left_alone(host, &error) else { return Err(F::of_transport(&error)) };
            let next = time::now() + ALONE_PAUSE;
            if self.standing.is_worn(host) || next >= (began + ALONE_TIME_MAX).min(self.until) {
                self.standing.wear(host, began);
                return Err(throttled);
            }
            time::sleep(ALONE_PAUSE).await;
        }
    }

    /// Sends it in turn, if there is time and the place is not silent.
    async fn send(&self, request: &Request, places: &[&str]) -> Result<Result<Response, HttpError>, F> {
        let _turn = self.turns.take().await;
        let began = time::now();
        let left = self.until.duration_since(began).unwrap_or_default();
        if left.is_zero() {
            return Err(F::late());
        }
        if self.left_bytes.get() == 0 {
            return Err(F::spent());
        }
        if let Some(place) = self.standing.silent(places, began) {
            return Err(F::silent(place, SILENCES_MAX, self.try_time));
        }
        let sent = request.clone().timeout(left.min(self.try_time)).send().await;
        match &sent {
            Ok(answer) => {
                self.standing.heard(places);
                let bytes = answer.bytes().len() as u64 + HEADS_BYTES;
                self.left_bytes.set(self.left_bytes.get().saturating_sub(bytes));
            }
            Err(HttpError::Timeout(_)) if left <= self.try_time => return Err(F::late()),
            Err(HttpError::Timeout(_)) => self.standing.unheard(places, began, time::now()),
            Err(_) => {}
        }
        Ok(sent)
    }

    /// What the service said for which the host leaves it alone, if that is why a request was not sent: it does so
    /// where a service said again and again that it is not available, which is how some clouds ask for patience.
    fn left_alone(&self, host: &str, error: &HttpError) -> Option<F> {
        if matches!(error, HttpError::Unreachable(_)) { self.standing.throttled(host) } else { None }
    }

    /// Takes an answer for what it is.
    fn judge(&self, host: &str, answer: Response) -> Result<Response, F> {
        let judged = F::check(answer);
        self.standing.throttles(host, judged.as_ref().err().filter(|fault| fault.is_throttled()).cloned());
        if judged.as_ref().err().is_none_or(|fault| fault.again() == Again::No) {
            self.standing.served(host, time::now());
        }
        judged
    }
}
