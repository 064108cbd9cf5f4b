//! `troupe publish`: a release is signed and goes to a host.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use troupe_core::view::{PublishQuery, PublishedView, ReleaseStanding};
use troupe_core::{Code, Error, Result, limits};
use troupe_package::{ARCHIVE_MEDIA_TYPE, SigningKey, read_archive, sign_archive, write_archive};

use crate::args::{Args, Publish};
use crate::build::compile;
use crate::client::Client;
use crate::{output, signing};

pub(crate) async fn run(args: &Args, command: &Publish) -> Result<ExitCode> {
    let mut archive = if command.source.is_dir() {
        let release = super::build::release(compile(&command.source).await?).await?;
        let mut archive = Vec::new();
        write_archive(&release, &mut archive)?;
        archive
    } else {
        read(&command.source)?
    };
    if let Some(key) = key(args, command, &archive)? {
        archive = sign_archive(&archive, &key)?;
    }
    let client = Client::new(args)?;
    let query = PublishQuery {
        channel: command.channel.clone(),
        downgrade: command.downgrade,
        allow_similar: command.allow_similar,
    };
    let published: PublishedView =
        client.post_bytes("/api/v1/agents/publish", &query, ARCHIVE_MEDIA_TYPE, archive).await?;
    output::answer(args.json, &published, text)?;
    Ok(ExitCode::SUCCESS)
}

/// A release that is published, and what is next.
pub(super) fn text(published: &PublishedView) -> String {
    let release = &published.release;
    let name = release.name();
    let mut out = format!("published {name}\n{}\n", release.digest);
    for channel in &release.channels {
        out.push_str(&format!("{}@{channel} names it\n", release.agent));
    }
    out.push_str(&match published.status {
        ReleaseStanding::Published | ReleaseStanding::Approved => format!("run `troupe swap {name}` to make it serve"),
        ReleaseStanding::PendingApproval => {
            format!("it waits for approval; run `troupe release diff {name}` to see of what")
        }
        ReleaseStanding::Rejected => format!("it was rejected; run `troupe release diff {name}` to see why"),
        ReleaseStanding::Incompatible => format!("it breaks what serves; run `troupe release diff {name}` to see how"),
    });
    out
}

/// The key to sign with: the one that is named; that of the data directory if nobody has signed.
fn key(args: &Args, command: &Publish, archive: &[u8]) -> Result<Option<SigningKey>> {
    let is_signed = || read_archive(archive).is_ok_and(|archived| !archived.signatures.is_empty());
    if command.no_sign || (command.key.is_none() && is_signed()) {
        return Ok(None);
    }
    signing::key_or_own(command.key.as_deref(), &args.data_dir)
}

/// Reads an archive, unless no host would take it.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    let mut archive = Vec::new();
    let read = File::open(path).and_then(|file| file.take(limits::ARCHIVE_BYTES_MAX + 1).read_to_end(&mut archive));
    read.map_err(|error| {
        let message = format!("`{}` cannot be read ({})", path.display(), error.kind());
        Error::new(Code::RequestInvalid, message).with_cause(error)
    })?;
    if archive.len() as u64 > limits::ARCHIVE_BYTES_MAX {
        let most = limits::bytes(limits::ARCHIVE_BYTES_MAX);
        let message = format!("`{}` is larger than an archive may be ({most})", path.display());
        return Err(Error::new(Code::LimitRequest, message));
    }
    Ok(archive)
}
