//! DynamoDB: the tables of one region.

use serde::Deserialize;
use serde_json::{Value, json};
use troupe_sdk::wait;

use crate::client::{Fault, check_progress};
use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::json::Api;
use crate::services::Scope;
use crate::when;

const LIST: (&str, &str) = ("dynamodb", "ListTables");
const DESCRIBE: (&str, &str) = ("dynamodb", "DescribeTable");
const TAGS: (&str, &str) = ("dynamodb", "ListTagsOfResource");
const BACKUPS: (&str, &str) = ("dynamodb", "DescribeContinuousBackups");

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Names {
    #[serde(default)]
    table_names: Vec<String>,
    last_evaluated_table_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    table: Table,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Table {
    table_arn: Option<String>,
    table_status: Option<String>,
    creation_date_time: Option<f64>,
    item_count: Option<i64>,
    table_size_bytes: Option<i64>,
    billing_mode_summary: Option<BillingMode>,
    provisioned_throughput: Option<Throughput>,
    deletion_protection_enabled: Option<bool>,
    #[serde(rename = "SSEDescription")]
    encryption: Option<Encryption>,
    stream_specification: Option<Stream>,
    key_schema: Option<Vec<Key>>,
    #[serde(default)]
    global_secondary_indexes: Vec<Index>,
    #[serde(default)]
    replicas: Vec<Replica>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BillingMode {
    billing_mode: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Throughput {
    read_capacity_units: Option<i64>,
    write_capacity_units: Option<i64>,
}

#[derive(Deserialize)]
struct Encryption {
    #[serde(rename = "Status")]
    status: Option<String>,
    #[serde(rename = "SSEType")]
    kind: Option<String>,
    #[serde(rename = "KMSMasterKeyArn")]
    kms_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stream {
    stream_enabled: Option<bool>,
    stream_view_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Key {
    attribute_name: String,
    key_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Index {
    index_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Replica {
    region_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TagPage {
    #[serde(default)]
    tags: Vec<Tag>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    value: String,
}

/// Lists the tables and asks about each.
pub async fn collect(scope: Scope<'_>) -> Found {
    let endpoint = regional("dynamodb", scope.region);
    let api = Api { client: scope.client, endpoint: &endpoint, target: "DynamoDB_20120810", version: "1.0" };
    let mut names = Vec::new();
    let mut found = Found::default();
    if let Err(fault) = list(api, &mut names).await {
        found.note(LIST, scope.region, None, fault);
    }
    let tables = wait::all(names.into_iter().map(|name| describe(scope, api, name))).await;
    Found::all(std::iter::once(found).chain(tables))
}

async fn list(api: Api<'_>, names: &mut Vec<String>) -> Result<(), Fault> {
    let mut after: Option<String> = None;
    loop {
        let input = match &after {
            Some(name) => json!({ "Limit": 100, "ExclusiveStartTableName": name }),
            None => json!({ "Limit": 100 }),
        };
        let page: Names = api.ask(LIST.1, input).await?;
        names.extend(page.table_names);
        let Some(last) = page.last_evaluated_table_name else { return Ok(()) };
        check_progress(after.as_deref(), &last)?;
        after = Some(last);
    }
}

async fn describe(scope: Scope<'_>, api: Api<'_>, name: String) -> Found {
    let mut found = Found::default();
    let arn = scope.arn("dynamodb", &format!("table/{name}"));
    let mut resource = Resource::new("aws.dynamodb.table", scope.region, &name).name(&name).arn(arn);
    let described = api.ask::<Described>(DESCRIBE.1, json!({ "TableName": name }));
    let backups = api.ask::<Value>(BACKUPS.1, json!({ "TableName": name }));
    let (described, backups) = wait::both(described, backups).await;
    found.read(&mut resource, BACKUPS, &["point_in_time_recovery"], backups, |resource, backups| {
        let state = backups
            .pointer("/ContinuousBackupsDescription/PointInTimeRecoveryDescription/PointInTimeRecoveryStatus")
            .and_then(Value::as_str);
        resource.set("point_in_time_recovery", state == Some("ENABLED"));
    });
    found.read(&mut resource, DESCRIBE, &["state"], described, |resource, described| put(resource, described.table));
    let tags = match resource.arn.clone() {
        Some(arn) => tags(api, &arn).await,
        None => Err(Fault::unreadable("the table has no ARN")),
    };
    found.read(&mut resource, TAGS, &["tags"], tags, |resource, tags| {
        resource.tags = tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    });
    found.resources.push(resource);
    found
}

async fn tags(api: Api<'_>, arn: &str) -> Result<Vec<Tag>, Fault> {
    let mut tags = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let input = match &token {
            Some(token) => json!({ "ResourceArn": arn, "NextToken": token }),
            None => json!({ "ResourceArn": arn }),
        };
        let page: TagPage = api.ask(TAGS.1, input).await?;
        tags.extend(page.tags);
        let Some(next) = page.next_token.filter(|next| !next.is_empty()) else { return Ok(tags) };
        check_progress(token.as_deref(), &next)?;
        token = Some(next);
    }
}

fn put(resource: &mut Resource, table: Table) {
    if table.table_arn.is_some() {
        resource.arn = table.table_arn;
    }
    resource.created = table.creation_date_time.and_then(when::at_seconds);
    let billing = table.billing_mode_summary.and_then(|summary| summary.billing_mode);
    // What DynamoDB does not say is what was there before it had the choice.
    let billing = billing.unwrap_or_else(|| "PROVISIONED".to_owned());
    let keys: Value = table
        .key_schema
        .unwrap_or_default()
        .into_iter()
        .map(|key| json!({ "name": key.attribute_name, "kind": key.key_type.to_lowercase() }))
        .collect();
    let encryption = table.encryption.map(
        |encryption| json!({ "state": encryption.status, "algorithm": encryption.kind, "kms_key": encryption.kms_key }),
    );
    let stream = table.stream_specification.filter(|stream| stream.stream_enabled == Some(true));
    for (name, value) in [
        ("state", json!(table.table_status)),
        ("items", json!(table.item_count)),
        ("size_bytes", json!(table.table_size_bytes)),
        ("billing_mode", json!(billing.to_lowercase())),
        ("read_capacity", json!(table.provisioned_throughput.as_ref().and_then(|units| units.read_capacity_units))),
        ("write_capacity", json!(table.provisioned_throughput.and_then(|units| units.write_capacity_units))),
        ("deletion_protection", json!(table.deletion_protection_enabled)),
        ("encryption", json!(encryption)),
        ("stream", json!(stream.and_then(|stream| stream.stream_view_type))),
        ("keys", keys),
        ("indexes", table.global_secondary_indexes.into_iter().map(|index| Value::from(index.index_name)).collect()),
        ("replicas", table.replicas.into_iter().map(|replica| Value::from(replica.region_name)).collect()),
    ] {
        resource.set(name, value);
    }
}
