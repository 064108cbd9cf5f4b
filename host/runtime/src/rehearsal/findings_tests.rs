use serde_json::json;
use troupe_core::Error;
use troupe_core::view::TaskStatus;

use super::*;

fn completed(output: Value) -> ReplayOutcome {
    ReplayOutcome { status: TaskStatus::Completed, output: Some(output), failure: None }
}

fn failed(code: Code, message: &str) -> ReplayOutcome {
    let failure = Some(TaskFailure::from(&Error::new(code, message)));
    ReplayOutcome { status: TaskStatus::Failed, output: None, failure }
}

fn told(recorded: &ReplayOutcome, now: &ReplayOutcome) -> Vec<(DifferenceKind, String, String)> {
    let mut found = Vec::new();
    ends(recorded, now, &mut found);
    found.into_iter().map(|finding| (finding.kind, finding.at, finding.says)).collect()
}

#[test]
fn answers_differ_place_by_place_and_places_of_arrays_are_alike() {
    let then = completed(json!({ "items": [{ "price": 1 }, { "price": 2 }], "note": "a".repeat(100) }));
    let now = completed(json!({ "items": [{ "price": 1 }, { "price": 3 }], "note": null }));
    let found = told(&then, &now);
    let [(kind, at, says), (_, _, long)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((*kind, at.as_str()), (DifferenceKind::Answer, "/items/*/price"));
    assert_eq!(says, "/items/1/price is 3 instead of 2");
    assert!(long.starts_with("/note is null instead of \"aaa") && long.ends_with('…') && long.len() < 100, "{long}");
    assert!(told(&then, &then).is_empty());
    assert_eq!(told(&completed(json!(1)), &completed(json!(2)))[0].2, "the answer is 2 instead of 1");
}

#[test]
fn each_way_to_fail_is_of_its_own_kind() {
    let answer = completed(json!(1));
    for (code, kind) in [
        (Code::GuestTrap, DifferenceKind::Trap),
        (Code::GuestStack, DifferenceKind::Trap),
        (Code::LimitMemory, DifferenceKind::Limit),
        (Code::LimitDeadline, DifferenceKind::Limit),
        (Code::InputInvalid, DifferenceKind::InputInvalid),
        (Code::SkillNotFound, DifferenceKind::InputInvalid),
        (Code::OutputInvalid, DifferenceKind::OutputInvalid),
        (Code::GuestFailed, DifferenceKind::Fails),
    ] {
        let found = told(&answer, &failed(code, "so"));
        assert_eq!(found, [(kind, code.as_str().to_owned(), format!("{code}: so"))]);
    }
    let other = told(&failed(Code::GuestFailed, "so"), &failed(Code::GuestUnavailable, "so"));
    assert_eq!(other[0].0, DifferenceKind::Failure);
    let words = told(&failed(Code::GuestFailed, "so"), &failed(Code::GuestFailed, "or so"));
    assert_eq!((words[0].0, words[0].1.as_str()), (DifferenceKind::Failure, "/message"));
    let mended = told(&failed(Code::GuestTrap, "so"), &answer);
    assert_eq!((mended[0].0, mended[0].1.as_str()), (DifferenceKind::Succeeds, "guest.trap"));
}
