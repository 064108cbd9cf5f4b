//! Which HTTP requests are allowed.
//!
//! The attack: a guest that may read one service asks for another, through a port, a
//! spelling of the host, a path that a server reads differently, or a body that names
//! another action than its URL; or it lets the host sign what was never granted. The
//! rule: scheme, host, port, path, method, credential and, where the host signs for AWS,
//! the action that the whole request names must stand in *one* grant, and the class of
//! its effect must not pass the skill's. All of it is decided on what is then sent. The
//! default: a request that no grant names, or whose action cannot be named for certain,
//! is not sent, and the guest is told which part was missing.

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, Uri};
use troupe_core::grant::{HttpGrant, LineBudget};
pub(super) use troupe_core::shown;
use troupe_core::{Code, Effect, Error, Grants, Result};
use troupe_egress::{Authority, AwsAction, aws, headers};

use super::secrets::is_reference;

/// The header value that asks for no credential.
pub(crate) const NO_CREDENTIAL: &str = "none";

/// A request whose body is whole, as the gate judges it.
#[derive(Debug)]
pub(crate) struct HttpAsk<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a Bytes,
    /// The credential that the guest names, or `none`.
    pub(crate) credential: Option<&'a str>,
}

/// Leave to send one request; made by [`decide`] alone.
#[derive(Debug)]
pub(crate) struct HttpPermit {
    authority: Authority,
    credential: Option<String>,
    action: Option<AwsAction>,
    effect: Effect,
    private: bool,
    terms: Vec<Terms>,
}

/// What a line says of requests that go by it. The default is that of a line that says
/// nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Terms {
    /// How many redirects are followed.
    pub(crate) redirects: u8,
    /// How often a request is tried again.
    pub(crate) retries: u8,
    /// The budgets that a request draws on.
    pub(super) budgets: Vec<LineBudget>,
    /// The line, where redirects are followed.
    line: Option<Box<HttpGrant>>,
}

impl Terms {
    fn of(line: &HttpGrant) -> Self {
        let kept = (line.redirects > 0).then(|| Box::new(line.clone()));
        Self { redirects: line.redirects, retries: line.retries, budgets: line.budgets(), line: kept }
    }

    /// Whether the line admits another path at its own place, where a redirect leads.
    pub(crate) fn admits_path(&self, path: &str) -> bool {
        self.line.as_ref().is_some_and(|line| line.admits_path(path))
    }
}

impl HttpPermit {
    /// What each line that allows the request says of it, the one that offers most first;
    /// none if no line says anything.
    pub(crate) fn terms(&self) -> &[Terms] {
        &self.terms
    }

    /// Where the grant leads.
    pub(crate) const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The credential to use, by name.
    pub(crate) fn credential(&self) -> Option<&str> {
        self.credential.as_deref()
    }

    /// The AWS action that the request names, where an AWS credential signs it.
    pub(crate) const fn action(&self) -> Option<&AwsAction> {
        self.action.as_ref()
    }

    /// How far the request reaches.
    pub(crate) const fn effect(&self) -> Effect {
        self.effect
    }

    /// Whether the host may lie in the operator's own network.
    pub(crate) const fn private(&self) -> bool {
        self.private
    }
}

/// Checks that grants can work: each action fits an operation that this host can name.
/// Whoever accepts a release or a grant asks, since a request can only be denied.
///
/// # Errors
/// [`Code::ManifestInvalid`] naming the grant and the action.
pub fn check_grants(grants: &Grants) -> Result<()> {
    for grant in &grants.http {
        for action in &grant.actions {
            aws::check(action).map_err(|error| error.context(format_args!("http capability `{}`", grant.id)))?;
        }
    }
    Ok(())
}

/// Checks the headers that a guest wants to send. What the host alone sets, the guest may
/// set where it holds nothing but a reference to a secret.
fn check_headers(given: &HeaderMap) -> Result<()> {
    let mut values = given.get_all(AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (Some(only), None) if is_reference(only.as_bytes()) => {
            let mut others = given.clone();
            others.remove(AUTHORIZATION);
            headers::check_guest(&others)
        }
        _ => headers::check_guest(given),
    }
}

/// Decides whether `grants` allow a request of a skill whose class is `ceiling`.
///
/// # Errors
/// [`Code::DeniedHeader`] naming a header that only the host may set,
/// [`Code::DeniedEgress`] for a URL that is never sent, [`Code::DeniedCapability`] naming
/// the part that no grant has, [`Code::DeniedSecret`] if the guest names a credential that
/// is granted for other places, and [`Code::RequestInvalid`] if it must name one.
pub(super) fn authorize(grants: &Grants, ceiling: Effect, ask: &HttpAsk<'_>) -> Result<HttpPermit> {
    decide(grants, ceiling, ask).map(|(permit, _)| permit)
}

/// Decides as [`authorize`] does, and names the grants that allow it.
///
/// # Errors
/// Those of [`authorize`].
pub(super) fn decide<'a>(
    grants: &'a Grants,
    ceiling: Effect,
    ask: &HttpAsk<'_>,
) -> Result<(HttpPermit, Vec<&'a HttpGrant>)> {
    check_headers(ask.headers)?;
    let authority = Authority::of(ask.uri)?;
    let method = ask.method.as_str();
    let place = format!("{}://{authority}", authority.scheme());
    let (host, port) = (authority.host.as_str(), authority.port);

    let named_elsewhere = ask.credential.is_some_and(|named| is_granted(grants, named));
    let not_here = |why: String| if named_elsewhere { astray(ask.credential, &why) } else { denied(&why) };

    let at_host = narrow(grants.http.iter(), |grant| grant.leads_to(authority.tls, host, port))
        .ok_or_else(|| not_here(format!("no grant of `http` leads to {place}")))?;
    let at_path = narrow(at_host, |grant| grant.admits_path(ask.uri.path()))
        .ok_or_else(|| not_here(format!("no grant of {place} admits the path `{}`", shown(ask.uri.path()))))?;
    let at_method = narrow(at_path, |grant| grant.admits_method(method))
        .ok_or_else(|| denied(&format!("no grant of {place} admits {method} at this path")))?;
    let credential = choose(&at_method, ask.credential, &place, &not_here)?;
    let with_credential: Vec<&HttpGrant> =
        at_method.into_iter().filter(|grant| grant.credential.as_deref() == credential.as_deref()).collect();

    let is_aws = with_credential.iter().any(|grant| grant.credential_kind() == Some("aws"));
    let (action, granting, effect) = if is_aws {
        let action = name(host, ask)
            .ok_or_else(|| denied(&format!("it cannot be said for certain which AWS action {method} {place} is")))?;
        let granting = narrow(with_credential, |grant| grant.admits_action(action.service, action.operation))
            .ok_or_else(|| denied(&format!("no grant of {place} lists the action `{action}`")))?;
        let effect = action.effect;
        (Some(action), granting, effect)
    } else {
        let effect = with_credential.iter().map(|grant| grant.effect_of(method)).min().unwrap_or(Effect::Destructive);
        (None, with_credential, effect)
    };
    if effect > ceiling {
        let what = action.as_ref().map_or_else(|| format!("{method} {place}"), |action| format!("`{action}`"));
        return Err(Error::new(Code::DeniedCapability, super::above_ceiling(&what, effect, ceiling)));
    }
    let private = granting.iter().any(|grant| grant.private || grant.host.address().is_some());
    let terms = terms(&granting);
    Ok((HttpPermit { authority, credential, action, effect, private, terms }, granting))
}

/// A request goes by one line: what another says of it is not mixed in.
fn terms(granting: &[&HttpGrant]) -> Vec<Terms> {
    let says_nothing = |line: &&HttpGrant| line.redirects == 0 && line.retries == 0 && line.budget.is_empty();
    if granting.iter().all(says_nothing) {
        return Vec::new();
    }
    let mut terms: Vec<Terms> = granting.iter().map(|line| Terms::of(line)).collect();
    terms.sort_by_key(|terms| (std::cmp::Reverse((terms.redirects, terms.retries)), terms.budgets.len()));
    terms
}

fn name(host: &str, ask: &HttpAsk<'_>) -> Option<AwsAction> {
    let target = ask.uri.path_and_query().map_or("/", |target| target.as_str());
    aws::action(host, ask.method.as_str(), target, ask.headers, ask.body)
}

/// The grants that pass; none if no grant does.
fn narrow<'a>(
    grants: impl IntoIterator<Item = &'a HttpGrant>,
    passes: impl Fn(&HttpGrant) -> bool,
) -> Option<Vec<&'a HttpGrant>> {
    let left: Vec<&HttpGrant> = grants.into_iter().filter(|grant| passes(grant)).collect();
    (!left.is_empty()).then_some(left)
}

/// The credential that the guest named, or the only one there is.
fn choose(
    grants: &[&HttpGrant],
    named: Option<&str>,
    place: &str,
    not_here: &impl Fn(String) -> Error,
) -> Result<Option<String>> {
    let mut known: Vec<&str> =
        grants.iter().map(|grant| grant.credential.as_deref().unwrap_or(NO_CREDENTIAL)).collect();
    known.sort_unstable();
    known.dedup();
    let chosen = match (named, known.as_slice()) {
        (Some(named), known) if known.contains(&named) => named,
        (Some(named), _) => {
            return Err(not_here(format!("no grant of {place} goes with the credential `{}`", shown(named))));
        }
        (None, [only]) => only,
        (None, _) => {
            return Err(Error::new(
                Code::RequestInvalid,
                format!(
                    "{place} is granted with more than one credential; name one in `troupe-credential`: {}",
                    known.join(", ")
                ),
            ));
        }
    };
    Ok((chosen != NO_CREDENTIAL).then(|| chosen.to_owned()))
}

/// Whether any grant goes with a credential.
fn is_granted(grants: &Grants, credential: &str) -> bool {
    grants.http.iter().any(|grant| grant.credential.as_deref() == Some(credential))
}

/// The error of a guest that asks for a credential on the way to where it was not granted.
fn astray(credential: Option<&str>, why: &str) -> Error {
    let named = shown(credential.unwrap_or(NO_CREDENTIAL));
    Error::new(Code::DeniedSecret, format!("the credential `{named}` is granted for other places: {why}"))
}

fn denied(why: &str) -> Error {
    Error::new(Code::DeniedCapability, format!("{why}; the manifest must ask for it and the operator grant it"))
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
