//! Which paths a prefix admits.
//!
//! **The attack.** A grant of `/v1/` is met by `/v1/../admin`, `/v1/%2e%2e/admin`,
//! `/v1/..;/admin`, `/v1/%252e%252e/admin` or `/v1//x`: this host compares one text and
//! the server behind it serves another path.
//!
//! **The rule.** Where the prefix is more than `/`, a path that any server is known to
//! read as another is admitted by no prefix: one that holds, however often it is
//! unescaped, a segment `.` or `..` (with or without `;` parameters), an empty segment
//! inside, a backslash or an escaped slash; or one that cannot be read to its end (see
//! [`readings`]). What is left is compared in one spelling, escapes of plain letters
//! undone, and ends with the prefix at a `/`.
//!
//! **The default.** The prefix `/` admits everything: there is nothing to slip past, and
//! object stores have keys such as `a//b`.

use crate::readings::{readings, unescape};

/// Whether `prefix` admits `path`, the path of a URL as it will be sent, without query.
pub fn admits(prefix: &str, path: &str) -> bool {
    prefix == "/" || (is_plain(path) && within(&canonical(prefix), &canonical(path)))
}

/// Whether `wide` admits every path that `narrow` admits.
pub(super) fn covers(wide: &str, narrow: &str) -> bool {
    wide == "/" || within(&canonical(wide), &canonical(narrow))
}

/// The prefix that admits what both admit; none if that is nothing. Of one meaning in two
/// spellings it is always the same.
pub(super) fn shared<'a>(one: &'a str, two: &'a str) -> Option<&'a str> {
    match (covers(one, two), covers(two, one)) {
        (true, true) => Some(one.min(two)),
        (true, false) => Some(two),
        (false, true) => Some(one),
        (false, false) => None,
    }
}

/// Whether `path` is `prefix` or goes on behind it at a `/`.
fn within(prefix: &str, path: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || prefix.ends_with('/') || rest.starts_with('/'))
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

/// The path with escapes of unreserved characters undone (RFC 3986, 6.2.2.2) and the
/// others in upper case.
fn canonical(path: &str) -> String {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    String::from_utf8_lossy(&unescape(path.as_bytes(), unreserved)).into_owned()
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

    proptest! {
        #[test]
        fn a_covering_prefix_admits_what_the_covered_one_admits(
            wide in "(/[a-c.%2]{0,3}){0,2}/?", narrow in "(/[a-c.%2]{0,3}){0,2}/?", path in "(/[a-c.%2e;]{0,4}){0,4}",
        ) {
            let (wide, narrow) = (format!("/{wide}"), format!("/{narrow}"));
            if covers(&wide, &narrow) && narrow != "/" && admits(&narrow, &path) {
                prop_assert!(admits(&wide, &path));
            }
        }
    }
}
