use proptest::prelude::*;
use troupe_core::audit::AuditKind;
use troupe_core::view::AuditRecord;
use troupe_core::{ChannelName, Code, ReleaseRef, limits};
use troupe_store::{AuditFilter, ChannelMove, ChannelRow, Mark, Published};

use crate::support::{Home, agent, release, tenant};

fn to(channel: &str, downgrade: bool) -> ChannelMove {
    ChannelMove { channel: name(channel), downgrade, by: "owner".to_owned() }
}

fn name(channel: &str) -> ChannelName {
    channel.parse().unwrap()
}

fn reference(version: &str) -> ReleaseRef {
    format!("aws@{version}").parse().unwrap()
}

async fn publish(home: &Home, version: &str, channel: Option<ChannelMove>) -> troupe_core::Result<Published> {
    home.store.publish_to(&tenant(), release(&format!("aws@{version}"), version), channel, Some("owner")).await
}

async fn records(home: &Home, kind: AuditKind) -> Vec<AuditRecord> {
    let filter = AuditFilter { kind: Some(kind), ..AuditFilter::default() };
    home.store.audit_records(&tenant(), &filter, 0, 1_000, false).await.unwrap()
}

#[tokio::test]
async fn a_channel_rises_and_falls_only_by_an_explicit_word_which_is_on_record() {
    let home = Home::open().await;
    publish(&home, "1.0.0", Some(to("stable", false))).await.unwrap();
    publish(&home, "1.10.0", Some(to("stable", false))).await.unwrap();
    // By precedence, not by its text.
    let refused = publish(&home, "1.9.0", Some(to("stable", false))).await.unwrap_err();
    assert_eq!(refused.code, Code::ArtifactDowngrade);
    insta::assert_snapshot!(refused, @"channel `stable` of aws names 1.10.0, which is higher than 1.9.0; going down must be said explicitly, as `troupe channels aws set stable 1.9.0 --downgrade` does");
    assert_eq!(home.store.release(&tenant(), &reference("1.9.0")).await.unwrap(), None, "neither or both");
    let refused = home.store.move_channel(&tenant(), &reference("1.0.0"), to("stable", false)).await.unwrap_err();
    assert_eq!(refused.code, Code::ArtifactDowngrade);
    assert!(records(&home, AuditKind::ChannelDowngraded).await.is_empty());

    let down = home.store.move_channel(&tenant(), &reference("1.0.0"), to("stable", true)).await.unwrap();
    assert_eq!((down.version.to_string().as_str(), down.number), ("1.0.0", 3));
    let told = records(&home, AuditKind::ChannelDowngraded).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].details["previous"], "1.10.0");
    let again = home.store.move_channel(&tenant(), &reference("1.0.0"), to("stable", false)).await.unwrap();
    assert_eq!(again, down, "what it names already is no move");
    let kinds = home.kinds().await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "channel.moved").count(), 3);
}

#[tokio::test]
async fn a_channel_that_is_made_again_does_not_fall_below_what_it_named_last() {
    let home = Home::open().await;
    publish(&home, "1.0.0", None).await.unwrap();
    publish(&home, "2.0.0", Some(to("stable", false))).await.unwrap();
    home.store.remove_channel(&tenant(), &agent(), &name("stable"), "owner").await.unwrap();
    assert!(home.store.channels(&tenant(), &agent()).await.unwrap().is_empty());
    assert_eq!(home.store.channel(&tenant(), &agent(), &name("stable")).await.unwrap(), None);
    let gone = home.store.remove_channel(&tenant(), &agent(), &name("stable"), "owner").await.unwrap_err();
    assert_eq!(gone.code, Code::ChannelNotFound);
    let refused = home.store.move_channel(&tenant(), &reference("1.0.0"), to("stable", false)).await.unwrap_err();
    assert_eq!(refused.code, Code::ArtifactDowngrade);
    assert!(refused.message.contains("named 2.0.0 before it was removed"), "{refused}");
    let back = home.store.move_channel(&tenant(), &reference("2.0.0"), to("stable", false)).await.unwrap();
    assert_eq!(back.number, 3);
}

#[tokio::test]
async fn channels_of_an_agent_are_bounded() {
    let home = Home::open().await;
    publish(&home, "1.0.0", None).await.unwrap();
    for number in 0..limits::CHANNELS_PER_AGENT_MAX {
        home.store.move_channel(&tenant(), &reference("1.0.0"), to(&format!("c{number}"), false)).await.unwrap();
    }
    let error = home.store.move_channel(&tenant(), &reference("1.0.0"), to("more", false)).await.unwrap_err();
    assert_eq!(error.code, Code::LimitChannels);
    let missing = home.store.move_channel(&tenant(), &reference("9.0.0"), to("c1", false)).await.unwrap_err();
    assert_eq!(missing.code, Code::ReleaseNotFound);
}

const VERSIONS: [&str; 5] = ["1.0.0-dev.2", "1.0.0-dev.10", "1.0.0", "1.9.0", "1.10.0"];

/// What somebody does.
#[derive(Debug, Clone, Copy)]
enum Act {
    Publish(usize, bool),
    Move(usize, bool),
    Remove,
    Yank(usize, bool),
    Delete(usize),
}

fn act() -> impl Strategy<Value = Act> {
    let version = 0..VERSIONS.len();
    prop_oneof![
        2 => (version.clone(), any::<bool>()).prop_map(|(version, down)| Act::Publish(version, down)),
        4 => (version.clone(), any::<bool>()).prop_map(|(version, down)| Act::Move(version, down)),
        1 => Just(Act::Remove),
        1 => (version.clone(), any::<bool>()).prop_map(|(version, yank)| Act::Yank(version, yank)),
        1 => version.prop_map(Act::Delete),
    ]
}

async fn done(home: &Home, act: Act) -> troupe_core::Result<()> {
    let store = &home.store;
    match act {
        Act::Publish(version, down) => publish(home, VERSIONS[version], Some(to("stable", down))).await.map(drop),
        Act::Move(version, down) => {
            store.move_channel(&tenant(), &reference(VERSIONS[version]), to("stable", down)).await.map(drop)
        }
        Act::Remove => store.remove_channel(&tenant(), &agent(), &name("stable"), "owner").await.map(drop),
        Act::Yank(version, yank) => {
            let mark = if yank { Mark::Yank(None) } else { Mark::Unyank };
            store.mark_release(&tenant(), &reference(VERSIONS[version]), mark, "owner").await.map(drop)
        }
        Act::Delete(version) => {
            store.delete_release(&tenant(), &reference(VERSIONS[version]), Some("owner"), None).await.map(drop)
        }
    }
}

async fn look(home: &Home) -> Option<ChannelRow> {
    home.store.channel(&tenant(), &agent(), &name("stable")).await.unwrap()
}

#[test]
fn whatever_is_done_a_channel_never_falls_unseen_and_names_what_is_there() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    proptest!(ProptestConfig::with_cases(24), |(acts in prop::collection::vec(act(), 1..24))| {
        runtime.block_on(async {
            let home = Home::open().await;
            let (mut last, mut number, mut falls) = (None::<semver::Version>, 0, 0);
            for act in acts {
                let before = look(&home).await;
                let did = done(&home, act).await;
                let after = look(&home).await;
                if did.is_err() {
                    assert_eq!(after, before, "{act:?} was refused and changed something");
                }
                let Some(row) = &after else {
                    // Its removal has a number, too.
                    number += u64::from(before.is_some());
                    continue;
                };
                let named = ReleaseRef { agent: agent(), version: row.version.clone() };
                let found = home.store.release(&tenant(), &named).await.unwrap();
                let found = found.expect("what a channel names cannot be deleted");
                assert_eq!(found.digest, row.digest);
                if after != before {
                    assert_eq!(row.number, number + 1, "{act:?}");
                    let fell = last.as_ref().is_some_and(|last| row.version < *last);
                    let said = matches!(act, Act::Publish(_, true) | Act::Move(_, true));
                    assert!(!fell || said, "{act:?} took the channel from {last:?} to {}", row.version);
                    assert!(found.standing.yanked.is_none(), "a channel was moved to a yanked release");
                    falls += usize::from(fell);
                }
                (last, number) = (Some(row.version.clone()), row.number);
            }
            assert_eq!(records(&home, AuditKind::ChannelDowngraded).await.len(), falls);
        });
    });
}
