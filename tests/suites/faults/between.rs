//! A library that stands between a host and its system: `tests/faults/between.c`, compiled once a run by the compiler
//! that Rust links with.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use troupe_tests::{Host, root};

use crate::PROGRAM;

/// A host that has not been started, with the library, which a variable tells what to do.
pub(super) fn host(variable: &str, path: &Path) -> Host {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    let library = LIBRARY.get_or_init(|| {
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("between-{}.so", std::process::id()));
        let source = root().join("tests/faults/between.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).args([&library, &source]).arg("-ldl");
        assert!(compiler.status().expect("`cc`, which Rust links with").success());
        library
    });
    Host::new(PROGRAM, &["serve", "--listen", "127.0.0.1:0"])
        .with_variable("LD_PRELOAD", library.to_str().unwrap())
        .with_variable(variable, path.to_str().unwrap())
}

/// Sets the clock that hosts with this file have ahead by so many seconds.
pub(super) fn set_ahead(file: &Path, seconds: i64) {
    // In place: the hosts have it mapped.
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(file).unwrap();
    file.write_all(&seconds.to_ne_bytes()).unwrap();
}
