//! The table of codes names what there is, and every code of a limit.

use std::collections::BTreeSet;

use crate::Code;

/// The text of all limits.
const TEXT: &str = concat!(
    include_str!("../limits.rs"),
    include_str!("admission.rs"),
    include_str!("http.rs"),
    include_str!("releases.rs"),
    include_str!("state.rs"),
    include_str!("swap.rs"),
);

/// What a cell of the table has in backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn each_row_names_limits_and_a_code_that_exist_and_no_code_of_a_limit_is_left_out() {
    let rows = TEXT.lines().filter_map(|line| line.strip_prefix("//! |")).skip(2);
    let mut told = BTreeSet::new();
    for row in rows {
        let cells: Vec<&str> = row.split('|').collect();
        let [constants, codes] = [cells[1], cells[2]].map(quoted);
        assert!(!constants.is_empty() && codes.len() == 1, "{row}");
        for constant in constants {
            assert!(TEXT.contains(&format!("\npub const {constant}: ")), "there is no limit `{constant}`");
        }
        assert!(Code::parse(codes[0]).is_some(), "there is no code `{}`", codes[0]);
        assert!(told.insert(codes[0]), "`{}` stands twice", codes[0]);
    }
    let limits = Code::ALL.iter().map(|code| code.as_str()).filter(|code| code.starts_with("limit."));
    let left_out: Vec<&str> = limits.filter(|code| !told.contains(code)).collect();
    assert!(left_out.is_empty(), "no row says what these are told of: {left_out:?}");
}
