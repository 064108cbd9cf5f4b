//! IAM: service accounts, their keys, and roles of the project's own.

use serde_json::Value;
use troupe_estate::Resource;

use crate::listing::Listing;
use crate::record::{Created, Id, Record, flag, is, path};

/// What is listed. Who is bound to which role is asked of Cloud Asset; see `inventory/policies.rs`.
pub const LISTINGS: [Listing; 2] = [
    Listing {
        record: Some(&ACCOUNT),
        below: &[Listing {
            record: Some(&KEY),
            parent: Some("service_account"),
            ..Listing::new(
                "iam.projects.serviceAccounts.keys.list",
                "https://iam.googleapis.com/v1/{/name}/keys",
                "/keys",
            )
        }],
        ..Listing::new(
            "iam.projects.serviceAccounts.list",
            "https://iam.googleapis.com/v1/projects/{project}/serviceAccounts?pageSize=100",
            "/accounts",
        )
    },
    Listing {
        record: Some(&ROLE),
        ..Listing::new(
            "iam.projects.roles.list",
            "https://iam.googleapis.com/v1/projects/{project}/roles?pageSize=1000&view=FULL",
            "/roles",
        )
    },
];

const ACCOUNT: Record = Record {
    created: Created::Untold,
    attributes: &[
        is("email", "/email"),
        is("unique_id", "/uniqueId"),
        is("display_name", "/displayName"),
        is("description", "/description"),
        flag("disabled", "/disabled"),
    ],
    more: Some(account),
    ..Record::new("gcp.iam.googleapis.com/ServiceAccount", Id::Told("iam.googleapis.com", "/name"))
};

const KEY: Record = Record {
    created: Created::At("/validAfterTime"),
    attributes: &[
        is("type", "/keyType"),
        is("origin", "/keyOrigin"),
        is("algorithm", "/keyAlgorithm"),
        is("expires", "/validBeforeTime"),
        flag("disabled", "/disabled"),
    ],
    more: Some(key),
    ..Record::new("gcp.iam.googleapis.com/ServiceAccountKey", Id::Told("iam.googleapis.com", "/name"))
};

const ROLE: Record = Record {
    created: Created::Untold,
    attributes: &[
        is("title", "/title"),
        is("stage", "/stage"),
        flag("deleted", "/deleted"),
        is("permissions", "/includedPermissions"),
    ],
    ..Record::new("gcp.iam.googleapis.com/Role", Id::Told("iam.googleapis.com", "/name"))
};

fn account(item: &Value, account: &mut Resource) {
    let email = path::text(item, "/email").unwrap_or_default();
    let made_by_google =
        email.ends_with("-compute@developer.gserviceaccount.com") || email.ends_with("@appspot.gserviceaccount.com");
    account.set("default", made_by_google);
}

fn key(item: &Value, key: &mut Resource) {
    // Google makes and turns the keys that it manages; people make and forget the others.
    key.set("user_managed", path::text(item, "/keyType") == Some("USER_MANAGED"));
}
