//! Artefacts: reading what tasks leave beside their outputs, and removing what no task names any more.
//!
//! The bytes are on the disk of the host that ran the task. Another host of the database that is asked for them has
//! them handed over whole first, once for all who ask meanwhile, and keeps them as if they were its own: so what it
//! hands on was held against its digest, whoever asks next need not wait, and there is one way by which an artefact is
//! read. The host that a row names is asked first, and then each other one, since any of them may have them.
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

/// An artefact that a caller may read, whose bytes may be at another host yet.
#[derive(Debug)]
pub struct FoundArtifact {
    runtime: Runtime,
    tenant: TenantId,
    task: TaskId,
    view: ArtifactView,
}

impl FoundArtifact {
    /// What is said of it.
    pub const fn view(&self) -> &ArtifactView {
        &self.view
    }

    /// Its bytes, which are here when this returns.
    ///
    /// # Errors
    /// [`Code::UnavailableHost`] naming the host that has it, if that is away and no other has it;
    /// [`Code::UnavailableStorage`] if this host's disk does not take it; [`Code::ArtifactDigest`] if it is damaged or
    /// gone.
    pub async fn pieces(&self) -> Result<ArtifactPieces> {
        let file = self.runtime.artifact_file(&self.tenant, self.task, &self.view).await?;
        Ok(pieces(file, self.view.digest))
    }
}

impl Runtime {
    /// What a task has left, in the order in which it was finished.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::TaskNotFound`].
    pub async fn artifacts(&self, caller: &Caller, task: TaskId) -> Result<ArtifactsView> {
        Ok(ArtifactsView { artifacts: self.task_that_left(caller, task).await?.artifacts })
    }

    /// An artefact of a task.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::TaskNotFound`]; [`Code::TaskArtifactNotFound`].
    pub async fn artifact(&self, caller: &Caller, task: TaskId, name: &str) -> Result<FoundArtifact> {
        let row = self.task_that_left(caller, task).await?;
        let view = row.artifacts.into_iter().find(|artifact| artifact.name.as_str() == name).ok_or_else(|| {
            let message =
                format!("task {task} has no artefact `{}`; `troupe tasks {task} --artifacts` lists them", shown(name));
            Error::new(Code::TaskArtifactNotFound, message)
        })?;
        Ok(FoundArtifact { runtime: self.clone(), tenant: caller.tenant.clone(), task, view })
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
        if !self.is_shared() {
            return Err(gone());
        }
        // Whoever had it handed over meanwhile has left it here.
        let _turn = self.artifacts.fetching(&artifact.digest).await;
        if let Some(file) = self.artifact_here(artifact.digest, artifact.size).await? {
            return Ok(file);
        }
        match self.hand_over(&what, artifact.digest, artifact.size, &place).await {
            // It was here, and nobody else has it.
            Err(error) if error.code == Code::UnavailableHost && place.home == self.place.home => {
                return Err(gone().with_cause(error));
            }
            handed_over => handed_over?,
        }
        self.artifact_here(artifact.digest, artifact.size).await?.ok_or_else(gone)
    }

    async fn artifact_here(&self, digest: Digest, size: u64) -> Result<Option<File>> {
        let artifacts = self.artifacts.clone();
        blocking(move || artifacts.find(&digest, size)).await
    }

    /// Begins to have an artefact handed over by the host that the place names, or by another that has it. Returns where
    /// it comes from as well.
    ///
    /// # Errors
    /// [`Code::UnavailableHost`] naming the place, if that host is away or does not hand it over, and no other does.
    pub(crate) async fn coming_from(
        &self,
        what: &str,
        digest: &Digest,
        place: &ArtifactPlace,
    ) -> Result<(troupe_registry::HandedOver, ArtifactPlace)> {
        let hosts = self.other_hosts().await?;
        let (named, others): (Vec<_>, Vec<_>) = hosts.into_iter().partition(|host| host.home == place.home);
        // A host may have come back at another address.
        let address = named.first().map_or(&place.address, |host| &host.address).clone();
        let (mut away, mut is_first) = (away(what, &ArtifactPlace { address, ..place.clone() }), true);
        for host in named.into_iter().chain(others) {
            match troupe_registry::artifact_handed_over(&host.address, &host.secret, digest).await {
                Ok(coming) => return Ok((coming, ArtifactPlace { home: host.home, address: host.address })),
                Err(error) => {
                    let (from, cause) = (&host.address, error.cause_chain());
                    tracing::debug!(from, cause, "{what} was not handed over: {error}");
                    if std::mem::take(&mut is_first) {
                        away = away.with_cause(error);
                    }
                }
            }
        }
        Err(away)
    }

    /// Has an artefact handed over by a host that has it, and keeps it.
    async fn hand_over(&self, what: &str, digest: Digest, size: u64, place: &ArtifactPlace) -> Result<()> {
        let artifacts = self.artifacts.clone();
        let _room = artifacts.coming().await?;
        let (mut coming, place) = self.coming_from(what, &digest, place).await?;
        let drafts = artifacts.clone();
        let mut draft = blocking(move || Ok(drafts.draft())).await?;
        while let Some(piece) = coming.next().await.map_err(|error| away(what, &place).with_cause(error))? {
            if draft.size() + piece.len() as u64 > size {
                break;
            }
            draft = blocking(move || {
                draft.write(&piece);
                Ok(draft)
            })
            .await?;
            if draft.is_lost() {
                let message = format!(
                    "{what} cannot be kept here, since the disk is nearly full or refuses writes; free some space and try again"
                );
                return Err(Error::new(Code::UnavailableStorage, message));
            }
        }
        if draft.digest() != digest {
            let message =
                format!("the host at {} hands {what} over with other bytes than it was left with", place.address);
            return Err(Error::new(Code::ArtifactDigest, message));
        }
        let synced = blocking(move || draft.synced()).await?;
        // A sweep that comes now finds the row that names it.
        let keeping = artifacts.keeping().await;
        blocking(move || artifacts.keep(synced, &keeping)).await
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

    /// Begins to remove what no task names any more, unless that is about to be done.
    pub(crate) fn sweep_soon(&self) {
        if self.artifacts.needs_sweep() {
            let runtime = self.clone();
            tokio::spawn(async move { runtime.sweep_forgotten().await });
        }
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
        // The last piece goes out once all of them are known to be right: who has it all has the whole.
        let mut held: Option<Bytes> = None;
        loop {
            match next(file, hash, digest).await {
                Ok(None) => {
                    if let Some(last) = held {
                        drop(sender.send_timeout(Ok(last), limits::SOCKET_SEND_TIME_MAX).await);
                    }
                    return;
                }
                Ok(Some((rest, so_far, piece))) => {
                    (file, hash) = (rest, so_far);
                    // Who reads no further wants no more, and who takes nothing for so long is given up.
                    if let Some(before) = held.replace(piece)
                        && sender.send_timeout(Ok(before), limits::SOCKET_SEND_TIME_MAX).await.is_err()
                    {
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
