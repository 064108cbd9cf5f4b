//! The machine in a world that fails: a route table, a store and callers as models, driven by
//! a seed. Operators act at once and against each other, steps fail, the store refuses, the
//! host dies before, between and after its writes and starts again; after each action the
//! promises are held against the world, and in the end every swap has come to its end.
//!
//! It does not model what a step does, such as compiling, nor several hosts.
//! `TROUPE_SEED` repeats one schedule, `TROUPE_SCHEDULES` says how many there are.

mod model;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use troupe_core::Timestamp;
use troupe_core::view::{DrainMode, SwapOutcome, SwapPhase, SwapReason};

use super::machine::{self, Command, Event, Retires, RouteMove, Work};
use super::room;
use super::seeded::{self, Random, rehearsed};
use model::{Attempt, Disk, Id, Release, Row, Seen, Swap, Tally};

const STEPS: u64 = 160;
const KEYS: u64 = 12;
const RELEASES: u64 = 5;

struct World {
    random: Random,
    now: Timestamp,
    disk: Disk,
    /// The route in force.
    route: Row,
    attempts: Vec<Attempt>,
    seen: BTreeMap<u64, Seen>,
    /// Releases that passed all checks, by swap.
    ready: BTreeSet<(Id, Release)>,
    ids: Id,
    log: Vec<String>,
    tally: Tally,
}

fn bucket(key: u64, swap: Id) -> u64 {
    Random(key.wrapping_mul(31).wrapping_add(swap)).below(100)
}

impl World {
    fn new(seed: u64) -> Self {
        let row = Row { epoch: 1, serving: 0, candidate: None, generation: 1 };
        let disk = Disk { row: row.clone(), swaps: BTreeMap::new(), suspended: Vec::new(), retired: BTreeSet::new() };
        Self {
            random: Random(seed),
            now: Timestamp::from_millis(1_000_000),
            disk,
            route: row,
            attempts: Vec::new(),
            seen: BTreeMap::new(),
            ready: BTreeSet::new(),
            ids: 0,
            log: Vec::new(),
            tally: Tally::default(),
        }
    }

    fn begin(&mut self) {
        let in_charge = self.disk.swaps.values().any(|swap| swap.state.phase.is_in_charge());
        let to = self.random.below(RELEASES);
        let policy = seeded::policy(&mut self.random);
        if in_charge || (to == self.disk.row.serving && !policy.is_plain()) {
            return;
        }
        self.ids += 1;
        let state = machine::begun(self.now);
        self.disk.swaps.insert(self.ids, Swap { from: self.disk.row.serving, to, policy, state });
    }

    /// An event that the work of a swap may bring about.
    fn work(&mut self, swap: &Swap) -> Option<Event> {
        let random = &mut self.random;
        let refused = || Event::Refused(SwapReason { code: "artifact.init".into(), message: "no".into() });
        Some(match machine::work(&swap.state) {
            Work::Verify if random.one_in(8) => refused(),
            Work::Verify if random.one_in(5) => Event::ApprovalNeeded { approval: "a".into() },
            Work::Verify => Event::Verified { migrates: random.one_in(6) },
            Work::AwaitApproval if random.one_in(3) => Event::Rejected { why: "no".into() },
            Work::AwaitApproval => Event::Approved,
            Work::Rehearse if random.one_in(8) => refused(),
            Work::Rehearse => {
                let total = if random.one_in(3) { 0 } else { 2 };
                let identical = if random.one_in(4) { 0 } else { total };
                Event::Rehearsed(rehearsed(total, identical))
            }
            Work::Warm | Work::Migrate if random.one_in(8) => refused(),
            Work::Warm => Event::Warmed,
            // Nothing of the agent may run, parked or not, and nothing enters meanwhile.
            Work::Migrate if !self.attempts.is_empty() => return None,
            Work::Migrate => Event::Migrated,
            Work::Observe => Event::Observed {
                calls: random.below(6),
                worse: random.one_in(12).then(|| SwapReason { code: "swap.unhealthy".into(), message: "bad".into() }),
                judgement: Box::default(),
            },
            Work::Drain => {
                let release = retiring(swap)?;
                if Self::places(&self.route).contains(&release) {
                    return Some(Event::ServesAgain);
                }
                if self.runs_on(release) || self.attempts.iter().any(|attempt| attempt.release == release) {
                    return None;
                }
                Event::Drained { parked: self.is_suspended(release) }
            }
            Work::Park => {
                let release = retiring(swap)?;
                if Self::places(&self.route).contains(&release) {
                    return Some(Event::ServesAgain);
                }
                let is_needed =
                    self.is_suspended(release) || self.attempts.iter().any(|attempt| attempt.release == release);
                if is_needed {
                    return None;
                }
                Event::Idle
            }
            Work::Nothing => return None,
        })
    }

    fn is_suspended(&self, release: Release) -> bool {
        self.disk.suspended.iter().any(|task| task.release == release)
    }

    /// Whether new work is held back.
    fn is_held(&self) -> bool {
        self.disk.swaps.values().any(|swap| swap.state.phase == SwapPhase::Migrating)
    }

    fn runs_on(&self, release: Release) -> bool {
        self.attempts.iter().any(|attempt| attempt.release == release && !attempt.parked)
    }

    fn places(row: &Row) -> Vec<Release> {
        std::iter::once(row.serving).chain(row.candidate.map(|(release, ..)| release)).collect()
    }

    /// Steps a swap, and makes durable what follows.
    fn advance(&mut self, id: Id, event: Event) {
        let Some(swap) = self.disk.swaps.get(&id).cloned() else { return };
        self.log.push(format!("{id}: {:?} <- {event:?}", swap.state.phase));
        if matches!(event, Event::Warmed | Event::Migrated) {
            self.ready.insert((id, swap.to));
        }
        let Ok(Some(next)) = machine::step(&swap.state, &swap.policy, self.now, event) else { return };
        let mut row = self.disk.row.clone();
        if let Some(change) = next.route {
            let mine = row.candidate.is_some_and(|(.., by)| by == id);
            let fits = match change {
                RouteMove::Try(_) if swap.state.phase != SwapPhase::Canary => row.candidate.is_none(),
                RouteMove::Promote if swap.state.phase != SwapPhase::Canary => row.candidate.is_none(),
                RouteMove::Try(_) | RouteMove::Promote | RouteMove::Drop => mine,
                RouteMove::Restore => row.serving == swap.to && row.candidate.is_none(),
            };
            if !fits {
                self.tally.conflicts += 1;
                return self.advance(id, Event::Conflict);
            }
            row.epoch += 1;
            match change {
                RouteMove::Try(weight) => row.candidate = Some((swap.to, weight, id)),
                RouteMove::Promote => {
                    (row.serving, row.candidate) = (swap.to, None);
                    row.generation += u64::from(swap.state.phase == SwapPhase::Migrating);
                }
                RouteMove::Drop => row.candidate = None,
                RouteMove::Restore => row.serving = swap.from,
            }
            if !self.make_room(&swap, &row, change) {
                self.tally.waits += 1;
                return;
            }
        }
        match self.random.below(20) {
            // The store refuses, or the host dies before its write.
            0 => return,
            1 => return self.crash(),
            _ => {}
        }
        if matches!(next.state.phase, SwapPhase::Ended)
            && matches!(swap.state.phase, SwapPhase::Draining | SwapPhase::Parked)
            && let Some(release) = retiring(&swap)
            && !Self::places(&row).contains(&release)
        {
            assert!(!self.attempts.iter().any(|attempt| attempt.release == release), "S6: it still runs");
            self.disk.retired.insert(release);
        }
        if next.state.phase == SwapPhase::Ended {
            let outcome = next.state.outcome.expect("an end has an outcome");
            self.tally.outcomes[outcome as usize] += 1;
        }
        if let Some(kept) = self.disk.swaps.get_mut(&id) {
            kept.state = next.state;
        }
        if next.route.is_none() {
            return;
        }
        if row.generation > self.disk.row.generation {
            self.tally.migrations += 1;
            assert!(self.attempts.is_empty(), "S8: something runs while state changes its form");
            // Attempts that are suspended cannot go on, and are settled before they could.
            self.disk.suspended.clear();
            self.disk.retired.insert(swap.from);
        }
        self.disk.row = row.clone();
        for place in Self::places(&row) {
            self.disk.retired.remove(&place);
        }
        if self.random.one_in(20) {
            // Between its write and its memory.
            return self.crash();
        }
        self.route = row;
    }

    /// Makes room for the route `row`; whether there is.
    fn make_room(&mut self, swap: &Swap, row: &Row, change: RouteMove) -> bool {
        let places = Self::places(&self.disk.row);
        let draining: Vec<Release> = self
            .attempts
            .iter()
            .filter(|attempt| !attempt.parked && !places.contains(&attempt.release))
            .map(|attempt| attempt.release)
            .collect();
        let living: Vec<Release> = draining.into_iter().chain(places).collect();
        let surplus = room::in_the_way(&living, &Self::places(row), row.candidate.is_some());
        let busy: Vec<Release> = surplus.into_iter().filter(|release| self.runs_on(*release)).collect();
        let waits = swap.policy.drain.as_ref().is_some_and(|drain| drain.mode == DrainMode::Wait);
        if !busy.is_empty() && waits && !change.is_back() {
            return false;
        }
        self.attempts.retain(|attempt| attempt.parked || !busy.contains(&attempt.release));
        true
    }

    fn crash(&mut self) {
        self.log.push("the host dies".into());
        self.tally.crashes += 1;
        // Attempts are on disk, and go on with their release; some of the rest had no row.
        let mut random = self.random.clone();
        self.attempts.retain(|_| !random.one_in(3));
        self.random = random;
        self.route = self.disk.row.clone();
        for id in self.unfinished() {
            if self.disk.swaps[&id].state.phase == SwapPhase::Migrating {
                let before = self.disk.row.clone();
                self.advance(id, Event::Restarted);
                assert_eq!(before, self.disk.row, "S9: a migration that came to nothing changed the route");
            }
        }
    }

    fn call(&mut self) {
        let key = self.random.below(KEYS);
        if self.is_held() {
            return;
        }
        let route = &self.route;
        let tried = route.candidate.filter(|(_, weight, swap)| bucket(key, *swap) < u64::from(*weight));
        let release = tried.map_or(route.serving, |(release, ..)| release);
        let seen = self.seen.entry(key).or_default();
        assert!(route.epoch >= seen.epoch, "S4: the epoch falls for {key}");
        if let Some((.., swap)) = route.candidate {
            let goes_back = seen.candidate_of == Some(swap) && tried.is_none();
            assert!(!goes_back, "S4: {key} is sent back while the candidate is tried");
        }
        seen.epoch = route.epoch;
        if let Some((.., swap)) = tried {
            seen.candidate_of = Some(swap);
        }
        let is_ready = release == 0 || self.ready.iter().any(|(_, ready)| *ready == release);
        assert!(is_ready, "S3: {release} answers and was never made ready");
        assert_eq!(*route, self.disk.row, "what is in force is what is on disk");
        self.attempts.push(Attempt { release, parked: false, generation: self.route.generation });
    }

    fn passes(&mut self) {
        let seconds = self.random.below(25);
        self.now = self.now.plus(Duration::from_secs(seconds));
        let places = Self::places(&self.route);
        let late: Vec<Release> = self.disk.swaps.values().filter_map(|swap| self.is_late(swap)).collect();
        if self.disk.swaps.values().any(|swap| self.ends_all(swap)) {
            self.attempts.clear();
        }
        self.attempts
            .retain(|attempt| attempt.parked || places.contains(&attempt.release) || !late.contains(&attempt.release));
    }

    /// The release whose drain has come to its deadline.
    fn is_late(&self, swap: &Swap) -> Option<Release> {
        let seconds = swap.policy.drain.as_ref()?.seconds;
        let until = swap.state.draining_since?.plus(Duration::from_secs(seconds));
        retiring(swap).filter(|_| self.now >= until)
    }

    /// Whether a migration has waited long enough for what runs.
    fn ends_all(&self, swap: &Swap) -> bool {
        let seconds = swap.policy.drain.as_ref().map_or(0, |drain| drain.seconds);
        swap.state.phase == SwapPhase::Migrating && self.now >= swap.state.since.plus(Duration::from_secs(seconds))
    }

    fn any_swap(&mut self) -> Option<Id> {
        let going: Vec<Id> = self.unfinished();
        going.get(self.random.below(going.len() as u64) as usize).copied()
    }

    fn unfinished(&self) -> Vec<Id> {
        let going = self.disk.swaps.iter().filter(|(_, swap)| swap.state.phase != SwapPhase::Ended);
        going.map(|(id, _)| *id).collect()
    }

    fn act(&mut self) {
        match self.random.below(20) {
            0 | 1 => self.begin(),
            2..=6 => {
                if let Some(id) = self.any_swap() {
                    let swap = self.disk.swaps[&id].clone();
                    if let Some(event) = self.work(&swap) {
                        self.advance(id, event);
                    }
                }
            }
            7 => {
                let command = match self.random.below(4) {
                    0 => Command::Weight(self.random.below(110) as u8),
                    1 => Command::Promote,
                    2 => Command::Rollback,
                    _ => Command::Abort,
                };
                // Not at every second turn, so that swaps get somewhere.
                if let Some(id) = self.any_swap().filter(|_| self.random.one_in(3)) {
                    self.advance(id, Event::Operator(command));
                }
            }
            8 => {
                // Configuration or grants change: another epoch of the same route.
                self.disk.row.epoch += 1;
                self.route = self.disk.row.clone();
            }
            9 | 10 => {
                self.passes();
                for id in self.unfinished() {
                    self.advance(id, Event::Elapsed);
                }
            }
            11 if self.random.one_in(3) => self.crash(),
            12..=15 => self.call(),
            16 | 17 if !self.attempts.is_empty() => {
                let at = self.random.below(self.attempts.len() as u64) as usize;
                self.attempts.swap_remove(at);
            }
            18 if !self.attempts.is_empty() => {
                let at = self.random.below(self.attempts.len() as u64) as usize;
                let attempt = self.attempts.swap_remove(at);
                self.disk.suspended.push(attempt);
            }
            19 if !self.is_held() => {
                if let Some(task) = self.disk.suspended.pop() {
                    self.attempts.push(Attempt { parked: true, ..task });
                }
            }
            _ => {}
        }
    }

    fn check(&self) {
        let in_charge = self.disk.swaps.values().filter(|swap| swap.state.phase.is_in_charge()).count();
        assert!(in_charge <= 1, "two swaps are in charge");
        let mut living: BTreeSet<Release> = Self::places(&self.route).into_iter().collect();
        living.extend(self.attempts.iter().filter(|attempt| !attempt.parked).map(|attempt| attempt.release));
        let most = if self.route.candidate.is_some() { 3 } else { 2 };
        assert!(living.len() <= most, "S5: {living:?} live beside {:?}", self.route);
        for attempt in &self.attempts {
            let now = self.disk.row.generation;
            assert_eq!(attempt.generation, now, "S8: {} works on state that is gone", attempt.release);
            assert!(!self.disk.retired.contains(&attempt.release), "S6: {} runs and is retired", attempt.release);
        }
        if let Some((release, _, by)) = self.disk.row.candidate {
            let swap = &self.disk.swaps[&by];
            assert_eq!((swap.state.phase, swap.to), (SwapPhase::Canary, release), "a candidate of no canary");
        }
        for (id, swap) in &self.disk.swaps {
            if swap.state.phase == SwapPhase::Canary {
                let weight = self.disk.row.candidate.filter(|(.., by)| by == id).map(|(_, weight, _)| weight);
                assert_eq!(weight, Some(swap.state.weight), "state and route have parted");
            }
            if swap.state.phase == SwapPhase::Watching {
                assert_eq!(self.disk.row.serving, swap.to, "what is watched does not serve");
            }
        }
    }

    /// Everybody goes home: what was begun comes to its end.
    fn settle(&mut self) {
        for _ in 0..400 {
            self.now = self.now.plus(Duration::from_secs(61));
            self.attempts.clear();
            self.disk.suspended.clear();
            let going = self.unfinished();
            if going.is_empty() {
                return;
            }
            for id in going {
                let swap = self.disk.swaps[&id].clone();
                let event = if swap.state.held { Some(Event::Operator(Command::Promote)) } else { self.work(&swap) };
                if let Some(event) = event {
                    self.advance(id, event);
                }
                self.check();
            }
        }
        panic!("some swap has not come to its end: {:?}", self.unfinished());
    }
}

fn retiring(swap: &Swap) -> Option<Release> {
    match machine::retires(&swap.state)? {
        Retires::From => Some(swap.from),
        Retires::To => Some(swap.to),
    }
}

fn run(seed: u64) -> Tally {
    let mut world = World::new(seed);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        for _ in 0..STEPS {
            world.act();
            world.check();
        }
        world.settle();
    }));
    if let Err(cause) = outcome {
        eprintln!("{}\nTROUPE_SEED={seed} repeats it", world.log.join("\n"));
        std::panic::resume_unwind(cause);
    }
    world.tally
}

#[test]
fn no_schedule_breaks_a_promise() {
    let variable = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    if let Some(seed) = variable("TROUPE_SEED") {
        println!("{:?}", run(seed));
        return;
    }
    let schedules = variable("TROUPE_SCHEDULES").unwrap_or(10_000);
    let mut total = Tally::default();
    for seed in 0..schedules {
        let tally = run(seed);
        total.crashes += tally.crashes;
        total.waits += tally.waits;
        total.conflicts += tally.conflicts;
        total.migrations += tally.migrations;
        for (sum, more) in total.outcomes.iter_mut().zip(tally.outcomes) {
            *sum += more;
        }
    }
    println!("seeds 0 to {schedules}: {total:?}");
    if schedules >= 1_000 {
        let reached = [
            SwapOutcome::Promoted,
            SwapOutcome::Refused,
            SwapOutcome::Rejected,
            SwapOutcome::NotRehearsed,
            SwapOutcome::Differs,
            SwapOutcome::Stopped,
            SwapOutcome::RolledBack,
            SwapOutcome::Aborted,
        ];
        for outcome in reached {
            assert!(total.outcomes[outcome as usize] > 0, "no schedule ends as {outcome:?}");
        }
        assert!(total.crashes > schedules && total.waits > 0 && total.migrations > schedules / 100, "{total:?}");
    }
}
