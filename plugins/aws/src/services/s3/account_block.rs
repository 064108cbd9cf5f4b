//! What the account keeps public in none of its buckets, whatever they say themselves.
//!
//! The settings hold in every region, so they are asked for once, in the first of the partition, at the account's own
//! host.

use serde_json::{Value, json};
use troupe_sdk::http;

use crate::client::Fault;
use crate::endpoint::of_account;
use crate::model::ProblemKind;
use crate::protocol::xml;
use crate::services::{Scope, if_any};

/// The operation; its service is not that of the buckets, so that a row of it hides none.
pub const OPERATION: (&str, &str) = ("s3control", "GetPublicAccessBlock");

/// The account's settings, in the form of a bucket's; null if it has none. None while nobody knows whose account it is,
/// of which there is a row already.
pub async fn ask(scope: Scope<'_>) -> Result<Option<Value>, Fault> {
    let Some(account) = scope.identity.account.as_deref() else { return Ok(None) };
    let host = of_account(account, "s3-control", scope.partition.first_region());
    let request =
        http::get(format!("{host}v20180820/configuration/publicAccessBlock")).header("x-amz-account-id", account);
    let answer = scope.client.ask(request).await;
    let answer = match if_any(answer, "NoSuchPublicAccessBlockConfiguration") {
        // What stands in for S3 and does not have the operation holds nobody back by it.
        Err(fault) if fault.kind == ProblemKind::NotAvailable => None,
        answer => answer?,
    };
    let Some(answer) = answer else { return Ok(Some(Value::Null)) };
    let document = xml::parse(answer.text().map_err(Fault::unreadable)?)?;
    Ok(Some(super::public_access_block(xml::root(&document))))
}

/// What holds for a bucket: each setting is on if its own or the account's is. None if the account's are not known and
/// it would matter.
pub fn effective(own: &Value, account: Option<&Value>) -> Option<Value> {
    let is_on = |block: &Value, name: &str| block.get(name) == Some(&Value::Bool(true));
    let Some(account) = account else {
        return super::BLOCKS.iter().all(|(name, _)| is_on(own, name)).then(|| own.clone());
    };
    if own.is_null() && account.is_null() {
        return Some(Value::Null);
    }
    Some(
        super::BLOCKS
            .iter()
            .map(|(name, _)| ((*name).to_owned(), json!(is_on(own, name) || is_on(account, name))))
            .collect(),
    )
}
