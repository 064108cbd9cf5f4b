//! Asking Resource Graph: a query over many subscriptions, in pages of a thousand.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use troupe_cloud::{Asked, Fault, Next, each_page};
use troupe_estate::{GLOBAL, ProblemKind, Provider};
use troupe_sdk::http::Request;

use super::{Look, rows};
use crate::arm;
use crate::kinds::{Kind, kind_of};

const PATH: &str = "/providers/Microsoft.ResourceGraph/resources";
const API: &str = "2022-10-01";

/// Most rows of a page, by Resource Graph's own bound.
const ROWS_MAX: u32 = 1_000;

/// Most subscriptions that one query names, by Resource Graph's own bound.
const SUBSCRIPTIONS_MAX: usize = 1_000;

/// An answer of Resource Graph.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    total_records: Option<u64>,
    #[serde(default)]
    data: Data,
    #[serde(rename = "$skipToken")]
    skip_token: Option<String>,
}

/// The rows: as objects, or as older versions of the API tell them, as a table.
#[derive(Deserialize)]
#[serde(untagged)]
enum Data {
    Objects(Vec<Value>),
    Table { columns: Vec<Column>, rows: Vec<Vec<Value>> },
}

#[derive(Deserialize)]
struct Column {
    name: String,
}

impl Default for Data {
    fn default() -> Self {
        Self::Objects(Vec::new())
    }
}

impl Data {
    fn objects(self) -> Vec<Value> {
        match self {
            Self::Objects(objects) => objects,
            Self::Table { columns, rows } => {
                let object = |row: Vec<Value>| {
                    columns.iter().map(|column| column.name.clone()).zip(row).collect::<Map<String, Value>>().into()
                };
                rows.into_iter().map(object).collect()
            }
        }
    }
}

/// Takes everything of these kinds that a table has. Returns the subscriptions for which Resource Graph may not be
/// asked or is not there, so that Resource Manager has to be instead.
pub async fn take<'a>(look: &Look<'_>, table: &str, kinds: &[&'static Kind], all: &'a [String]) -> Vec<&'a String> {
    let mut instead = Vec::new();
    for subscriptions in all.chunks(SUBSCRIPTIONS_MAX) {
        let (mut told, mut total) = (0_u64, None);
        let query = query(table, kinds);
        let listed = each_page(&look.client, request(&query, subscriptions, None), async |answer: Answer| {
            total = answer.total_records.or(total);
            let objects = answer.data.objects();
            told += objects.len() as u64;
            let known = objects.into_iter().filter_map(|row| {
                let kind = kind_of(row.get("type")?.as_str()?)?;
                Some((kind, row))
            });
            rows::take(look, known.collect(), None, false).await;
            Ok(answer.skip_token.map(|token| {
                let request = request(&query, subscriptions, Some(&token));
                Next { token, request }
            }))
        });
        let listed = listed.await;
        let graph = Asked::new(Provider::Azure, "microsoft.resourcegraph", GLOBAL, format!("query {table}"));
        let fault = match listed {
            Err(fault) if told == 0 && matches!(fault.kind, ProblemKind::Denied | ProblemKind::NotAvailable) => {
                look.note(&graph, fault);
                instead.extend(subscriptions);
                continue;
            }
            Err(fault) => fault,
            Ok(()) => match total.filter(|total| told < *total) {
                Some(total) => Fault::of_ours("cut_off", format!("Resource Graph counts {total} rows and told {told}")),
                None => continue,
            },
        };
        look.note(&graph.hides_all(kinds.iter().map(|kind| kind.estate())), fault);
    }
    instead
}

/// The query. Paging needs an order that stays.
fn query(table: &str, kinds: &[&Kind]) -> String {
    let types: Vec<String> = kinds.iter().map(|kind| format!("'{}'", kind.name().to_ascii_lowercase())).collect();
    format!("{table} | where type in~ ({}) | order by id asc", types.join(", "))
}

fn request(query: &str, subscriptions: &[String], token: Option<&str>) -> Request {
    let mut options = json!({ "resultFormat": "objectArray", "$top": ROWS_MAX });
    if let (Some(token), Some(options)) = (token, options.as_object_mut()) {
        options.insert("$skipToken".to_owned(), token.into());
    }
    arm::post(PATH, API, &json!({ "subscriptions": subscriptions, "query": query, "options": options }))
}
