//! What a caller of `savings` asks for, and what is made of it.

use troupe_sdk::prelude::*;

use crate::endpoint::Partition;
use crate::input::regions;
use crate::regions::meant;

/// Most days whose measures are looked at. CloudWatch keeps what it sums up by the hour for
/// fifteen months; more than a quarter says little about now.
const DAYS_MAX: u16 = 90;

/// Where to look for what could be saved, and from when on something is idle.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SavingsInput {
    /// The regions to look in, or `all` alone for every region that is enabled for the account; those of the
    /// configuration if none are named.
    #[serde(default)]
    pub regions: Vec<String>,
    /// The rules to apply; all of them if none are named.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// Over how many days load balancers, NAT gateways and machines are looked at; 14 if it is
    /// left out, 90 at most.
    pub days: Option<u16>,
    /// For how many days an instance has been stopped at least; 30 if it is left out.
    pub stopped_days: Option<u16>,
    /// How many days old a snapshot is at least; 180 if it is left out.
    pub snapshot_days: Option<u16>,
    /// The mean use of the processor in percent below which a machine is under-used; 10 if it
    /// is left out.
    pub cpu_average: Option<f64>,
    /// The highest use of the processor in percent below which a machine is under-used; 40 if
    /// it is left out, so that half a machine has room for it.
    pub cpu_maximum: Option<f64>,
}

/// A rule about what could be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Volumes that no instance uses.
    VolumeUnattached,
    /// Volumes of type gp2, which gp3 does as well for less.
    VolumeGp2,
    /// Public addresses that nothing uses.
    AddressUnattached,
    /// Instances that have been stopped for long, whose disks are paid for.
    InstanceStopped,
    /// Instances that half of the machine would do for.
    InstanceUnderused,
    /// Snapshots that are old and that no image is made of.
    SnapshotOld,
    /// Load balancers that nobody asks.
    LoadBalancerIdle,
    /// NAT gateways that carry nothing.
    NatGatewayIdle,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 8] = [
        Self::VolumeUnattached,
        Self::VolumeGp2,
        Self::AddressUnattached,
        Self::InstanceStopped,
        Self::InstanceUnderused,
        Self::SnapshotOld,
        Self::LoadBalancerIdle,
        Self::NatGatewayIdle,
    ];

    /// The rule's id in findings.
    pub const fn id(self) -> &'static str {
        match self {
            Self::VolumeUnattached => "cost.volume-unattached",
            Self::VolumeGp2 => "cost.volume-gp2",
            Self::AddressUnattached => "cost.address-unattached",
            Self::InstanceStopped => "cost.instance-stopped",
            Self::InstanceUnderused => "cost.instance-underused",
            Self::SnapshotOld => "cost.snapshot-old",
            Self::LoadBalancerIdle => "cost.load-balancer-idle",
            Self::NatGatewayIdle => "cost.nat-gateway-idle",
        }
    }
}

/// From when on something is idle, old or under-used.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Over how many days measures are looked at.
    pub days: u16,
    /// For how many days an instance has been stopped.
    pub stopped_days: i64,
    /// How many days old a snapshot is.
    pub snapshot_days: i64,
    /// The mean use of the processor in percent.
    pub cpu_average: f64,
    /// The highest use of the processor in percent.
    pub cpu_maximum: f64,
}

/// What will be looked at: the input, checked.
#[derive(Debug)]
pub struct SavingsPlan {
    /// At least one region, none twice.
    pub regions: Vec<String>,
    /// The partition all of them lie in.
    pub partition: Partition,
    /// At least one rule, none twice.
    pub rules: Vec<Rule>,
    /// From when on something is found.
    pub bounds: Bounds,
}

impl SavingsPlan {
    /// Makes a plan; `configured` are the regions of the configuration.
    ///
    /// # Errors
    ///
    /// Input that is not acceptable; what [`meant`] says.
    pub async fn of(input: SavingsInput, configured: Vec<String>) -> Result<Self, Failure> {
        let asked = if input.regions.is_empty() { configured.clone() } else { input.regions };
        let (regions, partition) = regions(meant(asked, &configured).await?)?;
        let mut rules = if input.rules.is_empty() { Rule::ALL.to_vec() } else { input.rules };
        rules.sort_unstable();
        rules.dedup();
        let days = input.days.unwrap_or(14);
        if !(2..=DAYS_MAX).contains(&days) {
            return Err(Failure::invalid_input(format!("`days` is not between 2 and {DAYS_MAX}")));
        }
        let percent = |value: Option<f64>, name: &str, default: f64| match value.unwrap_or(default) {
            value if (0.0..=100.0).contains(&value) => Ok(value),
            _ => Err(Failure::invalid_input(format!("`{name}` is not a percentage"))),
        };
        let bounds = Bounds {
            days,
            stopped_days: i64::from(input.stopped_days.unwrap_or(30)),
            snapshot_days: i64::from(input.snapshot_days.unwrap_or(180)),
            cpu_average: percent(input.cpu_average, "cpu_average", 10.0)?,
            cpu_maximum: percent(input.cpu_maximum, "cpu_maximum", 40.0)?,
        };
        Ok(Self { regions, partition, rules, bounds })
    }

    /// Reports whether a rule is applied.
    pub fn applies(&self, rule: Rule) -> bool {
        self.rules.contains(&rule)
    }
}
