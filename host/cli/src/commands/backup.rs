//! `troupe backup` and `troupe restore`.
//!
//! A backup is written beside its name, read through, and only then given its name: what stands there
//! is whole, and can be restored.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use futures::StreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::signal::unix::{SignalKind, signal};
use troupe_core::view::BackupReport;
use troupe_core::{Code, Error, Result};
use troupe_package::SigningKey;
use troupe_runtime::backup;

use crate::args::{Args, Backup, Restore};
use crate::client::Client;
use crate::data_dir::DataDir;
use crate::{output, signing};

/// What the name of a file ends with that is not whole yet.
const UNFINISHED: &str = ".part";

pub(crate) async fn make(args: &Args, command: &Backup) -> Result<ExitCode> {
    if command.check {
        let report = check(args, &command.file, &command.file).await?;
        output::answer(args.json, &report, |report| describe(report, "is whole"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let file = &command.file;
    if file.exists() && !command.force {
        let message = format!("`{}` is there already; name another file, or replace it with `--force`", file.display());
        return Err(Error::new(Code::RequestInvalid, message));
    }
    let unfinished = Unfinished::beside(file);
    let mut interrupts = signal(SignalKind::interrupt()).map_err(Error::internal)?;
    let made = async {
        receive(args, &unfinished.0).await?;
        check(args, &unfinished.0, file).await
    };
    let report = tokio::select! {
        made = made => made?,
        _ = interrupts.recv() => {
            output::note("interrupted; no backup was made");
            return Ok(ExitCode::from(output::INTERRUPTED));
        }
    };
    fs::rename(&unfinished.0, file).and_then(|()| sync_dir_of(file)).map_err(|why| unwritable(file, why))?;
    output::answer(args.json, &report, |report| describe(report, "is made, and was read through"))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn restore(args: &Args, command: &Restore) -> Result<ExitCode> {
    // What is no backup makes no directory.
    check(args, &command.file, &command.file).await?;
    let database = super::serve::database(command.database.as_deref())?;
    let key = command.signing_key.as_deref().map(own_key).transpose()?;
    let data_dir = DataDir::take(&args.data_dir)?;
    let bar = bar(args, "restoring", size(&command.file));
    let told = bar.clone();
    let report =
        backup::restore(&command.file, data_dir.path(), database.as_ref(), move |read| told.set_position(read)).await;
    bar.finish_and_clear();
    let report = report?;
    if let Some(key) = &key {
        data_dir.keep_signing_key(key)?;
    }
    output::answer(args.json, &report, |report| {
        let start = format!("start it with `troupe serve --data-dir {}`", args.data_dir.display());
        format!("{}\n{start}", describe(report, &format!("is restored to {}", args.data_dir.display())))
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The text of a key that a host can sign with by itself: one without a password.
fn own_key(path: &Path) -> Result<String> {
    let text = signing::text(path)?;
    SigningKey::from_pem(&text).map_err(|error| error.context(path.display()))?;
    Ok(text)
}

/// A file that goes away again unless it is given the name that it is made for.
pub(super) struct Unfinished(PathBuf);

impl Unfinished {
    pub(super) fn beside(file: &Path) -> Self {
        let mut name = OsString::from(file);
        name.push(UNFINISHED);
        Self(name.into())
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // It is gone if it has its name.
        let _ = fs::remove_file(&self.0);
    }
}

/// Writes what the host sends to `path`.
async fn receive(args: &Args, path: &Path) -> Result<()> {
    let client = Client::new(args)?;
    let mut pieces = std::pin::pin!(client.bytes("/api/v1/backup").await?);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let bar = bar(args, "saving", None);
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        bar.inc(piece.len() as u64);
        file = file.and_then(|mut file| file.write_all(&piece).map(|()| file));
        if file.is_err() {
            break;
        }
    }
    bar.finish_and_clear();
    file.and_then(|file| file.sync_all()).map_err(|why| unwritable(path, why))
}

/// Reads a backup through that is, or will be, called `name`.
async fn check(args: &Args, path: &Path, name: &Path) -> Result<BackupReport> {
    let bar = bar(args, "reading it through", size(path));
    let told = bar.clone();
    let report = backup::check(path, move |read| told.set_position(read)).await;
    bar.finish_and_clear();
    report.map_err(|error| error.context(format!("`{}`", name.display())))
}

fn size(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|about| about.len())
}

pub(super) fn bar(args: &Args, what: &'static str, bytes: Option<u64>) -> ProgressBar {
    if args.json || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = bytes.map_or_else(ProgressBar::new_spinner, ProgressBar::new).with_message(what);
    let form = if bytes.is_some() { "{msg} {bytes} of {total_bytes} {bar:30}" } else { "{msg} {bytes}" };
    match ProgressStyle::with_template(form) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Makes the names in the file's directory durable.
pub(super) fn sync_dir_of(file: &Path) -> io::Result<()> {
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(dir)?.sync_all()
}

pub(super) fn unwritable(path: &Path, why: io::Error) -> Error {
    let message =
        format!("`{}` cannot be written ({}); free some space or name another file", path.display(), why.kind());
    Error::new(Code::UnavailableStorage, message).with_cause(why)
}

fn describe(report: &BackupReport, what: &str) -> String {
    let BackupReport { head, end } = report;
    let left_out = match end.artifacts_left_out {
        0 => String::new(),
        some => format!(
            "; {some} more were left out, since they are damaged or the hosts that have them are away; the host's log names each"
        ),
    };
    format!(
        "the backup of {}, by troupe {} with schema {}, {what}\n{} rows in {} tables, {} blobs of releases, {} files of agents, {} artefacts{left_out}",
        head.made_at,
        head.troupe,
        head.schema,
        end.rows(),
        end.tables.len(),
        end.blobs,
        end.files,
        end.artifacts
    )
}
