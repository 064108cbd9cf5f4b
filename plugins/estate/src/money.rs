//! Money per month, and where the price comes from.
//!
//! Amounts are whole millionths, so that a sum over a million rows is exact and does not depend on their
//! order. In JSON an amount is a number: `12.5`. An amount without the price list it was computed from,
//! and that list's date, cannot be made: prices change, and who reads it must be able to tell.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Millionths in one unit of a currency.
const MILLIONTHS: i64 = 1_000_000;

/// An amount of money, exact to a millionth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(i64);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Makes an amount of so many millionths.
    pub const fn from_millionths(millionths: i64) -> Self {
        Self(millionths)
    }

    /// Makes an amount of a number, rounded to a millionth; none if it is not finite, or beyond nine
    /// million millions.
    pub fn new(value: f64) -> Option<Self> {
        let millionths = (value * 1e6).round();
        #[expect(clippy::cast_possible_truncation, reason = "what does not fit is turned away before")]
        (millionths.is_finite() && millionths.abs() < 9.0e18).then_some(Self(millionths as i64))
    }

    /// The amount in millionths.
    pub const fn millionths(self) -> i64 {
        self.0
    }

    /// The amount as the nearest number.
    pub fn value(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "for people and JSON; sums are made of the millionths")]
        let millionths = self.0 as f64;
        millionths / 1e6
    }
}

impl Add for Amount {
    type Output = Self;

    /// Adds two amounts; what is too large stays at the largest there is.
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Amount {
    type Output = Self;

    /// Takes one amount from another; what is too large stays at the largest there is.
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl std::fmt::Display for Amount {
    /// Writes the amount with two decimals, rounded half away from zero: `1234.50`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hundredth = i128::from(MILLIONTHS / 100);
        let hundredths = (i128::from(self.0).abs() + hundredth / 2) / hundredth;
        let sign = if self.0 < 0 && hundredths > 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:02}", hundredths / 100, hundredths % 100)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.value())
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(deserializer)?;
        Self::new(value).ok_or_else(|| de::Error::custom(format!("{value} is not an amount of money")))
    }
}

impl JsonSchema for Amount {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "description": "An amount of money, exact to a millionth." })
    }
}

/// What something costs, or would save, in a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Money {
    /// The amount for a month of 730 hours.
    pub monthly: Amount,
    /// The currency by ISO 4217: `USD`.
    pub currency: String,
    /// Where the price comes from: `AWS price list, AmazonEC2`, or a bill.
    pub source: String,
    /// The day from which the source is: `2026-10-01`.
    pub as_of: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_do_not_depend_on_the_order() {
        let tenths: Vec<Amount> = (0..10).map(|_| Amount::new(0.1).unwrap()).collect();
        assert_eq!(tenths.into_iter().sum::<Amount>(), Amount::new(1.0).unwrap());
    }

    #[test]
    fn amounts_are_shown_with_two_decimals() {
        for (value, shown) in [(0.0, "0.00"), (1234.5, "1234.50"), (0.005, "0.01"), (-2.499, "-2.50"), (-0.001, "0.00")]
        {
            assert_eq!(Amount::new(value).unwrap().to_string(), shown, "{value}");
        }
        assert_eq!(Amount(i64::MIN).to_string(), "-9223372036854.78");
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for value in [f64::NAN, f64::INFINITY, 1e13] {
            assert_eq!(Amount::new(value), None, "{value}");
        }
        assert!(serde_json::from_str::<Amount>("1e300").unwrap_err().to_string().contains("not an amount"));
        assert_eq!(serde_json::to_string(&serde_json::from_str::<Amount>("12.5").unwrap()).unwrap(), "12.5");
    }

    #[test]
    fn what_is_too_large_stays_at_the_largest_there_is() {
        let mut sum = Amount(i64::MAX);
        sum += Amount(1);
        assert_eq!((sum, Amount(i64::MIN) - Amount(1)), (Amount(i64::MAX), Amount(i64::MIN)));
        assert_eq!(Amount(3) - Amount(5), Amount(-2));
    }
}
