//! Releases on disk survive crashes, damage and sweeps.

#![expect(clippy::unwrap_used, reason = "what helps a test may fail as loudly as the test")]

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use troupe_core::{Code, Digest, Rubbish};
use troupe_package::{Manifest, Parts, Profile, Release};
use troupe_registry::{Holds, IndexEntry, Layout};

fn release(name: &str, component: &[u8]) -> Release {
    let manifest = json!({ "name": name, "version": "1.2.0+b.1", "summary": "Does it" });
    let skill = json!({ "name": "run", "description": "Runs.", "input": {}, "output": {} });
    let profile = json!({ "profile": 1, "summary": "Does it", "skills": [skill] });
    Release {
        manifest: Manifest::from_json(manifest.to_string().as_bytes()).unwrap(),
        profile: Profile::parse(&profile.to_string()).unwrap(),
        component: component.to_vec(),
    }
}

fn layout() -> (TempDir, Layout) {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout::open(&dir.path().join("releases")).unwrap();
    (dir, layout)
}

fn blobs(dir: &TempDir) -> PathBuf {
    dir.path().join("releases/blobs/sha256")
}

fn names(dir: &Path) -> HashSet<String> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn component_path(dir: &TempDir, digest: &Digest) -> PathBuf {
    let manifest = fs::read(blobs(dir).join(digest.hex())).unwrap();
    blobs(dir).join(Parts::read(&manifest).unwrap().component.digest.hex())
}

#[test]
fn what_is_put_can_be_got_also_after_opening_again() {
    let (dir, layout) = layout();
    let digest = layout.put(&release("aws", b"one")).unwrap();
    assert_eq!(digest, release("aws", b"one").image().unwrap().digest());
    drop(layout);
    let layout = Layout::open(&dir.path().join("releases")).unwrap();
    assert_eq!(layout.get(&digest).unwrap(), release("aws", b"one"));
    assert_eq!(layout.component(&digest).unwrap(), b"one");
}

#[test]
fn what_was_never_put_is_not_found() {
    let (_dir, layout) = layout();
    assert_eq!(layout.get(&Digest::of(b"x")).unwrap_err().code, Code::ReleaseNotFound);
    assert_eq!(layout.component(&Digest::of(b"x")).unwrap_err().code, Code::ReleaseNotFound);
}

#[test]
fn putting_twice_changes_nothing() {
    let (dir, layout) = layout();
    let digest = layout.put(&release("aws", b"one")).unwrap();
    let modified = || fs::metadata(component_path(&dir, &digest)).unwrap().modified().unwrap();
    let (before, first) = (names(&blobs(&dir)), modified());
    assert_eq!(layout.put(&release("aws", b"one")).unwrap(), digest);
    assert_eq!(names(&blobs(&dir)), before);
    assert_eq!(modified(), first);
}

#[test]
fn a_component_that_releases_share_is_stored_once() {
    let (dir, layout) = layout();
    let one = layout.put(&release("aws", b"same")).unwrap();
    let count = names(&blobs(&dir)).len();
    let two = layout.put(&release("gcp", b"same")).unwrap();
    assert_eq!(component_path(&dir, &one), component_path(&dir, &two));
    // Image manifest and configuration are new, the component is shared.
    assert_eq!(names(&blobs(&dir)).len(), count + 2);
}

#[test]
fn a_damaged_blob_is_refused_and_mended_by_putting_again() {
    let (dir, layout) = layout();
    let digest = layout.put(&release("aws", b"one")).unwrap();
    for damage in [b"two".as_slice(), b"", b"one and more"] {
        fs::write(component_path(&dir, &digest), damage).unwrap();
        assert_eq!(layout.get(&digest).unwrap_err().code, Code::ArtifactDigest);
        assert_eq!(layout.component(&digest).unwrap_err().code, Code::ArtifactDigest);
        layout.put(&release("aws", b"one")).unwrap();
        assert_eq!(layout.get(&digest).unwrap(), release("aws", b"one"));
    }
    fs::remove_file(component_path(&dir, &digest)).unwrap();
    assert_eq!(layout.get(&digest).unwrap_err().code, Code::ArtifactDigest);
}

#[test]
fn a_damaged_image_manifest_is_refused() {
    let (dir, layout) = layout();
    let digest = layout.put(&release("aws", b"one")).unwrap();
    fs::write(blobs(&dir).join(digest.hex()), b"{}").unwrap();
    assert_eq!(layout.get(&digest).unwrap_err().code, Code::ArtifactDigest);
}

#[test]
fn a_left_over_file_is_never_visible_and_swept() {
    let (dir, layout) = layout();
    let digest = layout.put(&release("aws", b"one")).unwrap();
    fs::write(blobs(&dir).join(".tmp-abc"), b"half of a bl").unwrap();
    fs::write(dir.path().join("releases/.tmp-def"), b"half of an in").unwrap();
    assert_eq!(layout.get(&digest).unwrap(), release("aws", b"one"));
    assert_eq!(layout.sweep(&HashSet::from([digest]), Holds::All).unwrap().files, 2);
    assert!(names(&blobs(&dir)).iter().all(|name| !name.starts_with(".tmp-")));
    assert_eq!(names(&dir.path().join("releases")).len(), 3);
}

#[test]
fn a_sweep_leaves_what_kept_releases_need_and_nothing_else() {
    let (dir, layout) = layout();
    let kept = layout.put(&release("aws", b"same")).unwrap();
    let before = names(&blobs(&dir));
    let shares = layout.put(&release("gcp", b"same")).unwrap();
    let alone = layout.put(&release("tutorial", b"other")).unwrap();
    // Of each: image manifest and configuration; and one component.
    let keep = HashSet::from([kept]);
    let rubbish = layout.rubbish(&keep, Holds::All).unwrap();
    assert_eq!((rubbish.files, names(&blobs(&dir)).len()), (5, before.len() + 5), "nothing is removed to tell it");
    assert_eq!(layout.sweep(&keep, Holds::All).unwrap(), rubbish);
    assert_eq!(names(&blobs(&dir)), before);
    assert_eq!(layout.get(&kept).unwrap(), release("aws", b"same"));
    for gone in [shares, alone] {
        assert_eq!(layout.get(&gone).unwrap_err().code, Code::ReleaseNotFound);
    }
    assert_eq!(layout.sweep(&keep, Holds::All).unwrap(), Rubbish::default());
}

#[test]
fn a_sweep_that_cannot_tell_what_is_needed_removes_nothing() {
    let (dir, layout) = layout();
    let digest = layout.put(&release("aws", b"one")).unwrap();
    let before = names(&blobs(&dir));
    let unknown = Digest::of(b"x");
    assert_eq!(layout.sweep(&HashSet::from([digest, unknown]), Holds::All).unwrap_err().code, Code::ReleaseNotFound);
    assert_eq!(names(&blobs(&dir)), before);
}

#[test]
fn what_another_host_may_have_keeps_no_sweep_and_what_is_damaged_does() {
    let (dir, layout) = layout();
    let kept = layout.put(&release("aws", b"one")).unwrap();
    let before = names(&blobs(&dir));
    layout.put(&release("gcp", b"two")).unwrap();
    let keep = HashSet::from([kept, Digest::of(b"elsewhere")]);
    let rubbish = layout.rubbish(&keep, Holds::Some).unwrap();
    assert_eq!(layout.sweep(&keep, Holds::Some).unwrap(), rubbish);
    assert_eq!(names(&blobs(&dir)), before);
    fs::write(blobs(&dir).join(kept.hex()), b"{}").unwrap();
    assert_eq!(layout.sweep(&keep, Holds::Some).unwrap_err().code, Code::ArtifactDigest);
}

#[test]
fn the_index_names_releases_by_tenant_and_tag() {
    let (dir, layout) = layout();
    let read =
        || -> Value { serde_json::from_slice(&fs::read(dir.path().join("releases/index.json")).unwrap()).unwrap() };
    assert_eq!(read()["manifests"], json!([]));
    let digest = layout.put(&release("aws", b"one")).unwrap();
    let entry = |tenant: &str| IndexEntry {
        tenant: tenant.parse().unwrap(),
        release: release("aws", b"one").manifest.release(),
        digest,
    };
    layout.write_index(&[entry("default"), entry("acme")], Holds::All).unwrap();
    let size = fs::metadata(blobs(&dir).join(digest.hex())).unwrap().len();
    let manifest = |tag: &str| {
        json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest.to_string(), "size": size,
            "annotations": { "org.opencontainers.image.ref.name": tag },
        })
    };
    assert_eq!(read()["manifests"], json!([manifest("acme/aws:1.2.0_b.1"), manifest("default/aws:1.2.0_b.1")]));
    layout.write_index(&[], Holds::All).unwrap();
    assert_eq!(read()["manifests"], json!([]));
    assert_eq!(
        fs::read_to_string(dir.path().join("releases/oci-layout")).unwrap(),
        r#"{"imageLayoutVersion":"1.0.0"}"#
    );
}

#[test]
fn directories_are_the_owners_alone() {
    let (dir, _layout) = layout();
    for path in [dir.path().join("releases"), blobs(&dir)] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[test]
fn a_directory_that_cannot_be_used_is_refused_when_opened() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), b"").unwrap();
    assert_eq!(Layout::open(&dir.path().join("file/releases")).unwrap_err().code, Code::DataDirUnusable);
    fs::write(dir.path().join("oci-layout"), br#"{"imageLayoutVersion":"9.0.0"}"#).unwrap();
    assert_eq!(Layout::open(dir.path()).unwrap_err().code, Code::DataDirUnusable);
}

#[test]
fn a_disk_that_refuses_is_unavailable_and_not_a_wrong_release() {
    let (dir, layout) = layout();
    fs::remove_dir_all(blobs(&dir)).unwrap();
    let error = layout.put(&release("aws", b"one")).unwrap_err();
    assert_eq!((error.code, error.retryable), (Code::UnavailableStorage, true));
}

#[test]
fn releases_put_at_once_do_not_disturb_each_other() {
    let (_dir, layout) = layout();
    let digests: Vec<_> = std::thread::scope(|scope| {
        let put = |name: &'static str| {
            let layout = &layout;
            scope.spawn(move || layout.put(&release(name, b"same")).unwrap())
        };
        let handles: Vec<_> = ["a", "b", "c", "a", "b", "c"].map(put).into();
        handles.into_iter().map(|handle| handle.join().unwrap()).collect()
    });
    for digest in digests {
        assert_eq!(layout.component(&digest).unwrap(), b"same");
    }
}
