//! The account as IAM sums it up.

use std::collections::BTreeMap;

use serde_json::json;

use crate::client::Fault;
use crate::found::Found;
use crate::model::{GLOBAL, Resource};
use crate::protocol::query::{Api, result};
use crate::protocol::xml;
use crate::services::Scope;

const OPERATION: &str = "GetAccountSummary";

/// Asks for the summary.
pub async fn collect(scope: Scope<'_>, api: Api<'_>) -> Found {
    let mut found = Found::default();
    match ask(api).await {
        Ok(summary) => {
            let account = scope.identity.account.clone();
            let arn = account.as_ref().map(|id| format!("arn:{}:iam::{id}:root", scope.partition.name()));
            // The root's password, devices and keys are counted, not named.
            let some = |name: &str| summary.get(name).map(|count| *count > 0);
            let resource = Resource::new("aws.iam.account", GLOBAL, account.unwrap_or_else(|| "account".to_owned()))
                .arn(arn)
                .with("root_mfa", some("AccountMFAEnabled"))
                .with("root_access_keys", some("AccountAccessKeysPresent"))
                .with("summary", Some(json!(summary)));
            found.resources.push(resource);
        }
        Err(fault) => found.note(("iam", OPERATION), GLOBAL, None, fault),
    }
    found
}

async fn ask(api: Api<'_>) -> Result<BTreeMap<String, i64>, Fault> {
    let text = api.ask(OPERATION, &[]).await?;
    let document = xml::parse(&text)?;
    let entries = result(xml::root(&document), OPERATION).list("SummaryMap");
    Ok(entries.filter_map(|entry| Some((entry.text("key")?.to_owned(), entry.number("value")?))).collect())
}
