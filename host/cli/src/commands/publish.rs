//! `troupe publish`: a release goes to a host.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use troupe_core::view::ReleaseView;
use troupe_core::{Code, Error, Result, limits};
use troupe_package::{ARCHIVE_MEDIA_TYPE, write_archive};

use crate::args::{Args, Publish};
use crate::build::compile;
use crate::client::Client;
use crate::output;

pub(crate) async fn run(args: &Args, command: &Publish) -> Result<ExitCode> {
    let archive = if command.source.is_dir() {
        let release = super::build::release(compile(&command.source).await?).await?;
        let mut archive = Vec::new();
        write_archive(&release, &mut archive)?;
        archive
    } else {
        read(&command.source)?
    };
    let client = Client::new(args)?;
    let published: ReleaseView = client.post_bytes("/api/v1/agents/publish", ARCHIVE_MEDIA_TYPE, archive).await?;
    output::answer(args.json, &published, |release| {
        let name = format!("{}@{}", release.agent, release.version);
        format!("published {name}\n{}\nrun `troupe swap {name}` to make it serve", release.digest)
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Reads an archive, unless no host would take it.
fn read(path: &Path) -> Result<Vec<u8>> {
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
