use serde_json::json;

use super::*;

fn task(number: u64) -> TaskId {
    format!("0199a2f0-6c1e-7d3a-9b52-{number:012x}").parse().unwrap()
}

fn finding(at: &str, replayed: u64) -> Finding {
    Finding {
        kind: DifferenceKind::Answer,
        at: at.to_owned(),
        says: format!("{at} is {replayed}"),
        recorded: Some(json!(0)),
        replayed: Some(json!(replayed)),
    }
}

fn tried(findings: Vec<Finding>) -> TriedOnBoth {
    TriedOnBoth {
        skill: "quote".to_owned(),
        findings,
        serving_differs: false,
        costs: Some((Cost::default(), Cost { compute_us: 3, ..Cost::default() })),
        known_hosts: BTreeSet::from(["a.example".to_owned()]),
        called_hosts: BTreeSet::from(["a.example".to_owned(), "b.example".to_owned()]),
    }
}

fn report(tally: Tally) -> RehearsalReport {
    let candidate = Candidate { version: "1.1.0".parse().unwrap(), digest: troupe_core::Digest::of(b"") };
    tally.report(&"clerk".parse().unwrap(), candidate, None, 500, 9, 0)
}

#[test]
fn what_is_alike_is_one_group_and_the_order_of_the_ends_is_nothing_to_it() {
    let invocations: Vec<(u64, Vec<Finding>)> = (0..9)
        .map(|place| (place, vec![finding("/price", place), finding("/price", 99), finding("/note", 1)]))
        .collect();
    let of = |order: &mut dyn Iterator<Item = &(u64, Vec<Finding>)>| {
        let mut tally = Tally::new(vec!["quote".to_owned(), "order".to_owned()]);
        for (place, findings) in order {
            tally.add(*place, task(*place), tried(findings.clone()));
        }
        tally.add(9, task(9), tried(Vec::new()));
        report(tally)
    };
    let (one, other) = (of(&mut invocations.iter()), of(&mut invocations.iter().rev()));
    assert_eq!(one, other);
    let [first, second] = one.groups.as_slice() else { panic!("{:#?}", one.groups) };
    assert_eq!((first.at.as_str(), first.invocations, second.at.as_str()), ("/note", 9, "/price"));
    assert_eq!((&second.replayed, &second.tasks), (&Some(json!(0)), &(0..5).map(task).collect()));
    assert_eq!((one.rehearsed, one.different, one.identical), (10, 9, 1));
    assert_eq!(one.count(DifferenceKind::Answer), 9);
    assert_eq!(one.new_hosts, ["b.example"]);
    let of_skill: Vec<(&str, u32)> = one.skills.iter().map(|of| (of.skill.as_str(), of.invocations)).collect();
    assert_eq!(of_skill, [("order", 0), ("quote", 10)]);
    assert_eq!((one.cost.invocations, one.cost.candidate.compute_us.total), (10, 30));
}

#[test]
fn however_many_different_differences_there_are_the_report_stays_short() {
    let mut tally = Tally::new(Vec::new());
    for place in 0..3_000 {
        tally.add(place, task(place), tried(vec![finding(&format!("/{place:x}x"), 1)]));
    }
    assert!(tally.groups.len() <= GROUPS_MAX);
    let report = report(tally);
    assert_eq!(report.groups.len(), GROUPS_TOLD_MAX);
    assert_eq!(report.ungrouped as usize + report.groups.len(), 3_000);
}

#[test]
fn nothing_that_was_tried_is_not_rehearsed_and_says_why() {
    let mut tally = Tally::new(vec!["quote".to_owned()]);
    tally.leave_out(LeftOutReason::Redacted, 2);
    tally.leave_out(LeftOutReason::Redacted, 1);
    let report = report(tally);
    assert_eq!(report.result, RehearsalResult::NotRehearsed);
    let left_out: Vec<(u32, &str)> = report.left_out.iter().map(|left| (left.tasks, left.says.as_str())).collect();
    assert_eq!(left_out, [(3, "redacted")]);
}
