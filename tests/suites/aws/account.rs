//! What is put into an account before it is looked at, and who may look.

use std::collections::BTreeSet;

use futures::stream::{self, StreamExt as _};

use super::REGIONS;
use super::moto::{Moto, all_between};

/// Requests at once while an account is filled.
const AT_ONCE: usize = 8;

/// What the agent's README has for these services, and `s3:ListBucket`: that is the name by
/// which moto checks what it does not tell apart (AWS does).
pub const ALL: &str = r#"
    "ec2:Describe*","s3:ListAllMyBuckets","s3:GetBucketLocation","s3:GetBucketTagging","s3:GetBucketVersioning",
    "s3:GetEncryptionConfiguration","s3:GetBucketPublicAccessBlock","s3:GetAccountPublicAccessBlock","s3:ListBucket","s3:GetBucketAcl","s3:GetBucketLogging",
    "s3:GetBucketPolicy","s3:GetLifecycleConfiguration","iam:GetAccountAuthorizationDetails","iam:GetAccountPasswordPolicy","iam:GetAccountSummary","iam:GetLoginProfile",
    "iam:GetRole","iam:GetUser","iam:ListAccessKeys","iam:ListMFADevices","iam:ListRoles","iam:ListUsers",
    "ec2:GetEbsEncryptionByDefault","dynamodb:DescribeContinuousBackups","dynamodb:DescribeTable","dynamodb:ListTables","dynamodb:ListTagsOfResource","batch:DescribeComputeEnvironments",
    "batch:DescribeJobQueues","batch:describecomputeenvironments","batch:describejobqueues","sts:GetCallerIdentity""#;

/// Those of them about S3.
pub const S3: &str = r#"
    "s3:ListAllMyBuckets","s3:GetBucketLocation","s3:GetBucketTagging","s3:GetBucketVersioning",
    "s3:GetEncryptionConfiguration","s3:GetBucketPublicAccessBlock","s3:GetAccountPublicAccessBlock","s3:ListBucket","s3:GetBucketAcl","s3:GetBucketLogging",
    "s3:GetBucketPolicy","s3:GetLifecycleConfiguration","sts:GetCallerIdentity""#;

/// Parameters of a call of IAM.
pub fn iam(action: &str, name: (&'static str, String)) -> Vec<(&'static str, String)> {
    vec![("Action", action.to_owned()), ("Version", "2010-05-08".to_owned()), name]
}

/// Fills the account; returns the ids by type.
///
/// Lists that are longer than a page: instances (500 reservations), tables (100) and roles
/// (100). moto knows no pages of snapshots, users and functions, which it gives all at once,
/// nor of buckets.
pub async fn seed(moto: &Moto) -> BTreeSet<(String, String)> {
    let mut seeded = BTreeSet::new();
    let mut add = |kind: &str, id: &str| seeded.insert((kind.to_owned(), id.to_owned()));
    let call = |action: &str, rest: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
        let fixed = [("Action", action.to_owned()), ("Version", "2016-11-15".to_owned())];
        fixed.into_iter().chain(rest.iter().map(|(name, value)| (*name, (*value).to_owned()))).collect()
    };
    let run =
        |count: &str| call("RunInstances", &[("ImageId", "ami-12c6146b"), ("MinCount", count), ("MaxCount", count)]);
    for region in REGIONS {
        for id in all_between(&moto.query("ec2", region, &run("40")).await, "instanceId") {
            add("aws.ec2.instance", id);
        }
        for size in 10..22 {
            let (size, zone) = (size.to_string(), format!("{region}a"));
            let made = call("CreateVolume", &[("Size", &size), ("AvailabilityZone", &zone)]);
            add("aws.ec2.volume", all_between(&moto.query("ec2", region, &made).await, "volumeId")[0]);
        }
    }
    let one = run("1");
    let reservations = stream::iter((0..500).map(|_| moto.query("ec2", REGIONS[0], &one))).buffer_unordered(AT_ONCE);
    for answer in reservations.collect::<Vec<_>>().await {
        add("aws.ec2.instance", all_between(&answer, "instanceId")[0]);
    }
    for number in 0..105 {
        let name = format!("table-{number}");
        moto.make_table("eu-west-1", &name).await;
        add("aws.dynamodb.table", &name);
        let name = format!("user-{number}");
        moto.query("iam", "us-east-1", &iam("CreateUser", ("UserName", name.clone()))).await;
        add("aws.iam.user", &name);
        let name = format!("role-{number}");
        moto.make_role(&name).await;
        add("aws.iam.role", &name);
    }
    for region in REGIONS {
        moto.make_queue(region, "nightly", "arn:aws:iam::123456789012:role/role-0").await;
        add("aws.batch.compute-environment", "nightly");
        add("aws.batch.job-queue", "nightly");
    }
    for number in 0..12 {
        let name = format!("bucket-{number}");
        moto.make_bucket(&name).await;
        add("aws.s3.bucket", &name);
    }
    seeded
}

/// Makes a user who may do these actions; returns its key and secret.
pub async fn make_auditor(moto: &Moto, actions: &str) -> (String, String) {
    let call = |action: &str| iam(action, ("UserName", "auditor".to_owned()));
    let policy =
        format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Resource":"*","Action":[{actions}]}}]}}"#);
    moto.query("iam", "us-east-1", &call("CreateUser")).await;
    let mut put = call("PutUserPolicy");
    put.extend([("PolicyName", "inventory".to_owned()), ("PolicyDocument", policy)]);
    moto.query("iam", "us-east-1", &put).await;
    let made = moto.query("iam", "us-east-1", &call("CreateAccessKey")).await;
    (all_between(&made, "AccessKeyId")[0].to_owned(), all_between(&made, "SecretAccessKey")[0].to_owned())
}
