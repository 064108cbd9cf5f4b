//! The grant of `files`: one directory, by the name that the manifest gives it.
//!
//! The manifest names what it needs, never where: a directory of the operator's own is
//! the operator's to name. Where nobody names one, the host keeps one for the agent.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use utoipa::ToSchema;

use super::http::is_kebab;
use crate::limits;
use crate::list::{self, Keyed};

const NAME_LENGTH_MAX: usize = 63;
const PLACE_LENGTH_MAX: usize = 1_024;
/// How a place is written that is anybody's to name.
const ANYWHERE: &str = "*";

/// What may be done in a directory. The order is that of the variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Reading and listing.
    #[default]
    Read,
    /// Writing and deleting, too.
    ReadWrite,
}

/// Where a directory is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Place {
    /// Where the host keeps it for the agent.
    #[default]
    Own,
    /// A directory of the host's machine, by its absolute path.
    At(String),
    /// Wherever the other key says: what a manifest asks for. Where that does not say
    /// either, it is where the host keeps it.
    Anywhere,
}

/// A directory that may be used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FilesGrant {
    /// What the agent calls it.
    #[serde(deserialize_with = "name")]
    pub name: String,
    /// What may be done in it.
    #[serde(default)]
    pub access: Access,
    /// Bytes of the files together, at most.
    #[serde(default = "most_bytes")]
    pub bytes: u64,
    /// Files and directories, at most.
    #[serde(default = "most_files")]
    pub files: u64,
    /// An absolute path of the host's machine; absent = where the host keeps it.
    #[serde(default, skip_serializing_if = "Place::is_own")]
    #[schema(value_type = Option<String>)]
    pub path: Place,
}

impl Place {
    fn is_own(&self) -> bool {
        *self == Self::Own
    }

    fn intersect(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Anywhere, place) | (place, Self::Anywhere) => Some(place.clone()),
            (one, two) => (one == two).then(|| one.clone()),
        }
    }

    fn covers(&self, other: &Self) -> bool {
        *self == Self::Anywhere || self == other
    }
}

impl FilesGrant {
    /// Returns what both allow; none if that is nothing.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        if self.name != other.name {
            return None;
        }
        Some(Self {
            name: self.name.clone(),
            access: self.access.min(other.access),
            bytes: self.bytes.min(other.bytes),
            files: self.files.min(other.files),
            path: self.path.intersect(&other.path)?,
        })
    }

    /// Whether `self` allows all that `other` does.
    pub fn covers(&self, other: &Self) -> bool {
        self.name == other.name
            && self.access >= other.access
            && self.bytes >= other.bytes
            && self.files >= other.files
            && self.path.covers(&other.path)
    }
}

/// What both lists allow.
pub(super) fn intersect(one: &[FilesGrant], two: &[FilesGrant]) -> Vec<FilesGrant> {
    let mut both: Vec<FilesGrant> =
        one.iter().flat_map(|one| two.iter().filter_map(|two| one.intersect(two))).collect();
    both.sort();
    both
}

/// Whether all that `narrow` allows is allowed by `wide`.
pub(super) fn covers(wide: &[FilesGrant], narrow: &[FilesGrant]) -> bool {
    narrow.iter().all(|narrow| wide.iter().any(|wide| wide.covers(narrow)))
}

impl fmt::Display for FilesGrant {
    /// One line, as an operator reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "files {}: ", self.name)?;
        match self.access {
            Access::Read => f.write_str("read")?,
            Access::ReadWrite => {
                write!(f, "read and write, up to {} and {} files", limits::bytes(self.bytes), self.files)?;
            }
        }
        match &self.path {
            Place::At(path) => write!(f, ", in {path}"),
            Place::Own | Place::Anywhere => Ok(()),
        }
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Own => serializer.serialize_none(),
            Self::At(path) => serializer.serialize_str(path),
            Self::Anywhere => serializer.serialize_str(ANYWHERE),
        }
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(Self::Own) };
        if text == ANYWHERE {
            return Ok(Self::Anywhere);
        }
        let plain = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(char::is_control);
        let normal = text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(plain));
        if normal && text.len() <= PLACE_LENGTH_MAX {
            return Ok(Self::At(text));
        }
        Err(D::Error::custom(format_args!(
            "a directory of the host is an absolute path such as `/srv/reports`, without `.`, `..` and a `/` at its end, \
             at most {PLACE_LENGTH_MAX} bytes long"
        )))
    }
}

impl Keyed for FilesGrant {
    fn key(&self) -> &str {
        &self.name
    }
}

/// Reads a bounded list of grants, each name once.
///
/// # Errors
/// Those of the deserialiser, naming the item.
pub(super) fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<FilesGrant>, D::Error> {
    list::read(deserializer, limits::FILES_DIRECTORIES_MAX, |_: &FilesGrant| Ok(()))
}

/// Reads the name of a directory.
///
/// # Errors
/// Those of the deserialiser.
pub fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.len() <= NAME_LENGTH_MAX && is_kebab(&text) {
        return Ok(text);
    }
    Err(D::Error::custom(format_args!(
        "the name of a directory is 1 to {NAME_LENGTH_MAX} lower-case letters, digits and single hyphens, beginning with a letter"
    )))
}

const fn most_bytes() -> u64 {
    limits::FILES_BYTES_MAX
}

const fn most_files() -> u64 {
    limits::FILES_MAX
}
