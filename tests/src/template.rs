//! A data directory in which the guests are published and deployed, made once and copied
//! for each host: compiling them again for each would take most of a run.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::UNIX_EPOCH;

use troupe_core::Digest;

use crate::guests::{guests, packed};
use crate::guests_dir;
use crate::host::Host;

/// Copies the directory to `to`, which is not there yet.
pub fn copy_to(program: &str, to: &Path) {
    static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
    let from = TEMPLATE.get_or_init(|| made(program));
    copy(from, to);
}

/// The directory for this program and these guests.
fn made(program: &str) -> PathBuf {
    let guests = guests();
    let releases = [
        packed(&guests.echo.release("1.0.0")),
        packed(&guests.echo_2.release("2.0.0")),
        packed(&guests.counter.release("1.0.0")),
        packed(&guests.hostile.release("1.0.0")),
    ];
    kept("served", program, &releases, async |unfinished| {
        let mut host = Host::empty(program).await;
        let client = host.client();
        for release in &releases {
            client.publish(release.clone()).await.of(201);
        }
        for agent in ["echo", "counter", "hostile"] {
            client.swap(agent, "1.0.0").await.of(200);
        }
        host.stop().await;
        copy(&host.data_dir(), unfinished);
    })
}

/// A directory that this program makes of these bytes; one of an earlier run if nothing has changed since. It is
/// made in a thread with a runtime of its own, since a test waits here within one.
pub(crate) fn kept(kind: &str, program: &str, of: &[Vec<u8>], make: impl AsyncFnOnce(&Path) + Send) -> PathBuf {
    let about = fs::metadata(program).expect("the program");
    let changed = about.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let mut key = format!("{} {}", about.len(), changed.as_nanos());
    for bytes in of {
        key.push_str(&Digest::of(bytes).hex());
    }
    let prefix = format!("{kind}-");
    let kept = guests_dir().join(format!("{prefix}{}", &Digest::of(key.as_bytes()).hex()[..16]));
    if kept.exists() {
        return kept;
    }
    remove_others(&prefix);
    let unfinished = kept.with_extension(std::process::id().to_string());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
            runtime.block_on(make(&unfinished));
        });
    });
    // Another run may have been quicker; both made the same.
    if fs::rename(&unfinished, &kept).is_err() {
        let _ = fs::remove_dir_all(&unfinished);
    }
    kept
}

fn remove_others(prefix: &str) {
    let entries = fs::read_dir(guests_dir()).into_iter().flatten().filter_map(Result::ok);
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix)) {
        let _ = fs::remove_dir_all(entry.path());
    }
}

/// Copies a directory, with the times of its files: cargo goes by them.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).expect("a file to copy");
            let changed = entry.metadata().and_then(|about| about.modified()).expect("a time");
            let copied = fs::File::options().write(true).open(&to).expect("a copy");
            copied.set_modified(changed).expect("a time that can be set");
        }
    }
}
