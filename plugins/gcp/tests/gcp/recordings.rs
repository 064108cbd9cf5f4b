//! Recorded answers of the real cloud: what a service listed is told, all of it and nothing else.
//!
//! A flight is a folder of answers, `METHOD-PATH_N.json`, `N` counting the times the path was asked. It is served to
//! the agent as the cloud would, and what the agent tells is held against what the lists served have. Lists that
//! the agent does not ask for are in `tests/recorded.json`, with the reason.
//!
//! | recorded | served as |
//! |---|---|
//! | a list of `dns/v1beta2` | the same of `dns/v1` |
//! | a list of one zone, one region or of `global` | that part of the list over all places, where none of it was recorded |
//! | answers of locations of a service, but not which there are | the list of those locations |
//!
//! Found by `TROUPE_RECORDINGS`, a folder with `gcp.tar.xz`; where it is not set, the test says so and looks at nothing.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use serde_json::{Map, Value, json};
use troupe_sdk::test::{Answer, Host};

use crate::cloud::{Asked, error, found, inventory, read};

const PROJECT: &str = "cloud-custodian";

/// What one flight has: bodies by the path they answer, in order.
type Flight = BTreeMap<String, Vec<Recorded>>;

#[derive(Clone)]
struct Recorded {
    file: String,
    status: u16,
    body: Value,
}

/// What was served of a flight.
#[derive(Default)]
struct Served {
    files: BTreeSet<String>,
    /// What the lists name, each once.
    names: Vec<String>,
}

#[test]
fn what_was_recorded_is_told_all_of_it_and_nothing_else() {
    let Some(folder) = recordings() else { return };
    let mut differences: BTreeMap<String, String> = BTreeMap::new();
    let reasons: Value = serde_json::from_str(include_str!("../recorded.json")).unwrap();
    let (mut flights, mut lists, mut resources) = (0, 0, 0);
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let flight = flight(&path);
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let rounds = flight.values().map(Vec::len).max().unwrap_or_default();
        let mut files = BTreeSet::new();
        for round in 0..rounds {
            let served = fly(&name, &flight, round);
            resources += served.names.len();
            files.extend(served.files);
        }
        let listed: BTreeSet<&Recorded> = flight.values().flatten().filter(|one| is_list(one)).collect();
        flights += usize::from(!listed.is_empty());
        lists += listed.iter().filter(|one| files.contains(&one.file)).count();
        for one in listed.iter().filter(|one| !files.contains(&one.file)) {
            let (path, _) = one.file.rsplit_once('_').unwrap();
            let reason = reasons.as_array().unwrap().iter().find(|row| {
                let flight = row["flight"].as_str().is_none_or(|flight| flight == name);
                flight && path.ends_with(row["path"].as_str().unwrap())
            });
            let why = reason.map(|row| row["why"].as_str().unwrap().to_owned());
            differences.insert(format!("{name}/{}", one.file), why.unwrap_or_else(|| "UNEXPLAINED".to_owned()));
        }
    }
    let unexplained: Vec<&String> =
        differences.iter().filter(|(_, why)| *why == "UNEXPLAINED").map(|(file, _)| file).collect();
    assert!(unexplained.is_empty(), "lists that nobody asked for: {unexplained:#?}");
    for row in reasons.as_array().unwrap() {
        let why = row["why"].as_str().unwrap();
        assert!(differences.values().any(|other| other == why), "no recorded list differs so: {row}");
    }
    let (out, left) = (&mut std::io::stderr(), differences.len());
    let _ = writeln!(
        out,
        "recordings: {lists} lists of {flights} flights with {resources} resources equal, {left} explained"
    );
}

/// Takes an inventory of a flight, holds it against what was served, and tells that.
fn fly(name: &str, flight: &Flight, round: usize) -> Served {
    let served = Rc::new(RefCell::new(Served::default()));
    let (flight, name, log) = (flight.clone(), name.to_owned(), Rc::clone(&served));
    let called = name.clone();
    // Where it was recorded which projects there are, nobody names one.
    let projects = if flight.contains_key("get-v1-projects") { json!([]) } else { json!([PROJECT]) };
    let _host = Host::start()
        .configuration(json!({ "projects": projects }))
        .respond_by(move |sent| Some(answer(&called, &flight, round, &read(sent), &mut log.borrow_mut())));
    let all = inventory(json!({}));
    let served = served.take();
    let mut ids: Vec<String> = found(&all).into_iter().map(|(_, id)| id).collect();
    for named in &served.names {
        let place = ids.iter().position(|id| id.ends_with(&format!("/{named}")));
        let place = place.unwrap_or_else(|| panic!("{name}, round {round}: {named} is not told: {ids:#?}"));
        ids.swap_remove(place);
    }
    assert!(ids.is_empty(), "{name}, round {round}: told and not recorded: {ids:#?}");
    let errors = all["errors"].as_array().unwrap();
    assert!(errors.iter().all(|error| error["code"] != "unreadable"), "{name}: {errors:#?}");
    served
}

fn answer(name: &str, flight: &Flight, round: usize, asked: &Asked, log: &mut Served) -> Answer {
    if !is_of(name, asked) {
        return Answer::json(200, json!({}));
    }
    let at = |path: &str| -> Option<Recorded> {
        let all = flight.get(path)?;
        all.get(round.min(all.len().saturating_sub(1))).cloned()
    };
    let path = asked.path.replace("/dns/v1/", "/dns/v1beta2/");
    let host = format!("/{}.googleapis.com{path}", asked.service);
    let Some(recorded) = at(&key(&path)).or_else(|| at(&key(&host))).or_else(|| parts(flight, round, &path)) else {
        let is_detail = ["iam", "getIamPolicy"].iter().any(|end| path.ends_with(end))
            || path.contains("/datasets/") && !path.ends_with("/tables")
            || ["/v1/projects/", "/v1/apps/"]
                .iter()
                .any(|stem| path.strip_prefix(stem).is_some_and(|rest| !rest.contains('/')));
        return if is_detail { error(404, "NOT_FOUND", None, "not recorded") } else { places(flight, &path) };
    };
    // A page that goes on was the last that was recorded.
    let mut body = recorded.body.clone();
    body.as_object_mut().map(|body| body.remove("nextPageToken"));
    log.files.extend(recorded.file.split(' ').map(str::to_owned));
    if recorded.status == 200 {
        log.names.extend(names(&path, &body));
    }
    Answer::json(recorded.status, body)
}

/// Paths that several services have are of the one that the flight is about.
fn is_of(name: &str, asked: &Asked) -> bool {
    let path = asked.path.as_str();
    if path.ends_with("/locations/-/clusters")
        || path.ends_with("/locations/-/instances") && asked.service != "notebooks"
    {
        return match asked.service.as_str() {
            "container" => name.starts_with("gke"),
            service => name.contains(service),
        };
    }
    if path.ends_with("/locations") {
        return name.starts_with(if asked.service == "cloudkms" { "kms" } else { "artifact" });
    }
    true
}

/// A list over all places, put together from recorded lists of one place each.
fn parts(flight: &Flight, round: usize, path: &str) -> Option<Recorded> {
    let (before, things) = path.split_once("/aggregated/")?;
    let stem = format!("{}-", key(before));
    let (mut files, mut items) = (Vec::new(), Map::new());
    for (path, all) in flight {
        let Some(place) = path.strip_prefix(&stem).and_then(|rest| rest.strip_suffix(&format!("-{things}"))) else {
            continue;
        };
        let scope = place.replacen("zones-", "zones/", 1).replacen("regions-", "regions/", 1);
        let one = all.get(round.min(all.len() - 1))?;
        files.push(one.file.clone());
        items.insert(scope, json!({ things: one.body.get("items").cloned().unwrap_or_else(|| json!([])) }));
    }
    (!files.is_empty()).then(|| Recorded { file: files.join(" "), status: 200, body: json!({ "items": items }) })
}

/// Which locations or regions there are, of those that something was recorded of; else nothing.
fn places(flight: &Flight, path: &str) -> Answer {
    let stem = match path {
        path if path.ends_with("/locations") => format!("{}-", key(path)),
        path if path.ends_with("/regions") => format!("get-v1-projects-{PROJECT}-regions-"),
        _ => return Answer::json(200, json!({})),
    };
    let ends = ["-keyRings", "-repositories", "-clusters"];
    let of = |path: &String| {
        let rest = path.strip_prefix(&stem)?;
        ends.iter().find_map(|end| rest.strip_suffix(end)).filter(|place| *place != "-").map(str::to_owned)
    };
    let found: BTreeSet<String> = flight.keys().filter_map(of).collect();
    let full = |place: &String| json!({ "name": format!("projects/{PROJECT}/locations/{place}") });
    if path.ends_with("/regions") {
        return Answer::json(
            200,
            json!({ "items": found.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>() }),
        );
    }
    Answer::json(200, json!({ "locations": found.iter().map(full).collect::<Vec<_>>() }))
}

/// The names of what an answer lists, each a part of a full name.
fn names(path: &str, body: &Value) -> Vec<String> {
    if path.ends_with("/locations")
        || path.ends_with("/regions")
        || path.ends_with("amPolicy")
        || path.ends_with("/iam")
    {
        return Vec::new();
    }
    let is_single = path.contains("/datasets/") && !path.ends_with("/tables");
    if is_single {
        return Vec::new();
    }
    if path == "/v1/projects" {
        let ids = body["projects"].as_array().into_iter().flatten().map(|one| one["projectId"].as_str().unwrap());
        return ids.map(|id| format!("projects/{id}")).collect();
    }
    if let Some(id) = body.get("projectId").or_else(|| body.get("servingStatus").and(body.get("name"))) {
        return vec![id.as_str().unwrap().to_owned()];
    }
    let mut lists: Vec<&Value> = Vec::new();
    match body.get("items") {
        Some(Value::Object(scopes)) => {
            let fields = scopes.values().filter_map(Value::as_object).flatten();
            lists.extend(fields.filter(|(name, _)| *name != "warning").map(|(_, list)| list));
        }
        _ => lists.extend(body.as_object().into_iter().flatten().map(|(_, list)| list)),
    }
    let items = lists.into_iter().filter_map(Value::as_array).flatten().filter(|item| item.is_object());
    items
        .flat_map(|item| {
            let pools = item.get("nodePools").and_then(Value::as_array).into_iter().flatten();
            std::iter::once(name(item)).chain(pools.map(name)).collect::<Vec<_>>()
        })
        .collect()
}

fn name(item: &Value) -> String {
    let text = |path: &str| item.pointer(path).and_then(Value::as_str).map(str::to_owned);
    // Storage's link is not what its full name is made of.
    let link = text("/selfLink").filter(|link| link.contains("/projects/"));
    link.and_then(|link| Some(format!("projects/{}", link.split_once("/projects/")?.1)))
        .or_else(|| text("/datasetReference/datasetId"))
        .or_else(|| text("/tableReference/tableId"))
        .or_else(|| text("/metadata/name"))
        .or_else(|| text("/clusterName"))
        .or_else(|| text("/name"))
        .or_else(|| text("/id"))
        .unwrap_or_else(|| panic!("no name in {item:#}"))
}

fn is_list(one: &Recorded) -> bool {
    let (path, _) = one.file.rsplit_once('_').unwrap();
    one.body.as_object().into_iter().flatten().any(|(key, value)| {
        let has_items = match value {
            Value::Array(items) => items.first().is_some_and(Value::is_object),
            Value::Object(_) => key == "items",
            _ => false,
        };
        let words = ["items", "accounts", "publisherModels", "listFindingsResults"];
        has_items && (words.contains(&key.as_str()) || path.ends_with(key.as_str()))
    })
}

fn key(path: &str) -> String {
    format!("get{}", path.replace('/', "-"))
}

fn flight(folder: &Path) -> Flight {
    let mut flight = Flight::new();
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let number = |path: &Path| -> u32 {
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        stem.rsplit_once('_').and_then(|(_, number)| number.parse().ok()).unwrap_or_default()
    };
    files.sort_by_key(|path| number(path));
    for path in files {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        // Discovery documents are compressed, and no answer of a service.
        let Ok(told) = serde_json::from_slice::<Value>(&std::fs::read(&path).unwrap()) else { continue };
        if !file.starts_with("get-") {
            continue;
        }
        let status = told["headers"]["status"].as_str().and_then(|status| status.parse().ok()).unwrap_or(200);
        let (path, _) = file.rsplit_once('_').unwrap();
        let recorded = Recorded { file: file.clone(), status, body: told["body"].clone() };
        flight.entry(path.to_owned()).or_default().push(recorded);
    }
    flight
}

impl PartialEq for Recorded {
    fn eq(&self, other: &Self) -> bool {
        self.file == other.file
    }
}

impl Eq for Recorded {}

impl PartialOrd for Recorded {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Recorded {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.file.cmp(&other.file)
    }
}

/// The folder with one folder a flight, unpacked; none where there are no recordings.
fn recordings() -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("TROUPE_RECORDINGS") else {
        let _ =
            writeln!(std::io::stderr(), "left out: recordings of Google Cloud, because TROUPE_RECORDINGS is not set");
        return None;
    };
    let into = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("gcp-recordings");
    let done = into.join("done");
    if !done.exists() {
        std::fs::create_dir_all(&into).unwrap();
        let archive = PathBuf::from(folder).join("gcp.tar.xz");
        let unpacked = Command::new("tar").arg("-xJf").arg(&archive).arg("-C").arg(&into).status().unwrap();
        assert!(unpacked.success(), "{} cannot be unpacked", archive.display());
        std::fs::write(&done, "").unwrap();
    }
    Some(into.join("gcp"))
}
