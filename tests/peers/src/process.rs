//! Programs that are run, and what they took.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Lines of what a program said that an error tells.
const TOLD_LINES_MAX: usize = 12;

/// How long a program that is asked to end gets for that.
const END_TIME_MAX: Duration = Duration::from_secs(20);

/// A key and its secret; the emulated account takes any.
pub const KEY: (&str, &str) = ("AKIAIOSFODNN7EXAMPLE", "a-secret-of-the-emulator");

/// A proxy that is not there, for a tool that does not ask at the account's address but at AWS's own.
const NOWHERE: &str = "http://127.0.0.1:9";

/// What a program took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Took {
    /// From its start to its end, in seconds.
    pub wall_s: f64,
    /// On the processor, in seconds.
    pub cpu_s: f64,
    /// The most memory that one of its processes held, in bytes.
    pub peak_bytes: u64,
}

/// A program that runs in a group of processes of its own, which ends with this.
struct Running(Child);

impl Running {
    fn group(&self) -> Option<Pid> {
        Pid::from_raw(self.0.id()?.cast_signed())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Not the program alone: terraform runs its provider, a launcher what it launches.
        if let Some(group) = self.group() {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// A program in a directory, with the account's address and keys and nothing else of AWS.
pub fn command(program: &Path, dir: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
        command.env_remove(name);
    }
    command.current_dir(dir).stdin(Stdio::null());
    command
}

/// Gives a command the emulated account, which takes any key, and no way to any other.
pub fn in_account(command: &mut Command, url: &str, region: &str) {
    command
        .env("AWS_ENDPOINT_URL", url)
        .env("AWS_ACCESS_KEY_ID", KEY.0)
        .env("AWS_SECRET_ACCESS_KEY", KEY.1)
        .env("AWS_REGION", region)
        .env("AWS_DEFAULT_REGION", region)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("HTTPS_PROXY", NOWHERE)
        .env("https_proxy", NOWHERE)
        .env("NO_PROXY", "127.0.0.1,localhost")
        .env("no_proxy", "127.0.0.1,localhost")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
}

/// Runs a command until its end, with what it says in a file, or asks it to end after a time.
///
/// # Errors
/// A command that cannot be started.
pub async fn run(mut command: Command, said: &Path, time: Duration) -> Result<ExitStatus> {
    let out = std::fs::File::create(said).with_context(|| format!("{} cannot be written", said.display()))?;
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    command.stdout(out.try_clone()?).stderr(out).process_group(0).kill_on_drop(true);
    let child = command.spawn().with_context(|| format!("`{program}` cannot be started"))?;
    let mut running = Running(child);
    if let Ok(ended) = timeout(time, running.0.wait()).await {
        return Ok(ended?);
    }
    // Asked, so that it can still write down what it has done; who has started it may have it ignore Ctrl-C.
    if let Some(group) = running.group() {
        let _ = kill_process_group(group, Signal::TERM);
    }
    match timeout(END_TIME_MAX, running.0.wait()).await {
        Ok(ended) => Ok(ended?),
        Err(_) => bail!("`{program}` took longer than {} s and did not end when it was asked to", time.as_secs()),
    }
}

/// Runs a command that must succeed, with what it says in a file.
///
/// # Errors
/// A command that cannot be started or fails, with the end of what it said.
pub async fn run_well(command: Command, said: &Path, time: Duration) -> Result<()> {
    let line = line(&command);
    let status = run(command, said, time).await?;
    if status.success() {
        return Ok(());
    }
    bail!("`{line}` failed ({status}); it said last:\n{}", last_lines(said))
}

/// A command as it is typed.
fn line(command: &Command) -> String {
    let command = command.as_std();
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// The end of what a program said.
pub fn last_lines(said: &Path) -> String {
    let text = std::fs::read(said).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.get(lines.len().saturating_sub(TOLD_LINES_MAX)..).unwrap_or_default().join("\n")
}

/// The same program and arguments, run so that what it takes is written to a file.
pub fn measured(python: &Path, figures: &Path, program: &Path, dir: &Path) -> Command {
    let mut command = command(python, dir);
    command.arg(troupe_tests::root().join("tests/peers/measured.py")).arg(figures).arg(program);
    command
}

/// What a measured command took.
///
/// # Errors
/// A file that is not there: the command did not end by itself.
pub fn took(figures: &Path) -> Result<Took> {
    let text = std::fs::read_to_string(figures).context("nobody measured it: it was ended")?;
    Ok(serde_json::from_str(&text)?)
}

/// A program on the path.
///
/// # Errors
/// That there is none, and what to do.
pub fn on_path(name: &str, hint: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|dir| dir.join(name)).find(|program| program.is_file());
    found.with_context(|| format!("`{name}` is not on the path; {hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_program_takes_is_measured_with_what_it_starts() {
        let Ok(python) = on_path("python3", "") else { return };
        let dir = tempfile::tempdir().unwrap();
        let figures = dir.path().join("figures.json");
        let mut command = measured(&python, &figures, &python, dir.path());
        command
            .args(["-c", "import subprocess, sys; subprocess.run([sys.executable, '-c', 'b = bytearray(1 << 27)'])"]);
        run_well(command, &dir.path().join("said"), Duration::from_secs(60)).await.unwrap();
        let took = took(&figures).unwrap();
        assert!(took.peak_bytes > 1 << 27, "{took:?}");
        assert!(took.wall_s > 0.0 && took.cpu_s > 0.0, "{took:?}");
    }

    #[tokio::test]
    async fn what_runs_too_long_is_ended_with_what_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let mut command = command(Path::new("sh"), dir.path());
        command.args(["-c", "sleep 600 & wait"]);
        let began = std::time::Instant::now();
        let status = run(command, &dir.path().join("said"), Duration::from_millis(200)).await.unwrap();
        assert!(!status.success() && began.elapsed() < END_TIME_MAX);
    }

    #[tokio::test]
    async fn what_fails_is_told_with_its_last_words() {
        let dir = tempfile::tempdir().unwrap();
        let mut command = command(Path::new("sh"), dir.path());
        command.args(["-c", "echo no such thing; exit 3"]);
        let error = run_well(command, &dir.path().join("said"), Duration::from_secs(20)).await.unwrap_err();
        assert!(format!("{error}").ends_with("(exit status: 3); it said last:\nno such thing"), "{error}");
    }
}
