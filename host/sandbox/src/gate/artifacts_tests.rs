use std::sync::Arc;

use async_trait::async_trait;
use tempfile::TempDir;
use troupe_core::clock::ManualClock;
use troupe_core::grant::ArtifactsGrant;
use troupe_core::view::ArtifactView;
use troupe_core::{Effect, KeySpace, Timestamp};

use super::super::{Entry, JournalRow, Record, Recording, References, Source};
use super::*;
use crate::clock::GuestClock;
use crate::gate::Matching;
use crate::port::{Ledger, NoLedger, StateChange, StateOutcome};

type Rows = Arc<std::sync::Mutex<Vec<JournalRow>>>;

const SEED: [u8; 32] = [7; 32];

/// A ledger that keeps artefacts on a disk and rows in memory.
struct Keeping(Rows, Artifacts);

#[async_trait]
impl Ledger for Keeping {
    async fn get(&mut self, space: KeySpace, key: &str) -> Outcome<Option<Entry>> {
        NoLedger.get(space, key).await
    }

    async fn list(&mut self, space: KeySpace, prefix: &str, after: Option<&str>, limit: u32) -> Outcome<Vec<String>> {
        NoLedger.list(space, prefix, after, limit).await
    }

    async fn write(&mut self, rows: Vec<JournalRow>, row: JournalRow, change: StateChange) -> Outcome<StateOutcome> {
        NoLedger.write(rows, row, change).await
    }

    async fn artifact(
        &mut self,
        rows: Vec<JournalRow>,
        mut row: JournalRow,
        new: NewArtifact,
    ) -> Outcome<ArtifactOutcome> {
        let NewArtifact { name, media_type, draft } = new;
        let kept = ArtifactView {
            name,
            media_type,
            size: draft.size(),
            digest: draft.digest(),
            created_at: Timestamp::from_millis(0),
        };
        let synced = draft.synced()?;
        let leave = self.1.keeping().await;
        self.1.keep(synced, &leave)?;
        let outcome = ArtifactOutcome::Kept(kept);
        row.answer = Answer::of_artifact(&outcome).encode();
        self.0.lock().unwrap().extend(rows.into_iter().chain([row]));
        Ok(outcome)
    }
}

struct Home {
    dir: TempDir,
    artifacts: Artifacts,
    rows: Rows,
}

impl Home {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::open(dir.path()).unwrap();
        Self { dir, artifacts, rows: Rows::default() }
    }

    fn gate(&self, grants: Grants, recording: Option<Recording>) -> Gate {
        let start = Timestamp::from_millis(0);
        let ledger = Box::new(Keeping(Arc::clone(&self.rows), self.artifacts.clone()));
        let (clock, guest_clock) = (Arc::new(ManualClock::new(start)), GuestClock::new(start));
        let references = References::new(SEED);
        Gate::new(grants.into(), Effect::Read, ledger, clock, guest_clock, references, recording)
            .with_artifacts(Some(self.artifacts.clone()))
    }

    /// How many are being written.
    fn unfinished(&self) -> usize {
        std::fs::read_dir(self.dir.path().join("unfinished")).unwrap().count()
    }
}

fn grants(bytes: u64, count: u32) -> Grants {
    Grants { artifacts: Some(ArtifactsGrant { bytes, count }), ..Grants::default() }
}

async fn create(gate: &Gate, name: &str) -> Result<Writing, Answer> {
    let call = ArtifactsCall::Create { name: name.to_owned(), media_type: "text/plain".to_owned() };
    match gate.pass(Call::Artifacts(call)).await.unwrap() {
        Answer::Artifacts(ArtifactsAnswer::Created) => {
            Ok(gate.begin_artifact(name.to_owned(), "text/plain".to_owned()).await.unwrap())
        }
        other => Err(other),
    }
}

async fn write(gate: &Gate, writing: &mut Writing, text: &str) -> Option<Answer> {
    gate.write_artifact(writing, text.as_bytes().to_vec()).await.unwrap()
}

fn finished(text: &str) -> Answer {
    let (size, digest) = (text.len() as u64, Digest::of(text.as_bytes()));
    Answer::Artifacts(ArtifactsAnswer::Finished { size, digest })
}

fn limit(answer: Option<Answer>) -> (String, u64) {
    match answer {
        Some(Answer::Limit { code, maximum, .. }) => (code, maximum),
        other => panic!("{other:?}"),
    }
}

/// Leaves `one` and then a second, of which only half is written in `pieces`.
async fn leaves(gate: &Gate) -> Writing {
    let mut one = create(gate, "one").await.unwrap();
    assert_eq!(write(gate, &mut one, "a").await, None);
    assert_eq!(write(gate, &mut one, "b").await, None);
    assert_eq!(gate.finish_artifact(one).await.unwrap(), finished("ab"));
    let mut two = create(gate, "two").await.unwrap();
    assert_eq!(write(gate, &mut two, "c").await, None);
    two
}

#[tokio::test]
async fn nothing_is_left_without_a_grant_and_no_more_than_it_says() {
    let home = Home::new();
    let none = home.gate(Grants::default(), None);
    assert!(matches!(create(&none, "a").await, Err(Answer::Denied { .. })));

    let gate = home.gate(grants(4, 2), None);
    for bad in ["", "../a", "a/b", ".a"] {
        assert!(matches!(create(&gate, bad).await, Err(Answer::Invalid(_))), "{bad}");
    }
    let mut one = create(&gate, "one").await.unwrap();
    assert!(matches!(create(&gate, "one").await, Err(Answer::Invalid(_))));
    let mut two = create(&gate, "two").await.unwrap();
    assert_eq!(limit(create(&gate, "three").await.err()), ("limit.artifacts".to_owned(), 2));
    assert_eq!(write(&gate, &mut one, "abc").await, None);
    assert_eq!(limit(write(&gate, &mut two, "de").await), ("limit.artifacts".to_owned(), 4));
    // What was refused is not in it, and what is let go of gives its room back.
    assert_eq!(write(&gate, &mut two, "d").await, None);
    assert_eq!(gate.finish_artifact(two).await.unwrap(), finished("d"));
    gate.let_go_of_artifact(&one);
    drop(one);
    assert_eq!(home.unfinished(), 0);
    let mut three = create(&gate, "three").await.unwrap();
    assert_eq!(write(&gate, &mut three, "efg").await, None);
    let most = limits::ARTIFACT_PIECE_BYTES_MAX;
    assert_eq!(limit(write(&gate, &mut three, &"x".repeat(most + 1)).await).1, most as u64);
}

#[tokio::test]
async fn pieces_that_were_taken_have_no_row_and_a_resumed_guest_hands_them_over_again() {
    let home = Home::new();
    let gate = home.gate(grants(100, 2), None);
    let mut two = leaves(&gate).await;
    // Everything up to the finish of the first is on record; what came after it died with its host.
    let rows = home.rows.lock().unwrap().clone();
    assert_eq!(rows.iter().map(|row| row.number).collect::<Vec<_>>(), [1, 4]);
    assert!(rows.iter().all(|row| !row.write || row.number == 4));
    assert_eq!(write(&gate, &mut two, "d").await, None);
    drop((gate, two));
    assert_eq!(home.unfinished(), 0);

    // Grants that were cut meanwhile are asked for what is new alone.
    let resumed = home.gate(grants(3, 2), Some(Recording::new(rows, Then::GoOn)));
    let mut two = leaves(&resumed).await;
    assert_eq!(limit(write(&resumed, &mut two, "d").await).1, 3);
    assert_eq!(resumed.finish_artifact(two).await.unwrap(), finished("c"));
    assert_eq!(home.artifacts.digests().unwrap().len(), 2);
    let rows = home.rows.lock().unwrap().clone();
    assert_eq!(rows.iter().map(|row| row.number).collect::<Vec<_>>(), [1, 4, 5, 7, 8], "none twice");
}

#[tokio::test]
async fn a_replay_writes_nothing_and_is_told_what_was_refused() {
    let home = Home::new();
    let gate = home.gate(grants(3, 2), None);
    let mut two = leaves(&gate).await;
    assert_eq!(limit(write(&gate, &mut two, "d").await).1, 3);
    gate.finish_artifact(two).await.unwrap();
    let rows = home.rows.lock().unwrap().clone();
    let kept = rows.len();

    let replayed = home.gate(Grants::default(), Some(Recording::new(rows.clone(), Then::Stop)));
    let mut two = leaves(&replayed).await;
    assert_eq!(home.unfinished(), 0);
    assert_eq!(limit(write(&replayed, &mut two, "d").await).1, 3);
    assert_eq!(replayed.finish_artifact(two).await.unwrap(), finished("c"));
    assert_eq!(home.rows.lock().unwrap().len(), kept);

    // Another content is another call.
    let replayed = home.gate(Grants::default(), Some(Recording::new(rows, Then::Stop)));
    let mut one = create(&replayed, "one").await.unwrap();
    write(&replayed, &mut one, "a").await;
    write(&replayed, &mut one, "x").await;
    assert_eq!(replayed.finish_artifact(one).await.unwrap_err().code, Code::ReplayDiverged);
}

#[tokio::test]
async fn a_release_that_is_tried_leaves_nothing_and_what_it_would_leave_is_compared() {
    let home = Home::new();
    let gate = home.gate(grants(100, 2), None);
    drop(leaves(&gate).await);
    let rows = home.rows.lock().unwrap().clone();
    let (kept, record) = (rows.len(), Record::new(&rows, &SEED).unwrap());
    for (text, source) in [("b", Source::Record), ("x", Source::Seed)] {
        let matching = Arc::new(Matching::new(&record));
        let tried = home.gate(grants(100, 2), Some(Recording::matching(Arc::clone(&matching))));
        let mut one = create(&tried, "one").await.unwrap();
        write(&tried, &mut one, "a").await;
        write(&tried, &mut one, text).await;
        assert_eq!(tried.finish_artifact(one).await.unwrap(), finished(&format!("a{text}")));
        let made = matching.matched().made;
        assert_eq!((made.len(), made[1].source, made[1].write), (2, source, false));
        assert_eq!((home.unfinished(), home.artifacts.digests().unwrap().len()), (0, 1));
        assert_eq!(home.rows.lock().unwrap().len(), kept);
    }
}

#[tokio::test]
async fn an_artefact_that_a_host_cannot_write_is_unavailable() {
    let home = Home::new();
    let gate = home.gate(grants(100, 2), None);
    let mut one = create(&gate, "one").await.unwrap();
    one.draft.lose();
    assert!(matches!(write(&gate, &mut one, "a").await, Some(Answer::Unavailable(_))));
    assert!(matches!(gate.finish_artifact(one).await.unwrap(), Answer::Unavailable(_)));
    assert!(home.artifacts.digests().unwrap().is_empty());
}
