//! Accounts in which things go wrong: services that ask for patience, keys that expire, services that fail, a
//! region that hangs. What worked is told, and what did not has a row.
//!
//! moto is the account, and between it and the host stands a service that spoils what a rule says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use troupe_tests::Host;
use troupe_tests::adverse::{Adverse, Asked, Fate};

use super::moto::Moto;
use super::{STRANGER, agent_host_at, inventory, inventory_within};

/// The region that hangs where one does.
const HANGS: &str = "eu-west-1";
const REGIONS: [&str; 2] = ["us-east-1", HANGS];

/// One service of each protocol and more: EC2, query, JSON, REST-XML.
const SERVICES: [&str; 7] = ["dynamodb", "ec2", "iam", "kms", "s3", "sns", "sqs"];

/// What the agent gets where a region hangs. A try takes a quarter of it, and the region is given up after two.
const TIME: Duration = Duration::from_secs(30);

/// What it gets where none does and a busy machine may answer late.
const CALM_TIME: Duration = Duration::from_secs(120);

/// How many requests the agent has under way at once.
const AT_ONCE: usize = 8;

/// How often the agent sends a request at most, as its README says.
const TRIES_MAX: usize = 8;

/// An account with something of each service in each region, a host with the agent in front of it, and its inventory
/// while all is well.
struct Account {
    _moto: Moto,
    adverse: Adverse,
    host: Host,
    calm: Value,
}

impl Account {
    async fn new() -> Option<Self> {
        let moto = Moto::start().await?;
        for region in REGIONS {
            let volume = [("Size", "8"), ("AvailabilityZone", &format!("{region}a"))];
            let call = [("Action", "CreateVolume"), ("Version", "2016-11-15")].into_iter().chain(volume);
            let call: Vec<_> = call.map(|(name, value)| (name, value.to_owned())).collect();
            moto.query("ec2", region, &call).await;
            let topic = [("Action", "CreateTopic"), ("Version", "2010-03-31"), ("Name", "alarms")];
            moto.query("sns", region, &topic.map(|(name, value)| (name, value.to_owned()))).await;
            moto.make_table(region, "orders").await;
            moto.json("sqs", region, "AmazonSQS.CreateQueue", &json!({ "QueueName": "jobs" })).await;
            moto.json("kms", region, "TrentService.CreateKey", &json!({})).await;
        }
        moto.make_bucket("reports").await;
        moto.make_role("runner").await;
        let adverse = Adverse::before(moto.url()).await;
        let mut host = agent_host_at(&adverse.url(), STRANGER);
        host.start().await;
        let calm = inventory(&host, where_to_look()).await;
        assert_eq!(calm["errors"], json!([]), "{:#}", calm["errors"]);
        Some(Self { _moto: moto, adverse, host, calm })
    }

    async fn inventory(&self) -> Value {
        inventory(&self.host, where_to_look()).await
    }

    /// What is there while all is well, of what is wanted.
    fn calm(&self, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        self.calm["resources"].as_array().unwrap().iter().filter(|one| wanted(one)).cloned().collect()
    }
}

fn where_to_look() -> Value {
    json!({ "regions": REGIONS, "services": SERVICES })
}

/// The service in the name of a type.
fn service(resource: &Value) -> &str {
    resource["type"].as_str().unwrap().split('.').nth(1).unwrap()
}

/// How many rows there are by service, kind and code.
fn rows(output: &Value) -> BTreeMap<[String; 3], usize> {
    let mut rows = BTreeMap::new();
    for row in output["errors"].as_array().unwrap() {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        *rows.entry(["service", "kind", "code"].map(text)).or_default() += 1;
    }
    rows
}

#[tokio::test]
async fn an_account_that_throttles_each_request_at_first_is_told_whole_and_nothing_is_asked_too_often() {
    let Some(account) = Account::new().await else { return };
    account.adverse.rule(|_, before| if before == 0 { Fate::Throttled } else { Fate::Answered });
    let output = account.inventory().await;
    assert_eq!((&output["errors"], &output["resources"]), (&json!([]), &account.calm["resources"]));
    let asked = account.adverse.asked();
    assert!(asked.values().all(|count| *count == 2), "once throttled, then answered: {asked:#?}");
}

#[tokio::test]
async fn services_that_always_throttle_are_rows_with_their_reason_and_the_rest_is_whole() {
    let Some(account) = Account::new().await else { return };
    let throttled = ["kms", "sns"];
    account.adverse.rule(
        move |asked, _| {
            if throttled.contains(&asked.service.as_str()) { Fate::Throttled } else { Fate::Answered }
        },
    );
    let output = account.inventory().await;
    assert_eq!(output["resources"], json!(account.calm(|one| !throttled.contains(&service(one)))));
    let rows = rows(&output);
    let row = |service: &str, code: &str| ([service, "throttled", code].map(str::to_owned), 4);
    // Two lists of each in two regions.
    assert_eq!(rows, BTreeMap::from([row("kms", "ThrottlingException"), row("sns", "Throttling")]));
    assert!(output["errors"].as_array().unwrap().iter().all(|row| row["message"] == "Rate exceeded"));
    let most = account.adverse.asked().into_values().max();
    assert_eq!(most, Some(TRIES_MAX));
}

#[tokio::test]
async fn keys_that_have_expired_are_named_with_the_next_step_and_nothing_is_told_as_gone() {
    let Some(account) = Account::new().await else { return };
    let watched = account.host.client().run("aws", "watch", where_to_look()).await.output();
    assert_eq!((&watched["errors"], &watched["published"]), (&json!([]), &json!(0)));
    account.adverse.rule(|_, _| Fate::Expired);
    let next_step = "new keys for the credential `aws:default`";
    for skill in ["inventory", "migration-source"] {
        let output = account.host.client().run("aws", skill, where_to_look()).await.output();
        assert_eq!((&output["resources"], output.get("account")), (&json!([]), None), "{output:#}");
        let errors = output["errors"].as_array().unwrap();
        let of: BTreeSet<&str> = errors.iter().map(|row| row["service"].as_str().unwrap()).collect();
        assert!(SERVICES.iter().chain(&["sts"]).all(|service| of.contains(service)), "{errors:#?}");
        for row in errors {
            assert_eq!(row["kind"], "denied", "{row:#}");
            assert!(
                ["ExpiredToken", "ExpiredTokenException", "RequestExpired"].contains(&row["code"].as_str().unwrap())
            );
            assert!(row["message"].as_str().unwrap().contains(next_step), "{row:#}");
        }
        assert!(account.adverse.asked().values().all(|count| *count <= 2), "asking again is of no use");
    }
    // Whoever compares does not take an account for empty that it cannot see, and says why.
    let previous = json!({ "previous": account.calm, "services": SERVICES });
    for (skill, input) in [("watch", where_to_look()), ("changes", previous.clone())] {
        let task = account.host.client().run("aws", skill, input).await.of(200);
        assert_eq!(task["status"], "failed", "{task:#}");
        assert!(task["failure"]["message"].as_str().unwrap().contains(next_step), "{task:#}");
    }
    // They expire while it looks: the account is known, and what could not be seen is unknown.
    account.adverse.rule(|asked, _| if asked.service == "sts" { Fate::Answered } else { Fate::Expired });
    for (skill, input) in [("watch", where_to_look()), ("changes", previous)] {
        let output = account.host.client().run("aws", skill, input).await.output();
        let told: BTreeSet<&str> = output["counts"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(told, BTreeSet::from(["unknown"]), "{skill}: {:#}", output["counts"]);
    }
    // With new keys nothing has happened.
    account.adverse.rule(|_, _| Fate::Answered);
    let watched = account.host.client().run("aws", "watch", where_to_look()).await.output();
    let told: BTreeSet<&str> = watched["counts"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!((told, &watched["published"]), (BTreeSet::from(["same"]), &json!(0)), "{watched:#}");
}

#[tokio::test]
async fn where_half_of_the_services_fail_the_others_are_told_as_if_nothing_had_happened() {
    let Some(account) = Account::new().await else { return };
    let (denies, fails) = (["ec2", "iam", "kms"], "dynamodb");
    account.adverse.rule(move |asked, _| match asked.service.as_str() {
        service if denies.contains(&service) => Fate::Denied,
        service if service == fails => Fate::Failed,
        _ => Fate::Answered,
    });
    let output = account.inventory().await;
    let works = |one: &Value| service(one) != fails && !denies.contains(&service(one));
    assert_eq!(output["resources"], json!(account.calm(works)));
    let rows: BTreeSet<[String; 3]> = rows(&output).into_keys().collect();
    let told = [
        ["dynamodb", "failed", "InternalFailure"],
        ["ec2", "denied", "UnauthorizedOperation"],
        ["iam", "denied", "AccessDenied"],
        ["kms", "denied", "AccessDeniedException"],
    ];
    assert_eq!(rows, told.map(|row| row.map(str::to_owned)).into());
}

#[tokio::test]
async fn a_region_that_hangs_has_its_rows_and_holds_nobody_up() {
    let Some(account) = Account::new().await else { return };
    account.adverse.rule(hanging(true));
    let output = inventory_within(&account.host, where_to_look(), TIME).await;
    let elsewhere = |one: &Value| one["region"] != HANGS;
    assert_eq!(output["resources"], json!(account.calm(elsewhere)), "{:#}", output["errors"]);
    let errors = output["errors"].as_array().unwrap();
    let of: BTreeSet<&str> = errors.iter().map(|row| row["service"].as_str().unwrap()).collect();
    assert_eq!(of, BTreeSet::from(["dynamodb", "ec2", "kms", "sns", "sqs"]), "{errors:#?}");
    for row in errors {
        let told = [&row["region"], &row["kind"], &row["code"]].map(|text| text.as_str().unwrap());
        assert_eq!(told, [HANGS, "failed", "silent"], "{row:#}");
        assert!(row["message"].as_str().unwrap().contains("ask for it later, or without it"), "{row:#}");
    }
    // Of those that are under way at once two rounds, and not eight tries of each.
    let asked = account.adverse.asked();
    let asked: usize = asked.iter().filter(|(one, _)| one.region == HANGS).map(|(_, count)| count).sum();
    assert!(asked <= 2 * AT_ONCE, "{asked}");
}

#[tokio::test]
async fn a_region_that_hangs_is_neither_gone_nor_new_when_it_is_back() {
    let Some(account) = Account::new().await else { return };
    let watch = async |time: Duration| {
        let task =
            json!({ "agent": "aws", "skill": "watch", "input": where_to_look(), "timeout_ms": time.as_millis() });
        account.host.client().post("/api/v1/tasks?wait=60", &task).await.output()
    };
    let first = watch(CALM_TIME).await;
    assert_eq!(first["errors"], json!([]), "{first:#}");
    for hangs in [true, false] {
        account.adverse.rule(hanging(hangs));
        let again = watch(if hangs { TIME } else { CALM_TIME }).await;
        let counts = again["counts"].as_object().unwrap();
        let told: BTreeSet<&str> = counts.keys().map(String::as_str).collect();
        let expected = if hangs { BTreeSet::from(["same", "unknown"]) } else { BTreeSet::from(["same"]) };
        assert_eq!((told, &again["published"]), (expected, &json!(0)), "{again:#}");
        let all: u64 = counts.values().map(|count| count.as_u64().unwrap()).sum();
        assert_eq!(first["counts"], json!({ "first_seen": all }));
    }
}

/// One region takes what it is asked and never answers, or does again.
fn hanging(hangs: bool) -> impl Fn(&Asked, usize) -> Fate + Send + Sync + 'static {
    move |asked, _| if hangs && asked.region == HANGS { Fate::Silence } else { Fate::Answered }
}
