//! `troupe build`: an agent's sources become an archive.

use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;
use troupe_core::{Code, Error, Result};
use troupe_package::{Profile, Release, write_archive};
use troupe_runtime::admission::{Admission as _, ChildAdmission};

use crate::ADMISSION_COMMAND;
use crate::args::{Args, Build};
use crate::build::compile;
use crate::output;

pub(crate) async fn run(args: &Args, command: &Build) -> Result<ExitCode> {
    let compiled = compile(&command.dir).await?;
    let default =
        || compiled.path.with_file_name(format!("{}-{}.tar", compiled.manifest.name, compiled.manifest.version));
    let path = command.output.clone().unwrap_or_else(default);
    let release = release(compiled).await?;
    let digest = replace(&path, |out| write_archive(&release, out))?;
    let built = json!({
        "agent": release.manifest.name,
        "version": release.manifest.version,
        "digest": digest,
        "archive": path,
        "component_bytes": release.component.len(),
        "skills": release.profile.skills.iter().map(|skill| skill.name.as_str()).collect::<Vec<_>>(),
    });
    output::answer(args.json, &built, |_| {
        format!("built {} as {}\n{digest}", release.manifest.release(), path.display())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Has a compiled agent describe itself, in a child process, and packs it.
pub(super) async fn release(compiled: crate::build::Compiled) -> Result<Release> {
    let program = std::env::current_exe().map_err(Error::internal)?;
    let admitted = ChildAdmission::new(program, ADMISSION_COMMAND).admit(compiled.component.clone()).await?;
    let profile = Profile::parse(&admitted.profile)?;
    Ok(compiled.release(profile))
}

/// Writes an archive to where there may be one already, whole or not at all.
pub(super) fn replace(
    path: &Path,
    write: impl FnOnce(BufWriter<&mut std::fs::File>) -> Result<troupe_core::Digest>,
) -> Result<troupe_core::Digest> {
    let failed = |error: std::io::Error| {
        let message = format!("`{}` cannot be written ({})", path.display(), error.kind());
        Error::new(Code::UnavailableStorage, message).with_cause(error)
    };
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(failed)?;
    let digest = write(BufWriter::new(file.as_file_mut()))?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(digest)
}
