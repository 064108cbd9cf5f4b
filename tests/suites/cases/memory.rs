//! B, and F64: an agent that takes memory, tables and handles without end, or hands the host
//! numbers that mean nothing.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_core::limits;
use troupe_tests::guests::packed;
use troupe_tests::odd::{OWN, Odd, StringEncoding, utf16};
use troupe_tests::oracle::Oracle;
use troupe_tests::shared::Shared;
use troupe_tests::{Client, Host, guests};

use super::{acted, ask, ended, serve, turn, watch};
use crate::PROGRAM;

static HOST: Shared = Shared::new();

/// Where the memory of an odd agent of two pages ends.
const END: u32 = 2 * 64 * 1024;

/// What an odd agent answers, which must be a good answer.
async fn answered(odd: &Odd) -> Value {
    let host = turn(&HOST).await;
    serve(&host, odd).await;
    let oracle = watch(&host).await;
    let output = oracle.client().run("odd", "act", json!({})).await.output();
    oracle.holds().await;
    output
}

/// Has odd agents break the rules; the host says no more of any than that.
async fn trapped<const N: usize>(odds: [Odd; N]) {
    let host = turn(&HOST).await;
    for said in acted(&host, odds, "guest.trap").await {
        assert_eq!(said, "the agent broke the rules of the component model");
    }
}

#[tokio::test]
async fn b11_memory_is_given_up_to_the_limit_and_refused_beyond_it() {
    let host = turn(&HOST).await;
    let mut oracle = Oracle::watch(&host).await;
    let taken = ask(&oracle, "grow_gently", json!({})).await.output()["bytes"].as_u64().unwrap();
    assert!((48 << 20..64 << 20).contains(&taken), "{taken}");
    let said = ended(&mut oracle, "grow", json!({}), "limit.memory").await;
    assert_snapshot!(said, @"the agent needed more memory than its limit of 64 MiB");
    oracle.holds().await;
}

#[tokio::test]
async fn b11_what_a_guest_took_is_given_back_when_it_has_ended_whoever_comes_next() {
    let host = turn(&HOST).await;
    let mut oracle = Oracle::watch(&host).await;
    // The bystander has made the least of its calls by then, so that hardly anybody comes next.
    let began = std::time::Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        ask(&oracle, "environment", json!({})).await.output();
    }
    ended(&mut oracle, "print_at_once", json!({ "bytes": 40 << 20 }), "limit.transfer").await;
    oracle.holds().await;
}

#[tokio::test]
async fn b15_a_table_grows_up_to_the_limit_and_is_then_refused() {
    // It grows until it is refused, and answers how many elements there were.
    let odd = Odd {
        fields: "(table $t 1 funcref)".to_owned(),
        act: format!(
            "(loop $more (br_if $more (i32.ge_s (table.grow $t (ref.null func) (i32.const 1000)) (i32.const 0))))
             (i32.store (i32.const 8192) (i32.add (i32.const {}) (i32.gt_u (table.size $t) (i32.const {}))))
             (i32.const 32)",
            u32::from(b'0'),
            limits::GUEST_TABLE_ELEMENTS_MAX,
        ),
        ..Odd::answering(8192, 1)
    };
    assert_eq!(answered(&odd).await, json!(0), "the table is larger than it may be");
}

/// A call of the log by a guest: with so many fields, which stand at an address.
fn listed(fields: &str, count: u32, before: &str) -> Odd {
    Odd {
        imports: r#"(import "troupe:agent/log@0.1.0" "write" (func $log (param i32 i32 i32 i32 i32)))"#.to_owned(),
        pages: 100,
        act: format!(
            "{before} (call $log (i32.const 2) (i32.const 0) (i32.const 0) {fields} (i32.const {count})) (i32.const 64)"
        ),
        ..Odd::default()
    }
}

#[tokio::test]
async fn b16_a_list_as_an_argument_carries_no_more_than_may_pass_in_one_call() {
    // Fields that are each the same megabyte twice: few in the guest's memory, many in the host's.
    let fields = format!(
        "(loop $next
            (i32.store (local.get 0) (i32.const {text})) (i32.store offset=4 (local.get 0) (i32.const 1048576))
            (i32.store offset=8 (local.get 0) (i32.const {text})) (i32.store offset=12 (local.get 0) (i32.const 1048576))
            (local.set 0 (i32.add (local.get 0) (i32.const 16)))
            (br_if $next (i32.lt_u (local.get 0) (i32.const {end}))))",
        text = 4 * OWN,
        end = 2 * OWN + 16 * 512,
    );
    let before = format!("(local.set 0 (i32.const {})) {fields}", 2 * OWN);
    let many = listed(&format!("(i32.const {})", 2 * OWN), 512, &before);
    // A list of the whole memory, each field of which has no length.
    let empty = Odd { pages: 1_000, ..listed(&format!("(i32.const {})", OWN), 998 * OWN / 16, "") };
    let host = turn(&HOST).await;
    for said in acted(&host, [many, empty], "limit.transfer").await {
        assert_eq!(said, "the agent passed more than 32 MiB in one host call");
    }
}

#[tokio::test]
async fn b16_a_list_that_is_longer_than_memory_is_no_list() {
    let at = |address: u32, count: u32| listed(&format!("(i32.const {address})"), count, "");
    // One beyond the end, lengths whose bytes wrap around, and an address that is not even.
    trapped([at(99 * OWN, OWN / 16 + 1), at(2 * OWN, u32::MAX), at(2 * OWN, 1 << 28), at(2 * OWN + 1, 1)]).await;
}

#[tokio::test]
async fn b17_a_return_value_may_be_large_but_not_larger_than_what_passes() {
    // Zeroes, which are text and no JSON; more of them than one call may carry.
    let odd = Odd { pages: 1000, ..Odd::answering(OWN, 40 << 20) };
    let host = turn(&HOST).await;
    let [said] = acted(&host, [odd], "limit.transfer").await;
    assert_snapshot!(said, @"the agent passed more than 32 MiB in one host call");
}

#[tokio::test]
async fn b17_an_output_may_be_as_large_as_the_manifest_says() {
    let host = turn(&HOST).await;
    let mut modest = guests().hostile.release("1.1.0");
    modest.manifest.limits.output_bytes = Some(64 << 10);
    let client = host.client().fresh();
    client.publish(packed(&modest)).await.of(201);
    client.swap("hostile", "1.1.0").await.of(200);
    let mut oracle = Oracle::watch(&host).await;
    let small = ask(&oracle, "huge_output", json!({ "bytes": 32 << 10 })).await.output();
    assert_eq!(small.as_str().unwrap().len(), 32 << 10);
    let said = ended(&mut oracle, "huge_output", json!({ "bytes": 64 << 10 }), "limit.transfer").await;
    assert_snapshot!(said, @"the agent's output has 65538 bytes; it may have 65536");
    // What does not fit into the guest's own memory never becomes an answer.
    ended(&mut oracle, "huge_output", json!({ "bytes": 30 << 20 }), "limit.memory").await;
    oracle.holds().await;
}

#[tokio::test]
async fn b18_handles_that_are_never_given_back_are_counted() {
    let host = turn(&HOST).await;
    let mut oracle = Oracle::watch(&host).await;
    let said = ended(&mut oracle, "handles", json!({}), "limit.handles").await;
    assert_snapshot!(said, @"the agent held more than 10000 handles");
    oracle.holds().await;
}

#[tokio::test]
async fn b20_random_bytes_are_given_in_pieces_of_a_bounded_size() {
    let host = turn(&HOST).await;
    let mut oracle = Oracle::watch(&host).await;
    let good = ask(&oracle, "random", json!({ "bytes": 64 << 10 })).await.output();
    assert_eq!(good["ok"], true);
    let said = ended(&mut oracle, "random", json!({ "bytes": 1_u64 << 40 }), "limit.transfer").await;
    assert_snapshot!(said, @"the agent asked for more than 64 KiB of random bytes in one call");
    // A refusal that the guest got over explains nothing that comes later.
    let later = json!({ "bytes": 100 << 10 });
    let said = ended(&mut oracle, "random_after_refusal", later, "limit.transfer").await;
    assert_snapshot!(said, @"the agent asked for more than 64 KiB of random bytes in one call");
    oracle.holds().await;
}

/// An odd agent that answers 1 if any byte of the memory that it is given is not zero, and 0 else;
/// then it fills all of it.
fn looking(fill: u8) -> Odd {
    // Below are its own texts and what it was asked.
    let begin = OWN + 4096;
    Odd {
        act: format!(
            "(drop (memory.grow (i32.const 200)))
             (local.set 0 (i32.const {begin})) (local.set 1 (i32.const 0))
             (loop $next
                (local.set 1 (i32.or (local.get 1) (i64.ne (i64.load (local.get 0)) (i64.const 0))))
                (local.set 0 (i32.add (local.get 0) (i32.const 8)))
                (br_if $next (i32.lt_u (local.get 0) (i32.mul (memory.size) (i32.const 65536)))))
             (memory.fill (i32.const {begin}) (i32.const {fill})
                (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const {begin})))
             (i32.store8 (i32.const 8192) (i32.add (i32.const 48) (local.get 1)))
             (i32.const 32)"
        ),
        ..Odd::answering(8192, 1)
    }
}

#[tokio::test]
async fn b23_a_fresh_guest_finds_no_byte_of_whoever_had_its_memory_before() {
    let host = Host::with_agents(PROGRAM).await;
    host.client().make_tenant("neighbour").await;
    let neighbour = host.client().with_key("neighbour", &["read", "run", "operate"]).await.fresh();
    neighbour.publish(looking(0x5A).guest().archive("1.0.0")).await.of(201);
    neighbour.swap("odd", "1.0.0").await.of(200);
    serve(&host, &looking(0xA5)).await;
    let task = json!({ "agent": "odd", "skill": "act", "timeout_ms": 30_000 });
    let act = async |client: &Client| client.post("/api/v1/tasks?wait=30", &task).await.output();
    // In the same places one after the other, and in two at the same time.
    let round = async |client: &Client, other: &Client| {
        for who in [client, other, other, client] {
            assert_eq!(act(who).await, json!(0), "memory of somebody else");
        }
        for _ in 0..4 {
            assert_eq!(tokio::join!(act(client), act(other)), (json!(0), json!(0)), "memory of somebody else");
        }
    };
    round(&host.client().fresh(), &neighbour).await;
    let oracle = watch(&host).await;
    for _ in 0..2 {
        round(oracle.client(), &neighbour).await;
    }
    oracle.holds().await;
}

/// An odd agent whose strings are UTF-16.
fn wide(address: u32, length: u32) -> Odd {
    Odd { encoding: StringEncoding::UTF16, ..Odd::answering(address, length) }
}

#[tokio::test]
async fn b21_a_string_at_the_very_end_of_memory_is_read_whole_and_not_beyond_it() {
    let (text, units) = utf16("\"é→𝄞\"");
    let at = END - text.len() as u32;
    assert_eq!(answered(&wide(at, units).with(at, text.clone())).await, json!("é→𝄞"));
    assert_eq!(answered(&Odd::answering(END - 3, 3).with(END - 3, b"\"e\"".to_vec())).await, json!("e"));
    trapped([wide(at, units + 1).with(at, text), Odd::answering(END - 2, 3)]).await;
}

#[tokio::test]
async fn b21_a_string_that_is_not_where_it_may_be_or_no_text_is_no_string() {
    let (text, units) = utf16("\"wide\"");
    // A high surrogate without a low one.
    let surrogate = vec![b'"', 0, 0x00, 0xD8, b'"', 0];
    trapped([
        // Not where two bytes may begin; then lengths whose bytes wrap around, and addresses
        // of nothing.
        wide(8193, units).with(8193, text),
        wide(8192, u32::MAX),
        wide(8192, 1 << 31),
        Odd::answering(u32::MAX, u32::MAX),
        Odd::answering(u32::MAX, 1),
        wide(8192, 3).with(8192, surrogate),
        // UTF-8 that is cut in the middle.
        Odd::answering(8192, 3).with(8192, vec![b'"', 0xC3, b'"']),
    ])
    .await;
}

#[tokio::test]
async fn b21_a_string_in_a_mixed_encoding_is_what_its_tag_says() {
    let mixed = |length| Odd { encoding: StringEncoding::CompactUTF16, ..Odd::answering(8192, length) };
    // Latin-1, in which each byte is a character, and UTF-16 by the highest bit of the length.
    assert_eq!(answered(&mixed(3).with(8192, vec![b'"', 0xE9, b'"'])).await, json!("é"));
    let (text, units) = utf16("\"→\"");
    assert_eq!(answered(&mixed(units | 1 << 31).with(8192, text)).await, json!("→"));
    trapped([mixed(u32::MAX)]).await;
}

#[tokio::test]
async fn b22_a_case_that_does_not_exist_is_trapped() {
    // Of an argument: a level of a log record.
    let logging = |level: u32| Odd {
        imports: r#"(import "troupe:agent/log@0.1.0" "write" (func $log (param i32 i32 i32 i32 i32)))"#.to_owned(),
        act: format!(
            "(call $log (i32.const {level}) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
             (i32.const 64)"
        ),
        ..Odd::default()
    };
    trapped([
        // Of the result, and of the failure in it.
        Odd::resulting(2, 0, 0),
        Odd::resulting(u32::from(u8::MAX), 0, 0),
        Odd::resulting(1, 5, 0),
        logging(5),
        logging(255),
        logging(u32::MAX),
    ])
    .await;
}

#[tokio::test]
async fn f64_a_handle_that_was_never_given_is_trapped() {
    let host = turn(&HOST).await;
    let mut oracle = Oracle::watch(&host).await;
    for handle in [1, 7, 1_000_000, u32::MAX - 1] {
        ended(&mut oracle, "forge_handle", json!({ "handle": handle }), "guest.trap").await;
    }
    // Nor does one of another kind open anything.
    let said = ended(&mut oracle, "mistake_handle", json!({}), "guest.trap").await;
    assert_snapshot!(said, @"the agent broke the rules of the component model");
    oracle.holds().await;
}
