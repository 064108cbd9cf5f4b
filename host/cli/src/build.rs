//! Building agents: cargo compiles, the component describes itself, and both are packed
//! with the manifest.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use cargo_metadata::Message;
use tokio::process::Command;
use troupe_core::{Code, Error, Result, limits};
use troupe_package::{Manifest, Profile, Release};

use crate::output::note;

const TARGET: &str = "wasm32-wasip2";

/// A compiled agent that has not described itself yet.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) manifest: Manifest,
    pub(crate) component: Vec<u8>,
    /// Where cargo put the component.
    pub(crate) path: PathBuf,
}

impl Compiled {
    /// Packs the agent as a release.
    pub(crate) fn release(self, profile: Profile) -> Release {
        Release { manifest: self.manifest, profile, component: self.component }
    }
}

/// Reads an agent's manifest.
///
/// # Errors
/// [`Code::ManifestInvalid`] naming the line, or that there is no `agent.toml`.
pub(crate) fn manifest(dir: &Path) -> Result<Manifest> {
    let path = dir.join("agent.toml");
    let text = std::fs::read_to_string(&path).map_err(|error| {
        let message = format!("`{}` cannot be read ({}); an agent's directory has one", path.display(), error.kind());
        Error::new(Code::ManifestInvalid, message).with_cause(error)
    })?;
    Manifest::parse(&text).map_err(|error| error.context(dir.display()))
}

/// Compiles the agent in a directory. Cargo shows its progress and the compiler its
/// messages on standard error.
///
/// # Errors
/// [`Code::ManifestInvalid`]; [`Code::BuildFailed`], after the compiler has said why.
pub(crate) async fn compile(dir: &Path) -> Result<Compiled> {
    let manifest = manifest(dir)?;
    ensure_target(dir).await?;
    let failed = |message: String| Error::new(Code::BuildFailed, message);
    let cargo = Command::new("cargo")
        .args(["build", "--release", "--lib", "--target", TARGET, "--message-format", "json-render-diagnostics"])
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed("cargo cannot be started; install Rust from rustup".to_owned()).with_cause(error))?;
    // `output` would take what is meant for the person who waits.
    let output = cargo.wait_with_output().await.map_err(Error::internal)?;
    if !output.status.success() {
        return Err(failed(format!("agent `{}` does not build; the compiler's message is above", manifest.name)));
    }
    let path = component_path(&output.stdout, dir).ok_or_else(|| {
        failed(format!(
            "agent `{}` builds, but not as a component; set `crate-type = [\"cdylib\", \"rlib\"]` under [lib] in its Cargo.toml",
            manifest.name
        ))
    })?;
    let size = std::fs::metadata(&path).map_err(Error::internal)?.len();
    if size > limits::COMPONENT_BYTES_MAX {
        let most = limits::bytes(limits::COMPONENT_BYTES_MAX);
        let message = format!("agent `{}` builds to {size} bytes; a component may have {most}", manifest.name);
        return Err(Error::new(Code::ArtifactSize, message));
    }
    let component = std::fs::read(&path).map_err(Error::internal)?;
    Ok(Compiled { manifest, component, path })
}

/// The component among cargo's messages: the one of the crate in `dir`.
fn component_path(messages: &[u8], dir: &Path) -> Option<PathBuf> {
    let dir = dir.canonicalize().ok()?;
    let ours = Message::parse_stream(messages).filter_map(|message| match message.ok()? {
        Message::CompilerArtifact(artifact) if artifact.manifest_path.parent()?.as_std_path() == dir => Some(artifact),
        _ => None,
    });
    let files = ours.flat_map(|artifact| artifact.filenames);
    files
        .map(cargo_metadata::camino::Utf8PathBuf::into_std_path_buf)
        .find(|path| path.extension().is_some_and(|e| e == "wasm"))
}

/// Sees to it that the toolchain of `dir` can build for our target.
async fn ensure_target(dir: &Path) -> Result<()> {
    let no_rust = |error: std::io::Error| {
        Error::new(Code::BuildFailed, "rustc cannot be started; install Rust from rustup").with_cause(error)
    };
    let printed = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(dir)
        .output()
        .await
        .map_err(no_rust)?;
    let libdir = PathBuf::from(String::from_utf8_lossy(&printed.stdout).trim().to_owned());
    if printed.status.success() && libdir.is_dir() {
        return Ok(());
    }
    note(&format!("adding the target {TARGET} to this toolchain"));
    let added =
        Command::new("rustup").args(["target", "add", TARGET]).current_dir(dir).stdin(Stdio::null()).status().await;
    if added.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    let message = format!("the toolchain cannot build for {TARGET}; run `rustup target add {TARGET}`");
    Err(Error::new(Code::BuildFailed, message))
}
