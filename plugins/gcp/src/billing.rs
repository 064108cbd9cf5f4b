//! Who pays for a project, and how much may be spent, as far as Google's interfaces tell.
//!
//! They tell the billing account, whether it is open, and its budgets. What was spent is told by the export of Cloud
//! Billing to BigQuery alone, which somebody has to set up; that this is not here is a row for each project.

use std::collections::BTreeMap;

use serde_json::Value;
use troupe_cloud::{Client, Fault, Found};
use troupe_estate::{GLOBAL, Problem, ProblemKind};
use troupe_sdk::http;
use troupe_sdk::prelude::*;

use crate::address::address;
use crate::ask::{self, asked};
use crate::input::{Settings, some_projects};
use crate::listing;
use crate::name;
use crate::record::path;

const BILLING: &str = "cloudbilling.googleapis.com";

/// Which projects.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BillingInput {
    /// The projects, by id; those of the configuration if none are named.
    #[serde(default)]
    pub projects: Vec<String>,
}

/// Who pays, and how much may be spent.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Billing {
    /// The projects, in the order of the question.
    pub projects: Vec<ProjectBilling>,
    /// The accounts that pay for them.
    pub accounts: Vec<Account>,
    /// What could not be asked.
    pub errors: Vec<Problem>,
}

/// Who pays for a project.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ProjectBilling {
    /// The project.
    pub project: String,
    /// Whether somebody pays; absent if that could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The account that pays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The names of the budgets that the project counts towards; absent if they could not be asked, or one is
    /// about folders or organisations, of which this does not know whether the project is in them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budgets: Option<Vec<String>>,
}

/// An account that pays.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Account {
    /// Its name at Google, such as `billingAccounts/012345-567890-ABCDEF`.
    pub name: String,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Whether it is open; absent if that could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<bool>,
    /// Its currency by ISO 4217.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Its budgets.
    pub budgets: Vec<Budget>,
}

/// How much may be spent.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Budget {
    /// Its name at Google.
    pub name: String,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The amount for its period; absent where it is what was spent in the period before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<f64>,
    /// The amount's currency by ISO 4217.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Its period, such as `MONTH`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<String>,
    /// At which shares of the amount somebody is told, `1.0` being all of it.
    pub thresholds: Vec<f64>,
    /// The projects that count, by number, as `projects/123`; all of the account, if neither they nor `ancestors` are
    /// named.
    pub projects: Vec<String>,
    /// The folders and organisations whose projects count, as `folders/123`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ancestors: Vec<String>,
}

/// Asks who pays for each project.
///
/// # Errors
///
/// `InvalidInput`, if no project is named, or something that cannot be one.
pub async fn ask(input: BillingInput, settings: Settings) -> Result<Billing, Failure> {
    let names = some_projects(input.projects, settings)?;
    let client = ask::client();
    let found = Found::default();
    let told = wait::all(names.iter().map(|name| of_project(&client, &found, name))).await;
    let mut accounts: BTreeMap<&str, (Account, bool)> = BTreeMap::new();
    for name in told.iter().filter_map(|(project, _)| project.account.as_deref()) {
        if !accounts.contains_key(name) {
            accounts.insert(name, account(&client, &found, name).await);
        }
    }
    let mut projects = Vec::new();
    for (project, number) in &told {
        let (mut project, number) = (project.clone(), number.as_deref());
        let paying = project.account.as_deref().and_then(|name| accounts.get(name));
        project.budgets = paying.filter(|(_, whole)| *whole).and_then(|(account, _)| {
            let mut counting = Vec::new();
            for budget in &account.budgets {
                if budget.counts(&project.project, number)? {
                    counting.push(budget.name.clone());
                }
            }
            Some(counting)
        });
        let mut fault = Fault::of_ours(
            "no_interface",
            "what was spent is told by the export of Cloud Billing to BigQuery alone, and not by an interface for asking",
        );
        fault.kind = ProblemKind::NotAvailable;
        found.note(&asked(BILLING, "cost", Some(&project.project), GLOBAL), None, fault);
        projects.push(project);
    }
    let accounts = accounts.into_values().map(|(account, _)| account).collect();
    Ok(Billing { projects, accounts, errors: found.finish()?.errors })
}

impl Budget {
    /// Reports whether a project counts towards it; none if that is not known. A budget names projects by number.
    fn counts(&self, id: &str, number: Option<&str>) -> Option<bool> {
        let id = format!("projects/{id}");
        if self.projects.iter().any(|one| *one == id || number == Some(one)) {
            return Some(true);
        }
        match (self.projects.is_empty(), self.ancestors.is_empty()) {
            (true, true) => Some(true),
            (false, true) => number.map(|_| false),
            (_, false) => None,
        }
    }
}

/// Who pays for a project, and its name by number.
async fn of_project(client: &Client, found: &Found, project: &str) -> (ProjectBilling, Option<String>) {
    let get = async |form: &str, service: &'static str, operation: &'static str| -> Option<Value> {
        let address = address(form, project, &Value::Null, &Value::Null)?;
        match client.read::<Value>(http::get(address)).await {
            Ok(answer) => Some(answer),
            Err(fault) => {
                found.note(&asked(service, operation, Some(project), GLOBAL), None, fault);
                None
            }
        }
    };
    let info = get(
        "https://cloudbilling.googleapis.com/v1/projects/{project}/billingInfo",
        BILLING,
        "cloudbilling.projects.getBillingInfo",
    );
    let whole = get(
        "https://cloudresourcemanager.googleapis.com/v1/projects/{project}",
        "cloudresourcemanager.googleapis.com",
        "cloudresourcemanager.projects.get",
    );
    let (info, whole) = wait::both(info, whole).await;
    let number = whole.as_ref().and_then(|whole| path::integer(whole, "/projectNumber"));
    let told = ProjectBilling {
        project: project.to_owned(),
        enabled: info.as_ref().map(|info| path::is_set(info, "/billingEnabled")),
        account: info.as_ref().and_then(|info| path::text(info, "/billingAccountName")).map(str::to_owned),
        budgets: None,
    };
    (told, number.map(|number| format!("projects/{number}")))
}

/// An account with its budgets, and whether the budgets are all there are.
async fn account(client: &Client, found: &Found, name: &str) -> (Account, bool) {
    let mut account = Account { name: name.to_owned(), title: None, open: None, currency: None, budgets: Vec::new() };
    let item = serde_json::json!({ "name": name });
    let filled = |form: &str| address(form, "", &item, &Value::Null);
    let asked_account = asked(BILLING, "cloudbilling.billingAccounts.get", None, GLOBAL);
    let Some(address) = filled("https://cloudbilling.googleapis.com/v1/{/name}") else {
        let fault = Fault::unreadable("the account's name is none");
        found.note(&asked_account, Some(name), fault);
        return (account, false);
    };
    match client.read::<Value>(http::get(address)).await {
        Ok(told) => {
            account.title = path::text(&told, "/displayName").map(str::to_owned);
            account.open = Some(path::is_set(&told, "/open"));
            account.currency = path::text(&told, "/currencyCode").map(str::to_owned);
        }
        Err(fault) => {
            found.note(&asked_account, Some(name), fault);
        }
    }
    let Some(address) = filled("https://billingbudgets.googleapis.com/v1/{/name}/budgets?pageSize=100") else {
        return (account, false);
    };
    let listed = listing::pages(client, &address, async |page: &Value| {
        account.budgets.extend(path::all(page, "/budgets/*").into_iter().filter_map(budget));
    });
    let outcome = listed.await;
    let is_whole = outcome.is_ok();
    if let Err(fault) = outcome {
        let asked = asked("billingbudgets.googleapis.com", "billingbudgets.billingAccounts.budgets.list", None, GLOBAL);
        found.note(&asked, Some(name), fault);
    }
    (account, is_whole)
}

fn budget(item: &Value) -> Option<Budget> {
    let amount = path::one(item, "/amount/specifiedAmount").map(path::money);
    let texts = |path: &str| path::all(item, path).into_iter().filter_map(Value::as_str).map(str::to_owned).collect();
    Some(Budget {
        name: path::text(item, "/name")?.to_owned(),
        title: path::text(item, "/displayName").map(str::to_owned),
        amount,
        currency: path::text(item, "/amount/specifiedAmount/currencyCode").map(str::to_owned),
        period: path::text(item, "/budgetFilter/calendarPeriod").map(name::last).map(str::to_owned),
        thresholds: path::all(item, "/thresholdRules/*/thresholdPercent")
            .into_iter()
            .filter_map(Value::as_f64)
            .collect(),
        projects: texts("/budgetFilter/projects/*"),
        ancestors: texts("/budgetFilter/resourceAncestors/*"),
    })
}
