//! Backups: all that a host must not lose, as one stream, made while it serves; and back.
//!
//! ```text
//! head.json                  what it was made of
//! tables/NAME/000000.jsonl   rows of the database        ─┐ one state of it
//! releases/HEX               blobs of releases            │ after that state: what a release in it
//! files/TENANT/…             files that agents keep      ─┘ needs is there, and perhaps more
//! artifacts/HEX              what tasks leave beside their outputs
//! end.json                   what is in it, with a digest of each table; a whole one has this
//! ```
//!
//! It is a tar archive, compressed by zstd. The database comes first, then the blobs, of which none is
//! removed meanwhile; files of agents are each as they were when they were read. Not in it are what
//! the host makes anew (compiled code), and its secrets: the token of its owner and the key it signs
//! with, which whoever keeps backups need not be able to use.
//!
//! *The danger:* a backup that nobody can restore is found out on the day it is needed. *The rule:*
//! whoever makes one reads it through at once, and restoring commits nothing that differs from what
//! the digests say.

mod archive;
mod artifacts;
mod make;
mod restore;

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::view::{BACKUP_FORMAT, BackupHead};
use troupe_core::{Caller, Code, Error, Result, Scope, limits};
use troupe_store::Store;

use crate::Runtime;
pub use restore::{check, restore};

/// Pieces of a backup. One that ends without an error is whole.
pub type BackupPieces = mpsc::Receiver<Result<Bytes>>;

/// How many backups are being made.
#[derive(Debug, Default)]
pub(crate) struct Backups(AtomicUsize);

/// A backup that is being made, during which no blob is removed.
struct Making(Runtime);

impl Backups {
    /// Whether one is being made.
    pub(crate) fn any(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }
}

impl Making {
    fn begin(runtime: &Runtime) -> Result<Self> {
        if runtime.backups.0.fetch_add(1, Ordering::SeqCst) >= limits::BACKUPS_AT_ONCE {
            runtime.backups.0.fetch_sub(1, Ordering::SeqCst);
            let message = "a backup is being made already; wait until it is done, then try again";
            return Err(Error::new(Code::LimitConcurrency, message).with("limit", limits::BACKUPS_AT_ONCE));
        }
        Ok(Self(runtime.clone()))
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        self.0.backups.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Runtime {
    /// Makes a backup of every tenant, for the owner of the host.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::LimitConcurrency`] while another one is made; when the store is
    /// unavailable.
    pub async fn backup(&self, caller: &Caller) -> Result<BackupPieces> {
        caller.require(Scope::Owner)?;
        self.require_ready()?;
        let making = Making::begin(self)?;
        // Whoever removes blobs now is done before the rows are read.
        drop(self.placing.read().await);
        drop(self.artifacts.keeping().await);
        let head = BackupHead {
            format: BACKUP_FORMAT,
            troupe: env!("CARGO_PKG_VERSION").to_owned(),
            schema: Store::schema(),
            made_at: self.clock.now(),
        };
        let entry = AuditEntry::new(AuditKind::BackedUp).by(Some(&caller.principal)).with("schema", head.schema);
        let data = serde_json::json!({ "schema": head.schema });
        self.store.announce(&caller.tenant, "host.backed_up", "host", data, Some(entry)).await?;
        let (pieces, taken) = mpsc::channel(limits::BACKUP_PIECES_WAITING_MAX);
        tokio::spawn(async move {
            let made = make::make(&making.0, head, &pieces).await;
            if let Err(error) = made {
                if error.code != Code::Cancelled {
                    tracing::error!(cause = error.cause_chain(), "the backup broke off: {error}");
                }
                drop(pieces.send(Err(error)).await);
            }
        });
        Ok(taken)
    }
}
