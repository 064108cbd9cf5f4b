//! What Google's Recommender says, as findings with what each would save.
//!
//! A recommender is asked in each place where it may have something to say: `data/recommenders.json` has them, and
//! which places those are. Which zones and regions there are is asked of Compute.

mod read;

use std::collections::BTreeMap;

use serde_json::Value;
use troupe_cloud::{Asked, Budget, Client, Fault, Found, Steps};
use troupe_estate::{Amount, Finding, GLOBAL, Problem, Provider, Severity};
use troupe_sdk::prelude::*;

use crate::address::address;
use crate::input::{Settings, some_projects};
use crate::inventory::{AT_ONCE, CREDENTIAL};
use crate::listing;
use crate::name;
use crate::named::check_name;
use crate::record::path;

/// The table of recommenders.
const RECOMMENDERS: &str = include_str!("../data/recommenders.json");

/// What to ask the recommenders for.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecommendationsInput {
    /// The projects, by id; those of the configuration if none are named.
    #[serde(default)]
    pub projects: Vec<String>,
    /// The zones and regions to ask in, and `global`; all that there are if none are named.
    #[serde(default)]
    pub locations: Vec<String>,
}

/// What the recommenders say.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Recommendations {
    /// The projects that were asked about.
    pub projects: Vec<String>,
    /// How many findings there are of each severity.
    pub counts: BTreeMap<String, u64>,
    /// What all of them would save in a month, by currency. Recommendations about one thing may exclude each other,
    /// so that less is saved than the sum.
    pub savings: BTreeMap<String, Amount>,
    /// What is recommended, the largest saving first.
    pub findings: Vec<Finding>,
    /// What could not be asked.
    pub errors: Vec<Problem>,
}

/// One recommender.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recommender {
    id: String,
    place: Place,
    rule: String,
    title: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Place {
    Zone,
    Region,
    Global,
    Both,
}

impl Place {
    fn has(self, location: &str) -> bool {
        match self {
            Self::Global => location == GLOBAL,
            Self::Zone => name::zone(location).is_some(),
            Self::Region => location != GLOBAL && name::zone(location).is_none(),
            Self::Both => location != GLOBAL,
        }
    }
}

/// Asks every recommender about every project.
///
/// # Errors
///
/// `InvalidInput`, if no project is named, or something that cannot be one or a location.
pub async fn ask(input: RecommendationsInput, settings: Settings) -> Result<Recommendations, Failure> {
    let projects = some_projects(input.projects, settings)?;
    for location in &input.locations {
        check_name("locations", location)?;
    }
    let recommenders: Vec<Recommender> = serde_json::from_str(RECOMMENDERS)?;
    let client = Client::new(CREDENTIAL, AT_ONCE, Budget::of_invocation().until);
    let found = Found::default();
    let mut findings: Vec<Finding> = Vec::new();
    {
        let steps = Steps::new(&found);
        let jobs = projects.iter().map(|project| {
            steps.step(project.clone(), of_project(&client, &found, project, &input.locations, &recommenders))
        });
        findings.extend(wait::all(jobs).await.into_iter().flatten());
    }
    let saved = |finding: &Finding| finding.saving.as_ref().map_or(Amount::ZERO, |money| money.monthly);
    findings.sort_by(|a, b| saved(b).cmp(&saved(a)).then_with(|| a.fingerprint.cmp(&b.fingerprint)));
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut savings: BTreeMap<String, Amount> = BTreeMap::new();
    for finding in &findings {
        *counts.entry(finding.severity.name().to_owned()).or_default() += 1;
        if let Some(money) = &finding.saving {
            let sum = savings.entry(money.currency.clone()).or_default();
            *sum = *sum + money.monthly;
        }
    }
    Ok(Recommendations { projects, counts, savings, findings, errors: found.finish()?.errors })
}

async fn of_project(
    client: &Client,
    found: &Found,
    project: &str,
    locations: &[String],
    recommenders: &[Recommender],
) -> Vec<Finding> {
    let locations = if locations.is_empty() { places(client, found, project).await } else { locations.to_vec() };
    let pairs = locations.iter().flat_map(|location| {
        recommenders.iter().filter(|recommender| recommender.place.has(location)).map(move |one| (location, one))
    });
    let asked = pairs.map(|(location, one)| of_recommender(client, found, project, location, one));
    wait::all(asked).await.into_iter().flatten().collect()
}

/// Every zone and region, and `global`.
async fn places(client: &Client, found: &Found, project: &str) -> Vec<String> {
    let mut places = vec![GLOBAL.to_owned()];
    for (operation, things) in [("compute.zones.list", "zones"), ("compute.regions.list", "regions")] {
        let form = format!("https://compute.googleapis.com/compute/v1/projects/{{project}}/{things}?maxResults=500");
        let Some(address) = address(&form, project, &Value::Null, &Value::Null) else { continue };
        let listed = listing::pages(client, &address, async |page: &Value| {
            let names = path::all(page, "/items/*/name").into_iter().filter_map(Value::as_str);
            places.extend(names.map(str::to_owned));
        });
        if let Err(fault) = listed.await {
            let asked = Asked::new(Provider::Gcp, "compute.googleapis.com", GLOBAL, operation);
            found.note(&asked.account(Some(project.to_owned())), None, fault);
        }
    }
    places
}

async fn of_recommender(
    client: &Client,
    found: &Found,
    project: &str,
    location: &str,
    recommender: &Recommender,
) -> Vec<Finding> {
    let Recommender { id, rule, title, .. } = recommender;
    let form = format!(
        "https://recommender.googleapis.com/v1/projects/{{project}}/locations/{location}/recommenders/{id}/recommendations?pageSize=1000"
    );
    let mut findings = Vec::new();
    let Some(address) = address(&form, project, &Value::Null, &Value::Null) else { return findings };
    let operation = format!("recommender.projects.locations.recommenders.recommendations.list {id}");
    let asked = Asked::new(Provider::Gcp, "recommender.googleapis.com", &name::region(location), operation)
        .account(Some(project.to_owned()));
    let listed = listing::pages(client, &address, async |page: &Value| {
        for item in path::all(page, "/recommendations/*") {
            match read::finding(item, project, location, (rule, title)) {
                Some(finding) => findings.push(finding),
                None if read::is_open(item) => {
                    found.note(&asked, None, Fault::unreadable("a recommendation does not say what it is about"));
                }
                None => {}
            }
        }
    });
    if let Err(fault) = listed.await {
        found.note(&asked, None, fault);
    }
    findings
}

/// How bad it is, by the priority that Google gives: `P1` is the highest.
fn severity(priority: Option<&str>) -> Severity {
    match priority {
        Some("P1") => Severity::High,
        Some("P2") => Severity::Medium,
        Some("P3") => Severity::Low,
        _ => Severity::Informational,
    }
}
