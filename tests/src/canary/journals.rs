//! What journals hold that a search of their file does not see: rows that were compressed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use troupe_core::SystemClock;
use troupe_store::{Store, TaskFilter, TaskRow};

/// What a compressed row begins with, behind its mark and its length: the magic number of zstd.
const FRAME: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The endings of a database's file and its write-ahead log.
const LOG: &str = "-wal";

/// Tasks and tenants that are read at once.
const PAGE: u32 = 200;

/// The database that a file belongs to, if compressed rows stand in it.
pub(super) fn compressed(file: &Path, bytes: &[u8]) -> Option<PathBuf> {
    let name = file.file_name()?.to_str()?;
    let database = name.strip_suffix(LOG).unwrap_or(name);
    let holds = database.ends_with(".db") && bytes.windows(FRAME.len()).any(|window| window == FRAME);
    holds.then(|| file.with_file_name(database))
}

/// Hands over every call and answer of a database's journals, as they were before they were packed. Nobody else may
/// have the database open.
pub(super) fn each(database: &Path, mut look: impl FnMut(&str, &[u8]) + Send) {
    // In a thread with a runtime of its own, since a host may be dropped within one.
    std::thread::scope(|scope| {
        let looked = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(each_row(database, &mut look))
        });
        if let Err(error) = looked.join().expect("a search that ends") {
            // Some suites damage what they leave; its bytes have been searched as they are.
            println!("the journals of {} cannot be read: {error}", database.display());
        }
    });
}

async fn each_row(database: &Path, look: &mut impl FnMut(&str, &[u8])) -> troupe_core::Result<()> {
    let store = Store::open(database, Arc::new(SystemClock)).await?;
    let mut after = None;
    loop {
        let tenants = store.tenants(after.as_ref(), PAGE).await?;
        for tenant in &tenants {
            let mut last = None;
            loop {
                let page = store.tasks(&tenant.name, TaskFilter::default(), last, PAGE).await?;
                for task in &page.tasks {
                    each_of(&store, task, look).await?;
                }
                last = page.tasks.last().map(|task| task.id);
                if !page.more {
                    break;
                }
            }
        }
        after = tenants.last().map(|tenant| tenant.name.clone());
        if tenants.is_empty() {
            break;
        }
    }
    store.close().await;
    Ok(())
}

async fn each_of(store: &Store, task: &TaskRow, look: &mut impl FnMut(&str, &[u8])) -> troupe_core::Result<()> {
    for attempt in 1..=task.attempt {
        let Some((_, rows)) = store.journal(&task.tenant, task.id, attempt).await? else { continue };
        for row in rows {
            let place = format!("row {} of task {} ({})", row.number, task.id, task.agent);
            look(&place, &row.call);
            look(&place, row.answer.as_deref().unwrap_or_default());
        }
    }
    Ok(())
}
