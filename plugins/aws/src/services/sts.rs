//! STS: whose account it is.

use crate::client::{Client, Fault};
use crate::endpoint::regional;
use crate::found::Found;
use crate::model::ProblemKind;
use crate::protocol::query::{Api, Paging, result};
use crate::protocol::xml;
use crate::services::Identity;

const OPERATION: &str = "GetCallerIdentity";

/// Asks whose account it is, in one region after the other until one answers or denies.
pub async fn identity(client: &Client, regions: &[String]) -> (Identity, Found) {
    let mut found = Found::default();
    for region in regions {
        match ask(client, region).await {
            Ok(identity) => return (identity, Found::default()),
            Err(fault) => {
                let denied = fault.kind == ProblemKind::Denied;
                found.note(("sts", OPERATION), region, None, fault);
                if denied {
                    break;
                }
            }
        }
    }
    (Identity::default(), found)
}

async fn ask(client: &Client, region: &str) -> Result<Identity, Fault> {
    let endpoint = regional("sts", region);
    let api = Api { client, endpoint: &endpoint, version: "2011-06-15", paging: Paging::Marker };
    let text = api.ask(OPERATION, &[]).await?;
    let document = xml::parse(&text)?;
    let result = result(xml::root(&document), OPERATION);
    let text = |name| result.text(name).map(str::to_owned);
    Ok(Identity { account: text("Account"), caller: text("Arn") })
}
