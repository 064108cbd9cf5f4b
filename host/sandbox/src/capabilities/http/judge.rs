//! Everything that is decided about one try of a request before it is sent.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, RANGE};
use http::{HeaderMap, Method, Uri};
use troupe_core::{Code, Error, Result};
use troupe_egress::circuit::Pass;
use troupe_egress::credentials::Credential;
use troupe_egress::headers;

use super::Shared;
use super::placing::Placed;
use super::wishes::Wishes;
use crate::egress::Egress;
use crate::gate::{Drawn, HttpAsk, HttpBody, HttpCall, HttpPermit, PlacingPermit, kept};

/// A request as the guest made it, without its wishes; or as a redirect turns it.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) wishes: Wishes,
}

impl Asked {
    /// What it weighs on a budget.
    pub(super) fn bytes(&self) -> usize {
        let target = self.uri.path_and_query().map_or(1, |target| target.as_str().len());
        self.method.as_str().len() + target + headers::wire_bytes(&self.headers) + self.body.len()
    }

    /// A request as the gate judges it.
    fn ask(&self) -> HttpAsk<'_> {
        HttpAsk {
            method: &self.method,
            uri: &self.uri,
            headers: &self.headers,
            body: &self.body,
            credential: self.wishes.credential.as_deref(),
        }
    }

    /// The call as the journal keeps it.
    pub(super) fn call(&self, permit: Option<&HttpPermit>) -> HttpCall {
        HttpCall {
            method: self.method.to_string(),
            url: self.uri.to_string(),
            headers: kept(&self.headers),
            body: HttpBody::of(&self.body),
            credential: permit.and_then(|permit| permit.credential().map(str::to_owned)),
            action: permit.and_then(|permit| permit.action().map(ToString::to_string)),
            repeatable: self.wishes.repeatable(),
            secrets: Vec::new(),
        }
    }
}

/// What was decided about a request, and what it takes to send it.
pub(super) struct Judged {
    pub(super) permit: HttpPermit,
    pub(super) egress: Arc<Egress>,
    pub(super) credential: Option<Arc<Credential>>,
    pub(super) placed: Placed,
}

/// Decides whether a request that is not sent might be: nothing is looked up for it, and
/// nothing placed in it. What comes after it is judged as if it had gone out.
pub(super) fn permit(shared: &Shared, asked: &Asked) -> Result<HttpPermit> {
    let (permit, placing) = permits(shared, asked)?;
    if exposes(&permit, &placing) {
        shared.injected.expose();
    }
    Ok(permit)
}

/// Whether the grants allow a request and the secrets that it asks for, and whether its headers
/// go together with what the host adds.
fn permits(shared: &Shared, asked: &Asked) -> Result<(HttpPermit, PlacingPermit)> {
    let ask = asked.ask();
    let (permit, placing) = (shared.gate.authorize_http(&ask)?, shared.gate.authorize_placing(&ask)?);
    let adds = exposes(&permit, &placing);
    if asked.headers.contains_key(RANGE) && (adds || shared.injected.is_exposed()) {
        let why = if adds {
            "the host adds a credential, and an answer in ranges cannot be searched for it"
        } else {
            "an earlier request carried what the host keeps, and an answer in ranges cannot be searched for it"
        };
        return Err(Error::new(Code::DeniedHeader, format!("an agent may not set the header `range` here: {why}")));
    }
    if asked.headers.contains_key(AUTHORIZATION) && permit.credential().is_some() {
        let why = "the host adds a credential; ask for none by `troupe-credential: none`";
        let message = format!("a reference cannot stand in `authorization` here: {why}");
        return Err(Error::new(Code::DeniedHeader, message));
    }
    Ok((permit, placing))
}

/// Whether a request carries something that the host keeps, as it is: a secret, or a credential
/// that does not sign.
fn exposes(permit: &HttpPermit, placing: &PlacingPermit) -> bool {
    (permit.credential().is_some() && permit.action().is_none()) || !placing.places().is_empty()
}

/// Decides whether a request may be sent, and gets what it is sent with.
pub(super) async fn judge(shared: &Shared, asked: &Asked) -> Result<Judged> {
    let (permit, placing) = permits(shared, asked)?;
    let Some(egress) = shared.egress.clone() else {
        return Err(Error::new(Code::DeniedCapability, "this host sends no requests for agents"));
    };
    let credential = match permit.credential() {
        None => None,
        Some(name) => {
            let found = egress.credentials.credential(&shared.tenant, name).await?.filter(|found| found.is_of(name));
            let found = found.ok_or_else(|| {
                let message = format!("the operator has set up no credential `{name}`, which the grant names");
                Error::new(Code::CredentialsInvalid, message)
            })?;
            found.check(name, &asked.uri)?;
            Some(found)
        }
    };
    let placed = Placed::get(shared, &egress, placing, &asked.uri).await?;
    Ok(Judged { permit, egress, credential, placed })
}

/// A request that may be sent now: judged, within its budget, to a place that is not left
/// alone.
pub(super) struct Leg {
    pub(super) judged: Judged,
    pub(super) drawn: Drawn,
    pub(super) pass: Pass,
}

impl Leg {
    /// Takes the place of one try in budget and circuit.
    ///
    /// # Errors
    /// [`Code::LimitBudget`] and [`Code::UnavailableCircuit`], telling when to come again.
    pub(super) fn begin(shared: &Shared, asked: &Asked, judged: Judged) -> Result<Self> {
        let pass = Self::admit(shared, &judged)?;
        let drawn = shared.gate.draw(&judged.permit, || asked.bytes());
        let drawn = drawn.inspect_err(|_| shared.meters.over_budget.add(1))?;
        Ok(Self { judged, drawn, pass })
    }

    /// Asks the circuit of its destination.
    ///
    /// # Errors
    /// [`Code::UnavailableCircuit`].
    pub(super) fn admit(shared: &Shared, judged: &Judged) -> Result<Pass> {
        let admitted = judged.egress.circuits.admit(&shared.partition, judged.permit.authority(), shared.gate.now());
        admitted.inspect_err(|_| shared.meters.left_alone.add(1))
    }
}
