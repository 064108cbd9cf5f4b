//! The table `[endpoints]`: where requests to a host really go, for an emulator, a private link or a gateway.
//!
//! ```toml
//! [endpoints]
//! "management.azure.com" = "http://127.0.0.1:5001"
//! ```

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use troupe_core::{HostPattern, Result};

use crate::Endpoint;

/// Reads hosts with the endpoints that take their place.
pub(super) fn endpoints<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Endpoint>, D::Error> {
    let table = BTreeMap::<String, String>::deserialize(deserializer)?;
    let pairs = table.into_iter().map(|(host, to)| {
        let quoted = host.escape_default();
        if host.contains('*') || host.parse::<HostPattern>().is_err() {
            return Err(D::Error::custom(format!(
                "`{quoted}` is no host; write one in full and in lower case, as agents address it"
            )));
        }
        let to = Endpoint::parse(&to).map_err(|error| D::Error::custom(format!("`{quoted}`: {}", error.message)))?;
        Ok((host, to))
    });
    pairs.collect()
}
