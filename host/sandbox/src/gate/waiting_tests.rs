use super::*;

const LATER: Timestamp = Timestamp::from_millis(9);

fn row(number: u64, write: bool) -> JournalRow {
    JournalRow { number, at: Timestamp::from_millis(0), call: vec![b'c'; 1_000], answer: Vec::new(), write }
}

#[test]
fn a_read_is_a_row_once_it_is_delivered() {
    let mut waiting = Waiting::default();
    waiting.open(row(1, false));
    waiting.deliver(1, LATER);
    assert!(waiting.is_open(1), "there is no answer yet");
    waiting.answer(1, b"answer".to_vec());
    assert!(waiting.open_bytes() > 1_000 && waiting.bytes() == 0);
    waiting.deliver(1, LATER);
    assert!(waiting.open_bytes() == 0 && waiting.bytes() > 1_000);
    let [taken] = waiting.take().try_into().unwrap();
    assert_eq!((taken.at, taken.answer), (LATER, b"answer".to_vec()));
}

#[test]
fn what_the_guest_lets_go_of_is_not_held() {
    let mut waiting = Waiting::default();
    for number in 0..10 {
        waiting.open(row(number, false));
        waiting.answer(number, b"answer".to_vec());
        waiting.leave(number);
    }
    assert_eq!(waiting.open_bytes(), 0);
    assert!(waiting.take().iter().all(|row| row.answer.is_empty()));
}

#[test]
fn a_write_that_the_guest_lets_go_of_is_remembered_until_its_answer_is_committed() {
    let mut waiting = Waiting::default();
    waiting.open(row(1, true));
    waiting.committed(1);
    waiting.leave(1);
    assert!(waiting.is_open(1));
    waiting.answer(1, b"answer".to_vec());
    waiting.committed(1);
    assert!(!waiting.is_open(1) && waiting.open_bytes() == 0);
    let Rest { rows, in_doubt } = waiting.finish();
    assert!(rows.is_empty() && in_doubt.is_none());
}

#[test]
fn a_write_in_the_journal_holds_no_bytes_until_it_is_delivered() {
    let mut waiting = Waiting::default();
    waiting.open(row(1, true));
    waiting.committed(1);
    waiting.answer(1, vec![b'a'; 1_000]);
    waiting.committed(1);
    assert!(waiting.is_open(1) && waiting.open_bytes() == ROW_BYTES);
    waiting.deliver(1, LATER);
    assert!(!waiting.is_open(1) && waiting.open_bytes() == 0 && waiting.take().is_empty());
}

#[test]
fn a_write_whose_answer_could_not_be_committed_is_told_at_the_end() {
    let mut waiting = Waiting::default();
    waiting.open(row(1, true));
    waiting.committed(1);
    waiting.answer(1, b"answer".to_vec());
    // The guest waits for it, and the commit has failed.
    waiting.deliver(1, LATER);
    let Rest { rows, in_doubt } = waiting.finish();
    assert!(in_doubt.is_none() && matches!(rows.as_slice(), [row] if row.answer == b"answer"));
}

#[test]
fn rows_that_no_commit_took_come_back_in_their_order() {
    let mut waiting = Waiting::default();
    waiting.push(row(1, false));
    waiting.push(row(2, false));
    let (bytes, taken) = (waiting.bytes(), waiting.take());
    waiting.push(row(3, false));
    waiting.put_back(taken);
    assert!(waiting.bytes() > bytes);
    assert_eq!(waiting.take().iter().map(|row| row.number).collect::<Vec<_>>(), [1, 2, 3]);
}
