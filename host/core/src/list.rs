//! Bounded lists without repetition, each item checked where it stands, so that the
//! error names the item's line and place.

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};

/// What tells two items of a list apart.
pub trait Keyed {
    /// The text that may stand in the list once.
    fn key(&self) -> &str;
}

impl Keyed for String {
    fn key(&self) -> &str {
        self
    }
}

/// Reads at most `max` items, each of which passes `check`, no two with the same key.
pub fn read<'de, D, T>(
    deserializer: D,
    max: usize,
    check: impl Fn(&T) -> Result<(), String>,
) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Keyed,
{
    deserializer.deserialize_seq(List { max, check, item: PhantomData })
}

struct List<F, T> {
    max: usize,
    check: F,
    item: PhantomData<T>,
}

impl<'de, F, T> Visitor<'de> for List<F, T>
where
    F: Fn(&T) -> Result<(), String>,
    T: DeserializeOwned + Keyed,
{
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {} items", self.max)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        let mut keys = HashSet::new();
        while let Some(item) =
            items.next_element_seed(Item { full: list.len() == self.max, list: &self, keys: &mut keys })?
        {
            list.push(item);
        }
        Ok(list)
    }
}

struct Item<'a, F, T> {
    full: bool,
    list: &'a List<F, T>,
    keys: &'a mut HashSet<String>,
}

impl<'de, F, T> DeserializeSeed<'de> for Item<'_, F, T>
where
    F: Fn(&T) -> Result<(), String>,
    T: DeserializeOwned + Keyed,
{
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        if self.full {
            return Err(D::Error::custom(format_args!("the list is longer than the limit of {}", self.list.max)));
        }
        let item = T::deserialize(deserializer)?;
        (self.list.check)(&item).map_err(D::Error::custom)?;
        if !self.keys.insert(item.key().to_owned()) {
            return Err(D::Error::custom(format_args!("`{}` stands in the list twice", item.key())));
        }
        Ok(item)
    }
}
