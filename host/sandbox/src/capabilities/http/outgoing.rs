//! A request as it leaves: mapped, prepared, signed; and the rules it is sent under.

use std::sync::Arc;

use http::HeaderValue;
use http::header::ACCEPT_ENCODING;
use troupe_core::{Error, Result};
use troupe_egress::credentials::CredentialKind;
use troupe_egress::{AddressPolicy, Exemption, Limits, Request, SendOptions, sigv4};

use super::judge::Judged;
use super::{Shared, answer};

/// Makes of a request that was judged what is sent.
pub(super) fn outgoing(
    shared: &Shared,
    mut request: Request,
    judged: &Judged,
    limits: Limits,
) -> Result<(Request, SendOptions, Option<answer::Scrubbing>)> {
    let Judged { permit, egress, credential, placed } = judged;
    let authority = permit.authority();
    let mut policy = AddressPolicy::new(Arc::clone(&egress.own_addresses));
    if permit.private() {
        policy = policy.with(Exemption::Granted { host: authority.host.clone(), port: authority.port });
    }
    let service = permit.action().map(|action| action.service);
    if let Some(endpoint) = egress.endpoints.find(&authority.host, service) {
        policy = policy.with(endpoint.exemption());
        request.uri = endpoint.apply(&request.uri)?;
    }
    let mut must_be_plain = !placed.is_empty();
    if must_be_plain || credential.is_some() {
        // A compressed answer would hide from the scrubber what it echoes.
        request.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    for secret in placed.secrets() {
        shared.injected.add(secret.scrubber());
    }
    placed.put_into(&mut request)?;
    if let Some(credential) = credential {
        shared.injected.add(credential.scrubber());
        match (credential.kind(), permit.action()) {
            (CredentialKind::Aws(key), Some(action)) => {
                sigv4::sign(&mut request, &action.region, action.signing_name, shared.gate.now(), key)?;
            }
            (CredentialKind::Header { name, value }, None) => {
                must_be_plain = true;
                request.prepare()?;
                request.headers.insert(name.clone(), value.clone());
            }
            _ => return Err(Error::internal("a grant's credential is of another kind than its actions")),
        }
    }
    let scrubbing = answer::Scrubbing::new(&shared.injected, &request.headers, must_be_plain)?;
    let options = SendOptions { partition: Arc::clone(&shared.partition), policy, limits };
    Ok((request, options, scrubbing))
}
