//! The house stands as ARCHITECTURE.md says: arrows point down, each crate says what it
//! holds, files stay small, nothing is left for later, and the promises name their tests.

#[path = "architecture/steps.rs"]
mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use troupe_tests::root;

/// Lines of a file at most. Longer ones hold more than one idea.
const LINES_MAX: usize = 500;

/// The crates, and what each may name among the others.
const MAY_NAME: [(&str, &[&str]); 18] = [
    ("troupe-core", &[]),
    ("troupe-package", &["troupe-core"]),
    ("troupe-egress", &["troupe-core"]),
    ("troupe-bus", &["troupe-core"]),
    ("troupe-sandbox", &["troupe-core", "troupe-package", "troupe-egress"]),
    ("troupe-store", &["troupe-core", "troupe-package"]),
    ("troupe-registry", &["troupe-core", "troupe-package"]),
    (
        "troupe-runtime",
        &[
            "troupe-bus",
            "troupe-core",
            "troupe-package",
            "troupe-egress",
            "troupe-sandbox",
            "troupe-store",
            "troupe-registry",
        ],
    ),
    ("troupe-api", &["troupe-core", "troupe-runtime"]),
    (
        "troupe",
        &[
            "troupe-core",
            "troupe-package",
            "troupe-egress",
            "troupe-sandbox",
            "troupe-store",
            "troupe-registry",
            "troupe-runtime",
            "troupe-api",
        ],
    ),
    ("troupe-sdk-macros", &[]),
    ("troupe-sdk", &["troupe-sdk-macros"]),
    // What several plugins say to each other and to people; it does not know that they run on a host.
    (ESTATE, &[]),
    // What agents have in common that ask clouds whose APIs speak JSON over REST.
    (CLOUD, &[ESTATE, "troupe-sdk"]),
    // Plugins are programs of their own; this is what each of them may name.
    (PLUGIN, &[CLOUD, ESTATE, "troupe-sdk"]),
    (
        "troupe-tests",
        &[
            "troupe",
            "troupe-api",
            "troupe-core",
            "troupe-egress",
            "troupe-package",
            "troupe-registry",
            "troupe-runtime",
            "troupe-sandbox",
            "troupe-store",
        ],
    ),
    // Asks a host as the suites do, and others beside it.
    ("troupe-peers", &["troupe-package", "troupe-tests"]),
    (
        BENCH,
        &[
            "troupe-core",
            "troupe-package",
            "troupe-egress",
            "troupe-sandbox",
            "troupe-store",
            "troupe-registry",
            "troupe-runtime",
            "troupe-api",
        ],
    ),
];

const PLUGIN: &str = "plugins/*";

/// The folders among the plugins that are no agents: libraries of theirs.
const ESTATE: &str = "troupe-estate";
const CLOUD: &str = "troupe-cloud";

/// Measures what the house does beside what the engine and the database do alone, so it
/// knows those too.
const BENCH: &str = "troupe-bench";

/// What one crate alone knows.
const KNOWN_TO_ONE: [(&str, &str); 5] = [
    ("wasmtime", "troupe-sandbox"),
    ("sqlx", "troupe-store"),
    ("async-nats", "troupe-bus"),
    ("axum", "troupe-api"),
    ("clap", "troupe"),
];

fn metadata() -> Metadata {
    let mut command = MetadataCommand::new();
    command.manifest_path(root().join("Cargo.toml")).no_deps();
    command.exec().expect("cargo's metadata")
}

fn is_plugin(package: &Package) -> bool {
    package.manifest_path.as_str().contains("/plugins/") && package.name != ESTATE && package.name != CLOUD
}

/// What a package is built from; what its tests need does not count.
fn dependencies(package: &Package) -> impl Iterator<Item = &str> {
    let built = package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
    built.map(|dependency| dependency.name.as_str())
}

#[test]
fn arrows_point_down_only() {
    let metadata = metadata();
    let allowed: BTreeMap<&str, &[&str]> = MAY_NAME.into_iter().collect();
    let ours: BTreeSet<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let mut wrong = Vec::new();
    for package in &metadata.packages {
        let name = if is_plugin(package) { PLUGIN } else { package.name.as_str() };
        let Some(may_name) = allowed.get(name) else {
            wrong.push(format!("{name} has no place in the house; give it one in `MAY_NAME`"));
            continue;
        };
        for dependency in dependencies(package).filter(|dependency| ours.contains(dependency)) {
            if !may_name.contains(&dependency) {
                wrong.push(format!("{name} may not depend on {dependency}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_one_crate_knows_no_other_names() {
    let metadata = metadata();
    let mut wrong = Vec::new();
    for package in metadata.packages.iter().filter(|package| package.name != BENCH) {
        for dependency in dependencies(package) {
            for (family, knower) in KNOWN_TO_ONE {
                let is_of_family = dependency == family || dependency.starts_with(&format!("{family}-"));
                if is_of_family && package.name != knower {
                    wrong.push(format!("{} names {dependency}, which only {knower} may know", package.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_crate_opens_with_what_it_holds() {
    const LINES: [&str; 4] = ["//! *Holds:*", "//! *Never holds:*", "//! *Start at:*", "//! *Tested by:*"];
    let mut wrong = Vec::new();
    for package in &metadata().packages {
        let libraries =
            package.targets.iter().filter(|target| target.is_lib() || target.is_proc_macro() || target.is_cdylib());
        for target in libraries {
            let text = std::fs::read_to_string(&target.src_path).expect("a source file");
            let header: Vec<&str> = text.lines().take_while(|line| line.starts_with("//!")).collect();
            for line in LINES {
                if !header.iter().any(|found| found.starts_with(line)) {
                    wrong.push(format!("{} does not say `{line}`", target.src_path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every file of ours with one of the extensions.
fn files(extensions: &[&str]) -> Vec<PathBuf> {
    let ours = |entry: &walkdir::DirEntry| {
        let name = entry.file_name().to_string_lossy();
        name != "target" && (entry.depth() == 0 || !name.starts_with('.'))
    };
    let walk = walkdir::WalkDir::new(root()).into_iter().filter_entry(ours);
    walk.map(|entry| entry.expect("an entry").into_path())
        .filter(|path| path.extension().is_some_and(|e| extensions.iter().any(|extension| e == *extension)))
        .collect()
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

#[test]
fn no_file_is_longer_than_a_person_reads() {
    let long: Vec<String> = files(&["rs", "wit"])
        .into_iter()
        .map(|path| (std::fs::read_to_string(&path).expect("text").lines().count(), shown(&path)))
        .filter(|(lines, _)| *lines > LINES_MAX)
        .map(|(lines, path)| format!("{path} has {lines} lines"))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn nothing_is_left_for_later() {
    // Put together here, so that this file does not hold them.
    let words = [["TO", "DO"], ["FIX", "ME"], ["unimple", "mented!"], ["to", "do!"]].map(|parts| parts.concat());
    let mut found = Vec::new();
    for path in files(&["rs", "wit"]) {
        let text = std::fs::read_to_string(&path).expect("text");
        for (number, line) in text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                found.push(format!("{}:{}: {}", shown(&path), number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Every promise there is.
fn promises() -> Vec<String> {
    let numbered = |letter: char, last: u32| (1..=last).map(move |number| format!("{letter}{number}"));
    let figures =
        ["P1", "P2a", "P2b"].map(str::to_owned).into_iter().chain((3..=10).map(|number| format!("P{number}")));
    numbered('S', 18).chain(numbered('G', 5)).chain(figures).collect()
}

/// Where a promise stands in a text: its name in bold, perhaps with a title after it.
fn place(text: &str, promise: &str) -> Option<usize> {
    text.find(&format!("**{promise} ")).or_else(|| text.find(&format!("**{promise}**")))
}

/// The tests that a text names: `FILE::TEST` in backticks, the file by its path from the
/// root.
fn named_tests(text: &str) -> Vec<(String, String)> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted
        .filter_map(|quoted| quoted.rsplit_once("::"))
        .filter(|(file, _)| file.ends_with(".rs"))
        .map(|(file, test)| (file.to_owned(), test.to_owned()))
        .collect()
}

/// Whether a file has a test of this name: a function right below an attribute that
/// makes it one.
fn has_test(file: &Path, name: &str) -> bool {
    let Ok(text) = std::fs::read_to_string(file) else { return false };
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_named = |line: &str| {
        let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        function.is_some_and(|rest| rest.strip_prefix(name).is_some_and(|rest| rest.starts_with('(')))
    };
    lines.iter().enumerate().any(|(position, line)| {
        let above = lines[..position].iter().rev().take_while(|line| line.starts_with("#["));
        is_named(line) && above.into_iter().any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
    })
}

/// The functions of a file at its outermost level: name and text.
fn functions(text: &str) -> Vec<(&str, &str)> {
    let mut found: Vec<(&str, &str)> = Vec::new();
    let starts = ["\nfn ", "\nasync fn ", "\npub fn ", "\npub async fn ", "\n    fn ", "\n    async fn "];
    let mut places: Vec<usize> = starts.iter().flat_map(|start| text.match_indices(start)).map(|(at, _)| at).collect();
    places.sort_unstable();
    for (number, &at) in places.iter().enumerate() {
        let whole = &text[at..places.get(number + 1).copied().unwrap_or(text.len())];
        let name = whole.split_once("fn ").map_or("", |(_, rest)| rest);
        found.push((name.split(['(', '<']).next().unwrap_or_default(), whole));
    }
    found
}

/// Cases that end without the oracle, each with what keeps it from that.
const WITHOUT_ORACLE: [(&str, &str); 22] = [
    (
        "tests/suites/cases/tenancy.rs::g77_a_key_is_good_for_a_minute_beyond_its_time_and_no_longer",
        "its host is stopped in it; `cases/doors.rs` has it with the oracle",
    ),
    (
        "tests/suites/cases/grpc.rs::g77_a_key_is_good_for_a_minute_beyond_its_time_and_no_longer_here_as_well",
        "its host is stopped in it; `cases/doors.rs` has it with the oracle",
    ),
    ("tests/suites/cases/tenancy.rs::g78_a_revoked_key_opens_nothing_from_the_answer_on", "its host is killed in it"),
    (
        "tests/suites/cases/tenancy.rs::g78_a_stream_of_events_ends_once_its_key_is_revoked",
        "what is looked at is a stream that ends",
    ),
    (
        "tests/suites/cases/tenancy.rs::g80_a_scope_opens_what_it_names_and_nothing_else",
        "it swaps, stops and refuses on purpose, by each scope",
    ),
    (
        "tests/suites/cases/tenancy.rs::g80_who_operates_a_tenant_does_not_reach_into_the_machine_and_its_network",
        "no agent runs in it",
    ),
    (
        "tests/suites/cases/tenancy.rs::g80_what_a_task_was_asked_and_answered_is_for_readers",
        "what is looked at is who sees what",
    ),
    (
        "tests/suites/cases/tenancy.rs::f73_another_tenants_things_are_as_if_they_did_not_exist_through_every_route",
        "what it reaches for runs on behind its end",
    ),
    (
        "tests/suites/cases/tenancy.rs::f73_the_same_names_and_idempotency_keys_are_free_in_every_tenant",
        "a release is loaded in it, and stays so",
    ),
    (
        "tests/suites/cases/grpc.rs::f73_another_tenants_things_are_as_if_they_did_not_exist_through_every_call",
        "what it reaches for runs on behind its end",
    ),
    (
        "tests/suites/cases/grpc.rs::f76_of_calls_beyond_an_agents_share_exactly_those_are_admitted_that_have_room",
        "`a8` has it with the oracle, by REST",
    ),
    (
        "tests/suites/state/keys.rs::f63_a_key_that_looks_like_a_path_or_a_prefix_is_an_opaque_key_of_its_own",
        "`cases/alike.rs` has it with the oracle",
    ),
    (
        "tests/suites/agents/asked.rs::f68_agents_that_ask_each_other_round_and_round_stop_at_a_depth",
        "`cases/alike.rs` has it with the oracle",
    ),
    (
        "tests/suites/agents/granted.rs::f70_an_agent_that_may_not_be_asked_is_answered_as_one_that_is_not_there",
        "`cases/alike.rs` has it with the oracle",
    ),
    (
        "tests/suites/events/by_agents.rs::f68_agents_that_publish_in_a_circle_are_stopped_also_where_they_ask_each_other_on_the_way",
        "the circle is looked at to its last event",
    ),
    (
        "tests/suites/events/doors.rs::f65_who_sent_an_event_is_what_the_host_knows_and_f66_no_raw_text_is_a_topic",
        "no agent runs in it",
    ),
    (
        "tests/suites/events/hooks.rs::f71_a_message_is_one_event_however_often_it_comes_and_none_out_of_its_time",
        "no agent runs in it",
    ),
    (
        "tests/suites/events/order.rs::f72_poison_is_delivered_so_often_and_then_a_dead_letter_and_its_line_moves_on",
        "`cases/events.rs` has it with the oracle",
    ),
    (
        "tests/suites/approval/text.rs::g84_a_changed_text_alone_waits_and_the_served_text_stays_until_it_is_approved",
        "what serves changes in it",
    ),
    (
        "tests/suites/ws/closed.rs::g77_a_socket_and_its_streams_end_once_their_key_has_expired",
        "it waits for a key's time; `cases/doors.rs` has it with the oracle",
    ),
    (
        "tests/suites/ws/closed.rs::g87_what_is_far_too_large_is_told_so_in_one_frame_or_in_many_and_others_are_served",
        "no agent runs in it",
    ),
    ("tests/suites/ws/refused.rs::g82_a_socket_is_opened_under_a_name_of_this_host_alone", "no agent runs in it"),
];

/// Whether a name is that of a hostile case: one of the letters a to g, a number, and a sentence.
fn is_case(name: &str) -> bool {
    let rest = name.strip_prefix(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
    let number = rest.and_then(|rest| rest.split_once('_')).map(|(number, _)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[test]
fn every_hostile_case_ends_with_the_oracle() {
    let suites = root().join("tests/suites");
    let (mut cases, mut without) = (0, BTreeSet::new());
    for path in files(&["rs"]).into_iter().filter(|path| path.starts_with(&suites)) {
        let text = std::fs::read_to_string(&path).expect("text");
        if !functions(&text).iter().any(|(name, _)| is_case(name)) {
            continue;
        }
        // What ends with it stands in the file itself, or beside it for all its cases.
        let beside = std::fs::read_to_string(path.with_file_name("mod.rs")).unwrap_or_default();
        let all: Vec<(&str, &str)> = [functions(&text), functions(&beside)].concat();
        let mut ends: BTreeSet<&str> = BTreeSet::new();
        loop {
            let calls = |text: &str, name: &str| {
                text.match_indices(name).any(|(at, _)| {
                    text[at + name.len()..].starts_with('(')
                        && !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
                })
            };
            let more = all.iter().filter(|(name, text)| {
                let body = text.split_once('{').map_or("", |(_, body)| body);
                !ends.contains(name) && (body.contains("oracle.holds()") || ends.iter().any(|end| calls(body, end)))
            });
            let more: Vec<&str> = more.map(|(name, _)| *name).collect();
            if more.is_empty() {
                break;
            }
            ends.extend(more);
        }
        for (name, _) in functions(&text).into_iter().filter(|(name, _)| is_case(name)) {
            cases += 1;
            if !ends.contains(name) {
                without.insert(format!("{}::{name}", shown(&path)));
            }
        }
    }
    assert!(cases > 100, "only {cases} cases were found");
    let excused: BTreeSet<String> = WITHOUT_ORACLE.iter().map(|(case, _)| (*case).to_owned()).collect();
    let differ: Vec<&String> = without.symmetric_difference(&excused).collect();
    assert!(
        differ.is_empty(),
        "these end without `Oracle::holds` and are not excused, or are and do not:\n{differ:#?}"
    );
}

/// Whether the entry of a promise names tests, or of a figure the bench that measures it.
fn is_enforced(entry: &str) -> bool {
    !named_tests(entry).is_empty() || entry.contains("`just bench`")
}

#[test]
fn promises_name_only_tests_that_exist() {
    let text = std::fs::read_to_string(root().join("PROMISES.md")).expect("PROMISES.md stands at the root");
    let absent: Vec<String> = named_tests(&text)
        .into_iter()
        .filter(|(file, test)| !has_test(&root().join(file), test))
        .map(|(file, test)| format!("there is no test `{file}::{test}`"))
        .collect();
    assert!(absent.is_empty(), "{}", absent.join("\n"));
}

#[test]
fn every_promise_is_listed_and_those_without_tests_are_pending() {
    let text = std::fs::read_to_string(root().join("PROMISES.md")).expect("PROMISES.md stands at the root");
    let mut wrong = Vec::new();
    for promise in promises() {
        // An entry is one row of a table.
        match place(&text, &promise).and_then(|start| text[start..].lines().next()) {
            None => wrong.push(format!("PROMISES.md does not list {promise}")),
            Some(entry) if is_enforced(entry) == entry.contains("*pending*") => {
                wrong.push(format!("{promise} names what enforces it, or else is *pending*"));
            }
            Some(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_recipe_for_a_capability_names_files_that_there_are_each_once() {
    let text = std::fs::read_to_string(root().join("CONTRIBUTING.md")).expect("CONTRIBUTING.md stands at the root");
    let (_, recipe) = text.split_once("\n### Add a capability\n").expect("a recipe");
    let recipe = recipe.split("\n### ").next().expect("an end");
    let quoted = recipe.split('`').skip(1).step_by(2);
    let mut wrong = Vec::new();
    let mut named = BTreeSet::new();
    for path in quoted.filter(|quoted| quoted.contains('/') && !quoted.contains(' ')) {
        // The newest capability has walked it.
        let there = path.replace("NAME", "files").replace("-*", "-out-of-the-directory");
        if !root().join(&there).exists() {
            wrong.push(format!("there is no `{there}`"));
        }
        if !named.insert(path) {
            wrong.push(format!("`{path}` is named twice"));
        }
    }
    assert!(named.len() > 40, "the recipe is read as it is written");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
