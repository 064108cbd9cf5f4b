//! The words by which agents relate resources to networks and the rules in them.

/// To a network.
pub const VPC: &[&str] = &["vpc", "network", "virtual-network", "vnet"];

/// To subnets.
pub const SUBNET: &[&str] = &["subnet", "subnetwork"];

/// To a group of rules at AWS, whose rules name groups by their ids alone.
pub const SECURITY_GROUP: &str = "security-group";

/// To groups of rules.
pub const GROUP: &[&str] = &[SECURITY_GROUP, "network-security-group", "nsg", "firewall"];

/// From a disk to the machine that uses it.
pub const MACHINE: &[&str] = &["instance", "machine", "attached-to", "user"];

/// To what stands between a resource and its network.
pub const BETWEEN: &[&str] = &["interface", "network-interface", "subnet-group"];
