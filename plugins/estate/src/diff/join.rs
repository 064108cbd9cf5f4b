//! Walks two sorted lists side by side.
//!
//! An entry whose key was there already is passed over: parts of a scan may overlap, and what is listed
//! once for each region asked for is one. The first of them counts.

use std::cmp::Ordering;
use std::fmt::Display;
use std::iter::Peekable;

use super::DiffError;
use crate::Entry;

/// What the two lists hold under one key.
#[derive(Debug)]
pub enum Pair<T> {
    /// Only the previous one holds it.
    Before(T),
    /// Only the present one holds it.
    Now(T),
    /// Both hold it.
    Both(T, T),
}

/// An entry with its key, or why there is none.
type Keyed<T, E> = Result<(<T as Entry>::Key, T), DiffError<E>>;

/// A list that says when it is not in order, and tells each key once.
fn sorted<T: Entry, E: Display>(
    list: &'static str,
    entries: impl Iterator<Item = Result<T, E>>,
) -> impl Iterator<Item = Keyed<T, E>> {
    let mut last: Option<T::Key> = None;
    entries.filter_map(move |entry| {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => return Some(Err(DiffError::Read { list, error })),
        };
        let key = entry.key();
        if let Some(last) = &last {
            match key.cmp(last) {
                Ordering::Equal => return None,
                Ordering::Less => {
                    return Some(Err(DiffError::Unsorted { list, key: key.to_string(), after: last.to_string() }));
                }
                Ordering::Greater => {}
            }
        }
        last = Some(key.clone());
        Some(Ok((key, entry)))
    })
}

/// Walks two sorted lists side by side; ends after the first error.
pub fn join<T: Entry, E: Display>(
    previous: impl Iterator<Item = Result<T, E>>,
    present: impl Iterator<Item = Result<T, E>>,
) -> impl Iterator<Item = Result<Pair<T>, DiffError<E>>> {
    let mut previous = sorted("previous", previous).peekable();
    let mut present = sorted("present", present).peekable();
    let mut is_over = false;
    std::iter::from_fn(move || {
        if is_over {
            return None;
        }
        let step = step(&mut previous, &mut present);
        is_over = !matches!(step, Some(Ok(_)));
        step
    })
}

fn step<T: Entry, E: Display>(
    previous: &mut Peekable<impl Iterator<Item = Keyed<T, E>>>,
    present: &mut Peekable<impl Iterator<Item = Keyed<T, E>>>,
) -> Option<Result<Pair<T>, DiffError<E>>> {
    // What cannot be read is taken first, whichever list it is in.
    let order = match (previous.peek(), present.peek()) {
        (None, None) => return None,
        (Some(Err(_)), _) | (Some(Ok(_)), None) => Ordering::Less,
        (_, Some(Err(_))) | (None, Some(Ok(_))) => Ordering::Greater,
        (Some(Ok((before, _))), Some(Ok((now, _)))) => before.cmp(now),
    };
    match order {
        Ordering::Less => Some(previous.next()?.map(|(_, before)| Pair::Before(before))),
        Ordering::Greater => Some(present.next()?.map(|(_, now)| Pair::Now(now))),
        Ordering::Equal => match (previous.next()?, present.next()?) {
            (Ok((_, before)), Ok((_, now))) => Some(Ok(Pair::Both(before, now))),
            (Err(error), _) | (_, Err(error)) => Some(Err(error)),
        },
    }
}
