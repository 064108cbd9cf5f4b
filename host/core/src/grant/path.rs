//! Which paths a prefix admits.
//!
//! | prefix | admits | not |
//! |---|---|---|
//! | `/` | everything | |
//! | `/v1/` | `/v1/`, `/v1/a`, `/v1/a/b` | `/v1` |
//! | `/v1` | `/v1`, `/v1/`, `/v1/a` | `/v10` |
//! | `/v1/*/stop` | `/v1/a/stop`, `/v1/a/stop/now` | `/v1/stop`, `/v1/a/b/stop`, `/v1/a` |
//! | `/v1/*` | `/v1/a`, `/v1/a/b` | `/v1/` |
//! | `/v1/%2A` | `/v1/*`, `/v1/%2a`, which are the same | `/v1/a` |
//!
//! **The attack.** A grant of `/v1/` is met by `/v1/../admin`, `/v1/%2e%2e/admin`,
//! `/v1/..;/admin`, `/v1/%252e%252e/admin` or `/v1//x`: this host compares one text and
//! the server behind it serves another path. A grant of `/v1/*/stop` is met by
//! `/v1/a%2Fb/stop`, `/v1/;x/stop` or `/v1/a%3F/stop`: what stands for the star is two
//! segments, none, or the end of the path.
//!
//! **The rule.** Where the prefix is more than `/`, a path that any server is known to
//! read as another is admitted by no prefix: one that holds, however often it is
//! unescaped, a segment `.` or `..` (with or without `;` parameters), an empty segment
//! inside, a backslash or an escaped slash; or one that cannot be read to its end (see
//! [`readings`]). What is left is compared segment by segment in one spelling, escapes of
//! plain letters undone, and goes on behind the prefix at a `/`. A segment `*` stands for
//! one segment that is one in each of its readings: it has a name before its parameters,
//! and no `?`, `#` or control character, at which a server may take the path to end.
//!
//! **The default.** The prefix `/` admits everything: there is nothing to slip past, and
//! object stores have keys such as `a//b`.

use crate::readings::{readings, unescape};

/// A whole segment of a prefix that stands for any one.
const STAR: &str = "*";

/// Whether `prefix` admits `path`, the path of a URL as it will be sent, without query.
pub fn admits(prefix: &str, path: &str) -> bool {
    prefix == "/" || (is_plain(path) && all_cover(&parts(prefix, Part::of_prefix), &parts(path, Part::of_path)))
}

/// Whether `wide` admits every path that `narrow` admits.
pub(super) fn covers(wide: &str, narrow: &str) -> bool {
    wide == "/" || all_cover(&parts(wide, Part::of_prefix), &parts(narrow, Part::of_prefix))
}

/// The prefix that admits what both admit; none if that is nothing. It is made of what
/// stands in the two, of a segment in two spellings the first in order, so that it is the
/// same whichever comes first, and however many are shared.
pub(super) fn shared(one: &str, two: &str) -> Option<String> {
    let (mut one, mut two) = (parts(one, Part::of_prefix).into_iter(), parts(two, Part::of_prefix).into_iter());
    let mut all = Vec::new();
    loop {
        all.push(match (one.next(), two.next()) {
            (Some(one), Some(two)) => one.shared(&two)?,
            (Some(only), None) | (None, Some(only)) => only.written(),
            (None, None) => return Some(all.join("/")),
        });
    }
}

/// What stands between two slashes, before the first or behind the last.
#[derive(Debug, PartialEq)]
enum Part<'a> {
    /// Nothing behind the last slash: whatever a path goes on with, if with anything.
    Open,
    /// Any one segment.
    Star,
    /// A segment as it is written, and in the spelling that is compared.
    Name { written: &'a str, name: String },
}

impl<'a> Part<'a> {
    fn of_prefix(written: &'a str) -> Self {
        if written == STAR { Self::Star } else { Self::of_path(written) }
    }

    fn of_path(written: &'a str) -> Self {
        Self::Name { written, name: canonical(written) }
    }

    const fn written(&self) -> &'a str {
        match self {
            Self::Open => "",
            Self::Star => STAR,
            Self::Name { written, .. } => written,
        }
    }

    fn covers(&self, narrow: &Self) -> bool {
        match (self, narrow) {
            (Self::Open, _) | (Self::Star, Self::Star) => true,
            (Self::Star, Self::Name { name, .. }) => is_one_segment(name),
            (Self::Name { name: wide, .. }, Self::Name { name: narrow, .. }) => wide == narrow,
            (Self::Star, Self::Open) | (Self::Name { .. }, Self::Open | Self::Star) => false,
        }
    }

    fn shared(&self, other: &Self) -> Option<&'a str> {
        match (self.covers(other), other.covers(self)) {
            (true, true) => Some(self.written().min(other.written())),
            (true, false) => Some(other.written()),
            (false, true) => Some(self.written()),
            (false, false) => None,
        }
    }
}

/// The parts of a path or a prefix.
fn parts<'a>(text: &'a str, named: impl Fn(&'a str) -> Part<'a>) -> Vec<Part<'a>> {
    let mut parts: Vec<Part<'a>> = text.split('/').map(named).collect();
    if text.ends_with('/') {
        parts.pop();
        parts.push(Part::Open);
    }
    parts
}

/// Whether what begins as `narrow` begins as `wide`.
fn all_cover(wide: &[Part<'_>], narrow: &[Part<'_>]) -> bool {
    wide.len() <= narrow.len() && wide.iter().zip(narrow).all(|(wide, narrow)| wide.covers(narrow))
}

/// Whether every server takes a segment for one, and the path to go on behind it.
fn is_one_segment(name: &str) -> bool {
    let ends_a_path = |c: char| matches!(c, '?' | '#') || c.is_control();
    let is_one = |seen: &String| !seen.is_empty() && !seen.starts_with(';') && !seen.contains(ends_a_path);
    readings(name).is_some_and(|readings| readings.iter().all(is_one))
}

/// Whether every server reads the path alike.
fn is_plain(path: &str) -> bool {
    let slashes = |text: &str| text.bytes().filter(|byte| *byte == b'/').count();
    let is_plain = |seen: &String| slashes(seen) == slashes(path) && !seen.contains('\\') && has_plain_segments(seen);
    readings(path).is_some_and(|readings| readings.iter().all(is_plain))
}

/// Whether no segment is one that servers resolve or merge.
fn has_plain_segments(path: &str) -> bool {
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let name = segment.split(';').next().unwrap_or_default();
        let is_inner = segments.peek().is_some();
        if matches!(name, "." | "..") || is_inner && segment.is_empty() {
            return false;
        }
    }
    true
}

/// A segment with escapes of unreserved characters undone (RFC 3986, 6.2.2.2), the others
/// in upper case, and a star escaped, as a prefix has to write it.
fn canonical(segment: &str) -> String {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    String::from_utf8_lossy(&unescape(segment.as_bytes(), unreserved)).replace('*', "%2A")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_goes_on_behind_its_prefix() {
        for (prefix, path, admitted) in [
            ("/", "/", true),
            ("/", "/a//b/../%2e", true),
            ("/v1/", "/v1/", true),
            ("/v1/", "/v1/a", true),
            ("/v1/", "/v1/a/", true),
            ("/v1/", "/v1", false),
            ("/v1", "/v1", true),
            ("/v1", "/v1/a", true),
            ("/v1", "/v10", false),
            ("/v1/", "/V1/a", false),
            ("/v1/", "/%76%31/a", true),
            ("/a%20b/", "/a%20b/c", true),
            ("/a%c3%a9/", "/a%C3%A9/c", true),
            ("/v1/", "/v2/v1/", false),
            ("", "/v1", true),
            ("v1", "/v1", false),
        ] {
            assert_eq!(admits(prefix, path), admitted, "{prefix} {path}");
        }
    }

    #[test]
    fn what_two_servers_could_read_differently_slips_past_no_prefix() {
        for path in [
            "/v1/../admin",
            "/v1/./a",
            "/v1/..",
            "/v1/%2e%2e/admin",
            "/v1/%2E./admin",
            "/v1/%252e%252e/admin",
            "/v1/%25252e%25252e/admin",
            "/v1/..;/admin",
            "/v1/..;a=b/admin",
            "/v1/..%3b/admin",
            "/v1//a",
            "//v1/a",
            "/v1/a%2f..%2fadmin",
            "/v1/a%2Fb",
            "/v1/a%252fb",
            "/v1/a\\..\\admin",
            "/v1/a%5c..",
            "/v1/a%255c",
            // Escaped more often than anybody means it.
            "/v1/%2525252e%2525252e/admin",
            "/v1/%25252525",
            // `.` and `/` in too many bytes.
            "/v1/%c0%ae%c0%ae/admin",
            "/v1/a%c0%af..",
            "/v1/%25c0%25ae%25c0%25ae/admin",
        ] {
            assert!(!admits("/v1/", path), "{path}");
        }
    }

    #[test]
    fn a_star_is_one_segment_that_is_one_to_every_server() {
        let stop = "/v1/*/stop";
        for (prefix, path, admitted) in [
            (stop, "/v1/a/stop", true),
            (stop, "/v1/a/stop/now", true),
            (stop, "/v1/a;b=c/stop", true),
            (stop, "/v1/a%20b/stop", true),
            (stop, "/v1/%C3%A9/st%6Fp", true),
            (stop, "/v1/*/stop", true),
            (stop, "/v1/%2A/stop", true),
            (stop, "/v1/a/stopped", false),
            (stop, "/v1/a", false),
            (stop, "/v1/stop", false),
            (stop, "/v1//stop", false),
            (stop, "/v1/a/b/stop", false),
            (stop, "/v1/a%2Fb/stop", false),
            (stop, "/v1/a%252fb/stop", false),
            (stop, "/v1/a%5Cb/stop", false),
            (stop, "/v1/../stop", false),
            (stop, "/v1/%2e%2e/stop", false),
            // No name: whoever drops parameters finds an empty segment.
            (stop, "/v1/;x/stop", false),
            (stop, "/v1/%3bx/stop", false),
            (stop, "/v1/%253bx/stop", false),
            // The end of the path to whoever unescapes it before it is read.
            (stop, "/v1/a%3F/stop", false),
            (stop, "/v1/a%253f/stop", false),
            (stop, "/v1/a%23/stop", false),
            (stop, "/v1/a%00/stop", false),
            (stop, "/v1/%2525253F/stop", false),
            // A prefix that begins with a star is not `/`.
            ("/*", "/a", true),
            ("/*", "/a/b/", true),
            ("/*", "/", false),
            ("/*", "//a", false),
            ("/*", "/a/../b", false),
            ("/*", "/;x", false),
            ("/*/", "/a", false),
            ("/*/", "/a/", true),
            ("/*/*", "/a/b", true),
            ("/*/*", "/a/", false),
            ("/v1/*", "/v1/a", true),
            ("/v1/*", "/v1/", false),
            ("/v1/*", "/v1", false),
            // A star that is meant as one.
            ("/v1/%2A/stop", "/v1/*/stop", true),
            ("/v1/%2A/stop", "/v1/%2a/stop", true),
            ("/v1/%2A/stop", "/v1/a/stop", false),
        ] {
            assert_eq!(admits(prefix, path), admitted, "{prefix} {path}");
        }
    }

    #[test]
    fn two_prefixes_meet_segment_by_segment() {
        for (one, two, both) in [
            ("/", "/a/*", Some("/a/*")),
            ("/a/*/c", "/a/b", Some("/a/b/c")),
            ("/a/*/c", "/*/b/", Some("/a/b/c")),
            ("/a/*", "/a/", Some("/a/*")),
            ("/a/*", "/a", Some("/a/*")),
            ("/a/*/", "/*/b", Some("/a/b/")),
            ("/a", "/a/", Some("/a/")),
            ("/%61/*", "/a/b/", Some("/%61/b/")),
            ("/a/*", "/a/%2A/c", Some("/a/%2A/c")),
            ("/a/*/c", "/a/b/d", None),
            ("/a/*/c", "/b", None),
            // What stands for no star.
            ("/a/*", "/a/;x/", None),
            ("/a/*/c", "/a/b%3Fd/c", None),
        ] {
            assert_eq!(shared(one, two).as_deref(), both, "{one} {two}");
            assert_eq!(shared(two, one).as_deref(), both, "{two} {one}");
        }
    }

    #[test]
    fn a_star_is_wider_than_any_name() {
        for (wide, narrow) in [
            ("/*", "/a"),
            ("/a/*/c", "/a/b/c"),
            ("/a/*/c", "/a/%2A/c/d"),
            ("/a/", "/a/*"),
            ("/a", "/a/*/c"),
            ("/", "/*"),
            ("/*/*", "/a/*"),
            ("/*/", "/a/"),
        ] {
            assert!(covers(wide, narrow) && !covers(narrow, wide), "{wide} {narrow}");
        }
        assert!(!covers("/*", "/") && !covers("/a/*", "/a/") && !covers("/a/*", "/a/;x"));
        assert!(covers("/a/%2a", "/a/%2A") && covers("/a/%2A", "/a/%2a"));
    }

    /// Prefixes as they are read from a grant, some of which admit nothing.
    fn a_prefix() -> impl Strategy<Value = String> {
        let segment = proptest::sample::select(
            &["*", "*", "a", "b", "%61", "%2A", "%2a", "a;b", ";a", "a%3Fb", "%2541", "%%34%31", "%ff", "a%252fb"][..],
        );
        (proptest::collection::vec(segment, 0..4), any::<bool>()).prop_map(|(segments, open)| {
            let closed: String = segments.iter().map(|segment| format!("/{segment}")).collect();
            if open || closed.is_empty() { closed + "/" } else { closed }
        })
    }

    fn a_path() -> impl Strategy<Value = String> {
        let segment = proptest::sample::select(
            &["a", "a", "b", "b", "%61", "*", "%2A", "a;b", ";a", "%3ba", "a%3Fb", "a%2Fb", "..", "", "A", "%2541"][..],
        );
        proptest::collection::vec(segment, 1..5).prop_map(|segments| format!("/{}", segments.join("/")))
    }

    proptest! {
        #[test]
        fn what_two_prefixes_share_admits_what_both_admit(one in a_prefix(), two in a_prefix(), path in a_path()) {
            let both = shared(&one, &two);
            let by_both = both.as_ref().is_some_and(|both| admits(both, &path));
            prop_assert_eq!(by_both, admits(&one, &path) && admits(&two, &path), "{:?} of {} and {}", both, one, two);
        }

        #[test]
        fn a_covering_prefix_admits_what_the_covered_one_admits(wide in a_prefix(), narrow in a_prefix(), path in a_path()) {
            if covers(&wide, &narrow) && narrow != "/" && admits(&narrow, &path) {
                prop_assert!(admits(&wide, &path));
            }
        }

        #[test]
        fn prefixes_are_a_lattice(one in a_prefix(), two in a_prefix(), three in a_prefix()) {
            prop_assert!(covers(&one, &one));
            prop_assert_eq!(shared(&one, &one), Some(one.clone()));
            prop_assert!(!(covers(&one, &two) && covers(&two, &three)) || covers(&one, &three));
            let both = shared(&one, &two);
            prop_assert_eq!(&both, &shared(&two, &one));
            if let Some(both) = &both {
                prop_assert!(covers(&one, both) && covers(&two, both));
            }
            // What both cover is covered by what they share, and covered wholly is shared wholly.
            if covers(&one, &three) && covers(&two, &three) {
                prop_assert!(both.as_ref().is_some_and(|both| covers(both, &three)));
            }
            let again = both.as_ref().and_then(|both| shared(both, &three));
            prop_assert_eq!(again, shared(&two, &three).and_then(|rest| shared(&one, &rest)));
            if covers(&one, &two) {
                let both = both.unwrap_or_default();
                prop_assert!(covers(&both, &two) && covers(&two, &both));
            }
        }
    }
}
