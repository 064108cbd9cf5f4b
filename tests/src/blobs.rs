//! Looking into a data directory from outside: every blob is one that a published
//! release names, and every one named is there.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

/// Returns the tags of the releases in a data directory's index, after checking that the
/// blobs are exactly those that they name.
pub fn checked_tags(data_dir: &Path) -> BTreeSet<String> {
    let releases = data_dir.join("releases");
    let blobs = releases.join("blobs").join("sha256");
    let read = |path: &Path| -> Value {
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_slice(&bytes).expect("JSON")
    };
    let hex = |descriptor: &Value| {
        let digest = descriptor["digest"].as_str().expect("a digest");
        digest.strip_prefix("sha256:").expect("a SHA-256").to_owned()
    };
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let (mut tags, mut named) = (BTreeSet::new(), BTreeSet::new());
    for image in list(&read(&releases.join("index.json"))["manifests"]) {
        let tag = &image["annotations"]["org.opencontainers.image.ref.name"];
        tags.insert(tag.as_str().expect("a tag").to_owned());
        let manifest = read(&blobs.join(hex(&image)));
        named.insert(hex(&image));
        named.insert(hex(&manifest["config"]));
        named.extend(list(&manifest["layers"]).iter().map(hex));
    }
    let there: BTreeSet<String> = std::fs::read_dir(&blobs)
        .expect("blobs")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(there, named, "the blobs are not those that the index names");
    tags
}
