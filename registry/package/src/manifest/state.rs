//! The layout of what an agent keeps, by version.
//!
//! A release writes its `version` and reads the versions in `reads`. A swap compares
//! both: a release that cannot read what the serving one wrote does not take over, and
//! one whose writings the serving one cannot read cannot be rolled back unnoticed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use troupe_core::{Code, Error};

/// The version of the state a release writes, and the versions it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct StateVersion {
    /// The version it writes, from 1.
    pub version: u32,
    /// The versions it reads; [`Self::version`] is one of them.
    pub reads: VersionRange,
}

impl Default for StateVersion {
    /// Version 1, reading itself.
    fn default() -> Self {
        Self { version: 1, reads: VersionRange { first: 1, last: 1 } }
    }
}

impl<'de> Deserialize<'de> for StateVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            version: Option<u32>,
            reads: Option<VersionRange>,
        }
        let written = Written::deserialize(deserializer)?;
        let version = written.version.unwrap_or(1);
        let reads = match written.reads {
            Some(reads) => reads,
            None => VersionRange::new(version, version).map_err(D::Error::custom)?,
        };
        if !reads.contains(version) {
            return Err(D::Error::custom(format_args!(
                "`reads` of {reads} does not contain `version` {version}; an agent reads what it writes"
            )));
        }
        Ok(Self { version, reads })
    }
}

/// An inclusive range of versions, from 1, written `1..=2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct VersionRange {
    first: u32,
    last: u32,
}

impl VersionRange {
    /// Makes the range from `first` to `last`, both in it.
    ///
    /// # Errors
    /// [`Code::ManifestInvalid`] if the range is empty or begins below 1.
    pub fn new(first: u32, last: u32) -> Result<Self, Error> {
        if first == 0 || first > last {
            return Err(Error::new(
                Code::ManifestInvalid,
                format!("`{first}..={last}` is not a range of versions; the first is at least 1 and the last no less"),
            ));
        }
        Ok(Self { first, last })
    }

    /// Returns the lowest version in the range.
    pub const fn first(&self) -> u32 {
        self.first
    }

    /// Returns the highest version in the range.
    pub const fn last(&self) -> u32 {
        self.last
    }

    /// Whether `version` is in the range.
    pub const fn contains(&self, version: u32) -> bool {
        self.first <= version && version <= self.last
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..={}", self.first, self.last)
    }
}

impl FromStr for VersionRange {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || {
            Error::new(
                Code::ManifestInvalid,
                format!("`{text}` is not a range of versions such as `1..=2`, both ends in it"),
            )
        };
        let (first, last) = text.split_once("..=").ok_or_else(bad)?;
        Self::new(first.parse().map_err(|_| bad())?, last.parse().map_err(|_| bad())?)
    }
}

impl TryFrom<String> for VersionRange {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<VersionRange> for String {
    fn from(range: VersionRange) -> Self {
        range.to_string()
    }
}
