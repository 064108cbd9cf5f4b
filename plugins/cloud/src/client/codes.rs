//! What the codes of the clouds mean, from `data/codes.json`.
//!
//! Codes are compared without regard to case: one service writes `TooManyRequests`, another `tooManyRequests`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use troupe_estate::ProblemKind;

/// The table: for each kind but `failed` its codes.
const TABLE: &str = include_str!("../../data/codes.json");

static KINDS: LazyLock<BTreeMap<String, ProblemKind>> = LazyLock::new(|| {
    // The test holds that the table can be read.
    let rows: BTreeMap<String, Vec<String>> = serde_json::from_str(TABLE).unwrap_or_default();
    let kind_of = |name: &str| {
        [ProblemKind::Denied, ProblemKind::NotAvailable, ProblemKind::Throttled]
            .into_iter()
            .find(|kind| kind.name() == name)
    };
    let rows = rows.into_iter().filter_map(|(name, codes)| kind_of(&name).map(|kind| (kind, codes)));
    rows.flat_map(|(kind, codes)| codes.into_iter().map(move |code| (code.to_ascii_lowercase(), kind))).collect()
});

/// What a code means; none for those that say nothing beyond the answer's status.
pub fn kind_of(code: &str) -> Option<ProblemKind> {
    KINDS.get(&code.to_ascii_lowercase()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_can_be_read_and_has_no_code_twice() {
        let rows: BTreeMap<String, Vec<String>> = serde_json::from_str(TABLE).unwrap();
        assert_eq!(rows.keys().collect::<Vec<_>>(), ["denied", "not_available", "throttled"]);
        assert_eq!(rows.values().map(Vec::len).sum::<usize>(), KINDS.len());
        assert_eq!(kind_of("toomanyREQUESTS"), Some(ProblemKind::Throttled));
        assert_eq!(kind_of("InternalServerError"), None);
    }
}
