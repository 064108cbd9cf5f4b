//! Engines of databases, caches and clusters, and runtimes of functions, with the versions that clouds offer.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use troupe_estate::{Class, Resource};

use super::Cited;
use crate::{Cloud, facts};

/// An engine as a cloud offers it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offered {
    /// The service.
    pub service: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The versions, the oldest first.
    pub versions: Vec<String>,
}

/// An engine. What else stands in its row is no cloud, and refused as such.
#[derive(Debug, Clone, Deserialize)]
pub struct Engine {
    /// Its name here.
    pub engine: String,
    /// Its names at the clouds.
    names: Vec<String>,
    /// How many parts of its number tell one release from another: `8.0` of MySQL has two, `16` of PostgreSQL one.
    parts: usize,
    /// Releases by the beginning of their number, where they are called otherwise.
    #[serde(default)]
    releases: BTreeMap<String, String>,
    /// Why a cloud has none of it.
    #[serde(default)]
    notes: BTreeMap<Cloud, String>,
    /// It at each cloud.
    #[serde(flatten)]
    at: BTreeMap<Cloud, Offered>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Runtimes {
    service: String,
    source: String,
    as_of: String,
    languages: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    sources: BTreeMap<Cloud, Cited>,
    engines: Vec<Engine>,
    runtimes: BTreeMap<Cloud, Runtimes>,
}

static TABLE: LazyLock<Table> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../data/engines.json")).unwrap_or_default());

/// Where the engines of a cloud are from.
pub fn cited(cloud: Cloud) -> Option<&'static Cited> {
    TABLE.sources.get(&cloud)
}

impl Engine {
    /// It at a cloud.
    pub fn at(&self, cloud: Cloud) -> Option<&Offered> {
        self.at.get(&cloud)
    }

    /// Why a cloud has none of it.
    pub fn note(&self, cloud: Cloud) -> Option<&str> {
        self.notes.get(&cloud).map(String::as_str)
    }

    /// The release of a full version: `16` of PostgreSQL `16.3`, `8.0` of MySQL `8.0.39`, `2019` of SQL Server
    /// `15.00.4345`.
    pub fn release(&self, version: &str) -> String {
        let parts: Vec<&str> =
            version.split(['.', '_', '-']).filter(|part| !part.is_empty()).take(self.parts).collect();
        let own = parts.join(".");
        self.releases.get(&own).cloned().unwrap_or(own)
    }
}

/// Compares two releases by their numbers.
pub fn order(one: &str, other: &str) -> std::cmp::Ordering {
    let parts = |text: &str| text.split('.').map(|part| part.parse::<u32>().unwrap_or(0)).collect::<Vec<_>>();
    parts(one).cmp(&parts(other))
}

/// The engine of a resource and its version, in whichever words they are told: two attributes at AWS, the type and an
/// attribute at Azure, one text such as `POSTGRES_15` at Google.
pub fn of(resource: &Resource) -> Option<(&'static Engine, Option<String>)> {
    let kind = resource.kind.to_ascii_lowercase();
    if resource.class == Class::ContainerCluster && !kind.contains("ecs.") {
        let version = ["version", "kubernetes_version", "current_master_version", "currentMasterVersion"];
        return Some((by_name("kubernetes")?, facts::text(resource, &version).map(str::to_owned)));
    }
    let joined = facts::text(resource, &["database_version", "databaseVersion", "engine"]);
    if let Some((name, version)) = joined.and_then(|text| text.split_once('_')) {
        let name = name.to_ascii_lowercase();
        // `SQLSERVER_2019_STANDARD` tells its edition behind its version.
        let version: Vec<&str> =
            version.split('_').take_while(|part| part.starts_with(|c: char| c.is_ascii_digit())).collect();
        let name = if name == "postgres" { "postgresql" } else { &name };
        let version = (!version.is_empty()).then(|| version.join("."));
        return Some((by_name(name)?, version));
    }
    let version = ["engine_version", "version", "server_version", "redis_version", "redisVersion", "memcache_version"];
    let version = facts::text(resource, &version).map(|text| text.trim_start_matches("REDIS_").replace('_', "."));
    let named = facts::text(resource, &["engine", "database_engine"]).and_then(by_name);
    let by_type = || {
        let table = [
            ("dbforpostgresql", "postgresql"),
            ("dbformysql", "mysql"),
            ("dbformariadb", "mariadb"),
            ("microsoft.sql/", "sqlserver"),
            ("microsoft.cache/", "redis"),
            ("gcp.redis.", "redis"),
            ("memcache", "memcached"),
            ("alloydb", "postgresql"),
        ];
        table.iter().find(|(part, _)| kind.contains(part)).and_then(|(_, name)| by_name(name))
    };
    Some((named.or_else(by_type)?, version))
}

fn by_name(name: &str) -> Option<&'static Engine> {
    let name = name.to_ascii_lowercase();
    TABLE.engines.iter().find(|engine| engine.names.contains(&name))
}

/// What becomes of a function's runtime.
#[derive(Debug, PartialEq, Eq)]
pub enum Runtime {
    /// The target offers it.
    Offered(String),
    /// The target offers the language, in these versions.
    Other {
        /// The language.
        language: String,
        /// The versions.
        versions: Vec<String>,
    },
    /// The target does not offer the language.
    Missing(String),
}

/// What a cloud offers of a runtime such as `python3.12`, `nodejs20.x`, `java17` or `nodejs22`.
pub fn runtime(cloud: Cloud, name: &str) -> Option<Runtime> {
    let runtimes = TABLE.runtimes.get(&cloud)?;
    let name = name.to_ascii_lowercase();
    let at = name.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(name.len());
    let (language, version) = name.split_at(at);
    let language = match language {
        "node" => "nodejs",
        "dotnetcore" => "dotnet",
        language => language.trim_end_matches(['-', '|', '~']),
    };
    let version = version.trim_end_matches(".x").trim_end_matches(".al2");
    let Some(versions) = runtimes.languages.get(language) else { return Some(Runtime::Missing(language.to_owned())) };
    // Google writes `python312` for 3.12, and nobody has a version 300.
    let same = |offered: &&String| {
        let plain = offered.replace('.', "");
        *offered == version || plain == version || version.strip_suffix(".0") == Some(offered)
    };
    match versions.iter().find(same) {
        Some(version) => Some(Runtime::Offered(format!("{language} {version}"))),
        None => Some(Runtime::Other { language: language.to_owned(), versions: versions.clone() }),
    }
}

/// Where the runtimes of a cloud's functions are from: the service, the document and the day.
pub fn runtimes_cited(cloud: Cloud) -> Option<(&'static str, Cited)> {
    let runtimes = TABLE.runtimes.get(&cloud)?;
    Some((&runtimes.service, Cited { source: runtimes.source.clone(), as_of: runtimes.as_of.clone() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(resource: Resource) -> (String, Option<String>) {
        let (engine, version) = of(&resource).unwrap();
        (engine.engine.clone(), version.map(|version| engine.release(&version)))
    }

    #[test]
    fn the_table_can_be_read_and_what_a_cloud_lacks_is_said() {
        let table: Table = serde_json::from_str(include_str!("../../data/engines.json")).unwrap();
        for engine in &table.engines {
            for cloud in Cloud::ALL {
                assert!(engine.at(cloud).is_some() != engine.note(cloud).is_some(), "{} at {cloud:?}", engine.engine);
                let versions = engine.at(cloud).map(|offered| offered.versions.clone()).unwrap_or_default();
                assert!(versions.is_sorted_by(|one, other| order(one, other).is_lt()), "{}", engine.engine);
            }
        }
        assert_eq!(table.runtimes.len(), 3);
    }

    #[test]
    fn engines_are_read_in_the_words_of_each_cloud() {
        let aws = Resource::new("aws.rds.instance", "r", "a")
            .with("engine", Some("postgres"))
            .with("engine_version", Some("16.3"));
        assert_eq!(told(aws), ("postgresql".to_owned(), Some("16".to_owned())));
        let aws = Resource::new("aws.rds.instance", "r", "a")
            .with("engine", Some("sqlserver-se"))
            .with("engine_version", Some("15.00.4345.5.v1"));
        assert_eq!(told(aws), ("sqlserver".to_owned(), Some("2019".to_owned())));
        let azure =
            Resource::new("azure.microsoft.dbformysql/flexibleservers", "r", "a").with("version", Some("8.0.21"));
        assert_eq!(told(azure), ("mysql".to_owned(), Some("8.0".to_owned())));
        let gcp = Resource::new("gcp.sqladmin.googleapis.com/Instance", "r", "a");
        assert_eq!(
            told(gcp.clone().with("engine", Some("POSTGRES_15"))),
            ("postgresql".to_owned(), Some("15".to_owned()))
        );
        assert_eq!(
            told(gcp.clone().with("database_version", Some("MYSQL_8_0"))),
            ("mysql".to_owned(), Some("8.0".to_owned()))
        );
        assert_eq!(
            told(gcp.with("database_version", Some("SQLSERVER_2019_STANDARD"))),
            ("sqlserver".to_owned(), Some("2019".to_owned()))
        );
        let redis =
            Resource::new("gcp.redis.googleapis.com/Instance", "r", "a").with("redis_version", Some("REDIS_7_0"));
        assert_eq!(told(redis), ("redis".to_owned(), Some("7".to_owned())));
        assert!(of(&Resource::new("aws.rds.instance", "r", "a")).is_none());
    }

    #[test]
    fn runtimes_are_read_in_the_words_of_each_cloud() {
        let offered = |text: &str| Some(Runtime::Offered(text.to_owned()));
        assert_eq!(runtime(Cloud::Gcp, "python3.12"), offered("python 3.12"));
        assert_eq!(runtime(Cloud::Azure, "nodejs20.x"), offered("nodejs 20"));
        assert_eq!(runtime(Cloud::Aws, "python312"), offered("python 3.12"));
        assert_eq!(runtime(Cloud::Azure, "java8.al2"), offered("java 8"));
        assert_eq!(runtime(Cloud::Azure, "ruby3.3"), Some(Runtime::Missing("ruby".to_owned())));
        assert!(matches!(runtime(Cloud::Gcp, "python3.7"), Some(Runtime::Other { .. })));
    }
}
