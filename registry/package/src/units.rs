//! Quantities with their unit, as people write them: `"64 MiB"`, `"60s"`.
//!
//! | quantity | units | examples | refused |
//! |---|---|---|---|
//! | bytes | `B`, `KiB`, `MiB`, `GiB` | `"64 MiB"`, `"512KiB"` | `64`, `"64"`, `"64 MB"`, `"1.5 GiB"`, `"-1 B"` |
//! | time | `ms`, `s`, `m`, `h` | `"60s"`, `"1500 ms"` | `60`, `"60"`, `"1m30s"`, `"0.5s"` |
//!
//! A plain number is refused because the next reader takes it for the wrong unit. Only
//! whole numbers are written, so a quantity reads back as exactly what it was.

use std::fmt;

use serde::de::{Deserializer, Error, Unexpected, Visitor};

/// One kind of quantity: its units, smallest first, each with its worth in the smallest.
#[derive(Debug)]
pub(crate) struct Scale {
    example: &'static str,
    names: &'static str,
    space: &'static str,
    units: &'static [(&'static str, u64)],
}

/// Amounts of memory and storage, in bytes.
pub(crate) const BYTES: Scale = Scale {
    example: "64 MiB",
    names: "B, KiB, MiB or GiB",
    space: " ",
    units: &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)],
};

/// Spans of time, in milliseconds.
pub(crate) const TIME: Scale = Scale {
    example: "60s",
    names: "ms, s, m or h",
    space: "",
    units: &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)],
};

impl Scale {
    /// The amount that `text` says, in the smallest unit.
    pub(crate) fn parse(&self, text: &str) -> Result<u64, String> {
        let bad =
            || format!("`{text}` is not a whole number with a unit of {}, such as `{}`", self.names, self.example);
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at_checked(digits).ok_or_else(bad)?;
        let unit = unit.strip_prefix(' ').unwrap_or(unit);
        let (_, worth) = self.units.iter().find(|(name, _)| *name == unit).ok_or_else(bad)?;
        let number: u64 = number.parse().map_err(|_| bad())?;
        number.checked_mul(*worth).ok_or_else(|| format!("`{text}` is too large a number"))
    }

    /// Writes `amount` in the largest unit that leaves a whole number.
    pub(crate) fn print(&self, amount: u64) -> String {
        let mut text = String::new();
        for (name, worth) in self.units {
            if text.is_empty() || (amount > 0 && amount.is_multiple_of(*worth)) {
                text = format!("{}{}{name}", amount / worth, self.space);
            }
        }
        text
    }

    /// Reads an amount of 1 to `max`; `what` names it in the refusal.
    pub(crate) fn read<'de, D: Deserializer<'de>>(
        &'static self,
        deserializer: D,
        what: &str,
        max: u64,
    ) -> Result<u64, D::Error> {
        let amount = deserializer.deserialize_any(Quantity(self))?;
        if amount == 0 {
            return Err(D::Error::custom(format_args!("{what} must be more than nothing")));
        }
        if amount > max {
            return Err(D::Error::custom(format_args!(
                "{what} of {} is more than the host's maximum of {}",
                self.print(amount),
                self.print(max),
            )));
        }
        Ok(amount)
    }
}

struct Quantity(&'static Scale);

impl Quantity {
    fn plain<E: Error>(&self, number: impl fmt::Display) -> E {
        E::custom(format_args!(
            "the plain number {number} has no unit, write it as text such as \"{}\"",
            self.0.example
        ))
    }
}

impl Visitor<'_> for Quantity {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "text with a unit of {}, such as \"{}\"", self.0.names, self.0.example)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
        self.0.parse(text).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
        Err(self.plain(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
        Err(self.plain(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<u64, E> {
        Err(self.plain(number))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<u64, E> {
        Err(E::invalid_type(Unexpected::Bool(value), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_with_and_without_a_space() {
        assert_eq!(BYTES.parse("64 MiB"), Ok(64 << 20));
        assert_eq!(BYTES.parse("512KiB"), Ok(512 << 10));
        assert_eq!(TIME.parse("60s"), Ok(60_000));
        assert_eq!(TIME.parse("1500 ms"), Ok(1_500));
        for bad in
            ["", "64", "MiB", "64 MB", "64 mib", "1.5 GiB", "-1 B", "64  MiB", "64 MiB ", "99999999999999999 GiB"]
        {
            assert!(BYTES.parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for amount in [0, 1, 1_023, 1_024, 1_536, 64 << 20, 3 << 30, u64::MAX] {
            assert_eq!(BYTES.parse(&BYTES.print(amount)), Ok(amount));
            assert_eq!(TIME.parse(&TIME.print(amount)), Ok(amount));
        }
        assert_eq!(BYTES.print(64 << 20), "64 MiB");
        assert_eq!(TIME.print(90_000), "90s");
    }
}
