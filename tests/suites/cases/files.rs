//! D36 to D44: a guest that looks for files outside the directories it was granted, writes
//! where it may only read, and fills what it may write.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, mkfifoat, utimensat};
use serde_json::{Value, json};
use tempfile::TempDir;
use troupe_core::limits;
use troupe_tests::oracle::{Good, Oracle};
use troupe_tests::{Client, Host, guests, seed};

const SECRET: &str = "what no guest may read";

/// A host with the agent `files`, which may read `in` and write `out`, both directories of
/// the machine, and has one of its own, `work`; a secret lies beside them.
struct Granted {
    host: Host,
    machine: TempDir,
    /// How many tasks were denied something or met a limit, by code.
    denied: Mutex<BTreeMap<String, usize>>,
}

impl Granted {
    async fn new() -> Self {
        Self::with_quota(64 << 20, 2000).await
    }

    async fn with_quota(bytes: u64, files: u64) -> Self {
        let host = crate::host().await;
        let machine = TempDir::new().unwrap();
        for name in ["in", "out", "secret"] {
            fs::create_dir(machine.path().join(name)).unwrap();
        }
        fs::write(machine.path().join("secret/file"), SECRET).unwrap();
        fs::write(machine.path().join("in/file"), "inside").unwrap();
        let granted = Self { host, machine, denied: Mutex::default() };
        let client = granted.host.client().fresh();
        client.publish(guests().files.archive("1.0.0")).await.of(201);
        client.swap("files", "1.0.0").await.of(200);
        let grants = json!({ "files": [
            { "name": "in", "path": granted.path("in") },
            { "name": "out", "access": "read-write", "path": granted.path("out"), "bytes": bytes, "files": files },
            { "name": "work", "access": "read-write", "bytes": bytes, "files": files },
        ] });
        client.put("/api/v1/deployments/files/grants", &json!({ "grants": grants })).await.of(200);
        granted
    }

    fn path(&self, inside: &str) -> PathBuf {
        // Temporary directories may be reached by a link, and no grant leads through one.
        self.machine.path().canonicalize().unwrap().join(inside)
    }

    /// Asks the guest, and checks that the host is well and its agent goes on.
    async fn ask(&self, skill: &str, input: Value) -> Value {
        let output = self.host.client().fresh().run("files", skill, input).await.output();
        assert!(!self.host.said().contains("panicked"), "something in the host panicked");
        assert!(!output.to_string().contains(SECRET), "{skill}: {output:#}");
        output
    }

    async fn code(&self, skill: &str, input: Value) -> String {
        let told = self.ask(skill, input).await;
        let code = told["code"].as_str().unwrap_or_else(|| panic!("not refused: {told:#}")).to_owned();
        if code.starts_with("denied.") || code.starts_with("limit.") {
            *self.denied.lock().unwrap().entry(code.clone()).or_default() += 1;
        }
        code
    }

    /// Begins to watch the host.
    async fn watch(&self) -> Oracle<'_> {
        self.denied.lock().unwrap().clear();
        // A directory is kept open from its first use on.
        for directory in ["in", "out", "work"] {
            self.ask("list", json!({ "directory": directory, "limit": 1 })).await;
        }
        let good = Good {
            agent: "files",
            skill: "read",
            input: json!({ "directory": "in", "path": "file" }),
            output: json!({ "value": "inside" }),
        };
        Oracle::watch_with(&self.host, good).await
    }

    /// Ends a case in which the host decided what the agent was told.
    async fn holds(&self, mut oracle: Oracle<'_>) {
        for (code, times) in std::mem::take(&mut *self.denied.lock().unwrap()) {
            oracle.decides_often(&code, times);
        }
        oracle.holds().await;
    }
}

/// What is in a directory, by name.
fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn d36_a_path_that_leads_out_or_means_something_else_elsewhere_is_denied() {
    let granted = Granted::new().await;
    let mut oracle = granted.watch().await;
    let absolute = granted.path("secret/file");
    let long = "x".repeat(256);
    for path in [
        "../secret/file",
        "a/../../secret/file",
        "..",
        ".",
        "./file",
        absolute.to_str().unwrap(),
        "/etc/passwd",
        "//file",
        "file/",
        "a//b",
        "..\\secret\\file",
        "C:\\windows",
        "c:file",
        "file\0",
        "\0",
        "..\0/secret",
        "a\nb",
        "CON",
        "con.txt",
        "a/NUL",
        "lpt1",
        "file.",
        "file ",
        ".troupe-0",
        &long,
    ] {
        for skill in ["read", "stat", "list", "delete", "write"] {
            let input = json!({ "directory": "out", "path": path, "limit": 10, "text": "x" });
            assert_eq!(granted.code(skill, input).await, "denied.path", "{skill} {path:?}");
        }
    }
    let overlong = json!({ "directory": "in", "path": "etc/passwd" });
    oracle.client().run("files", "read_overlong", overlong).await.failure("guest.trap");
    oracle.decides("guest.trap");
    assert_eq!(granted.code("read", json!({ "directory": "../secret", "path": "file" })).await, "denied.capability");
    assert_eq!(names(&granted.path("out")), [""; 0]);
    granted.holds(oracle).await;
}

#[tokio::test]
async fn d37_a_symbolic_link_is_not_followed_with_or_without_a_slash_behind_it() {
    let granted = Granted::new().await;
    let oracle = granted.watch().await;
    for dir in ["in", "out"] {
        symlink(granted.path("secret"), granted.path(dir).join("link")).unwrap();
        symlink("../secret/file", granted.path(dir).join("file-link")).unwrap();
        symlink("file", granted.path(dir).join("inner-link")).unwrap();
        symlink("link/file", granted.path(dir).join("far-link")).unwrap();
        for path in ["link", "link/", "link/file", "link/.", "file-link", "file-link/", "inner-link", "far-link"] {
            for skill in ["read", "stat", "list"] {
                let input = json!({ "directory": dir, "path": path, "limit": 10 });
                assert_eq!(granted.code(skill, input).await, "denied.path", "{skill} {dir}: {path}");
            }
        }
    }
    for path in ["link", "link/", "link/new", "link/file", "file-link", "link/sub/new"] {
        for skill in ["write", "delete"] {
            let input = json!({ "directory": "out", "path": path, "text": "overwritten" });
            assert_eq!(granted.code(skill, input).await, "denied.path", "{skill} {path}");
        }
    }
    assert_eq!(names(&granted.path("secret")), ["file"]);
    assert_eq!(fs::read_to_string(granted.path("secret/file")).unwrap(), SECRET);
    let listed = granted.ask("list", json!({ "directory": "in", "limit": 10 })).await;
    assert_eq!(listed["value"], json!([["file", "file", 6]]), "links are not even listed");
    granted.holds(oracle).await;
}

#[tokio::test]
async fn d38_a_hard_link_does_not_carry_a_write_from_one_grant_to_another() {
    let granted = Granted::new().await;
    let oracle = granted.watch().await;
    fs::hard_link(granted.path("in/file"), granted.path("out/alias")).unwrap();
    fs::hard_link(granted.path("secret/file"), granted.path("in/alias")).unwrap();
    for skill in ["write", "read", "stat", "delete"] {
        let input = json!({ "directory": "out", "path": "alias", "text": "overwritten" });
        assert_eq!(granted.code(skill, input).await, "denied.path", "{skill}");
    }
    assert_eq!(granted.code("read", json!({ "directory": "in", "path": "alias" })).await, "denied.path");
    assert_eq!(fs::read_to_string(granted.path("in/file")).unwrap(), "inside");
    assert_eq!(names(&granted.path("out")), ["alias"]);
    fs::remove_file(granted.path("out/alias")).unwrap();
    granted.holds(oracle).await;
}

#[tokio::test]
async fn d39_a_directory_granted_for_reading_is_never_opened_for_writing() {
    let granted = Granted::new().await;
    let mut oracle = granted.watch().await;
    let before = fs::metadata(granted.path("in/file")).unwrap();
    for (path, skill) in [("file", "write"), ("new", "write"), ("file", "delete"), ("sub/new", "write")] {
        let input = json!({ "directory": "in", "path": path });
        assert_eq!(granted.code(skill, input).await, "denied.capability", "{skill} {path}");
    }
    let after = fs::metadata(granted.path("in/file")).unwrap();
    assert_eq!((before.modified().unwrap(), before.len()), (after.modified().unwrap(), after.len()));
    assert_eq!(names(&granted.path("in")), ["file"]);
    // Nor does a skill write that says of itself that it only reads.
    let told = granted.ask("write_as_reader", json!({ "directory": "out", "path": "new", "text": "x" })).await;
    assert!(told["error"].as_str().unwrap().contains("class write"), "{told:#}");
    oracle.decides("denied.capability");
    assert_eq!(names(&granted.path("out")), [""; 0]);
    granted.holds(oracle).await;
}

#[tokio::test]
async fn d40_what_the_system_shows_as_files_is_out_of_reach_by_any_spelling() {
    let granted = Granted::new().await;
    let oracle = granted.watch().await;
    symlink("/proc/self", granted.path("in").join("proc")).unwrap();
    symlink("/dev", granted.path("in").join("dev")).unwrap();
    let environment = ["proc", "self", "environ"].join("/");
    let paths = [
        format!("/{environment}"),
        "proc/environ".to_owned(),
        ["proc", "root", "etc", "passwd"].join("/"),
        format!("../../../../{environment}"),
        "dev/zero".to_owned(),
    ];
    for path in paths {
        assert_eq!(granted.code("read", json!({ "directory": "in", "path": path })).await, "denied.path", "{path}");
    }
    // What would block whoever opens it, or is no storage, is not opened.
    mkfifoat(CWD, granted.path("in/pipe"), rustix::fs::Mode::RWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(granted.path("in/socket")).unwrap();
    for path in ["pipe", "socket"] {
        assert_eq!(granted.code("read", json!({ "directory": "in", "path": path })).await, "denied.path", "{path}");
        assert_eq!(granted.code("stat", json!({ "directory": "in", "path": path })).await, "denied.path", "{path}");
    }
    // Nor may an operator grant it, or the host's own directory, by mistake.
    let data_dir = granted.host.data_dir().canonicalize().unwrap();
    let inner = data_dir.join("releases");
    let above = data_dir.parent().unwrap();
    for path in ["/proc/self", "/dev", "/sys", "/nowhere/at/all", "/etc/passwd"].map(Path::new).into_iter().chain([
        data_dir.as_path(),
        &inner,
        above,
    ]) {
        let grants = json!({ "grants": { "files": [{ "name": "in", "path": path }] } });
        let refused = oracle.client().put("/api/v1/deployments/files/grants", &grants).await;
        refused.problem(422, "manifest.invalid");
    }
    granted.holds(oracle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d41_a_directory_that_is_swapped_for_a_link_never_leads_outside() {
    // As long as a link or the directory stays: some reads, and no core that is kept busy.
    const INSTANT: Duration = Duration::from_micros(50);
    let granted = Granted::new().await;
    // What five thousand rows of a journal take they take once.
    granted.ask("read_many", json!({ "directory": "in", "path": "file", "times": 5_000 })).await;
    let mut oracle = granted.watch().await;
    // In the moment of the swap it is a link, which is said.
    oracle.may_decide("denied.path");
    fs::create_dir(granted.path("in/sub")).unwrap();
    fs::write(granted.path("in/sub/file"), "inside").unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let (whole, sub, secret) = (granted.path("in"), granted.path("in/sub"), granted.path("secret"));
    let aside = granted.path("aside");
    let stopped = Arc::clone(&stop);
    let swapping = std::thread::spawn(move || {
        let mut swaps = 0;
        while !stopped.load(Ordering::Relaxed) {
            for dir in [&whole, &sub] {
                fs::rename(dir, &aside).unwrap();
                symlink(&secret, dir).unwrap();
                std::thread::sleep(INSTANT);
                fs::remove_file(dir).unwrap();
                fs::rename(&aside, dir).unwrap();
                std::thread::sleep(INSTANT);
            }
            swaps += 1;
        }
        swaps
    });
    // Opens by the thousand meet every instant of a swap; more of them meet the same ones.
    let (floods, started) = (seed::floods().min(4), Instant::now());
    for path in ["file", "sub/file"].repeat(floods) {
        let seen = granted.ask("read_many", json!({ "directory": "in", "path": path, "times": 5_000 })).await;
        assert_eq!(seen["texts"], json!(["inside"]), "{path}");
    }
    stop.store(true, Ordering::Relaxed);
    let swaps = swapping.join().unwrap();
    println!("{} opens during {swaps} swaps, in {:?}", 10_000 * floods, started.elapsed());
    assert!(swaps > 10);
    granted.holds(oracle).await;
}

#[tokio::test]
async fn d42_bytes_are_bounded_by_the_grant_and_counted_across_a_restart() {
    let mut granted = Granted::with_quota(100_000, 2000).await;
    for directory in ["out", "work"] {
        let fill = json!({ "directory": directory, "files": 100, "bytes": 30_000 });
        let filled = granted.ask("fill", fill.clone()).await;
        assert_eq!((&filled["written"], &filled["why"]["code"]), (&json!(3), &json!("limit.storage")), "{filled:#}");
        let write =
            |path: &str, bytes: u64| json!({ "directory": directory, "path": path, "text": "x", "repeat": bytes });
        assert_eq!(granted.ask("write", write("0", 40_000)).await["value"], Value::Null);
        assert_eq!(granted.code("write", write("0", 40_001)).await, "limit.storage");
        granted.host.kill().await;
        granted.host.start().await;
        assert_eq!(granted.code("write", write("new", 1)).await, "limit.storage");
        assert_eq!(granted.ask("delete", json!({ "directory": directory, "path": "1" })).await["value"], true);
        assert_eq!(granted.ask("write", write("new", 30_000)).await["value"], Value::Null);
        assert_eq!(granted.code("write", write("more", 1)).await, "limit.storage");
    }
    // A host that was ended by the case itself is watched from then on.
    let oracle = granted.watch().await;
    let too_long = json!({ "directory": "work", "path": "long", "text": "x".repeat(1024), "repeat": (16 << 10) + 1 });
    assert_eq!(granted.code("write", too_long).await, "limit.transfer");
    granted.holds(oracle).await;
}

#[tokio::test]
async fn d43_empty_files_and_directories_are_bounded_by_number() {
    let granted = Granted::with_quota(100_000, 200).await;
    let mut oracle = granted.watch().await;
    oracle.decides_often("limit.storage", 2);
    let filled = granted.ask("fill", json!({ "directory": "work", "files": 1_000_000, "bytes": 0 })).await;
    assert_eq!((&filled["written"], &filled["why"]["code"]), (&json!(200), &json!("limit.storage")), "{filled:#}");
    let deep = json!({ "directory": "out", "path": "a/b/c/d", "text": "" });
    assert_eq!(granted.ask("write", deep).await["error"], Value::Null);
    let filled = granted.ask("fill", json!({ "directory": "out", "files": 1_000_000, "bytes": 0 })).await;
    assert_eq!(filled["written"], 196, "each directory counts: {filled:#}");
    assert_eq!(granted.ask("delete", json!({ "directory": "out", "path": "a/b/c/d" })).await["value"], true);
    assert_eq!(granted.ask("delete", json!({ "directory": "out", "path": "a/b/c" })).await["value"], true);
    assert_eq!(granted.code("delete", json!({ "directory": "out", "path": "a" })).await, "invalid");
    granted.holds(oracle).await;
}

#[tokio::test]
async fn d44_files_with_extreme_times_are_told_like_others() {
    let granted = Granted::new().await;
    let oracle = granted.watch().await;
    for seconds in [i64::MIN, -1, 0, i64::from(u32::MAX), 253_402_300_800, i64::MAX] {
        let time = Timespec { tv_sec: seconds, tv_nsec: 999_999_999 };
        let times = Timestamps { last_access: time, last_modification: time };
        // A system that keeps no such time keeps the nearest, or refuses.
        let _ = utimensat(CWD, granted.path("in/file"), &times, AtFlags::empty());
        let stat = granted.ask("stat", json!({ "directory": "in", "path": "file" })).await;
        assert_eq!((&stat["value"][0], &stat["value"][1]), (&json!("file"), &json!(6)), "{seconds}: {stat:#}");
    }
    granted.holds(oracle).await;
}

#[tokio::test]
async fn what_calls_leave_in_a_journal_has_a_bound() {
    let granted = Granted::new().await;
    let most = limits::FILES_READ_BYTES_MAX;
    // What packs well is counted as it is.
    fs::write(granted.path("in/large"), vec![b'x'; most]).unwrap();
    let read = async |client: &Client, times: u64| {
        let input = json!({ "directory": "in", "path": "large", "times": times });
        let task = json!({ "agent": "files", "skill": "read_many", "input": input, "timeout_ms": 300_000 });
        client.post("/api/v1/tasks?wait=300", &task).await
    };
    read(&granted.host.client().fresh(), 10).await.of(200);
    let mut oracle = granted.watch().await;
    let fills = limits::JOURNAL_BYTES_MAX / most as u64;
    let failure = read(oracle.client(), fills + 1).await.failure("limit.journal");
    assert_eq!(failure["message"], "the agent's calls fill more than 1 GiB of journal in one invocation");
    oracle.decides("limit.journal");
    granted.holds(oracle).await;
}
