//! What was decided in an invocation, as the audit records it.
//!
//! The attack: a guest acts and then denies it; or it makes so many calls that are denied, each
//! otherwise, that nobody finds anything in the audit any more, or the disk is full of it. The
//! rule: each denial, each call that met a limit, and each credential or secret that is let go
//! into a request, counts under what was decided: the kind, the code, the capability, where to. So
//! a hundred times the same is one decision, a hundred times. So many different ones are told
//! apart; beyond that they are counted. No path, key or body of the guest's is in it: the journal
//! has those. The default: what was allowed and needed no credential is no decision.
//!
//! Everything is gathered from what a journal row keeps of a call and its answer, here alone. So
//! an invocation that is resumed, whose earlier calls are answered from the record, has the same
//! decisions as one that was never interrupted, and a task that ends without running again is
//! told by its rows. A request that is sent again after the end of a host is judged again,
//! and counts again. An answer that streams and meets a limit on its way is told beside the rows,
//! since its row ends with its head.

use std::collections::BTreeMap;

use http::Uri;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::{Code, Kind, limits};
use troupe_egress::Authority;

use super::files::FilesCall;
use super::http::shown;
use super::secrets::SecretsCall;
use super::{Answer, Call, HttpCall, JournalRow};

/// Longer answers are no refusals.
const REFUSAL_BYTES_MAX: usize = 64 * 1024;

/// The decisions of an invocation, each with how often it was made.
#[derive(Debug, Default)]
pub struct Decisions {
    known: BTreeMap<Decision, u64>,
    /// Those of each kind that were too many to be told apart.
    others: BTreeMap<AuditKind, u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Decision {
    kind: AuditKind,
    code: Option<&'static str>,
    facts: Vec<(&'static str, String)>,
}

impl Decisions {
    /// Those of rows that were kept before.
    pub(super) fn of<'a>(rows: impl Iterator<Item = &'a JournalRow>) -> Self {
        let mut decisions = Self::default();
        for row in rows {
            decisions.row(&row.call, &row.answer);
        }
        decisions
    }

    /// Gathers what a row tells; its answer is empty while there is none.
    pub fn row(&mut self, call: &[u8], answer: &[u8]) {
        // What does not read back tells nothing.
        let Ok(call) = Call::decode(call) else { return };
        if let Call::Http(call) = &call {
            self.used(call);
        }
        if !answer.is_empty()
            && answer.len() <= REFUSAL_BYTES_MAX
            && let Ok(answer) = Answer::decode(answer)
        {
            self.answered(&call, &answer);
        }
    }

    /// Gathers the credential and the secrets that go into a request.
    pub(super) fn used(&mut self, call: &HttpCall) {
        if call.credential.is_none() && call.secrets.is_empty() {
            return;
        }
        let host = place(&call.url);
        let credential = call.credential.iter().map(|name| ("credential", name));
        for (what, name) in credential.chain(call.secrets.iter().map(|name| ("secret", name))) {
            let facts = [(what, shown(name))].into_iter().chain(host.clone().map(|host| ("host", host))).collect();
            self.add(Decision { kind: AuditKind::Credential, code: None, facts });
        }
    }

    /// Gathers a denial or a limit; says which the answer is, if one of them.
    pub(super) fn answered(&mut self, call: &Call, answer: &Answer) -> Option<AuditKind> {
        let (kind, code) = decided(answer)?;
        let mut facts = vec![("call", call.name().to_owned())];
        match call {
            Call::Http(call) => facts.extend(place(&call.url).map(|host| ("host", host))),
            Call::Files(
                FilesCall::Read { directory, .. }
                | FilesCall::Write { directory, .. }
                | FilesCall::Stat { directory, .. }
                | FilesCall::List { directory, .. }
                | FilesCall::Delete { directory, .. },
            ) => facts.push(("directory", shown(directory))),
            Call::Secrets(SecretsCall::Reference { name }) => facts.push(("secret", shown(name))),
            _ => {}
        }
        self.add(Decision { kind, code: Some(code.as_str()), facts });
        Some(kind)
    }

    /// Gathers an answer of this address that was broken off while it streamed, if at a limit.
    pub(super) fn broken_off(&mut self, url: &str, code: Code) {
        if let Some(kind) = kind_of(code) {
            let facts =
                [("call", "http".to_owned())].into_iter().chain(place(url).map(|host| ("host", host))).collect();
            self.add(Decision { kind, code: Some(code.as_str()), facts });
        }
    }

    fn add(&mut self, decision: Decision) {
        if self.known.len() >= limits::AUDIT_DECISIONS_MAX && !self.known.contains_key(&decision) {
            *self.others.entry(decision.kind).or_default() += 1;
            return;
        }
        *self.known.entry(decision).or_default() += 1;
    }

    /// What the audit is told; the invocation they were made in is not said.
    pub fn entries(&self) -> Vec<AuditEntry> {
        let known = self.known.iter().map(|(decision, times)| {
            let entry = AuditEntry {
                code: decision.code.and_then(Code::parse),
                times: *times,
                ..AuditEntry::new(decision.kind)
            };
            decision.facts.iter().fold(entry, |entry, (name, value)| entry.with(name, value.as_str()))
        });
        let others = self.others.iter().map(|(kind, times)| {
            let entry = AuditEntry { times: *times, ..AuditEntry::new(*kind) };
            entry.with("others", true)
        });
        known.chain(others).collect()
    }
}

/// What the host decided with an answer, if it did.
pub(super) fn decided(answer: &Answer) -> Option<(AuditKind, Code)> {
    let code = match answer {
        Answer::Denied { code, .. } | Answer::Limit { code, .. } => code,
        Answer::HttpFailed(failure) => &failure.code,
        _ => return None,
    };
    let code = Code::parse(code)?;
    kind_of(code).map(|kind| (kind, code))
}

fn kind_of(code: Code) -> Option<AuditKind> {
    match code.kind() {
        Kind::Denied => Some(AuditKind::Denied),
        _ => code.as_str().starts_with("limit.").then_some(AuditKind::Limited),
    }
}

/// Where a request goes, without its path; nothing if it is no address.
fn place(url: &str) -> Option<String> {
    let authority = Authority::of(&url.parse::<Uri>().ok()?).ok()?;
    let scheme = if authority.tls { "https" } else { "http" };
    Some(format!("{scheme}://{authority}").chars().take(limits::HTTP_AUTHORITY_BYTES_MAX).collect())
}

#[cfg(test)]
#[path = "decisions_tests.rs"]
mod tests;
