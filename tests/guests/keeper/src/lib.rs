//! Keeps sums, in the form that its release says, and brings them from one form to another as
//! well or as badly. What a release is like stands in its manifest, so that a test can pack
//! another one without another component.
//!
//! Form 1 is the bare number under the name; form 2 is a document under the name and a slash. Form 3
//! is that of a release which nobody has tried on what lies there: it takes a bare number for a
//! document, and traps.

use std::time::Duration;

use troupe_sdk::prelude::*;
use troupe_sdk::state::Space;

#[derive(Default)]
struct Keeper;

/// What the migration of a release is like.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Way {
    /// Brings all keys to its form.
    Good,
    /// Traps after half of them.
    Traps,
    /// Refuses after half of them.
    Refuses,
    /// Waits for longer than it may, after half of them.
    Hangs,
    /// Traps where an instance has something.
    TrapsAtInstances,
    /// Asks for what no migration may have.
    Reaches,
    /// Fills more than it may.
    Overflows,
}

#[derive(Deserialize, Serialize, JsonSchema)]
struct Configuration {
    /// The form that the release writes and reads.
    form: u32,
    migration: Way,
    /// How long a migration takes, in milliseconds.
    migration_ms: u64,
}

#[derive(Deserialize, JsonSchema)]
struct Add {
    name: String,
    by: i64,
    /// Whether the sum is the instance's; else it is the deployment's.
    #[serde(default)]
    instance: bool,
}

#[derive(Deserialize, JsonSchema)]
struct Whose {
    /// Whether the sums are the instance's; else they are the deployment's.
    #[serde(default)]
    instance: bool,
}

#[derive(Deserialize, JsonSchema)]
struct Rest {
    /// How long, in milliseconds.
    ms: u64,
    /// What to add one to before, if to anything.
    #[serde(default)]
    name: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Sum {
    sum: i64,
    /// The form that it was kept in.
    form: u32,
}

/// A key as it lies there.
#[derive(Serialize, JsonSchema)]
struct Kept {
    key: String,
    value: String,
    revision: u64,
}

/// A sum in form 2.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    sum: i64,
}

const fn keys(instance: bool) -> Space {
    if instance { Space::Instance } else { Space::Deployment }
}

fn form() -> Result<u32, Failure> {
    Ok(invocation::configuration::<Configuration>()?.form)
}

fn add(space: Space, form: u32, name: &str, by: i64) -> Result<i64, Failure> {
    match form {
        1 => space.update_json(name, |sum: Option<i64>| Ok(sum.unwrap_or(0) + by)),
        3 => match space.get_json::<Document>(name) {
            Ok(_) => Err(Failure::failed("nothing was ever kept in form 3")),
            Err(_) => std::process::abort(),
        },
        _ => {
            let key = format!("{name}/");
            let change = |document: Option<Document>| Ok(Document { sum: document.map_or(0, |kept| kept.sum) + by });
            Ok(space.update_json(&key, change)?.sum)
        }
    }
}

fn all(space: Space) -> Result<Vec<String>, Failure> {
    let mut all: Vec<String> = Vec::new();
    loop {
        let page = space.list_keys("", all.last().map(String::as_str), 1_000)?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

/// Brings one sum to another form.
fn bring(space: Space, key: &str, to: u32) -> Result<(), Failure> {
    if to == 2 {
        let sum = space.get_json::<i64>(key)?.unwrap_or(0);
        space.set_json(&format!("{key}/"), &Document { sum })?;
    } else {
        let sum = space.get_json::<Document>(key)?.map_or(0, |kept| kept.sum);
        space.set_json(key.trim_end_matches('/'), &sum)?;
    }
    space.delete(key)?;
    Ok(())
}

#[troupe_sdk::agent(configuration = Configuration)]
impl Keeper {
    /// Adds to a sum.
    #[skill(effect = "write")]
    fn add(&self, input: Add) -> Result<Sum, Failure> {
        let form = form()?;
        Ok(Sum { sum: add(keys(input.instance), form, &input.name, input.by)?, form })
    }

    /// Tells everything that lies there, as it lies there.
    #[skill(effect = "read")]
    fn dump(&self, input: Whose) -> Result<Vec<Kept>, Failure> {
        let space = keys(input.instance);
        let mut kept = Vec::new();
        for key in all(space)? {
            let Some(entry) = space.get(&key)? else { continue };
            let value = String::from_utf8(entry.value).map_err(Failure::failed)?;
            kept.push(Kept { key, value, revision: entry.revision });
        }
        Ok(kept)
    }

    /// Rests for a while, perhaps after having added to a sum; tells its form then.
    #[skill(effect = "write")]
    fn rest(&self, input: Rest) -> Result<u32, Failure> {
        let form = form()?;
        if let Some(name) = &input.name {
            add(Space::Deployment, form, name, 1)?;
        }
        std::thread::sleep(Duration::from_millis(input.ms));
        Ok(form)
    }

    /// Brings all sums to the form of this release.
    #[migrate]
    fn migrate(&self, from: u32) -> Result<(), Failure> {
        let Configuration { form, migration, migration_ms } = invocation::configuration()?;
        if from == form || from == 0 || from > 2 {
            return Err(Failure::failed(format!("form {from} is not known")));
        }
        let instance = invocation::instance().is_some();
        log::info!("migrating", from = from, instance = instance);
        let (space, way) = (keys(instance), migration);
        std::thread::sleep(Duration::from_millis(migration_ms));
        let all = all(space)?;
        for (number, key) in all.iter().enumerate() {
            let is_late = number >= all.len() / 2;
            match way {
                Way::Traps if is_late => std::process::abort(),
                Way::TrapsAtInstances if instance => std::process::abort(),
                Way::Refuses if is_late => return Err(Failure::failed("these sums are not to be moved")),
                Way::Hangs if is_late => std::thread::sleep(Duration::from_secs(3_600)),
                Way::Overflows => {
                    space.set("much", vec![b'x'; 1 << 20])?;
                    space.set("more", vec![b'x'; 1 << 20])?;
                }
                Way::Reaches => {
                    http::get("http://127.0.0.1:1/").send().wait()?;
                }
                _ => {}
            }
            bring(space, key, form)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use troupe_sdk::test::{self, Host};

    use super::*;

    #[test]
    fn sums_are_brought_there_and_back() {
        let configured = |form: u32| json!({ "form": form, "migration": "good", "migration_ms": 0 });
        let host = Host::start().configuration(configured(2)).stored("a", "5");
        test::migrate::<Keeper>(1).unwrap();
        assert_eq!(host.value("a/").unwrap(), br#"{"sum":5}"#);
        assert_eq!(host.value("a"), None);
        let host = Host::start().configuration(configured(1)).instance("i").stored_in_instance("a/", r#"{"sum":5}"#);
        test::migrate::<Keeper>(2).unwrap();
        assert_eq!(host.value_in_instance("a").unwrap(), b"5");
    }
}
