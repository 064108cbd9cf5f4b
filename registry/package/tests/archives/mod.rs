//! Archives that mean harm.

use std::io::{self, Read};

use tar::{Builder, EntryType, Header};
use troupe_core::{Code, limits};
use troupe_package::read_archive;

use super::{archive, sample};

/// An honest archive's entries with `more` before them.
fn with(more: impl FnOnce(&mut Builder<Vec<u8>>)) -> Vec<u8> {
    let honest = archive(&sample());
    let mut builder = Builder::new(Vec::new());
    more(&mut builder);
    let mut archive = tar::Archive::new(honest.as_slice());
    for entry in archive.entries().unwrap() {
        let entry = entry.unwrap();
        let header = entry.header().clone();
        builder.append(&header, entry).unwrap();
    }
    builder.into_inner().unwrap()
}

/// Adds an entry whose name is written as it is, without the tar crate's own checks.
fn entry(builder: &mut Builder<Vec<u8>>, name: &str, kind: EntryType, bytes: &[u8]) {
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    builder.append(&header, bytes).unwrap();
}

fn code(bytes: &[u8]) -> Code {
    read_archive(bytes).unwrap_err().code
}

#[test]
fn h94_paths_outside_the_layout_or_in_another_case_are_refused() {
    for name in [
        "../etc/passwd",
        "/etc/passwd",
        "./oci-layout",
        "OCI-LAYOUT",
        "blobs/sha256/../../oci-layout",
        "blobs/sha256/00",
        "blobs/sha512/00",
        "index.json/",
        "README",
        "",
    ] {
        assert_eq!(code(&with(|b| entry(b, name, EntryType::Regular, b"x"))), Code::ArtifactPath, "{name:?}");
    }
    let upper = format!("blobs/sha256/{}", "AB".repeat(32));
    assert_eq!(code(&with(|b| entry(b, &upper, EntryType::Regular, b"x"))), Code::ArtifactPath);
}

#[test]
fn h94_links_hard_or_symbolic_devices_and_fifos_are_refused() {
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Char,
        EntryType::Block,
        EntryType::Fifo,
        EntryType::Directory,
        EntryType::GNULongName,
        EntryType::XHeader,
        EntryType::XGlobalHeader,
        EntryType::GNUSparse,
        EntryType::Continuous,
    ] {
        assert_eq!(code(&with(|b| entry(b, "oci-layout", kind, b""))), Code::ArtifactPath, "{kind:?}");
    }
}

#[test]
fn directories_that_other_tools_list_are_passed_over() {
    let bytes = with(|b| {
        entry(b, "blobs/", EntryType::Directory, b"");
        entry(b, "blobs/sha256/", EntryType::Directory, b"");
    });
    assert_eq!(read_archive(bytes.as_slice()).unwrap().release, sample());
}

#[test]
fn h94_a_file_stands_in_an_archive_once() {
    let layout = br#"{"imageLayoutVersion":"1.0.0"}"#;
    assert_eq!(code(&with(|b| entry(b, "oci-layout", EntryType::Regular, layout))), Code::ArtifactPath);
}

#[test]
fn a_blob_under_another_name_is_refused() {
    let name = format!("blobs/sha256/{}", "ab".repeat(32));
    assert_eq!(code(&with(|b| entry(b, &name, EntryType::Regular, b"x"))), Code::ArtifactDigest);
}

#[test]
fn a_blob_that_nothing_names_is_refused() {
    let name = format!("blobs/sha256/{}", troupe_core::Digest::of(b"x").hex());
    assert_eq!(code(&with(|b| entry(b, &name, EntryType::Regular, b"x"))), Code::ArtifactMalformed);
}

#[test]
fn more_entries_than_a_release_can_have_are_refused() {
    let many = with(|b| (0..limits::ARCHIVE_ENTRIES_MAX).for_each(|_| entry(b, "blobs/", EntryType::Directory, b"")));
    assert_eq!(code(&many), Code::ArtifactMalformed);
}

#[test]
fn bytes_after_the_end_are_refused() {
    let mut bytes = archive(&sample());
    bytes.extend_from_slice(&[0; 8_192]);
    assert!(read_archive(bytes.as_slice()).is_ok(), "tar pads with zeros");
    bytes.push(1);
    assert_eq!(code(&bytes), Code::ArtifactMalformed);
}

/// Counts what is read of an archive that never ends.
struct Endless {
    head: io::Cursor<Vec<u8>>,
    count: u64,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut count = self.head.read(buffer)?;
        if count == 0 {
            buffer.fill(0);
            count = buffer.len();
        }
        self.count += count as u64;
        Ok(count)
    }
}

#[test]
fn an_archive_that_never_ends_is_read_to_the_limit_and_one_byte() {
    let mut endless = Endless { head: io::Cursor::new(archive(&sample())), count: 0 };
    assert_eq!(read_archive(&mut endless).unwrap_err().code, Code::ArtifactSize);
    assert_eq!(endless.count, limits::ARCHIVE_BYTES_MAX + 1);
}

#[test]
fn an_entry_larger_than_its_kind_allows_is_refused_before_it_is_read() {
    let mut bytes = Vec::new();
    let mut header = Header::new_gnu();
    header.set_path("index.json").unwrap();
    header.set_entry_type(EntryType::Regular);
    header.set_size(u64::MAX / 2);
    header.set_cksum();
    bytes.extend_from_slice(header.as_bytes());
    assert_eq!(code(&bytes), Code::ArtifactSize);
}
