//! Steps of the schema only add; what they take away is taken a release later (CONTRIBUTING.md).

use troupe_tests::root;

use super::{files, shown};

/// The newest schema that was made before steps were told apart.
const SCHEMA_BEFORE_STEPS: u32 = 47;

/// What a step of the schema does that a host of the release before may not bear, if it does anything such.
fn takes_away(statements: &str) -> Option<&'static str> {
    let code: Vec<&str> = statements.lines().map(|line| line.split("--").next().unwrap_or_default()).collect();
    let code = code.join(" ").to_lowercase();
    let words: Vec<&str> =
        code.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect();
    let has = |wanted: &[&str]| words.windows(wanted.len()).any(|found| found == wanted);
    // A column that is added must have a value where the statement that writes the row does not know it.
    let mut added = code.split(';').filter(|statement| statement.contains(" add column "));
    [("drop", has(&["drop"])), ("rename", has(&["rename"])), ("set not null", has(&["set", "not", "null"]))]
        .into_iter()
        .find_map(|(what, is_there)| is_there.then_some(what))
        .or_else(|| {
            added
                .any(|statement| statement.contains("not null") && !statement.contains("default"))
                .then_some("add column … not null without a default")
        })
}

#[test]
fn a_step_of_the_schema_takes_nothing_away_that_a_host_of_the_release_before_uses() {
    let mut wrong = Vec::new();
    for path in files(&["sql"]).into_iter().filter(|path| path.starts_with(root().join("host/store/migrations"))) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let number: u32 = name.split('_').next().and_then(|number| number.parse().ok()).expect("a number");
        if number <= SCHEMA_BEFORE_STEPS || name.ends_with("_contract.sql") {
            continue;
        }
        let statements = std::fs::read_to_string(&path).expect("text");
        if let Some(what) = takes_away(&statements) {
            wrong.push(format!(
                "{} has `{what}`: a host of the release before may still use it; do it a release later, in a \
                 step whose name ends in `_contract.sql`",
                shown(&path)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (statements, what) in [
        ("alter table a add column b integer not null default 0; create index c on a (b);", None),
        ("create table dropped (id text not null); -- drop table a", None),
        ("drop index a;", Some("drop")),
        ("ALTER TABLE a\n  DROP COLUMN b;", Some("drop")),
        ("alter table a rename to b;", Some("rename")),
        ("alter table a alter column b set\n not null;", Some("set not null")),
        ("alter table a add column b text not null;", Some("add column … not null without a default")),
    ] {
        assert_eq!(takes_away(statements), what, "{statements}");
    }
}
