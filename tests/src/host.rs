//! A host as a process of its own, in a directory of its own.

use std::io::{BufRead as _, BufReader, PipeReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::sync::{OnceCell, oneshot};
use tokio::time::{Instant, timeout};
use troupe_package::SigningKey;

use crate::canary::{Canaries, canary};
use crate::client::Client;
use crate::command::signal;
use crate::oracle::Bystander;
use crate::template;

/// Longest that a host may take to serve. `dev` compiles agents first.
const START_TIME_MAX: Duration = Duration::from_secs(300);

/// Longest that a host may take to serve again after it has died, its first answer included.
const RESTART_TIME_MAX: Duration = Duration::from_secs(5);

/// Longest that a host may take to end when it is asked to.
const STOP_TIME_MAX: Duration = Duration::from_secs(40);

/// Longest that the rest of what a process said takes to be read once it has ended; a
/// process that it started may hold its standard error open.
const REST_TIME_MAX: Duration = Duration::from_secs(2);

/// Lines that a failing test tells of what its host said.
const TOLD_LINES_MAX: usize = 30;

/// What glibc keeps of freed memory is this little, for each of its arenas. Unless it is told, it
/// keeps twice the largest piece that was ever freed, up to 64 MiB, and whoever looks whether a host
/// holds more than before sees that in place of what the host holds.
const ALLOCATOR: [(&str, &str); 2] = [("MALLOC_MMAP_THRESHOLD_", "262144"), ("MALLOC_TRIM_THRESHOLD_", "262144")];

/// The environment variable in which every host has a canary.
const CANARY: &str = "TROUPE_TEST_CANARY";

/// The credential by which agents act with that canary, where their host acts somewhere.
pub const CREDENTIAL: &str = "bearer:canary";

/// A host. When this is dropped its process is killed, and all that it said and kept is
/// searched for its secrets; if a test fails, what it said is shown.
#[derive(Debug)]
pub struct Host {
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    /// The port of this machine at which agents may act with the canary.
    acts_at: Option<u16>,
    /// Whether the process outlives a refused write to a file.
    bears_limits: bool,
    /// What the allocator is told.
    allocator: &'static [(&'static str, &'static str)],
    dir: TempDir,
    said: Arc<Mutex<String>>,
    canaries: Canaries,
    running: Option<Running>,
    bystander: OnceCell<Bystander>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    client: Client,
    listening: JoinHandle<()>,
}

impl Host {
    /// Starts `troupe serve` on an empty directory.
    pub async fn empty(program: &str) -> Self {
        let mut host = Self::new(program, &["serve", "--listen", "127.0.0.1:0"]);
        host.start().await;
        host
    }

    /// Starts `troupe serve` on a directory in which the guests are published and
    /// deployed: `echo` (1.0.0 serves, 2.0.0 is there), `counter` and `hostile`, with
    /// nothing granted.
    pub async fn with_agents(program: &str) -> Self {
        let mut host = Self::new(program, &["serve", "--listen", "127.0.0.1:0"]);
        template::copy_to(program, &host.data_dir());
        host.start().await;
        host
    }

    /// A host that has not been started.
    pub fn new(program: &str, arguments: &[&str]) -> Self {
        let host = Self {
            program: program.into(),
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            environment: Vec::new(),
            acts_at: None,
            bears_limits: false,
            allocator: &ALLOCATOR,
            dir: TempDir::new().expect("a temporary directory"),
            said: Arc::default(),
            canaries: Canaries::default(),
            running: None,
            bystander: OnceCell::new(),
        };
        host.with_secret(CANARY, &canary())
    }

    /// Adds a variable to the host's environment.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a variable that holds a secret, which must show nowhere.
    #[must_use]
    pub fn with_secret(self, name: &str, value: &str) -> Self {
        self.canaries.watch(value);
        self.with_variable(name, value)
    }

    /// Lets agents act with the canary at a port of this machine, as [`CREDENTIAL`].
    #[must_use]
    pub const fn acting_at(mut self, port: u16) -> Self {
        self.acts_at = Some(port);
        self
    }

    /// Leaves the allocator as operators have it, for who measures memory.
    #[must_use]
    pub const fn with_usual_memory(mut self) -> Self {
        self.allocator = &[];
        self
    }

    /// What must show nowhere of this host.
    pub const fn canaries(&self) -> &Canaries {
        &self.canaries
    }

    /// Starts a host as [`Host::with_agents`] does, whose disk can be made to refuse.
    pub async fn with_agents_on_a_bad_disk(program: &str) -> Self {
        let mut host = Self::new(program, &["serve", "--listen", "127.0.0.1:0"]);
        host.bears_limits = true;
        template::copy_to(program, &host.data_dir());
        host.start().await;
        host
    }

    /// Has the system refuse every write of the process to a file, or none any more. The
    /// host must have been made for it.
    #[cfg(target_os = "linux")]
    pub fn refuse_writes(&self, refuse: bool) {
        use rustix::process::{Pid, Resource, Rlimit, prlimit};
        assert!(self.bears_limits, "this host would be killed by it");
        let pid = Pid::from_raw(self.pid().cast_signed());
        let limit = Rlimit { current: refuse.then_some(0), maximum: None };
        prlimit(pid, Resource::Fsize, limit).expect("a limit that can be set");
    }

    /// Gives the process so many descriptors in all, or as many as it may have.
    #[cfg(target_os = "linux")]
    pub fn limit_descriptors(&self, most: Option<u64>) {
        use rustix::process::{Pid, Resource, Rlimit, prlimit};
        let pid = Pid::from_raw(self.pid().cast_signed());
        let Rlimit { maximum, .. } = rustix::process::getrlimit(Resource::Nofile);
        let limit = Rlimit { current: most.or(maximum), maximum };
        prlimit(pid, Resource::Nofile, limit).expect("a limit that can be set");
    }

    /// Asks the process to end, and does not wait for that.
    pub fn signal(&self) {
        signal(Some(self.pid()), Signal::TERM);
    }

    /// The command that starts the process.
    fn command(&self) -> Command {
        if !self.bears_limits {
            return Command::new(&self.program);
        }
        // What is ignored stays so in the program that takes the shell's place.
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(&self.program);
        command
    }

    /// Starts the process and waits until it serves; returns how long that took.
    pub async fn start(&mut self) -> Duration {
        let started = Instant::now();
        let mut command = self.command();
        // The developer's own account is nobody's to test with.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
            command.env_remove(name);
        }
        let (reads, writes) = std::io::pipe().expect("a pipe");
        command
            .env("AWS_CONFIG_FILE", self.dir().join("no-aws-config"))
            .env("AWS_SHARED_CREDENTIALS_FILE", self.dir().join("no-aws-credentials"))
            .arg("--data-dir")
            .arg(self.data_dir())
            .args(&self.arguments)
            .env_remove("TROUPE_DATABASE")
            .envs(self.allocator.iter().copied())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env_remove("TROUPE_LOG")
            .current_dir(self.dir())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(writes)
            .kill_on_drop(true);
        if !self.data_dir().join("credentials.toml").exists() {
            command.env("TROUPE_CREDENTIALS", self.document());
        }
        let child = command.spawn().expect("the program starts");
        // With it goes this process's end of the pipe that the host writes to.
        drop(command);
        let (serving, url) = oneshot::channel();
        let said = Arc::clone(&self.said);
        let listening = std::thread::spawn(move || listen(BufReader::new(reads), &said, serving));
        let url = match timeout(START_TIME_MAX, url).await {
            Ok(Ok(url)) => url,
            ended => panic!("the host does not serve ({ended:?}); it said:\n{}", self.said()),
        };
        let token = std::fs::read_to_string(self.data_dir().join("token")).expect("a token");
        let client = Client::new(&url, Some(token.trim())).watched(&self.canaries).signing(self.key());
        self.running = Some(Running { child, client, listening });
        started.elapsed()
    }

    /// A document of credentials, for hosts that are given none, in which the canary is a secret
    /// and a token.
    fn document(&self) -> PathBuf {
        let path = self.dir().join("canary.toml");
        let value = format!("{{ env = \"{CANARY}\" }}");
        let port = self.acts_at.map(|port| format!(", port = {port}")).unwrap_or_default();
        let to = format!("to = {{ hosts = [\"127.0.0.1\"], scheme = \"http\"{port} }}");
        let text = format!(
            "[tenant.default.secrets.canary]\nvalue = {value}\n{to}\n\
             [tenant.default.credentials.\"{CREDENTIAL}\"]\ntoken = {value}\n{to}\n"
        );
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&path).expect("a new file");
        file.write_all(text.as_bytes()).expect("room for it");
        path
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("a host that runs")
    }

    /// A client of the host, with its token.
    pub fn client(&self) -> Client {
        self.running().client.clone()
    }

    /// The bystander of this host, which is there from when somebody first asks.
    pub async fn bystander(&self) -> &Bystander {
        self.bystander.get_or_init(|| async { Bystander::new(&self.client(), self.dir()).await }).await
    }

    /// The host's own key, which its data directory holds.
    pub fn key(&self) -> Option<Arc<SigningKey>> {
        let text = std::fs::read_to_string(self.data_dir().join("signing.key")).ok()?;
        Some(Arc::new(SigningKey::from_pem(&text).expect("a key")))
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.running().child.id().expect("a process that has not ended")
    }

    /// The directory around the data directory; the process's working directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Everything that the host has said so far.
    pub fn said(&self) -> String {
        self.said.lock().expect("no panic while held").clone()
    }

    /// Waits until the host has said something that `wanted` accepts, from the byte
    /// `from` of what it says.
    pub async fn says(&self, from: usize, wanted: impl Fn(&str) -> bool) {
        let until = Instant::now() + START_TIME_MAX;
        while !wanted(self.said().get(from..).unwrap_or_default()) {
            assert!(Instant::now() < until, "the host does not say what is wanted");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Whether the process still runs.
    pub fn is_alive(&mut self) -> bool {
        let running = self.running.as_mut().expect("a host that was started");
        running.child.try_wait().expect("a child").is_none()
    }

    /// Kills the process as a power cut would, and waits for its end.
    pub async fn kill(&mut self) {
        let mut running = self.running.take().expect("a host that runs");
        running.child.kill().await.expect("a process to kill");
        running.heard_out();
    }

    /// Kills the process and starts it again.
    pub async fn dies(&mut self) {
        self.kill().await;
        self.comes_back().await;
    }

    /// Starts the process after its death: it must be ready within the time that is promised, with
    /// nobody's help.
    pub async fn comes_back(&mut self) {
        let started = Instant::now();
        self.start().await;
        assert_eq!(self.client().get("/readyz").await.status, 200);
        let took = started.elapsed();
        assert!(took <= RESTART_TIME_MAX, "the restart took {took:?}");
    }

    /// Starts the process after its death: it must answer a call of an agent, which completes, within
    /// the time that is promised, with nobody's help. Returns what the agent answered.
    pub async fn serves_again(&mut self, agent: &str, skill: &str, input: Value) -> Value {
        let started = Instant::now();
        self.start().await;
        let answer = self.client().run(agent, skill, input).await;
        let took = started.elapsed();
        let output = answer.output();
        assert!(took <= RESTART_TIME_MAX, "the first answer after a restart took {took:?}");
        output
    }

    /// Waits for the end of a process that somebody else kills.
    pub async fn died(&mut self) {
        let mut running = self.running.take().expect("a host that runs");
        running.ended().await;
    }

    /// Asks the process to end, and waits until it has.
    pub async fn stop(&mut self) -> ExitStatus {
        let mut running = self.running.take().expect("a host that runs");
        signal(running.child.id(), Signal::TERM);
        running.ended().await
    }

    /// Fails the test if a secret shows in what the host said, or in what it left.
    fn search(&self) {
        let said = self.canaries.found_in(self.said().as_bytes()).map(|found| format!("the log holds {found}"));
        let found: Vec<String> = said.into_iter().chain(self.canaries.found_below(self.dir())).collect();
        assert!(found.is_empty(), "what must show nowhere shows:\n{}", found.join("\n"));
    }
}

impl Running {
    /// Waits for the end of the process and for what it said last.
    async fn ended(&mut self) -> ExitStatus {
        let status = timeout(STOP_TIME_MAX, self.child.wait()).await.expect("an end in time").expect("an exit status");
        self.heard_out();
        status
    }

    /// Waits until everything is read that an ended process has said.
    fn heard_out(&self) {
        let until = std::time::Instant::now() + REST_TIME_MAX;
        while !self.listening.is_finished() && std::time::Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Kills the process, outside of any runtime.
    fn kill(&mut self) {
        if self.child.start_kill().is_ok() {
            let until = std::time::Instant::now() + STOP_TIME_MAX;
            while matches!(self.child.try_wait(), Ok(None)) && std::time::Instant::now() < until {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        self.heard_out();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.kill();
        }
        if std::thread::panicking() {
            eprintln!("--- the host said last:\n{}---", last_lines(&self.said()));
        } else {
            self.search();
        }
    }
}

/// The end of what a host said: why a test failed is not to be lost in what came before or after.
fn last_lines(said: &str) -> String {
    let lines: Vec<_> = said.lines().collect();
    let left_out = lines.len().saturating_sub(TOLD_LINES_MAX);
    let before = if left_out > 0 { format!("({left_out} lines before)\n") } else { String::new() };
    lines[left_out..].iter().fold(before, |told, line| told + line + "\n")
}

/// Notes what a host says, and tells where it serves once it does.
fn listen(mut stderr: BufReader<PipeReader>, said: &Mutex<String>, serving: oneshot::Sender<String>) {
    let mut serving = Some(serving);
    let mut bytes = Vec::new();
    while matches!(stderr.read_until(b'\n', &mut bytes), Ok(1..)) {
        let line = String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned();
        bytes.clear();
        let url = line.strip_prefix("serving ").and_then(|line| Some(&line[line.find("http")?..]));
        if let Some((url, serving)) = url.and_then(|url| Some((url.trim().to_owned(), serving.take()?))) {
            let _ = serving.send(url);
        }
        let mut said = said.lock().expect("no panic while held");
        said.push_str(&line);
        said.push('\n');
    }
}
