//! Times as people type them.

use troupe_core::{Code, Error, Result};

/// The units of a time, and the seconds in each.
const UNITS: [(&str, u64); 4] = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];

/// Reads the time that an option was given, such as `30d`, in seconds.
///
/// # Errors
/// [`Code::RequestInvalid`] naming the option.
pub(crate) fn seconds(option: &str, text: &str) -> Result<u64> {
    let read = UNITS.iter().find_map(|(unit, worth)| {
        let number: u64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
        number.checked_mul(*worth)
    });
    read.ok_or_else(|| {
        let message = format!("`{option} {text}` is not a whole number with a unit of s, m, h or d, such as `30d`");
        Error::new(Code::RequestInvalid, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_with_its_unit() {
        assert_eq!(seconds("--expires", "30d").unwrap(), 2_592_000);
        assert_eq!(seconds("--expires", "90 m").unwrap(), 5_400);
        for wrong in ["", "d", "30", "1.5h", "-1d", "30 days", "18446744073709551615d"] {
            assert_eq!(seconds("--expires", wrong).unwrap_err().code, Code::RequestInvalid, "{wrong}");
        }
    }
}
