//! Tasks that end while nobody runs them: their rows are read before the writer has to.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use troupe_core::Clock as _;
use troupe_core::audit::AuditEntry;
use troupe_core::view::TaskStatus;
use troupe_store::{AuditFilter, Decided, Gather, JournalRow, Reading, Store, TaskRow};

use crate::support::{Home, OWNER, READING, denied, id, pending, pin, row, rows_only, tenant};

const A_WHILE: Duration = Duration::from_secs(20);

/// Whoever gathers says so at the first row, and goes on when told to.
struct Gate {
    begun: Sender<()>,
    go_on: Receiver<()>,
}

/// One for each test, since a gatherer is made by a plain function.
static WHILE_GATHERED: Mutex<Option<Gate>> = Mutex::new(None);
static RUN_MEANWHILE: Mutex<Option<Gate>> = Mutex::new(None);

struct Slow(&'static Mutex<Option<Gate>>, u64);

impl Gather for Slow {
    fn row(&mut self, row: &JournalRow) {
        self.1 += u64::from(row.call.starts_with(b"denied"));
        if let Some(gate) = self.0.lock().unwrap().take() {
            gate.begun.send(()).unwrap();
            gate.go_on.recv_timeout(A_WHILE).expect("somebody who goes on meanwhile");
        }
    }

    fn entries(self: Box<Self>) -> Vec<AuditEntry> {
        vec![denied(self.1)]
    }
}

fn name(call: &[u8]) -> String {
    String::from_utf8_lossy(call).into_owned()
}

/// The sides of whoever does something while rows are gathered.
fn gate(place: &'static Mutex<Option<Gate>>) -> (Receiver<()>, Sender<()>) {
    let ((begun, has_begun), (goes_on, go_on)) = (channel(), channel());
    *place.lock().unwrap() = Some(Gate { begun, go_on });
    (has_begun, goes_on)
}

fn denied_row(number: u64) -> JournalRow {
    JournalRow { call: format!("denied-{number}").into_bytes(), ..row(number, false) }
}

fn open_wait(number: u64) -> JournalRow {
    JournalRow { answer: None, ..row(number, false) }
}

async fn suspended(home: &Home, number: u64) {
    let pin = home.running(number).await;
    let rows = vec![denied_row(1), open_wait(2)];
    home.store.suspend(&pin, rows, home.clock.now(), Decided::default()).await.unwrap();
}

fn cancel(store: &Store, reading: Reading) -> tokio::task::JoinHandle<TaskRow> {
    let store = store.clone();
    tokio::spawn(async move { store.cancel_untold(&tenant(), id(1), reading).await.unwrap() })
}

async fn times_denied(store: &Store) -> Vec<u64> {
    let records = store.audit_records(&tenant(), &AuditFilter::default(), 0, 10, false).await.unwrap();
    records.iter().filter(|record| record.kind == "denied").map(|record| record.times).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_writes_go_on_while_the_rows_of_a_task_that_ends_are_read() {
    let home = Home::open().await;
    suspended(&home, 1).await;
    let (has_begun, goes_on) = gate(&WHILE_GATHERED);
    let cancelled = cancel(&home.store, Reading { name, gather: || Box::new(Slow(&WHILE_GATHERED, 0)) });
    has_begun.recv_timeout(A_WHILE).unwrap();
    home.store.create_task(pending(2)).await.unwrap();
    goes_on.send(()).unwrap();
    assert_eq!(cancelled.await.unwrap().status, TaskStatus::Cancelled);
    assert_eq!(times_denied(&home.store).await, [1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_task_that_has_run_meanwhile_all_rows_are_told() {
    for goes_far in [true, false] {
        let home = Home::open().await;
        suspended(&home, 1).await;
        let (has_begun, goes_on) = gate(&RUN_MEANWHILE);
        let cancelled = cancel(&home.store, Reading { name, gather: || Box::new(Slow(&RUN_MEANWHILE, 0)) });
        has_begun.recv_timeout(A_WHILE).unwrap();
        home.clock.advance(Duration::from_secs(1));
        assert_eq!(home.store.wake(10).await.unwrap().len(), 1);
        let again = home.store.resume(&tenant(), id(1), OWNER).await.unwrap();
        // What it waited for is answered, so that there are as many rows as before.
        home.store.commit(rows_only(&pin(&again), vec![row(2, false)])).await.unwrap();
        if goes_far {
            let rows = vec![denied_row(3), open_wait(4)];
            home.store.suspend(&pin(&again), rows, home.clock.now(), Decided::default()).await.unwrap();
        } else {
            assert_eq!(home.store.recover("owner-2", READING).await.unwrap().resume.len(), 1);
        }
        goes_on.send(()).unwrap();
        assert_eq!(cancelled.await.unwrap().status, TaskStatus::Cancelled);
        assert_eq!(times_denied(&home.store).await, [if goes_far { 2 } else { 1 }]);
        let digest = home.store.journal_digest(&tenant(), id(1), 1, &[]).await.unwrap();
        let records = home.store.audit_records(&tenant(), &AuditFilter::default(), 0, 10, false).await.unwrap();
        assert!(records.iter().all(|record| record.journal == Some(digest.to_string())), "{records:?}");
    }
}
