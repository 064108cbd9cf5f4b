//! Which resource is meant by a name that several may have.
//!
//! At AWS an id is unique within its type, account and region at most: a role and a bucket may have one name, and so
//! may the roles of two accounts. Whoever takes the first of them plans or judges another one than is meant. So
//! where more than one is left, there is an answer that says which, and how to name one.

use std::fmt;

use crate::{Key, Reference, Resource};

/// Most resources that a message names. Beyond, it says how many more there are.
const TOLD_MAX: usize = 5;

/// Several resources have the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ambiguous {
    /// The name.
    pub name: String,
    /// Those that have it, in the order of their keys.
    pub all: Vec<Reference>,
}

/// The resource that is meant by an id or ARN, of those that have it; none if there are none.
///
/// What one resource (`by`) names lies near it: of those that have the name, those of its account come before all
/// others, and of these those of its region.
///
/// # Errors
///
/// If several are left.
pub fn meant<'a>(
    name: &str,
    by: Option<&Resource>,
    all: impl IntoIterator<Item = &'a Resource>,
) -> Result<Option<&'a Resource>, Ambiguous> {
    let mut left: Vec<&Resource> = all.into_iter().collect();
    keep(&mut left, |one| one.arn.as_deref() == Some(name));
    if let Some(by) = by {
        let same = |one: Option<&str>, other: Option<&str>| {
            one.zip(other).is_some_and(|(one, other)| by.provider.same(one, other))
        };
        keep(&mut left, |one| same(one.account.as_deref(), by.account.as_deref()));
        keep(&mut left, |one| same(Some(&one.region), Some(&by.region)));
    }
    left.sort_by_cached_key(|one| one.key());
    left.dedup_by_key(|one| one.key());
    match left.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(*one)),
        several => {
            let all = several.iter().map(|one| one.reference()).collect();
            Err(Ambiguous { name: name.to_owned(), all })
        }
    }
}

/// Keeps those of which something is so, if there are any.
fn keep(left: &mut Vec<&Resource>, is_so: impl Fn(&Resource) -> bool) {
    if left.iter().any(|one| is_so(one)) {
        left.retain(|one| is_so(one));
    }
}

impl fmt::Display for Ambiguous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, all } = self;
        let told: Vec<String> = all.iter().take(TOLD_MAX).map(Reference::key).map(|key: Key| key.to_string()).collect();
        write!(f, "`{name}` is the name of {} resources: {}", all.len(), told.join(", "))?;
        if all.len() > told.len() {
            write!(f, " and {} more", all.len() - told.len())?;
        }
        match all.iter().find_map(|one| one.arn.as_deref()) {
            Some(arn) => write!(f, "; name one by its ARN, such as `{arn}`"),
            None => f.write_str("; ask for one type, account or region alone"),
        }
    }
}

impl std::error::Error for Ambiguous {}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(account: &str, region: &str) -> Resource {
        Resource::new("aws.iam.role", region, "app")
            .account(Some(account.to_owned()))
            .arn(Some(format!("arn:aws:iam::{account}:role/app")))
    }

    #[test]
    fn one_that_is_alone_or_nearest_is_meant() {
        let (here, there) = (role("1", "global"), role("2", "global"));
        let by = Resource::new("aws.lambda.function", "us-east-1", "f").account(Some("2".to_owned()));
        let found = |name: &str, by: Option<&Resource>, all: &[&Resource]| {
            meant(name, by, all.iter().copied()).map(|one| one.and_then(|one| one.account.clone()))
        };
        assert_eq!(found("app", None, &[]), Ok(None));
        assert_eq!(found("app", None, &[&here]), Ok(Some("1".to_owned())));
        assert_eq!(found("app", None, &[&here, &here]), Ok(Some("1".to_owned())), "it was told twice");
        assert_eq!(found("app", Some(&by), &[&here, &there]), Ok(Some("2".to_owned())));
        assert_eq!(found("arn:aws:iam::1:role/app", Some(&by), &[&here, &there]), Ok(Some("1".to_owned())));
        let (near, far) = (role("2", "us-east-1"), role("2", "eu-west-1"));
        assert_eq!(meant("app", Some(&by), [&far, &near, &here]).unwrap().unwrap().region, "us-east-1");
    }

    #[test]
    fn several_are_told_with_the_way_to_name_one() {
        let bucket = Resource::new("aws.s3.bucket", "global", "app").account(Some("1".to_owned()));
        let (one, two) = (role("1", "global"), role("2", "global"));
        let why = meant("app", None, [&bucket, &two, &one]).unwrap_err();
        assert_eq!(
            why.to_string(),
            "`app` is the name of 3 resources: aws.iam.role `app` in global of `1`, aws.iam.role `app` in global of `2`, \
             aws.s3.bucket `app` in global of `1`; name one by its ARN, such as `arn:aws:iam::1:role/app`"
        );
        let many: Vec<Resource> = (0..9).map(|n| Resource::new("aws.ec2.vpc", &format!("r-{n}"), "app")).collect();
        let why = meant("app", None, &many).unwrap_err().to_string();
        assert!(why.contains("9 resources") && why.contains("and 4 more; ask for one type"), "{why}");
    }
}
