//! Which release serves, as a register that swaps write and requests read: a history of both is held
//! against the one order of them that would explain it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// A swap or rollback, from when it was asked for until it was answered. There is one after the
/// other.
#[derive(Debug, Clone)]
pub struct Change {
    /// When it was asked for, from the beginning of the run.
    pub asked: Duration,
    /// When it was answered.
    pub answered: Duration,
    /// The version that serves from then on.
    pub version: String,
}

/// A request, from when it was sent until it was answered, and the version that it shows.
#[derive(Debug, Clone, Copy)]
pub struct Read<'a> {
    /// When it was sent, from the beginning of the run.
    pub begun: Duration,
    /// When it was answered.
    pub answered: Duration,
    /// What it shows.
    pub version: &'a str,
}

/// Says of each request that shows what it cannot have read why that is so. `first` serves before
/// any change.
///
/// A request that begins after a change was answered sees it, or a later one; one that is answered
/// before a change is asked for does not see that; and none that begins after another was answered
/// sees an earlier state than that one did. Each is taken to have seen the earliest state that it can
/// have, which leaves the most to those after it.
pub fn contradictions(first: &str, changes: &[Change], reads: &[Read<'_>]) -> Vec<String> {
    let version = |state: usize| if state == 0 { first } else { changes[state - 1].version.as_str() };
    let mut reads: Vec<Read<'_>> = reads.to_vec();
    reads.sort_unstable_by_key(|read| read.begun);
    // What those saw that may not be answered yet, and what was seen at least by all that are.
    let (mut open, mut seen, mut wrong) = (BinaryHeap::new(), 0, Vec::new());
    for read in reads {
        while let Some(Reverse((answered, state))) = open.peek().copied()
            && answered < read.begun
        {
            seen = seen.max(state);
            open.pop();
        }
        let earliest = changes.partition_point(|change| change.answered < read.begun).max(seen);
        let latest = changes.partition_point(|change| change.asked <= read.answered);
        match (earliest..=latest).find(|state| version(*state) == read.version) {
            Some(state) => open.push(Reverse((read.answered, state))),
            None => wrong.push(format!("{read:?} cannot have seen it: states {earliest} to {latest} were in force")),
        }
    }
    wrong
}

#[test]
fn a_history_that_no_order_explains_is_found() {
    let ms = Duration::from_millis;
    let change = |asked, answered, version: &str| {
        let version = version.to_owned();
        Change { asked: ms(asked), answered: ms(answered), version }
    };
    let changes = [change(10, 20, "2"), change(50, 60, "1")];
    let wrong = |reads: &[(u64, u64, &'static str)]| {
        let reads: Vec<Read<'_>> = reads
            .iter()
            .map(|(begun, answered, version)| Read { begun: ms(*begun), answered: ms(*answered), version })
            .collect();
        contradictions("1", &changes, &reads).len()
    };
    // Beside a change a request sees what was before or after.
    assert_eq!(wrong(&[(1, 5, "1"), (5, 12, "1"), (5, 12, "2"), (21, 45, "2"), (21, 55, "1"), (70, 80, "1")]), 0);
    // A change that was answered is not seen, or one that nobody has asked for.
    assert_eq!(wrong(&[(21, 45, "1")]), 1);
    assert_eq!(wrong(&[(1, 5, "2")]), 1);
    assert_eq!(wrong(&[(61, 70, "2")]), 1);
    assert_eq!(wrong(&[(61, 70, "3")]), 1);
    // Beside one change, what another has seen is gone again.
    assert_eq!(wrong(&[(11, 13, "2"), (14, 16, "1")]), 1);
    assert_eq!(wrong(&[(11, 15, "2"), (14, 16, "1")]), 0);
    // Later it comes back by a change.
    assert_eq!(wrong(&[(11, 13, "2"), (14, 52, "1")]), 0);
}
