//! Who waits for a place to run in, and who is next.
//!
//! Tenants take turns, so that one with ten thousand tasks waiting keeps another's one task
//! waiting for a single turn. Within a tenant higher priority goes first, then whoever came
//! first; those whose own share is used up are passed over.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap, VecDeque};

use troupe_core::{AgentName, TaskId, TenantId};

use super::shares::Key;

/// Somebody who waits.
#[derive(Debug)]
pub(super) struct Item<T> {
    pub(super) priority: i32,
    pub(super) task: TaskId,
    pub(super) what: T,
}

impl<T> Item<T> {
    /// Ids rise with time, so the smaller one came first.
    fn rank(&self) -> (i32, Reverse<TaskId>) {
        (self.priority, Reverse(self.task))
    }
}

impl<T> PartialEq for Item<T> {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl<T> Eq for Item<T> {}

impl<T> PartialOrd for Item<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Item<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

/// All who wait.
#[derive(Debug)]
pub(super) struct Line<T> {
    /// Tenants of whom somebody waits; the first is next.
    turns: VecDeque<TenantId>,
    waiting: HashMap<TenantId, HashMap<AgentName, BinaryHeap<Item<T>>>>,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self { turns: VecDeque::new(), waiting: HashMap::new() }
    }
}

impl<T> Line<T> {
    pub(super) fn push(&mut self, key: &Key, item: Item<T>) {
        let agents = self.waiting.entry(key.0.clone()).or_insert_with(|| {
            self.turns.push_back(key.0.clone());
            HashMap::new()
        });
        agents.entry(key.1.clone()).or_default().push(item);
    }

    /// Takes the next of those who are `free` to run; its tenant's turn is over.
    pub(super) fn pop(&mut self, free: impl Fn(&Key) -> bool) -> Option<(Key, Item<T>)> {
        for _ in 0..self.turns.len() {
            let tenant = self.turns.pop_front()?;
            let popped = self.waiting.get_mut(&tenant).and_then(|agents| first(&tenant, agents, &free));
            self.keep_turn(tenant);
            if popped.is_some() {
                return popped;
            }
        }
        None
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether one waits who is `free` to run.
    pub(super) fn any(&self, free: impl Fn(&Key) -> bool) -> bool {
        let keys = self.waiting.iter().flat_map(|(tenant, agents)| agents.keys().map(move |agent| (tenant, agent)));
        keys.into_iter().any(|(tenant, agent)| free(&(tenant.clone(), agent.clone())))
    }

    /// Forgets somebody who waits.
    pub(super) fn remove(&mut self, key: &Key, task: TaskId) {
        let Some(agents) = self.waiting.get_mut(&key.0) else { return };
        if let Some(items) = agents.get_mut(&key.1) {
            items.retain(|item| item.task != task);
            if items.is_empty() {
                agents.remove(&key.1);
            }
        }
        if agents.is_empty() {
            self.waiting.remove(&key.0);
            self.turns.retain(|tenant| *tenant != key.0);
        }
    }

    /// Forgets all for whom `stays` says no.
    pub(super) fn retain(&mut self, stays: impl Fn(&Item<T>) -> bool) {
        for agents in self.waiting.values_mut() {
            agents.values_mut().for_each(|items| items.retain(&stays));
            agents.retain(|_, items| !items.is_empty());
        }
        self.waiting.retain(|_, agents| !agents.is_empty());
        let waiting = &self.waiting;
        self.turns.retain(|tenant| waiting.contains_key(tenant));
    }

    fn keep_turn(&mut self, tenant: TenantId) {
        match self.waiting.get(&tenant) {
            Some(agents) if !agents.is_empty() => self.turns.push_back(tenant),
            _ => {
                self.waiting.remove(&tenant);
            }
        }
    }
}

/// The first of a tenant's, over all agents that are free.
fn first<T>(
    tenant: &TenantId,
    agents: &mut HashMap<AgentName, BinaryHeap<Item<T>>>,
    free: impl Fn(&Key) -> bool,
) -> Option<(Key, Item<T>)> {
    let heads = agents.iter().filter_map(|(agent, items)| Some((items.peek()?.rank(), agent)));
    let mut heads: Vec<_> = heads.map(|(rank, agent)| (rank, (tenant.clone(), agent.clone()))).collect();
    heads.sort();
    let (_, key) = heads.into_iter().rev().find(|(_, key)| free(key))?;
    let items = agents.get_mut(&key.1)?;
    let item = items.pop()?;
    if items.is_empty() {
        agents.remove(&key.1);
    }
    Some((key, item))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(tenant: &str, agent: &str) -> Key {
        (tenant.parse().unwrap(), agent.parse().unwrap())
    }

    fn push(line: &mut Line<()>, tenant: &str, agent: &str, priority: i32, number: u64) {
        let task = format!("0199a2f0-6c1e-7d3a-9b52-{number:012x}").parse().unwrap();
        line.push(&key(tenant, agent), Item { priority, task, what: () });
    }

    /// The order in which those who are free leave.
    fn order(line: &mut Line<()>, free: impl Fn(&Key) -> bool) -> Vec<String> {
        let mut order = Vec::new();
        while let Some(((tenant, agent), item)) = line.pop(&free) {
            let number = item.task.to_string().rsplit_once('-').unwrap().1.trim_start_matches('0').to_owned();
            order.push(format!("{tenant}/{agent}/{number}"));
        }
        order
    }

    #[test]
    fn tenants_take_turns_and_within_one_priority_then_age_decides() {
        let mut line = Line::default();
        for number in 1..=4 {
            push(&mut line, "acme", "slow", 0, number);
        }
        push(&mut line, "acme", "quick", 1, 5);
        push(&mut line, "zeta", "slow", 0, 6);
        push(&mut line, "beta", "slow", 0, 7);
        assert_eq!(
            order(&mut line, |_| true),
            ["acme/quick/5", "zeta/slow/6", "beta/slow/7", "acme/slow/1", "acme/slow/2", "acme/slow/3", "acme/slow/4"]
        );
        assert!(line.turns.is_empty() && line.waiting.is_empty());
    }

    #[test]
    fn who_has_used_up_its_share_is_passed_over_and_stays() {
        let mut line = Line::default();
        push(&mut line, "acme", "slow", 9, 1);
        push(&mut line, "acme", "quick", 0, 2);
        push(&mut line, "zeta", "slow", 0, 3);
        let free = |key: &Key| key.1.as_str() == "quick" || key.0.as_str() == "zeta";
        assert!(line.any(free));
        assert_eq!(order(&mut line, free), ["acme/quick/2", "zeta/slow/3"]);
        assert!(!line.any(free));
        assert_eq!(order(&mut line, |_| true), ["acme/slow/1"]);
    }

    #[test]
    fn who_is_removed_leaves_nothing_behind() {
        let mut line = Line::default();
        push(&mut line, "acme", "slow", 0, 1);
        push(&mut line, "acme", "slow", 0, 2);
        line.remove(&key("acme", "slow"), "0199a2f0-6c1e-7d3a-9b52-000000000001".parse().unwrap());
        line.retain(|_| false);
        assert!(line.turns.is_empty() && line.waiting.is_empty());
        assert!(line.pop(|_| true).is_none());
    }
}
