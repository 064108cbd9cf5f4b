//! Lists of grants of which each line allows by itself: locks, skills of other agents, topics of events.

use serde::de::{Deserialize, Deserializer, Error as _};

/// A line of such a list.
pub(super) trait Line: Ord + Clone {
    /// What both allow; none if that is nothing.
    fn intersect(&self, other: &Self) -> Option<Self>;

    /// Whether `self` allows all that `other` does.
    fn covers(&self, other: &Self) -> bool;
}

/// What both lists allow, without what another of the list allows already.
pub(super) fn intersect<T: Line>(one: &[T], two: &[T]) -> Vec<T> {
    let mut all: Vec<T> = one.iter().flat_map(|one| two.iter().filter_map(|two| one.intersect(two))).collect();
    all.sort();
    all.dedup();
    let is_spare = |grant: &T| all.iter().any(|other| other != grant && other.covers(grant));
    all.iter().filter(|grant| !is_spare(grant)).cloned().collect()
}

/// Whether everything that `narrow` allows is allowed by one of `wide`.
pub(super) fn covers<T: Line>(wide: &[T], narrow: &[T]) -> bool {
    narrow.iter().all(|narrow| wide.iter().any(|wide| wide.covers(narrow)))
}

/// Reads a list of at most `most` lines.
///
/// # Errors
/// Those of the deserialiser, naming the item.
pub(super) fn read<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
    most: usize,
) -> Result<Vec<T>, D::Error> {
    let list = Vec::<T>::deserialize(deserializer)?;
    if list.len() > most {
        return Err(D::Error::custom(format_args!("the list is longer than the limit of {most}")));
    }
    Ok(list)
}
