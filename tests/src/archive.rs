//! Archives made by hand, good and bad.

use std::io::Read as _;

use serde_json::Value;
use tar::{Archive, Builder, EntryType, Header};
use troupe_core::Digest;

/// An entry of an archive.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: EntryType,
    /// What it holds.
    pub bytes: Vec<u8>,
}

impl Entry {
    /// A regular file.
    pub fn file(name: &str, bytes: &[u8]) -> Self {
        Self { name: name.to_owned(), kind: EntryType::Regular, bytes: bytes.to_vec() }
    }

    /// A symbolic link; where to does not matter, since links are refused.
    pub fn link(name: &str) -> Self {
        Self { name: name.to_owned(), kind: EntryType::Symlink, bytes: Vec::new() }
    }
}

/// Reads the entries of an archive.
pub fn entries(archive: &[u8]) -> Vec<Entry> {
    let mut archive = Archive::new(archive);
    let read = |entry: std::io::Result<tar::Entry<'_, _>>| {
        let mut entry = entry.expect("an entry");
        let name = String::from_utf8(entry.path_bytes().into_owned()).expect("a name of text");
        let kind = entry.header().entry_type();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("a whole entry");
        Entry { name, kind, bytes }
    };
    archive.entries().expect("an archive").map(read).collect()
}

/// Writes an archive, whatever the names of its entries are.
pub fn written(entries: &[Entry]) -> Vec<u8> {
    let mut archive = Builder::new(Vec::new());
    for Entry { name, kind, bytes } in entries {
        archive.append(&header(name, *kind, bytes.len() as u64), bytes.as_slice()).expect("memory takes it");
    }
    archive.into_inner().expect("memory takes it")
}

/// A header with any name and size.
pub fn header(name: &str, kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

/// Changes the agent's manifest in a good archive, and every digest that hangs on it, so that
/// nothing but what the manifest says is wrong.
pub fn with_manifest(archive: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    with_config(archive, |config| change(&mut config["troupe"]["manifest"]))
}

/// Changes the image configuration in a good archive, and every digest that hangs on it.
pub fn with_config(archive: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut entries = entries(archive);
    let index: Value = serde_json::from_slice(&entry(&entries, "index.json").bytes).expect("an index");
    let image_name = blob_name(index["manifests"][0]["digest"].as_str().expect("a digest"));
    let image: Value = serde_json::from_slice(&entry(&entries, &image_name).bytes).expect("an image");
    let config_name = blob_name(image["config"]["digest"].as_str().expect("a digest"));

    let mut config: Value = serde_json::from_slice(&entry(&entries, &config_name).bytes).expect("JSON");
    change(&mut config);
    // As whoever writes it in good order would, with keys sorted.
    config.sort_all_objects();
    // Who names the configuration is written anew, then who names that.
    replace(&mut entries, &config_name, serde_json::to_vec(&config).expect("JSON that prints"), &[&image_name]);
    let image = entry(&entries, &image_name).bytes.clone();
    replace(&mut entries, &image_name, image, &["index.json"]);
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    written(&entries)
}

fn blob_name(digest: &str) -> String {
    digest.replace("sha256:", "blobs/sha256/")
}

fn entry<'a>(entries: &'a [Entry], name: &str) -> &'a Entry {
    entries.iter().find(|entry| entry.name == name).expect("the entry")
}

/// Gives a blob new bytes and its new name, and tells those that name it.
fn replace(entries: &mut [Entry], name: &str, bytes: Vec<u8>, namers: &[&str]) {
    let (old, new) = (name.trim_start_matches("blobs/sha256/").to_owned(), Digest::of(&bytes).hex());
    for namer in namers {
        let namer = entries.iter_mut().find(|entry| entry.name == *namer).expect("the entry");
        let mut document: Value = serde_json::from_slice(&namer.bytes).expect("JSON");
        rename(&mut document, &old, &new, bytes.len());
        namer.bytes = serde_json::to_vec(&document).expect("JSON that prints");
    }
    let blob = entries.iter_mut().find(|entry| entry.name == name).expect("the entry");
    blob.bytes = bytes;
    blob.name = format!("blobs/sha256/{new}");
}

/// Replaces a digest wherever a document has it, with the size beside it.
fn rename(document: &mut Value, old: &str, new: &str, size: usize) {
    match document {
        Value::Object(fields) => {
            let named = fields.get("digest").and_then(Value::as_str).is_some_and(|digest| digest.ends_with(old));
            if named && let Some(slot) = fields.get_mut("size") {
                *slot = size.into();
            }
            fields.values_mut().for_each(|value| rename(value, old, new, size));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| rename(value, old, new, size)),
        Value::String(text) if text.ends_with(old) => *text = format!("sha256:{new}"),
        _ => {}
    }
}
