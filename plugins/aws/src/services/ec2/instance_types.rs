//! What machines of a type have.

use std::collections::{BTreeMap, BTreeSet};

use troupe_sdk::wait;

use super::api;
use crate::client::Fault;
use crate::endpoint::regional;
use crate::protocol::xml::Element;
use crate::services::Scope;

const OPERATION: &str = "DescribeInstanceTypes";

/// Types that one question names; a filter takes 200 values.
const TYPES_AT_ONCE: usize = 100;

/// What a machine has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MachineSize {
    /// Virtual processors.
    pub vcpus: i64,
    /// Memory in GiB.
    pub memory_gib: f64,
}

/// Asks what machines of these types have. A type that the region does not have is passed over.
pub async fn machine_sizes(scope: Scope<'_>, types: &BTreeSet<&str>) -> Result<BTreeMap<String, MachineSize>, Fault> {
    let types: Vec<&str> = types.iter().copied().collect();
    let parts = wait::all(types.chunks(TYPES_AT_ONCE).map(|part| ask(scope, part))).await;
    let parts: Vec<BTreeMap<String, MachineSize>> = parts.into_iter().collect::<Result<_, _>>()?;
    Ok(parts.into_iter().flatten().collect())
}

async fn ask(scope: Scope<'_>, types: &[&str]) -> Result<BTreeMap<String, MachineSize>, Fault> {
    let endpoint = regional("ec2", scope.region);
    let names: Vec<String> = (1..=types.len()).map(|number| format!("Filter.1.Value.{number}")).collect();
    let mut parameters = vec![("Filter.1.Name", "instance-type")];
    parameters.extend(names.iter().map(String::as_str).zip(types.iter().copied()));
    let mut sizes = BTreeMap::new();
    let read = |page: Element<'_>| {
        sizes.extend(page.list("instanceTypeSet").filter_map(|item| {
            let (vcpus, mib) = (item.number("vCpuInfo/defaultVCpus")?, item.number("memoryInfo/sizeInMiB")?);
            #[expect(clippy::cast_precision_loss, reason = "some millions of MiB at the most")]
            let memory_gib = mib as f64 / 1024.0;
            Some((item.text("instanceType")?.to_owned(), MachineSize { vcpus, memory_gib }))
        }));
    };
    api(scope, &endpoint).pages(OPERATION, &parameters, read).await?;
    Ok(sizes)
}
