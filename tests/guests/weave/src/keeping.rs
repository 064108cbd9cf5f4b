//! Steps that keep something: counted keys, keys with an end, of the deployment and of an instance, files;
//! and references to secrets.

use std::time::Duration;

use troupe_sdk::locks::{self, Priority};
use troupe_sdk::state::{Fenced, Space};
use troupe_sdk::wait::Wait;
use troupe_sdk::{files, invocation, progress, secrets, state};

use super::steps::below;

/// Takes one of twelve steps; returns what it saw.
pub fn step(kind: usize) -> String {
    let directory = files::directory("work");
    let file = format!("f{}/g{}", below(2), below(3));
    let (number, brief) = (format!("n{}", below(3)), format!("t{}", below(3)));
    match kind {
        0 | 1 => format!("increment {:?}", state::increment(&number, below(100) as i64 - 50)),
        2 => format!("brief {:?}", state::set_with_ttl(&brief, number, milliseconds())),
        3 => {
            let expected = state::get(&brief).ok().flatten().map(|entry| entry.revision);
            format!("swap {:?}", state::compare_and_set_with_ttl(&brief, expected, number, milliseconds()))
        }
        4 => format!("expire {:?}", state::expire(&number, (below(2) == 0).then(milliseconds))),
        5 => format!("delete {:?}", state::delete(&brief)),
        6 => format!("keys {:?}", state::list_keys("", None, 100)),
        7 | 8 => {
            let bytes: Vec<u8> = (0..below(30_000)).map(|byte| (byte % 251) as u8).collect();
            format!("write {file} {} {:?}", bytes.len(), directory.write(&file, bytes))
        }
        9 => {
            let read = directory.read(&file).map(|read| read.map(|bytes| bytes.len()));
            format!("read {file} {read:?}, {:?}", directory.stat(&file))
        }
        10 => format!("list {:?}, delete {file} {:?}", directory.list("", None, 10), directory.delete(&file)),
        _ => {
            let refused = [secrets::reference("other").is_err(), files::directory("other").read("f").is_err()];
            format!("refused {refused:?}, told {:?}", progress::partial(&number))
        }
    }
}

/// Takes one of eight steps with the keys of the instance; returns what it saw.
pub fn of_instance(kind: usize) -> String {
    let mine = state::instance();
    let (number, brief) = (format!("n{}", below(3)), format!("t{}", below(3)));
    match kind {
        0 => format!("mine increment {:?} for {:?}", mine.increment(&number, 1), invocation::instance()),
        1 => format!("mine set {:?}", mine.set(&brief, &number)),
        2 => format!("mine brief {:?}", mine.set_with_ttl(&brief, number, milliseconds())),
        3 => {
            let expected = mine.get(&brief).ok().flatten().map(|entry| entry.revision);
            format!("mine swap {:?}", mine.compare_and_set(&brief, expected, number))
        }
        4 => {
            let swapped = mine.compare_and_set_with_ttl(&brief, None, number, milliseconds());
            format!("mine brief swap {swapped:?}")
        }
        5 => format!("mine expire {:?}", mine.expire(&number, (below(2) == 0).then(milliseconds))),
        6 => format!("mine delete {:?}", mine.delete(&brief)),
        _ => format!("mine keys {:?}, get {:?}", mine.list_keys("", None, 100), mine.get(&number)),
    }
}

/// Takes one of four steps with locks; returns what it saw.
pub fn of_locks(kind: usize) -> String {
    let (name, number) = (format!("l/{}", below(2)), format!("n{}", below(3)));
    let asked = match kind {
        0 => locks::on(&name).or_fail(),
        1 => locks::on(&name).priority(Priority::High).at_most(milliseconds()),
        2 => locks::on("other"),
        _ => locks::on(&name).lease(Duration::from_secs(2)).or_preempt(),
    };
    let lock = match asked.acquire().wait() {
        Ok(lock) => lock,
        // Who holds it, and until when, is in the journal and no other run's.
        Err(error) => return format!("lock {name} {error:?}"),
    };
    let again = locks::on(&name).or_fail().acquire().wait().is_err();
    let written = lock.state().increment(&number, 1);
    let (set, deleted) = (lock.keys(Space::Instance).set(&number, "7"), lock.state().delete(&number));
    let stale = Fenced::new(Space::Deployment, &name, lock.token() - 1).set(&number, "8");
    let renewed = lock.renew(None);
    format!(
        "lock {name} {} {again} {written:?} {set:?} {deleted:?} {stale:?} {renewed:?} {:?}",
        lock.token(),
        lock.release()
    )
}

/// Now and then the reference to a secret, to be placed in a request.
pub fn secret() -> Option<String> {
    if below(2) == 0 {
        return None;
    }
    secrets::reference("key").ok().map(|reference| reference.to_string())
}

/// A while, shorter and longer than timers are.
fn milliseconds() -> Duration {
    Duration::from_millis(1 + below(60) as u64)
}
