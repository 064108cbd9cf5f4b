//! What was spent on each day, by one thing: amounts as the bill told them.

use std::collections::{BTreeMap, BTreeSet};

use super::period::Period;
use crate::Amount;

/// Amounts by key and day.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// The days.
    pub period: Period,
    /// The currency, as it was told; none where no amount was.
    pub currency: Option<String>,
    /// Currencies besides, whose amounts are not in here.
    pub other_currencies: BTreeSet<String>,
    /// For each key an amount for each day.
    rows: BTreeMap<String, Vec<Amount>>,
    /// For each day whether it was told of; one that was not is none without costs.
    told: Vec<bool>,
}

impl Ledger {
    /// Makes an empty ledger.
    pub fn new(period: Period) -> Self {
        let told = vec![false; period.days()];
        Self { period, currency: None, other_currencies: BTreeSet::new(), rows: BTreeMap::new(), told }
    }

    /// Notes that a day was told of.
    pub fn tell(&mut self, place: usize) {
        if let Some(told) = self.told.get_mut(place) {
            *told = true;
        }
    }

    /// Notes that all days were told of.
    pub fn tell_all(&mut self) {
        self.told.fill(true);
    }

    /// Adds what stands in another of the same days, in the same currency.
    pub fn absorb(&mut self, other: &Self) {
        for (mine, theirs) in self.told.iter_mut().zip(&other.told) {
            *mine &= theirs;
        }
        for (key, row) in &other.rows {
            for (place, amount) in row.iter().enumerate() {
                self.add(key, place, *amount, other.currency.as_deref().unwrap_or_default());
            }
        }
    }

    /// How many keys there are.
    pub fn keys(&self) -> usize {
        self.rows.len()
    }

    /// Adds an amount of a key on a day.
    pub fn add(&mut self, key: &str, place: usize, amount: Amount, currency: &str) {
        if *self.currency.get_or_insert_with(|| currency.to_owned()) != currency {
            self.other_currencies.insert(currency.to_owned());
            return;
        }
        let days = self.period.days();
        let row = self.rows.entry(key.to_owned()).or_insert_with(|| vec![Amount::ZERO; days]);
        if let Some(there) = row.get_mut(place) {
            *there += amount;
        }
    }

    /// How many days were not told of.
    pub fn days_untold(&self) -> usize {
        self.told.iter().filter(|told| !**told).count()
    }

    /// The keys and their amounts by day, in the order of the keys.
    pub fn rows(&self) -> impl Iterator<Item = (&str, &[Amount])> {
        self.rows.iter().map(|(key, days)| (key.as_str(), days.as_slice()))
    }

    /// The sum of everything on each day.
    pub fn by_day(&self) -> Vec<Amount> {
        let mut sums = vec![Amount::ZERO; self.period.days()];
        for row in self.rows.values() {
            for (sum, amount) in sums.iter_mut().zip(row) {
                *sum += *amount;
            }
        }
        sums
    }

    /// The sum of everything.
    pub fn total(&self) -> Amount {
        self.rows.values().flatten().copied().sum()
    }

    /// The days of a row that were told and do not grow any more, with their places.
    pub fn settled(&self, row: &[Amount]) -> Vec<(usize, f64)> {
        let days = row.iter().zip(&self.told).enumerate().take(self.period.settled_days());
        days.filter(|(_, (_, told))| **told).map(|(place, (amount, _))| (place, amount.value())).collect()
    }
}

/// What is left of an amount when another is taken away.
pub const fn less(amount: Amount, other: Amount) -> Amount {
    Amount::from_millionths(amount.millionths().saturating_sub(other.millionths()))
}
