//! S3: the account's buckets, wherever they are.
//!
//! The list comes from one endpoint; what is asked about a bucket is asked in its own
//! region. What the account blocks for all of them is asked once, and told as each bucket's.
//! That a bucket has no encryption rule, no public access block or no tags is
//! told as an error by S3 and is data here.

mod account_block;

use serde_json::{Value, json};
use troupe_sdk::http::escape;
use troupe_sdk::wait;

use crate::client::{Fault, check_progress};
use crate::endpoint::{is_region, regional};
use crate::found::Found;
use crate::model::{GLOBAL, Resource, Word};
use crate::protocol::rest;
use crate::protocol::xml::{self, Element};
use crate::services::{Scope, if_any, policy};
use crate::when;

const LIST: (&str, &str) = ("s3", "ListBuckets");
const LOCATION: (&str, &str) = ("s3", "GetBucketLocation");

/// How many buckets a page holds; the most that S3 gives. Without it S3 gives no pages, and
/// refuses accounts that may have more.
const PAGE: usize = 10_000;

/// Reads an attribute out of an answer.
type Read = fn(Element<'_>) -> Value;

/// A question about a bucket: the operation, the query key it is asked by, the code that
/// says there is nothing of the kind, the attributes that it tells, and how each is read.
struct Question {
    operation: &'static str,
    key: &'static str,
    absent: Option<&'static str>,
    tells: &'static [(&'static str, Read)],
}

const QUESTIONS: [Question; 6] = [
    Question {
        operation: "GetBucketEncryption",
        key: "encryption",
        absent: Some("ServerSideEncryptionConfigurationNotFoundError"),
        tells: &[("encryption", encryption)],
    },
    Question {
        operation: "GetPublicAccessBlock",
        key: "publicAccessBlock",
        absent: Some("NoSuchPublicAccessBlockConfiguration"),
        tells: &[("public_access_block", public_access_block)],
    },
    Question {
        operation: "GetBucketVersioning",
        key: "versioning",
        absent: None,
        tells: &[("versioning", versioning), ("mfa_delete", mfa_delete)],
    },
    Question { operation: "GetBucketAcl", key: "acl", absent: None, tells: &[("acl", acl)] },
    Question { operation: "GetBucketLogging", key: "logging", absent: None, tells: &[("access_logs", access_logs)] },
    Question {
        operation: "GetBucketLifecycleConfiguration",
        key: "lifecycle",
        absent: Some("NoSuchLifecycleConfiguration"),
        tells: &[("lifecycle_rules", lifecycle_rules)],
    },
];

/// What can be blocked, as it is told and as S3 calls it.
const BLOCKS: [(&str, &str); 4] = [
    ("block_public_acls", "BlockPublicAcls"),
    ("ignore_public_acls", "IgnorePublicAcls"),
    ("block_public_policy", "BlockPublicPolicy"),
    ("restrict_public_buckets", "RestrictPublicBuckets"),
];

/// What access lists call everybody, and everybody with some account of AWS.
const EVERYBODY: &str = "http://acs.amazonaws.com/groups/global/AllUsers";
const AUTHENTICATED: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";

/// A bucket as the list tells it.
struct Listed {
    name: String,
    created: Option<String>,
    region: Option<String>,
}

/// Lists the buckets and asks about each.
pub async fn collect(scope: Scope<'_>) -> Found {
    let mut listed = Vec::new();
    let mut found = Found::default();
    let (ended, account) = wait::both(list(scope, &mut listed), account_block::ask(scope)).await;
    if let Err(fault) = ended {
        found.note(LIST, GLOBAL, None, fault);
    }
    let account = account.unwrap_or_else(|fault| {
        found.note(account_block::OPERATION, GLOBAL, None, fault);
        None
    });
    let buckets = wait::all(listed.into_iter().map(|bucket| describe(scope, bucket, account.as_ref()))).await;
    Found::all(std::iter::once(found).chain(buckets))
}

async fn list(scope: Scope<'_>, listed: &mut Vec<Listed>) -> Result<(), Fault> {
    let page = PAGE.to_string();
    let mut token: Option<String> = None;
    loop {
        let mut query = vec![("max-buckets", page.as_str())];
        query.extend(token.as_deref().map(|token| ("continuation-token", token)));
        let text = rest::get(scope.client, regional("s3", scope.partition.first_region()), &query).await?;
        let document = xml::parse(&text)?;
        let result = xml::root(&document);
        let before = listed.len();
        listed.extend(result.list("Buckets").filter_map(|bucket| {
            Some(Listed {
                name: bucket.text("Name")?.to_owned(),
                created: bucket.text("CreationDate").and_then(when::at),
                region: bucket.text("BucketRegion").filter(|region| is_region(region)).map(str::to_owned),
            })
        }));
        let Some(next) = result.text("ContinuationToken") else {
            // Some endpoints cut the list where the page ends, without a word.
            return if listed.len() - before < PAGE { Ok(()) } else { Err(Fault::cut_off(PAGE)) };
        };
        check_progress(token.as_deref(), next)?;
        token = Some(next.to_owned());
    }
}

async fn describe(scope: Scope<'_>, listed: Listed, account: Option<&Value>) -> Found {
    let mut found = Found::default();
    let arn = format!("arn:{}:s3:::{}", scope.partition.name(), listed.name);
    let mut bucket =
        Resource::new("aws.s3.bucket", GLOBAL, &listed.name).name(&listed.name).arn(Some(arn)).created(listed.created);
    let region = match listed.region {
        Some(region) => Ok(region),
        None => location(scope, &listed.name).await,
    };
    match region {
        Ok(region) => bucket.region = region,
        Err(fault) => {
            // Nothing else can be asked where nobody knows whom to ask.
            found.note(LOCATION, GLOBAL, Some(&bucket.id), fault);
            let told = QUESTIONS.iter().flat_map(|question| question.tells).map(|(name, _)| *name);
            let unread = told.chain(["policy", "public", "region", "tags"]);
            bucket.unread = unread.map(Word::Borrowed).collect();
            found.resources.push(bucket);
            return found;
        }
    }
    let at = bucket.region.clone();
    let mut keys: Vec<&str> = QUESTIONS.iter().map(|question| question.key).collect();
    keys.extend(["policy", "tagging"]);
    let mut answers = wait::all(keys.into_iter().map(|key| ask(scope, &at, &listed.name, key))).await.into_iter();
    for (question, answer) in QUESTIONS.iter().zip(answers.by_ref()) {
        let names: Vec<&'static str> = question.tells.iter().map(|(name, _)| *name).collect();
        let values = values(answer, question);
        found.read(&mut bucket, ("s3", question.operation), &names, values, |bucket, values| {
            names.iter().zip(values).for_each(|(name, value)| bucket.set(name, value));
        });
    }
    block(&mut bucket, account);
    if let Some(answer) = answers.next() {
        let policy = if_any(answer, "NoSuchBucketPolicy");
        found.read(&mut bucket, ("s3", "GetBucketPolicy"), &["policy", "public"], policy, |bucket, text| {
            policy::put(bucket, text.as_deref());
        });
    }
    for answer in answers {
        let tags = match answer {
            Ok(text) => xml::parse(&text).map(|document| xml::root(&document).tags("TagSet").collect::<Vec<_>>()),
            Err(fault) if fault.code == "NoSuchTagSet" => Ok(Vec::new()),
            Err(fault) => Err(fault),
        };
        found.read(&mut bucket, ("s3", "GetBucketTagging"), &["tags"], tags, |bucket, tags| bucket.tags.extend(tags));
    }
    found.resources.push(bucket);
    found
}

/// Tells what is blocked for a bucket, by itself or by the account.
fn block(bucket: &mut Resource, account: Option<&Value>) {
    const NAME: &str = "public_access_block";
    if let Some(own) = bucket.attributes.remove(NAME) {
        match account_block::effective(&own, account) {
            Some(block) => bucket.set(NAME, block),
            None => bucket.unread(&[NAME]),
        }
    }
}

async fn ask(scope: Scope<'_>, region: &str, bucket: &str, key: &str) -> Result<String, Fault> {
    let url = format!("{}{}?{key}", regional("s3", region), escape(bucket));
    rest::get(scope.client, url, &[]).await
}

/// Asks where a bucket is. The first region's is left empty, and one of the oldest has a
/// name of its own.
async fn location(scope: Scope<'_>, bucket: &str) -> Result<String, Fault> {
    let first = scope.partition.first_region();
    let text = ask(scope, first, bucket, "location").await?;
    let document = xml::parse(&text)?;
    match xml::root(&document).own_text() {
        None => Ok(first.to_owned()),
        Some("EU") => Ok("eu-west-1".to_owned()),
        Some(region) if is_region(region) => Ok(region.to_owned()),
        Some(other) => Err(Fault::unreadable(format!("`{other}` is not a region"))),
    }
}

/// Reads what an answer tells; null if it says that there is nothing of the kind.
fn values(answer: Result<String, Fault>, question: &Question) -> Result<Vec<Value>, Fault> {
    let text = match question.absent {
        Some(absent) => if_any(answer, absent)?,
        None => Some(answer?),
    };
    let Some(text) = text else { return Ok(vec![Value::Null; question.tells.len()]) };
    let document = xml::parse(&text)?;
    Ok(question.tells.iter().map(|(_, read)| read(xml::root(&document))).collect())
}

fn encryption(result: Element<'_>) -> Value {
    let rule = result.find("ApplyServerSideEncryptionByDefault");
    json!({
        "algorithm": rule.text("SSEAlgorithm"),
        "kms_key": rule.text("KMSMasterKeyID"),
        "bucket_key": result.find("BucketKeyEnabled").own_text().map(|text| text == "true"),
    })
}

fn public_access_block(result: Element<'_>) -> Value {
    BLOCKS.iter().map(|(name, told)| ((*name).to_owned(), json!(result.truth(told)))).collect()
}

/// `enabled`, `suspended`, or `off` for a bucket that never had versions.
fn versioning(result: Element<'_>) -> Value {
    Value::from(result.text("Status").map_or_else(|| "off".to_owned(), str::to_lowercase))
}

/// Whether it takes a second factor to remove versions; one that never had versions says nothing of it.
fn mfa_delete(result: Element<'_>) -> Value {
    Value::from(result.text("MfaDelete") == Some("Enabled"))
}

/// The access list by the name of the canned one that opens as much: `public-read-write`, `public-read`,
/// `authenticated-read`, or `private` where nobody outside is named.
fn acl(result: Element<'_>) -> Value {
    let may = |grant: Element<'_>, who: &str| grant.text("Grantee/URI") == Some(who);
    let writes = |grant: Element<'_>| !matches!(grant.text("Permission"), Some("READ" | "READ_ACP"));
    let grants = || result.list("AccessControlList");
    let name = if grants().any(|grant| may(grant, EVERYBODY) && writes(grant)) {
        "public-read-write"
    } else if grants().any(|grant| may(grant, EVERYBODY)) {
        "public-read"
    } else if grants().any(|grant| may(grant, AUTHENTICATED)) {
        "authenticated-read"
    } else {
        "private"
    };
    Value::from(name)
}

fn access_logs(result: Element<'_>) -> Value {
    Value::from(result.at("LoggingEnabled").exists())
}

/// The rules with their `status`: one that is `Disabled` removes nothing.
fn lifecycle_rules(result: Element<'_>) -> Value {
    result.items().map(|rule| json!({ "id": rule.text("ID"), "status": rule.text("Status") })).collect()
}
