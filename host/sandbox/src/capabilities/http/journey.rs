//! The way of one request to its answer: tries that fail and are made again, redirects that
//! are followed, each judged anew before anything is sent.
//!
//! ```text
//!            ┌───────────── pause, judged anew ◂──────────────┐ not served, and safe to repeat
//!   judged ──┴─▸ budget, circuit ─▸ sent ─▸ came ─────────────┤
//!            ┌─▸                              │               └─▸ the guest's answer
//!            └── the hop, judged as a request ◂ redirected, and granted
//! ```

use std::mem;
use std::time::Duration;

use http::Uri;
use tokio::time::{Instant, sleep};
use troupe_core::breaker::Ending;
use troupe_core::{Code, Effect, Error, Kind, Result, shown};
use troupe_egress::circuit::{self, Pass};
use troupe_egress::{Authority, Limits, Request, Response, headers};

use super::answer::Scrubbing;
use super::judge::{Asked, Judged, Leg, judge};
use super::outgoing::outgoing;
use super::{Shared, redirect, retry};
use crate::gate::{Drawn, NO_CREDENTIAL, Way};
use crate::injected::scrub_all;

/// A request on its way.
pub(super) struct Journey<'a> {
    pub(super) shared: &'a Shared,
    /// The number of the call.
    pub(super) number: u64,
    pub(super) asked: Asked,
    limits: Limits,
    /// When all of it must be over.
    until: Instant,
    /// How far the request reaches, as the journal has it.
    effect: Effect,
    /// How it got so far.
    pub(super) way: Way,
    /// Redirects and retries in all that every line it went by so far allows.
    redirects: u8,
    retries: u8,
    /// Whether a server may have seen it.
    sent: bool,
    /// The last redirect that was followed, in words.
    via: Option<String>,
}

/// An answer whose body is still to come, and what is held until it has been read.
pub(super) struct Arrived {
    pub(super) response: Response,
    pub(super) scrubbing: Option<Scrubbing>,
    pub(super) drawn: Drawn,
    /// None if it was told already how the request ended.
    pub(super) pass: Option<Pass>,
    pub(super) way: Way,
    /// Whether it was given all the time that the host gives.
    pub(super) patient: bool,
}

impl<'a> Journey<'a> {
    /// A request that is about to be sent for the first time.
    pub(super) fn new(shared: &'a Shared, number: u64, asked: Asked, limits: Limits, leg: &Leg) -> Self {
        let terms = leg.drawn.terms();
        let effect = leg.judged.permit.effect();
        let repeatable = effect == Effect::Read || asked.wishes.carries_token();
        let retries =
            if repeatable { asked.wishes.retries.map_or(terms.retries, |most| most.min(terms.retries)) } else { 0 };
        let redirects = if redirect::can_follow(&asked) { terms.redirects } else { 0 };
        let (way, until) = (Way::default(), Instant::now() + limits.total.min(Limits::default().total));
        Self { shared, number, asked, limits, until, effect, way, redirects, retries, sent: false, via: None }
    }

    /// Goes on until there is an answer for the guest.
    ///
    /// # Errors
    /// Those of [`troupe_egress::Client::send`]; [`Code::DeniedEgress`] for a redirect that must
    /// not be followed; those of [`Leg::begin`].
    pub(super) async fn arrive(&mut self, mut leg: Leg) -> Result<Arrived> {
        loop {
            let request = self.request();
            let limits = self.limits();
            let Leg { judged, drawn, pass } = leg;
            let (request, options, scrubbing) = outgoing(self.shared, request, &judged, limits)
                .map_err(|error| self.told(error.with("sent", false)))?;
            self.shared.meters.requests.add(1);
            self.shared.meters.bytes_sent.add(request.body.len() as u64);
            let came = judged.egress.client.send(request, &options).await;

            let patient =
                self.way.is_straight() && Limits { total: Limits::default().total, ..self.limits } == Limits::default();
            let status = came.as_ref().map(|response| response.status);
            let mut pass = Some(pass);
            let ending = circuit::ending(status, patient, judged.permit.action().is_some());
            if ending != Ending::Well {
                self.end(&mut pass, ending);
            }
            if let Ok(response) = &came {
                drawn.charge(headers::wire_bytes(&response.headers), &self.shared.gate)?;
            }
            if let Some(pause) = self.again(&came, &judged, &drawn) {
                if came.is_ok() {
                    self.sent = true;
                    self.end(&mut pass, Ending::Well);
                }
                drop((came, pass));
                leg = self.repeat(pause, drawn).await?;
                continue;
            }
            let response = came.map_err(|error| self.told(error))?;
            self.sent = true;
            if let Some(to) = self.leads(&response) {
                self.end(&mut pass, Ending::Well);
                drop(response);
                leg = self.follow(&to, &judged, drawn).await?;
                continue;
            }
            return Ok(Arrived { response, scrubbing, drawn, pass, way: self.way, patient });
        }
    }

    /// What is sent now. What may have to be sent again is kept.
    fn request(&mut self) -> Request {
        let Asked { method, uri, headers, body, .. } = &mut self.asked;
        let (headers, body) = if self.way.retries < self.retries || self.way.redirects < self.redirects {
            (headers.clone(), body.clone())
        } else {
            (mem::take(headers), mem::take(body))
        };
        Request { method: method.clone(), uri: uri.clone(), headers, body }
    }

    /// What it may take now.
    fn limits(&self) -> Limits {
        if self.way.is_straight() {
            return self.limits;
        }
        Limits { total: self.until.saturating_duration_since(Instant::now()), ..self.limits }
    }

    /// The pause before another try, if one is made: an answer is better than a try for which
    /// there is no budget.
    fn again(&self, came: &Result<Response>, judged: &Judged, drawn: &Drawn) -> Option<Duration> {
        if self.way.retries >= self.retries {
            return None;
        }
        let (shared, tries) = (self.shared, u32::from(self.way.retries) + 1);
        let left = self.until.saturating_duration_since(Instant::now());
        let seen = came.as_ref().map(|response| (response.status, &response.headers));
        let pause =
            retry::pause(seen, tries, retry::chance(&shared.seed, self.number, tries), left, shared.gate.now())?;
        let (circuits, authority) = (&judged.egress.circuits, judged.permit.authority());
        if !circuits.is_closed(&shared.partition, authority, shared.gate.now()) {
            return None;
        }
        drawn.again(self.asked.bytes(), &shared.gate).ok().map(|()| pause)
    }

    /// Waits, and readies the next try. What was granted may have been taken away meanwhile, or
    /// be granted by another line: then it goes by that one.
    async fn repeat(&mut self, pause: Duration, drawn: Drawn) -> Result<Leg> {
        self.way.retries = self.way.retries.saturating_add(1);
        self.shared.meters.retries.add(1);
        sleep(pause).await;
        let judged = judge(self.shared, &self.asked).await.map_err(|error| self.told(error.with("sent", false)))?;
        let judged = self.within_reach(judged)?;
        if judged.permit.terms().contains(drawn.terms()) {
            let pass = Leg::admit(self.shared, &judged).map_err(|error| self.told(error))?;
            return Ok(Leg { judged, drawn, pass });
        }
        drop(drawn);
        let leg = Leg::begin(self.shared, &self.asked, judged).map_err(|error| self.told(error))?;
        let terms = leg.drawn.terms();
        self.go_by(terms.redirects, terms.retries);
        if self.way.retries > terms.retries {
            let message = format!("it was not served, and the grant has it tried again {} times by now", terms.retries);
            return Err(self.told(Error::new(Code::DeniedCapability, message)));
        }
        Ok(leg)
    }

    /// Keeps within what a line that it goes by now allows as well. Redirects are counted from
    /// there: to that line it is a request.
    fn go_by(&mut self, redirects: u8, retries: u8) {
        self.redirects = self.redirects.min(self.way.redirects.saturating_add(redirects));
        self.retries = self.retries.min(retries.max(self.way.retries));
    }

    /// Where an answer leads, if that is to be followed.
    fn leads(&self, response: &Response) -> Option<Uri> {
        if self.redirects == 0 {
            return None;
        }
        redirect::target(&self.asked.uri, redirect::location(response.status, &response.headers)?)
    }

    /// Turns the request to where it was redirected, and judges it as one of the guest's.
    async fn follow(&mut self, to: &Uri, judged: &Judged, drawn: Drawn) -> Result<Leg> {
        let whole = to.to_string();
        let via = format!("{} redirects to {}, which is not followed", place(&self.asked.uri), place(to));
        self.via = Some(self.shared.injected.scrub(via));
        let denied = |why: &str| Err(self.told(Error::new(Code::DeniedEgress, why)));
        if self.way.redirects >= self.redirects {
            return denied(&format!("the grants it goes by follow {} of one request", self.redirects));
        }
        if scrub_all(&self.shared.injected.all(), whole.as_bytes()) != whole.as_bytes() {
            return denied("it carries what the host had added to the request");
        }
        let from = judged.permit.authority();
        let authority = Authority::of(to).map_err(|error| self.told(error))?;
        if from.tls && !authority.tls {
            return denied("it leads from https to http, where others can read it");
        }
        if authority == *from && drawn.terms().admits_path(to.path()) {
            let credential = judged.permit.credential().unwrap_or(NO_CREDENTIAL);
            self.asked.wishes.credential = Some(credential.to_owned());
        } else {
            redirect::strip(&mut self.asked.headers, &judged.placed);
            self.asked.wishes.credential = Some(NO_CREDENTIAL.to_owned());
        }
        // The hop has a place of its own.
        drop(drawn);
        self.asked.uri = to.clone();
        self.way.redirects = self.way.redirects.saturating_add(1);
        self.shared.meters.redirects.add(1);
        let judged = judge(self.shared, &self.asked).await.map_err(|error| self.told(error))?;
        let judged = self.within_reach(judged)?;
        let leg = Leg::begin(self.shared, &self.asked, judged).map_err(|error| self.told(error))?;
        let terms = leg.drawn.terms();
        self.go_by(terms.redirects, terms.retries);
        Ok(leg)
    }

    /// Refuses what reaches further than the request that the journal has.
    fn within_reach(&self, judged: Judged) -> Result<Judged> {
        if judged.permit.effect() <= self.effect {
            return Ok(judged);
        }
        let message =
            format!("it is a call of class {}, and the request was one of {}", judged.permit.effect(), self.effect);
        Err(self.told(Error::new(Code::DeniedEgress, message)))
    }

    /// An error as the guest is told it: whether anything was sent before, and, where a redirect
    /// led to what is denied, which one.
    fn told(&self, mut error: Error) -> Error {
        if let Some(via) = &self.via
            && error.code.kind() == Kind::Denied
        {
            let message = format!("{via}: {}", error.message);
            error = Error::new(Code::DeniedEgress, self.shared.injected.scrub(message)).with_cause(error);
        }
        if self.sent { error.with("sent", true) } else { error }
    }

    fn end(&self, pass: &mut Option<Pass>, ending: Ending) {
        if let Some(pass) = pass.take() {
            pass.ended(ending, self.shared.gate.now());
        }
    }
}

/// A URI without what may be nobody's business.
fn place(uri: &Uri) -> String {
    let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    shown(&format!("{}://{host}{}", uri.scheme_str().unwrap_or_default(), uri.path()))
}
