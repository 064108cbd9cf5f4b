//! What Google's Recommender says, as findings with what each would save.
//!
//! A recommender is asked in each place where it may have something to say: `data/recommenders.json` has them, and
//! which places those are. Which zones and regions there are is asked of Compute.

mod read;
mod said;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use troupe_cloud::{Client, Fault, Found, KeptAll, Steps};
use troupe_estate::collect::Part;
use troupe_estate::{Amount, Finding, GLOBAL, Problem, Severity};
use troupe_sdk::prelude::*;

use crate::address::address;
use crate::ask::{self, asked};
use crate::input::{Settings, some_projects};
use crate::listing;
use crate::name;
use crate::named::check_name;
use crate::record::path;
use said::Said;

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
    /// What is recommended, currency by currency and the largest saving first; none if they are in `parts`.
    pub findings: Vec<Finding>,
    /// The artefacts of this task that hold the findings, if they are too many for an output.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
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
    let client = ask::client();
    let (found, said) = (Found::default(), Said::new());
    let locations: BTreeSet<String> = input.locations.into_iter().collect();
    {
        let steps = Steps::new(&found);
        let look = Look { client: &client, found: &found, said: &said, recommenders: &recommenders };
        let jobs = projects.iter().map(|project| steps.step(project.clone(), look.of_project(project, &locations)));
        wait::all(jobs).await;
    }
    let (KeptAll { counts, entries: findings, parts }, savings) = said.finish()?;
    Ok(Recommendations { projects, counts, savings, findings, parts, errors: found.finish()?.errors })
}

/// What everything that asks has at hand.
#[derive(Clone, Copy)]
struct Look<'a> {
    client: &'a Client,
    found: &'a Found,
    said: &'a Said,
    recommenders: &'a [Recommender],
}

impl Look<'_> {
    async fn of_project(self, project: &str, named: &BTreeSet<String>) {
        let locations = if named.is_empty() { &self.places(project).await } else { named };
        let pairs = locations.iter().flat_map(|location| {
            let there = self.recommenders.iter().filter(|recommender| recommender.place.has(location));
            there.map(move |recommender| (location, recommender))
        });
        wait::all(pairs.map(|(location, recommender)| self.of_recommender(project, location, recommender))).await;
    }

    /// Every zone and region, and `global`.
    async fn places(self, project: &str) -> BTreeSet<String> {
        let mut places = BTreeSet::from([GLOBAL.to_owned()]);
        for (operation, things) in [("compute.zones.list", "zones"), ("compute.regions.list", "regions")] {
            let form =
                format!("https://compute.googleapis.com/compute/v1/projects/{{project}}/{things}?maxResults=500");
            let Some(address) = address(&form, project, &Value::Null, &Value::Null) else { continue };
            let listed = listing::pages(self.client, &address, async |page: &Value| {
                let names = path::all(page, "/items/*/name").into_iter().filter_map(Value::as_str);
                places.extend(names.map(str::to_owned));
            });
            if let Err(fault) = listed.await {
                self.found.note(&asked("compute.googleapis.com", operation, Some(project), GLOBAL), None, fault);
            }
        }
        places
    }

    async fn of_recommender(self, project: &str, location: &str, recommender: &Recommender) {
        let Recommender { id, rule, title, .. } = recommender;
        let form = format!(
            "https://recommender.googleapis.com/v1/projects/{{project}}/locations/{location}/recommenders/{id}/recommendations?pageSize=1000"
        );
        let Some(address) = address(&form, project, &Value::Null, &Value::Null) else { return };
        let operation = format!("recommender.projects.locations.recommenders.recommendations.list {id}");
        let asked = asked("recommender.googleapis.com", operation, Some(project), location);
        let listed = listing::pages(self.client, &address, async |page: &Value| {
            for item in path::all(page, "/recommendations/*") {
                match read::finding(item, project, location, (rule, title)) {
                    Some(finding) => self.said.take(finding),
                    None if read::is_open(item) => {
                        let fault = Fault::unreadable("a recommendation does not say what it is about");
                        self.found.note(&asked, None, fault);
                    }
                    None => {}
                }
            }
        });
        if let Err(fault) = listed.await {
            self.found.note(&asked, None, fault);
        }
    }
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
