use std::fs;
use std::path::Path;

use async_trait::async_trait;
use tempfile::TempDir;
use troupe_core::clock::ManualClock;
use troupe_core::grant::{Access, FilesGrant, Place, StateGrant};
use troupe_core::{KeySpace, SystemClock};

use super::super::{Call, JournalRow, Recording, References, Then};
use super::*;
use crate::clock::GuestClock;
use crate::directories::Directories;
use crate::port::{Ledger, NoLedger, StateChange, StateOutcome};

type Commits = Arc<std::sync::Mutex<Vec<Vec<JournalRow>>>>;

/// A ledger that keeps so many commits and then has lost its lease.
struct Keeping(Commits, usize);

#[async_trait]
impl Ledger for Keeping {
    async fn get(&mut self, space: KeySpace, key: &str) -> troupe_core::Result<Option<super::super::Entry>> {
        NoLedger.get(space, key).await
    }

    async fn list(
        &mut self,
        space: KeySpace,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> troupe_core::Result<Vec<String>> {
        NoLedger.list(space, prefix, after, limit).await
    }

    async fn write(
        &mut self,
        rows: Vec<JournalRow>,
        row: JournalRow,
        change: StateChange,
    ) -> troupe_core::Result<StateOutcome> {
        NoLedger.write(rows, row, change).await
    }

    async fn record(&mut self, rows: Vec<JournalRow>) -> troupe_core::Result<()> {
        let mut commits = self.0.lock().unwrap();
        if commits.len() >= self.1 {
            return Err(Error::new(Code::StaleEpoch, "the lease is lost"));
        }
        commits.push(rows);
        Ok(())
    }
}

fn grants(access: Access) -> Grants {
    let grant = FilesGrant { name: "work".into(), access, bytes: 100, files: 3, path: Place::Own };
    Grants { files: vec![grant], state: Some(StateGrant { bytes: 1, keys: 1, instances: false }), ..Grants::default() }
}

/// A gate over the data directory `home`, whose ledger keeps `commits_max` commits.
fn gate(home: &Path, grants: Grants, commits_max: usize, recording: Option<Recording>) -> (Gate, Commits) {
    let start = troupe_core::Timestamp::from_millis(0);
    let commits = Commits::default();
    let ledger = Box::new(Keeping(Arc::clone(&commits), commits_max));
    let directories =
        Directories::new(home, Arc::new(SystemClock)).of("acme".parse().unwrap(), "agent".parse().unwrap());
    let clock = Arc::new(ManualClock::new(start));
    let references = References::new([0; 32]);
    let guest_clock = GuestClock::new(start);
    let gate = Gate::new(grants.into(), Effect::Destructive, ledger, clock, guest_clock, references, recording)
        .with_directories(Some(directories));
    (gate, commits)
}

fn write(path: &str, text: &str) -> Call {
    let (directory, path) = ("work".to_owned(), path.to_owned());
    Call::Files(FilesCall::Write { directory, path, content: Content::new(text.as_bytes().to_vec()) })
}

fn kept(home: &Path, path: &str) -> Option<String> {
    fs::read_to_string(home.join("files/acme/agent/work").join(path)).ok()
}

#[tokio::test]
async fn a_write_commits_its_intent_before_and_its_result_after() {
    let home = TempDir::new().unwrap();
    let (gate, commits) = gate(home.path(), grants(Access::ReadWrite), 2, None);
    assert_eq!(gate.pass(write("a", "text")).await.unwrap(), Answer::Files(FilesAnswer::Written));
    let commits = commits.lock().unwrap().concat();
    let [intent, result] = commits.as_slice() else { panic!("two rows") };
    assert_eq!((intent.number, intent.write, intent.answer.as_slice()), (1, true, &b""[..]));
    assert_eq!((result.number, result.write, result.call.as_slice()), (1, true, &b""[..]));
    assert!(!String::from_utf8_lossy(&intent.call).contains("text"), "the journal keeps no content");
    assert_eq!(Call::decode(&intent.call).unwrap(), write("a", "text"));
    assert_ne!(Call::decode(&intent.call).unwrap(), write("a", "texts"));
    assert_eq!(kept(home.path(), "a").as_deref(), Some("text"));
}

#[tokio::test]
async fn nothing_is_written_whose_intent_is_not_in_the_journal() {
    let home = TempDir::new().unwrap();
    let (gate, _) = gate(home.path(), grants(Access::ReadWrite), 0, None);
    assert_eq!(gate.pass(write("a", "text")).await.unwrap_err().code, Code::StaleEpoch);
    assert_eq!(kept(home.path(), "a"), None);
}

#[tokio::test]
async fn a_write_whose_result_was_not_kept_is_made_again_by_who_resumes_and_not_by_a_replay() {
    let home = TempDir::new().unwrap();
    let (first, commits) = gate(home.path(), grants(Access::ReadWrite), 1, None);
    assert_eq!(first.pass(write("a", "text")).await.unwrap_err().code, Code::StaleEpoch);
    assert_eq!(kept(home.path(), "a").as_deref(), Some("text"));
    fs::remove_file(home.path().join("files/acme/agent/work").join("a")).unwrap();
    let rows = commits.lock().unwrap().concat();

    let (replayed, _) = gate(home.path(), Grants::default(), 0, Some(Recording::new(rows.clone(), Then::Stop)));
    assert_eq!(replayed.pass(write("a", "text")).await.unwrap_err().code, Code::ReplayEnded);
    assert_eq!(kept(home.path(), "a"), None);

    let recording = Recording::new(rows.clone(), Then::GoOn);
    let (other, _) = gate(home.path(), grants(Access::ReadWrite), 9, Some(recording));
    assert_eq!(other.pass(write("a", "other")).await.unwrap_err().code, Code::ReplayDiverged);

    let (resumed, commits) = gate(home.path(), grants(Access::ReadWrite), 9, Some(Recording::new(rows, Then::GoOn)));
    assert_eq!(resumed.pass(write("a", "text")).await.unwrap(), Answer::Files(FilesAnswer::Written));
    assert_eq!(kept(home.path(), "a").as_deref(), Some("text"));
    assert_eq!(commits.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn what_was_refused_is_no_write_in_the_journal() {
    let home = TempDir::new().unwrap();
    let (gate, commits) = gate(home.path(), grants(Access::ReadWrite), 9, None);
    let full = gate.pass(write("a", &"x".repeat(101))).await.unwrap();
    assert!(matches!(full, Answer::Limit { code, maximum: 100, .. } if code == "limit.storage"));
    let rows = commits.lock().unwrap().concat();
    assert_eq!(rows.iter().map(|row| row.write).collect::<Vec<_>>(), [true, false]);
    std::os::unix::fs::symlink("/", home.path().join("files/acme/agent/work").join("link")).unwrap();
    let denied = gate.pass(write("link", "")).await.unwrap();
    assert!(matches!(denied, Answer::Denied { code, .. } if code == "denied.path"));
    assert_eq!(gate.finish().await.denied, 1);
}

#[tokio::test]
async fn a_grant_for_reading_lets_nothing_be_written_or_deleted() {
    let home = TempDir::new().unwrap();
    let (gate, commits) = gate(home.path(), grants(Access::Read), 9, None);
    let (directory, path) = ("work".to_owned(), "a".to_owned());
    for call in [write("a", ""), Call::Files(FilesCall::Delete { directory, path })] {
        let answer = gate.pass(call).await.unwrap();
        assert!(matches!(answer, Answer::Denied { message, .. } if message.contains("for reading only")));
    }
    assert!(commits.lock().unwrap().is_empty());
}
