//! Addresses and names with places to fill in.
//!
//! | place | filled with |
//! |---|---|
//! | `{project}` | the project |
//! | `{/name}` | the text at this path of the item |
//! | `{^/name}` | the text at this path of the item's parent |
//! | `{=/name}`, `{=^/name}` | its last word alone |

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::name;
use crate::record::path;

/// What may stand in a path as it is (RFC 3986, 3.3), and the `/` between names in names.
const PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/').remove(b'@').remove(b':');

/// Fills in a name; none if something is missing.
pub fn fill(form: &str, project: &str, item: &Value, parent: &Value) -> Option<String> {
    write(form, &|place| value(place, project, item, parent).map(str::to_owned))
}

/// Fills in an address, what is filled in escaped; none if something is missing, or is `.` or `..`, which would
/// lead elsewhere.
pub fn address(form: &str, project: &str, item: &Value, parent: &Value) -> Option<String> {
    write(form, &|place| {
        let value = value(place, project, item, parent)?;
        let is_plain = !value.split('/').any(|word| matches!(word, "" | "." | ".."));
        is_plain.then(|| utf8_percent_encode(value, PATH).to_string())
    })
}

fn value<'a>(place: &str, project: &'a str, item: &'a Value, parent: &'a Value) -> Option<&'a str> {
    if place == "project" {
        return Some(project);
    }
    let (last, place) = place.strip_prefix('=').map_or((false, place), |rest| (true, rest));
    let told = match place.strip_prefix('^') {
        Some(place) => path::text(parent, place)?,
        None => path::text(item, place)?,
    };
    Some(if last { name::last(told) } else { told })
}

fn write(form: &str, value: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let mut text = String::new();
    let mut rest = form;
    while let Some((before, behind)) = rest.split_once('{') {
        let (place, after) = behind.split_once('}')?;
        text.push_str(before);
        text.push_str(&value(place)?);
        rest = after;
    }
    text.push_str(rest);
    Some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn places_are_filled_in_and_lead_nowhere_else() {
        let (item, parent) = (json!({ "name": "projects/p/keyRings/r", "id": "a b" }), json!({ "name": "i" }));
        let at = |form: &str| address(form, "example.com:p", &item, &parent);
        assert_eq!(at("https://x/v1/{/name}/keys").as_deref(), Some("https://x/v1/projects/p/keyRings/r/keys"));
        assert_eq!(at("{project}/{/id}/{^/name}/{=/name}").as_deref(), Some("example.com:p/a%20b/i/r"));
        assert_eq!(at("{/missing}"), None);
        for evil in ["..", "a/../b", "a//b"] {
            assert_eq!(address("https://x/{/name}", "p", &json!({ "name": evil }), &Value::Null), None, "{evil}");
        }
        assert_eq!(fill("//x/{/id}", "p", &item, &parent).as_deref(), Some("//x/a b"));
    }
}
