//! What the host had put into requests before an invocation was resumed.
//!
//! The attack: a service that is sent a secret gives it back after the host has died, to the
//! invocation that goes on elsewhere. The rule: before a resumed guest runs, whatever its record
//! says went out is got again, by name, and searched for from the start. The default: what
//! cannot be got any more cannot be searched for; then no answer may come compressed or in
//! ranges all the same, and the host says so.

use troupe_core::{Error, Result};
use troupe_egress::credentials::CredentialKind;

use super::Shared;

/// Knows again what went out before.
pub(crate) async fn know_again(shared: &Shared) {
    let before = shared.gate.put_in_before();
    let Some(egress) = &shared.egress else { return };
    for name in &before.credentials {
        let found = egress.credentials.credential(&shared.tenant, name).await;
        match known(shared, name, found) {
            Some(found) if matches!(found.kind(), CredentialKind::Aws(_)) => {
                shared.injected.add_signer(found.scrubber());
            }
            Some(found) => shared.injected.add(found.scrubber()),
            None => shared.injected.expose(),
        }
    }
    for name in &before.secrets {
        let found = egress.credentials.secret(&shared.tenant, name).await;
        match known(shared, name, found) {
            Some(found) => shared.injected.add(found.scrubber()),
            None => shared.injected.expose(),
        }
    }
}

fn known<T>(shared: &Shared, name: &str, found: Result<Option<T>>) -> Option<T> {
    let missing = |error: Option<Error>| {
        let why = error.map(|error| format!(": {error}")).unwrap_or_default();
        shared.note(format!("`{name}` went out before this invocation was resumed, and cannot be searched for{why}"));
    };
    match found {
        Ok(Some(found)) => return Some(found),
        Ok(None) => missing(None),
        Err(error) => missing(Some(error)),
    }
    None
}
