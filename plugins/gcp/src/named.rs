//! Names that callers give, before they become parts of an address.

use troupe_sdk::prelude::*;

/// Refuses what cannot be the name of a zone, machine, cluster or type.
///
/// # Errors
///
/// `InvalidInput`, naming the field.
pub fn check_name(field: &str, name: &str) -> Result<(), Failure> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_name = (1..=63).contains(&name.len())
        && name.bytes().all(plain)
        && name.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit());
    if is_name {
        return Ok(());
    }
    Err(Failure::invalid_input(format!("`{name}` is not a name in lower-case letters, digits and `-`"))
        .with("field", field))
}
