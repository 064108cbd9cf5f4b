//! Trails between two scans: what shows in every region is gone only where no region shows it.

use serde_json::{Value, json};
use troupe_agent_aws::Aws;
use troupe_sdk::test::{self, Answer};

use crate::aws::{Asked, account};
use crate::watch::Account;

/// A trail of the regions, of which one of a single region shows at home alone.
fn trails(trails: &'static [(&'static str, &'static str, bool)]) -> impl FnMut(&Asked) -> Option<Answer> {
    move |asked: &Asked| {
        (asked.operation == "DescribeTrails").then(|| {
            let shown = trails.iter().filter(|(_, home, everywhere)| *everywhere || *home == asked.region);
            let trail = |(name, home, everywhere): &(&str, &str, bool)| {
                json!({ "Name": name, "TrailARN": format!("arn:{home}:{name}"), "HomeRegion": home,
                    "IsMultiRegionTrail": everywhere })
            };
            Answer::json(200, json!({ "trailList": shown.map(trail).collect::<Vec<Value>>() }))
        })
    }
}

fn denied(asked: &Asked) -> Option<Answer> {
    (asked.operation == "DescribeTrails")
        .then(|| Answer::json(400, json!({ "__type": "AccessDeniedException", "message": "no" })))
}

fn watch(regions: &[&str]) -> Value {
    test::perform::<Aws>("watch", json!({ "services": ["cloudtrail"], "regions": regions })).unwrap()
}

const FAR: (&str, &str, bool) = ("far", "eu-west-1", true);
const OWN: (&str, &str, bool) = ("own", "eu-west-1", false);

#[test]
fn a_trail_whose_home_is_elsewhere_is_not_gone_where_trails_cannot_be_listed() {
    let account = Account::new(trails(&[FAR]));
    let watch = || watch(&["us-east-1"]);
    assert_eq!(watch()["counts"], json!({ "first_seen": 1 }));
    account.answers(denied);
    let second = watch();
    assert_eq!((&second["counts"], &second["errors"][0]["region"]), (&json!({ "unknown": 1 }), &json!("global")));
    account.answers(trails(&[FAR]));
    assert_eq!(watch()["counts"], json!({ "same": 1 }));
    account.answers(|_| None);
    assert_eq!(watch()["counts"], json!({ "gone": 1 }));
}

#[test]
fn a_trail_is_one_whichever_regions_are_watched() {
    let account = Account::new(trails(&[FAR, OWN]));
    let (one, two) = (["us-east-1"], ["us-east-1", "eu-west-1"]);
    assert_eq!(watch(&one)["counts"], json!({ "first_seen": 1 }));
    // What shows in a region that was not watched until now was there before, for all that is known.
    assert_eq!(watch(&two)["counts"], json!({ "same": 1, "first_seen": 1 }));
    assert_eq!(watch(&one)["counts"], json!({ "same": 1, "unknown": 1 }));
    assert_eq!(watch(&two)["counts"], json!({ "same": 2 }));
    assert_eq!(account.host.published(), []);
    account.answers(trails(&[("far", "eu-west-1", false)]));
    let told = watch(&two);
    assert_eq!(told["counts"], json!({ "changed": 1, "gone": 1 }));
    account.answers(trails(&[("far", "eu-west-1", false), OWN]));
    assert_eq!(watch(&two)["counts"], json!({ "same": 1, "new": 1 }));
}

#[test]
fn a_far_trail_that_is_deleted_is_gone_and_one_that_would_not_show_is_unknown() {
    let previous = |regions: Value| {
        let _host = account(trails(&[FAR, OWN]));
        test::perform::<Aws>("inventory", json!({ "services": ["cloudtrail"], "regions": regions })).unwrap()
    };
    let changes = |previous: &Value, then: fn(&Asked) -> Option<Answer>| {
        let _host = account(then);
        let input = json!({ "previous": previous, "services": ["cloudtrail"], "regions": ["us-east-1"] });
        test::perform::<Aws>("changes", input).unwrap()
    };
    let far = previous(json!(["us-east-1"]));
    assert_eq!(changes(&far, |_| None)["counts"], json!({ "gone": 1 }));
    assert_eq!(changes(&far, denied)["counts"], json!({ "unknown": 1 }));
    let both = changes(&previous(json!(["us-east-1", "eu-west-1"])), |_| None);
    assert_eq!(both["counts"], json!({ "gone": 1, "unknown": 1 }));
    let own = both["changes"].as_array().unwrap().iter().find(|one| one["change"] == "unknown").unwrap();
    assert_eq!((&own["before"]["id"], &own["why"]["kind"]), (&json!("own"), &json!("not_looked_at")));
}
