//! Somebody else reads our templates: checkov's parsers of ARM and Bicep find the resources that we wrote.
//!
//! `TROUPE_TEST_CHECKOV` names the program, or it is on the path; where it is not, the test says so and is left out.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use troupe_agent_azure::{Kind, kinds};

use crate::template::{LIST, template};

/// Prints what each parser finds: for each resource type, version, name, and its properties' names.
const READER: &str = r#"
import json, sys
from pathlib import Path
from checkov.arm.parser.parser import parse
from checkov.bicep.parser import Parser

def clean(properties):
    return sorted(str(name).strip("'") for name in properties if not str(name).startswith("__"))

arm, _ = parse(sys.argv[1])
bicep, _ = Parser().parse(Path(sys.argv[2]))
if arm is None or bicep is None:
    sys.exit(f"arm read: {arm is not None}, bicep read: {bicep is not None}")
told = {"arm": [], "bicep": []}
for one in arm["resources"]:
    told["arm"].append([one["type"], one["apiVersion"], one["name"], clean(one.get("properties") or {})])
for one in bicep["resources"].values():
    config = one["config"]
    told["bicep"].append([one["type"], one["api_version"], config["name"], clean(config.get("properties") or {})])
print("told", json.dumps(told))
"#;

/// The Python that has checkov: the one that its program is run by.
fn python() -> Option<PathBuf> {
    let on_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|folder| folder.join("checkov")).find(|program| program.is_file())
    };
    let program = std::env::var_os("TROUPE_TEST_CHECKOV").map(PathBuf::from).or_else(on_path);
    let Some(program) = program else {
        // Past the test runner, which keeps what a passing test prints to itself.
        let why = "left out: templates before checkov, which neither TROUPE_TEST_CHECKOV names nor the path has";
        writeln!(std::io::stderr(), "{why}").unwrap();
        return None;
    };
    let text = std::fs::read_to_string(&program).expect("checkov's program");
    let first = text.lines().next().and_then(|line| line.strip_prefix("#!")).expect("a program that names its Python");
    Some(PathBuf::from(first.trim()))
}

/// The entries of a list with one resource of each type that there is a template for, with each of its plain settings.
fn everything() -> String {
    let mut list = String::new();
    for kind in kinds().iter().filter(|kind| kind.has_template()) {
        let parts = kind.name().split('/').count() - 1;
        let name: Vec<String> = (0..parts).map(|part| format!("n{part}{}", kind.noun().to_ascii_lowercase())).collect();
        let settings = kind.settings.iter().filter(|(_, spec)| spec.can_be_set());
        let settings: serde_json::Map<String, Value> =
            settings.map(|(name, _)| (name.clone(), value_of(kind, name))).collect();
        let entry = json!({ "type": kind.name(), "name": name.join("/"), "location": "westeurope", "tags": { "a-b": "it's" }, "settings": settings });
        writeln!(list, "  - {entry}").unwrap();
    }
    list
}

/// A value that a setting takes: a list of one object where it is a list of objects.
fn value_of(kind: &Kind, name: &str) -> Value {
    let spec = format!("{:?}", kind.settings[name]);
    if spec.starts_with("Each") { json!([{ "name": "one", "id": "/one" }]) } else { json!(format!("value-of-{name}")) }
}

fn read(python: &Path, made: &Value) -> Value {
    let folder = std::env::temp_dir().join(format!("troupe-checkov-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (arm, bicep) = (folder.join("template.json"), folder.join("template.bicep"));
    std::fs::write(&arm, serde_json::to_string_pretty(&made["arm"]).unwrap()).unwrap();
    std::fs::write(&bicep, made["bicep"].as_str().unwrap()).unwrap();
    let output = Command::new(python).arg("-c").arg(READER).arg(&arm).arg(&bicep).output().expect("Python");
    let _ = std::fs::remove_dir_all(&folder);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let told = text.lines().find_map(|line| line.strip_prefix("told ")).expect("what was read");
    serde_json::from_str(told).unwrap()
}

#[test]
fn checkov_finds_the_same_resources_in_both_forms() {
    let Some(python) = python() else { return };
    let whole = template(json!({ "yaml": format!("{}{}", LIST, everything()) }));
    let told = read(&python, &whole);
    let set =
        |form: &str| -> BTreeSet<String> { told[form].as_array().unwrap().iter().map(Value::to_string).collect() };
    let ours: BTreeSet<String> = whole["arm"]["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let mut names: Vec<&String> = one["properties"].as_object().unwrap().keys().collect();
            names.sort();
            json!([one["type"], one["apiVersion"], one["name"], names]).to_string()
        })
        .collect();
    assert_eq!(ours.len() as u64, whole["resources"].as_u64().unwrap());
    assert_eq!(set("arm"), ours);
    assert_eq!(set("bicep"), ours);
    assert!(ours.len() > 50, "{}", ours.len());
    writeln!(std::io::stderr(), "{} resources before checkov", ours.len()).unwrap();
}
