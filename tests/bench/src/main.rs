//! `just bench`: figures of PROMISES.md, each measured beside its reference in one run.
//!
//! A figure is held against something that does the same work without Troupe, measured
//! alternately in the same process, so that the machine's mood cancels out. Nothing here
//! fails because of time; the table and `target/bench/summary.json` say what was met.

mod bare;
mod base;
mod doors;
mod guest;
mod host;
mod invocation;
mod load;
mod p1;
mod p10;
mod p2;
mod p3;
mod p4;
mod p7;
mod p8;
mod p9;
mod parts;
mod report;
mod s16;
mod served;
mod server;
mod through;

use report::{Row, Target};
use tokio::runtime::Runtime;

/// What can be measured alone: `bench P7 P10`.
const FIGURES: [&str; 9] = ["P1", "P2", "P3", "P4", "S16", "P7", "P8", "P9", "P10"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Publishing looks inside components in a child process, which is this program.
    if std::env::args().nth(1).is_some_and(|argument| argument == host::ADMISSION) {
        let _ = troupe_runtime::admission::child_main();
        return Ok(());
    }
    let asked: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = asked.iter().find(|id| !FIGURES.contains(&id.as_str())) {
        return Err(format!("`{unknown}` is no figure; there are {}", FIGURES.join(", ")).into());
    }
    let is_asked = |id: &str| asked.is_empty() || asked.iter().any(|one| one == id);
    let counter = guest::build("counter", None)?;
    let old = guest::build("echo", Some("1.0.0"))?;
    let new = guest::build("echo", Some("2.0.0"))?;
    let fetch = guest::build("fetch", None)?;
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut rows: Vec<Row> = Vec::new();
    if is_asked("P1") {
        rows.extend(tokio.block_on(p1::run(&counter))?);
    }
    if is_asked("P2") {
        let hello = guest::build("hello", None)?;
        for kind in base::Kind::all() {
            rows.extend(tokio.block_on(p2::run(kind, &old, &hello))?);
        }
    }
    if is_asked("P3") {
        rows.extend(tokio.block_on(p3::run(&old, &new))?);
    }
    if is_asked("P4") {
        rows.extend(tokio.block_on(p4::run(&old, &new))?);
    }
    if is_asked("S16") {
        rows.extend(tokio.block_on(s16::run(&old, &new))?);
    }
    let port = server::start()?;
    if is_asked("P7") {
        rows.push(tokio.block_on(p7::run(&fetch, port))?);
    }
    if is_asked("P8") {
        for kind in base::Kind::all() {
            rows.extend(tokio.block_on(p8::run(kind, &old))?);
        }
    }
    if is_asked("P9") {
        for kind in base::Kind::all() {
            rows.push(tokio.block_on(p9::run(kind, &old))?);
        }
    }
    if is_asked("P10") {
        rows.extend(p10_rows(&tokio, &fetch, port)?);
    }
    report::print(&rows);
    report::write(&rows)?;
    Ok(())
}

/// P10, and what it is made of.
fn p10_rows(tokio: &Runtime, fetch: &[u8], port: u16) -> Result<Vec<Row>, Box<dyn std::error::Error>> {
    let mut rows = Vec::new();
    // The guests run in a task, as a host runs them: on a thread of the runtime, not on one that has
    // to be woken by it.
    let component = fetch.to_vec();
    let reads = async move { p10::reads(&component, port).await.map_err(|error| error.to_string()) };
    let (value, reference) = tokio.block_on(tokio.spawn(reads))??;
    rows.push(Row {
        id: "P10",
        what: "one http read through the gate / the same guest and client without one",
        value,
        unit: "us",
        reference: Some(reference),
        target: Some(Target::More(50.0)),
    });
    // How threads wake each other differs from run to run by more than the gate adds. This is
    // the work alone; the promise is of the row above, which has what a host has.
    let alone = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (value, reference) = alone.block_on(p10::reads(fetch, port))?;
    rows.push(Row {
        id: "P10 1",
        what: "the same, both on one thread",
        value,
        unit: "us",
        reference: Some(reference),
        target: None,
    });
    rows.push(tokio.block_on(p10::writes(fetch, port))?);
    rows.extend(tokio.block_on(parts::run())?);
    Ok(rows)
}
