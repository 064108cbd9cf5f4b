//! `troupe tasks TASK --artifacts` and `--artifact NAME`: what a task has left beside its output.
//!
//! An artefact is written beside the name that it is to have, held against its digest, and only then given that
//! name: what stands there is whole.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use futures::StreamExt as _;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use troupe_core::view::{ArtifactView, ArtifactsView};
use troupe_core::{Code, Digest, Error, Result};

use super::super::backup::{Unfinished, bar, sync_dir_of, unwritable};
use crate::args::Args;
use crate::client::{Client, segment};
use crate::human::{bytes, table};

/// An artefact that was fetched.
#[derive(Debug, Serialize)]
pub(super) struct Fetched {
    /// What it is.
    #[serde(flatten)]
    artifact: ArtifactView,
    /// Where it is now.
    file: PathBuf,
}

/// Lists what the task at `path` has left.
pub(super) async fn list(client: &Client, path: &str) -> Result<ArtifactsView> {
    client.get(&format!("{path}/artifacts")).await
}

/// Writes one of them to a file, of its own name if nobody gives another.
pub(super) async fn fetch(
    args: &Args,
    client: &Client,
    path: &str,
    (name, file, force): (&str, Option<&Path>, bool),
) -> Result<Fetched> {
    let known = list(client, path).await?.artifacts.into_iter().find(|artifact| artifact.name.as_str() == name);
    let artifact = known.ok_or_else(|| {
        let message = format!("the task has no artefact `{name}`; `--artifacts` lists those that it has");
        Error::new(Code::TaskArtifactNotFound, message)
    })?;
    let file = file.map_or_else(|| PathBuf::from(artifact.name.as_str()), Path::to_owned);
    if file.exists() && !force {
        let message =
            format!("`{}` is there already; name another file with `-o`, or replace it with `--force`", file.display());
        return Err(Error::new(Code::RequestInvalid, message));
    }
    let unfinished = Unfinished::beside(&file);
    receive(args, client, &format!("{path}/artifacts/{}", segment(name)), &artifact, unfinished.path()).await?;
    fs::rename(unfinished.path(), &file).and_then(|()| sync_dir_of(&file)).map_err(|why| unwritable(&file, why))?;
    Ok(Fetched { artifact, file })
}

async fn receive(args: &Args, client: &Client, from: &str, artifact: &ArtifactView, into: &Path) -> Result<()> {
    let mut pieces = std::pin::pin!(client.bytes(from).await?);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(into)
        .map_err(|why| unwritable(into, why))?;
    let bar = bar(args, "fetching", Some(artifact.size));
    let mut hash = Sha256::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        bar.inc(piece.len() as u64);
        hash.update(&piece);
        file.write_all(&piece).map_err(|why| unwritable(into, why))?;
    }
    bar.finish_and_clear();
    if Digest::from_bytes(hash.finalize().into()) != artifact.digest {
        let message = format!("what came of `{}` is not what the task has left; try again", artifact.name);
        return Err(Error::new(Code::ArtifactDigest, message));
    }
    file.sync_all().map_err(|why| unwritable(into, why))
}

/// The artefacts as a table.
pub(super) fn show(artifacts: &[ArtifactView]) -> String {
    if artifacts.is_empty() {
        return "no artefacts".to_owned();
    }
    let row = |artifact: &ArtifactView| {
        vec![
            artifact.name.to_string(),
            artifact.media_type.to_string(),
            bytes(artifact.size),
            artifact.created_at.to_string(),
            artifact.digest.to_string(),
        ]
    };
    let rows: Vec<_> = artifacts.iter().map(row).collect();
    table(&["artefact", "media type", "size", "finished", "digest"], &rows)
}

impl Fetched {
    /// That it was fetched, for a person.
    pub(super) fn say(&self) -> String {
        format!("{}, {}, is in {}", self.artifact.name, bytes(self.artifact.size), self.file.display())
    }
}
