//! How a host stands: its process, and what it holds.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{Client, Host};

/// How much more memory a host may hold than before: what an allocator keeps for later.
const MEMORY_BYTES_SLACK: u64 = 16 << 20;

/// Longest that a host may take to be at rest before a case.
const REST_TIME_MAX: Duration = Duration::from_secs(15);

/// What a host holds at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    process: Process,
    /// Bytes of memory that are the process's own.
    memory: u64,
    /// What the open descriptors are, in order.
    descriptors: Vec<String>,
    /// Tasks that run.
    tasks: u64,
    /// Stores that live.
    stores: u64,
}

/// Which process it is: its number, and when it began, since numbers are given again.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Process {
    id: u32,
    began: String,
}

impl Standing {
    /// How a host stands now.
    pub(super) async fn now(host: &Host, client: &Client) -> Self {
        let process = Process { id: host.pid(), began: system::began(host.pid()) };
        // Before this very question makes a connection.
        let (memory, descriptors) = (system::memory(host.pid()), system::descriptors(host.pid()));
        let metrics = client.get("/metrics").await.text;
        let whole = |name| metric(&metrics, name);
        Self { process, memory, descriptors, tasks: whole("troupe_tasks_running"), stores: whole("troupe_stores") }
    }

    /// How a host stands once nothing runs on it and nothing changes.
    pub(super) async fn at_rest(host: &Host, client: &Client) -> Self {
        let until = Instant::now() + REST_TIME_MAX;
        let mut last = Self::now(host, client).await;
        loop {
            sleep(Duration::from_millis(100)).await;
            let now = Self::now(host, client).await;
            if (now.tasks, now.stores) == (0, 0) && now.descriptors.len() == last.descriptors.len() {
                return Self { memory: now.memory.max(last.memory), ..now };
            }
            assert!(Instant::now() < until, "the host does not come to rest: {last:?}, {now:?}");
            last = now;
        }
    }

    /// What memory a host holds beyond this.
    pub(super) fn memory_above(&self, now: &Self) -> Option<String> {
        let is_above = now.memory > self.memory + MEMORY_BYTES_SLACK;
        is_above.then(|| format!("{} bytes of memory, {} before", now.memory, self.memory))
    }

    /// What a host holds beyond this.
    pub(super) fn above(&self, now: &Self) -> Vec<String> {
        let mut above = Vec::from_iter(self.memory_above(now));
        if now.descriptors.len() > self.descriptors.len() {
            let (now, before) = (&now.descriptors, &self.descriptors);
            let count = |all: &[String], one: &String| all.iter().filter(|other| *other == one).count();
            let new: BTreeSet<_> = now.iter().filter(|one| count(now, one) > count(before, one)).collect();
            above.push(format!("{} descriptors, {} before; new are {new:?}", now.len(), before.len()));
        }
        let pairs = [("tasks that run", self.tasks, now.tasks), ("stores", self.stores, now.stores)];
        above.extend(
            pairs
                .iter()
                .filter(|(_, before, now)| now > before)
                .map(|(what, before, now)| format!("{now} {what}, {before} before")),
        );
        above
    }

    /// What tells the process from the one that it was.
    pub(super) async fn parted(&self, host: &Host, client: &Client) -> Option<String> {
        let now = Self::now(host, client).await;
        if now.process != self.process {
            return Some(format!("another process: {:?}, {:?} before", now.process, self.process));
        }
        let panics = metric(&client.get("/metrics").await.text, "troupe_panics_total");
        let said = host.said();
        let told = said.lines().find(|line| line.contains(") panicked at "));
        (panics > 0 || told.is_some()).then(|| format!("{panics} panics: {}", told.unwrap_or("none was told")))
    }
}

/// A metric without labels; what is not there is a fault of the host's, since nobody could
/// see it rise.
fn metric(metrics: &str, name: &str) -> u64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let value = line.and_then(|value| value.parse::<f64>().ok());
    value.unwrap_or_else(|| panic!("/metrics does not tell {name}")).round() as u64
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs;

    /// When a process began.
    pub(super) fn began(pid: u32) -> String {
        crate::processes::began(pid).expect("a process that lives")
    }

    /// Memory that is the process's own, pages of files left out.
    pub(super) fn memory(pid: u32) -> u64 {
        let text = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process that lives");
        let kilobytes = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a line of memory");
            line.trim().trim_end_matches(" kB").parse::<u64>().expect("kilobytes")
        };
        (kilobytes("RssAnon:") + kilobytes("RssShmem:")) * 1024
    }

    pub(super) fn descriptors(pid: u32) -> Vec<String> {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).expect("a process that lives");
        // One that is closed meanwhile leads nowhere.
        let leads_to = |one: std::io::Result<fs::DirEntry>| fs::read_link(one.ok()?.path()).ok();
        let mut open: Vec<_> = open.filter_map(leads_to).map(|path| path.display().to_string()).collect();
        open.sort_unstable();
        open
    }
}

/// Elsewhere the system does not tell of other processes; what the host says of itself
/// is still held against before.
#[cfg(not(target_os = "linux"))]
mod system {
    pub(super) fn began(_: u32) -> String {
        String::new()
    }

    pub(super) fn memory(_: u32) -> u64 {
        0
    }

    pub(super) fn descriptors(_: u32) -> Vec<String> {
        Vec::new()
    }
}
