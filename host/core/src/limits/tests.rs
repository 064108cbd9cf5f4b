//! The lists say of each limit what somebody who meets it is told, and name every code of a limit.

use std::collections::BTreeSet;

use crate::Code;

/// The text of each part, by its module; that of the lists first.
const PARTS: [(&str, &str); 23] = [
    ("", include_str!("../limits.rs")),
    ("admission", include_str!("admission.rs")),
    ("approval", include_str!("approval.rs")),
    ("artifacts", include_str!("artifacts.rs")),
    ("asks", include_str!("asks.rs")),
    ("events", include_str!("events.rs")),
    ("groups", include_str!("groups.rs")),
    ("hooks", include_str!("hooks.rs")),
    ("http", include_str!("http.rs")),
    ("instances", include_str!("instances.rs")),
    ("locks", include_str!("locks.rs")),
    ("migration", include_str!("migration.rs")),
    ("registry", include_str!("registry.rs")),
    ("releases", include_str!("releases.rs")),
    ("sessions", include_str!("sessions.rs")),
    ("state", include_str!("state.rs")),
    ("store", include_str!("store.rs")),
    ("stream", include_str!("stream.rs")),
    ("swap", include_str!("swap.rs")),
    ("tasks", include_str!("tasks.rs")),
    ("templates", include_str!("templates.rs")),
    ("trust", include_str!("trust.rs")),
    ("webhooks", include_str!("webhooks.rs")),
];

/// What calls of the contract answer their agent that have no code.
const ANSWERS: [&str; 2] = ["invalid", "unavailable"];

/// The rows of the list under a heading, each as its cells.
fn rows(heading: &str) -> impl Iterator<Item = Vec<&'static str>> {
    let (_, text) = PARTS[0].1.split_once(&format!("\n//! # {heading}\n")).expect("a list");
    let rows =
        text.lines().take_while(|line| !line.starts_with("//! # ")).filter_map(|line| line.strip_prefix("//! |"));
    rows.skip(2).map(|row| row.split('|').collect())
}

/// What a cell has in backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn each_limit_stands_once_with_what_is_told_of_it_and_no_code_of_a_limit_is_left_out() {
    let named = PARTS[0].1.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
    let named: Vec<&str> = named.filter(|part| *part != "tests").collect();
    assert_eq!(named, PARTS[1..].iter().map(|(part, _)| *part).collect::<Vec<_>>(), "each part is looked through");
    let of_line = |line: &'static str| line.strip_prefix("pub const ").filter(|rest| !rest.starts_with("fn "));
    let constants = PARTS.iter().flat_map(|(_, text)| text.lines()).filter_map(of_line);
    let mut left_out: BTreeSet<&str> = constants.filter_map(|rest| Some(rest.split_once(':')?.0)).collect();
    assert!(left_out.len() > 200, "the text is read as it is written");

    let mut codes = BTreeSet::new();
    for row in rows("Refused with a code") {
        let told: Vec<&str> = quoted(row[2]).collect();
        let [code] = told[..] else { panic!("no one code: {row:?}") };
        assert!(Code::parse(code).is_some() || ANSWERS.contains(&code), "there is no code `{code}`");
        assert!(codes.insert(code), "`{code}` stands twice");
    }
    for heading in ["Refused with a code", "Counted or cut, not refused", "The host's own work"] {
        for row in rows(heading) {
            assert!(quoted(row[1]).next().is_some(), "no limit: {row:?}");
            for constant in quoted(row[1]) {
                assert!(left_out.remove(constant), "there is no limit `{constant}`, or it stands twice");
            }
        }
    }
    assert!(left_out.is_empty(), "no list says what is told of these: {left_out:?}");
    let limits = Code::ALL.iter().map(|code| code.as_str()).filter(|code| code.starts_with("limit."));
    let left_out: Vec<&str> = limits.filter(|code| !codes.contains(code)).collect();
    assert!(left_out.is_empty(), "no row says what these are told of: {left_out:?}");
}
