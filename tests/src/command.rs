//! Running the command as a person does.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::Host;

/// Longest that a command may take. Some build an agent.
const COMMAND_TIME_MAX: Duration = Duration::from_secs(300);

/// The width of a terminal on which nothing is cut off.
pub const COLUMNS: u16 = 220;

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

/// The program in a directory, with nothing of this process's own settings, to be started.
pub fn command(program: &str, dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(dir)
        .env_remove("TROUPE_DATA_DIR")
        .env_remove("TROUPE_DATABASE")
        .env_remove("TROUPE_HOST")
        .env_remove("TROUPE_TOKEN")
        .env_remove("TROUPE_CA")
        .env_remove("TROUPE_TLS_CERT")
        .env_remove("TROUPE_TLS_KEY")
        .env_remove("TROUPE_LOG")
        .env_remove("COSIGN_PASSWORD")
        .env_remove("COLUMNS")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// A command that talks to a host, with the token of its data directory, to be started.
pub fn command_on(program: &str, host: &Host, arguments: &[&str]) -> Command {
    command_by(program, host, &host.client().url, arguments)
}

/// The same, which talks to the host by another address.
pub fn command_by(program: &str, host: &Host, url: &str, arguments: &[&str]) -> Command {
    let data_dir = host.data_dir();
    let mut all = vec!["--data-dir", data_dir.to_str().expect("a path of text"), "--host", url];
    all.extend(arguments);
    command(program, host.dir(), &all)
}

/// Waits for the end of a command.
pub async fn ended(child: Child) -> Said {
    let output =
        timeout(COMMAND_TIME_MAX, child.wait_with_output()).await.expect("an end in time").expect("its output");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// Runs the program in a directory.
pub async fn run(program: &str, dir: &Path, arguments: &[&str]) -> Said {
    ended(command(program, dir, arguments).spawn().expect("the program starts")).await
}

/// Runs a command that talks to a host, with the token of its data directory.
pub async fn run_on(program: &str, host: &Host, arguments: &[&str]) -> Said {
    let said = ended(command_on(program, host, arguments).spawn().expect("the program starts")).await;
    host.canaries().expect_none_in("what a command said", format!("{}{}", said.out, said.err).as_bytes());
    said
}

/// Runs a command that talks to a host on a terminal, with something typed; nothing if this machine has
/// no `script`, which makes terminals (util-linux). What it says stands in `out`, as a terminal gets it.
pub async fn run_on_terminal(program: &str, host: &Host, arguments: &[&str], typed: &str) -> Option<Said> {
    let mut child = command_on_terminal(program, host, COLUMNS, arguments)?;
    let mut keyboard = child.stdin.take().expect("its input");
    keyboard.write_all(typed.as_bytes()).await.expect("a command that reads");
    let said = ended(child).await;
    drop(keyboard);
    Some(said)
}

/// The same on a terminal of this width, to be ended; what is typed goes to its standard input.
pub fn command_on_terminal(program: &str, host: &Host, columns: u16, arguments: &[&str]) -> Option<Child> {
    let (data_dir, url) = (host.data_dir(), host.client().url);
    // A terminal that has no rows has no known size.
    let mut line =
        format!("stty rows 50 cols {columns}; exec {program} --data-dir {} --host {url}", data_dir.display());
    for argument in arguments {
        line.push_str(&format!(" '{argument}'"));
    }
    let mut command = command("script", host.dir(), &["-qec", &line, "/dev/null"]);
    command.env("TERM", "xterm").stdin(Stdio::piped());
    match command.spawn() {
        Ok(child) => Some(child),
        Err(error) => {
            println!("left out: there is no `script` ({error})");
            None
        }
    }
}

/// Sends a signal to a process.
pub fn signal(pid: Option<u32>, signal: Signal) {
    let pid = pid.and_then(|id| Pid::from_raw(id.cast_signed())).expect("a process that has not ended");
    kill_process(pid, signal).expect("a process to signal");
}

/// Presses Ctrl-C.
pub fn interrupt(child: &Child) {
    signal(child.id(), Signal::INT);
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
