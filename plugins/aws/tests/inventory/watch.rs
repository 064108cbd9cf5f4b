//! The skill `watch`: an event for each change between two scans, once, and none for what nobody could see.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use troupe_agent_aws::Aws;
use troupe_sdk::test::{self, Answer, Host, Published};
use troupe_sdk::{CapabilityError, Failure, Limit, state};

use crate::aws::{Asked, account, ec2_error, xml, xml_error};
use crate::changes::look;

/// What the account answers: each scan may have another.
type Script = Box<dyn FnMut(&Asked) -> Option<Answer>>;

/// An account whose answers the test changes between two scans.
pub struct Account {
    pub host: Host,
    script: Rc<RefCell<Script>>,
}

impl Account {
    pub fn new(first: impl FnMut(&Asked) -> Option<Answer> + 'static) -> Self {
        let script: Rc<RefCell<Script>> = Rc::new(RefCell::new(Box::new(first)));
        let asked = Rc::clone(&script);
        Self { host: account(move |what| (asked.borrow_mut())(what)), script }
    }

    pub fn answers(&self, script: impl FnMut(&Asked) -> Option<Answer> + 'static) {
        *self.script.borrow_mut() = Box::new(script);
    }

    /// What was published since so many events.
    fn told_after(&self, count: usize) -> BTreeMap<String, String> {
        self.host.published().iter().skip(count).map(told).collect()
    }
}

fn watch() -> Result<Value, Failure> {
    test::perform::<Aws>("watch", json!({ "services": ["ec2", "iam"] }))
}

/// The id of the resource, the topic and the fields.
fn told(event: &Published) -> (String, String) {
    let change = &event.data;
    let resource = if change["now"].is_null() { &change["before"] } else { &change["now"] };
    let fields = change["fields"].as_array().map(|fields| format!(" {}", json!(fields))).unwrap_or_default();
    assert!(event.topic.ends_with(change["change"].as_str().unwrap()), "{event:?}");
    assert_eq!(event.options["attributes"]["subject"], resource.get("arn").unwrap_or(&resource["id"]).clone());
    (resource["id"].as_str().unwrap().to_owned(), format!("{}{fields}", event.topic))
}

/// What the agent keeps.
fn kept() -> BTreeMap<String, Vec<u8>> {
    let keys = state::list_keys("", None, 1_000).unwrap();
    keys.into_iter().map(|key| (key.clone(), state::get(&key).unwrap().unwrap().value)).collect()
}

/// Has the agent's state be as it was.
fn restore(before: &BTreeMap<String, Vec<u8>>) {
    for key in kept().keys().filter(|key| !before.contains_key(*key)) {
        state::delete(key).unwrap();
    }
    for (key, value) in before {
        state::set(key, value).unwrap();
    }
}

fn denied(operation: &'static str) -> impl FnMut(&Asked) -> Option<Answer> {
    move |asked| match asked.operation.as_str() {
        it if it == operation => Some(ec2_error(403, "UnauthorizedOperation", "no")),
        _ => look(false)(asked),
    }
}

#[test]
fn ten_changes_are_ten_events_and_the_first_scan_is_none() {
    let account = Account::new(look(false));
    let first = watch().unwrap();
    assert_eq!(first["first_scans"], json!(["ec2 in us-east-1", "iam"]));
    // Twenty volumes, a subnet, a user, the account and its passwords.
    assert_eq!((&first["counts"], &first["published"]), (&json!({ "first_seen": 24 }), &json!(0)));
    assert_eq!(account.host.published(), []);
    account.answers(look(true));
    let second = watch().unwrap();
    assert_eq!((&second["first_scans"], &second["published"]), (&json!([]), &json!(10)));
    assert_eq!(second["counts"], json!({ "gone": 3, "changed": 4, "new": 3, "same": 17 }));
    let expected = [
        ("vol-00", "aws.ec2.volume.gone"),
        ("vol-01", "aws.ec2.volume.gone"),
        ("vol-02", "aws.ec2.volume.gone"),
        ("vol-03", "aws.ec2.volume.changed [\"attributes.size_gib\"]"),
        ("vol-04", "aws.ec2.volume.changed [\"attributes.size_gib\"]"),
        ("vol-05", "aws.ec2.volume.changed [\"tags.team\"]"),
        ("vol-20", "aws.ec2.volume.new"),
        ("vol-21", "aws.ec2.volume.new"),
        ("vol-22", "aws.ec2.volume.new"),
        ("ann", "aws.iam.user.changed [\"attributes.access_keys\"]"),
    ];
    let expected: BTreeMap<_, _> = expected.map(|(id, told)| (id.to_owned(), told.to_owned())).into();
    assert_eq!(account.told_after(0), expected);
    let changed = account.host.published().into_iter().find(|event| told(event).0 == "vol-03").unwrap();
    assert_eq!(changed.data["before"]["attributes"]["size_gib"], 8);
    assert_eq!(changed.data["now"]["attributes"]["size_gib"], 16);
    // Nothing has changed since, so nothing is told and nothing written.
    let state = kept();
    assert_eq!((&watch().unwrap()["published"], account.host.published().len()), (&json!(0), 10));
    assert_eq!(kept(), state);
    // A head and a page of each.
    assert_eq!(state.len(), 4, "{:?}", state.keys());
}

#[test]
fn what_changes_back_and_again_is_told_each_time() {
    let account = Account::new(look(false));
    watch().unwrap();
    for (scan, second) in [true, false, true].into_iter().enumerate() {
        account.answers(look(second));
        assert_eq!(watch().unwrap()["published"], 10);
        assert_eq!(account.host.published().len(), 10 * (scan + 1));
    }
}

#[test]
fn a_run_that_ended_before_it_kept_its_scan_is_made_up_for_without_doubled_events() {
    let account = Account::new(look(false));
    watch().unwrap();
    let before = kept();
    account.answers(look(true));
    watch().unwrap();
    let events = account.host.published();
    restore(&before);
    // The bus tells under which id it has an event already, and keeps none twice.
    assert_eq!(watch().unwrap()["published"], 10);
    assert_eq!(account.host.published(), events);
    // A page that such a run left is removed by the next that keeps a scan.
    state::set("watch/111122223333/ec2/us-east-1/left", "").unwrap();
    account.answers(look(false));
    watch().unwrap();
    assert_eq!(kept().len(), 4);
}

#[test]
fn what_could_not_be_listed_is_never_gone() {
    let account = Account::new(look(false));
    watch().unwrap();
    for operation in ["DescribeVolumes", "ListUsers"] {
        account.answers(denied(operation));
        let found = watch().unwrap();
        assert_eq!(found["counts"].get("gone"), None, "{found:#}");
        assert_ne!(found["counts"]["unknown"], 0);
        assert_eq!(found["errors"][0]["operation"], operation);
    }
    assert_eq!(account.host.published(), []);
    // What is there again is not new, and what changed meanwhile is told.
    account.answers(look(true));
    assert_eq!(watch().unwrap()["published"], 10);
}

#[test]
fn what_no_scan_could_see_is_not_new_when_it_is_seen() {
    let account = Account::new(denied("DescribeVolumes"));
    watch().unwrap();
    account.answers(look(false));
    let found = watch().unwrap();
    assert_eq!((&found["counts"]["first_seen"], account.host.published().len()), (&json!(20), 0));
    account.answers(look(true));
    assert_eq!(watch().unwrap()["published"], 10);
    // One that was there, and could not be listed once, hides nothing that is new.
    account.answers(denied("DescribeVolumes"));
    watch().unwrap();
    account.answers(look(true));
    watch().unwrap();
    account.answers(look(false));
    let count = account.host.published().len();
    watch().unwrap();
    assert_eq!(account.told_after(count).get("vol-00").map(String::as_str), Some("aws.ec2.volume.new"));
}

/// A bucket of which nobody can read the tags or the region for a while.
fn bucket(versioning: &'static str, fails: &'static str) -> impl FnMut(&Asked) -> Option<Answer> {
    move |asked| {
        if asked.service != "s3" {
            return None;
        }
        if asked.action == format!("s3:{fails}") {
            return Some(xml_error(403, "AccessDenied"));
        }
        Some(match asked.action.as_str() {
            "s3:ListBuckets" => xml("<R><Buckets><Bucket><Name>reports</Name></Bucket></Buckets></R>"),
            "s3:GetBucketLocation" => xml("<LocationConstraint>eu-west-1</LocationConstraint>"),
            "s3:GetBucketVersioning" => xml(&format!("<V><Status>{versioning}</Status></V>")),
            _ => xml_error(404, "NoSuchPublicAccessBlockConfiguration"),
        })
    }
}

#[test]
fn what_could_not_be_read_of_a_resource_is_compared_with_what_it_was_before() {
    let watch = || test::perform::<Aws>("watch", json!({ "services": ["s3"] })).unwrap();
    let account = Account::new(bucket("Enabled", ""));
    watch();
    for fails in ["GetBucketVersioning", "GetBucketLocation", "ListBuckets"] {
        account.answers(bucket("Suspended", fails));
        let found = watch();
        assert_eq!((&found["published"], account.host.published().len()), (&json!(0), 0), "{fails}: {found:#}");
    }
    account.answers(bucket("Suspended", ""));
    watch();
    let told = account.told_after(0);
    assert_eq!(told["reports"], "aws.s3.bucket.changed [\"attributes.versioning\"]");
}

#[test]
fn what_the_bus_has_no_room_for_comes_with_the_next_run() {
    let account = Account::new(look(false));
    watch().unwrap();
    let before = kept();
    let full =
        CapabilityError::Limit(Limit { code: "limit.events".to_owned(), maximum: 1, message: "full".to_owned() });
    account.answers(look(true));
    let host = account.host.events_fail(full);
    let found = watch().unwrap();
    assert_eq!((&found["published"], &found["put_off"]), (&json!(0), &json!(10)));
    assert_eq!(host.published(), []);
    let kept = kept();
    let resources = |state: &BTreeMap<String, Vec<u8>>| -> Vec<u8> {
        state.iter().filter(|(key, _)| key.len() > 80).flat_map(|(_, page)| page.clone()).collect()
    };
    assert_eq!(resources(&kept), resources(&before));
    let account = Account::new(look(true));
    restore(&kept);
    assert_eq!(watch().unwrap()["published"], 10);
    assert_eq!(account.told_after(0).len(), 10);
}

#[test]
fn of_two_runs_at_once_one_keeps_its_scan() {
    let account = Account::new(look(false));
    watch().unwrap();
    let head = "watch/111122223333/ec2/us-east-1";
    let there = state::get(head).unwrap().unwrap().value;
    account.answers(look(true));
    let host = account.host.rival_write(head, there);
    let failure = watch().unwrap_err();
    assert!(matches!(failure, Failure::Unavailable(_)), "{failure:?}");
    // The next makes up for it, without an event twice.
    watch().unwrap();
    assert_eq!(host.published().len(), 10);
}

#[test]
fn many_and_long_resources_are_kept_in_pages_that_fit_the_state() {
    let volumes = |count: u32, long: &'static str| {
        move |asked: &Asked| match asked.operation.as_str() {
            "DescribeVolumes" => {
                let tags = "<tagSet><item><key>why</key><value>0123456789</value></item></tagSet>";
                let one = |number| format!("<item><volumeId>vol-{number:06}</volumeId><size>8</size>{tags}</item>");
                Some(xml(&format!("<R><volumeSet>{}</volumeSet></R>", (0..count).map(one).collect::<String>())))
            }
            "DescribeSecurityGroups" => {
                let cidrs: String = (0..2_000).map(|_| format!("<item><cidrIp>{long}</cidrIp></item>")).collect();
                Some(xml(&format!(
                    "<R><securityGroupInfo><item><groupId>sg-1</groupId><ipPermissions><item><ipProtocol>tcp</ipProtocol>\
                     <ipRanges>{cidrs}</ipRanges></item></ipPermissions></item></securityGroupInfo></R>"
                )))
            }
            _ => None,
        }
    };
    let watch = || test::perform::<Aws>("watch", json!({ "services": ["ec2"] })).unwrap();
    let account = Account::new(volumes(4_000, "10.0.0.0/8"));
    watch();
    let state = kept();
    assert!(state.len() > 2 && state.values().all(|value| value.len() <= 1024 * 1024), "{}", state.len());
    account.answers(volumes(4_001, "10.0.0.0/9"));
    let found = watch();
    assert_eq!(found["counts"], json!({ "same": 4_000, "changed": 1, "new": 1 }));
    let event = account.host.published().into_iter().find(|event| told(event).0 == "sg-1").unwrap();
    assert_eq!(event.data["fields"], json!(["attributes.ingress"]));
    assert!(event.data["now"]["attributes"]["ingress"]["sha256"].is_string(), "{:#}", event.data);
    // Pages are named by what is in them.
    let page = kept().into_iter().find(|(key, _)| key.len() > 80).unwrap();
    assert!(page.0.ends_with(&hex::encode(Sha256::digest(&page.1))), "{}", page.0);
}

#[test]
fn an_account_that_nobody_knows_is_not_watched() {
    let account = Account::new(|asked| (asked.service == "sts").then(|| xml_error(403, "AccessDenied")));
    let Failure::Denied(problem) = watch().unwrap_err() else { panic!("asking again is of no use") };
    assert!(problem.message.ends_with("GetCallerIdentity in us-east-1: told (AccessDenied)"), "{}", problem.message);
    account.answers(|asked| (asked.service == "sts").then(|| xml_error(500, "InternalFailure")));
    assert!(matches!(watch().unwrap_err(), Failure::Unavailable(_)));
    assert_eq!((kept().len(), account.host.published().len()), (0, 0));
}
