//! Artefacts: what a task leaves beside its output, too large to be JSON in a row.
//!
//! A name is 1 to 120 ASCII letters, digits, `.`, `_` and `-`, begins with a letter, a digit or `_` and does not end
//! with a `.`: a file may have it on any system, it leads nowhere, hides nowhere, and is no option of a command. A
//! media type is `type/subtype` with parameters of printable ASCII (RFC 9110, section 8.3.1), so that it fits a
//! header.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::view::ArtifactView;
use crate::{Code, Error, Result, limits};

/// Names that are devices on some system, whatever follows their first dot.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// Those of which there are several, by a digit.
const NUMBERED_DEVICES: [&str; 2] = ["com", "lpt"];

/// The name of an artefact.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ArtifactName(String);

/// The media type of an artefact.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct MediaType(String);

crate::name::as_text!(ArtifactName);
crate::name::as_text!(MediaType);

/// What came of finishing an artefact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArtifactOutcome {
    /// It is kept.
    Kept(ArtifactView),
    /// The artefacts of the tenant would have more than this many bytes together; nothing was kept.
    Full(u64),
}

impl ArtifactName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl MediaType {
    /// The media type as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ArtifactName {
    type Err = Error;

    /// # Errors
    /// [`Code::NameInvalid`] telling what a name is.
    fn from_str(text: &str) -> Result<Self> {
        let is_first = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_name = text.len() <= limits::ARTIFACT_NAME_BYTES_MAX
            && text.starts_with(is_first)
            && !text.ends_with('.')
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
            && !is_device(text);
        if is_name {
            return Ok(Self(text.to_owned()));
        }
        let most = limits::ARTIFACT_NAME_BYTES_MAX;
        Err(Error::new(
            Code::NameInvalid,
            format!(
                "the name of an artefact is 1 to {most} letters, digits, `.`, `_` and `-`, begins with none of `.` and `-`, does not end with `.`, and is no device such as `con`"
            ),
        ))
    }
}

impl FromStr for MediaType {
    type Err = Error;

    /// # Errors
    /// [`Code::NameInvalid`] telling what a media type is.
    fn from_str(text: &str) -> Result<Self> {
        let is_token = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
        };
        let (kind, parameters) = text.split_once(';').unwrap_or((text, ""));
        let is_kind = kind.trim_end().split_once('/').is_some_and(|(one, two)| is_token(one) && is_token(two));
        let is_shown = parameters.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        if is_kind && is_shown && text.len() <= limits::ARTIFACT_MEDIA_TYPE_BYTES_MAX {
            return Ok(Self(text.to_owned()));
        }
        let most = limits::ARTIFACT_MEDIA_TYPE_BYTES_MAX;
        Err(Error::new(
            Code::NameInvalid,
            format!("a media type is such as `application/jsonl`, in at most {most} characters of printable ASCII"),
        ))
    }
}

fn is_device(text: &str) -> bool {
    let stem = text.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let numbered = |device: &&str| {
        stem.strip_prefix(*device).is_some_and(|rest| rest.len() == 1 && rest.bytes().all(|b| b.is_ascii_digit()))
    };
    DEVICES.contains(&stem.as_str()) || NUMBERED_DEVICES.iter().any(numbered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_file_anywhere_and_leads_nowhere() {
        let longest = "a".repeat(120);
        for good in ["inventory.jsonl", "a", "7.csv", "_x", "A-b_c.tar.gz", longest.as_str(), "console.log", "com"] {
            assert_eq!(good.parse::<ArtifactName>().unwrap().as_str(), good);
        }
        let long = "a".repeat(121);
        for bad in [
            "",
            ".",
            "..",
            ".hidden",
            "a/b",
            "../a",
            "a\\b",
            "a:b",
            "-o",
            "a.",
            "a b",
            "ä",
            "a\n",
            "a\0",
            "NUL",
            "con.txt",
            "com1",
            "LPT9.csv",
            "%2e%2e",
            long.as_str(),
        ] {
            assert!(bad.parse::<ArtifactName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_media_type_fits_a_header() {
        for good in ["application/jsonl", "text/csv; charset=utf-8", "application/vnd.oasis.sarif+json", "a/b;c=\"d\""]
        {
            assert_eq!(good.parse::<MediaType>().unwrap().as_str(), good);
        }
        let long = format!("text/{}", "a".repeat(96));
        for bad in ["", "text", "text/", "/csv", "a/b/c", "text/csv\r\nx: y", "text/cs v", "a/b; ü", long.as_str()] {
            assert!(bad.parse::<MediaType>().is_err(), "{bad:?}");
        }
    }
}
