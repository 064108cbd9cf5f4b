//! Findings, resources and problems to work on.

use std::convert::Infallible;

use jiff::Timestamp;
use troupe_estate::output::About;
use troupe_estate::{
    Amount, Area, Evidence, Finding, Framework, Money, Place, Problem, ProblemKind, Provider, Resource, Scan, Severity,
    Suppression,
};

pub const ACCOUNT: &str = "111122223333";

/// When everything in these tests happens.
pub fn now() -> Timestamp {
    "2026-11-20T08:00:00Z".parse().unwrap()
}

pub fn about() -> About<'static> {
    About { agent: "security", version: "1.2.0", at: now() }
}

pub fn volume(id: &str) -> Resource {
    Resource::new("aws.ec2.volume", "us-east-1", id).account(Some(ACCOUNT.to_owned())).with("size_gib", Some(20))
}

pub fn money(monthly: f64) -> Money {
    Money {
        monthly: Amount::new(monthly).unwrap(),
        currency: "USD".to_owned(),
        source: "AWS price list, AmazonEC2".to_owned(),
        as_of: "2026-10-01".to_owned(),
    }
}

/// One finding of each kind there is.
pub fn findings() -> Vec<Finding> {
    let bucket = Resource::new("aws.s3.bucket", "eu-west-1", "reports")
        .arn(Some("arn:aws:s3:::reports".to_owned()))
        .account(Some(ACCOUNT.to_owned()))
        .name("reports");
    let mut public = Finding::new("storage.public", "The bucket is public", Severity::Critical, bucket.reference(), "")
        .seen("acl", "public-read");
    public.fix = "Block public access.".to_owned();
    let control =
        |framework: &str, control: &str| Framework { framework: framework.to_owned(), control: control.to_owned() };
    public.frameworks =
        vec![control("CIS AWS Foundations Benchmark 3.0.0", "2.1.4"), control("NIST SP 800-53 5", "AC-3")];

    let mut unattached =
        Finding::new("disk.unattached", "Nothing uses the disk", Severity::Low, volume("vol-1").reference(), "");
    unattached.evidence = vec![Evidence { attribute: "age_days".to_owned(), value: 40.into(), moving: true }];
    unattached.saving = Some(money(1.6));

    let subscription = "/subscriptions/5f0c/resourceGroups/app/providers/Microsoft.Compute/virtualMachines/web";
    let machine = Resource::new("azure.microsoft.compute/virtualmachines", "westeurope", subscription)
        .account(Some("5f0c".to_owned()))
        .name("web");
    let unread = Finding::new("disk.encrypted", "The disk is not encrypted", Severity::High, machine.reference(), "os")
        .not_checked("disks could not be read: AuthorizationFailed");

    let rule = Resource::new(
        "gcp.compute.googleapis.com/Firewall",
        "global",
        "//compute.googleapis.com/projects/p/global/firewalls/ssh",
    )
    .account(Some("p".to_owned()));
    let mut open =
        Finding::new("network.open-port", "A port is open to the world", Severity::Medium, rule.reference(), "tcp/22");
    open.place = Some(Place { file: "infra/main file.tf".to_owned(), line: Some(12) });
    open.suppressed = Some(Suppression { reason: "behind a proxy".to_owned(), until: Some("2026-12-31".to_owned()) });

    let passed =
        Finding::new("disk.encrypted", "The disk is not encrypted", Severity::High, volume("vol-2").reference(), "")
            .passed();
    vec![public, unattached, unread, open, passed]
}

pub fn problem(service: &'static str, operation: &'static str, resource: Option<&str>) -> Problem {
    Problem {
        provider: Provider::Aws,
        account: None,
        service: service.into(),
        region: "us-east-1".to_owned(),
        operation: operation.into(),
        code: "UnauthorizedOperation".to_owned(),
        message: "You are not authorized.".to_owned(),
        kind: ProblemKind::Denied,
        count: 1,
        resource: resource.map(str::to_owned),
        others: Vec::new(),
        every: false,
        hides: Vec::new(),
    }
}

/// A scan that looked at all of AWS and met these problems.
pub fn scan(problems: Vec<Problem>) -> Scan {
    Scan { areas: vec![Area::all(Provider::Aws)], rules: None, problems }
}

/// Rows that can all be read.
pub fn rows<T>(rows: Vec<T>) -> impl Iterator<Item = Result<T, Infallible>> {
    rows.into_iter().map(Ok)
}

/// What a writer wrote.
pub fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).expect("UTF-8")
}
