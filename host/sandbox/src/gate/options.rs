//! Documents of options that guests hand over with a call.

use serde::de::DeserializeOwned;
use troupe_core::{json, limits};

use super::Answer;

/// Reads the options `of` something: an object of at most `most` bytes.
///
/// # Errors
/// [`Answer::Invalid`], saying of what.
pub(super) fn read_options<T: DeserializeOwned>(text: &str, most: usize, of: &str) -> Result<T, Answer> {
    let length = text.len();
    if length > most {
        return Err(Answer::Invalid(format!("the options of {of} have at most {most} bytes; these have {length}")));
    }
    let unread = |why: &str| Answer::Invalid(format!("the options of {of} cannot be read: {why}"));
    // A list would be read as the fields in their order.
    if !text.trim_start().starts_with('{') {
        return Err(unread("they are a JSON object"));
    }
    if json::depth(text.as_bytes()) > limits::JSON_DEPTH_MAX {
        let most = limits::JSON_DEPTH_MAX;
        return Err(Answer::Invalid(format!("the options of {of} are nested deeper than {most} levels")));
    }
    serde_json::from_str(text).map_err(|error| unread(&error.to_string()))
}
