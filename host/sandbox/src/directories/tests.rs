use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use troupe_core::SystemClock;
use troupe_core::grant::Access;

use super::*;

struct Home {
    dir: TempDir,
    directories: Directories,
}

impl Home {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        fs::create_dir(dir.path().join("data")).unwrap();
        let directories = Directories::new(dir.path().join("data"), Arc::new(SystemClock));
        Self { dir, directories }
    }

    fn open(&self, tenant: &str, path: Place) -> Result<Arc<Directory>, Fault> {
        let grant = FilesGrant { name: "work".into(), access: Access::ReadWrite, bytes: 1 << 20, files: 100, path };
        self.directories.of(tenant.parse().unwrap(), "agent".parse().unwrap()).open(&grant)
    }
}

fn at(path: &str) -> FilePath {
    FilePath::inside(path).unwrap()
}

const WIDE: Quota = Quota { bytes: 1 << 20, files: 100 };

fn read(directory: &Directory, path: &str) -> Option<Vec<u8>> {
    directory.read(&at(path), 0, 1 << 20).unwrap().map(|piece| piece.bytes)
}

#[test]
fn directories_of_agents_are_apart_and_each_is_opened_once() {
    let home = Home::new();
    let mine = home.open("acme", Place::Own).unwrap();
    mine.write(&at("a/b"), b"mine", WIDE).unwrap();
    let again = home.open("acme", Place::Anywhere).unwrap();
    assert!(Arc::ptr_eq(&mine, &again));
    let other = home.open("other", Place::Own).unwrap();
    assert_eq!((read(&mine, "a/b").as_deref(), read(&other, "a/b")), (Some(&b"mine"[..]), None));
    // What has taken the place of an open directory is nobody's way out.
    let (work, aside) = (home.dir.path().join("data/files/acme/agent/work"), home.dir.path().join("aside"));
    fs::rename(&work, &aside).unwrap();
    symlink("/", &work).unwrap();
    mine.write(&at("c"), b"still here", WIDE).unwrap();
    assert_eq!(fs::read(aside.join("c")).unwrap(), b"still here");
}

/// Leaves an unfinished file that was written so many minutes ago.
fn leave(path: &Path, minutes: u64) {
    fs::write(path, [0; 1000]).unwrap();
    let now = Duration::from_millis(SystemClock.now().as_millis().unsigned_abs());
    let then = SystemTime::UNIX_EPOCH + now - Duration::from_secs(minutes * 60);
    fs::File::options().write(true).open(path).unwrap().set_modified(then).unwrap();
}

#[test]
fn what_a_dead_host_left_unfinished_is_removed_and_the_rest_is_counted() {
    let home = Home::new();
    let first = home.open("acme", Place::Own).unwrap();
    first.write(&at("a/b"), &[0; 10], WIDE).unwrap();
    let work = home.dir.path().join("data/files/acme/agent/work");
    leave(&work.join("a/.troupe-0"), 0);
    fs::write(work.join("c"), [0; 5]).unwrap();
    symlink("/", work.join("link")).unwrap();
    let next = Directories::new(home.dir.path().join("data"), Arc::new(SystemClock));
    let home = Home { directories: next, ..home };
    let second = home.open("acme", Place::Own).unwrap();
    assert_eq!(second.count().unwrap(), usage::Usage { bytes: 15, files: 4 });
    assert!(!work.join("a/.troupe-0").exists());
    // 15 bytes are there; the file of 10 may become one of 11, no more.
    let quota = Quota { bytes: 16, files: 4 };
    second.write(&at("a/b"), &[0; 11], quota).unwrap();
    assert!(matches!(second.write(&at("a/b"), &[0; 12], quota), Err(Fault::Full(16, _))));
    assert!(matches!(second.write(&at("d"), b"", quota), Err(Fault::Full(4, _))));
}

#[test]
fn what_another_host_may_be_writing_in_a_directory_of_the_machine_is_left_alone() {
    let home = Home::new();
    let place = home.dir.path().canonicalize().unwrap().join("free");
    fs::create_dir(&place).unwrap();
    leave(&place.join(".troupe-0"), 11);
    leave(&place.join(".troupe-1"), 9);
    let directory = home.open("acme", Place::At(place.display().to_string())).unwrap();
    assert_eq!(directory.count().unwrap(), usage::Usage { bytes: 0, files: 0 });
    assert!(!place.join(".troupe-0").exists() && place.join(".troupe-1").exists());
}

#[test]
fn a_list_is_the_first_names_after_one_however_many_there_are() {
    let home = Home::new();
    let directory = home.open("acme", Place::Own).unwrap();
    for name in ["d", "b", "e", "a", "c/x"] {
        directory.write(&at(name), b"12", WIDE).unwrap();
    }
    symlink("/", home.dir.path().join("data/files/acme/agent/work").join("aa")).unwrap();
    let list = |after: Option<&str>, limit: usize| {
        let items = directory.list(&FilePath::directory("").unwrap(), after, limit).unwrap().unwrap();
        items.into_iter().map(|item| format!("{} {}", item.name, item.size)).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(list(None, 9), "a 2, b 2, c 0, d 2, e 2");
    assert_eq!(list(None, 3), "a 2, b 2, c 0");
    assert_eq!(
        (list(Some("b"), 2), list(Some("e"), 2), list(None, 0)),
        ("c 0, d 2".into(), String::new(), String::new())
    );
}

#[test]
fn a_directory_in_use_is_not_opened_a_second_time_when_it_is_granted_again() {
    let home = Home::new();
    let place = home.dir.path().canonicalize().unwrap().join("free");
    fs::create_dir(&place).unwrap();
    let path = || Place::At(place.display().to_string());
    let granted = Grants {
        files: vec![FilesGrant { name: "work".into(), access: Access::Read, bytes: 1, files: 1, path: path() }],
        ..Grants::default()
    };
    let held = home.open("acme", path()).unwrap();
    home.directories.check(&granted).unwrap();
    assert!(Arc::ptr_eq(&held, &home.open("acme", path()).unwrap()));
    // Once nobody uses it, what has come to lie there is opened.
    drop(held);
    fs::rename(&place, place.with_file_name("aside")).unwrap();
    fs::create_dir(&place).unwrap();
    fs::write(place.join("new"), b"").unwrap();
    home.directories.check(&granted).unwrap();
    assert_eq!(read(&home.open("acme", path()).unwrap(), "new").as_deref(), Some(&b""[..]));
}

#[test]
fn a_full_directory_under_a_smaller_quota_can_shrink() {
    let home = Home::new();
    let directory = home.open("acme", Place::Own).unwrap();
    directory.write(&at("a"), &[0; 100], WIDE).unwrap();
    directory.write(&at("b"), &[0; 100], WIDE).unwrap();
    let small = Quota { bytes: 10, files: 1 };
    assert!(matches!(directory.write(&at("a"), &[0; 101], small), Err(Fault::Full(10, _))));
    directory.write(&at("a"), &[0; 99], small).unwrap();
    assert!(directory.delete(&at("b")).unwrap() && !directory.delete(&at("b")).unwrap());
}

#[test]
fn a_disk_keeps_room_for_the_host() {
    let home = Home::new();
    let directory = home.open("acme", Place::Own).unwrap();
    assert!(matches!(write::reserve(&directory.root, u64::MAX), Err(Fault::Unavailable(_))));
    write::reserve(&directory.root, 0).unwrap();
}

#[test]
fn a_version_changes_with_every_replacement() {
    let home = Home::new();
    let directory = home.open("acme", Place::Own).unwrap();
    let mut versions = std::collections::HashSet::new();
    for _ in 0..50 {
        directory.write(&at("a"), b"same", WIDE).unwrap();
        versions.insert(directory.stat(&at("a")).unwrap().unwrap().version);
    }
    assert_eq!(versions.len(), 50);
    let piece = directory.read(&at("a"), 2, 10).unwrap().unwrap();
    assert_eq!((piece.bytes.as_slice(), piece.size), (&b"me"[..], 4));
    assert_eq!(directory.read(&at("a"), u64::MAX, 10).unwrap().unwrap().bytes, b"");
    assert!(versions.contains(&piece.version));
}

#[test]
fn a_grant_names_a_place_that_is_there_and_apart_from_the_hosts_own() {
    let home = Home::new();
    let real = home.dir.path().canonicalize().unwrap();
    fs::create_dir(real.join("free")).unwrap();
    symlink(real.join("free"), real.join("link")).unwrap();
    let check = |path: PathBuf| {
        let path = Place::At(path.to_str().unwrap().to_owned());
        let grant = FilesGrant { name: "work".into(), access: Access::Read, bytes: 1, files: 1, path };
        home.directories.check(&Grants { files: vec![grant], ..Grants::default() }).map_err(|error| error.message)
    };
    check(real.join("free")).unwrap();
    for (path, why) in [
        (real.join("link"), "symbolic link"),
        (real.join("nothing"), "cannot be used"),
        (real.join("data"), "overlaps"),
        (real.clone(), "overlaps"),
        (PathBuf::from("/proc/self/fd"), ""),
        (PathBuf::from("/sys"), "view of the system"),
    ] {
        assert!(check(path).unwrap_err().contains(why));
    }
    assert!(matches!(
        home.open("acme", Place::At(real.join("link").display().to_string())),
        Err(Fault::Unavailable(_))
    ));
}
