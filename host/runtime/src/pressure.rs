//! How much memory there is left, and what the host takes on when that is little.
//!
//! *The danger:* the system kills a process that takes more memory than there is, and with it all that runs here.
//! *The rule:* from nine tenths of what the host may use on, if less than a gibibyte is left then, what is new is
//! refused with `limit.host` and the time to come again, before it is accepted; `/readyz` says so, so that whoever
//! shares work out asks another host; what runs and what was accepted goes on, reads and cancels are answered. It
//! takes work again when it is clearly below that. *The default:* the limit is that of the process's own cgroup
//! (version 2) or of one around it, whichever is nearer to being used up; where none has one, that of the machine.
//!
//! What counts as used leaves out pages of files and what the kernel can give back: the system takes those before
//! it kills anybody, and a host that reads much has them fill all there is.

use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::MissedTickBehavior;
use troupe_core::{Code, Error, Result, limits};

use crate::Runtime;
use crate::blocking::blocking;

/// Where cgroups of version 2 are mounted.
const GROUPS: &str = "/sys/fs/cgroup";

/// Where the figures of memory stand.
#[derive(Debug, Clone)]
pub struct MemoryPlace {
    /// The directories of cgroups, the innermost first.
    groups: Vec<PathBuf>,
    /// The figures of the machine, as Linux prints them.
    machine: PathBuf,
}

impl MemoryPlace {
    /// Those of the cgroup that this process is in.
    pub fn own() -> Self {
        let mine = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        Self { groups: groups_of(&mine, Path::new(GROUPS)), machine: "/proc/meminfo".into() }
    }

    /// Those of the cgroup with this directory.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] if it is the directory of none.
    pub fn of_group(self, directory: PathBuf) -> Result<Self> {
        if directory.join("memory.max").is_file() {
            return Ok(Self { groups: vec![directory], ..self });
        }
        let message = format!(
            "{} is not the directory of a cgroup (version 2) with a memory controller: it has no `memory.max`",
            directory.display()
        );
        Err(Error::new(Code::RequestInvalid, message))
    }

    /// How much memory is used; none where nobody says.
    fn used(&self) -> Option<Memory> {
        let of_groups = self.groups.iter().filter_map(|group| used_of(group)).max_by_key(Memory::percent);
        of_groups.or_else(|| used_of_machine(&std::fs::read_to_string(&self.machine).ok()?))
    }
}

/// Memory that is used, of so much, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Memory {
    used: u64,
    most: u64,
}

impl Memory {
    /// None where there is none to have.
    fn new(used: u64, most: u64) -> Option<Self> {
        (most > 0).then_some(Self { used, most })
    }

    fn percent(&self) -> u64 {
        let percent = u128::from(self.used) * 100 / u128::from(self.most.max(1));
        u64::try_from(percent).unwrap_or(u64::MAX)
    }

    /// Whether it is too little, or still is.
    fn is_short(&self, was_short: bool) -> bool {
        let (percent, left) = if was_short {
            (limits::HOST_MEMORY_PERCENT_AGAIN, limits::HOST_MEMORY_LEFT_AGAIN)
        } else {
            (limits::HOST_MEMORY_PERCENT_MAX, limits::HOST_MEMORY_LEFT_MIN)
        };
        self.percent() >= percent && self.most.saturating_sub(self.used) < left
    }
}

/// The directories of the cgroup that a process is in and of those around it, out of what `/proc/PID/cgroup` says.
fn groups_of(text: &str, mount: &Path) -> Vec<PathBuf> {
    let path = text.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/");
    // What is outside of this process's view of the tree is not shown to it.
    let names = Path::new(path).components().filter(|part| matches!(part, Component::Normal(_)));
    let innermost = names.fold(mount.to_owned(), |group, name| group.join(name));
    innermost.ancestors().take_while(|group| group.starts_with(mount)).map(Path::to_owned).collect()
}

/// How much of a cgroup's limit is used; none if it has none.
fn used_of(group: &Path) -> Option<Memory> {
    let number = |name: &str| std::fs::read_to_string(group.join(name)).ok()?.trim().parse::<u64>().ok();
    let (most, current) = (number("memory.max")?, number("memory.current")?);
    let figures = std::fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
    let given_back = |line: &str| {
        let (name, bytes) = line.split_once(' ')?;
        let is_given_back = ["inactive_file", "active_file", "slab_reclaimable"].contains(&name);
        bytes.trim().parse::<u64>().ok().filter(|_| is_given_back)
    };
    Memory::new(current.saturating_sub(figures.lines().filter_map(given_back).sum()), most)
}

/// How much of the machine's memory is used.
fn used_of_machine(text: &str) -> Option<Memory> {
    let bytes = |name: &str| {
        let kib = text.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB"));
        Some(kib?.parse::<u64>().ok()?.saturating_mul(1024))
    };
    let (all, available) = (bytes("MemTotal:")?, bytes("MemAvailable:")?);
    Memory::new(all.saturating_sub(available), all)
}

/// Whether there is too little memory for anything new.
#[derive(Debug, Default)]
pub(crate) struct Pressure {
    is_high: AtomicBool,
}

impl Pressure {
    /// Takes in how much is used; returns whether that changes anything.
    fn sees(&self, memory: Option<Memory>) -> bool {
        let was_high = self.is_high.load(Ordering::Relaxed);
        // Where nobody says, nobody is refused.
        let is_high = memory.is_some_and(|memory| memory.is_short(was_high));
        self.is_high.store(is_high, Ordering::Relaxed);
        is_high != was_high
    }

    /// Checks that there is memory for something new.
    ///
    /// # Errors
    /// [`Code::LimitHost`].
    fn check(&self) -> Result<()> {
        if !self.is_high.load(Ordering::Relaxed) {
            return Ok(());
        }
        let most = limits::HOST_MEMORY_PERCENT_MAX;
        let message =
            format!("{most} % of the memory that this host may use is used; try again, here or at another host");
        Err(Error::new(Code::LimitHost, message))
    }
}

impl Runtime {
    /// Whether the host takes on something new.
    ///
    /// # Errors
    /// Those of [`Runtime::require_ready`]; [`Code::LimitHost`] while too little memory is left.
    pub(crate) fn require_room(&self) -> Result<()> {
        self.require_ready()?;
        self.pressure.check()
    }

    /// Looks from time to time how much memory is left.
    pub(crate) fn keep_memory(&self, place: MemoryPlace) {
        let runtime = self.clone();
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(limits::HOST_MEMORY_LOOK_EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while !runtime.is_stopping() {
                ticks.tick().await;
                let place = place.clone();
                let memory = blocking(move || Ok(place.used())).await.unwrap_or_default();
                let has_changed = runtime.pressure.sees(memory);
                let used = memory.map(|memory| memory.percent());
                let is_high = runtime.pressure.check().is_err();
                if let Some(used) = used.and_then(|used| u32::try_from(used).ok()) {
                    metrics::gauge!("troupe_host_memory_used_percent").set(used);
                }
                metrics::gauge!("troupe_host_memory_short").set(u32::from(is_high));
                match (has_changed, is_high) {
                    (true, true) => tracing::warn!(used, "too little memory is left: what is new is refused"),
                    (true, false) => tracing::info!(used, "there is memory again: what is new is taken"),
                    (false, _) => {}
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_of_a_process_are_its_own_and_those_around_it() {
        let groups = |text: &str| {
            groups_of(text, Path::new("/g")).into_iter().map(|path| path.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(groups("4:memory:/old\n0::/a/b\n"), ["/g/a/b", "/g/a", "/g"]);
        assert_eq!(groups("0::/../x\n"), ["/g/x", "/g"]);
        assert_eq!(groups("0::/\n"), ["/g"]);
        assert_eq!(groups(""), ["/g"]);
    }

    #[test]
    fn used_is_what_the_nearest_limit_says_without_idle_pages_of_files() {
        let dir = tempfile::tempdir().unwrap();
        let (outer, inner) = (dir.path().join("a"), dir.path().join("a/b"));
        std::fs::create_dir_all(&inner).unwrap();
        let machine = dir.path().join("meminfo");
        let used = |place: &MemoryPlace| place.used().map(|memory| memory.percent());
        let place = MemoryPlace { groups: vec![inner.clone(), outer.clone()], machine: machine.clone() };
        assert_eq!(used(&place), None);
        std::fs::write(&machine, "MemTotal:       1000 kB\nMemFree:         10 kB\nMemAvailable:    250 kB\n").unwrap();
        assert_eq!(used(&place), Some(75));
        for (group, most, current) in [(&inner, "max", "900"), (&outer, "1000", "600")] {
            std::fs::write(group.join("memory.max"), format!("{most}\n")).unwrap();
            std::fs::write(group.join("memory.current"), format!("{current}\n")).unwrap();
        }
        assert_eq!(used(&place), Some(60));
        std::fs::write(inner.join("memory.max"), "1000\n").unwrap();
        assert_eq!(used(&place), Some(90));
        std::fs::write(inner.join("memory.stat"), "anon 1\ninactive_file 300\nactive_file 150\nslab_reclaimable 50\n")
            .unwrap();
        assert_eq!(used(&place), Some(60));
        std::fs::write(outer.join("memory.max"), "0\n").unwrap();
        assert_eq!(used(&place), Some(40));
    }

    #[test]
    fn what_is_refused_at_nine_tenths_is_taken_again_clearly_below() {
        let pressure = Pressure::default();
        let seen: Vec<bool> = [None, Some(89), Some(90), Some(89), Some(85), Some(84), Some(89), Some(200), None]
            .into_iter()
            .map(|used| {
                pressure.sees(used.and_then(|used| Memory::new(used, 100)));
                pressure.check().is_err()
            })
            .collect();
        assert_eq!(seen, [false, false, true, true, true, false, false, true, false]);
    }

    #[test]
    fn a_large_machine_of_which_a_tenth_is_enough_refuses_nothing() {
        let pressure = Pressure::default();
        let seen: Vec<bool> = [90, 93, 94, 93, 92]
            .into_iter()
            .map(|percent| {
                pressure.sees(Memory::new(percent * (16 << 30) / 100, 16 << 30));
                pressure.check().is_err()
            })
            .collect();
        // Of 16 GiB a gibibyte is left at 94 %, and one and a half at 91 %.
        assert_eq!(seen, [false, false, true, true, true]);
    }

    #[test]
    fn what_is_no_directory_of_a_cgroup_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let refused = MemoryPlace::own().of_group(dir.path().to_owned()).unwrap_err();
        assert_eq!(refused.code, Code::RequestInvalid);
        assert!(refused.to_string().contains("memory.max"), "{refused}");
    }
}
