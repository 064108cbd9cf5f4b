//! What is asked of each service, one file a service or a group of small ones.

pub mod bigquery;
pub mod compute;
pub mod container;
pub mod data;
pub mod dns;
pub mod functions;
pub mod iam;
pub mod kms;
pub mod logging;
pub mod more;
pub mod policy;
pub mod project;
pub mod pubsub;
pub mod run;
pub mod sql;
pub mod storage;

use serde::{Deserialize, Serialize};
use troupe_sdk::prelude::JsonSchema;

use crate::listing::Listing;
use crate::record::Record;

/// A service that can be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// The project itself.
    Project,
    /// Machines, disks, networks, load balancing.
    Compute,
    /// Kubernetes clusters and node pools.
    Gke,
    /// Relational databases.
    Sql,
    /// Buckets.
    Storage,
    /// Service accounts, keys, roles, and who is bound to which role.
    Iam,
    /// Topics, subscriptions and snapshots.
    Pubsub,
    /// Datasets and tables.
    Bigquery,
    /// Services and jobs that run containers.
    Run,
    /// Functions of both generations.
    Functions,
    /// Key rings and keys.
    Kms,
    /// Spanner's instances and databases.
    Spanner,
    /// Redis.
    Redis,
    /// Zones and policies of DNS.
    Dns,
    /// Sinks, metrics and buckets of logs.
    Logging,
    /// Names of secrets.
    Secrets,
    /// Repositories of images and packages.
    Artifacts,
    /// Keys of APIs.
    Apikeys,
    /// App Engine.
    Appengine,
    /// Databases of documents.
    Firestore,
    /// File systems.
    Filestore,
    /// Notebooks.
    Notebooks,
    /// When machines are patched.
    Patches,
    /// Clusters for large data.
    Dataproc,
    /// What was made from templates.
    Deployments,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 25] = [
        Self::Project,
        Self::Compute,
        Self::Gke,
        Self::Sql,
        Self::Storage,
        Self::Iam,
        Self::Pubsub,
        Self::Bigquery,
        Self::Run,
        Self::Functions,
        Self::Kms,
        Self::Spanner,
        Self::Redis,
        Self::Dns,
        Self::Logging,
        Self::Secrets,
        Self::Artifacts,
        Self::Apikeys,
        Self::Appengine,
        Self::Firestore,
        Self::Filestore,
        Self::Notebooks,
        Self::Patches,
        Self::Dataproc,
        Self::Deployments,
    ];

    /// The service's name at Google, as types and problems have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Project => "cloudresourcemanager.googleapis.com",
            Self::Compute => "compute.googleapis.com",
            Self::Gke => "container.googleapis.com",
            Self::Sql => "sqladmin.googleapis.com",
            Self::Storage => "storage.googleapis.com",
            Self::Iam => "iam.googleapis.com",
            Self::Pubsub => "pubsub.googleapis.com",
            Self::Bigquery => "bigquery.googleapis.com",
            Self::Run => "run.googleapis.com",
            Self::Functions => "cloudfunctions.googleapis.com",
            Self::Kms => "cloudkms.googleapis.com",
            Self::Spanner => "spanner.googleapis.com",
            Self::Redis => "redis.googleapis.com",
            Self::Dns => "dns.googleapis.com",
            Self::Logging => "logging.googleapis.com",
            Self::Secrets => "secretmanager.googleapis.com",
            Self::Artifacts => "artifactregistry.googleapis.com",
            Self::Apikeys => "apikeys.googleapis.com",
            Self::Appengine => "appengine.googleapis.com",
            Self::Firestore => "firestore.googleapis.com",
            Self::Filestore => "file.googleapis.com",
            Self::Notebooks => "notebooks.googleapis.com",
            Self::Patches => "osconfig.googleapis.com",
            Self::Dataproc => "dataproc.googleapis.com",
            Self::Deployments => "deploymentmanager.googleapis.com",
        }
    }

    /// What is listed of it, in parts.
    pub fn listings(self) -> Vec<&'static Listing> {
        let parts: &'static [&'static [Listing]] = match self {
            Self::Project => &[&project::LISTINGS],
            Self::Compute => &compute::LISTINGS,
            Self::Gke => &[&container::LISTINGS],
            Self::Sql => &[&sql::LISTINGS],
            Self::Storage => &[&storage::LISTINGS],
            Self::Iam => &[&iam::LISTINGS],
            Self::Pubsub => &[&pubsub::LISTINGS],
            Self::Bigquery => &[&bigquery::LISTINGS],
            Self::Run => &[&run::LISTINGS],
            Self::Functions => &[&functions::LISTINGS],
            Self::Kms => &[&kms::LISTINGS],
            Self::Spanner => &[&data::SPANNER],
            Self::Redis => &[&data::REDIS],
            Self::Dns => &[&dns::LISTINGS],
            Self::Logging => &[&logging::LISTINGS],
            Self::Secrets => &[&more::SECRETS],
            Self::Artifacts => &[&more::ARTIFACTS],
            Self::Apikeys => &[&more::API_KEYS],
            Self::Appengine => &[&more::APP_ENGINE],
            Self::Firestore => &[&data::FIRESTORE],
            Self::Filestore => &[&data::FILESTORE],
            Self::Notebooks => &[&more::NOTEBOOKS],
            Self::Patches => &[&more::PATCHES],
            Self::Dataproc => &[&more::DATAPROC],
            Self::Deployments => &[&more::DEPLOYMENTS],
        };
        parts.iter().flat_map(|part| part.iter()).collect()
    }

    /// The types that are told of it.
    pub fn records(self) -> Vec<&'static Record> {
        self.listings().into_iter().flat_map(Listing::records).collect()
    }
}
