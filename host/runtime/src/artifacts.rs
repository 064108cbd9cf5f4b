//! Artefacts: reading what tasks leave beside their outputs, and removing what no task names any more.
//!
//! The bytes are on the disk of the host that ran the task. Another host of the database that is asked for them has
//! them handed over whole first, and keeps them as if they were its own: so what it hands on was held against its
//! digest, whoever asks next need not wait, and there is one way by which an artefact is read.
//!
//! *The danger:* somebody is handed other bytes than a task has left, or ones that nobody may have any more. *The
//! rule:* what is named stands in the task's row and is read with the task; what comes from another host is held
//! against its digest before anybody has a byte of it, and what is on the disk while it is read, so that a damaged
//! one never ends well; what no row names is removed, at once where the task was redacted, and within minutes at
//! other hosts. *The default:* not there.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read as _;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use troupe_core::view::{ArtifactView, ArtifactsView};
use troupe_core::{Caller, Code, Digest, Error, Result, Rubbish, Scope, TaskId, TenantId, limits, shown};
use troupe_store::{ArtifactPlace, TaskRow, task_not_found};

use crate::Runtime;
use crate::blocking::blocking;

/// Pieces of an artefact. One that ends without an error is whole.
pub type ArtifactPieces = mpsc::Receiver<Result<Bytes>>;

impl Runtime {
    /// What a task has left, in the order in which it was finished.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::TaskNotFound`].
    pub async fn artifacts(&self, caller: &Caller, task: TaskId) -> Result<ArtifactsView> {
        Ok(ArtifactsView { artifacts: self.task_that_left(caller, task).await?.artifacts })
    }

    /// An artefact of a task, and its bytes.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::TaskNotFound`]; [`Code::TaskArtifactNotFound`]; [`Code::UnavailableHost`] naming
    /// the host that has it, if that is away; [`Code::ArtifactDigest`] if it is damaged or gone.
    pub async fn artifact(&self, caller: &Caller, task: TaskId, name: &str) -> Result<(ArtifactView, ArtifactPieces)> {
        let row = self.task_that_left(caller, task).await?;
        let found = row.artifacts.into_iter().find(|artifact| artifact.name.as_str() == name).ok_or_else(|| {
            let message =
                format!("task {task} has no artefact `{}`; `troupe tasks {task} --artifacts` lists them", shown(name));
            Error::new(Code::TaskArtifactNotFound, message)
        })?;
        let file = self.artifact_file(&caller.tenant, task, &found).await?;
        Ok((found.clone(), pieces(file, found.digest)))
    }

    /// An artefact for another host, which shows the secret of this one, and how many bytes it has.
    ///
    /// # Errors
    /// [`Code::AuthInvalid`]; [`Code::TaskArtifactNotFound`] if it is not here.
    pub async fn artifact_for_host(&self, secret: &str, digest: &str) -> Result<(u64, ArtifactPieces)> {
        self.check_host(secret)?;
        let digest: Digest = digest.parse()?;
        let artifacts = self.artifacts.clone();
        let found = blocking(move || artifacts.any(&digest)).await?;
        let missing = || Error::new(Code::TaskArtifactNotFound, format!("the artefact {digest} is not here"));
        let (file, size) = found.ok_or_else(missing)?;
        Ok((size, pieces(file, digest)))
    }

    /// The task that a caller names, if it may read it.
    async fn task_that_left(&self, caller: &Caller, task: TaskId) -> Result<TaskRow> {
        caller.require(Scope::Read)?;
        self.store.task(&caller.tenant, task).await?.ok_or_else(|| task_not_found(task))
    }

    /// The bytes of an artefact, which are here when this returns.
    async fn artifact_file(&self, tenant: &TenantId, task: TaskId, artifact: &ArtifactView) -> Result<File> {
        if let Some(file) = self.artifact_here(artifact.digest, artifact.size).await? {
            return Ok(file);
        }
        let what = format!("the artefact `{}` of task {task}", artifact.name);
        let gone = || Error::new(Code::ArtifactDigest, format!("{what} is damaged or gone from the disk of its host"));
        let place = self.store.artifact_place(tenant, task, &artifact.digest).await?.ok_or_else(gone)?;
        if !self.is_shared() || place.home == self.place.home {
            return Err(gone());
        }
        self.hand_over(&what, artifact.digest, artifact.size, &place).await?;
        self.artifact_here(artifact.digest, artifact.size).await?.ok_or_else(gone)
    }

    async fn artifact_here(&self, digest: Digest, size: u64) -> Result<Option<File>> {
        let artifacts = self.artifacts.clone();
        blocking(move || artifacts.find(&digest, size)).await
    }

    /// Begins to have an artefact handed over by the host that has it.
    ///
    /// # Errors
    /// [`Code::UnavailableHost`] naming it, if it is away or does not hand it over.
    pub(crate) async fn coming_from(
        &self,
        what: &str,
        digest: &Digest,
        place: &ArtifactPlace,
    ) -> Result<troupe_registry::HandedOver> {
        let hosts = self.other_hosts().await?;
        let host = hosts.into_iter().find(|host| host.home == place.home).ok_or_else(|| away(what, place))?;
        let coming = troupe_registry::artifact_handed_over(&host.address, &host.secret, digest).await;
        coming.map_err(|error| away(what, &ArtifactPlace { address: host.address, ..place.clone() }).with_cause(error))
    }

    /// Has an artefact handed over by the host that has it, and keeps it.
    async fn hand_over(&self, what: &str, digest: Digest, size: u64, place: &ArtifactPlace) -> Result<()> {
        let mut coming = self.coming_from(what, &digest, place).await?;
        let artifacts = self.artifacts.clone();
        let mut draft = blocking(move || Ok(artifacts.draft())).await?;
        while let Some(piece) = coming.next().await.map_err(|error| away(what, place).with_cause(error))? {
            if draft.size() + piece.len() as u64 > size {
                break;
            }
            draft = blocking(move || {
                draft.write(&piece);
                Ok(draft)
            })
            .await?;
        }
        if draft.digest() != digest {
            let message =
                format!("the host at {} hands {what} over with other bytes than it was left with", place.address);
            return Err(Error::new(Code::ArtifactDigest, message));
        }
        let artifacts = self.artifacts.clone();
        // A sweep that comes now finds the row that names it.
        let keeping = artifacts.keeping().await;
        blocking(move || artifacts.keep(draft, &keeping)).await
    }

    /// Removes the artefacts here that no task names any more, if no backup is being made.
    ///
    /// # Errors
    /// When the store is unavailable or the disk refuses.
    async fn sweep_artifacts(&self) -> Result<Rubbish> {
        let artifacts = self.artifacts.clone();
        let alone = artifacts.sweeping().await;
        if self.backups.any() {
            return Ok(Rubbish::default());
        }
        let here = self.artifacts.clone();
        if blocking(move || here.digests()).await?.is_empty() {
            return Ok(Rubbish::default());
        }
        let (mut named, mut last) = (HashSet::new(), None);
        loop {
            let page = self.store.artifacts_named(last.as_ref()).await?;
            let Some((digest, ..)) = page.last() else { break };
            last = Some(*digest);
            named.extend(page.into_iter().map(|(digest, ..)| digest));
        }
        blocking(move || artifacts.sweep(&named, &alone)).await
    }

    /// Removes what no task names any more. What is not removed now is found by the next look.
    pub(crate) async fn sweep_forgotten(&self) {
        match self.sweep_artifacts().await {
            Ok(Rubbish { files: 0, .. }) => {}
            Ok(Rubbish { files, bytes }) => tracing::info!(files, bytes, "removed artefacts that no task names"),
            Err(error) => tracing::warn!(cause = error.cause_chain(), "artefacts were not removed: {error}"),
        }
    }
}

/// Reads an artefact, and holds it against its digest on the way.
pub(crate) fn pieces(file: File, digest: Digest) -> ArtifactPieces {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let (mut file, mut hash) = (file, Sha256::new());
        loop {
            match next(file, hash, digest).await {
                Ok(None) => return,
                Ok(Some((rest, so_far, piece))) => {
                    (file, hash) = (rest, so_far);
                    // Who reads no further wants no more.
                    if sender.send(Ok(piece)).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::error!(cause = error.cause_chain(), "an artefact was not read to its end: {error}");
                    drop(sender.send(Err(error)).await);
                    return;
                }
            }
        }
    });
    receiver
}

/// Reads the next piece of an artefact; none after the last, if they were what the digest says.
async fn next(mut file: File, mut hash: Sha256, digest: Digest) -> Result<Option<(File, Sha256, Bytes)>> {
    blocking(move || {
        let mut piece = Vec::new();
        let most = limits::ARTIFACT_READ_BYTES as u64;
        (&mut file).take(most).read_to_end(&mut piece).map_err(unreadable)?;
        if !piece.is_empty() {
            hash.update(&piece);
            return Ok(Some((file, hash, Bytes::from(piece))));
        }
        if digest == Digest::from_bytes(hash.finalize().into()) {
            return Ok(None);
        }
        Err(Error::new(Code::ArtifactDigest, format!("the artefact {digest} is damaged on disk")))
    })
    .await
}

/// The error of an artefact whose host is not there.
fn away(what: &str, place: &ArtifactPlace) -> Error {
    let message = format!(
        "{what} lies at the host at {}, which is away or hands nothing over; try again when it is back",
        place.address
    );
    Error::new(Code::UnavailableHost, message).with("host", place.address.as_str())
}

fn unreadable(why: std::io::Error) -> Error {
    Error::new(Code::UnavailableStorage, "an artefact cannot be read; the host's log has the cause").with_cause(why)
}
