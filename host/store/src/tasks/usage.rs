//! What a task has used, beside what becomes of it: each run of an attempt adds what it took, in the commit
//! with which it ends or leaves off. So what is done once more is counted once more, since it was spent once
//! more; a run that dies with its host is counted by whoever goes on with it, who does the same again.

use troupe_core::view::TaskUsage;

use crate::fault::Done;
use crate::rows::{Columns as _, number};
use crate::sql::{Query, Row};

/// The part of an update of a task that adds what a run used, which are its parameters from 3 to 7.
macro_rules! adds_usage {
    () => {
        "memory_bytes = case when memory_bytes < $3 then $3 else memory_bytes end,
         compute_us = compute_us + $4, host_calls = host_calls + $5,
         sent_bytes = sent_bytes + $6, received_bytes = received_bytes + $7"
    };
}

pub(super) use adds_usage;

/// What was used, as columns hold it.
pub(super) fn numbers(used: &TaskUsage) -> Done<[i64; 5]> {
    let TaskUsage { memory_bytes, compute_us, calls, sent_bytes, received_bytes } = *used;
    Ok([number(memory_bytes)?, number(compute_us)?, number(calls)?, number(sent_bytes)?, number(received_bytes)?])
}

/// Adds what was used to the parameters of a statement.
pub(super) fn bind(query: Query, used: &TaskUsage) -> Done<Query> {
    Ok(numbers(used)?.into_iter().fold(query, |query, number| query.bind(number)))
}

/// Reads it from a row.
pub(super) fn read(row: &Row) -> Done<TaskUsage> {
    Ok(TaskUsage {
        memory_bytes: row.number("memory_bytes")?,
        compute_us: row.number("compute_us")?,
        calls: row.number("host_calls")?,
        sent_bytes: row.number("sent_bytes")?,
        received_bytes: row.number("received_bytes")?,
    })
}
