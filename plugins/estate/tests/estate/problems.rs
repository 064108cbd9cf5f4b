//! Rows for what could not be checked are counted, ordered, and say what they hide.

use troupe_estate::{PROBLEM_RESOURCES_MAX, Problem, Resource, settle};

use crate::samples::{ACCOUNT, problem, volume};

#[test]
fn rows_about_the_same_are_one_whatever_the_order_in_which_they_came() {
    let a = problem("s3", "GetBucketTagging", Some("b"));
    let b = problem("s3", "GetBucketTagging", Some("a"));
    let mut c = problem("ec2", "DescribeVolumes", None);
    c.count = 3;
    let one = settle(vec![a.clone(), c.clone(), b.clone()]);
    assert_eq!(one, settle(vec![b, a, c]));
    let told: Vec<(&str, u64, Option<&str>)> =
        one.iter().map(|row| (row.operation.as_ref(), row.count, row.resource.as_deref())).collect();
    assert_eq!(told, [("DescribeVolumes", 3, None), ("GetBucketTagging", 2, Some("a"))]);
    assert_eq!((one[1].others.as_slice(), one[1].every), (["b".to_owned()].as_slice(), false));
}

#[test]
fn rows_that_mean_otherwise_stay_apart() {
    let row = problem("s3", "GetBucketTagging", None);
    let change = |change: fn(&mut Problem)| {
        let mut row = row.clone();
        change(&mut row);
        row
    };
    let rows = vec![
        row.clone(),
        change(|row| row.region = "eu-west-1".to_owned()),
        change(|row| row.code = "AccessDenied".to_owned()),
        change(|row| row.account = Some(ACCOUNT.to_owned())),
        change(|row| row.provider = troupe_estate::Provider::Gcp),
        change(|row| row.kind = troupe_estate::ProblemKind::Failed),
        change(|row| row.hides = vec!["aws.s3.bucket".into()]),
    ];
    assert_eq!(settle(rows.clone()).len(), rows.len());
}

#[test]
fn a_row_names_so_many_resources_and_then_says_every() {
    let many = |count: usize| {
        let rows = (0..count).map(|number| problem("ec2", "DescribeVolumes", Some(&format!("vol-{number:04}"))));
        let [row] = settle(rows.collect()).try_into().expect("one row");
        row
    };
    let all = many(PROBLEM_RESOURCES_MAX);
    assert_eq!((all.others.len() + 1, all.every), (PROBLEM_RESOURCES_MAX, false));
    assert!(!all.may_hide(&volume("vol-x").reference()));
    let more: Problem = many(PROBLEM_RESOURCES_MAX + 1);
    assert_eq!(
        (more.others.len() + 1, more.every, more.count),
        (PROBLEM_RESOURCES_MAX, true, PROBLEM_RESOURCES_MAX as u64 + 1)
    );
    assert!(more.may_hide(&volume("vol-x").reference()));
}

#[test]
fn a_row_about_every_service_hides_all_of_its_region() {
    let mut row = problem(troupe_estate::EVERY_SERVICE, "requests", None);
    assert!(row.may_hide(&volume("vol-1").reference()));
    row.region = "eu-west-1".to_owned();
    assert!(!row.may_hide(&volume("vol-1").reference()));
}

#[test]
fn a_row_without_a_resource_among_others_hides_all() {
    let rows = vec![problem("ec2", "DescribeVolumes", Some("vol-1")), problem("ec2", "DescribeVolumes", None)];
    let [row] = settle(rows).try_into().expect("one row");
    assert!(row.may_hide(&volume("vol-2").reference()));
}

#[test]
fn what_a_row_hides_is_what_it_is_about() {
    let one = volume("vol-1").reference();
    let elsewhere = Resource::new("aws.ec2.volume", "eu-west-1", "vol-1").reference();
    let instance = Resource::new("aws.ec2.instance", "us-east-1", "i-1").reference();
    let bucket = Resource::new("aws.s3.bucket", "us-east-1", "vol-1").reference();

    let service = problem("ec2", "DescribeVolumes", None);
    assert_eq!([&one, &elsewhere, &instance, &bucket].map(|it| service.may_hide(it)), [true, false, true, false]);

    let mut types = service.clone();
    types.hides = vec!["aws.ec2.volume".into()];
    assert_eq!([&one, &elsewhere, &instance, &bucket].map(|it| types.may_hide(it)), [true, false, false, false]);

    let mut global = types.clone();
    global.region = "global".to_owned();
    assert_eq!([&one, &elsewhere, &instance, &bucket].map(|it| global.may_hide(it)), [true, true, false, false]);

    let named = problem("ec2", "DescribeVolumeAttribute", Some("vol-1"));
    assert_eq!([&one, &elsewhere, &instance, &bucket].map(|it| named.may_hide(it)), [true, true, false, false]);

    let mut other_account = service.clone();
    other_account.account = Some("999999999999".to_owned());
    assert!(!other_account.may_hide(&one));
    let mut other_cloud = service;
    other_cloud.provider = troupe_estate::Provider::Azure;
    assert!(!other_cloud.may_hide(&one));
}

#[test]
fn a_row_in_the_form_without_the_later_fields_is_read() {
    let row: Problem = serde_json::from_value(serde_json::json!({
        "service": "s3", "region": "eu-west-1", "operation": "GetPublicAccessBlock", "code": "AccessDenied",
        "message": "Access Denied", "kind": "denied", "count": 1, "resource": "reports"
    }))
    .unwrap();
    assert_eq!(row.resource.as_deref(), Some("reports"));
    assert!(!row.every && row.hides.is_empty());
}
