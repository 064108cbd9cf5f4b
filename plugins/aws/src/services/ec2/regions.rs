//! The regions that are enabled for the account.

use crate::client::{Client, Fault};
use crate::endpoint::regional;
use crate::protocol::query::{Api, Paging};
use crate::protocol::xml;

const OPERATION: &str = "DescribeRegions";

/// Asks for them in one region; unasked, EC2 leaves out those that are not enabled. The list has no pages.
pub async fn regions(client: &Client, at: &str) -> Result<Vec<String>, Fault> {
    let endpoint = regional("ec2", at);
    let api = Api { client, endpoint: &endpoint, version: super::VERSION, paging: Paging::TOKEN };
    let text = api.ask(OPERATION, &[]).await?;
    let document = xml::parse(&text)?;
    let mut regions: Vec<String> = xml::root(&document).texts("regionInfo", "regionName").collect();
    regions.sort_unstable();
    Ok(regions)
}
