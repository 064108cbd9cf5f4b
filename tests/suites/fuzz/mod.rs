//! The fuzz targets, each for a few seconds: `TROUPE_FUZZ_SECONDS`, or 3. `TROUPE_SEED` repeats a run.
//!
//! An input that breaks a promise is kept in `target/fuzz/`, and belongs into `tests/fuzz/seeds/` once it is mended.

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use troupe_core::Digest;
use troupe_tests::fuzz::{Mutator, TARGETS, Target};
use troupe_tests::{root, seed};

/// Longest that one input may take before it is told as one that hangs.
const INPUT_TIME_MAX: Duration = Duration::from_secs(120);

/// How far a run came.
#[derive(Debug, Default)]
struct Tally {
    inputs: u64,
    accepted: u64,
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let dir = root().join("tests/fuzz/seeds").join(name);
    let mut files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// Keeps an input that breaks a promise; returns where.
fn kept(name: &str, input: &[u8]) -> PathBuf {
    let dir = root().join("target/fuzz");
    fs::create_dir_all(&dir).unwrap();
    let file = dir.join(format!("{name}-{}", &Digest::of(input).hex()[..16]));
    fs::write(&file, input).unwrap();
    file
}

/// Runs a target with its seeds, and with what is made of them until the time is over.
fn bounded(name: &str) {
    let target = *TARGETS.iter().find(|target| target.name == name).unwrap();
    let time = Duration::from_secs(seed::fuzz_seconds());
    let current = Arc::new(Mutex::new(Vec::new()));
    let (done, ended) = mpsc::channel();
    let mut random = seed::seeded(&format!("fuzzing {name}"));
    let input = Arc::clone(&current);
    let worker = thread::spawn(move || {
        let mut tally = Tally::default();
        let mut run = |target: &Target, bytes: &[u8]| {
            *input.lock().unwrap() = bytes.to_vec();
            let accepted = (target.run)(bytes);
            tally.inputs += 1;
            tally.accepted += u64::from(accepted);
            accepted
        };
        let seeds = seeds(target.name);
        let accepted = seeds.iter().filter(|seed| run(&target, seed)).count();
        assert!(accepted > 0, "no seed of {} comes as far as it should", target.name);
        let mut mutator = Mutator::new(seeds, target.words, target.longest);
        let until = Instant::now() + time;
        while Instant::now() < until {
            let bytes = mutator.next(&mut random);
            if run(&target, &bytes) {
                mutator.keep(bytes, &mut random);
            }
        }
        done.send(tally).unwrap();
    });
    match ended.recv_timeout(time + INPUT_TIME_MAX) {
        Ok(tally) => println!("{name}: {} inputs, {} accepted", tally.inputs, tally.accepted),
        Err(why) => {
            if why == mpsc::RecvTimeoutError::Disconnected {
                let _ = worker.join();
            }
            let input = current.lock().map_or_else(|held| held.into_inner().clone(), |input| input.clone());
            panic!("{name}: an input breaks a promise or hangs; it is kept in {}", kept(name, &input).display());
        }
    }
}

#[test]
fn manifests_of_strangers_are_refused_well_or_have_one_text() {
    bounded("manifest");
}

#[test]
fn two_keys_open_what_each_of_them_opens() {
    bounded("grants");
}

#[test]
fn urls_and_rules_have_one_reading_and_lead_where_they_may() {
    bounded("egress");
}

#[test]
fn requests_to_aws_are_named_for_certain_or_not_at_all() {
    bounded("aws");
}

#[test]
fn components_of_strangers_are_refused_by_a_code_in_bounded_time() {
    bounded("component");
}

#[test]
fn rows_of_journals_are_what_was_written_or_an_error() {
    bounded("journal");
}

#[test]
fn keys_of_state_never_reach_another_key_space() {
    bounded("state");
}

#[test]
fn every_target_has_seeds_and_a_program_for_cargo_fuzz() {
    let manifest = fs::read_to_string(root().join("tests/fuzz/Cargo.toml")).unwrap();
    for Target { name, .. } in TARGETS {
        assert!(!seeds(name).is_empty(), "{name}");
        let program = fs::read_to_string(root().join(format!("tests/fuzz/fuzz_targets/{name}.rs"))).unwrap();
        assert!(program.contains(&format!("run(\"{name}\", data)")), "{name}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}
