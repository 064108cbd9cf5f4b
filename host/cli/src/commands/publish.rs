//! `troupe publish`: a release goes to a host.

use std::process::ExitCode;

use troupe_core::view::ReleaseView;
use troupe_core::{Code, Error, Result};
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
        std::fs::read(&command.source).map_err(|error| {
            let message = format!("`{}` cannot be read ({})", command.source.display(), error.kind());
            Error::new(Code::RequestInvalid, message).with_cause(error)
        })?
    };
    let client = Client::new(args)?;
    let published: ReleaseView = client.post_bytes("/api/v1/agents/publish", ARCHIVE_MEDIA_TYPE, archive).await?;
    output::answer(args.json, &published, |release| {
        let name = format!("{}@{}", release.agent, release.version);
        format!("published {name}\n{}\nrun `troupe swap {name}` to make it serve", release.digest)
    })?;
    Ok(ExitCode::SUCCESS)
}
