//! Versions of GKE, `1.29.4-gke.1043002`, and how far apart two are.

use std::fmt;

/// A version: major, minor, patch, and GKE's own number behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// 1, as yet.
    pub major: u32,
    /// What people call the version by: 29 of `1.29`.
    pub minor: u32,
    patch: u32,
    gke: u32,
}

impl Version {
    /// Reads a version; none if it is not one.
    pub fn read(text: &str) -> Option<Self> {
        let (version, gke) = text.split_once("-gke.").unwrap_or((text, "0"));
        let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
        let (major, minor, patch) = (parts.next()??, parts.next()??, parts.next().flatten().unwrap_or_default());
        Some(Self { major, minor, patch, gke: gke.parse().ok()? })
    }

    /// How many minor versions it is behind another of the same major; none if it is ahead.
    pub fn minors_behind(self, other: Self) -> u32 {
        if self.major == other.major { other.minor.saturating_sub(self.minor) } else { 0 }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}-gke.{}", self.major, self.minor, self.patch, self.gke)
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_are_read_and_compared_by_number() {
        let read = |text: &str| Version::read(text).unwrap();
        assert!(read("1.9.7-gke.6") < read("1.29.4-gke.1043002"));
        assert!(read("1.29.4-gke.2") < read("1.29.4-gke.10"));
        assert_eq!(read("1.27").minors_behind(read("1.29.4-gke.1")), 2);
        assert_eq!(read("1.30.1-gke.1").minors_behind(read("1.29.4-gke.1")), 0);
        assert_eq!((Version::read("latest"), Version::read("")), (None, None));
        assert_eq!(read("1.29.4-gke.1043002").to_string(), "1.29.4-gke.1043002");
    }
}
