//! What a waiting caller sees while a skill runs.

use serde::Serialize;

use crate::{Failure, backend};

/// Says how far the skill is: a fraction from 0 to 1 where it is known, and one line of
/// text. Only the newest report counts.
///
/// ```
/// # use troupe_sdk::progress;
/// progress::report(0.5, "two of four regions");
/// progress::report(None, "still counting");
/// ```
pub fn report(fraction: impl Into<Option<f64>>, message: impl AsRef<str>) {
    backend::report(fraction.into(), message.as_ref());
}

/// Hands out a part of the output before the skill ends. Parts arrive in order.
///
/// # Errors
///
/// [`Failure::Failed`] if the part cannot be written as JSON.
pub fn partial<T: Serialize + ?Sized>(output: &T) -> Result<(), Failure> {
    backend::partial(&serde_json::to_string(output)?);
    Ok(())
}
