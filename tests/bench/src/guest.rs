//! Building the guests that are measured.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the checkout.
pub fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Builds a test guest, as the given version where it is given, and reads its component.
pub fn build(name: &str, version: Option<&str>) -> std::io::Result<Vec<u8>> {
    let target = workspace().join("target/guests");
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--quiet", "--release", "--target", "wasm32-wasip2", "--package", &format!("guest-{name}")])
        .current_dir(workspace().join("tests/guests"))
        .env("CARGO_TARGET_DIR", &target);
    if let Some(version) = version {
        cargo.env("TROUPE_GUEST_VERSION", version);
    }
    if !cargo.status()?.success() {
        return Err(std::io::Error::other(format!("guest {name} does not build")));
    }
    let file: PathBuf = target.join(format!("wasm32-wasip2/release/guest_{name}.wasm"));
    std::fs::read(file)
}
