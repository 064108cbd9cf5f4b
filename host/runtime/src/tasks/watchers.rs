//! Those who watch tasks, and what reaches each.
//!
//! Progress and parts reach a watcher by different ways: of progress only the newest counts, so what
//! lies between is skipped and counted; parts all count, so the newest are kept for whoever comes
//! back while the task runs, and who lacks others is told how many. The end reaches everybody.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;
use troupe_core::view::{Progress, TaskView};
use troupe_core::{TaskId, limits};

use super::passing::{Passing, Saying};
use super::position::Position;
use super::watch::TaskEvent;

/// Something that a guest said, with its number in the attempt.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Said<T> {
    pub(super) attempt: u32,
    pub(super) number: u64,
    pub(super) what: T,
}

pub(super) type Part = Said<Arc<RawValue>>;

/// The newest report of how far a task is.
#[derive(Debug, Clone)]
struct Report {
    said: Said<Progress>,
    /// The number of the first report of the attempt that this process has passed on.
    first: u64,
}

/// Those who watch, by task.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watchers(Arc<Mutex<HashMap<TaskId, Watched>>>, Arc<Passing>);

#[derive(Debug)]
struct Watched {
    progress: watch::Sender<Option<Report>>,
    line: broadcast::Sender<Line>,
    kept: Kept,
    /// Whether an attempt runs here that has said something.
    runs: bool,
}

/// What all watchers see in the same order.
#[derive(Debug, Clone)]
enum Line {
    Part(Part),
    Stands(Box<TaskView>),
    End(Box<TaskView>),
}

/// The newest parts of the attempt that runs.
#[derive(Debug, Default)]
struct Kept {
    parts: VecDeque<Part>,
    bytes: usize,
    /// Parts of the attempt that this process has passed on and keeps no more.
    gone: u64,
}

impl Kept {
    fn push(&mut self, part: &Part) {
        if self.parts.back().is_some_and(|last| last.attempt != part.attempt) {
            *self = Self::default();
        }
        self.bytes += part.what.get().len();
        self.parts.push_back(part.clone());
        while self.parts.len() > limits::PARTS_KEPT_MAX
            || (self.bytes > limits::PARTS_KEPT_BYTES_MAX && self.parts.len() > 1)
        {
            let oldest = self.parts.pop_front().map_or(0, |oldest| oldest.what.get().len());
            self.bytes = self.bytes.saturating_sub(oldest);
            self.gone += 1;
        }
    }

    /// The attempt of what is kept, and the number of the last part.
    fn last(&self) -> Option<(u32, u64)> {
        self.parts.back().map(|last| (last.attempt, last.number))
    }
}

impl Default for Watched {
    fn default() -> Self {
        Self {
            progress: watch::Sender::new(None),
            line: broadcast::Sender::new(limits::PARTS_KEPT_MAX),
            kept: Kept::default(),
            runs: false,
        }
    }
}

impl Watched {
    /// Whether anybody watches.
    fn is_watched(&self) -> bool {
        self.line.receiver_count() > 0
    }

    fn report(&mut self, progress: Said<Progress>) {
        self.progress.send_modify(|newest| {
            let before = newest.take().filter(|before| before.said.attempt == progress.attempt);
            let first = before.map_or(progress.number, |before| before.first);
            *newest = Some(Report { said: progress, first });
        });
    }

    fn part(&mut self, part: Part) {
        self.kept.push(&part);
        let _ = self.line.send(Line::Part(part));
    }
}

impl Watchers {
    fn lock(&self) -> MutexGuard<'_, HashMap<TaskId, Watched>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn progress(&self, task: TaskId, progress: Said<Progress>) {
        self.1.pass(task, || Saying::Progress(progress.clone()));
        let mut all = self.lock();
        let watched = all.entry(task).or_default();
        watched.runs = true;
        watched.report(progress);
    }

    pub(super) fn part(&self, task: TaskId, part: Part) {
        self.1.pass(task, || Saying::Part(part.clone()));
        let mut all = self.lock();
        let watched = all.entry(task).or_default();
        watched.runs = true;
        watched.part(part);
    }

    /// Takes in what the guest of a task says at another host, if anybody watches it here.
    pub(crate) fn heard(&self, task: TaskId, saying: Saying) {
        let mut all = self.lock();
        let Some(watched) = all.get_mut(&task).filter(|watched| watched.is_watched()) else { return };
        match saying {
            Saying::Progress(progress) => watched.report(progress),
            Saying::Part(part) => watched.part(part),
        }
    }

    /// The tasks that somebody watches here.
    pub(crate) fn watched(&self) -> Vec<TaskId> {
        let all = self.lock();
        all.iter().filter(|(_, watched)| watched.is_watched()).map(|(task, _)| *task).collect()
    }

    /// What other hosts are told of.
    pub(crate) fn passing(&self) -> &Passing {
        &self.1
    }

    /// Notes that an attempt which has said something runs here no more: what it said is kept for
    /// those who watch alone.
    pub(super) fn over(&self, task: TaskId) {
        let mut all = self.lock();
        if let Some(watched) = all.get_mut(&task) {
            watched.runs = false;
        }
        forget_unwatched(&mut all, task);
    }

    /// Tells the watchers how a task stands that has not ended.
    pub(crate) fn stands(&self, task: TaskId, view: impl FnOnce() -> TaskView) {
        if let Some(watched) = self.lock().get(&task).filter(|watched| watched.is_watched()) {
            let _ = watched.line.send(Line::Stands(Box::new(view())));
        }
    }

    /// Tells the watchers the end, and forgets them.
    pub(crate) fn end(&self, task: TaskId, view: impl FnOnce() -> TaskView) {
        if let Some(watched) = self.lock().remove(&task).filter(|watched| watched.is_watched()) {
            let _ = watched.line.send(Line::End(Box::new(view())));
        }
    }

    /// Whether anybody watches a task.
    pub(crate) fn any(&self) -> bool {
        self.lock().values().any(|watched| watched.is_watched())
    }

    /// Whether anybody watches this one.
    pub(crate) fn is_watched(&self, task: TaskId) -> bool {
        self.lock().get(&task).is_some_and(|watched| watched.is_watched())
    }

    /// Forgets all watchers: their events end here.
    pub(crate) fn close(&self) {
        self.lock().clear();
    }

    /// Watches a task from now on, or from where somebody has read it to.
    pub(super) fn watch(&self, task: TaskId, from: Option<Position>) -> Channel {
        let mut all = self.lock();
        let watched = all.entry(task).or_default();
        let mut progress = watched.progress.subscribe();
        if progress.borrow().is_some() {
            progress.mark_changed();
        }
        let is_new = from.is_none();
        let mut position = from.unwrap_or_default();
        if let Some(newest) = progress.borrow().as_ref().filter(|_| is_new) {
            // Nor is it told how many reports there were.
            position.join(newest.said.attempt);
            position.reports = newest.said.number.saturating_sub(1);
        }
        let mut backlog = VecDeque::new();
        if let Some((attempt, last)) = watched.kept.last() {
            if is_new {
                // What was said before nobody asked for.
                position.begin(attempt);
                position.parts = Some(last);
            } else {
                if position.attempt == attempt && position.parts.is_none() {
                    // All of it came after whoever reads has left.
                    let first = watched.kept.parts.front().map_or(1, |first| first.number);
                    position.parts = Some(first.saturating_sub(1 + watched.kept.gone));
                }
                backlog.extend(watched.kept.parts.iter().cloned());
            }
        }
        let line = watched.line.subscribe();
        Channel { progress, line, backlog, held: None, next_progress: Instant::now(), end: None, is_new, position }
    }

    /// Forgets a task that nobody watches any more; to be called after a channel is dropped.
    pub(super) fn leave(&self, task: TaskId) {
        forget_unwatched(&mut self.lock(), task);
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }
}

fn forget_unwatched(all: &mut HashMap<TaskId, Watched>, task: TaskId) {
    if all.get(&task).is_some_and(|watched| !watched.runs && !watched.is_watched()) {
        all.remove(&task);
    }
}

/// What one watcher is told.
#[derive(Debug)]
pub(super) struct Channel {
    progress: watch::Receiver<Option<Report>>,
    line: broadcast::Receiver<Line>,
    /// What was said before the watcher came back.
    backlog: VecDeque<Part>,
    /// The part that follows those that are missing.
    held: Option<Part>,
    /// Before this, progress waits: it comes no faster than a person reads.
    next_progress: Instant,
    /// The end, held back until the newest progress is told.
    end: Option<Box<TaskView>>,
    /// Whether it began with what came from then on, so that nothing before is missing.
    is_new: bool,
    /// What was told so far.
    pub(super) position: Position,
}

impl Channel {
    /// The next event; `None` if there will be none.
    pub(super) async fn next(&mut self) -> Option<TaskEvent> {
        loop {
            if let Some(part) = self.held.take().or_else(|| self.backlog.pop_front()) {
                match self.part(part) {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
            if let Some(end) = self.end.take() {
                self.position.stands(&end);
                return Some(TaskEvent::Task(end));
            }
            tokio::select! {
                biased;
                Some(progress) = newest(&mut self.progress, self.next_progress) => {
                    if let Some(event) = self.report(progress) {
                        return Some(event);
                    }
                }
                line = self.line.recv() => match line {
                    Ok(Line::Part(part)) => self.held = Some(part),
                    Ok(Line::Stands(task)) => {
                        if self.position.stands(&task) {
                            return Some(TaskEvent::Task(task));
                        }
                    }
                    Ok(Line::End(end)) => {
                        self.end = Some(end);
                        let newest = self.progress.borrow_and_update().clone();
                        if let Some(event) = newest.and_then(|newest| self.report(newest)) {
                            return Some(event);
                        }
                    }
                    // How many parts are missing shows in the number of the next.
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                },
            }
        }
    }

    /// Tells a part, or first that some are missing before it; nothing of one that was told.
    fn part(&mut self, part: Part) -> Option<TaskEvent> {
        if part.attempt < self.position.attempt {
            return None;
        }
        self.position.begin(part.attempt);
        let before = part.number.saturating_sub(1);
        match self.position.parts {
            Some(told) if part.number <= told => None,
            Some(told) if before > told => {
                self.position.parts = Some(before);
                self.held = Some(part);
                Some(TaskEvent::Missed(before - told))
            }
            _ => {
                self.position.parts = Some(part.number);
                Some(TaskEvent::Partial(part.what))
            }
        }
    }

    /// Tells how far the task is, unless that was told, and how many reports were skipped.
    fn report(&mut self, report: Report) -> Option<TaskEvent> {
        let Report { said, first } = report;
        if said.attempt < self.position.attempt {
            return None;
        }
        self.position.begin(said.attempt);
        if said.number <= self.position.reports {
            return None;
        }
        let told = if self.is_new { self.position.reports.max(first.saturating_sub(1)) } else { self.position.reports };
        let skipped = said.number.saturating_sub(told + 1);
        self.position.reports = said.number;
        self.next_progress = Instant::now() + Duration::from_secs(1) / limits::PROGRESS_PER_SECOND;
        Some(TaskEvent::Progress(Progress { skipped, ..said.what }))
    }
}

/// The newest progress, not before `at`; `None` if there will be none.
async fn newest(progress: &mut watch::Receiver<Option<Report>>, at: Instant) -> Option<Report> {
    // The wait comes first: a change that was taken note of must not be dropped.
    tokio::time::sleep_until(at).await;
    progress.changed().await.ok()?;
    progress.borrow().clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: &str = "0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b";

    fn part(attempt: u32, number: u64) -> Part {
        let text = format!("\"{attempt}/{number}\"");
        Said { attempt, number, what: Arc::from(RawValue::from_string(text).unwrap()) }
    }

    fn say(watchers: &Watchers, attempt: u32, numbers: std::ops::RangeInclusive<u64>) {
        numbers.for_each(|number| watchers.part(TASK.parse().unwrap(), part(attempt, number)));
    }

    /// What is told until nothing more is known.
    async fn told(channel: &mut Channel) -> Vec<String> {
        let mut told = Vec::new();
        loop {
            let next = tokio::time::timeout(Duration::from_millis(20), channel.next());
            match next.await {
                Ok(Some(TaskEvent::Partial(part))) => told.push(part.get().trim_matches('"').to_owned()),
                Ok(Some(TaskEvent::Missed(parts))) => told.push(format!("missed {parts}")),
                Ok(Some(other)) => told.push(format!("{other:?}")),
                Ok(None) | Err(_) => return told,
            }
        }
    }

    #[tokio::test]
    async fn who_comes_back_is_told_each_part_once_and_how_many_are_missing() {
        let (watchers, task) = (Watchers::default(), TASK.parse().unwrap());
        let mut first = watchers.watch(task, None);
        say(&watchers, 1, 1..=2);
        assert_eq!(told(&mut first).await, ["1/1", "1/2"]);
        let left = first.position.clone();
        drop(first);
        watchers.leave(task);
        say(&watchers, 1, 3..=4);
        let mut again = watchers.watch(task, Some(left.clone()));
        say(&watchers, 1, 5..=5);
        assert_eq!(told(&mut again).await, ["1/3", "1/4", "1/5"]);

        // In another process nothing is kept, and the numbers go on where the guest does.
        let watchers = Watchers::default();
        let mut again = watchers.watch(task, Some(left.clone()));
        say(&watchers, 1, 2..=2);
        say(&watchers, 1, 6..=6);
        assert_eq!(told(&mut again).await, ["missed 3", "1/6"]);
        let mut other = watchers.watch(task, Some(left));
        say(&watchers, 2, 1..=1);
        assert_eq!(told(&mut other).await, ["missed 3", "1/6", "2/1"]);

        // Somebody new is told what comes from now on.
        let mut new = watchers.watch(task, None);
        say(&watchers, 2, 2..=2);
        assert_eq!(told(&mut new).await, ["2/2"]);
    }

    fn report(watchers: &Watchers, attempt: u32, number: u64) {
        let what = Progress { fraction: None, message: number.to_string(), skipped: 0 };
        watchers.progress(TASK.parse().unwrap(), Said { attempt, number, what });
    }

    /// The next report that is told, and how many were skipped before it.
    async fn reported(channel: &mut Channel) -> (String, u64) {
        match channel.next().await {
            Some(TaskEvent::Progress(progress)) => (progress.message, progress.skipped),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn reports_that_are_skipped_are_counted_from_where_a_watcher_has_read_to() {
        let (watchers, task) = (Watchers::default(), TASK.parse().unwrap());
        let mut first = watchers.watch(task, None);
        // What another process passed on is nobody's loss here.
        (5..=6).for_each(|number| report(&watchers, 1, number));
        assert_eq!(reported(&mut first).await, ("6".to_owned(), 1));
        (7..=20).for_each(|number| report(&watchers, 1, number));
        assert_eq!(reported(&mut first).await, ("20".to_owned(), 13));
        report(&watchers, 1, 21);
        assert_eq!(reported(&mut first).await, ("21".to_owned(), 0));

        // Who comes later lacks nothing; who comes back lacks what was said meanwhile.
        let mut new = watchers.watch(task, None);
        assert_eq!(reported(&mut new).await, ("21".to_owned(), 0));
        (22..=30).for_each(|number| report(&watchers, 1, number));
        let mut again = watchers.watch(task, Some(first.position.clone()));
        assert_eq!(reported(&mut again).await, ("30".to_owned(), 8));

        // Another attempt begins anew.
        (1..=3).for_each(|number| report(&watchers, 2, number));
        assert_eq!(reported(&mut again).await, ("3".to_owned(), 2));
    }

    #[tokio::test]
    async fn what_is_kept_is_bounded_and_what_is_not_is_told() {
        let (watchers, task) = (Watchers::default(), TASK.parse().unwrap());
        let left = watchers.watch(task, None).position;
        watchers.leave(task);
        say(&watchers, 1, 1..=300);
        let told = told(&mut watchers.watch(task, Some(left))).await;
        assert_eq!((told.len(), told[0].as_str(), told[1].as_str()), (257, "missed 44", "1/45"));
        watchers.over(task);
        assert!(watchers.is_empty());
    }

    #[tokio::test]
    async fn a_slow_watcher_is_told_how_many_parts_it_lacks() {
        let (watchers, task) = (Watchers::default(), TASK.parse().unwrap());
        let mut slow = watchers.watch(task, None);
        say(&watchers, 1, 1..=300);
        let told = told(&mut slow).await;
        assert_eq!((told.len(), told[0].as_str(), told[256].as_str()), (257, "missed 44", "1/300"));
    }
}
