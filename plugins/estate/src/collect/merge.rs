//! Walks any number of sorted parts as one sorted list.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::Entry;

/// The next entry of a part.
struct Head<T: Entry, I> {
    key: T::Key,
    /// The part's place among the parts: of equal keys, the earlier part's comes first.
    place: usize,
    entry: T,
    rest: I,
}

impl<T: Entry, I> Ord for Head<T, I> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key).then(self.place.cmp(&other.place))
    }
}

impl<T: Entry, I> PartialOrd for Head<T, I> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Entry, I> PartialEq for Head<T, I> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T: Entry, I> Eq for Head<T, I> {}

/// Parts walked as one sorted list.
pub struct Merge<T: Entry, I, E> {
    heads: BinaryHeap<Reverse<Head<T, I>>>,
    error: Option<E>,
}

/// Walks sorted parts as one sorted list; ends after the first error.
///
/// One entry of each part is in memory. An entry that is in several parts comes several times.
pub fn merge<T, E, I>(parts: impl IntoIterator<Item = I>) -> Merge<T, I::IntoIter, E>
where
    T: Entry,
    I: IntoIterator<Item = Result<T, E>>,
{
    let mut merge = Merge { heads: BinaryHeap::new(), error: None };
    for (place, part) in parts.into_iter().enumerate() {
        merge.load(place, part.into_iter());
    }
    merge
}

impl<T: Entry, E, I: Iterator<Item = Result<T, E>>> Merge<T, I, E> {
    fn load(&mut self, place: usize, mut rest: I) {
        match rest.next() {
            Some(Ok(entry)) => self.heads.push(Reverse(Head { key: entry.key(), place, entry, rest })),
            Some(Err(error)) => self.error = self.error.take().or(Some(error)),
            None => {}
        }
    }
}

impl<T: Entry, E, I: Iterator<Item = Result<T, E>>> Iterator for Merge<T, I, E> {
    type Item = Result<T, E>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.error.take() {
            self.heads.clear();
            return Some(Err(error));
        }
        let Reverse(Head { place, entry, rest, .. }) = self.heads.pop()?;
        self.load(place, rest);
        Some(Ok(entry))
    }
}
