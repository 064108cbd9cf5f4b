//! Which paths a guest may name.
//!
//! The attack: a path that one reader takes for a name inside and another for a way out:
//! `../x`, `/etc/passwd`, `a\..\b`, `C:x`, a NUL that ends it early, a device such as `CON`
//! that no directory holds, a trailing slash or dot that changes what is opened, a name so
//! long that it is cut. The rule: a path is relative, of parts with `/` between them, each
//! of which means itself and nothing else on every system; one path has one spelling. The
//! default: what is in doubt is refused, before any file is looked at.

use troupe_core::limits;

/// What the names of unfinished files begin with.
pub(super) const TEMPORARY: &str = ".troupe-";

/// Names that are devices on some system, whatever follows a dot behind them.
const DEVICES: [&str; 7] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"];

/// A path inside a granted directory. Empty is the directory itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilePath(Vec<String>);

impl FilePath {
    /// Reads the path of a file or directory inside.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn inside(text: &str) -> Result<Self, String> {
        if text.len() > limits::FILES_PATH_BYTES_MAX {
            return Err(format!("it has {} bytes; it may have {}", text.len(), limits::FILES_PATH_BYTES_MAX));
        }
        let parts: Vec<String> = text.split('/').map(str::to_owned).collect();
        if parts.len() > limits::FILES_DEPTH_MAX {
            return Err(format!("it has {} parts; it may have {}", parts.len(), limits::FILES_DEPTH_MAX));
        }
        match parts.iter().find_map(|part| fault(part)) {
            Some(fault) => Err(fault.to_owned()),
            None => Ok(Self(parts)),
        }
    }

    /// Reads the path of a directory; empty is the granted one.
    ///
    /// # Errors
    /// As [`FilePath::inside`].
    pub(crate) fn directory(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(Self(Vec::new())) } else { Self::inside(text) }
    }

    pub(super) fn parts(&self) -> &[String] {
        &self.0
    }

    /// The directories on the way, and the last part.
    pub(super) fn split(&self) -> Option<(&[String], &str)> {
        self.0.split_last().map(|(name, way)| (way, name.as_str()))
    }
}

/// Whether a file of this name can be named by a path.
pub(super) fn is_name(part: &str) -> bool {
    fault(part).is_none()
}

fn fault(part: &str) -> Option<&'static str> {
    if part.is_empty() {
        return Some("a path is relative, with one `/` between its parts and none at its end");
    }
    if part == "." || part == ".." {
        return Some("`.` and `..` are no names");
    }
    if part.len() > limits::FILES_NAME_BYTES_MAX {
        return Some("a name has at most 255 bytes");
    }
    if part.chars().any(|c| c.is_control() || c == '\\' || c == ':') {
        return Some("a name holds no control characters, no `\\` and no `:`");
    }
    if part.ends_with(['.', ' ']) {
        return Some("a name does not end with a dot or a space");
    }
    if part.starts_with(TEMPORARY) {
        return Some("names that begin with `.troupe-` are the host's");
    }
    is_device(part).then_some("a name of a device is no name of a file")
}

fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let mut port = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT")).unwrap_or_default().chars();
    let is_port = matches!((port.next(), port.next()), (Some('0'..='9' | '¹' | '²' | '³'), None));
    is_port || DEVICES.contains(&stem.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_spelling() {
        for path in ["a", "a/b.txt", ".hidden", "a b/ü/🦀", "...x", "com", "comet", "con-1", "nul1", "%2e%2e"] {
            assert!(FilePath::inside(path).is_ok(), "{path}");
        }
        for path in ["", "/", "/a", "a/", "a//b", "./a", "a/.", "..", "../a", "a/..", "a/../b"] {
            assert!(FilePath::inside(path).is_err(), "{path}");
        }
        assert!(FilePath::directory("").is_ok());
    }

    #[test]
    fn what_another_system_reads_differently_is_refused() {
        let long = "a".repeat(256);
        for path in [
            "a\\b",
            "..\\a",
            "C:a",
            "a:stream",
            "a\0b",
            "a\nb",
            "a\u{85}",
            "CON",
            "con",
            "Con.txt",
            "a/nul",
            "aux .c",
            "COM1",
            "lpt9.x",
            "COM¹",
            "CONIN$",
            "a.",
            "a ",
            "a. ",
            ".troupe-1",
            "a/.troupe-x",
            &long,
        ] {
            assert!(FilePath::inside(path).is_err(), "{path:?}");
        }
        assert!(FilePath::inside(&"a/".repeat(600)).is_err());
        assert!(FilePath::inside(&["a"; 33].join("/")).is_err());
        assert!(FilePath::inside(&["a"; 32].join("/")).is_ok());
    }
}
