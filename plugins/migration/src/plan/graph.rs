//! Which workloads have to move at once: those that use one another in a circle are one unit.
//!
//! The circles are the strongly connected components of the graph, found by Tarjan's algorithm, without recursion so
//! that a long chain does not end the agent. It gives a unit after all those that it uses.

/// Workloads that move at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The workloads, in order.
    pub groups: Vec<usize>,
    /// The units that it uses.
    pub needs: Vec<usize>,
}

/// What the walk knows of a workload.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// When it was first met, from 1; 0 if it was not.
    at: usize,
    /// The earliest that is reached from it and is still open.
    low: usize,
    is_open: bool,
}

/// The units of those workloads of which something moves, each after all that it uses.
pub fn units(needs: &[Vec<usize>], moves: &[usize]) -> Vec<Unit> {
    let is_moving = |group: usize| moves.get(group).is_some_and(|count| *count > 0);
    let next_of = |group: usize, number: usize| needs.get(group).and_then(|needs| needs.get(number)).copied();
    let mut seen = vec![Seen::default(); needs.len()];
    let (mut open, mut count, mut unit_of) = (Vec::new(), 0, vec![None; needs.len()]);
    let mut units: Vec<Unit> = Vec::new();
    for start in 0..needs.len() {
        if !is_moving(start) || seen.get(start).is_none_or(|seen| seen.at > 0) {
            continue;
        }
        let mut path = vec![(start, 0)];
        while let Some((group, number)) = path.last().copied() {
            if number == 0 {
                count += 1;
                set(&mut seen, group, |seen| *seen = Seen { at: count, low: count, is_open: true });
                open.push(group);
            }
            if let Some(last) = path.last_mut() {
                last.1 = number + 1;
            }
            // The first look at a workload takes its first need, too, so that each is taken once.
            if let Some(other) = next_of(group, number) {
                let known = seen.get(other).copied().unwrap_or_default();
                if is_moving(other) && known.at == 0 {
                    path.push((other, 0));
                } else if known.is_open {
                    set(&mut seen, group, |seen| seen.low = seen.low.min(known.at));
                }
                continue;
            }
            path.pop();
            let own = seen.get(group).copied().unwrap_or_default();
            if let Some((above, _)) = path.last().copied() {
                set(&mut seen, above, |seen| seen.low = seen.low.min(own.low));
            }
            if own.low == own.at {
                let from = open.iter().rposition(|held| *held == group).unwrap_or(0);
                let mut groups = open.split_off(from);
                groups.sort_unstable();
                for group in &groups {
                    set(&mut seen, *group, |seen| seen.is_open = false);
                    unit_of.get_mut(*group).into_iter().for_each(|slot| *slot = Some(units.len()));
                }
                units.push(Unit { groups, needs: Vec::new() });
            }
        }
    }
    for (number, unit) in units.iter_mut().enumerate() {
        let used = unit.groups.iter().filter_map(|group| needs.get(*group)).flatten();
        let mut others: Vec<usize> = used.filter_map(|group| unit_of.get(*group).copied().flatten()).collect();
        others.retain(|other| *other != number);
        others.sort_unstable();
        others.dedup();
        unit.needs = others;
    }
    units
}

fn set(seen: &mut [Seen], group: usize, change: impl FnOnce(&mut Seen)) {
    if let Some(seen) = seen.get_mut(group) {
        change(seen);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn those_in_a_circle_are_one_unit_and_come_after_what_they_use() {
        // 0 → 1 → 2 → 1, 2 → 3, 4 does not move.
        let needs = [vec![1, 4], vec![2], vec![1, 3], vec![], vec![0]];
        let units = units(&needs, &[1, 1, 1, 1, 0]);
        let groups: Vec<Vec<usize>> = units.iter().map(|unit| unit.groups.clone()).collect();
        assert_eq!(groups, [vec![3], vec![1, 2], vec![0]]);
        assert_eq!(units[1].needs, [0]);
        assert_eq!(units[2].needs, [1]);
    }

    #[test]
    fn a_long_chain_is_walked() {
        let needs: Vec<Vec<usize>> =
            (0..100_000).map(|group| if group > 0 { vec![group - 1] } else { vec![] }).collect();
        assert_eq!(units(&needs, &vec![1; needs.len()]).len(), needs.len());
    }

    proptest! {
        #[test]
        fn units_come_after_what_they_use_and_hold_each_workload_once(
            edges in proptest::collection::vec((0_usize..30, 0_usize..30), 0..90)
        ) {
            let mut needs = vec![Vec::new(); 30];
            for (from, to) in &edges {
                if from != to && !needs[*from].contains(to) {
                    needs[*from].push(*to);
                }
            }
            let units = units(&needs, &[1; 30]);
            let mut all: Vec<usize> = units.iter().flat_map(|unit| unit.groups.clone()).collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..30).collect::<Vec<_>>());
            for (number, unit) in units.iter().enumerate() {
                prop_assert!(unit.needs.iter().all(|need| *need < number), "{units:?}");
            }
            // Two are in one unit exactly if each reaches the other.
            let reaches = |from: usize, to: usize| {
                let (mut next, mut seen) = (vec![from], vec![false; 30]);
                while let Some(group) = next.pop() {
                    for other in &needs[group] {
                        if !std::mem::replace(&mut seen[*other], true) {
                            next.push(*other);
                        }
                    }
                }
                seen[to]
            };
            for one in 0..30 {
                for other in 0..one {
                    let together = units.iter().any(|unit| unit.groups.contains(&one) && unit.groups.contains(&other));
                    prop_assert_eq!(together, reaches(one, other) && reaches(other, one));
                }
            }
        }
    }
}
