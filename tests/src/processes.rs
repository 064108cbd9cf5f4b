//! Processes as the system tells of them (proc_pid_stat(5), and Documentation/scheduler/sched-stats.rst of the kernel).

use std::collections::BTreeMap;
use std::time::Duration;

/// A process that has not been forgotten yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// What it does; `Z` once it has ended.
    pub state: char,
    /// Who started it.
    pub parent: i32,
    /// How much lower than usual its priority is.
    pub nice: i32,
}

/// The process of a number, if there is one.
pub fn process(pid: i32) -> Option<Process> {
    let fields = fields(pid.cast_unsigned())?;
    let number = |at: usize| fields.get(at)?.parse::<i32>().ok();
    Some(Process { pid, state: fields.first()?.chars().next()?, parent: number(1)?, nice: number(16)? })
}

/// When a process began, in ticks since the machine did (field 22), which tells it from another
/// of the same number.
pub fn began(pid: u32) -> Option<String> {
    fields(pid)?.get(19).cloned()
}

/// What a process has spent on the processor, in ticks (fields 14 and 15), itself and not those it started.
pub fn ticks(pid: u32) -> Option<u64> {
    let fields = fields(pid)?;
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(number(11)? + number(12)?)
}

/// The most memory that a process held at a time, in bytes (`VmHWM`, proc_pid_status(5)).
pub fn peak_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

/// What the system tells of a process, from its state on, which is field 3.
fn fields(pid: u32) -> Option<Vec<String>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // What stands before is a name in brackets, which may hold anything, brackets too.
    Some(stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

/// The processes that another has started and that have not ended.
pub fn children_of(parent: u32) -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").expect("/proc").filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_child = |of: &Process| of.parent == parent.cast_signed() && of.state != 'Z';
    pids.filter_map(process).filter(is_child).collect()
}

/// How long the threads of a process have run, and were ready and waited for a core, by thread.
/// Empty where the system does not tell.
pub type Turns = BTreeMap<u64, (Duration, Duration)>;

/// How it stands with the threads of a process.
pub fn turns(pid: u32) -> Turns {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().filter_map(Result::ok);
    let turns = threads.filter_map(|thread| {
        let told = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        let mut times = told.split_whitespace().map(|nanos| Some(Duration::from_nanos(nanos.parse().ok()?)));
        Some((thread.file_name().to_str()?.parse().ok()?, (times.next()??, times.next()??)))
    });
    turns.collect()
}

/// How many times as long as they ran the threads of a process took to run since then, because others had the
/// cores: 1 if they never waited for one.
pub fn contention(before: &Turns, now: &Turns) -> f64 {
    let (mut ran, mut waited) = (Duration::ZERO, Duration::ZERO);
    for (thread, (all_ran, all_waited)) in now {
        // A thread that began since had done nothing before, and neither had one whose number is given again.
        let (ran_before, waited_before) = before.get(thread).copied().unwrap_or_default();
        ran += all_ran.saturating_sub(ran_before);
        waited += all_waited.saturating_sub(waited_before);
    }
    if ran.is_zero() { 1.0 } else { 1.0 + waited.as_secs_f64() / ran.as_secs_f64() }
}

/// Lets this process, and those that it starts from now on, have so many descriptors, or as many
/// as the system lets it; returns how many it may have.
pub fn raise_descriptors(wanted: u64) -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < wanted) {
        let current = Some(maximum.map_or(wanted, |maximum| maximum.min(wanted)));
        // Who may not have more goes on with what there is.
        let _ = setrlimit(Resource::Nofile, Rlimit { current, maximum });
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
