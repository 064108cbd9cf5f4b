//! Gathering within a budget of memory, in parts that come back as one list.

use std::cell::RefCell;
use std::io::{self, BufReader, Read};

use proptest::prelude::*;
use sha2::{Digest, Sha256};
use troupe_estate::collect::{CollectError, LINE_BYTES_MAX, Part, ReadError, Sink, Summary, lines, merge};
use troupe_estate::{Entry, Resource};

use crate::samples::{findings, volume};

type Files = Vec<(Part, Vec<u8>)>;

fn gathered<T: Entry>(entries: &[T], budget: usize) -> (Summary, Files) {
    let mut files = Files::new();
    let mut sink = Sink::new("all", budget, |part: &Part, text: &[u8]| {
        files.push((part.clone(), text.to_vec()));
        Ok::<(), io::Error>(())
    });
    for entry in entries {
        sink.push(entry).unwrap();
        assert!(sink.waiting_bytes() <= budget.max(4096) / 2, "{} wait", sink.waiting_bytes());
    }
    let summary = sink.finish().unwrap();
    (summary, files)
}

fn read_back<T: Entry>(files: &Files) -> Vec<T> {
    merge(files.iter().map(|(_, text)| lines::<T, _>(text.as_slice()))).map(Result::unwrap).collect()
}

proptest! {
    #[test]
    fn order_and_budget_do_not_change_what_comes_back(ids in prop::collection::vec(0..500_u16, 0..300), budget in 0..40_000_usize) {
        let entries: Vec<Resource> = ids.iter().map(|id| volume(&format!("vol-{id:03}"))).collect();
        let (summary, files) = gathered(&entries, budget);
        prop_assert_eq!(summary.entries, entries.len() as u64);
        prop_assert_eq!(summary.parts.iter().map(|part| part.entries).sum::<u64>(), summary.entries);
        let mut sorted = entries;
        sorted.sort_by_key(Entry::key);
        prop_assert_eq!(read_back::<Resource>(&files), sorted);
    }
}

#[test]
fn the_summary_says_what_is_in_each_part() {
    let mut entries: Vec<Resource> = (0..100).map(|number| volume(&format!("vol-{number:03}"))).collect();
    entries.push(Resource::new("aws.s3.bucket", "global", "b"));
    let (summary, files) = gathered(&entries, 16 * 1024);
    assert!(summary.parts.len() > 2, "{}", summary.parts.len());
    assert_eq!(summary.counts, [("aws.ec2.volume".to_owned(), 100), ("aws.s3.bucket".to_owned(), 1)].into());
    for (number, (part, (written, text))) in summary.parts.iter().zip(&files).enumerate() {
        assert_eq!(part, written);
        assert_eq!(part.name, format!("all-{:05}.jsonl", number + 1));
        assert_eq!((part.bytes, part.sha256.as_str()), (text.len() as u64, hex::encode(Sha256::digest(text)).as_str()));
        let entries: Vec<Resource> = lines(text.as_slice()).map(Result::unwrap).collect();
        assert_eq!(part.entries, entries.len() as u64);
        assert_eq!(part.first, entries[0].key().to_string());
        assert_eq!(part.last, entries[entries.len() - 1].key().to_string());
        assert_eq!(part.counts.values().sum::<u64>(), part.entries);
    }
}

#[test]
fn findings_are_counted_by_severity_or_status() {
    let (summary, files) = gathered(&findings(), 1 << 20);
    let counts: Vec<(&str, u64)> = summary.counts.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(counts, [("critical", 1), ("low", 1), ("medium", 1), ("not_checked", 1), ("pass", 1)]);
    assert_eq!((summary.parts.len(), files.len()), (1, 1));
}

#[test]
fn nothing_gathered_is_no_part() {
    let (summary, files) = gathered::<Resource>(&[], 1 << 20);
    assert_eq!((summary, files.len()), (Summary::default(), 0));
}

#[test]
fn what_is_larger_than_the_budget_is_a_part_of_its_own() {
    let large = volume("vol-1").with("policy", Some("x".repeat(10_000)));
    let mut files = 0;
    let mut sink = Sink::new("all", 4096, |part: &Part, _: &[u8]| {
        files += 1;
        assert_eq!(part.entries, 1);
        Ok::<(), io::Error>(())
    });
    for entry in [volume("vol-0"), large, volume("vol-2")] {
        sink.push(&entry).unwrap();
    }
    assert_eq!((sink.finish().unwrap().entries, files), (3, 3));
}

#[test]
fn a_part_that_could_not_be_written_is_kept_and_the_entry_not_taken() {
    let files: RefCell<Files> = RefCell::default();
    let full = RefCell::new(true);
    let mut sink = Sink::new("all", 4096, |part: &Part, text: &[u8]| {
        if *full.borrow() {
            return Err("no space is left");
        }
        files.borrow_mut().push((part.clone(), text.to_vec()));
        Ok(())
    });
    let mut taken = Vec::new();
    let mut refused = 0;
    for number in 0..20 {
        let entry = volume(&format!("vol-{number:02}"));
        match sink.push(&entry) {
            Ok(()) => taken.push(entry),
            Err(error @ CollectError::Part { .. }) => {
                assert_eq!(error.to_string(), "part all-00001.jsonl cannot be written: no space is left");
                refused += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(refused > 10, "{refused}");
    assert!(sink.waiting_bytes() <= 2048);
    *full.borrow_mut() = false;
    sink.flush().unwrap();
    assert_eq!(sink.finish().unwrap().entries, taken.len() as u64);
    assert_eq!(read_back::<Resource>(&files.borrow()), taken);
}

#[test]
fn what_cannot_be_read_back_says_where() {
    let text = format!("{}\n\nnot JSON\n{{}}\n", serde_json::to_string(&volume("a")).unwrap());
    let read: Vec<Result<Resource, ReadError>> = lines(text.as_bytes()).collect();
    assert_eq!(read.len(), 2);
    insta::assert_snapshot!(read[1].as_ref().unwrap_err(), @"line 3 is not of the form: expected ident at line 1 column 2");
    let endless = BufReader::new(io::repeat(b'x').take(LINE_BYTES_MAX as u64 + 10));
    let read: Vec<Result<Resource, ReadError>> = lines(endless).collect();
    assert!(matches!(read.as_slice(), [Err(ReadError::TooLong { line: 1 })]), "{read:?}");
}

#[test]
fn an_error_in_a_part_ends_the_merge() {
    let parts = vec![vec![Ok(volume("a")), Ok(volume("c"))], vec![Ok(volume("b")), Err("cut off"), Ok(volume("d"))]];
    let read: Vec<Result<String, &str>> = merge(parts).map(|entry| entry.map(|entry| entry.id)).collect();
    assert_eq!(read, [Ok("a".to_owned()), Ok("b".to_owned()), Err("cut off")]);
}
