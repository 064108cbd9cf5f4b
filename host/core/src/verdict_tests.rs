use serde_json::json;

use super::*;
use crate::Digest;
use crate::view::{Candidate, CostComparison, CostSpread, DifferenceGroup, KindCount, SkillRehearsal, Spread};

fn release(version: &str) -> Candidate {
    Candidate { version: version.parse().unwrap(), digest: Digest::of(version.as_bytes()) }
}

fn took(compute_us: u64, memory_bytes: u64) -> CostSpread {
    let spread = |each: u64| Spread { total: each * 100, p50: each, p95: each, max: each };
    CostSpread { compute_us: spread(compute_us), memory_bytes_peak: spread(memory_bytes), ..CostSpread::default() }
}

fn skill(name: &str, invocations: u32, serving: CostSpread, candidate: CostSpread) -> SkillRehearsal {
    let cost = CostComparison { invocations, serving, candidate };
    SkillRehearsal { skill: name.to_owned(), invocations, different: 0, cost }
}

/// A report of five hundred invocations that all came out as recorded.
fn report() -> RehearsalReport {
    let even = took(1_000, 1 << 20);
    RehearsalReport {
        agent: "clerk".to_owned(),
        candidate: release("1.1.0"),
        serving: Some(release("1.0.0")),
        result: RehearsalResult::Identical,
        last: 500,
        chosen: 500,
        rehearsed: 500,
        identical: 500,
        different: 0,
        kinds: Vec::new(),
        serving_different: 0,
        no_time: 0,
        left_out: Vec::new(),
        skills: vec![skill("quote", 450, even, even), skill("order", 50, even, even)],
        new_hosts: Vec::new(),
        groups: Vec::new(),
        ungrouped: 0,
        cost: CostComparison { invocations: 500, serving: even, candidate: even },
        verdict: Verdict { passes: true, reasons: Vec::new() },
    }
}

fn different(kind: DifferenceKind, invocations: u32, says: &str) -> RehearsalReport {
    let group = DifferenceGroup {
        kind,
        skill: "quote".to_owned(),
        at: "/price".to_owned(),
        invocations,
        says: says.to_owned(),
        recorded: Some(json!(5)),
        replayed: Some(json!(7)),
        tasks: Vec::new(),
    };
    RehearsalReport {
        result: RehearsalResult::Different,
        different: invocations,
        identical: 500 - invocations,
        kinds: vec![KindCount { kind, invocations }],
        groups: vec![group],
        ..report()
    }
}

fn by_default(report: &RehearsalReport) -> (bool, String) {
    let Verdict { passes, reasons } = report.verdict(&RehearsalPolicy::default(), Told::Examples);
    (passes, reasons.join("\n"))
}

#[test]
fn a_release_that_does_the_same_passes() {
    assert_eq!(by_default(&report()), (true, String::new()));
}

#[test]
fn two_answers_in_a_hundred_stop_a_release_and_one_does_not() {
    let says = "/price is 7 instead of 5";
    let (passes, why) = by_default(&different(DifferenceKind::Answer, 10, says));
    assert!(!passes);
    insta::assert_snapshot!(why, @"it answers otherwise in 10 of 500 invocations (2 %), and may in 1 %: /price is 7 instead of 5");
    assert!(by_default(&different(DifferenceKind::Answer, 5, says)).0);
    let all = RehearsalPolicy { different_share_max: 1.0, ..RehearsalPolicy::default() };
    assert!(different(DifferenceKind::Answer, 500, says).verdict(&all, Told::Examples).passes);
}

#[test]
fn what_nobody_wants_by_accident_stops_at_the_first_time() {
    for kind in [
        DifferenceKind::Trap,
        DifferenceKind::Limit,
        DifferenceKind::InputInvalid,
        DifferenceKind::OutputInvalid,
        DifferenceKind::Denied,
        DifferenceKind::NewWrite,
    ] {
        let (passes, why) = by_default(&different(kind, 1, "so"));
        assert!(!passes && why.contains("1 of 500 invocations (0.2 %): so"), "{kind:?}: {why}");
        let any = RehearsalPolicy {
            allow_broken: true,
            allow_denied: true,
            allow_new_writes: true,
            ..RehearsalPolicy::default()
        };
        assert!(different(kind, 1, "so").verdict(&any, Told::Examples).passes, "{kind:?}");
    }
    for kind in [DifferenceKind::NewRead, DifferenceKind::MissingCall, DifferenceKind::ChangedCall] {
        assert!(by_default(&different(kind, 500, "so")).0, "{kind:?}");
    }
    let strict = RehearsalPolicy { allow_new_reads: false, ..RehearsalPolicy::default() };
    assert!(!different(DifferenceKind::NewRead, 1, "so").verdict(&strict, Told::Examples).passes);
}

#[test]
fn a_new_host_is_named() {
    let report = RehearsalReport { new_hosts: vec!["a.example".to_owned()], ..report() };
    let (passes, why) = by_default(&report);
    assert!(!passes);
    insta::assert_snapshot!(why, @"it calls a.example, which no recorded invocation called");
}

#[test]
fn memory_and_time_are_judged_skill_by_skill_and_not_by_a_few_invocations() {
    let (even, dear) = (took(1_000, 1 << 20), took(3_000, 3 << 20));
    let with = |invocations, serving| RehearsalReport {
        skills: vec![skill("quote", 450, even, even), skill("order", invocations, even, dear)],
        serving,
        ..report()
    };
    let (passes, why) = by_default(&with(50, Some(release("1.0.0"))));
    assert!(!passes);
    insta::assert_snapshot!(why, @r"
    its peak memory is 3.0 times that of 1.0.0, and may be 2 times: 3.0 MiB instead of 1.0 MiB in 50 invocations of `order`
    its processor time is 3.0 times that of 1.0.0, and may be 2 times: 300.0 ms instead of 100.0 ms in 50 invocations of `order`
    ");
    assert!(by_default(&with(4, Some(release("1.0.0")))).0);
    assert!(by_default(&with(50, None)).0);
    // One that is dear by chance is no half of them.
    let mut few = with(5, Some(release("1.0.0")));
    let by_chance = &mut few.skills[1].cost.candidate;
    (by_chance.compute_us.p50, by_chance.memory_bytes_peak) = (1_000, even.memory_bytes_peak);
    assert!(by_default(&few).0);
}

#[test]
fn nothing_to_rehearse_is_said_and_left_to_the_policy() {
    let nothing = RehearsalReport { result: RehearsalResult::NotRehearsed, chosen: 0, rehearsed: 0, ..report() };
    assert_eq!(by_default(&nothing), (true, "not rehearsed: there is nothing that it could be tried on".to_owned()));
    let strict = RehearsalPolicy { allow_not_rehearsed: false, ..RehearsalPolicy::default() };
    assert!(!nothing.verdict(&strict, Told::Examples).passes);
    let late = RehearsalReport { chosen: 9, ..nothing };
    assert_eq!(by_default(&late).1, "not rehearsed: there was no time");
}

#[test]
fn a_policy_is_read_from_what_it_says_alone() {
    let policy: RehearsalPolicy = serde_json::from_value(json!({ "cost_factor_max": 1.5 })).unwrap();
    assert_eq!(policy, RehearsalPolicy { cost_factor_max: 1.5, ..RehearsalPolicy::default() });
    assert!(serde_json::from_value::<RehearsalPolicy>(json!({ "cost": 1 })).is_err());
}

#[test]
fn what_is_kept_of_a_report_has_its_numbers_and_no_examples() {
    let found =
        different(DifferenceKind::Answer, 50, "/price is 101 instead of 100").summary(&RehearsalPolicy::default());
    assert_eq!((found.total, found.identical, found.changed), (500, 450, 50));
    assert!(!found.verdict.passes);
    assert_eq!(found.verdict.reasons, ["it answers otherwise in 50 of 500 invocations (10 %), and may in 1 %"]);
}
