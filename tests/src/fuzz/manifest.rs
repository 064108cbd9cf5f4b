//! Manifests: whatever an author writes is refused in words that can be shown, or is a manifest that a release
//! carries, reads back and asks for no more than it says.

use troupe_core::{Code, Error, Grants};
use troupe_package::{Capabilities, Manifest};

use super::is_visible;

/// Words of manifests.
pub(super) const WORDS: &[&str] = &[
    "[capabilities.state]\n",
    "[[capabilities.http]]\n",
    "[[capabilities.secrets]]\n",
    "[[capabilities.files]]\n",
    "[[capabilities.locks]]\n",
    "[[capabilities.agents]]\n",
    "[capabilities.approvals]\n",
    "[capabilities.artifacts]\n",
    "ask = \"billing/*\"\n",
    "[[capabilities.events]]\n",
    "publish = \"billing.>\"\n",
    "[configuration]\n",
    "[limits]\n",
    "[state]\n",
    "[[triggers]]\n",
    "name = \"a\"\n",
    "host = \"*.b.example\"\n",
    "host = \"::1\"\n",
    "port = 0\n",
    "port = 65536\n",
    "methods = []\n",
    "actions = [\"ec2:*\"]\n",
    "credential = \"aws:default\"\n",
    "path_prefix = \"/%2e/\"\n",
    "path_prefix = \"/a/*/b\"\n",
    "path_prefix = \"/a*/\"\n",
    "effect = \"destructive\"\n",
    "private = true\n",
    "bytes = \"16 MiB\"\n",
    "keys = 1000\n",
    "instances = true\n",
    "lease = \"60s\"\n",
    "preempt = true\n",
    "reads = \"1..=2\"\n",
    "time = \"60s\"\n",
    "inf",
    "nan",
    "1e400",
    "-0.0",
    "9223372036854775807",
    "1979-05-27T07:32:00Z",
    "\"\\u001b[2J\"",
    "\u{202e}",
    "'''",
    "{ a = 1 }",
];

/// Longest message of a refusal, in characters: what is quoted is cut, and what stands around it is ours.
const MESSAGE_CHARS_MAX: usize = 2_000;

pub(super) fn manifest(data: &[u8]) -> bool {
    let from_json = Manifest::from_json(data);
    refused_well(&from_json);
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let parsed = Manifest::parse(text);
    refused_well(&parsed);
    let excerpt = Capabilities::parse(text);
    refused_well(&excerpt);
    if let Ok(capabilities) = &excerpt {
        of_grants(&capabilities.grants());
    }
    let Some(manifest) = parsed.ok().or(from_json.ok()) else { return false };
    let document = manifest.to_json();
    let again = Manifest::from_json(&document).unwrap_or_else(|error| panic!("accepted and not read back: {error}"));
    assert_eq!(again, manifest);
    assert_eq!(again.to_json(), document, "one manifest has one text");
    of_grants(&manifest.capabilities.grants());
    true
}

fn of_grants(grants: &Grants) {
    assert!(!grants.is_wider_than(grants));
    assert!(!grants.is_wider_than(&grants.intersect(grants)), "what both keys ask for is in force");
    assert!(grants.lines().iter().all(|line| is_visible(line)), "{:?}", grants.lines());
    let document = serde_json::to_vec(grants).expect("JSON");
    assert_eq!(serde_json::from_slice::<Grants>(&document).expect("grants that read back"), *grants);
}

fn refused_well<T>(result: &Result<T, Error>) {
    let Err(error) = result else { return };
    assert_eq!(error.code, Code::ManifestInvalid, "{error}");
    assert!(is_visible(&error.message), "{:?}", error.message);
    assert!(error.message.chars().count() <= MESSAGE_CHARS_MAX, "{}", error.message);
}
