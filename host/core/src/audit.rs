//! The audit: what was decided in a tenant, in a chain that shows when it was altered.
//!
//! The attack: somebody who can write the database afterwards changes what was decided,
//! takes a record out, puts one in, or changes what a task's journal says of it. The rule: each
//! record holds the hash of the one before it, and one about an invocation the digest of its
//! journal, so whoever changes one has to change all that follow; and whoever has noted the
//! head of the chain once, elsewhere, sees that too. The default: what is no decision is not
//! in it, and nothing is ever taken out.
//!
//! *Fields.* What is hashed is a list of fields, so that no two lists give the same bytes.
//! A field that is absent is the byte 0. One that is there is the byte 1, its length in bytes
//! as 8 bytes (big-endian), and the bytes: text in UTF-8, numbers in decimal.
//!
//! *Chain.* The hash of a record is the SHA-256 of the fields `troupe.audit.record.1`, tenant, seq, at
//! (milliseconds since the Unix epoch), kind, code, principal, agent, version, digest, task,
//! attempt, times, details (JSON, names in order, no white space), journal, previous. `previous`
//! is the hash of the record before; in the first record, the SHA-256 of the fields
//! `troupe.audit.chain.1` and tenant. A tenant's numbers begin at 1 and have no gaps. Hashes
//! and digests are written `sha256:…`.
//!
//! *Journal.* Its digest is the SHA-256 of the field `troupe.audit.journal.1` and, for each row by its number,
//! the fields number, at, call, answer (absent while there is none), writes (0 or 1); call and answer as they
//! were before the store packed them.
//!
//! Whoever can write the database *and* knows this can write another chain that holds
//! together. So a head that was noted elsewhere is what shows that, and the cut of a tail.

mod chain;
mod entry;
mod journal;

pub use chain::{Broken, Chain};
pub use entry::{AuditEntry, AuditKind, ended_of};
pub use journal::JournalDigest;

use sha2::{Digest as _, Sha256};

use crate::Digest;

/// A hash over fields.
struct Fields(Sha256);

impl Fields {
    fn new(domain: &str) -> Self {
        Self(Sha256::new()).with(Some(domain))
    }

    fn with(mut self, field: Option<impl AsRef<[u8]>>) -> Self {
        match field {
            None => self.0.update([0]),
            Some(field) => {
                let bytes = field.as_ref();
                self.0.update([1]);
                self.0.update((bytes.len() as u64).to_be_bytes());
                self.0.update(bytes);
            }
        }
        self
    }

    fn finish(self) -> Digest {
        Digest::from_bytes(self.0.finalize().into())
    }
}
