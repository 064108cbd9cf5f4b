//! What a location offers: versions by release channel.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::gke::version::Version;
use crate::record::path;

/// What a location offers.
#[derive(Debug, Default)]
pub struct Server {
    default: Option<Version>,
    valid: Vec<Version>,
    channels: BTreeMap<String, Channel>,
}

#[derive(Debug, Default)]
struct Channel {
    default: Option<Version>,
    valid: Vec<Version>,
}

impl Server {
    /// Reads a location's `serverConfig`.
    pub fn read(config: &Value) -> Self {
        let channel = |channel: &Value| {
            let name = path::text(channel, "/channel")?.to_owned();
            let default = path::text(channel, "/defaultVersion").and_then(Version::read);
            Some((name, Channel { default, valid: versions(channel, "/validVersions/*") }))
        };
        Self {
            default: path::text(config, "/defaultClusterVersion").and_then(Version::read),
            valid: versions(config, "/validMasterVersions/*"),
            channels: path::all(config, "/channels/*").into_iter().filter_map(channel).collect(),
        }
    }

    /// What a cluster of a channel, or of none, would be brought to.
    pub fn target(&self, channel: Option<&str>) -> Option<Version> {
        match channel {
            Some(channel) => self.channels.get(channel)?.default,
            None => self.default,
        }
    }

    /// The oldest version that is still offered.
    pub fn oldest(&self, channel: Option<&str>) -> Option<Version> {
        self.offered(channel).iter().min().copied()
    }

    /// The versions from one to another, one a minor version: the newest that is offered of each, the target at the
    /// end.
    pub fn path(&self, from: Version, target: Version, channel: Option<&str>) -> Vec<Version> {
        if from >= target {
            return Vec::new();
        }
        let offered = self.offered(channel);
        let between = (from.minor.saturating_add(1)..target.minor).filter_map(|minor| {
            offered.iter().filter(|version| version.major == target.major && version.minor == minor).max().copied()
        });
        between.chain([target]).collect()
    }

    fn offered(&self, channel: Option<&str>) -> &[Version] {
        match channel.and_then(|channel| self.channels.get(channel)) {
            Some(channel) => &channel.valid,
            None => &self.valid,
        }
    }
}

fn versions(value: &Value, path: &str) -> Vec<Version> {
    path::all(value, path).into_iter().filter_map(|version| Version::read(version.as_str()?)).collect()
}
