//! The forms of state that are beside each other in a deployment's keys.

use std::fmt;
use std::str::FromStr;

/// Versions of state, from the first to the last, both among them: what releases that have served
/// wrote to the copy of the key spaces that is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forms {
    /// The lowest.
    pub first: u32,
    /// The highest.
    pub last: u32,
}

impl Forms {
    /// One form alone.
    pub const fn one(version: u32) -> Self {
        Self { first: version, last: version }
    }

    /// These and one more, and what lies between.
    #[must_use]
    pub fn with(self, version: u32) -> Self {
        Self { first: self.first.min(version), last: self.last.max(version) }
    }

    /// Whether there is only one.
    pub const fn is_one(self) -> bool {
        self.first == self.last
    }
}

impl fmt::Display for Forms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..={}", self.first, self.last)
    }
}

/// What is no range of versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoForms;

impl fmt::Display for NoForms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is not a range of versions such as `1..=2`")
    }
}

impl std::error::Error for NoForms {}

impl FromStr for Forms {
    type Err = NoForms;

    fn from_str(text: &str) -> Result<Self, NoForms> {
        let (first, last) = text.split_once("..=").ok_or(NoForms)?;
        let forms = Self { first: first.parse().map_err(|_| NoForms)?, last: last.parse().map_err(|_| NoForms)? };
        if forms.first <= forms.last { Ok(forms) } else { Err(NoForms) }
    }
}
