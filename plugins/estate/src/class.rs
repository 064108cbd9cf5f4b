//! What resources are in common words.
//!
//! A class is `FIELD.THING`. It says what something is for, so that a rule, a chart or a plan of migration
//! means the same in every cloud; what the provider calls it stands in the resource's `type`. Which types
//! are of which class is data: `data/types.json`. A type that is not in there is `other`: it is told like
//! any other, and nothing is guessed from its name.
//!
//! Classes are added, never renamed. Whoever reads `other` where a newer writer knew a class loses nothing
//! but the common word.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! classes {
    ($($variant:ident $name:literal $meaning:literal)*) => {
        /// What a resource is in common words.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[non_exhaustive]
        pub enum Class {
            $(
                #[doc = concat!("`", $name, "`: ", $meaning, ".")]
                #[serde(rename = $name)]
                $variant,
            )*
            /// `other`: what has no common word here.
            #[default]
            #[serde(rename = "other", other)]
            Other,
        }

        impl Class {
            /// Every class, in the order of README.md.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)* Self::Other];

            /// Its name: `compute.instance`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Other => "other",
                }
            }

            /// What it is, in half a sentence.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)*
                    Self::Other => "what has no common word here",
                }
            }
        }
    };
}

classes! {
    ComputeInstance "compute.instance" "a virtual machine"
    ComputeGroup "compute.group" "machines that are made and removed as one: scale sets, instance groups"
    ComputeTemplate "compute.template" "how machines of a group are made"
    ComputeDisk "compute.disk" "a block device of a machine"
    ComputeSnapshot "compute.snapshot" "the state of a disk at one time"
    ComputeImage "compute.image" "what a machine's disk is made from"
    ComputeReservation "compute.reservation" "capacity or price agreed in advance"
    ComputeFunction "compute.function" "code that runs for each event"
    ComputeApplication "compute.application" "an application on a platform that runs it"
    ComputePlan "compute.plan" "the capacity that applications of a platform share"
    ComputeBatch "compute.batch" "where jobs run in batches"
    ContainerCluster "container.cluster" "machines that run containers together"
    ContainerNodePool "container.node_pool" "machines of one kind in a cluster"
    ContainerWorkload "container.workload" "containers that are kept running"
    ContainerRegistry "container.registry" "where images of containers are kept"
    ContainerNamespace "container.namespace" "a part of a cluster with names of its own"
    ContainerConfiguration "container.configuration" "settings that containers are given"
    NetworkVpc "network.vpc" "a private network"
    NetworkSubnet "network.subnet" "a range of addresses in a private network"
    NetworkSecurityGroup "network.security_group" "rules about who may connect to whom"
    NetworkAcl "network.acl" "rules about packets at the edge of a subnet"
    NetworkFirewall "network.firewall" "rules about traffic of a whole network"
    NetworkInterface "network.interface" "a machine's connection to a network"
    NetworkAddress "network.address" "an address that is kept, public or not"
    NetworkGateway "network.gateway" "where a private network meets the internet or another"
    NetworkNat "network.nat" "what lets private machines reach out"
    NetworkRouteTable "network.route_table" "where packets go"
    NetworkVpn "network.vpn" "an encrypted connection to another network"
    NetworkPeering "network.peering" "two private networks that reach each other"
    NetworkLink "network.link" "a line to the cloud"
    NetworkEndpoint "network.endpoint" "a service reached from inside a private network"
    NetworkLoadBalancer "network.load_balancer" "what spreads requests over machines"
    NetworkTargetGroup "network.target_group" "what a load balancer sends requests to"
    NetworkHealthCheck "network.health_check" "how it is seen whether a target is well"
    NetworkCdn "network.cdn" "copies near whoever asks"
    NetworkDnsZone "network.dns_zone" "names and where they lead"
    NetworkDomain "network.domain" "a registered name"
    NetworkWaf "network.waf" "rules about requests of the web"
    NetworkFlowLog "network.flow_log" "a record of who connected to whom"
    NetworkApi "network.api" "a door for programs"
    NetworkBastion "network.bastion" "a guarded way to machines"
    DatabaseRelational "database.relational" "tables with SQL"
    DatabaseDocument "database.document" "documents or rows by key"
    DatabaseGraph "database.graph" "nodes and edges"
    DatabaseCache "database.cache" "what is kept in memory"
    DatabaseSearch "database.search" "an index to search in"
    DatabaseTimeseries "database.timeseries" "values over time"
    DatabaseSnapshot "database.snapshot" "the state of a database at one time"
    DatabaseSettings "database.settings" "how a database is set up"
    StorageBucket "storage.bucket" "objects by name"
    StorageAccount "storage.account" "what holds buckets, shares, queues and tables"
    StorageFileSystem "storage.file_system" "files that machines share"
    StorageAccessPoint "storage.access_point" "a door to a bucket or file system with rules of its own"
    StorageArchive "storage.archive" "what is kept for long and read seldom"
    StorageBackup "storage.backup" "copies to restore from, and their plans"
    StorageTransfer "storage.transfer" "what moves data in and out"
    IdentityUser "identity.user" "a person who may sign in"
    IdentityGroup "identity.group" "people or programs with the same rights"
    IdentityRole "identity.role" "rights that may be taken on"
    IdentityServiceAccount "identity.service_account" "what a program signs in as"
    IdentityBinding "identity.binding" "who has which role, on what"
    IdentityPolicy "identity.policy" "what may be done, as a document"
    IdentityAccessKey "identity.access_key" "a secret that a program signs in with"
    IdentityMfaDevice "identity.mfa_device" "a second factor"
    IdentityProvider "identity.provider" "who else may say who somebody is"
    IdentityDirectory "identity.directory" "users and machines of an organisation"
    IdentityInstanceProfile "identity.instance_profile" "how a machine comes by a role"
    SecurityKey "security.key" "a key that encrypts or signs"
    SecurityKeyRing "security.key_ring" "what holds keys and secrets"
    SecuritySecret "security.secret" "a secret that is kept"
    SecurityCertificate "security.certificate" "a certificate, and who issues it"
    SecurityDetector "security.detector" "what watches for attacks"
    SecurityShield "security.shield" "what withstands floods"
    LoggingLog "logging.log" "what happened, line by line"
    LoggingTrail "logging.trail" "who did what by the cloud's own interface"
    MonitoringAlarm "monitoring.alarm" "what calls when a measure is out of bounds"
    MonitoringDashboard "monitoring.dashboard" "measures to look at"
    MonitoringChannel "monitoring.channel" "who is called"
    MonitoringRecorder "monitoring.recorder" "how resources change, and whether they may"
    MessagingQueue "messaging.queue" "messages that wait for one reader"
    MessagingTopic "messaging.topic" "messages for whoever subscribes"
    MessagingSubscription "messaging.subscription" "who reads a topic"
    MessagingStream "messaging.stream" "a log that many read at their own pace"
    MessagingBus "messaging.bus" "events and what they set off"
    MessagingEmail "messaging.email" "mail that is sent"
    AnalyticsWarehouse "analytics.warehouse" "large tables to ask questions of"
    AnalyticsCluster "analytics.cluster" "machines that compute over large data"
    AnalyticsPipeline "analytics.pipeline" "how data is moved and changed"
    AnalyticsCatalog "analytics.catalog" "which data there is"
    AiModel "ai.model" "models, what trains them and where they answer"
    AiNotebook "ai.notebook" "where people try things with data"
    IntegrationWorkflow "integration.workflow" "steps that follow each other"
    IntegrationGraphql "integration.graphql" "a door for programs that ask by GraphQL"
    DeveloperBuild "developer.build" "what builds and delivers code"
    DeveloperRepository "developer.repository" "where code is kept"
    ManagementAccount "management.account" "an account, subscription or project"
    ManagementGroup "management.group" "what holds accounts or resources"
    ManagementStack "management.stack" "resources made from one template"
    ManagementAutomation "management.automation" "what runs on machines to keep them as they shall be"
    ManagementBudget "management.budget" "how much may be spent"
    MigrationReplication "migration.replication" "what is being moved from elsewhere"
}

impl Class {
    /// The field it belongs to: `compute` of `compute.instance`.
    pub fn field(self) -> &'static str {
        self.name().split('.').next().unwrap_or_default()
    }
}

impl std::fmt::Display for Class {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
