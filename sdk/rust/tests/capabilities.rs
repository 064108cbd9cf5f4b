//! The typed capabilities, on the test host.

use std::io::Write as _;
use std::time::{Duration, SystemTime};

use serde_json::json;
use troupe_sdk::agents::AskError;
use troupe_sdk::approvals::ApprovalError;
use troupe_sdk::files::Kind;
use troupe_sdk::locks::LockError;
use troupe_sdk::log::Level;
use troupe_sdk::state::FencedError;
use troupe_sdk::test::{Host, Report};
use troupe_sdk::wait::Wait;
use troupe_sdk::{
    CapabilityError, Failure, Limit, Problem, Unavailable, agents, approvals, artifacts, events, files, invocation,
    locks, log, progress, state, time,
};

#[test]
fn a_key_that_was_written_is_read_back_with_a_rising_revision() {
    let _host = Host::start();
    assert_eq!(state::get("key"), Ok(None));
    let first = state::set("key", "one").unwrap();
    assert_eq!(state::delete("key"), Ok(true));
    assert_eq!(state::delete("key"), Ok(false));
    let second = state::set("key", [0, 255]).unwrap();
    assert!(second > first, "a deletion does not turn revisions back");
    assert_eq!(state::get("key").unwrap().unwrap().value, [0, 255]);
}

#[test]
fn compare_and_set_writes_only_over_what_was_seen() {
    let _host = Host::start();
    let first = state::compare_and_set("key", None, "one").unwrap();
    assert_eq!(state::compare_and_set("key", None, "two"), Err(CapabilityError::Conflict(Some(first))));
    assert_eq!(state::compare_and_set("other", Some(first), "two"), Err(CapabilityError::Conflict(None)));
    let second = state::compare_and_set("key", Some(first), "two").unwrap();
    assert!(second > first);
}

#[test]
fn a_key_is_absent_when_its_time_is_over() {
    let host = Host::start();
    let start = time::now();
    let first = state::set_with_ttl("lock", "me", Duration::from_secs(2)).unwrap();
    let taken = state::compare_and_set_with_ttl("lock", None, "you", Duration::from_secs(2));
    assert_eq!(taken, Err(CapabilityError::Conflict(Some(first))));
    assert_eq!(state::expire("lock", Some(Duration::from_secs(1))), Ok(true));
    let host = host.at(start + Duration::from_secs(1));
    assert_eq!((state::get("lock"), host.value("lock")), (Ok(None), None));
    assert!(state::list_keys("", None, 10).unwrap().is_empty());
    assert_eq!((state::expire("lock", None), state::delete("lock")), (Ok(false), Ok(false)));
    let second = state::compare_and_set_with_ttl("lock", None, "you", Duration::from_secs(2)).unwrap();
    assert!(second > first);
    assert!(matches!(state::set_with_ttl("k", "", Duration::ZERO), Err(CapabilityError::Invalid(_))));
    assert!(matches!(state::set_with_ttl("k", "", Duration::MAX), Err(CapabilityError::Invalid(_))));
}

#[test]
fn an_increment_counts_in_json_and_checks_what_it_adds_to() {
    let _host = Host::start().stored("text", "many").stored("most", i64::MAX.to_string());
    assert_eq!(state::increment("n", 2), Ok(2));
    assert_eq!(state::increment("n", -5), Ok(-3));
    assert_eq!(state::get_json::<i64>("n"), Ok(Some(-3)));
    assert!(matches!(state::increment("text", 1), Err(CapabilityError::Invalid(_))));
    assert!(matches!(state::increment("most", 1), Err(CapabilityError::Invalid(_))));
}

#[test]
fn keys_are_listed_by_prefix_in_byte_order_page_by_page() {
    let _host = Host::start().stored("a", "").stored("b/2", "").stored("b/10", "").stored("b/1", "").stored("c", "");
    assert_eq!(state::list_keys("b/", None, 2).unwrap(), ["b/1", "b/10"]);
    assert_eq!(state::list_keys("b/", Some("b/10"), 2).unwrap(), ["b/2"]);
    assert_eq!(state::list_keys("b/", Some("a"), 1).unwrap(), ["b/1"]);
    assert!(state::list_keys("b/", Some("b/2"), 2).unwrap().is_empty());
}

#[test]
fn an_instance_has_keys_of_its_own_where_the_task_is_for_one() {
    let _host = Host::start();
    assert_eq!(invocation::instance(), None);
    let refused = state::instance().get("n").unwrap_err();
    assert!(matches!(&refused, CapabilityError::Invalid(why) if why.message.contains("`instance`")), "{refused}");

    let host = Host::start().instance("i-1").stored("n", "1").stored_in_instance("n", "7");
    let mine = state::instance();
    assert_eq!(invocation::instance().as_deref(), Some("i-1"));
    assert_eq!((state::increment("n", 1), mine.increment("n", 1)), (Ok(2), Ok(8)));
    assert_eq!(mine.update_json("list", |list: Option<Vec<u8>>| Ok(list.unwrap_or_default())), Ok(Vec::new()));
    assert_eq!(mine.list_keys("", None, 10).unwrap(), ["list", "n"]);
    assert_eq!(state::list_keys("", None, 10).unwrap(), ["n"]);
    assert_eq!((host.value("n").unwrap(), host.value_in_instance("n").unwrap()), (b"2".to_vec(), b"8".to_vec()));
    let host = host.state_fails(CapabilityError::Denied(Problem::new("not granted")));
    assert!(matches!(mine.set("n", "9"), Err(CapabilityError::Denied(_))));
    assert_eq!(host.value_in_instance("n").unwrap(), b"8");
}

#[test]
fn files_are_written_whole_read_in_pieces_and_listed_by_name() {
    let host = Host::start().file("in", "a/b.txt", "hello").file("other", "a/c.txt", "");
    let (input, output) = (files::directory("in"), files::directory("out"));
    assert_eq!(input.read_text("a/b.txt").unwrap().as_deref(), Some("hello"));
    assert_eq!(input.read("a/c.txt"), Ok(None));
    let piece = input.read_piece("a/b.txt", 3, 10).unwrap().unwrap();
    assert_eq!((piece.bytes.as_slice(), piece.size), (&b"lo"[..], 5));
    output.write("x/y", "1").unwrap();
    output.write("x/z", "22").unwrap();
    let names = |path, after| {
        let items = output.list(path, after, 10).unwrap()?;
        Some(items.into_iter().map(|item| (item.name, item.kind, item.size)).collect::<Vec<_>>())
    };
    assert_eq!(names("", None), Some(vec![("x".to_owned(), Kind::Directory, 0)]));
    assert_eq!(names("x", Some("y")), Some(vec![("z".to_owned(), Kind::File, 2)]));
    assert_eq!(names("nothing", None), None);
    assert!(matches!(output.write("x", ""), Err(CapabilityError::Invalid(_))));
    assert!(matches!(output.write("x/y/z", ""), Err(CapabilityError::Invalid(_))));
    assert!(matches!(output.delete("x"), Err(CapabilityError::Invalid(_))));
    assert_eq!((output.delete("x/y"), output.delete("x/y")), (Ok(true), Ok(false)));
    assert_eq!(host.content("out", "x/z").as_deref(), Some(&b"22"[..]));
    assert_eq!(output.stat("x/z").unwrap().unwrap().size, 2);
    for path in ["", "/a", "a/", "a//b", "../a", "a\\b"] {
        assert!(matches!(output.write(path, ""), Err(CapabilityError::Denied(_))), "{path}");
    }
}

#[test]
fn a_long_file_is_read_whole() {
    let long = vec![7; 2_500_000];
    let _host = Host::start().file("in", "long", &long);
    assert_eq!(files::directory("in").read("long"), Ok(Some(long)));
}

#[test]
fn an_update_is_made_again_over_a_rivals_write() {
    let host = Host::start().stored("count", "1").rival_write("count", "10").rival_write("count", "20");
    let count = state::update_json("count", |count: Option<u32>| Ok(count.unwrap_or(0) + 1));
    assert_eq!(count, Ok(21));
    assert_eq!(host.value("count").unwrap(), b"21");
}

#[test]
fn an_update_outlasts_many_rivals_and_leaves_them_room() {
    let _host = (0..100).fold(Host::start(), |host, number| host.rival_write("count", number.to_string()));
    let start = time::now();
    assert_eq!(state::update_json("count", |count: Option<u32>| Ok(count.unwrap_or(0) + 1)), Ok(100));
    let waited = time::now().duration_since(start).unwrap();
    assert!(waited > Duration::from_secs(10) && waited < Duration::from_secs(100), "{waited:?}");
}

#[test]
fn an_update_that_others_hold_up_until_the_deadline_may_be_tried_again_later() {
    let host = (0..1_000).fold(Host::start(), |host, number| host.rival_write("count", number.to_string()));
    let deadline = time::now() + Duration::from_secs(10);
    let _host = host.deadline(deadline);
    let failure = state::update_json("count", |count: Option<u32>| Ok(count.unwrap_or(0) + 1)).unwrap_err();
    assert!(matches!(&failure, Failure::Unavailable(why) if why.message.contains("`count`")), "{failure:?}");
    assert!(time::now() < deadline);
}

#[test]
fn a_stored_value_that_does_not_fit_names_the_place() {
    let _host = Host::start().stored("list", "[1, true]");
    let failure = state::get_json::<Vec<u32>>("list").unwrap_err();
    assert_eq!(
        failure.to_string(),
        "the stored value does not fit: `[1]`: invalid type: boolean `true`, expected u32 at line 1 column 8"
    );
}

#[test]
fn each_capability_error_becomes_the_failure_its_caller_can_act_on() {
    let denied = Problem::new("state is not granted");
    let later = Unavailable { message: "the store is busy".to_owned(), retry_after: Some(Duration::from_secs(1)) };
    let limit = Limit { code: "limit.storage".to_owned(), maximum: 10, message: "state holds 10 keys".to_owned() };
    let cases = [
        (CapabilityError::Denied(denied.clone()), Failure::Denied(denied)),
        (CapabilityError::Unavailable(later.clone()), Failure::Unavailable(later)),
        (CapabilityError::Invalid(Problem::new("bad key")), Failure::failed("bad key")),
        (
            CapabilityError::Limit(limit),
            Failure::failed("state holds 10 keys").with("code", "limit.storage").with("maximum", 10),
        ),
        (
            CapabilityError::Conflict(Some(4)),
            Failure::unavailable("another write came first: the key is at revision 4"),
        ),
    ];
    for (error, failure) in cases {
        let _host = Host::start().state_fails(error);
        assert_eq!(state::set_json("key", &1), Err(failure.clone()));
        assert_eq!(state::get_json::<u32>("key"), Err(failure));
    }
}

#[test]
fn records_keep_level_sentence_and_fields() {
    let host = Host::start();
    let count = 3;
    log::warn!("saw {count} things", region = "eu-west-1", page = count + 1,);
    log::trace!("done");
    let records = host.records();
    assert_eq!((records[0].level, records[0].message.as_str()), (Level::Warn, "saw 3 things"));
    assert_eq!((records[0].field("region"), records[0].field("page")), (Some("eu-west-1"), Some("4")));
    assert_eq!((records[1].level, records[1].fields.len()), (Level::Trace, 0));
}

#[test]
fn progress_and_parts_arrive_in_order() {
    let host = Host::start();
    progress::report(0.5, "half");
    progress::report(None, String::from("more"));
    progress::partial(&[1, 2]).unwrap();
    progress::partial("end").unwrap();
    let report = |fraction, message: &str| Report { fraction, message: message.to_owned() };
    assert_eq!(host.reports(), [report(Some(0.5), "half"), report(None, "more")]);
    assert_eq!(host.partials(), [json!([1, 2]), json!("end")]);
}

#[test]
fn the_facts_of_the_invocation_are_those_the_test_sets() {
    let deadline = SystemTime::UNIX_EPOCH + Duration::from_millis(1_500);
    let _host = Host::start().tenant("acme").session("s").user("ann").trace("t").attempt(2).deadline(deadline);
    assert_eq!(invocation::tenant(), "acme");
    assert_eq!(invocation::session().as_deref(), Some("s"));
    assert_eq!(invocation::user().as_deref(), Some("ann"));
    assert_eq!((invocation::trace().as_str(), invocation::attempt()), ("t", 2));
    assert_eq!(invocation::deadline(), deadline);
}

#[test]
fn starting_again_forgets_everything() {
    let _earlier = Host::start().tenant("acme").stored("key", "value");
    log::info!("said");
    let host = Host::start();
    assert_eq!(invocation::tenant(), "default");
    assert_eq!(host.value("key"), None);
    assert!(host.records().is_empty());
}

#[test]
fn a_lock_is_held_waited_for_and_given_back() {
    let host = Host::start().rival_lock("a", Duration::from_secs(5));
    let start = time::now();
    let busy = locks::on("a").or_fail().acquire().wait().unwrap_err();
    assert!(matches!(busy, LockError::Busy(_)) && matches!(Failure::from(busy), Failure::Unavailable(_)));
    assert_eq!(locks::on("a").at_most(Duration::from_secs(2)).acquire().wait().unwrap_err(), LockError::TimedOut);
    let lock = locks::on("a").lease(Duration::from_secs(30)).acquire().wait().unwrap();
    assert_eq!((time::now(), lock.until()), (start + Duration::from_secs(5), start + Duration::from_secs(35)));
    assert_eq!(lock.renew(Some(Duration::from_secs(60))), Ok(start + Duration::from_secs(65)));
    let again = locks::on("a").acquire().wait().unwrap_err();
    assert_eq!(again, LockError::Deadlock(vec!["a".to_owned()]));
    assert!(host.holds("a") && !host.holds("b"));
    let first = lock.token();
    drop(lock);
    assert!(!host.holds("a"));
    let lock = locks::on("a").acquire().wait().unwrap();
    assert!(lock.token() > first);
    assert_eq!((lock.release(), host.holds("a")), (Ok(()), false));
}

#[test]
fn who_lost_a_lock_is_told_and_writes_nothing_under_it() {
    let host = Host::start();
    let lock = locks::on("a").acquire().wait().unwrap();
    assert_eq!((lock.set("k", "one"), state::fenced(&lock).increment("n", 2)), (Ok(1), Ok(2)));
    let _host = host.rival_lock("a", Duration::from_secs(60));
    assert_eq!(lock.set("k", "two"), Err(FencedError::Stale(Some(lock.token() + 1))));
    assert_eq!(lock.state().delete("k"), Err(FencedError::Stale(Some(lock.token() + 1))));
    assert_eq!(lock.renew(None).unwrap_err().lost(), Some("expired"));
    assert_eq!(lock.release().unwrap_err().lost(), Some("expired"));
    assert_eq!(state::get("k").unwrap().unwrap().value, b"one");
    let denied = CapabilityError::Denied(Problem::new("no"));
    let _host = Host::start().locks_fail(denied.clone());
    assert_eq!(locks::on("a").acquire().wait().unwrap_err(), LockError::Refused(denied));
}

#[test]
fn another_agent_is_asked_answers_and_fails_as_the_test_says() {
    let host = Host::start()
        .agent("billing", "invoice", |input| Ok(json!({ "of": input })))
        .agent("billing", "busy", |_| Err(Failure::unavailable("later")))
        .agent("billing", "refund", |_| Err(Failure::failed("no money")));
    let invoice: serde_json::Value = agents::ask("billing", "invoice").input(["i-17"]).answer().wait().unwrap();
    assert_eq!(invoice, json!({ "of": ["i-17"] }));
    let child = agents::ask("billing", "invoice").outlives().start().unwrap();
    assert_eq!(agents::find(&child.id()).unwrap().try_answer(), Ok(Some(json!({ "of": {} }))));
    assert_eq!(child.cancel(), Ok(()));
    assert!(matches!(child.answer::<u32>().wait(), Err(AskError::Unfit(_))));
    let refund = agents::ask("billing", "refund").answer::<()>().wait().unwrap_err();
    assert_eq!((refund.code(), refund.is_retryable()), (Some("guest.failed"), false));
    assert!(matches!(Failure::from(refund), Failure::Failed(_)));
    let busy = agents::ask("billing", "busy").answer::<()>().wait().unwrap_err();
    assert!(matches!(Failure::from(busy), Failure::Unavailable(_)));
    let denied = agents::ask("payroll", "raise").answer::<()>().wait().unwrap_err();
    assert!(matches!(&denied, AskError::Refused(CapabilityError::Denied(_))), "{denied}");
    assert_eq!(host.asked().len(), 4);
    assert_eq!(agents::children().unwrap()[0].status, "failed");
    assert!(!invocation::cancelled());
    let _host = host.cancelled();
    assert!(invocation::cancelled());
}

#[test]
fn what_an_agent_publishes_is_seen_and_what_comes_again_under_its_id_is_there_once() {
    let host = Host::start();
    assert_eq!(events::publish("a.b").data([1]).subject("s").send(), Ok(1));
    let urgent = || events::publish("a.c").priority(events::Priority::High).id("1");
    assert_eq!((urgent().send(), urgent().send()), (Ok(2), Ok(2)));
    let published = host.published();
    assert_eq!((published[0].topic.as_str(), &published[0].data), ("a.b", &json!([1])));
    assert_eq!(published[0].options["attributes"], json!({ "subject": "s" }));
    assert_eq!((&published[1].data, &published[1].options["priority"]), (&json!(null), &json!("high")));
    let denied = CapabilityError::Denied(Problem::new("no"));
    let _host = Host::start().events_fail(denied.clone());
    assert_eq!(events::publish("a.b").send(), Err(denied));
}

#[test]
fn an_event_is_read_with_its_data_as_a_type_and_further_attributes_are_passed_over() {
    let event = json!({
        "specversion": "1.0", "id": "1", "source": "/agents/a", "type": "a.b", "time": "2026-01-01T00:00:00Z",
        "sender": "agent/a", "position": 7, "hops": 1, "priority": "high", "extra": "x", "data": { "n": 3 },
    });
    let taken: events::Taken<std::collections::BTreeMap<String, u32>> = serde_json::from_value(event).unwrap();
    assert_eq!((taken.topic.as_str(), taken.data["n"], taken.hops), ("a.b", 3, 1));
    assert_eq!((taken.sender.as_str(), taken.subject, taken.priority), ("agent/a", None, events::Priority::High));
}

#[test]
fn somebody_of_the_test_approves_of_exactly_what_is_shown_or_does_not() {
    let unasked = Host::start();
    let refused = approvals::ask("remove a").decision().wait().unwrap_err();
    assert!(matches!(refused, ApprovalError::Refused(CapabilityError::Denied(_))), "{refused:?}");
    assert!(unasked.asked_to_approve().is_empty());

    let host = Host::start().approves(|summary, action| match action["volume"].as_str() {
        Some("vol-1") => Ok("key/1".to_owned()),
        _ => Err(format!("not {summary}")),
    });
    let asked = approvals::ask("delete a volume").action(json!({ "volume": "vol-1" })).start().unwrap();
    let approved = asked.decision().wait().unwrap();
    assert_eq!((approved.by.as_str(), &approved.action), ("key/1", &json!({ "volume": "vol-1" })));
    assert_eq!((approved.digest, approved.approval), (asked.digest(), asked.id()));
    let rejected = approvals::ask("delete another").action(json!({ "volume": "vol-2" })).decision().wait().unwrap_err();
    assert_eq!(rejected.to_string(), "`somebody` rejected what was shown: not delete another");
    assert!(matches!(Failure::from(rejected), Failure::Failed(_)));
    assert_eq!(host.asked_to_approve()[1], ("delete another".to_owned(), json!({ "volume": "vol-2" })));
}

#[test]
fn an_artefact_is_there_when_it_is_finished_and_says_what_the_host_said() {
    let host = Host::start();
    let mut writer = artifacts::create("a.jsonl", "application/jsonl").unwrap();
    assert!(matches!(artifacts::create("a.jsonl", "text/plain"), Err(CapabilityError::Invalid(_))));
    // More than a piece, so that it is handed over in between.
    for _ in 0..600_000 {
        writer.write_all(b"x").unwrap();
    }
    assert_eq!(host.artifact("a.jsonl"), None, "it is not finished");
    let left = writer.finish().unwrap();
    assert_eq!((left.size, left.digest.len()), (600_000, 71));
    assert_eq!(host.artifact("a.jsonl").unwrap().media_type, "application/jsonl");
    drop(artifacts::create("b.txt", "text/plain").unwrap());
    assert_eq!(artifacts::create("b.txt", "text/plain").unwrap().finish().unwrap().size, 0);
    for bad in ["", "../a", ".a", "-a", "a/b", "a."] {
        assert!(matches!(artifacts::create(bad, "text/plain"), Err(CapabilityError::Invalid(_))), "{bad}");
    }

    let limit = CapabilityError::Limit(Limit { code: "limit.artifacts".to_owned(), ..Limit::default() });
    let mut writer = artifacts::create("c.json", "application/json").unwrap();
    let host = host.artifacts_fail(limit.clone());
    assert_eq!(artifacts::create("d.json", "application/json").err(), Some(limit.clone()));
    let long = "x".repeat(600_000);
    let refused = serde_json::to_writer(&mut writer, &long).unwrap_err();
    assert_eq!(Failure::from(refused), Failure::from(limit.clone()));
    assert_eq!(writer.finish(), Err(limit));
    assert_eq!(host.artifacts().len(), 2);
}
