//! Who waits for whom: tasks that would wait for each other are found before one of them begins to.
//!
//! ```text
//!  task ──waits for a lock──▸ the task that holds it
//!                        └──▸ the tasks that are given it before
//! ```
//!
//! A task may wait for several locks at once, and is taken to need all of them. So the search sees a
//! deadlock also where the one who waits first holds nothing yet of what it will be given. The graph
//! is that of one tenant, since no lock is of two.

use std::collections::{HashMap, HashSet, VecDeque};

use troupe_core::{LockName, LockPriority, TaskId, TenantId};

use super::row;
use crate::fault::Done;
use crate::rows::Columns as _;
use crate::sql::{Connection, query};

/// Above every place that is given.
const LAST: u64 = u64::MAX;

/// The locks of a tenant, with who holds and who waits for them.
#[derive(Debug, Default)]
pub(super) struct Graph {
    holders: HashMap<LockName, TaskId>,
    queues: HashMap<LockName, Vec<Waits>>,
    waits: HashMap<TaskId, Vec<LockName>>,
}

#[derive(Debug, Clone, Copy)]
struct Waits {
    task: TaskId,
    priority: LockPriority,
    place: u64,
}

impl Graph {
    /// Reads that of a tenant.
    pub(super) async fn load(connection: &mut dyn Connection, tenant: &TenantId) -> Done<Self> {
        let mut graph = Self::default();
        let held = query("select name, task from locks where tenant = $1 and task is not null")
            .bind(tenant.as_str())
            .fetch_all(&mut *connection)
            .await?;
        for row in &held {
            graph.holders.insert(row.parsed("name")?, row.parsed("task")?);
        }
        let waits = query("select * from lock_waits where tenant = $1 and settled is null")
            .bind(tenant.as_str())
            .fetch_all(connection)
            .await?;
        for wait in &waits {
            let wait = row::read_wait(wait)?;
            graph.add(wait.name, Waits { task: wait.task, priority: wait.priority, place: wait.place });
        }
        Ok(graph)
    }

    /// Has a task wait for one more lock.
    pub(super) fn waits(&mut self, task: TaskId, name: &LockName, priority: LockPriority) {
        self.add(name.clone(), Waits { task, priority, place: LAST });
    }

    /// Has a task hold a lock.
    pub(super) fn gives(&mut self, name: &LockName, task: TaskId) {
        self.holders.insert(name.clone(), task);
    }

    fn add(&mut self, name: LockName, waits: Waits) {
        self.waits.entry(waits.task).or_default().push(name.clone());
        self.queues.entry(name).or_default().push(waits);
    }

    /// The shortest way from a task by those for whom each waits back to it: each task with the lock
    /// that it waits for. Nothing if there is none.
    pub(super) fn cycle(&self, from: TaskId) -> Option<Vec<(TaskId, LockName)>> {
        // By whom each task was come to, and which lock that one waits for.
        let mut came: HashMap<TaskId, (TaskId, &LockName)> = HashMap::new();
        let mut seen = HashSet::from([from]);
        let mut ahead = VecDeque::from([from]);
        while let Some(task) = ahead.pop_front() {
            for (next, name) in self.waited_for(task) {
                if next == from {
                    return Some(way(&came, from, task, name));
                }
                if seen.insert(next) {
                    came.insert(next, (task, name));
                    ahead.push_back(next);
                }
            }
        }
        None
    }

    /// For whom a task waits, and for which lock.
    fn waited_for(&self, task: TaskId) -> Vec<(TaskId, &LockName)> {
        let mut all = Vec::new();
        for name in self.waits.get(&task).into_iter().flatten() {
            all.extend(self.holders.get(name).map(|holder| (*holder, name)));
            let queue = self.queues.get(name).map(Vec::as_slice).unwrap_or_default();
            let rank = |waits: &Waits| (std::cmp::Reverse(waits.priority), waits.place);
            // It is the last of its own waits for this lock that takes longest.
            let last = queue.iter().filter(|waits| waits.task == task).map(rank).max();
            let before = queue.iter().filter(|waits| Some(rank(waits)) < last);
            all.extend(before.map(|waits| (waits.task, name)));
        }
        all
    }
}

/// The way that came back to where it began, by the last step.
fn way(
    came: &HashMap<TaskId, (TaskId, &LockName)>,
    from: TaskId,
    last: TaskId,
    name: &LockName,
) -> Vec<(TaskId, LockName)> {
    let mut way = vec![(last, name.clone())];
    let mut task = last;
    while task != from
        && let Some((before, name)) = came.get(&task)
    {
        way.push((*before, (*name).clone()));
        task = *before;
    }
    way.reverse();
    way
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(number: u64) -> TaskId {
        format!("0199a2f0-6c1e-7d3a-9b52-{number:012x}").parse().unwrap()
    }

    /// Locks with their holders, and waits in the order in which they began.
    fn graph(held: &[(&str, u64)], waits: &[(u64, &str)]) -> Graph {
        let mut graph = Graph::default();
        for (name, holder) in held {
            graph.gives(&name.parse().unwrap(), task(*holder));
        }
        for (place, (waits, name)) in waits.iter().enumerate() {
            let place = place as u64;
            graph.add(name.parse().unwrap(), Waits { task: task(*waits), priority: LockPriority::Normal, place });
        }
        graph
    }

    fn locks(graph: &Graph, from: u64) -> Option<String> {
        let names =
            graph.cycle(task(from))?.into_iter().map(|(task, name)| format!("{}:{name}", &task.to_string()[35..]));
        Some(names.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn the_way_back_is_named_step_by_step_and_is_the_shortest() {
        let two = graph(&[("a", 1), ("b", 2)], &[(2, "a"), (1, "b")]);
        assert_eq!(locks(&two, 1).unwrap(), "1:b 2:a");
        assert_eq!(locks(&two, 2).unwrap(), "2:a 1:b");
        let three = graph(&[("a", 1), ("b", 2), ("c", 3)], &[(2, "c"), (3, "a"), (1, "b")]);
        assert_eq!(locks(&three, 1).unwrap(), "1:b 2:c 3:a");
        let with_a_shorter_way = graph(&[("a", 1), ("b", 2), ("c", 3)], &[(2, "c"), (3, "a"), (2, "a"), (1, "b")]);
        assert_eq!(locks(&with_a_shorter_way, 1).unwrap(), "1:b 2:a");
        assert_eq!(locks(&graph(&[("a", 1)], &[(1, "a")]), 1).unwrap(), "1:a");
    }

    #[test]
    fn who_waits_in_a_row_waits_for_nobody_behind() {
        assert_eq!(locks(&graph(&[("a", 1), ("b", 2)], &[(3, "a"), (4, "a"), (2, "a")]), 2), None);
        assert_eq!(locks(&graph(&[("a", 1), ("b", 2)], &[(1, "b")]), 1), None);
        // A cycle that is not its own does not end the search.
        assert_eq!(locks(&graph(&[("a", 1), ("b", 2)], &[(2, "a"), (1, "b"), (3, "a")]), 3), None);
    }

    #[test]
    fn who_is_given_a_lock_before_is_waited_for_as_well() {
        // The second waits for `a`, ahead of the third, and for `b`, which the third holds.
        let mut graph = graph(&[("a", 1), ("b", 3)], &[(2, "a"), (2, "b")]);
        graph.waits(task(3), &"a".parse().unwrap(), LockPriority::Normal);
        assert_eq!(locks(&graph, 3).unwrap(), "3:a 2:b");
        // One that goes first waits for nobody who is behind it.
        let mut graph = graph_of_two();
        graph.waits(task(3), &"a".parse().unwrap(), LockPriority::High);
        assert_eq!(locks(&graph, 3), None);
    }

    fn graph_of_two() -> Graph {
        graph(&[("a", 1), ("b", 3)], &[(2, "a")])
    }

    #[test]
    fn whoever_takes_a_lock_from_its_holder_is_waited_for_from_then_on() {
        // The first waits for `b`; the second, which holds it, waits for `a`, and the first takes that.
        let mut graph = graph(&[("a", 3), ("b", 2)], &[(2, "a"), (1, "b")]);
        assert_eq!(locks(&graph, 1), None);
        graph.gives(&"a".parse().unwrap(), task(1));
        assert_eq!(locks(&graph, 1).unwrap(), "1:b 2:a");
    }
}
