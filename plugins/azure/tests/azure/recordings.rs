//! Against recorded answers of real subscriptions: what a cassette lists, is what the agent finds.
//!
//! `TROUPE_RECORDINGS` names the folder of the recordings; their cassettes of Azure are in `azure` there, unpacked, or
//! in `azure.tar.xz`. A cassette holds what its own test asked for, so each is held against the types that it lists.
//! Where we differ, `differences.json` says in what and why, and a difference that is no more is a failure, too.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde_json::{Value, json};
use troupe_agent_azure::{Azure, Kind, kind_of, kinds};
use troupe_sdk::test::{self, Answer, Host};

use crate::cloud;

/// A cassette in which we differ from what was recorded.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    cassette: String,
    why: String,
    /// Ids that are listed there and that we do not tell.
    #[serde(default)]
    not_told: BTreeSet<String>,
    /// Codes of problems that we tell beside what we found.
    #[serde(default)]
    problems: BTreeSet<String>,
}

/// One request of a cassette that was answered.
struct Recorded {
    method: String,
    path: String,
    status: u16,
    body: Value,
}

/// Ids by type, in small letters: Resource Graph and Resource Manager spell the same id differently.
type Ids = BTreeMap<String, BTreeSet<String>>;

/// The folder of the cassettes; unpacked into a place of the test's own if need be.
fn cassettes() -> Option<(PathBuf, Option<tempdir::Dir>)> {
    let Some(folder) = std::env::var_os("TROUPE_RECORDINGS").map(PathBuf::from) else {
        // Past the test runner, which keeps what a passing test prints to itself.
        let why = "left out: the recordings of Azure, because TROUPE_RECORDINGS names no folder";
        writeln!(std::io::stderr(), "{why}").unwrap();
        return None;
    };
    if folder.join("azure").is_dir() {
        return Some((folder.join("azure"), None));
    }
    let dir = tempdir::Dir::new();
    let archive = folder.join("azure.tar.xz");
    let done = Command::new("tar").arg("-xJf").arg(&archive).arg("-C").arg(&dir.0).status().expect("tar");
    assert!(done.success(), "{} cannot be unpacked", archive.display());
    Some((dir.0.join("azure"), Some(dir)))
}

mod tempdir {
    use std::path::PathBuf;

    /// A folder that is gone with this.
    pub struct Dir(pub PathBuf);

    impl Dir {
        pub fn new() -> Self {
            let path = std::env::temp_dir().join(format!("troupe-azure-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// The subscription of a path in the form in which paths are compared.
fn canonical(path: &str) -> String {
    let mut parts: Vec<String> =
        path.trim_end_matches('/').to_ascii_lowercase().split('/').map(str::to_owned).collect();
    if parts.get(1).is_some_and(|part| part == "subscriptions")
        && let Some(id) = parts.get_mut(2)
    {
        cloud::S1.clone_into(id);
    }
    parts.join("/")
}

fn recorded(file: &Path) -> Vec<Recorded> {
    let cassette: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for interaction in cassette["interactions"].as_array().unwrap() {
        let (request, response) = (&interaction["request"], &interaction["response"]);
        let Some(rest) = request["uri"].as_str().unwrap().strip_prefix("https://management.azure.com") else {
            continue;
        };
        let method = request["method"].as_str().unwrap().to_owned();
        let path = canonical(rest.split('?').next().unwrap());
        // As `replay` answers: the first time counts.
        if seen.insert((method.clone(), path.clone())) {
            let status = u16::try_from(response["status"]["code"].as_u64().unwrap()).unwrap();
            all.push(Recorded { method, path, status, body: body(&response["body"]) });
        }
    }
    all
}

/// A recorded body, which stands there as JSON or as its text.
fn body(recorded: &Value) -> Value {
    recorded["string"]
        .as_str()
        .map_or_else(|| recorded["data"].clone(), |text| serde_json::from_str(text).unwrap_or_default())
}

/// The kind that a path lists, if it lists one.
fn listed(path: &str) -> Option<&'static Kind> {
    let segments = path.split('/').count();
    kinds().iter().find(|kind| {
        if kind.embedded.is_some() {
            return false;
        }
        let list = kind.list().to_ascii_lowercase();
        let Some(parent) = kind.parent() else {
            return path.strip_prefix(&format!("/subscriptions/{}", cloud::S1)) == Some(list.as_str());
        };
        // Below its parent: …/providers/NAMESPACE/PARENT/NAME/LIST.
        let (namespace, noun) = (parent.name().split('/').next().unwrap(), parent.noun());
        let above = format!("/providers/{namespace}/{noun}/").to_ascii_lowercase();
        path.ends_with(&list) && path.contains(&above) && segments == 9 + list.matches('/').count()
    })
}

/// What a cassette lists, by type.
fn expected(recorded: &[Recorded]) -> Ids {
    let mut ids = Ids::new();
    for one in recorded.iter().filter(|one| one.status == 200) {
        let rows = match (one.method.as_str(), listed(&one.path)) {
            ("GET", Some(_)) => one.body["value"].as_array().cloned().unwrap_or_default(),
            ("POST", _) if one.path == cloud::GRAPH => graph_rows(&one.body["data"]),
            _ => continue,
        };
        if let Some(kind) = listed(&one.path) {
            ids.entry(kind.estate()).or_default();
        }
        for row in rows {
            let kind = listed(&one.path).or_else(|| kind_of(row["type"].as_str()?)).expect("a known type");
            ids.entry(kind.estate()).or_default().insert(row["id"].as_str().unwrap().to_ascii_lowercase());
        }
    }
    ids
}

/// The types and ids of a table's rows.
fn graph_rows(data: &Value) -> Vec<Value> {
    let place =
        |name: &str| data["columns"].as_array().unwrap().iter().position(|column| column["name"] == name).unwrap();
    let (kind, id) = (place("type"), place("id"));
    data["rows"].as_array().unwrap().iter().map(|row| json!({ "type": row[kind], "id": row[id] })).collect()
}

/// What the agent finds, of these types, and the codes of what it could not look at of them.
fn found(recorded: Vec<Recorded>, kinds: &Ids) -> (Ids, BTreeSet<String>) {
    let types: Vec<&str> = kinds.keys().map(|kind| kind.strip_prefix("azure.").unwrap()).collect();
    let source = if recorded.iter().any(|one| one.path == cloud::GRAPH) { "auto" } else { "resource_manager" };
    let input = json!({ "subscriptions": [cloud::S1], "types": types, "source": source });
    let _host = Host::start().configuration(json!({})).respond_by(move |sent| {
        cloud::read(sent);
        let path = canonical(sent.url.strip_prefix("https://management.azure.com").unwrap().split('?').next().unwrap());
        let hit = recorded.iter().find(|one| one.method == sent.method && one.path == path);
        Some(hit.map_or_else(
            || cloud::error(404, "NotFound"),
            |one| {
                // A next page leads to another subscription's address, as it was; where it is recorded it is followed.
                let mut body = one.body.clone();
                let next = body.get("nextLink").and_then(Value::as_str).unwrap_or_default().to_owned();
                let next = next
                    .strip_prefix("https://management.azure.com")
                    .map(|rest| canonical(rest.split('?').next().unwrap()));
                if next.is_some_and(|next| next == path) {
                    body["nextLink"] = Value::Null;
                }
                Answer::json(one.status, body)
            },
        ))
    });
    let output = test::perform::<Azure>("inventory", input).expect("an inventory");
    let mut ids = Ids::new();
    for one in output["resources"].as_array().unwrap() {
        let id = one["id"].as_str().unwrap().to_ascii_lowercase();
        ids.entry(one["type"].as_str().unwrap().to_owned()).or_default().insert(id);
    }
    ids.retain(|kind, _| kinds.contains_key(kind));
    for kind in kinds.keys() {
        ids.entry(kind.clone()).or_default();
        let counted = output["counts"].get(kind).and_then(Value::as_u64).unwrap_or_default();
        assert_eq!(counted, ids[kind].len() as u64, "{kind}");
    }
    let codes = output["errors"].as_array().unwrap().iter().map(|error| error["code"].as_str().unwrap().to_owned());
    (ids, codes.filter(|code| code != "NotFound").collect())
}

#[test]
fn every_cassette_that_lists_what_we_know_is_found_as_it_was_recorded() {
    let Some((folder, _dir)) = cassettes() else { return };
    let differences: Vec<Difference> = serde_json::from_str(include_str!("differences.json")).unwrap();
    let mut differences: BTreeMap<String, Difference> =
        differences.into_iter().map(|one| (one.cassette.clone(), one)).collect();
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let (mut held, mut resources, mut wrong) = (0, 0, Vec::new());
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let recorded = recorded(&file);
        let expected = expected(&recorded);
        if expected.is_empty() {
            continue;
        }
        let (told, problems) = found(recorded, &expected);
        let all = |ids: &Ids| ids.values().flatten().cloned().collect::<BTreeSet<String>>();
        let not_told: BTreeSet<String> = all(&expected).difference(&all(&told)).cloned().collect();
        let strange: BTreeSet<String> = all(&told).difference(&all(&expected)).cloned().collect();
        let known = differences.remove(&name);
        if let Some(known) = &known {
            assert!(!known.why.is_empty(), "{name}");
        }
        let (may_miss, may_tell) = known.map(|known| (known.not_told, known.problems)).unwrap_or_default();
        if not_told != may_miss || problems != may_tell || !strange.is_empty() {
            wrong.push(format!("{name}: not told {not_told:#?}, beside it {strange:#?}, problems {problems:?}"));
        }
        held += 1;
        resources += all(&told).len();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(differences.is_empty(), "no such cassette, or no difference any more: {:?}", differences.keys());
    assert!(held > 0);
    writeln!(std::io::stderr(), "{held} cassettes of Azure, {resources} resources").unwrap();
}
