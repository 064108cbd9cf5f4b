//! A2, B12 to B14, B24, B25 and C30: components that are made to harm whoever looks inside.
//! Each is refused with a code, serves nothing, and what served goes on.

use std::fmt::Write as _;

use insta::assert_snapshot;
use serde_json::json;
use troupe_tests::odd::{Odd, component};
use troupe_tests::oracle::Oracle;
use troupe_tests::shared::Shared;
use troupe_tests::{crowded, guests};

use super::turn;
use crate::host;

static HOST: Shared = Shared::new();

/// The version of the hostile agent under which components are offered.
const VERSION: &str = "6.6.6";

/// Publishes components that must be refused with a code, and checks that nothing has come
/// of any; returns what is said about each.
async fn refused<const N: usize>(components: [Vec<u8>; N], code: &str) -> [String; N] {
    let host = turn(&HOST).await;
    let mut oracle = Oracle::watch(&host).await;
    let client = oracle.client();
    let before = client.get("/api/v1/agents/hostile").await.of(200);
    let mut said = Vec::new();
    for component in components {
        let problem = client.publish(guests().hostile.with_component(component).archive(VERSION)).await;
        said.push(problem.problem(422, code)["detail"].as_str().expect("a sentence").to_owned());
        client.swap("hostile", VERSION).await.problem(404, "release.not_found");
    }
    assert_eq!(client.get("/api/v1/agents/hostile").await.of(200), before);
    oracle.decides_often(code, N);
    oracle.holds().await;
    said.try_into().expect("a sentence for each")
}

/// A text as often as asked for, with the number of each in place of `#`.
fn often(count: usize, text: &str) -> String {
    (0..count).fold(String::new(), |mut all, number| {
        // Writing to a String does not fail.
        let _ = writeln!(all, "{}", text.replace('#', &number.to_string()));
        all
    })
}

#[tokio::test]
async fn a2_a_component_that_never_starts_is_refused_in_time() {
    let odd = Odd { fields: "(func $spin (loop (br 0))) (start $spin)".to_owned(), ..Odd::default() };
    let [said] = refused([odd.component()], "artifact.init_timeout").await;
    assert_snapshot!(said, @"the agent cannot describe itself: it did not start and answer within 10 s");
}

#[tokio::test]
async fn b12_four_gigabytes_of_initial_memory_are_refused_before_anything_is_started() {
    let [said] = refused([Odd { pages: 65_536, ..Odd::default() }.component()], "artifact.limits").await;
    assert_snapshot!(said, @"the component has 4294967296 bytes of initial memory; the host gives at most 536870912");
}

#[tokio::test]
async fn b13_ten_thousand_instances_or_memories_are_refused() {
    let flat = format!("(component (core module $m (memory 1)) {})", often(10_000, "(core instance (instantiate $m))"));
    // A component that makes many of another, which makes many.
    let nested = format!(
        "(component (component $c (core module $m) {}) {})",
        often(60, "(core instance (instantiate $m))"),
        often(170, "(instance (instantiate $c))"),
    );
    let memories = format!("(component (core module {}))", often(10_000, "(memory 1)"));
    let [flat, nested, memories] =
        refused([&flat, &nested, &memories].map(|text| component(text)), "artifact.limits").await;
    assert_snapshot!(flat, @"the component has 10000 core instances; the host gives at most 64");
    assert_snapshot!(nested, @"the component adds up to more than the host gives: The component transitively contains 10200 core module instances, which exceeds the configured maximum of 64 in the pooling allocator");
    assert_snapshot!(memories, @"the component has 10000 memories; the host gives at most 8");
}

#[tokio::test]
async fn b14_a_table_of_billions_of_elements_is_refused() {
    let many = often(10_000, "(table 1 funcref)");
    // One of 64 bits no module may have here; it is refused by its size all the same.
    let tables = ["(table 4294967295 funcref)", "(table i64 18446744073709551615 funcref)", &many];
    let tables = tables.map(|table| component(&format!("(component (core module {table}))")));
    let [large, larger, many] = refused(tables, "artifact.limits").await;
    assert_snapshot!(large, @"the component has 4294967295 initial table elements; the host gives at most 100000");
    assert_snapshot!(larger, @"the component has 18446744073709551615 initial table elements; the host gives at most 100000");
    assert_snapshot!(many, @"the component has 10000 tables; the host gives at most 32");
}

#[tokio::test]
async fn b24_compiled_code_of_one_component_or_engine_is_not_run_as_another() {
    let mut host = host().await;
    host.stop().await;
    let compiled = host.data_dir().join("compiled");
    let files: Vec<_> = std::fs::read_dir(&compiled).unwrap().map(|file| file.unwrap().path()).collect();
    let [first, others @ ..] = files.as_slice() else { panic!("there is no code") };
    assert!(others.len() > 1, "each but one is another's");
    for other in others {
        std::fs::copy(first, other).unwrap();
    }
    // Code that says that another engine made it, under its own name.
    let name = first.file_name().unwrap().to_str().unwrap();
    let of_another = format!("{}-0123456789abcdef.compiled", name.split('-').next().unwrap());
    std::fs::rename(first, compiled.join(of_another)).unwrap();
    host.start().await;
    assert!(host.said().contains("compiled code was not made by this host"));
    let client = host.client().fresh();
    assert_eq!(client.run("echo", "version", json!({})).await.output(), json!({ "version": "1.0.0" }));
    let oracle = Oracle::watch(&host).await;
    oracle.holds().await;
}

#[tokio::test]
async fn b25_a_hundred_thousand_imports_or_exports_are_refused_before_they_are_compiled() {
    let many = [crowded::imports(100_000), crowded::exports(100_000), crowded::inner(100_000)];
    let [imports, exports, inner] = refused(many, "artifact.limits").await;
    assert_snapshot!(imports, @"the component has 100000 imports and exports; the host gives at most 1000");
    assert_snapshot!(exports, @"the component has 100000 imports and exports in all its modules, components and types; the host gives at most 50000");
    assert!(inner.ends_with("in all its modules, components and types; the host gives at most 50000"), "{inner}");
}

#[tokio::test]
async fn b25_a_name_of_a_megabyte_is_refused() {
    let named = |length| {
        let name = "a".repeat(length);
        [
            format!("(component (import \"{name}\" (func)))"),
            format!("(component (core module (import \"m\" \"{name}\" (func))))"),
            format!("(component (core module (func $f) (export \"{name}\" (func $f))))"),
        ]
        .map(|text| component(&text))
    };
    for said in
        [refused(named(1 << 20), "artifact.limits").await, refused(named(64 << 10), "artifact.limits").await].concat()
    {
        assert_eq!(said, "the component has a name longer than 32 KiB, the host's limit");
    }
}

#[tokio::test]
async fn c30_a_component_that_needs_tasks_of_its_own_is_of_another_world() {
    // What it would call to begin, bound and wait for tasks and to hand values over while they run; and
    // functions that are tasks: its own, the host's as it calls it, and one that is said to be.
    let needs = [
        "(core func (canon backpressure.inc))",
        "(core func (canon subtask.drop))",
        "(core func (canon waitable-set.new))",
        "(core func (canon task.return))",
        "(type $bytes (stream u8)) (core func (canon stream.new $bytes))",
        "(type $byte (future u8)) (core func (canon future.new $byte))",
        "(core module $m (func (export \"f\"))) (core instance $i (instantiate $m))
         (func (export \"f\") (canon lift (core func $i \"f\") async))",
        "(import \"f\" (func $f)) (core func (canon lower (func $f) async))",
        "(import \"f\" (func async))",
    ];
    let needs = needs.map(|needs| component(&format!("(component {needs})")));
    assert_snapshot!(refused(needs, "artifact.world").await.join("\n"), @"
    this is not a component the host can run: failed to parse WebAssembly module: `backpressure.inc` requires the component model async feature (at offset 0xb)
    this is not a component the host can run: failed to parse WebAssembly module: `subtask.drop` requires the component model async feature (at offset 0xb)
    this is not a component the host can run: failed to parse WebAssembly module: `waitable-set.new` requires the component model async feature (at offset 0xb)
    this is not a component the host can run: failed to parse WebAssembly module: `task.return` requires the component model async feature (at offset 0xb)
    this is not a component the host can run: failed to parse WebAssembly module: `stream` requires the component model async feature (at offset 0xb)
    this is not a component the host can run: failed to parse WebAssembly module: `future` requires the component model async feature (at offset 0xb)
    this is not a component the host can run: failed to parse WebAssembly module: canonical option `async` requires the component model async feature (at offset 0x4d)
    this is not a component the host can run: failed to parse WebAssembly module: canonical option `async` requires the component model async feature (at offset 0x1a)
    this is not a component the host can run: failed to parse WebAssembly module: async component functions require the component model async feature (at offset 0xb)
    ");
}
