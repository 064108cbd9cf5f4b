//! Running the command as a person does.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::Host;

/// Longest that a command may take. Some build an agent.
const COMMAND_TIME_MAX: Duration = Duration::from_secs(300);

/// What a command said, and how it ended.
#[derive(Debug, Clone)]
pub struct Said {
    /// The exit status; none if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Runs the program in a directory.
pub async fn run(program: &str, dir: &Path, arguments: &[&str]) -> Said {
    let command = Command::new(program)
        .args(arguments)
        .current_dir(dir)
        .env_remove("TROUPE_DATA_DIR")
        .env_remove("TROUPE_HOST")
        .env_remove("TROUPE_TOKEN")
        .env_remove("TROUPE_LOG")
        .env_remove("COLUMNS")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(COMMAND_TIME_MAX, command).await.expect("an end in time").expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// Runs a command that talks to a host, with the token of its data directory.
pub async fn run_on(program: &str, host: &Host, arguments: &[&str]) -> Said {
    let (data_dir, url) = (host.data_dir(), host.client().url);
    let mut all = vec!["--data-dir", data_dir.to_str().expect("a path of text"), "--host", &url];
    all.extend(arguments);
    run(program, host.dir(), &all).await
}

impl Said {
    /// Standard output of a command that must have succeeded.
    #[track_caller]
    pub fn good(&self) -> &str {
        assert_eq!(self.code, Some(0), "{self:#?}");
        &self.out
    }

    /// Standard error of a command that must have failed.
    #[track_caller]
    pub fn bad(&self) -> &str {
        assert_eq!(self.code, Some(1), "{self:#?}");
        assert_eq!(self.out, "", "a failure says nothing on standard output");
        &self.err
    }
}
